//! Readers with rules of their own, which no row of the table can say.

use distiq_lang::shell::{Command, Word};

use super::commands::{Context, allow, ask};
use super::danger::has;
use super::paths::Area;
use super::processes::{self, Shown};
use super::readers::{contents, may_be_option, reads_beyond};
use super::redirects::written;
use super::variables::{is_powerful, sets_separators};
use super::{Part, awk, find_rules, sed};

/// Programs with rules of their own.
pub(super) fn judge(
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
        "ps" => match processes::shown(arguments) {
            Shown::Processes => allow("lists processes"),
            _ => ask("shows the environment of processes"),
        },
        "openssl" if first == "x509" && tells_certificate(arguments) => {
            allow("tells of a certificate")
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
            || !sets_separators(word)
                && is_powerful(word.text.split(['=', '[', '+']).next().unwrap_or_default())
            || is_powerful(word.text.trim_start_matches("-v"))
    });
    let assigns = arguments.iter().any(|word| word.text.contains('='));
    if powerful || (renames && assigns) {
        ask("changes what programs do")
    } else {
        allow("sets variables of this line")
    }
}

/// Tells whether `openssl x509` only prints what a certificate says, which is no secret.
pub(super) fn tells_certificate(arguments: &[&Word]) -> bool {
    const VALUED: [&str; 6] = ["-in", "-inform", "-checkend", "-ext", "-nameopt", "-certopt"];
    const PLAIN: [&str; 18] = [
        "-noout",
        "-text",
        "-subject",
        "-issuer",
        "-dates",
        "-startdate",
        "-enddate",
        "-serial",
        "-fingerprint",
        "-sha256",
        "-sha1",
        "-md5",
        "-hash",
        "-purpose",
        "-pubkey",
        "-modulus",
        "-email",
        "-subject_hash",
    ];
    let mut rest = arguments.iter().skip(1);
    while let Some(word) = rest.next() {
        if VALUED.contains(&word.text.as_str()) {
            if rest.next().is_none_or(|value| value.splits) {
                return false;
            }
        } else if !PLAIN.contains(&word.text.as_str()) {
            return false;
        }
    }
    true
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
    let known = |word: &&Word| word.literal || word.glob && !may_be_option(word, context);
    if !(lists && harmless && arguments.iter().all(known)) {
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
