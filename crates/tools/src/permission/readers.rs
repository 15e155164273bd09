//! Programs that only read, and the options that make them do more.

use distiq_lang::shell::{Command, Word};

use super::Part;
use super::commands::{Context, allow, ask};
use super::paths::Area;
use super::reader_table::{READERS, Reads};
use super::shell_line::is_powerful;
use super::{filters, programs};

/// Returns the verdict on a program that is not known to be dangerous.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Part {
    if let Some(part) = special(program, arguments, command, context) {
        return part;
    }
    let Some(reader) = READERS.iter().find(|reader| reader.names.contains(&program)) else {
        return programs::judge(program, arguments, context);
    };
    if let Some(option) = option_among(arguments, reader.more) {
        return ask(format!("{program} {option} does more than read"));
    }
    match reader.reads {
        Reads::Nothing => allow("only reads or prints"),
        Reads::Names if program != "find" || arguments.iter().all(|word| is_no_option(word)) => {
            allow("only reads names")
        }
        Reads::Names => ask("only the run tells its options"),
        Reads::Contents if program == "jq" && reads_environment(arguments) => {
            ask("reads the environment")
        }
        Reads::Contents => contents(program, arguments, command, context),
    }
}

/// Programs with rules of their own.
fn special(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let first = arguments.first().map_or("", |word| word.text.as_str());
    let part = match program {
        "uniq" | "xxd" if positionals(arguments).count() > 1 => ask("writes its second file"),
        "xxd" if arguments.iter().any(|word| word.text.starts_with("-r")) => ask("decodes"),
        "uniq" | "xxd" => contents(program, arguments, command, context),
        "sed" => filters::sed(arguments, command, context),
        "awk" | "gawk" | "mawk" | "nawk" => filters::awk(arguments, command, context),
        "date" if positionals(arguments).any(|word| !word.text.starts_with('+')) => {
            let reads = matches!(first, "-d" | "--date" | "-r" | "-f") && arguments.len() <= 3;
            if reads { allow("tells a time") } else { ask("may set the clock") }
        }
        "hostname" if arguments.is_empty() => allow("tells the name"),
        "command" if matches!(first, "-v" | "-V") => allow("looks a program up"),
        "set" | "shopt" if first.starts_with(['-', '+']) => {
            allow("sets options of this line's shell")
        }
        "export" | "declare" | "typeset" | "readonly"
            if arguments.is_empty() || arguments.iter().any(|word| word.text == "-p") =>
        {
            ask("prints the environment")
        }
        "export" | "declare" | "typeset" | "readonly" | "local" | "unset" | "read" | "mapfile"
        | "readarray" | "getopts" => {
            let powerful = arguments.iter().any(|word| {
                !word.literal && !word.text.contains('=')
                    || is_powerful(word.text.split('=').next().unwrap_or_default())
            });
            if powerful {
                ask("changes what programs do")
            } else {
                allow("sets variables of this line")
            }
        }
        _ => return None,
    };
    Some(part)
}

fn reads_environment(arguments: &[&Word]) -> bool {
    arguments.iter().any(|word| {
        word.text.contains("$ENV")
            || word.text.split(|c: char| !c.is_alphanumeric()).any(|w| w == "env")
    })
}

/// Tells whether a word is surely no option that an expansion brings in.
pub(super) fn is_no_option(word: &Word) -> bool {
    word.literal
        || word.tilde
        || !word.text.starts_with(['$', '`', '*', '?', '[', '{', '"', '\'', '-'])
}

/// Finds an option, also as `--long=value` or in a cluster of short ones.
fn option_among<'a>(arguments: &[&'a Word], options: &[&str]) -> Option<&'a str> {
    arguments
        .iter()
        .take_while(|word| word.text != "--")
        .map(|word| word.text.as_str())
        .find(|text| options.iter().any(|option| is_option(text, option)))
}

fn is_option(text: &str, option: &str) -> bool {
    if option.len() > 2 {
        let name = text.split('=').next().unwrap_or(text);
        // GNU takes any prefix of a long option that is unique.
        let shortened = option.starts_with("--") && name.len() > 2 && option.starts_with(name);
        return name == option || shortened;
    }
    let letter = option.chars().nth(1);
    text.starts_with('-')
        && !text.starts_with("--")
        && letter.is_some_and(|letter| text.chars().skip(1).any(|c| c == letter))
}

pub(super) fn positionals<'a>(arguments: &'a [&'a Word]) -> impl Iterator<Item = &'a Word> {
    arguments.iter().copied().filter(|word| !word.text.starts_with('-') || word.text == "-")
}

/// Programs whose first argument is a pattern or a script, unless an option brings it.
const PATTERNED: [&str; 11] =
    ["grep", "egrep", "fgrep", "zgrep", "rg", "sed", "awk", "gawk", "mawk", "jq", "tr"];

/// Returns which arguments are patterns or scripts and no files, by index.
pub(super) fn pattern_arguments(program: &str, arguments: &[&Word]) -> Vec<usize> {
    if !PATTERNED.contains(&program) {
        return Vec::new();
    }
    let mut skipped = Vec::new();
    let mut given = false;
    for (index, word) in arguments.iter().enumerate() {
        let text = word.text.as_str();
        match text {
            "-e" | "--regexp" | "--expression" | "--include" | "--exclude" | "--exclude-dir"
            | "--glob" | "-g" | "-A" | "-B" | "-C" | "-m" => skipped.push(index + 1),
            _ if text.starts_with("--include=") || text.starts_with("--exclude") => {
                skipped.push(index);
            }
            _ => {}
        }
        let cluster = text.starts_with('-') && !text.starts_with("--") && text.contains(['e', 'f']);
        let long = ["--regexp", "--expression", "--file"].iter().any(|o| text.starts_with(o));
        given |= cluster || (long && !text.starts_with("--files"));
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
pub(super) fn contents(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Part {
    let skipped = pattern_arguments(program, arguments);
    let recursive = is_recursive(program, arguments);
    for (index, word) in arguments.iter().enumerate() {
        let is_file = !word.text.starts_with('-') && !skipped.contains(&index);
        if is_file && let Some(reason) = reads_beyond(word, recursive, context) {
            return ask(reason);
        }
        let unsure = !word.literal && !is_no_option(word);
        if (!is_file && word.text.starts_with('-') && !word.literal) || (program == "rg" && unsure)
        {
            return ask("only the run tells its options");
        }
    }
    if recursive && context.base.strayed {
        return ask("reads everything below a folder outside the project");
    }
    if command.partial && !source_is_narrow(context) {
        return ask("only the run tells which files it reads");
    }
    allow("only reads")
}

/// Says why a file that is read is not surely one of the project's or the system's public ones.
pub(super) fn reads_beyond(word: &Word, recursive: bool, context: &Context<'_>) -> Option<String> {
    if word.text == "-" {
        return None;
    }
    let Some(path) = context.base.path(word) else {
        return Some("only the run tells which file it reads".to_owned());
    };
    if context.base.strayed && !word.text.starts_with(['/', '~']) {
        return Some("only the run tells in which folder it reads".to_owned());
    }
    let area = context.base.area_of(&path);
    let public = is_public(&path.to_string_lossy());
    let beyond = match area {
        Area::Home | Area::Startup | Area::Device => true,
        Area::System => !public,
        Area::Above => recursive && path != context.base.grounds.root,
        _ => false,
    };
    beyond.then(|| format!("reads outside the project: {}", word.raw))
}

fn is_recursive(program: &str, arguments: &[&Word]) -> bool {
    program == "rg" || option_among(arguments, &["-r", "-R", "--recursive"]).is_some()
}

/// System files that everybody may read.
fn is_public(path: &str) -> bool {
    const FOLDERS: [&str; 8] =
        ["/usr/", "/etc/", "/sys/", "/opt/", "/lib/", "/lib64/", "/bin/", "/nix/"];
    const FILES: [&str; 9] = [
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/version",
        "/proc/loadavg",
        "/proc/uptime",
        "/proc/mounts",
        "/proc/self/status",
        "/proc/filesystems",
        "/proc/stat",
    ];
    FOLDERS.iter().any(|folder| path.starts_with(folder)) || FILES.contains(&path)
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
