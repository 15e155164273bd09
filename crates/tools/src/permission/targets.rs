//! What is deleted, replaced or changed: targets are resolved before a verdict.

use std::path::{Path, PathBuf};

use distiq_lang::shell::{Command, Expands, Word};

use super::commands::{Context, ask, deny};
use super::danger::has;
use super::paths::Area;
use super::redirects::written;
use super::{Part, Verdict};

/// Programs that delete or replace what their arguments name.
const DESTROYERS: &[&str] =
    &["rm", "rmdir", "unlink", "shred", "srm", "trash", "truncate", "wipe", "rimraf", "gio"];

/// Programs that change what their arguments name, or make it.
const CHANGERS: &[&str] = &[
    "chmod", "chown", "chgrp", "touch", "mkdir", "tee", "setfacl", "sponge", "mkfifo", "mknod",
    "patch", "gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd", "dos2unix",
    "unix2dos",
];

/// Programs whose last argument is where they write.
const COPIERS: &[&str] = &["cp", "mv", "install", "rsync", "ln", "scp", "cpio", "ditto"];

/// Returns the verdict where a target lies where nothing may be written or deleted.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    match program {
        _ if DESTROYERS.contains(&program) => destroys(program, arguments, command, context),
        "find" if has(arguments, &["-delete"]) => {
            let starts: Vec<&Word> = starts(arguments)
                // Below the root itself the other conditions decide what goes.
                .filter(|word| !context.base.is_root(word))
                .collect();
            destroys(program, &starts, command, context)
        }
        _ if CHANGERS.contains(&program) => handed(command, context)
            .filter(|_| !matches!(program, "tee" | "touch" | "mkdir"))
            .or_else(|| worst_write(program, arguments, context)),
        _ if COPIERS.contains(&program) => copies(program, arguments, command, context),
        "tar" | "unzip" | "7z" | "bsdtar" => unpacks(program, arguments, context),
        "dd" => arguments
            .iter()
            .find_map(|word| {
                let text = word.text.strip_prefix("of=")?;
                written(context.base.area(&part_of(word, text)), text)
            })
            .filter(|part| part.verdict == Verdict::Deny),
        _ => writes_by_option(arguments, context),
    }
}

pub(super) fn in_place(arguments: &[&Word]) -> bool {
    arguments.iter().any(|word| {
        let text = word.text.as_str();
        text.starts_with("--in-place")
            || (text.starts_with('-')
                && !text.starts_with("--")
                && text.chars().skip(1).take_while(|c| c.is_alphanumeric()).any(|c| c == 'i'))
    })
}

/// Returns a part of a word, at its end.
fn part_of(word: &Word, text: &str) -> Word {
    let skip = word.text.len() - text.len();
    let spans = word
        .spans
        .iter()
        .filter(|span| span.start >= skip)
        .map(|span| distiq_lang::shell::Span {
            start: span.start - skip,
            end: span.end - skip,
            ..span.clone()
        })
        .collect();
    Word { text: text.to_owned(), spans, ..word.clone() }
}

/// Where a `find` begins.
pub(super) fn starts<'a>(arguments: &'a [&'a Word]) -> impl Iterator<Item = &'a Word> {
    arguments
        .iter()
        .copied()
        .skip_while(|word| matches!(word.text.as_str(), "-H" | "-L" | "-P"))
        .take_while(|word| !word.text.starts_with(['-', '(', '!']))
}

/// Judges what a command is handed at run time by `find` or a pipe, by where that begins.
fn handed(command: &Command, context: &Context<'_>) -> Option<Part> {
    if !command.partial {
        return None;
    }
    let before = context.script.commands.iter().take(context.index).rev();
    let source = before.clone().find(|other| match command.via.as_deref() {
        Some("xargs") => {
            other.pipe.map(|pipe| pipe.id) == command.pipe.map(|pipe| pipe.id)
                && other.program() != Some("xargs")
        }
        via => other.program() == via,
    })?;
    let words: Vec<&Word> = source.words.iter().skip(1).collect();
    let reached = match source.program() {
        Some("find" | "gfind") => starts(&words).collect(),
        Some("parallel") => {
            words.iter().copied().skip_while(|word| word.text != ":::").skip(1).collect()
        }
        Some("ls" | "echo" | "printf" | "fd" | "fdfind") => {
            words.iter().copied().filter(|word| word.text.starts_with(['/', '~', '.'])).collect()
        }
        _ => Vec::new(),
    };
    reached.iter().find_map(|word| {
        let area = context.base.area(word);
        let beyond =
            matches!(area, Area::Home | Area::System | Area::Startup | Area::Device | Area::Beyond)
                || (area == Area::Above && !context.base.is_root(word));
        beyond.then(|| Part {
            writes: true,
            ..deny(format!("changes what lies beyond the project: {}", word.raw))
        })
    })
}

/// Judges a deletion by its targets.
fn destroys(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let mut worst = handed(command, context).or_else(|| {
        command
            .partial
            .then(|| Part { writes: true, ..ask("deletes what is only known at run time") })
    });
    let mut values = false;
    for word in arguments {
        if std::mem::take(&mut values) {
            continue;
        }
        if word.text.starts_with('-') {
            values = program == "truncate"
                && matches!(word.text.as_str(), "-s" | "-r" | "--size" | "--reference");
            continue;
        }
        if let Some(reason) = destroyed(program, word, context) {
            worst = Some(Part { writes: true, ..deny(format!("{reason}: {}", word.raw)) });
        }
    }
    worst
}

/// Says why something may not be deleted.
fn destroyed(program: &str, word: &Word, context: &Context<'_>) -> Option<&'static str> {
    let base = &context.base;
    let all_of = word.pattern && word.spans.is_empty() && word.text.ends_with("/*");
    // A link that is removed is not what it points to.
    let removes_link = matches!(program, "rm" | "unlink") && !word.text.ends_with('/');
    let area = if all_of {
        let folder = word.text.trim_end_matches('*').trim_end_matches('/');
        let folder = if folder.is_empty() { "/" } else { folder };
        base.area(&Word {
            text: folder.to_owned(),
            literal: !word.tilde,
            glob: false,
            pattern: false,
            ..word.clone()
        })
    } else if removes_link {
        base.area_of_link(word)
    } else {
        base.area(word)
    };
    match area {
        // All in the root, but not the root: git's files stay.
        Area::Above
            if all_of
                && base
                    .path(&super::values::literal(word.text.trim_end_matches('*')))
                    .is_some_and(|path| path == base.grounds.root) =>
        {
            None
        }
        Area::Above => Some("deletes the project or a folder above it"),
        Area::Git => Some("deletes git's own files"),
        Area::Device | Area::Startup | Area::System | Area::Home | Area::Beyond => {
            Some("deletes beyond the project")
        }
        Area::Unknown if may_be_a_root(word) => {
            Some("may delete beyond the project, where the variable is empty")
        }
        Area::Project | Area::Temp if base.path(word).is_some_and(|path| holds_a_mount(&path)) => {
            Some("deletes what is mounted there")
        }
        Area::Project | Area::Temp | Area::Unknown | Area::Nowhere => None,
    }
}

/// Tells whether a word is a variable that nothing sets with a `/` behind it: `/` where it is empty.
fn may_be_a_root(word: &Word) -> bool {
    let Some(first) = word.spans.first().filter(|span| span.start == 0) else { return false };
    let rest = word.text.get(first.end..).unwrap_or_default();
    matches!(first.expands, Expands::Variable(_)) && rest.starts_with('/')
}

/// Tells whether something else is mounted at a path or below it.
fn holds_a_mount(path: &Path) -> bool {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else { return false };
    mounts.lines().filter_map(|line| line.split(' ').nth(1)).any(|place| {
        let place = PathBuf::from(place.replace("\\040", " "));
        place.starts_with(path)
    })
}

/// Judges a change of files: a question, or worse by where they lie.
pub(in super::super) fn changes(
    files: &[&Word],
    reason: &str,
    command: &Command,
    context: &Context<'_>,
) -> Part {
    let mut part = Part { writes: true, ..ask(reason) };
    if let Some(worse) = handed(command, context) {
        return worse;
    }
    for word in files {
        if let Some(worse) = written(context.base.area(word), &word.raw) {
            part.outside |= worse.outside;
            if worse.verdict == Verdict::Deny && !context.base.is_root(word) {
                return worse;
            }
        }
    }
    part
}

fn worst_write(program: &str, arguments: &[&Word], context: &Context<'_>) -> Option<Part> {
    // The mode or the owner is no file.
    let skip = usize::from(matches!(program, "chmod" | "chown" | "chgrp"));
    let recursive = arguments.iter().any(|word| {
        word.text == "--recursive"
            || (word.text.starts_with('-')
                && !word.text.starts_with("--")
                && word.text.contains('R'))
    });
    arguments
        .iter()
        .filter(|word| !word.text.starts_with('-'))
        .skip(skip)
        .filter(|word| {
            word.text.contains('/')
                || word.tilde
                || context.base.path(word).is_some_and(|p| p.exists())
                || matches!(word.text.as_str(), ".." | "~")
        })
        .filter(|word| recursive || !context.base.is_root(word))
        .filter(|word| !(context.base.is_root(word) && matches!(program, "chmod" | "chgrp")))
        .filter_map(|word| {
            let part = written(context.base.area(word), &word.raw)?;
            let changes_others = matches!(program, "chmod" | "chown" | "chgrp")
                && context.base.area(word) == Area::Home;
            Some(if changes_others && recursive {
                deny(format!("changes what lies beyond the project: {}", word.raw))
            } else {
                part
            })
        })
        .find(|part| part.verdict == Verdict::Deny)
}

fn copies(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    if matches!(program, "rsync" | "scp") && arguments.iter().any(|word| is_remote(&word.text)) {
        return None;
    }
    if program == "mv"
        && let Some(part) = handed(command, context)
    {
        return Some(part);
    }
    let named = arguments.iter().enumerate().find_map(|(at, word)| match word.text.as_str() {
        "-t" | "--target-directory" => arguments.get(at + 1).copied().cloned(),
        text => text.strip_prefix("--target-directory=").map(|text| part_of(word, text)),
    });
    let last = named.clone().or_else(|| arguments.last().copied().cloned())?;
    let into_root = context.base.is_root(&last);
    let target = written(context.base.area(&last), &last.raw);
    let target = target.filter(|part| part.verdict == Verdict::Deny && !into_root);
    if program == "rsync"
        && arguments
            .iter()
            .any(|word| word.text.starts_with("--delete") || word.text == "--remove-source-files")
        && matches!(context.base.area(&last), Area::Home | Area::Beyond | Area::Above)
    {
        return Some(Part {
            writes: true,
            ..deny(format!("deletes beyond the project: {}", last.raw))
        });
    }
    if target.is_some() || program != "mv" {
        return target;
    }
    let sources = if named.is_some() {
        arguments
    } else {
        arguments.split_last().map_or(arguments, |(_, rest)| rest)
    };
    let taken = sources.iter().filter(|word| !word.text.starts_with('-')).find(|word| {
        matches!(
            context.base.area_of_link(word),
            Area::Above
                | Area::Git
                | Area::Home
                | Area::Beyond
                | Area::System
                | Area::Startup
                | Area::Device
        )
    });
    taken.map(|word| deny(format!("moves away what is not the project's: {}", word.raw)))
}

/// Tells whether a word names a place on another machine.
pub(super) fn is_remote(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, path)| {
        !host.contains('/') && !host.is_empty() && !host.starts_with('-') && !path.starts_with('\\')
    })
}

fn unpacks(program: &str, arguments: &[&Word], context: &Context<'_>) -> Option<Part> {
    let mut rest = arguments.iter();
    let mut target = None;
    let mut absolute = false;
    while let Some(word) = rest.next() {
        match (program, word.text.as_str()) {
            ("tar" | "bsdtar", "-C" | "--directory") | ("unzip", "-d") => {
                target = rest.next().copied().cloned()
            }
            ("tar" | "bsdtar", "-P" | "--absolute-names") => absolute = true,
            ("7z", text) if text.starts_with("-o") && text.len() > 2 => {
                target = text.get(2..).map(|text| part_of(word, text))
            }
            ("tar", text) if text.starts_with("--directory=") => {
                target = text.strip_prefix("--directory=").map(|text| part_of(word, text));
            }
            ("tar", text) if text.starts_with("-C") && text.len() > 2 => {
                target = text.get(2..).map(|text| part_of(word, text))
            }
            _ => {}
        }
    }
    let extracts = arguments.first().is_some_and(|word| {
        word.text.trim_start_matches('-').contains('x') && !word.text.starts_with("--")
    }) || has(arguments, &["--extract", "--get"])
        || program != "tar";
    if !extracts {
        // The archive that is made is written.
        let made = arguments.iter().zip(arguments.iter().skip(1)).find(|(option, _)| {
            let option = option.text.trim_start_matches('-');
            option.ends_with('f') && option.contains('c') || option == "file"
        });
        return made
            .and_then(|(_, file)| written(context.base.area(file), &file.raw))
            .filter(|part| part.verdict == Verdict::Deny);
    }
    if absolute && program == "tar" {
        return Some(Part { writes: true, outside: true, ..ask("may unpack beyond the project") });
    }
    let target = target?;
    let part = written(context.base.area(&target), &target.raw)?;
    (part.verdict == Verdict::Deny && !context.base.is_root(&target)).then_some(part)
}

/// Judges `-o FILE` and the like of any program, where the file is one that nothing may write.
fn writes_by_option(arguments: &[&Word], context: &Context<'_>) -> Option<Part> {
    const LONG: [&str; 7] = [
        "--output",
        "--out",
        "--outfile",
        "--output-file",
        "--output-document",
        "--log-file",
        "--output-dir",
    ];
    arguments.iter().enumerate().find_map(|(at, word)| {
        let text = word.text.as_str();
        let file = match text.split_once('=') {
            Some((name, value)) if LONG.contains(&name) => part_of(word, value),
            _ if LONG.contains(&text)
                || (text.starts_with('-')
                    && !text.starts_with("--")
                    && text.ends_with(['o', 'O'])) =>
            {
                (*arguments.get(at + 1)?).clone()
            }
            _ => return None,
        };
        if file.text.starts_with('-') || !file.text.contains('/') {
            return None;
        }
        written(context.base.area(&file), &file.raw)
            .filter(|part| part.verdict == Verdict::Deny && !context.base.is_root(&file))
    })
}
