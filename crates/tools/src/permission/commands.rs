//! Judges one command by its program.

use distiq_lang::shell::{Command, Script, Word};

use super::paths::{Base, Secret};
use super::shell_line::assigns;
use super::{Part, Verdict, danger, git_rules, readers};

/// Where a command stands.
pub(super) struct Context<'a> {
    pub(super) base: Base<'a>,
    pub(super) script: &'a Script,
    /// Which of the script's commands it is.
    pub(super) index: usize,
}

/// Folders whose programs are the system's.
const SYSTEM_BIN: [&str; 5] = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/"];

/// Programs that only run another command, which is judged by itself.
const WRAPPERS: [&str; 14] = [
    "timeout", "gtimeout", "nice", "ionice", "stdbuf", "time", "command", "builtin", "xargs",
    "find", "fd", "bash", "sh", "env",
];

/// Programs that say their version and do nothing else when so asked.
const VERSIONED: &[&str] = &[
    "cargo",
    "rustc",
    "rustup",
    "rustfmt",
    "npm",
    "node",
    "npx",
    "yarn",
    "pnpm",
    "bun",
    "deno",
    "tsc",
    "python",
    "python3",
    "pip",
    "pip3",
    "uv",
    "poetry",
    "ruby",
    "gem",
    "bundle",
    "go",
    "java",
    "javac",
    "mvn",
    "gradle",
    "gcc",
    "g++",
    "clang",
    "cc",
    "make",
    "cmake",
    "ninja",
    "docker",
    "kubectl",
    "terraform",
    "php",
    "composer",
    "perl",
    "lua",
    "ghc",
    "swift",
    "dotnet",
    "zig",
    "git",
    "gh",
    "bash",
    "zsh",
    "curl",
    "wget",
    "ffmpeg",
    "convert",
    "psql",
    "mysql",
    "sqlite3",
    "redis-cli",
    "pytest",
    "ruff",
    "black",
    "mypy",
    "eslint",
    "prettier",
    "jest",
    "vitest",
];

pub(super) fn ask(reason: impl Into<String>) -> Part {
    Part::new("", Verdict::Ask, reason)
}

pub(super) fn deny(reason: impl Into<String>) -> Part {
    Part { outside: true, ..Part::new("", Verdict::Deny, reason) }
}

pub(super) fn allow(reason: impl Into<String>) -> Part {
    Part::new("", Verdict::Allow, reason)
}

/// Returns the verdict on a command that has a name.
pub(super) fn judge(command: &Command, context: &Context<'_>) -> Part {
    let Some((name, program)) = command.name().zip(command.program()) else {
        return ask("only the run tells what program it is");
    };
    if context.script.functions.iter().any(|function| function == name) {
        // Its body is in the line and judged there.
        return allow("a function of this line");
    }
    let arguments: Vec<&Word> = command.words.iter().skip(1).collect();
    if let Some(part) = danger::judge(program, &arguments, command, context) {
        return part;
    }
    if name.contains('/') && !SYSTEM_BIN.iter().any(|bin| name.strip_prefix(bin) == Some(program)) {
        return ask("runs a program of its own path");
    }
    if let Some(part) = secret(program, &arguments, context) {
        return part;
    }
    if command.opaque {
        return ask("only the run tells what it runs");
    }
    if let [only] = arguments.as_slice()
        && matches!(only.text.as_str(), "--version" | "-V" | "version")
        && (only.text == "--version" || !matches!(program, "bash" | "python" | "python3" | "make"))
        && VERSIONED.contains(&program)
    {
        return allow("says its version");
    }
    let runs_another = context
        .script
        .commands
        .get(context.index + 1)
        .is_some_and(|next| next.via.as_deref() == Some(program));
    if WRAPPERS.contains(&program) && runs_another {
        return wraps(program, &arguments, command, context);
    }
    match program {
        "git" => git_rules::judge(&arguments),
        _ => readers::judge(program, &arguments, command, context),
    }
}

/// Judges a wrapper by its own options; the command it runs is judged by itself.
fn wraps(program: &str, arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let first = arguments.first().map_or("", |word| word.text.as_str());
    match program {
        "find" | "fd" => readers::judge(program, arguments, command, context),
        "env" => {
            let pairs = arguments.iter().map_while(|word| word.text.split_once('='));
            let worst =
                pairs.filter_map(|(name, value)| assigns(name, value)).max_by_key(|p| p.verdict);
            match worst {
                Some(part) => part,
                None if first.starts_with('-') => ask("changes the environment"),
                None => allow("sets variables for the command after it"),
            }
        }
        "bash" | "sh" => {
            let plain = first.strip_prefix('-').and_then(|flags| flags.strip_suffix('c'));
            if plain.is_some_and(|flags| flags.chars().all(|c| "eux".contains(c))) {
                allow("runs the commands in it, which are judged by themselves")
            } else {
                ask("starts a shell that reads more than its command")
            }
        }
        "time" if first.starts_with('-') && first != "-p" => ask("may write its times to a file"),
        _ => allow("runs the command after it, which is judged by itself"),
    }
}

/// Programs whose arguments are texts or names, not files that are read.
const NAMES_ONLY: &[&str] = &[
    "echo", "printf", "test", "[", "[[", "basename", "dirname", "ls", "stat", "which", "type",
    "mkdir",
];

/// Judges a command whose arguments name a secret.
fn secret(program: &str, arguments: &[&Word], context: &Context<'_>) -> Option<Part> {
    if NAMES_ONLY.contains(&program) {
        return None;
    }
    let skipped = readers::pattern_arguments(program, arguments);
    let found = arguments
        .iter()
        .enumerate()
        .filter(|(index, _)| !skipped.contains(index))
        .filter_map(|(_, word)| {
            let value = match word.text.split_once('=') {
                Some((_, value)) if word.text.starts_with('-') => {
                    Word { text: value.to_owned(), ..(*word).clone() }
                }
                // `git show HEAD:.env`
                None if program == "git" && word.text.contains(':') => {
                    let path = word.text.rsplit(':').next().unwrap_or_default();
                    Word { text: path.to_owned(), ..(*word).clone() }
                }
                // `curl -F f=@~/.ssh/id_rsa`
                _ => Word { text: word.text.trim_start_matches('@').to_owned(), ..(*word).clone() },
            };
            context.base.secret(&value)
        });
    match found.max_by_key(|secret| *secret == Secret::Beyond)? {
        Secret::Beyond => Some(deny("reads keys, passwords or history")),
        Secret::OfProject => Some(ask("touches a file that may hold keys or passwords")),
    }
}
