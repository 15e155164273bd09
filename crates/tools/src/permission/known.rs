//! Programs that do more than read, as far as they are known.

use distiq_lang::shell::{Command, Word};

use super::Part;
use super::commands::{Context, ask};
use super::targets::changes;

/// Programs that say their version or their help and do nothing else when so asked.
const VERSIONED: &[&str] = &[
    "cargo",
    "rustc",
    "rustup",
    "rustfmt",
    "clippy-driver",
    "rust-analyzer",
    "npm",
    "node",
    "npx",
    "pnpm",
    "bun",
    "deno",
    "tsc",
    "python",
    "python2",
    "python3",
    "pip",
    "pip3",
    "uv",
    "uvx",
    "poetry",
    "pipx",
    "pipenv",
    "ruby",
    "gem",
    "bundle",
    "rails",
    "rake",
    "go",
    "gofmt",
    "java",
    "javac",
    "mvn",
    "kotlin",
    "kotlinc",
    "scala",
    "sbt",
    "gcc",
    "g++",
    "clang",
    "clang++",
    "cc",
    "c++",
    "ld",
    "as",
    "make",
    "gmake",
    "cmake",
    "ninja",
    "meson",
    "bazel",
    "docker",
    "docker-compose",
    "podman",
    "kubectl",
    "helm",
    "php",
    "composer",
    "perl",
    "lua",
    "luajit",
    "ghc",
    "cabal",
    "stack",
    "swift",
    "dotnet",
    "zig",
    "nim",
    "crystal",
    "elixir",
    "erl",
    "mix",
    "git",
    "gh",
    "hg",
    "svn",
    "bash",
    "zsh",
    "sh",
    "dash",
    "fish",
    "ksh",
    "curl",
    "wget",
    "ffmpeg",
    "ffprobe",
    "convert",
    "magick",
    "psql",
    "mysql",
    "sqlite3",
    "redis-cli",
    "redis-server",
    "mongosh",
    "nginx",
    "pytest",
    "ruff",
    "black",
    "mypy",
    "flake8",
    "pylint",
    "isort",
    "eslint",
    "prettier",
    "jest",
    "vitest",
    "mocha",
    "tox",
    "nox",
    "coverage",
    "aws",
    "gpg",
    "openssl",
    "ssh",
    "rsync",
    "tar",
    "zip",
    "unzip",
    "gzip",
    "xz",
    "zstd",
    "7z",
    "tmux",
    "screen",
    "vim",
    "nvim",
    "vi",
    "emacs",
    "nano",
    "code",
    "jq",
    "yq",
    "rg",
    "fd",
    "fzf",
    "bat",
    "htop",
    "strace",
    "gdb",
    "lldb",
    "valgrind",
    "perf",
    "just",
    "watchexec",
    "hyperfine",
    "pandoc",
    "latex",
    "pdflatex",
    "xelatex",
    "R",
    "Rscript",
    "julia",
    "octave",
    "ansible",
    "vagrant",
    "packer",
    "consul",
    "protoc",
    "buf",
    "sed",
    "awk",
    "gawk",
    "find",
    "xargs",
    "env",
    "tee",
    "cp",
    "mv",
    "rm",
    "ln",
    "mkdir",
    "chmod",
    "touch",
    "patch",
    "install",
    "split",
    "shellcheck",
    "shfmt",
    "hadolint",
    "yamllint",
    "markdownlint",
    "swiftc",
    "xcodebuild",
    "pod",
    "flutter",
    "dart",
    "brew",
    "apt",
    "apt-get",
    "dpkg",
    "rpm",
    "dnf",
    "yum",
    "pacman",
    "apk",
    "snap",
    "systemctl",
    "journalctl",
    "loginctl",
    "lsof",
    "netstat",
    "ip",
    "nc",
    "dig",
    "ping",
    "base64",
    "xxd",
    "sqlite",
    "pkg-config",
    "autoconf",
    "automake",
    "libtool",
    "flex",
    "bison",
    "doxygen",
    "ctags",
    "clang-format",
    "clang-tidy",
    "cppcheck",
    "llc",
    "opt",
    "wasm-pack",
    "trunk",
    "esbuild",
    "vite",
    "webpack",
    "rollup",
    "turbo",
    "nx",
    "lerna",
    "tsx",
    "ts-node",
    "nodemon",
    "pm2",
    "serve",
    "http-server",
    "playwright",
    "cypress",
    "cargo-nextest",
    "cross",
    "maturin",
    "sccache",
    "ccache",
    "distcc",
    "nvcc",
    "nvidia-smi",
    "jupyter",
    "ipython",
    "conda",
    "mamba",
    "pyenv",
    "rbenv",
    "nodenv",
    "asdf",
    "mise",
    "direnv",
    "starship",
    "lsb_release",
    "distiq",
    "minikube",
    "kind",
    "k3s",
    "skaffold",
    "kustomize",
    "ldd",
    "mariadb",
    "istioctl",
    "argocd",
];

/// Tells whether a command only asks a known program for its version or its help.
pub(super) fn says_version(program: &str, arguments: &[&Word]) -> bool {
    if !VERSIONED.contains(&program) || !arguments.iter().all(|word| word.literal) {
        return false;
    }
    let texts: Vec<&str> = arguments.iter().map(|word| word.text.as_str()).collect();
    let only = match texts.as_slice() {
        [only] => *only,
        ["--version", "--verbose"] | ["--verbose", "--version"] => {
            return matches!(program, "cargo" | "rustc");
        }
        _ => return false,
    };
    match only {
        "--version" | "--help" => !matches!(program, "distiq-x"),
        "-V" => !matches!(
            program,
            "bash"
                | "sh"
                | "zsh"
                | "docker"
                | "make"
                | "rsync"
                | "find"
                | "nginx"
                | "java"
                | "perl"
                | "deno"
        ),
        "-v" => matches!(
            program,
            "node"
                | "npm"
                | "pnpm"
                | "php"
                | "ruby"
                | "mvn"
                | "nginx"
                | "tsc"
                | "gcc"
                | "g++"
                | "clang"
                | "cc"
                | "lua"
                | "gem"
                | "perl"
                | "jq"
                | "bun"
                | "lsof"
        ),
        "-version" => matches!(
            program,
            "java"
                | "javac"
                | "scala"
                | "kotlin"
                | "kotlinc"
                | "ffmpeg"
                | "ffprobe"
                | "convert"
                | "openssl"
                | "mvn"
                | "xcodebuild"
        ),
        "version" => {
            matches!(program, "go" | "zig" | "openssl" | "npm" | "helm" | "distiq" | "hugo" | "buf")
        }
        "-h" => matches!(program, "node" | "python3" | "ruby" | "tar" | "curl" | "cargo" | "rustc"),
        "--list" => program == "cargo",
        _ => false,
    }
}

/// Tells whether a program that is not judged by its arguments may write.
pub(super) fn may_write(program: &str) -> bool {
    super::options::find(program).is_none()
        && !matches!(program, "git" | "sed" | "awk" | "source" | ".")
}

/// Says what a program that is not a reader does, as far as it is known.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Part {
    let mut plain = arguments
        .iter()
        .map(|word| word.text.as_str())
        .filter(|text| !text.starts_with(['-', '+']));
    let first = plain.next().unwrap_or_default();
    let operands: Vec<&Word> =
        arguments.iter().copied().filter(|word| !word.text.starts_with('-')).collect();
    let network = |reason: &str| Part { network: true, ..ask(reason) };
    let writes = |part: Part| Part { writes: true, ..part };
    match (program, first) {
        ("csplit" | "rename", _) => writes(ask("changes files")),
        (
            "mkdir" | "touch" | "cp" | "mv" | "ln" | "rm" | "rmdir" | "tee" | "truncate" | "chmod"
            | "chown" | "chgrp" | "install" | "patch" | "split" | "unzip" | "tar" | "gzip"
            | "gunzip" | "zip" | "dd" | "mktemp" | "mkfifo" | "shred" | "unlink" | "sponge" | "xz"
            | "unxz" | "bzip2" | "bunzip2" | "zstd" | "7z" | "dos2unix" | "unix2dos" | "sort"
            | "find" | "setfacl" | "cpio" | "uniq",
            _,
        ) => changes(&operands, "changes files", command, context),
        (
            "npm" | "pnpm" | "yarn" | "bun",
            "install" | "i" | "ci" | "add" | "update" | "upgrade" | "link" | "remove" | "uninstall"
            | "dlx" | "create",
        )
        | ("npx" | "uvx" | "bunx" | "pipx", _)
        | (
            "pip" | "pip3" | "uv" | "poetry" | "gem" | "bundle" | "composer" | "pdm" | "pipenv"
            | "conda" | "mamba",
            _,
        )
        | (
            "apt" | "apt-get" | "brew" | "dnf" | "yum" | "apk" | "pacman" | "snap" | "flatpak"
            | "zypper" | "port" | "nix" | "nix-env" | "dpkg" | "rpm",
            _,
        )
        | (
            "cargo",
            "install" | "add" | "update" | "fetch" | "search" | "generate-lockfile" | "vendor"
            | "remove",
        )
        | ("go", "get" | "install" | "mod")
        | ("rustup" | "nvm" | "pyenv" | "rbenv" | "asdf" | "mise" | "volta" | "fnm" | "sdk", _) => {
            writes(network("installs packages"))
        }
        ("cargo", "test" | "nextest" | "bench" | "t")
        | (
            "pytest" | "jest" | "vitest" | "mocha" | "tox" | "nox" | "rspec" | "phpunit" | "ctest"
            | "playwright" | "cypress" | "coverage",
            _,
        )
        | (
            "go" | "mvn" | "gradle" | "dotnet" | "swift" | "zig" | "mix" | "bazel" | "make"
            | "just" | "rake" | "deno",
            "test" | "check" | "verify",
        )
        | ("npm" | "pnpm" | "yarn" | "bun", "test" | "t") => {
            writes(ask("runs the project's tests"))
        }
        (
            "cargo" | "make" | "gmake" | "cmake" | "ninja" | "meson" | "bazel" | "npm" | "pnpm"
            | "yarn" | "go" | "mvn" | "gradle" | "tsc" | "gcc" | "g++" | "clang" | "clang++" | "cc"
            | "c++" | "rustc" | "javac" | "just" | "dotnet" | "swift" | "zig" | "rake" | "mix"
            | "sbt" | "ld" | "webpack" | "vite" | "rollup" | "esbuild" | "turbo" | "nx" | "stack"
            | "cabal" | "ghc" | "xcodebuild" | "flutter" | "dart" | "bun",
            _,
        ) => writes(ask("builds or runs the project")),
        (
            "eslint" | "prettier" | "ruff" | "black" | "mypy" | "flake8" | "pylint" | "isort"
            | "rustfmt" | "gofmt" | "shellcheck" | "clang-format" | "stylelint",
            _,
        ) => writes(ask("runs a checker with the project's settings")),
        (
            "python" | "python2" | "python3" | "node" | "ruby" | "perl" | "php" | "bash" | "sh"
            | "zsh" | "dash" | "lua" | "luajit" | "deno" | "java" | "source" | "." | "eval"
            | "tclsh" | "Rscript" | "R" | "julia" | "osascript" | "ghci" | "ts-node" | "tsx"
            | "elixir" | "erl" | "groovy" | "jshell" | "fish",
            _,
        ) => writes(ask("runs code")),
        ("env" | "printenv" | "set" | "ps" | "export" | "declare" | "envsubst", _) => {
            ask("shows the environment")
        }
        (
            "curl" | "wget" | "ping" | "ping6" | "dig" | "nslookup" | "host" | "ssh" | "scp"
            | "sftp" | "rsync" | "gh" | "docker" | "docker-compose" | "podman" | "kubectl" | "helm"
            | "aws" | "gcloud" | "az" | "nc" | "ftp" | "traceroute" | "whois" | "telnet"
            | "ssh-keyscan" | "terraform" | "ansible" | "heroku" | "vercel" | "netlify" | "http"
            | "https" | "xh" | "aria2c" | "nmap" | "ifconfig" | "getent" | "mosh" | "drill"
            | "openssl" | "speedtest" | "hostname" | "lsof" | "netstat" | "rclone" | "gsutil"
            | "nextcloud" | "redis-cli" | "psql" | "mysql",
            _,
        ) => Part {
            writes: matches!(program, "wget" | "aria2c" | "terraform" | "rsync" | "scp"),
            ..network("uses the network")
        },
        ("kill" | "killall" | "pkill" | "xkill", _) => ask("ends processes"),
        _ => writes(ask(format!("does not know {program}"))),
    }
}
