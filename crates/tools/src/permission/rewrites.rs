//! Which git commands rewrite or drop history, and which of them the user typed.
//!
//! A mode that asks nothing still asks about these, unless the user's own words hold the command: then it is what was wanted.

use std::collections::HashSet;

/// A kind of rewriting: the subcommand and the option that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rewrite {
    subcommand: &'static str,
    flag: &'static str,
}

/// Most words of a command that are looked at in the user's text.
const MAX_WORDS: usize = 16;
/// Most of one message that is looked at, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The rewriting commands that the user's own words hold.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    rewrites: HashSet<Rewrite>,
}

impl Heard {
    /// Takes in a message of the user; only which kinds of commands it holds is kept.
    pub(crate) fn hear(&mut self, text: &str) {
        let end = (0..=text.len().min(MAX_BYTES)).rev().find(|end| text.is_char_boundary(*end));
        for line in text.get(..end.unwrap_or_default()).unwrap_or_default().lines() {
            self.rewrites.extend(typed(line));
        }
    }

    /// Tells whether the user typed a command of this kind.
    pub(crate) fn holds(&self, rewrite: Rewrite) -> bool {
        self.rewrites.contains(&rewrite)
    }
}

/// Returns the rewriting commands in a line of prose or code.
fn typed(line: &str) -> Vec<Rewrite> {
    const NEGATIONS: [&str; 13] = [
        "not",
        "never",
        "don't",
        "don’t",
        "dont",
        "no",
        "without",
        "avoid",
        "не",
        "никогда",
        "нельзя",
        "без",
        "cannot",
    ];
    const MARKS: [char; 14] =
        ['`', '"', '\'', '.', ',', ';', ':', '(', ')', '«', '»', '!', '?', '*'];
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if word.trim_start_matches(MARKS) != "git" {
            continue;
        }
        let before = words.get(at.saturating_sub(3)..at).unwrap_or_default();
        let negated = before
            .iter()
            .any(|word| NEGATIONS.contains(&word.trim_matches(MARKS).to_lowercase().as_str()));
        let mut command = Vec::new();
        for word in words.iter().skip(at + 1).take(MAX_WORDS) {
            if matches!(*word, "&&" | "||" | "|" | "&" | ";") {
                break;
            }
            command.push(word.trim_matches(MARKS));
            if word.ends_with(MARKS) {
                break;
            }
        }
        found.extend(of(&command).filter(|_| !negated));
    }
    found
}

/// Tells what history a git command with these arguments rewrites.
pub(super) fn of(arguments: &[&str]) -> Option<Rewrite> {
    let mut rest = arguments;
    let subcommand = loop {
        let (first, after) = rest.split_first()?;
        rest = after;
        match *first {
            "-C" | "-c" | "--git-dir" | "--work-tree" | "--namespace" => rest = after.get(1..)?,
            option if option.starts_with('-') => {}
            subcommand => break subcommand,
        }
    };
    by_option(subcommand, rest).or_else(|| by_operand(subcommand, rest))
}

/// The subcommands that rewrite by an option.
fn by_option(subcommand: &str, rest: &[&str]) -> Option<Rewrite> {
    let options = || rest.iter().take_while(|text| **text != "--");
    let short = |letter: char| {
        options()
            .any(|text| text.starts_with('-') && !text.starts_with("--") && text.contains(letter))
    };
    // Git takes any beginning of a long option.
    let long = |option: &str| {
        options().any(|text| {
            let name = text.split('=').next().unwrap_or(text);
            name.len() > 4 && option.starts_with(name)
        })
    };
    let rewrite = |subcommand, flag| Some(Rewrite { subcommand, flag });
    match subcommand {
        "commit" if long("--amend") => rewrite("commit", "--amend"),
        "pull"
            if (short('r') || long("--rebase")) && !options().any(|t| *t == "--rebase=false") =>
        {
            rewrite("pull", "--rebase")
        }
        "branch"
            if short('D')
                || (short('d') || long("--delete")) && (short('f') || long("--force")) =>
        {
            rewrite("branch", "-D")
        }
        "branch" if short('M') => rewrite("branch", "-M"),
        "branch" if short('f') || short('C') || long("--force") => rewrite("branch", "-f"),
        "checkout" if short('B') => rewrite("checkout", "-B"),
        "switch" if short('C') || long("--force-create") => rewrite("switch", "-C"),
        "tag" if short('d') || long("--delete") => rewrite("tag", "-d"),
        "tag" if short('f') || long("--force") => rewrite("tag", "-f"),
        "gc" if options().any(|text| text.starts_with("--prune=")) => rewrite("gc", "--prune"),
        "push" if long("--force-with-lease") && !options().any(|text| *text == "--force") => {
            rewrite("push", "--force-with-lease")
        }
        "push" if short('f') || long("--force") || rest.iter().any(|t| t.starts_with('+')) => {
            rewrite("push", "--force")
        }
        "push" if short('d') || long("--delete") || rest.iter().any(|t| t.starts_with(':')) => {
            rewrite("push", "--delete")
        }
        "push" if long("--mirror") => rewrite("push", "--mirror"),
        _ => None,
    }
}

/// The subcommands that rewrite by what they are told to do.
fn by_operand(subcommand: &str, rest: &[&str]) -> Option<Rewrite> {
    let has = |options: &[&str]| rest.iter().any(|text| options.contains(text));
    let first = rest.iter().copied().find(|text| !text.starts_with('-')).unwrap_or_default();
    let rewrite = |subcommand, flag| Some(Rewrite { subcommand, flag });
    match subcommand {
        // One that is under way was begun before.
        "rebase"
            if !has(&["--abort", "--quit", "--continue", "--skip", "--show-current-patch"]) =>
        {
            rewrite("rebase", "")
        }
        "reset" => resets(rest).and_then(|flag| rewrite("reset", flag)),
        "filter-branch" => rewrite("filter-branch", ""),
        "filter-repo" => rewrite("filter-repo", ""),
        "fast-import" => rewrite("fast-import", ""),
        "update-ref" => rewrite("update-ref", if has(&["-d"]) { "-d" } else { "" }),
        "replace" if !rest.is_empty() && !has(&["-l", "--list"]) => rewrite("replace", ""),
        "prune" if !has(&["-n", "--dry-run"]) => rewrite("prune", ""),
        "reflog" => match first {
            "expire" => rewrite("reflog", "expire"),
            "delete" | "drop" => rewrite("reflog", "delete"),
            _ => None,
        },
        "stash" => match first {
            "drop" => rewrite("stash", "drop"),
            "clear" => rewrite("stash", "clear"),
            _ => None,
        },
        _ => None,
    }
}

/// Tells by which option a `reset` moves the branch to another commit; `""` for none.
fn resets(rest: &[&str]) -> Option<&'static str> {
    const MODES: [&str; 5] = ["--hard", "--soft", "--mixed", "--keep", "--merge"];
    let mode = MODES.into_iter().find(|mode| rest.contains(mode));
    let mut operands =
        rest.iter().take_while(|text| **text != "--").filter(|t| !t.starts_with('-'));
    let commit = *operands.next()?;
    let looks_so = commit.contains(['~', '^', '@', '$', '`'])
        || commit == "ORIG_HEAD"
        || commit.starts_with("origin/")
        || (commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let stays = matches!(commit, "HEAD" | "@");
    let paths = rest.contains(&"--") || operands.next().is_some();
    (!stays && !paths && (mode.is_some() || looks_so)).then(|| mode.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Heard, of};

    fn rewrites(line: &str) -> bool {
        of(&line.split(' ').collect::<Vec<_>>()).is_some()
    }

    #[test]
    fn what_rewrites_history_and_what_does_not() {
        for line in [
            "rebase main",
            "rebase -i HEAD~3",
            "-c core.editor=true rebase -i HEAD~3",
            "-C sub rebase",
            "pull --rebase",
            "pull -r",
            "commit --amend --no-edit",
            "commit -a --amen",
            "reset --hard HEAD~1",
            "reset --hard origin/main",
            "reset --soft HEAD^",
            "reset HEAD~2",
            "reset --hard $x",
            "filter-branch --all",
            "filter-repo --path x",
            "update-ref -d refs/heads/x",
            "branch -D x",
            "branch -fd x",
            "branch --delete --force x",
            "branch -f x HEAD~1",
            "reflog expire --all",
            "gc --prune=now",
            "stash drop",
            "stash clear",
            "tag -f v1",
            "tag -d v1",
            "checkout -B x",
            "switch -C x",
            "replace a b",
            "push --force-with-lease",
            "push origin +main",
        ] {
            assert!(rewrites(line), "{line}");
        }
        for line in [
            "rebase --abort",
            "rebase --continue",
            "pull",
            "pull --rebase=false",
            "commit -m x",
            "commit -am amend",
            "reset",
            "reset --hard",
            "reset --hard HEAD",
            "reset src/main.rs",
            "reset HEAD -- a",
            "branch -d x",
            "branch x",
            "gc",
            "stash",
            "stash pop",
            "stash push -m drop",
            "tag v1",
            "checkout -b x",
            "switch -c x",
            "replace --list",
            "reflog",
            "push -u origin x",
            "merge x",
            "status",
        ] {
            assert!(!rewrites(line), "{line}");
        }
    }

    #[test]
    fn words_of_the_user_count_and_their_negations_do_not() {
        let holds = |text: &str, line: &str| {
            let mut heard = Heard::default();
            heard.hear(text);
            of(&line.split(' ').collect::<Vec<_>>()).is_some_and(|rewrite| heard.holds(rewrite))
        };
        for (text, line) in [
            ("please run `git   rebase -i HEAD~3`.", "rebase main"),
            ("do this:\n  git reset --hard HEAD~1\nthen build", "reset --hard HEAD~2"),
            ("сделай git commit --amend, пожалуйста", "commit --amend --no-edit"),
            ("run git branch -D old && git tag -d v1", "tag -d v1"),
        ] {
            assert!(holds(text, line), "{text}");
        }
        for (text, line) in [
            ("rebase onto main", "rebase main"),
            ("git commit", "commit --amend"),
            ("git reset --soft HEAD~1", "reset --hard HEAD~1"),
            ("never use git rebase here", "rebase main"),
            ("don't `git rebase`", "rebase main"),
            ("не делай git rebase", "rebase main"),
            ("the git log says rebase", "rebase main"),
        ] {
            assert!(!holds(text, line), "{text}");
        }
    }
}
