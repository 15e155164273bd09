//! Git's commands: which only read.

use std::fs;
use std::path::Path;

use distiq_lang::shell::Word;

use super::commands::{Context, allow, ask, deny};
use super::paths::Area;
use super::readers::{may_be_option, may_hand_options, reads_beyond};
use super::{Part, Verdict};

/// Subcommands that only read, whatever else they are told, apart from the options below.
const READING: &[&str] = &[
    "status",
    "diff",
    "log",
    "show",
    "blame",
    "annotate",
    "shortlog",
    "ls-files",
    "ls-tree",
    "rev-parse",
    "rev-list",
    "describe",
    "merge-base",
    "name-rev",
    "cat-file",
    "for-each-ref",
    "show-ref",
    "grep",
    "whatchanged",
    "count-objects",
    "version",
    "check-ignore",
    "check-attr",
    "check-mailmap",
    "check-ref-format",
    "diff-tree",
    "diff-index",
    "diff-files",
    "cherry",
    "range-diff",
    "show-branch",
    "var",
    "patch-id",
    "stripspace",
    "column",
    "get-tar-commit-id",
    "verify-pack",
];

/// Options that make a reader write or run something.
const MORE: &[&str] = &[
    "--output",
    "--contents",
    "--ext-diff",
    "--textconv",
    "--open-files-in-pager",
    "--exec",
    "--upload-pack",
    "--filters",
    "--in-place",
    "--show-signature",
    "--write-tree",
    "--signature-file",
    "--stdin-packs",
    "--git-dir",
    "--paginate",
];

/// Options before the subcommand that change nothing of note.
const QUIET: &[&str] = &[
    "--no-pager",
    "-P",
    "--no-optional-locks",
    "--version",
    "--literal-pathspecs",
    "--no-replace-objects",
    "--glob-pathspecs",
    "--icase-pathspecs",
    "--help",
    "-v",
    "-h",
];

pub(super) fn judge(arguments: &[&Word], context: &Context<'_>) -> Part {
    let mut rest = arguments.iter().copied().peekable();
    let mut elsewhere = None;
    while let Some(word) = rest.next_if(|word| word.text.starts_with('-')) {
        match word.text.as_str() {
            text if QUIET.contains(&text) => {}
            // The settings that run something made the command opaque.
            "-c" => {
                rest.next();
            }
            "-C" => elsewhere = rest.next(),
            _ => {
                return Part {
                    writes: true,
                    ..ask(format!("git {} changes what git does", word.text))
                };
            }
        }
    }
    let Some(subcommand) = rest.next() else { return allow("shows git's help") };
    if !subcommand.literal {
        return Part { writes: true, ..ask("only the run tells git's subcommand") };
    }
    let words: Vec<&Word> = rest.collect();
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let subcommand = subcommand.text.as_str();
    let part = reading(subcommand, &words, &texts, context)
        .or_else(|| listing(subcommand, &texts))
        .unwrap_or_else(|| changing(subcommand, &texts));
    let part = elsewhere.map_or(part.clone(), |folder| in_folder(part, folder, context));
    let folder = match elsewhere {
        Some(folder) => context.base.path(folder),
        None => context.base.cwd.clone(),
    };
    let root = &context.base.grounds.root;
    if part.verdict == Verdict::Allow
        && folder.is_some_and(|folder| is_other_repository(&folder, root))
    {
        let reason = "reads another repository, whose settings may run programs";
        return Part { writes: true, ..ask(reason) };
    }
    let beyond = match elsewhere {
        Some(folder) => {
            !matches!(context.base.area(folder), Area::Project | Area::Temp | Area::Unknown)
                && !context.base.is_root(folder)
        }
        None => {
            context
                .base
                .cwd
                .as_ref()
                .is_some_and(|cwd| !cwd.starts_with(&context.base.grounds.root))
                && context.base.strayed
        }
    };
    if beyond && part.verdict == Verdict::Ask && destroys(subcommand, &texts) {
        return Part { writes: true, ..deny("destroys changes beyond the project") };
    }
    part
}

/// Tells whether a subcommand throws away what is not committed.
fn destroys(subcommand: &str, texts: &[&str]) -> bool {
    match subcommand {
        "clean" | "rm" => true,
        "reset" => texts.contains(&"--hard"),
        "checkout" | "restore" | "switch" => {
            texts.iter().any(|text| matches!(*text, "." | "-f" | "--force" | "--"))
        }
        "stash" => texts.iter().any(|text| matches!(*text, "drop" | "clear")),
        "branch" => texts.iter().any(|text| matches!(*text, "-D" | "-d" | "--delete")),
        _ => false,
    }
}

/// Judges a command that is told to work in another folder.
/// Tells whether git would read the settings of a repository that is not the project's own: one that lies in the
/// project, bare or not, or elsewhere.
fn is_other_repository(folder: &Path, root: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else { return false };
    for above in folder.ancestors().take_while(|above| *above != root) {
        let own = above.join(".git");
        if let Ok(meta) = fs::symlink_metadata(&own) {
            // A submodule's or a worktree's lie in the project's.
            let target = fs::read_to_string(&own).ok().filter(|_| meta.is_file());
            let target = target.as_deref().and_then(|text| text.strip_prefix("gitdir: "));
            let target = target.and_then(|path| fs::canonicalize(above.join(path.trim())).ok());
            return !target.is_some_and(|target| target.starts_with(root.join(".git")));
        }
        if above.join("HEAD").is_file() && above.join("objects").is_dir() {
            return true;
        }
    }
    false
}

fn in_folder(part: Part, folder: &Word, context: &Context<'_>) -> Part {
    match (context.base.area(folder), part.verdict) {
        (Area::Project | Area::Temp, _) => part,
        (Area::Above, Verdict::Allow) if context.base.is_root(folder) => part,
        (Area::Above, _) if context.base.is_root(folder) => part,
        (_, Verdict::Allow) => ask("reads another repository"),
        _ => Part { outside: true, ..part },
    }
}

fn reading(
    subcommand: &str,
    words: &[&Word],
    texts: &[&str],
    context: &Context<'_>,
) -> Option<Part> {
    let reads = match subcommand {
        // It writes a file for each commit otherwise.
        "format-patch" => {
            texts.contains(&"--stdout")
                && !texts.iter().any(|text| text.starts_with("-o") || text.starts_with("--out"))
        }
        // With three trees it only prints; with two it writes the tree that comes out.
        "merge-tree" => texts.len() == 3 && !texts.iter().any(|text| text.starts_with('-')),
        subcommand => READING.contains(&subcommand),
    };
    if !reads {
        return None;
    }
    let options = texts.iter().take_while(|text| **text != "--");
    let more = options.clone().find(|text| {
        let name = text.split('=').next().unwrap_or(text);
        let short = text.starts_with("-O")
            || (subcommand == "grep"
                && text.starts_with('-')
                && !text.starts_with("--")
                && text.contains('O'));
        short
            || (name.len() > 3
                && MORE.iter().any(|option| option.starts_with(name) || name.starts_with(option)))
    });
    if let Some(option) = more.filter(|option| {
        !matches!(**option, "--no-textconv" | "--no-ext-diff" | "--output-indicator-new")
    }) {
        return Some(Part {
            writes: true,
            ..ask(format!("git {subcommand} {option} does more than read"))
        });
    }
    let mut before_paths = words.iter().take_while(|word| word.text != "--");
    // `… | xargs git log`: what is handed may be options.
    let handed = context.script.commands.get(context.index).is_some_and(|command| {
        command.partial && !texts.contains(&"--") && may_hand_options(command, context)
    });
    if handed || before_paths.any(|word| may_be_option(word, context)) {
        return Some(Part { writes: true, ..ask("only the run tells its options") });
    }
    if subcommand == "var" && texts.contains(&"-l") {
        return Some(ask("shows settings that may hold passwords"));
    }
    if texts.contains(&"--no-index") {
        let beyond = words
            .iter()
            .filter(|word| !word.text.starts_with('-'))
            .find_map(|word| reads_beyond(word, true, context));
        if let Some(reason) = beyond {
            return Some(ask(reason));
        }
    }
    Some(allow("git only reads"))
}

/// Subcommands that list with no arguments, or with these.
fn listing(subcommand: &str, rest: &[&str]) -> Option<Part> {
    let first = rest.first().copied().unwrap_or_default();
    let only = |allowed: &[&str]| {
        rest.iter().all(|word| {
            let name = word.split('=').next().unwrap_or(word);
            allowed.contains(word) || (word.contains('=') && allowed.contains(&name))
        })
    };
    // A filter is there, and no option that does more.
    let lists_by = |filters: &[&str], options: &[&str]| {
        rest.iter().any(|word| filters.contains(&word.split('=').next().unwrap_or(word)))
            && rest.iter().all(|word| {
                let name = word.split('=').next().unwrap_or(word);
                !word.starts_with('-') || filters.contains(&name) || options.contains(&name)
            })
    };
    const SHOWN: [&str; 22] = [
        "-a",
        "-r",
        "-v",
        "-vv",
        "--list",
        "--all",
        "--show-current",
        "--remotes",
        "-l",
        "--verbose",
        "--sort",
        "--format",
        "--color",
        "--no-color",
        "--column",
        "--no-column",
        "-i",
        "--ignore-case",
        "--abbrev",
        "--no-abbrev",
        "-av",
        "-avv",
    ];
    const FILTERS: [&str; 7] =
        ["--list", "--contains", "--no-contains", "--merged", "--no-merged", "-l", "--points-at"];
    let lists = match subcommand {
        "branch" => only(&SHOWN) || lists_by(&FILTERS, &SHOWN),
        "tag" => {
            let numbered = |word: &&str| {
                word.starts_with("-n") && word.bytes().skip(2).all(|b| b.is_ascii_digit())
            };
            let rest_fits = rest.iter().filter(|word| !numbered(word)).copied().collect::<Vec<_>>();
            rest_fits.iter().all(|word| {
                SHOWN.contains(&word.split('=').next().unwrap_or(word)) && word.starts_with('-')
            }) || lists_by(
                &FILTERS,
                &[
                    "-n", "-n1", "-n3", "-n5", "-n9", "--sort", "--format", "--color", "-i",
                    "--column",
                ],
            )
        }
        "remote" => only(&["-v", "--verbose"]) || (first == "get-url" && !rest.contains(&"--add")),
        "stash" => {
            matches!(first, "list" | "show")
                && !rest.iter().any(|word| {
                    word.starts_with("--output")
                        || word.starts_with("--ext")
                        || word.starts_with("--textc")
                })
        }
        "worktree" => first == "list",
        "submodule" => rest.is_empty() || matches!(first, "status" | "summary"),
        "reflog" => {
            rest.is_empty()
                || first == "show"
                || (first.starts_with('-') && !rest.iter().any(|word| word.starts_with("--output")))
                || first == "HEAD"
        }
        "notes" => rest.is_empty() || matches!(first, "list" | "show"),
        "bisect" => matches!(first, "log" | "terms"),
        "sparse-checkout" => first == "list",
        "rerere" => matches!(first, "status" | "remaining"),
        "help" => rest.is_empty() || only(&["-a", "-g", "--all", "--guides"]),
        "fsck" => {
            only(&["--no-progress", "--connectivity-only", "--no-dangling", "--full", "--strict"])
        }
        "config" => reads_setting(rest),
        "hash-object" => !rest.iter().any(|word| matches!(*word, "-w" | "--stdin-paths")),
        "symbolic-ref" => only(&["--short", "-q", "HEAD", "--quiet"]),
        "apply" => {
            rest.iter()
                .any(|word| matches!(*word, "--check" | "--stat" | "--numstat" | "--summary"))
                && rest.iter().all(|word| {
                    !word.starts_with('-')
                        || matches!(
                            *word,
                            "--check" | "--stat" | "--numstat" | "--summary" | "-R" | "-v"
                        )
                })
        }
        "archive" => rest.iter().all(|word| {
            !word.starts_with('-')
                || word.starts_with("--format=")
                || word.starts_with("--prefix=")
                || *word == "--list"
        }),
        _ => false,
    };
    lists.then(|| allow("git only lists"))
}

/// Tells whether `git config` reads a setting that holds no secret.
fn reads_setting(rest: &[&str]) -> bool {
    let harmless = |key: &str| {
        let key = key.to_lowercase();
        key.contains('.')
            && ![
                "credential",
                "token",
                "password",
                "extraheader",
                "secret",
                "helper",
                "insteadof",
                "url.",
            ]
            .iter()
            .any(|word| key.contains(word))
    };
    const SCOPES: [&str; 6] =
        ["--local", "--global", "--system", "--show-origin", "--show-scope", "--null"];
    let rest: Vec<&str> = rest.iter().copied().filter(|word| !SCOPES.contains(word)).collect();
    match rest.as_slice() {
        ["--get" | "--get-all" | "get" | "--bool" | "--int" | "--type=bool" | "--path", key] => {
            harmless(key)
        }
        ["--get-regexp", pattern] => {
            harmless(&pattern.replace('\\', "")) && !pattern.starts_with('.')
        }
        [key] => !key.starts_with('-') && harmless(key),
        _ => false,
    }
}

fn changing(subcommand: &str, rest: &[&str]) -> Part {
    match subcommand {
        "credential" | "credential-store" | "credential-cache" => deny("reads keys"),
        "push" => {
            let forced = rest.iter().any(|word| {
                (word.starts_with("--force")
                    && !word.starts_with("--force-with-lease")
                    && *word != "--force-if-includes")
                    || matches!(*word, "--mirror" | "--delete" | "--prune")
                    || (word.starts_with('-')
                        && !word.starts_with("--")
                        && word.contains(['f', 'd']))
                    || (word.starts_with('+') || word.starts_with(':'))
            });
            if forced {
                return Part { network: true, ..deny("rewrites or deletes what others have") };
            }
            if rest.iter().any(|word| word.contains("://") || word.starts_with("git@")) {
                return Part {
                    network: true,
                    ..deny("sends commits to a place that is not set up")
                };
            }
            Part { network: true, outside: true, ..ask("sends commits out") }
        }
        "send-email" | "request-pull" | "imap-send" => {
            Part { network: true, ..deny("sends data out") }
        }
        "fetch" | "pull" | "clone" | "ls-remote" | "remote"
            if subcommand != "remote"
                || rest.first() == Some(&"show")
                || rest.first() == Some(&"update") =>
        {
            Part { network: true, writes: subcommand != "ls-remote", ..ask("uses the network") }
        }
        "submodule" if matches!(rest.first(), Some(&"update" | &"add")) => {
            Part { network: true, writes: true, ..ask("uses the network") }
        }
        "config"
            if rest.iter().any(|word| {
                word.to_lowercase().contains("sslverify")
                    || word.to_lowercase().contains("hookspath")
            }) =>
        {
            deny("turns a safeguard off or adds a hook")
        }
        "config"
            if rest.iter().any(|word| {
                matches!(
                    *word,
                    "-l" | "--list" | "list" | "--get" | "--get-all" | "--get-regexp" | "get"
                )
            }) =>
        {
            ask("shows settings that may hold passwords")
        }
        "config" if rest.iter().any(|word| matches!(*word, "--global" | "--system")) => {
            Part { writes: true, ..deny("changes git's settings beyond the project") }
        }
        "filter-branch" | "filter-repo" | "update-ref" | "fast-import" => {
            Part { writes: true, ..ask("rewrites history") }
        }
        _ => Part { writes: true, ..ask(format!("git {subcommand} changes the repository")) },
    }
}
