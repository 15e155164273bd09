//! Programs that only read, and what makes them do more.

use distiq_lang::shell::{Command, Expands, Word};

use super::commands::{Context, allow, ask};
use super::danger::has;
use super::options::{self, Kind, Scan};
use super::paths::{Area, Secret};
use super::shell_line::{is_powerful, written};
use super::values::Class;
use super::{Part, awk, find_rules, sed, targets};

/// Returns the verdict on a program that is known to read; `None` where it is not.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    if let Some(part) = special(program, arguments, command, context) {
        return Some(part);
    }
    let first = arguments.first().map_or("", |word| word.text.as_str());
    let (row, arguments) = match options::find(&format!("{program}:{first}")) {
        Some(row) => (row, arguments.get(1..).unwrap_or_default()),
        None => (options::find(program)?, arguments),
    };
    let scan = match row.scan(arguments, |word| may_be_option(word, context)) {
        Ok(scan) => scan,
        Err(reason) => {
            let reason = format!("{program}: {reason}");
            return Some(targets::changes(&[], &reason, command, context));
        }
    };
    if let Some(part) = writes(&scan, context) {
        return Some(part);
    }
    if command.partial && !row.is_total && context.values.piped(context.index) == Class::Text {
        return Some(Part { writes: true, ..ask("only the run tells its options") });
    }
    Some(by_kind(program, row.kind, &scan, command, context))
}

fn by_kind(
    program: &str,
    kind: Kind,
    scan: &Scan<'_>,
    command: &Command,
    context: &Context<'_>,
) -> Part {
    let mut operands = scan.operands.clone();
    match kind {
        Kind::Nothing => return allow("only reads or prints"),
        Kind::Names => return allow("only reads names"),
        Kind::None if !operands.is_empty() => {
            return Part { writes: true, ..ask(format!("{program} does more with arguments")) };
        }
        Kind::None => return allow("only reads or prints"),
        Kind::One if operands.len() > 1 => {
            return targets::changes(
                operands.get(1..).unwrap_or_default(),
                "writes its second file",
                command,
                context,
            );
        }
        Kind::Pattern if !scan.has_pattern && !operands.is_empty() => {
            let pattern = operands.remove(0);
            if matches!(program, "jq" | "gojq" | "jaq" | "yq") && queries_more(pattern) {
                return ask("reads the environment or other files");
            }
        }
        _ => {}
    }
    if matches!(program, "fd" | "fdfind") {
        return allow("only reads names");
    }
    contents(program, &operands, &scan.reads, command, context)
}

fn writes(scan: &Scan<'_>, context: &Context<'_>) -> Option<Part> {
    scan.writes
        .iter()
        .filter_map(|word| written(context.base.area(word), &word.raw))
        .max_by_key(|part| part.verdict)
}

/// Programs with rules of their own.
fn special(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let first = arguments.first().map_or("", |word| word.text.as_str());
    let bare = arguments.is_empty();
    let operands = || arguments.iter().filter(|word| !word.text.starts_with('-'));
    let part = match program {
        "sed" | "gsed" => sed::judge(arguments, command, context),
        "awk" | "gawk" | "mawk" | "nawk" => awk::judge(arguments, command, context),
        "find" | "gfind" => find_rules::judge(arguments, command, context),
        "printf" if !first.starts_with("-v") => allow("only prints"),
        "printf" => sets(arguments),
        "date" => date(arguments),
        "hostname" if bare || matches!(first, "-s" | "-I") => allow("tells the name"),
        "ps" => {
            let shows = arguments.iter().any(|word| {
                word.text.contains('e') && !word.text.starts_with('-') || !word.literal
            });
            if shows { ask("shows the environment of processes") } else { allow("lists processes") }
        }
        "top" if has(arguments, &["-b", "-bn1", "-bn", "-b1", "-l"]) => allow("lists processes"),
        "set" if !bare && sets_harmlessly(arguments) => allow("sets options of this line's shell"),
        "shopt" => {
            const HARMLESS: [&str; 12] = [
                "-s",
                "-u",
                "-q",
                "-p",
                "nullglob",
                "globstar",
                "failglob",
                "nocaseglob",
                "nocasematch",
                "lastpipe",
                "inherit_errexit",
                "extglob",
            ];
            if arguments.iter().all(|word| HARMLESS.contains(&word.text.as_str())) {
                allow("sets options of this line's shell")
            } else {
                ask("changes how the line is read")
            }
        }
        "export" | "declare" | "typeset" | "readonly" if has(arguments, &["-f", "-F"]) => {
            allow("shows functions")
        }
        "export" | "declare" | "typeset" | "readonly"
            if bare
                || has(arguments, &["-p", "-x"])
                    && !arguments.iter().any(|word| word.text.contains('=')) =>
        {
            ask("prints the environment")
        }
        "export" | "declare" | "typeset" | "readonly" | "local" | "unset" | "read" | "mapfile"
        | "readarray" | "getopts" => sets(arguments),
        "env" | "printenv" if bare => ask("shows the environment"),
        "kill" if matches!(first, "-l" | "-L" | "-0") => allow("asks after a process"),
        "tee" if operands().all(|word| context.base.area(word) == Area::Nowhere) => {
            allow("only prints")
        }
        "dd" => dd(arguments, context),
        "mktemp" if has(arguments, &["-u", "--dry-run"]) => allow("only makes up a name"),
        "bash" | "sh" | "dash"
            if first == "-n"
                && arguments.iter().skip(1).all(|word| !word.text.starts_with(['-', '+']))
                && arguments.len() > 1 =>
        {
            contents(program, arguments.get(1..).unwrap_or_default(), &[], command, context)
        }
        "tar" | "bsdtar" | "gtar" => lists_archive(arguments, command, context)?,
        "unzip" | "zipinfo"
            if matches!(first, "-l" | "-v" | "-t" | "-Z" | "-lv" | "-Z1" | "-p") =>
        {
            contents(program, &operands().copied().collect::<Vec<_>>(), &[], command, context)
        }
        "7z" | "7za" | "unrar" if first == "l" => contents(
            program,
            &operands().skip(1).copied().collect::<Vec<_>>(),
            &[],
            command,
            context,
        ),
        "gzip" | "gunzip" | "bzip2" | "bunzip2" | "xz" | "unxz" | "zstd" | "unzstd" | "lz4" => {
            let prints = arguments.iter().any(|word| {
                matches!(word.text.as_str(), "--stdout" | "--to-stdout" | "--list" | "--test")
                    || (word.text.starts_with('-')
                        && !word.text.starts_with("--")
                        && word.text.contains(['c', 'l', 't']))
            });
            let fed = operands().next().is_none()
                && (command.reads_pipe || command.redirects.iter().any(|r| r.op == "<"));
            if !(prints || fed)
                || has(arguments, &["-o", "--rm"])
                || arguments.iter().any(|word| word.text.starts_with("-o"))
            {
                return None;
            }
            contents(program, &operands().copied().collect::<Vec<_>>(), &[], command, context)
        }
        "man" => {
            let plain = arguments.iter().all(|word| {
                word.literal
                    && (!word.text.starts_with('-')
                        || matches!(word.text.as_str(), "-k" | "-f" | "-w" | "-a"))
                    && !word.text.contains('/')
            });
            if plain && !bare { allow("shows a manual page") } else { return None }
        }
        "lsof" | "netstat"
            if arguments
                .iter()
                .any(|word| word.text.starts_with('-') && word.text.contains('n')) =>
        {
            allow("lists what is open")
        }
        "ip" => {
            let changes = operands().any(|word| {
                !matches!(
                    word.text.as_str(),
                    "a" | "addr"
                        | "address"
                        | "link"
                        | "l"
                        | "route"
                        | "r"
                        | "neigh"
                        | "n"
                        | "rule"
                        | "show"
                        | "list"
                        | "ls"
                        | "dev"
                        | "eth0"
                        | "lo"
                        | "brief"
                        | "get"
                )
            });
            if changes {
                return None;
            }
            allow("lists interfaces")
        }
        "sysctl"
            if operands().all(|word| word.literal && !word.text.contains('='))
                && !has(arguments, &["--load", "-f"]) =>
        {
            allow("only reads")
        }
        "rustc"
            if first == "--print"
                && arguments.len() == 2
                && !arguments.iter().any(|word| word.text.contains('='))
                || matches!(first, "-vV" | "-Vv") && arguments.len() == 1 =>
        {
            allow("tells of itself")
        }
        "gcc" | "g++" | "clang" | "cc"
            if matches!(first, "-dumpversion" | "-dumpmachine") && arguments.len() == 1 =>
        {
            allow("tells of itself")
        }
        "rustup"
            if matches!(
                (first, arguments.get(1).map(|word| word.text.as_str())),
                ("toolchain" | "target" | "component", Some("list"))
            ) =>
        {
            allow("lists what is installed")
        }
        "rustup" if matches!(first, "toolchain" | "target" | "component") => return None,
        "go" if first == "env" && has(arguments, &["-w", "-u"]) => return None,
        "pacman" if first.starts_with("-Q") => allow("lists what is installed"),
        "rpm" if !first.starts_with("-q") && first != "--query" => return None,
        "dpkg"
            if !arguments.iter().any(|word| {
                matches!(
                    word.text.as_str(),
                    "-l" | "-L"
                        | "-s"
                        | "-S"
                        | "-p"
                        | "--list"
                        | "--listfiles"
                        | "--status"
                        | "--search"
                        | "--print-architecture"
                )
            }) =>
        {
            return None;
        }
        "kubectl"
            if matches!(
                (first, arguments.get(1).map(|word| word.text.as_str())),
                ("config", Some("current-context" | "get-contexts" | "get-clusters"))
            ) =>
        {
            allow("tells of its settings")
        }
        _ => return None,
    };
    Some(part)
}

fn sets(arguments: &[&Word]) -> Part {
    // `declare -n r=PATH` gives another variable a second name.
    let renames = arguments.iter().any(|word| {
        word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('n')
    });
    let powerful = arguments.iter().any(|word| {
        !word.literal && !word.text.contains('=')
            || is_powerful(word.text.split(['=', '[', '+']).next().unwrap_or_default())
            || is_powerful(word.text.trim_start_matches("-v"))
    });
    let assigns = arguments.iter().any(|word| word.text.contains('='));
    if powerful || (renames && assigns) {
        ask("changes what programs do")
    } else {
        allow("sets variables of this line")
    }
}

fn sets_harmlessly(arguments: &[&Word]) -> bool {
    let mut named = false;
    for word in arguments {
        let text = word.text.as_str();
        if std::mem::take(&mut named) {
            if !matches!(
                text,
                "pipefail"
                    | "errexit"
                    | "nounset"
                    | "xtrace"
                    | "noglob"
                    | "noclobber"
                    | "errtrace"
                    | "verbose"
                    | "posix"
            ) {
                return false;
            }
            continue;
        }
        if text == "--" || text == "-" {
            return true;
        }
        let Some(flags) = text.strip_prefix(['-', '+']) else { return true };
        if !flags.chars().all(|c| "euxvfCEo".contains(c)) || !word.literal {
            return false;
        }
        named = flags.ends_with('o');
    }
    // A bare `set -o` lists the options.
    true
}

fn date(arguments: &[&Word]) -> Part {
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        match text {
            "-u" | "--utc" | "--universal" | "-R" | "--rfc-email" | "--debug" | "-j" | "--help"
            | "--version" => {}
            "-d" | "--date" | "-r" | "--reference" => {
                rest.next();
            }
            // BSD's format of the date that follows, beside `-j`.
            "-f" | "-v"
                if arguments
                    .iter()
                    .any(|word| word.text.starts_with("-j") || word.text == "-v") =>
            {
                rest.next();
            }
            _ if text.starts_with("-I")
                || text.starts_with("--iso-8601")
                || text.starts_with("--rfc-3339=")
                || text.starts_with("--date=")
                || text.starts_with("--reference=")
                || text.starts_with("-d")
                || text.starts_with("-v") => {}
            _ if text.starts_with('+') => {}
            _ if has(arguments, &["-j"]) && word.literal => {}
            _ => return ask("may set the clock"),
        }
    }
    allow("tells a time")
}

fn dd(arguments: &[&Word], context: &Context<'_>) -> Part {
    for word in arguments {
        let Some((name, value)) = word.text.split_once('=') else {
            return Part { writes: true, ..ask("changes files") };
        };
        let path = Word { text: value.to_owned(), ..(*word).clone() };
        match name {
            "of" => {
                if let Some(part) = written(context.base.area(&path), value) {
                    return part;
                }
            }
            "if" => {
                if let Some(reason) = reads_beyond(&path, false, context) {
                    return ask(reason);
                }
            }
            _ => {}
        }
    }
    allow("only reads")
}

/// Judges a `tar` that lists; `None` where it does more.
fn lists_archive(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Option<Part> {
    let (first, rest) = arguments.split_first()?;
    let letters = first.text.strip_prefix('-').unwrap_or(&first.text);
    let lists = first.text == "--list"
        || (letters.contains('t') && letters.chars().all(|c| "tvfzjJa".contains(c)));
    // Made or unpacked to standard output.
    let packs = letters.contains('c')
        && letters.contains('f')
        && letters.chars().all(|c| "cvfzjJa".contains(c));
    let prints = letters.contains('x')
        && letters.contains('O')
        && letters.chars().all(|c| "xOvfzjJa".contains(c));
    if packs
        && rest.first().is_some_and(|word| word.text == "-")
        && rest.iter().skip(1).all(|word| !word.text.starts_with('-') && word.literal)
    {
        return Some(contents("tar", rest.get(1..).unwrap_or_default(), &[], command, context));
    }
    let lists = lists || prints;
    let harmless = rest.iter().all(|word| {
        !word.text.starts_with('-')
            || matches!(
                word.text.as_str(),
                "-f" | "-v" | "-z" | "-j" | "-J" | "-" | "--verbose" | "--wildcards" | "--gzip"
            )
            || word.text.starts_with("--file=")
    });
    if !(lists && harmless && arguments.iter().all(|word| word.literal || word.glob)) {
        return None;
    }
    let files: Vec<&Word> =
        rest.iter().copied().filter(|word| !word.text.starts_with('-')).take(1).collect();
    // A colon names another machine.
    if files.iter().any(|word| word.text.contains(':')) {
        return None;
    }
    Some(contents("tar", &files, &[], command, context))
}

fn queries_more(pattern: &Word) -> bool {
    !pattern.literal && pattern.splits
        || pattern.text.split(|c: char| !c.is_alphanumeric() && c != '$' && c != '_').any(|word| {
            matches!(
                word,
                "env"
                    | "$ENV"
                    | "strenv"
                    | "envsubst"
                    | "load"
                    | "load_str"
                    | "system"
                    | "import"
                    | "include"
                    | "$__prog_args"
                    | "get_search_list"
                    | "input_filename"
            )
        })
}

/// Tells whether a word that is not literal may become an option.
pub(super) fn may_be_option(word: &Word, context: &Context<'_>) -> bool {
    if word.literal || word.tilde {
        return false;
    }
    if word.spans.is_empty() {
        // A pattern becomes an option where a file is called so.
        return word.text.starts_with(['*', '?', '[']) && has_dashed_file(context);
    }
    let begins = word.spans.first().is_some_and(|span| span.start == 0);
    // What is not quoted may become several words, each an option.
    let splits = word.spans.iter().any(|span| !span.quoted && span.expands != Expands::Process);
    if !begins && !splits {
        return false;
    }
    if word.spans.iter().all(|span| span.expands == Expands::Process) {
        return false;
    }
    context.values.class(word, context.index) == Class::Text || has_dashed_file(context)
}

/// Tells whether a file of the working directory may be taken for an option.
pub(super) fn has_dashed_file(context: &Context<'_>) -> bool {
    const MOST: usize = 5_000;
    let Some(Ok(entries)) = context.base.cwd.as_ref().map(std::fs::read_dir) else { return true };
    let mut entries = entries.flatten();
    entries.by_ref().take(MOST).any(|entry| entry.file_name().to_string_lossy().starts_with('-'))
        || entries.next().is_some()
}

/// Programs whose first argument is a pattern or a script, unless an option brings it.
const PATTERNED: [&str; 17] = [
    "grep", "egrep", "fgrep", "zgrep", "rg", "ag", "sed", "awk", "gawk", "mawk", "jq", "yq", "tr",
    "gsed", "ggrep", "ack", "find",
];

/// Returns which arguments are patterns or scripts and no files, by index.
pub(super) fn pattern_arguments(program: &str, arguments: &[&Word]) -> Vec<usize> {
    if !PATTERNED.contains(&program) {
        return Vec::new();
    }
    let mut skipped = Vec::new();
    let mut given = program == "find";
    for (index, word) in arguments.iter().enumerate() {
        let text = word.text.as_str();
        match text {
            "-e" | "--regexp" | "--expression" | "--include" | "--exclude" | "--exclude-dir"
            | "--glob" | "-g" | "-A" | "-B" | "-C" | "-m" | "--arg" | "-name" | "-iname"
            | "-path" | "-not" | "-F" | "-v"
                if !(program == "grep" && matches!(text, "-F" | "-v")) =>
            {
                skipped.push(index + 1)
            }
            _ if text.starts_with("--include=") || text.starts_with("--exclude") => {
                skipped.push(index);
            }
            _ => {}
        }
        let cluster = text.starts_with('-')
            && !text.starts_with("--")
            && text.contains(['e', 'f'])
            && !matches!(program, "jq" | "yq" | "awk" | "gawk");
        let file = matches!(program, "jq" | "yq" | "awk" | "gawk") && text == "-f";
        let long = ["--regexp", "--expression", "--file"].iter().any(|o| text.starts_with(o));
        given |= cluster || file || (long && !text.starts_with("--files"));
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
    files: &[&Word],
    more: &[Word],
    command: &Command,
    context: &Context<'_>,
) -> Part {
    let recursive = is_recursive(program, command);
    for word in files.iter().copied().chain(more) {
        if let Some(reason) = reads_beyond(word, recursive, context) {
            return ask(reason);
        }
    }
    if recursive && context.base.strayed {
        return ask("reads everything below a folder outside the project");
    }
    // `xargs grep -l x` tells which files there are; `xargs cat` what they hold.
    if command.partial && !handed_names_are_narrow(command, context) {
        return ask("only the run tells which files it reads");
    }
    allow("only reads")
}

fn handed_names_are_narrow(command: &Command, context: &Context<'_>) -> bool {
    let class = match command.via.as_deref() {
        Some("xargs") => context.values.piped(context.index),
        _ => context.values.handed_by_find(context.index),
    };
    // A search in all files of the project is as harmless as `grep -r` is.
    let searches = matches!(
        command.program(),
        Some(
            "grep"
                | "egrep"
                | "fgrep"
                | "rg"
                | "wc"
                | "md5sum"
                | "sha256sum"
                | "sha1sum"
                | "cksum"
                | "b3sum"
        )
    );
    class == Class::Names || (class == Class::AnyNames && searches)
}

/// Says why a file that is read is not surely one of the project's or the system's public ones.
pub(super) fn reads_beyond(word: &Word, recursive: bool, context: &Context<'_>) -> Option<String> {
    if word.text == "-" || word.text.is_empty() {
        return None;
    }
    // What `find` and `xargs` put there is judged by where it comes from.
    let is_handed = word.text.contains("{}") && !word.literal && word.spans.is_empty();
    let known = word.text.split("{}").next().unwrap_or_default();
    if is_handed
        && context.script.commands.get(context.index).is_some_and(|command| command.partial)
        && !known.starts_with(['/', '~'])
        && !word.text.contains("..")
    {
        return None;
    }
    let base = &context.base;
    if !word.spans.is_empty() && word.spans.iter().all(|span| span.expands == Expands::Process) {
        return None;
    }
    let Some(path) = base.path(word) else {
        let known =
            word.spans.first().map_or("", |span| word.text.get(..span.start).unwrap_or_default());
        let inside = !known.starts_with(['/', '~']) && !word.text.contains("..");
        if inside && !base.strayed && context.values.class(word, context.index) == Class::Names {
            return None;
        }
        return Some("only the run tells which file it reads".to_owned());
    };
    if base.strayed && !word.text.starts_with(['/', '~']) {
        return Some("only the run tells in which folder it reads".to_owned());
    }
    let area = base.area_of(&path);
    let public = is_public(&path.to_string_lossy());
    let beyond = match area {
        Area::Home | Area::Startup | Area::Beyond => true,
        Area::Device => !matches!(path.to_str(), Some("/dev/urandom" | "/dev/random")),
        Area::System => !public,
        Area::Above => recursive && path != base.grounds.root,
        _ => false,
    };
    if beyond {
        return Some(format!("reads outside the project: {}", word.raw));
    }
    (base.secret(word) == Some(Secret::OfProject))
        .then(|| "touches a file that may hold keys or passwords".to_owned())
}

fn is_recursive(program: &str, command: &Command) -> bool {
    program == "rg"
        || program == "ag"
        || command.words.iter().skip(1).any(|word| {
            word.text == "--recursive"
                || (word.text.starts_with('-')
                    && !word.text.starts_with("--")
                    && word.text.contains(['r', 'R']))
        })
}

/// System files that everybody may read.
fn is_public(path: &str) -> bool {
    const FOLDERS: [&str; 8] =
        ["/usr/", "/etc/", "/sys/", "/opt/", "/lib/", "/lib64/", "/bin/", "/nix/"];
    const FILES: [&str; 16] = [
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/version",
        "/proc/loadavg",
        "/proc/uptime",
        "/proc/mounts",
        "/proc/self/status",
        "/proc/filesystems",
        "/proc/stat",
        "/proc/self/mounts",
        "/proc/partitions",
        "/proc/diskstats",
        "/proc/net/dev",
        "/proc/sys/kernel/hostname",
        "/proc/self/limits",
        "/proc/cmdline",
    ];
    /// Accounts are nobody else's business.
    const PRIVATE: [&str; 6] = [
        "/etc/passwd",
        "/etc/sudoers",
        "/etc/group",
        "/etc/ssl/private",
        "/etc/sudoers.d",
        "/etc/ssh",
    ];
    (FOLDERS.iter().any(|folder| path.starts_with(folder)) || FILES.contains(&path))
        && !PRIVATE.iter().any(|private| path.starts_with(private))
}
