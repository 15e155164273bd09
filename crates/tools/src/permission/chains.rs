//! What commands of one line do together: one fetches or decodes, another runs it.

use distiq_lang::shell::{Command, Script};

use super::commands::Context;
use super::shell_line::judge_inner;
use super::{Part, Verdict, code, tainted};

/// Programs that fetch or decode what a shell might then run.
const SOURCES: [&str; 28] = [
    "curl", "wget", "fetch", "http", "https", "xh", "aria2c", "base64", "base32", "xxd", "openssl",
    "nc", "ncat", "socat", "rev", "uudecode", "tr", "gpg", "gunzip", "zcat", "gzip", "bzcat",
    "xzcat", "ssh", "basenc", "dig", "scp", "ftp",
];

/// Tells whether a text names such a program as a word.
pub(super) fn names_source(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| SOURCES.contains(&word))
}

/// Programs that run what they are fed.
const RUNNERS: [&str; 22] = [
    "bash",
    "sh",
    "zsh",
    "dash",
    "ksh",
    "fish",
    "ash",
    "python",
    "python2",
    "python3",
    "node",
    "perl",
    "ruby",
    "php",
    "lua",
    "source",
    ".",
    "eval",
    "sudo",
    "deno",
    "osascript",
    "pwsh",
];

/// Tells which command runs what another one of the line fetches or decodes.
pub(super) fn runs_what_it_fetches(
    script: &Script,
    context: &Context<'_>,
) -> Option<(usize, String)> {
    let reason = "runs what it downloads or decodes".to_owned();
    let kept = kept_files(script);
    let unpacked = unpacks_what_it_fetches(script);
    let installed = installs_by_address(script);
    let tainted = tainted::variables(script);
    script.commands.iter().enumerate().find_map(|(index, command)| {
        let program = command.program().unwrap_or_default();
        let runs = command.opaque || RUNNERS.contains(&program) || makes_of_input(command);
        let fed = runs && (feeds(script, index, command) || hands_over(&tainted, script, command));
        let substituted =
            command.opaque && (substitutes(script, index) || names(&tainted, command));
        let own = command.name().is_some_and(|name| name.contains('/') && !name.starts_with('/'));
        let started = runs_file(command, &kept)
            || (unpacked && own)
            || (installed && index > 0 && (own || RUNNERS.contains(&program)));
        if fed || substituted || started {
            return Some((index, reason.clone()));
        }
        literal_input(script, command)
            .and_then(|text| harm(program, &text, context))
            .map(|reason| (index, reason))
    })
}

fn is_source(command: &Command) -> bool {
    command.program().is_some_and(|name| SOURCES.contains(&name))
}

/// Tells whether a source stands before a runner in its pipeline, or feeds it by `<( )`.
fn feeds(script: &Script, index: usize, command: &Command) -> bool {
    let has_source = script.commands.iter().any(is_source);
    let piped = before_in_pipe(script, index, command).iter().any(|other| {
        let calls = has_source
            && other.name().is_some_and(|name| script.functions.iter().any(|f| f == name));
        is_source(other) || calls || decodes(script, other)
    });
    // A here-string, a process, or a pipeline around it.
    let substitution = command
        .words
        .iter()
        .map(|word| &word.text)
        .chain(command.redirects.iter().map(|redirect| &redirect.target.text))
        .any(|text| {
            (text.contains("<(") || text.contains("$(") || text.contains('`'))
                && SOURCES.iter().any(|source| {
                    text.split(|c: char| !c.is_alphanumeric()).any(|word| word == *source)
                })
        });
    (piped && runs_input(command)) || substitution
}

/// Tells whether a runner takes its program from its input, and not from its arguments.
fn runs_input(command: &Command) -> bool {
    const INTERPRETERS: [&str; 9] =
        ["python", "python2", "python3", "node", "perl", "ruby", "php", "lua", "deno"];
    if command.opaque || !command.program().is_some_and(|name| INTERPRETERS.contains(&name)) {
        return true;
    }
    let mut words = command.words.iter().skip(1).map(|word| word.text.as_str());
    // Code that runs what it reads.
    let evaluates = words.clone().any(|text| {
        ["exec(", "eval(", "system(", "eval "].iter().any(|mark| text.contains(mark))
            && ["stdin", "STDIN", "input(", "gets", "<>", "readFileSync(0"]
                .iter()
                .any(|mark| text.contains(mark))
    });
    evaluates
        || words.all(|text| {
            let option = text.starts_with('-') && !text.starts_with("--");
            matches!(text, "-" | "/dev/stdin" | "run")
                || text.starts_with("--") && !text.starts_with("--eval") && text != "--print"
                || option && !text.contains(|c| "cemrpnE".contains(c))
        })
}

/// Returns the commands of the stages before a command in its pipeline, those in loops and pipelines of their own among
/// them.
fn before_in_pipe<'s>(script: &'s Script, index: usize, command: &Command) -> &'s [Command] {
    let Some(pipe) = command.pipe.filter(|pipe| pipe.stage > 0) else { return &[] };
    let before = script.commands.get(..index).unwrap_or_default();
    let earlier =
        |other: &Command| other.pipe.is_some_and(|p| p.id == pipe.id && p.stage < pipe.stage);
    // A stage that is a group of one pipeline has only that one's commands.
    let group = before.last().and_then(|last| last.pipe).map(|pipe| pipe.id);
    let begin = before.iter().position(earlier).or_else(|| {
        before.iter().position(|other| other.pipe.map(|pipe| pipe.id) == group && group.is_some())
    });
    begin.and_then(|begin| before.get(begin..)).unwrap_or_default()
}

/// Tells whether a `make` reads its rules from its input.
fn makes_of_input(command: &Command) -> bool {
    let texts: Vec<&str> = command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    matches!(command.program(), Some("make" | "gmake"))
        && (texts.contains(&"-f-")
            || texts.iter().zip(texts.iter().skip(1)).any(|(option, file)| {
                matches!(*option, "-f" | "--file" | "--makefile")
                    && matches!(*file, "-" | "/dev/stdin")
            }))
}

/// Tells whether the line installs a package from an address.
fn installs_by_address(script: &Script) -> bool {
    script.commands.iter().any(|command| {
        matches!(command.program(), Some("pip" | "pip3" | "uv" | "pipx"))
            && command
                .words
                .iter()
                .any(|word| word.text.starts_with("http://") || word.text.starts_with("https://"))
    })
}

/// Tells whether a word of a command holds what the line fetched or decoded.
fn names(tainted: &[String], command: &Command) -> bool {
    let mut words = command.words.iter().chain(command.redirects.iter().map(|r| &r.target));
    !tainted.is_empty() && words.any(|word| tainted::holds(word, tainted))
}

/// Tells whether a runner of its input is handed such a variable: `echo "$x" | sh`, `sh <<< "$x"`.
fn hands_over(tainted: &[String], script: &Script, command: &Command) -> bool {
    if tainted.is_empty() || !(command.opaque || command.words.len() == 1) {
        return false;
    }
    let index = script.commands.iter().position(|other| std::ptr::eq(other, command));
    let before = index.map_or(&[][..], |index| before_in_pipe(script, index, command));
    names(tainted, command) || before.iter().any(|other| names(tainted, other))
}

/// Tells whether a command spells a text by numbers, or changes the letters of one that is printed before it.
pub(super) fn decodes(script: &Script, command: &Command) -> bool {
    let spelled = |word: &distiq_lang::shell::Word| {
        let mut escapes = word.text.split('\\').skip(1);
        escapes.any(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, 'x' | 'u' | '$' | '%'))
        })
    };
    let marked = |marks: &[&str]| {
        command.words.iter().skip(1).any(|word| marks.iter().any(|mark| word.text.contains(mark)))
    };
    // A text that the command itself is given: `sed s/Z//g <<< rZm`.
    let given = command.redirects.iter().any(|redirect| redirect.op.starts_with("<<"));
    match command.program() {
        Some("printf" | "echo") => command.words.iter().skip(1).any(spelled),
        Some("awk" | "gawk" | "mawk") if marked(&["%c", "\\x", "\\0", "\\1", "sprintf"]) => true,
        Some("python" | "python3" | "perl" | "ruby" | "node" | "php")
            if marked(&[
                "chr(",
                "pack(",
                "pack '",
                "pack \"",
                "fromhex",
                "b64decode",
                "base64",
                "atob(",
                "fromCharCode",
                "unhexlify",
                "decode64",
                "rot13",
                "[::-1]",
                "reverse",
            ]) =>
        {
            true
        }
        Some("sed" | "cut" | "head" | "tail") if given => true,
        Some("sed" | "awk" | "cut" | "perl" | "python3" | "head" | "tail") => {
            command.pipe.is_some_and(|pipe| {
                script.commands.iter().any(|other| {
                    matches!(other.program(), Some("echo" | "printf"))
                        && other.pipe.is_some_and(|p| p.id == pipe.id && p.stage < pipe.stage)
                })
            })
        }
        _ => false,
    }
}

/// Tells whether the line unpacks an archive that it has fetched.
fn unpacks_what_it_fetches(script: &Script) -> bool {
    let fetches = script
        .commands
        .iter()
        .any(|command| matches!(command.program(), Some("curl" | "wget" | "aria2c")));
    fetches
        && script
            .commands
            .iter()
            .any(|command| matches!(command.program(), Some("tar" | "unzip" | "bsdtar" | "7z")))
}

/// Denies what hands a secret of the project on to the network, or picks secrets from the environment.
pub(super) fn send_secrets(script: &Script, parts: &mut [Part]) {
    let mut denied = Vec::new();
    for command in script.commands.iter().filter(|command| command.pipe.is_some()) {
        let found = parts.iter().find(|part| part.text == command.text.trim());
        let sends = found.is_some_and(|part| part.network);
        let earlier: Vec<&Command> = script
            .commands
            .iter()
            .filter(|other| match (other.pipe, command.pipe) {
                (Some(a), Some(b)) => a.id == b.id && a.stage < b.stage,
                _ => false,
            })
            .collect();
        let holds = |other: &&Command| {
            parts
                .iter()
                .any(|part| part.text == other.text.trim() && part.reason.contains("may hold keys"))
        };
        if sends && earlier.iter().any(holds) {
            denied.push((command.text.trim(), "sends data out"));
        } else if picks_secrets(command) && earlier.iter().any(|other| shows_environment(other)) {
            denied.push((command.text.trim(), "reads secrets of the environment"));
        }
    }
    for (text, reason) in denied {
        if let Some(part) = parts.iter_mut().find(|part| part.text == text) {
            part.verdict = Verdict::Deny;
            part.outside = true;
            part.reason = reason.to_owned();
        }
    }
}

fn picks_secrets(command: &Command) -> bool {
    matches!(command.program(), Some("grep" | "egrep" | "rg" | "awk"))
        && command.words.iter().skip(1).any(|word| {
            let text = word.text.to_lowercase();
            ["key", "token", "secret", "pass", "credential"].iter().any(|name| text.contains(name))
        })
}

fn shows_environment(command: &Command) -> bool {
    let bare = command.words.iter().skip(1).all(|word| word.text == "-p" || word.text == "-x");
    bare && matches!(command.program(), Some("env" | "printenv" | "set" | "export" | "declare"))
}

/// Tells whether what a command runs comes from a substitution with a source in it.
fn substitutes(script: &Script, index: usize) -> bool {
    let Some(command) = script.commands.get(index) else { return false };
    command.words.iter().any(|word| {
        word.spans.iter().any(|span| match &span.expands {
            distiq_lang::shell::Expands::Command(text) => {
                SOURCES.iter().any(|source| {
                    text.split(|c: char| !c.is_alphanumeric()).any(|word| word == *source)
                }) || distiq_lang::shell::parse(text).is_ok_and(|inner| {
                    inner.commands.iter().any(|command| decodes(&inner, command))
                })
            }
            // The variable may have been set from one.
            distiq_lang::shell::Expands::Variable(name) => script.commands.iter().any(|other| {
                other.assignments.iter().any(|assignment| {
                    assignment.name == *name
                        && SOURCES.iter().any(|source| {
                            assignment.value.text.contains("$(")
                                && assignment
                                    .value
                                    .text
                                    .split(|c: char| !c.is_alphanumeric())
                                    .any(|word| word == *source)
                        })
                })
            }),
            _ => false,
        })
    })
}

/// Returns the files in which the line keeps what it fetched or decoded.
fn kept_files(script: &Script) -> Vec<String> {
    let mut files = Vec::new();
    for command in &script.commands {
        let in_pipe = |other: &&Command| match (other.pipe, command.pipe) {
            (Some(a), Some(b)) => a.id == b.id && a.stage <= b.stage,
            _ => false,
        };
        let by_address = command.words.iter().any(|word| word.text.contains("://"))
            && matches!(command.program(), Some("pip" | "pip3" | "npm"));
        let fetched = is_source(command)
            || by_address
            || script.commands.iter().filter(in_pipe).any(is_source);
        if !fetched {
            continue;
        }
        files.extend(
            command.redirects.iter().filter(|r| r.writes_file()).map(|r| r.target.text.clone()),
        );
        let texts: Vec<&str> =
            command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
        match command.program() {
            Some("curl" | "wget" | "openssl" | "aria2c" | "http" | "gpg") => {
                for (at, text) in texts.iter().enumerate() {
                    let clustered = text.starts_with('-')
                        && !text.starts_with("--")
                        && text.ends_with(['o', 'O']);
                    if clustered || matches!(*text, "--output" | "--output-document" | "-out") {
                        files.extend(texts.get(at + 1).map(|file| (*file).to_owned()));
                    }
                    if text.contains("://") || (text.contains('.') && text.contains('/')) {
                        files.extend(text.rsplit('/').next().map(str::to_owned));
                    }
                }
            }
            Some("tee") => {
                files.extend(texts.iter().filter(|t| !t.starts_with('-')).map(|t| (*t).to_owned()))
            }
            Some("pip" | "pip3" | "npm") => {
                let addresses = texts.iter().filter(|text| text.contains("://"));
                files.extend(
                    addresses.filter_map(|text| text.rsplit('/').next()).map(str::to_owned),
                );
            }
            Some("scp") => files.extend(texts.last().map(|t| (*t).to_owned())),
            _ => {}
        }
    }
    files.retain(|file| {
        !file.is_empty() && file != "-" && file != "." && !file.starts_with("/dev/null")
    });
    files.iter_mut().for_each(|file| *file = plain(file).to_owned());
    files
}

fn plain(file: &str) -> &str {
    file.strip_prefix("./").unwrap_or(file)
}

/// Tells whether a command starts one of these files.
fn runs_file(command: &Command, kept: &[String]) -> bool {
    if kept.is_empty() {
        return false;
    }
    let Some(name) = command.words.first().map(|word| word.text.as_str()) else { return false };
    let is_kept = |text: &str| kept.iter().any(|file| file == plain(text));
    let program = name.rsplit('/').next().unwrap_or(name);
    (name.contains('/') && is_kept(name))
        || (RUNNERS.contains(&program)
            && command.words.iter().skip(1).any(|word| is_kept(&word.text)))
}

/// Returns what a runner is fed where the text tells: `echo '…' | sh`, `sh <<< '…'`, `python3 <<E`.
fn literal_input(script: &Script, command: &Command) -> Option<String> {
    let runs = command.program().is_some_and(|program| RUNNERS.contains(&program));
    if !runs && !makes_of_input(command) {
        return None;
    }
    let document = command.redirects.iter().rfind(|redirect| redirect.op.starts_with("<<"));
    if let Some(redirect) = document {
        return Some(redirect.target.text.clone());
    }
    let pipe = command.pipe.filter(|pipe| pipe.stage > 0)?;
    let source = script.commands.iter().find(|other| {
        other.pipe.is_some_and(|p| p.id == pipe.id && p.stage + 1 == pipe.stage)
            && other.via.is_none()
    })?;
    if let Some(redirect) = source.redirects.iter().find(|redirect| redirect.op.starts_with("<<")) {
        return Some(redirect.target.text.clone());
    }
    let texts: Vec<&str> = source.words.iter().skip(1).map(|word| word.text.as_str()).collect();
    match source.program() {
        Some("echo") => Some(texts.join(" ").replace("\\n", "\n")),
        Some("printf") => {
            let (format, words) = texts.split_first()?;
            super::printed::printed_format(format, words)
                .or_else(|| Some(texts.join("\n").replace("\\n", "\n")))
        }
        _ => None,
    }
}

fn harm(program: &str, text: &str, context: &Context<'_>) -> Option<String> {
    if matches!(program, "make" | "gmake") {
        // The lines of its recipes.
        let text = text.replace("\\t", "\t");
        let recipes = text.lines().filter_map(|line| line.strip_prefix('\t'));
        return recipes.map(|line| line.trim_start_matches(['@', '-', '+'])).find_map(|line| {
            let parts = judge_inner(line, context).into_iter();
            parts.filter(|part| part.verdict == Verdict::Deny).map(|part| part.reason).next()
        });
    }
    if matches!(program, "bash" | "sh" | "zsh" | "dash" | "ksh" | "fish" | "ash") {
        let parts = judge_inner(text, context);
        return parts
            .into_iter()
            .find(|part| part.verdict == Verdict::Deny)
            .map(|part| part.reason);
    }
    code::harm_of(text, context)
}
