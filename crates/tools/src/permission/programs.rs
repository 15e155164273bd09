//! Programs that do more than read, as far as they are known.

use distiq_lang::shell::Word;

use super::commands::{Context, ask};
use super::readers::positionals;
use super::shell_line::written;
use super::{Part, Verdict};

/// Says what a program that is not a reader does, as far as it is known.
pub(super) fn judge(program: &str, arguments: &[&Word], context: &Context<'_>) -> Part {
    let first = arguments.first().map(|word| word.text.as_str()).unwrap_or_default();
    let writing = |reason: &str| {
        let mut part = Part { writes: true, ..ask(reason) };
        for word in positionals(arguments) {
            if let Some(worse) = written(context.base.area(word), &word.raw)
                && worse.verdict == Verdict::Ask
            {
                part.outside |= worse.outside;
            }
        }
        part
    };
    let network = |reason: &str| Part { network: true, ..ask(reason) };
    match (program, first) {
        (
            "mkdir" | "touch" | "cp" | "mv" | "ln" | "rm" | "rmdir" | "tee" | "truncate" | "chmod"
            | "chown" | "install" | "patch" | "split" | "unzip" | "tar" | "gzip" | "gunzip" | "zip",
            _,
        ) => writing("changes files"),
        ("npm" | "pnpm" | "yarn" | "bun", "install" | "i" | "ci" | "add")
        | (
            "pip" | "pip3" | "uv" | "poetry" | "gem" | "bundle" | "composer",
            "install" | "add" | "sync",
        )
        | ("apt" | "apt-get" | "brew" | "dnf" | "yum" | "apk" | "pacman", _)
        | ("cargo", "install" | "add" | "update" | "fetch") => {
            Part { writes: true, ..network("installs packages") }
        }
        ("cargo", "test" | "nextest")
        | ("pytest" | "jest" | "vitest" | "mocha" | "tox" | "rspec" | "phpunit", _)
        | ("go", "test")
        | ("npm" | "pnpm" | "yarn" | "bun", "test" | "t") => {
            Part { writes: true, ..ask("runs the project's tests") }
        }
        (
            "cargo" | "make" | "cmake" | "ninja" | "npm" | "pnpm" | "yarn" | "npx" | "go" | "mvn"
            | "gradle" | "tsc" | "gcc" | "g++" | "clang" | "rustc" | "javac" | "just",
            _,
        ) => Part { writes: true, ..ask("builds or runs the project") },
        (
            "python" | "python3" | "node" | "ruby" | "perl" | "php" | "bash" | "sh" | "zsh" | "lua"
            | "deno" | "java" | "source" | "." | "eval",
            _,
        ) => Part { writes: true, ..ask("runs code") },
        ("env" | "printenv" | "set" | "ps", _) => ask("shows the environment"),
        (
            "curl" | "wget" | "ping" | "dig" | "nslookup" | "host" | "ssh" | "scp" | "rsync" | "gh"
            | "docker" | "podman" | "kubectl" | "aws" | "gcloud" | "az",
            _,
        ) => network("uses the network"),
        _ => Part { writes: true, ..ask(format!("does not know {program}")) },
    }
}
