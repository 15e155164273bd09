//! Programs that only read, and what makes them do more.

use distiq_lang::shell::{Command, Expands, Word};

use super::classes::Class;
use super::commands::{Context, allow, ask, deny};
use super::names::{has_dashed_field, has_dashed_file, links_out, pattern_links_out};
use super::options::{self, Kind, Scan};
use super::paths::{Area, Secret};
use super::redirects::written;
use super::{Part, Verdict, specials, targets};

/// Returns the verdict on a program that is known to read; `None` where it is not.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    if let Some(part) = specials::judge(program, arguments, command, context) {
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
    if command.partial && !row.is_total && may_hand_options(command, context) {
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
        // A list of names is read all the same, and its lines are shown.
        Kind::Names => {
            let listed = command.words.iter().filter_map(list_of_names);
            let lists: Vec<Word> = scan.reads.iter().cloned().chain(listed).collect();
            let files: Vec<&Word> = lists.iter().collect();
            if files.iter().any(|file| context.base.secret(file) == Some(Secret::Beyond)) {
                return deny("reads keys, passwords or history");
            }
            return match contents(program, &files, &[], command, context) {
                part if part.verdict == Verdict::Allow || files.is_empty() => {
                    allow("only reads names")
                }
                part => part,
            };
        }
        Kind::None if !operands.is_empty() => {
            return Part { writes: true, ..ask(format!("{program} does more with arguments")) };
        }
        Kind::None => return allow("only reads or prints"),
        // Patterns and expansions may bring a second one.
        Kind::One if operands.len() > 1 || command.partial || operands.iter().any(|o| o.splits) => {
            let second = usize::from(operands.len() > 1);
            return targets::changes(
                operands.get(second..).unwrap_or_default(),
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

/// Returns the file of `--files0-from=FILE`, which may be written shorter.
fn list_of_names(word: &Word) -> Option<Word> {
    let (option, file) = word.text.split_once('=')?;
    let spans = Vec::new();
    let is_list = option.len() > 3 && "--files0-from".starts_with(option);
    is_list.then(|| Word { text: file.to_owned(), spans, ..word.clone() })
}

fn writes(scan: &Scan<'_>, context: &Context<'_>) -> Option<Part> {
    scan.writes
        .iter()
        .filter_map(|word| written(context.base.area(word), &word.raw))
        .max_by_key(|part| part.verdict)
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
    context.values.class(word, context.index) == Class::Text
        || has_dashed_file(context)
        || splits && has_dashed_field(context)
}

/// Tells whether words that come at run time may be options.
pub(super) fn may_hand_options(command: &Command, context: &Context<'_>) -> bool {
    handed(command, context) == Class::Text
        || command.via.as_deref() == Some("xargs")
            && (has_dashed_file(context) || has_dashed_field(context))
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
    // `grep -R` and `rg -L` go where links lead.
    if recursive && follows_links(program, command) && links_out(context) {
        return ask("follows links that lead out of the project");
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

/// Tells what is sure of the words that come at run time.
pub(super) fn handed(command: &Command, context: &Context<'_>) -> Class {
    match command.via.as_deref() {
        Some("xargs") => context.values.piped(context.index),
        _ => context.values.handed_by_find(context.index),
    }
}

fn handed_names_are_narrow(command: &Command, context: &Context<'_>) -> bool {
    let class = handed(command, context);
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
    class == Class::Names
        || class == Class::AnyNames && (searches || finds_no_secret(command, context))
}

/// Tells whether the folders of the project that a `find` goes through hold no secret now.
fn finds_no_secret(command: &Command, context: &Context<'_>) -> bool {
    /// Most entries that are looked at.
    const MOST: usize = 1_000;
    let commands = &context.script.commands;
    let before = commands.iter().take(context.index).rev();
    let source = before.clone().find(|other| match command.via.as_deref() {
        Some("xargs") => {
            other.program() == Some("find")
                && other.pipe.map(|pipe| pipe.id) == command.pipe.map(|pipe| pipe.id)
        }
        via => other.program() == via && via == Some("find"),
    });
    let Some(source) = source else { return false };
    let words: Vec<&Word> = source.words.iter().skip(1).collect();
    let mut folders = Vec::new();
    for word in targets::starts(&words) {
        match context.base.path(word) {
            Some(path) if context.base.area_of(&path) == Area::Project => folders.push(path),
            _ => return false,
        }
    }
    let root = &context.base.grounds.root;
    let mut seen = 0;
    let mut found = !folders.is_empty();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let leaves = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            found &= seen <= MOST && !leaves && !super::secrets::is_secret_of(&path, root);
            if !found {
                return false;
            }
            if is_folder {
                folders.push(path);
            }
        }
    }
    found
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
    if word.glob && pattern_links_out(&path, context) {
        return Some(format!("follows a link out of the project: {}", word.raw));
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

fn follows_links(program: &str, command: &Command) -> bool {
    let letter = if matches!(program, "rg" | "ag") { ['L', 'f'] } else { ['R', 'S'] };
    command.words.iter().skip(1).any(|word| match word.text.strip_prefix("--") {
        Some(long) => long == "follow" || long.starts_with("dereference-r"),
        None => word.text.starts_with('-') && word.text.contains(letter),
    })
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

/// Tells whether a file below `/proc` says of a process only what everybody may know.
fn is_public_process(path: &str) -> bool {
    const FILES: [&str; 18] = [
        "status",
        "stat",
        "statm",
        "cgroup",
        "limits",
        "mounts",
        "mountinfo",
        "comm",
        "sched",
        "schedstat",
        "oom_score",
        "oom_score_adj",
        "loginuid",
        "io",
        "net/dev",
        "net/tcp",
        "net/udp",
        "net/route",
    ];
    let rest = path.strip_prefix("/proc/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(process, file)| {
        (matches!(process, "self" | "thread-self") || process.bytes().all(|b| b.is_ascii_digit()))
            && FILES.contains(&file)
    })
}

/// System files that everybody may read.
fn is_public(path: &str) -> bool {
    const FOLDERS: [&str; 10] = [
        "/usr/",
        "/etc/",
        "/sys/",
        "/opt/",
        "/lib/",
        "/lib64/",
        "/bin/",
        "/nix/",
        "/proc/sys/",
        "/proc/pressure/",
    ];
    const FILES: [&str; 24] = [
        "/proc/vmstat",
        "/proc/swaps",
        "/proc/modules",
        "/proc/devices",
        "/proc/interrupts",
        "/proc/softirqs",
        "/proc/buddyinfo",
        "/proc/locks",
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
    (FOLDERS.iter().any(|folder| path.starts_with(folder))
        || FILES.contains(&path)
        || is_public_process(path))
        && !PRIVATE.iter().any(|private| path.starts_with(private))
}
