//! Git's commands: which only read.

use distiq_lang::shell::Word;

use super::Part;
use super::commands::{allow, ask, deny};
use super::readers::is_no_option;

/// Subcommands that only read, whatever else they are told, apart from the options below.
const READING: &[&str] = &[
    "status",
    "diff",
    "log",
    "show",
    "blame",
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
    "diff-tree",
    "diff-index",
    "cherry",
];

/// Options that make a reader write or run something.
const MORE: &[&str] = &[
    "--output",
    "--ext-diff",
    "--textconv",
    "--open-files-in-pager",
    "-O",
    "--no-index",
    "--exec",
    "--upload-pack",
    "--filters",
];

pub(super) fn judge(arguments: &[&Word]) -> Part {
    let mut rest = arguments.iter().peekable();
    while let Some(word) = rest.next_if(|word| word.text.starts_with('-')) {
        match word.text.as_str() {
            "--no-pager" | "-P" | "--no-optional-locks" | "--version" | "--literal-pathspecs" => {}
            "-C" => {
                rest.next();
            }
            _ => return ask(format!("git {} changes what git does", word.text)),
        }
    }
    let Some(subcommand) = rest.next() else { return allow("shows git's help") };
    let rest: Vec<&str> = rest.map(|word| word.text.as_str()).collect();
    if !subcommand.literal {
        return ask("only the run tells git's subcommand");
    }
    let subcommand = subcommand.text.as_str();
    let more = rest.iter().find(|word| {
        MORE.iter().any(|option| word.starts_with(option))
            || (word.len() > 4 && "--output".starts_with(**word))
    });
    if READING.contains(&subcommand) {
        let unsure = arguments.iter().any(|word| !word.literal && !is_no_option(word));
        return match more {
            Some(option) => ask(format!("git {subcommand} {option} does more than read")),
            None if unsure => ask("only the run tells its options"),
            None => allow("git only reads"),
        };
    }
    listing(subcommand, &rest).unwrap_or_else(|| changing(subcommand, &rest))
}

/// Subcommands that list with no arguments, or with these.
fn listing(subcommand: &str, rest: &[&str]) -> Option<Part> {
    let only = |allowed: &[&str]| rest.iter().all(|word| allowed.contains(word));
    // A filter or a pattern follows, and no option that does more.
    let lists_by = |filters: &[&str], options: &[&str]| {
        rest.first().is_some_and(|word| filters.contains(word))
            && rest.iter().all(|word| {
                !word.starts_with('-') || filters.contains(word) || options.contains(word)
            })
    };
    const SHOWN: [&str; 9] =
        ["-a", "-r", "-v", "-vv", "--list", "--all", "--show-current", "--remotes", "-l"];
    let lists = match subcommand {
        "branch" => {
            only(&SHOWN)
                || lists_by(&["--list", "--contains", "--merged", "--no-merged", "-l"], &SHOWN)
        }
        "tag" => only(&["-l", "--list", "-n"]) || lists_by(&["-l", "--list"], &["-n"]),
        "remote" => only(&["-v", "--verbose", "show"]),
        "stash" => rest.first().is_some_and(|word| matches!(*word, "list" | "show")),
        "worktree" | "submodule" => {
            rest.first().is_some_and(|word| matches!(*word, "list" | "status"))
        }
        "reflog" => rest.is_empty() || rest.first() == Some(&"show"),
        "config" => matches!(rest, ["--get", "user.name" | "user.email" | "init.defaultBranch"]),
        _ => false,
    };
    lists.then(|| allow("git only lists"))
}

fn changing(subcommand: &str, rest: &[&str]) -> Part {
    match subcommand {
        "push" => {
            let forced = rest.iter().any(|word| {
                word.starts_with("--force")
                    || matches!(*word, "--mirror" | "--delete" | "--prune")
                    || (word.starts_with('-')
                        && !word.starts_with("--")
                        && word.contains(['f', 'd']))
                    || (word.starts_with('+') || word.starts_with(':'))
            });
            if forced {
                return deny("rewrites or deletes what others have");
            }
            Part { network: true, outside: true, ..ask("sends commits out") }
        }
        "fetch" | "pull" | "clone" | "ls-remote" => {
            Part { network: true, writes: subcommand != "ls-remote", ..ask("uses the network") }
        }
        "config" if rest.iter().any(|word| matches!(*word, "--global" | "--system")) => {
            deny("changes git's settings beyond the project")
        }
        "config"
            if rest.iter().any(|word| word.contains("sslVerify") || word.contains("hooksPath")) =>
        {
            deny("turns a safeguard off or adds a hook")
        }
        "filter-branch" | "filter-repo" | "update-ref" | "fast-import" => {
            Part { writes: true, ..ask("rewrites history") }
        }
        _ => Part { writes: true, ..ask(format!("git {subcommand} changes the repository")) },
    }
}
