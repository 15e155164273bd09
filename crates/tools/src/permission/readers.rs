//! Programs that only read, and the options that make them do more.

use distiq_lang::shell::{Command, Word};

use super::commands::{Context, allow, ask};
use super::paths::Area;
use super::shell_line::written;
use super::{Part, Verdict};

/// What a program does with its arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// Nothing of files: whatever the arguments, even unknown ones, it is harmless.
    Nothing,
    /// Names and sizes.
    Names,
    /// What files hold.
    Contents,
}

/// A program that is harmless unless an option says otherwise.
struct Reader {
    names: &'static [&'static str],
    reads: Reads,
    /// Long options, and short ones alone or in a cluster, that make it do more.
    more: &'static [&'static str],
}

const READERS: &[Reader] = &[
    Reader {
        names: &[
            ":",
            "true",
            "false",
            "pwd",
            "echo",
            "test",
            "[",
            "[[",
            "basename",
            "dirname",
            "uname",
            "whoami",
            "id",
            "groups",
            "uptime",
            "nproc",
            "arch",
            "tty",
            "seq",
            "sleep",
            "expr",
            "wait",
            "exit",
            "return",
            "break",
            "continue",
            "shift",
            "type",
            "which",
            "whereis",
            "let",
            "cal",
            "yes",
            "getconf",
            "logname",
            "locale",
            "local",
            "read",
            "mapfile",
            "readarray",
            "cd",
            "pushd",
            "popd",
            "dirs",
            "tput",
            "clear",
            "factor",
            "numfmt",
            "jobs",
            "getopts",
        ],
        reads: Reads::Nothing,
        more: &[],
    },
    Reader { names: &["printf"], reads: Reads::Nothing, more: &[] },
    Reader { names: &["date"], reads: Reads::Nothing, more: &["-s", "--set"] },
    Reader { names: &["free", "df", "lscpu", "lsblk", "vmstat"], reads: Reads::Nothing, more: &[] },
    Reader {
        names: &[
            "ls", "wc", "stat", "du", "realpath", "readlink", "dir", "vdir", "namei", "pathchk",
        ],
        reads: Reads::Names,
        more: &[],
    },
    Reader {
        names: &["file"],
        reads: Reads::Names,
        more: &["-C", "--compile", "-m", "--magic-file"],
    },
    Reader { names: &["tree"], reads: Reads::Names, more: &["-o", "--output"] },
    Reader {
        names: &["find"],
        reads: Reads::Names,
        more: &[
            "-delete",
            "-fprint",
            "-fprint0",
            "-fprintf",
            "-fls",
            "-ok",
            "-okdir",
            "-exec=",
            "-execdir=",
        ],
    },
    Reader { names: &["fd", "fdfind"], reads: Reads::Names, more: &[] },
    Reader {
        names: &[
            "cat",
            "tac",
            "head",
            "tail",
            "nl",
            "cut",
            "tr",
            "paste",
            "comm",
            "join",
            "cmp",
            "md5sum",
            "sha1sum",
            "sha224sum",
            "sha256sum",
            "sha384sum",
            "sha512sum",
            "b2sum",
            "cksum",
            "sum",
            "od",
            "hexdump",
            "strings",
            "column",
            "fold",
            "fmt",
            "rev",
            "expand",
            "unexpand",
            "zcat",
            "bzcat",
            "xzcat",
            "base64",
            "base32",
            "tsort",
            "pr",
            "egrep",
            "fgrep",
            "grep",
            "zgrep",
            "look",
            "bat",
            "batcat",
            "cloc",
            "tokei",
            "nm",
            "size",
            "readelf",
        ],
        reads: Reads::Contents,
        more: &["--pager", "--paging=always"],
    },
    Reader { names: &["diff"], reads: Reads::Contents, more: &["--output", "-l", "--paginate"] },
    Reader {
        names: &["sort"],
        reads: Reads::Contents,
        more: &[
            "-o",
            "--output",
            "-T",
            "--temporary-directory",
            "--compress-program",
            "--files0-from",
        ],
    },
    Reader {
        names: &["rg"],
        reads: Reads::Contents,
        more: &["--pre", "--hostname-bin", "-z", "--search-zip", "--no-config="],
    },
    Reader { names: &["jq"], reads: Reads::Contents, more: &["--from-file", "-f", "-L"] },
    Reader {
        names: &["yq"],
        reads: Reads::Contents,
        more: &["-i", "--inplace", "--in-place", "-s", "--split-exp"],
    },
];

/// Returns the verdict on a program that is not known to be dangerous.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Part {
    match program {
        "uniq" | "xxd" if positionals(arguments).count() > 1 => {
            return ask("writes its second file");
        }
        "uniq" => return contents(program, arguments, command, context),
        "xxd" if arguments.iter().any(|word| word.text.starts_with("-r")) => return ask("decodes"),
        "xxd" => return contents(program, arguments, command, context),
        "sed" => return sed(arguments, command, context),
        "awk" | "gawk" | "mawk" | "nawk" => return awk(arguments, command, context),
        "hostname" if arguments.is_empty() => return allow("reads"),
        "command" if arguments.first().is_some_and(|w| matches!(w.text.as_str(), "-v" | "-V")) => {
            return allow("looks a program up");
        }
        "set" | "shopt" if arguments.first().is_some_and(|w| w.text.starts_with(['-', '+'])) => {
            return allow("sets options of this line's shell");
        }
        "export" | "declare" | "typeset" | "readonly" => return exports(arguments),
        "unset" => return allow("forgets a variable"),
        "base64"
            if arguments.iter().any(|w| matches!(w.text.as_str(), "-d" | "-D" | "--decode")) =>
        {
            return contents(program, arguments, command, context);
        }
        _ => {}
    }
    let Some(reader) = READERS.iter().find(|reader| reader.names.contains(&program)) else {
        return unknown(program, arguments, context);
    };
    if let Some(option) = option_among(arguments, reader.more) {
        return ask(format!("{program} {option} does more than read"));
    }
    match reader.reads {
        Reads::Nothing => allow("only reads or prints"),
        Reads::Names if arguments.iter().all(|word| is_certain(word) || program != "find") => {
            allow("only reads names")
        }
        Reads::Names => ask("only the run tells its options"),
        Reads::Contents if program == "jq" && reads_environment(arguments) => {
            ask("reads the environment")
        }
        Reads::Contents => contents(program, arguments, command, context),
    }
}

fn reads_environment(arguments: &[&Word]) -> bool {
    arguments.iter().any(|word| {
        word.text.contains("$ENV")
            || word.text.split(|c: char| !c.is_alphanumeric()).any(|w| w == "env")
    })
}

fn is_certain(word: &Word) -> bool {
    word.literal || word.glob || word.raw.starts_with('"') || word.tilde
}

/// Finds an option, also as `--long=value` or in a cluster of short ones.
fn option_among<'a>(arguments: &[&'a Word], options: &[&str]) -> Option<&'a str> {
    arguments.iter().take_while(|word| word.text != "--").map(|word| word.text.as_str()).find(
        |text| {
            options.iter().any(|option| {
                let long = option.starts_with("--") || option.len() > 2;
                if long {
                    let name = text.split('=').next().unwrap_or(text);
                    // GNU takes any prefix of a long option that is unique.
                    return name == *option
                        || (name.len() > 3
                            && option.starts_with("--")
                            && option.starts_with(name));
                }
                let letter = option.chars().nth(1);
                text.starts_with('-')
                    && !text.starts_with("--")
                    && letter.is_some_and(|letter| text.chars().skip(1).any(|c| c == letter))
            })
        },
    )
}

fn positionals<'a>(arguments: &'a [&'a Word]) -> impl Iterator<Item = &'a Word> {
    arguments.iter().copied().filter(|word| !word.text.starts_with('-') || word.text == "-")
}

/// Returns which arguments are patterns or scripts and no files, by index.
pub(super) fn pattern_arguments(program: &str, arguments: &[&Word]) -> Vec<usize> {
    if !matches!(
        program,
        "grep"
            | "egrep"
            | "fgrep"
            | "rg"
            | "sed"
            | "awk"
            | "gawk"
            | "mawk"
            | "jq"
            | "zgrep"
            | "fd"
            | "tr"
    ) {
        return Vec::new();
    }
    let mut skipped = Vec::new();
    let mut given = false;
    for (index, word) in arguments.iter().enumerate() {
        let valued = matches!(
            word.text.as_str(),
            "-e" | "--regexp" | "--include" | "--exclude" | "--glob" | "-g" | "--exclude-dir"
        );
        if valued {
            skipped.push(index + 1);
            given |= matches!(word.text.as_str(), "-e" | "--regexp");
        } else if word.text.starts_with("--include=") || word.text.starts_with("--exclude") {
            skipped.push(index);
        }
    }
    if !given {
        let first = arguments
            .iter()
            .enumerate()
            .find(|(index, word)| !word.text.starts_with('-') && !skipped.contains(index));
        skipped.extend(first.map(|(index, _)| index));
    }
    skipped
}

/// Judges a program that prints what files hold.
fn contents(program: &str, arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let skipped = pattern_arguments(program, arguments);
    let files = arguments
        .iter()
        .enumerate()
        .filter(|(index, word)| !skipped.contains(index) && !word.text.starts_with('-'))
        .map(|(_, word)| *word);
    for word in files {
        if !is_certain(word) || (context.base.path(word).is_none() && !word.literal) {
            return ask("only the run tells which file it reads");
        }
        let area = context.base.area(word);
        let allowed_system = area != Area::System || is_public(&word.text);
        if matches!(area, Area::Home | Area::Startup | Area::Device) || !allowed_system {
            return ask(format!("reads outside the project: {}", word.raw));
        }
        if area == Area::Above && is_recursive(program, arguments) && !is_root(word, context) {
            return ask(format!("reads everything below {}", word.raw));
        }
    }
    if arguments
        .iter()
        .enumerate()
        .any(|(i, word)| word.text.starts_with('-') && !is_certain(word) && !skipped.contains(&i))
    {
        return ask("only the run tells its options");
    }
    if command.partial && !source_is_narrow(context) {
        return ask("only the run tells which files it reads");
    }
    allow("only reads")
}

fn is_root(word: &Word, context: &Context<'_>) -> bool {
    context.base.path(word).is_some_and(|path| path == context.base.grounds.root)
}

fn is_recursive(program: &str, arguments: &[&Word]) -> bool {
    program == "rg" || option_among(arguments, &["-r", "-R", "--recursive"]).is_some()
}

/// System files that everybody may read.
fn is_public(path: &str) -> bool {
    ["/usr/", "/etc/", "/sys/", "/opt/", "/lib/", "/lib64/", "/bin/", "/nix/"]
        .iter()
        .any(|p| path.starts_with(p))
        || [
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/proc/version",
            "/proc/loadavg",
            "/proc/uptime",
            "/proc/mounts",
            "/proc/self/status",
            "/proc/filesystems",
            "/proc/stat",
        ]
        .contains(&path)
}

/// Tells whether the names that come at run time come from a search that leaves secrets out.
fn source_is_narrow(context: &Context<'_>) -> bool {
    context.script.commands.iter().take(context.index).any(|command| {
        let texts: Vec<&str> =
            command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
        match command.program() {
            Some("git") => texts.first() == Some(&"ls-files") || texts.first() == Some(&"diff"),
            Some("rg" | "fd" | "fdfind") => {
                !texts.iter().any(|t| t.contains("hidden") || *t == "-u" || *t == "-uu")
            }
            Some("find") => texts.iter().zip(texts.iter().skip(1)).any(|(option, pattern)| {
                let ending = pattern.rsplit('.').next().unwrap_or_default();
                matches!(*option, "-name" | "-iname")
                    && pattern.contains('.')
                    && !ending.is_empty()
                    && !["pem", "key", "env", "*", "p12", "pfx"].contains(&ending)
                    && !pattern.starts_with(".env")
            }),
            _ => false,
        }
    })
}

/// `sed` reads only without `-i` and with scripts that neither write, read nor run.
fn sed(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    if option_among(arguments, &["-i", "--in-place", "-f", "--file"]).is_some() {
        let part = ask("sed changes files or runs a script file");
        return Part { writes: true, ..part };
    }
    let mut scripts: Vec<&Word> = Vec::new();
    for (word, next) in arguments.iter().zip(arguments.iter().skip(1)) {
        if matches!(word.text.as_str(), "-e" | "--expression") {
            scripts.push(next);
        }
    }
    scripts.extend(arguments.iter().copied().filter(|word| word.text.starts_with("--expression=")));
    if scripts.is_empty() {
        scripts.extend(positionals(arguments).next());
    }
    if scripts.is_empty()
        || !scripts.iter().all(|word| is_harmless_sed(&word.text) && is_certain(word))
    {
        return ask("this sed script may write, read or run");
    }
    contents("sed", arguments, command, context)
}

/// Knows addresses with `p`, `d`, `q`, `=`, `!`, and `s` with the flags `g`, `i`, `I`, `p` and a number.
fn is_harmless_sed(script: &str) -> bool {
    script.split([';', '\n']).map(str::trim).all(|part| {
        if part.is_empty() {
            return true;
        }
        if let Some(rest) = part.strip_prefix('s')
            && let Some(delimiter) = rest.chars().next()
            && !delimiter.is_alphanumeric()
        {
            let unescaped = rest.replace("\\\\", "").replace(&format!("\\{delimiter}"), "");
            let pieces: Vec<&str> = unescaped.split(delimiter).collect();
            return matches!(pieces.as_slice(), [_, _, _, flags]
                if flags.chars().all(|c| "giIp0123456789".contains(c)));
        }
        // An address may be a pattern; what follows it is what counts.
        let without_patterns = strip_patterns(part);
        without_patterns.chars().all(|c| c.is_ascii_digit() || ",$!~+pdq= ".contains(c))
    })
}

fn strip_patterns(part: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut escaped = false;
    for c in part.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '/' => inside = !inside,
            _ if inside => {}
            c => out.push(c),
        }
    }
    if inside { "w".to_owned() } else { out }
}

/// `awk` reads only with a script that neither runs, writes nor reads elsewhere.
fn awk(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let options = arguments.iter().take_while(|word| word.text.starts_with('-'));
    let unknown =
        options.clone().any(|word| !word.text.starts_with("-F") && !word.text.starts_with("-v"));
    let Some(script) = arguments.iter().find(|word| word.text.contains(['{', '/', '$', '=', 'N']))
    else {
        return ask("only the run tells its script");
    };
    let harmful =
        ["system", "getline", "|", ">", "@", "ENVIRON", "close", "fflush", "printf >", "INPUT"];
    if unknown || !is_certain(script) || harmful.iter().any(|word| script.text.contains(word)) {
        // A comparison looks like a redirection; whoever compares is asked about.
        return ask("this awk script may write, read or run");
    }
    let rest: Vec<&Word> =
        arguments.iter().copied().filter(|w| !std::ptr::eq(*w, *script)).collect();
    contents("cat", &rest, command, context)
}

fn exports(arguments: &[&Word]) -> Part {
    if arguments.is_empty() || arguments.iter().any(|word| word.text == "-p") {
        return ask("prints the environment");
    }
    let powerful = arguments.iter().any(|word| {
        let name = word.text.split('=').next().unwrap_or_default();
        name.contains("PATH")
            || name.starts_with("LD_")
            || name.starts_with("GIT_")
            || name.contains("OPTIONS")
            || name.contains("ENV")
            || name.contains("PAGER")
            || name.contains("EDITOR")
    });
    if powerful { ask("changes what programs do") } else { allow("sets variables of this line") }
}

/// Says what a program that is not a reader does, as far as it is known.
fn unknown(program: &str, arguments: &[&Word], context: &Context<'_>) -> Part {
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
