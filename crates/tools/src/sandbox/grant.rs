//! What a call may do beyond the usual, from the permission that it got.

use super::Grant;
use crate::permission::{Part, Verdict};

/// Git's commands that write the repository and run nothing of the project's by themselves.
const WRITERS: &[&str] = &[
    "add",
    "am",
    "apply",
    "branch",
    "checkout",
    "cherry-pick",
    "clean",
    "clone",
    "commit",
    "config",
    "fetch",
    "gc",
    "init",
    "maintenance",
    "merge",
    "mv",
    "notes",
    "prune",
    "pull",
    "push",
    "rebase",
    "reflog",
    "remote",
    "replace",
    "reset",
    "restore",
    "revert",
    "rm",
    "sparse-checkout",
    "stash",
    "status",
    "submodule",
    "switch",
    "symbolic-ref",
    "tag",
    "update-index",
    "update-ref",
    "worktree",
    "write-tree",
    "commit-tree",
    "read-tree",
];

/// Words by which such a command runs others.
const RUNNERS: &[&str] =
    &["-x", "--exec", "foreach", "--upload-pack", "--receive-pack", "-c", "--config-env"];

/// Settings of git that name no program.
const HARMLESS: &[&str] =
    &["user.", "branch.", "advice.", "color.", "pull.", "push.default", "init.defaultbranch"];

impl Grant {
    /// Returns the grant of a call: `plain` are its parts by the rules alone, `decided` the same parts as the
    /// mode and the user's rules have them, every question among them answered with yes.
    ///
    /// The network is open only for who was asked about it: a mode that asks nothing opens nothing.
    /// `.git` may be written where every part is harmless or a git command that writes.
    pub(crate) fn of(plain: &[Part], decided: &[Part]) -> Self {
        let network = decided.iter().any(|part| part.verdict == Verdict::Ask && part.network);
        let git = plain.iter().any(is_git_writer)
            && plain.iter().all(|part| part.verdict == Verdict::Allow || is_git_writer(part));
        let writers = plain.iter().filter(|part| is_git_writer(part));
        let git_config = git
            && writers.filter_map(|part| part.text.split_once(' ')).all(|(_, rest)| may_set(rest));
        Self { network, git_write: git, git_config }
    }
}

fn is_git_writer(part: &Part) -> bool {
    let mut words = part.text.split_whitespace();
    part.verdict != Verdict::Deny
        && part.writes
        && words.next() == Some("git")
        && words.next().is_some_and(|word| WRITERS.contains(&word))
        && !words.any(|word| RUNNERS.iter().any(|runner| word.starts_with(runner)))
}

/// Tells whether a git command writes no more of git's settings than where branches and remotes are, or a setting
/// that names no program.
fn may_set(rest: &str) -> bool {
    let mut words = rest.split_whitespace();
    if words.next() != Some("config") {
        return true;
    }
    let mut words =
        words.skip_while(|word| ["--local", "--add", "--replace-all", "set"].contains(word));
    words.next().is_some_and(|key| {
        let key = key.to_ascii_lowercase();
        !key.starts_with('-') && HARMLESS.iter().any(|start| key.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, verdict: Verdict, network: bool) -> Part {
        let writes = verdict == Verdict::Ask;
        Part { network, writes, ..Part::new(text, verdict, "") }
    }

    #[test]
    fn only_lines_of_git_commands_write_the_repository() {
        use Verdict::{Allow, Ask};
        for (parts, expected) in [
            (vec![("git add .", Ask), ("git commit -m x", Ask)], true),
            (vec![("cd sub", Allow), ("git commit -m x", Ask), ("git log", Allow)], true),
            (vec![("git status", Allow)], false),
            (vec![("git add .", Ask), ("python3 x.py", Ask)], false),
            (vec![("git rebase -x make main", Ask)], false),
            (vec![("git submodule foreach make", Ask)], false),
            (vec![("git -c alias.x=!make x", Ask)], false),
            (vec![("git x", Ask)], false),
            (vec![("gitk", Ask)], false),
            (vec![], false),
        ] {
            let parts: Vec<Part> =
                parts.into_iter().map(|(text, verdict)| part(text, verdict, false)).collect();
            assert_eq!(Grant::of(&parts, &parts).git_write, expected, "{parts:?}");
        }
    }

    #[test]
    fn settings_that_could_name_a_program_stay_closed() {
        for (text, expected) in [
            ("git config user.name Ada", true),
            ("git config --local user.email a@b", true),
            ("git remote add origin https://example.org/x", true),
            ("git checkout -b x", true),
            ("git config core.fsmonitor ./x", false),
            ("git config --file x user.name y", false),
            ("git config alias.user.name !x", false),
        ] {
            let parts = [part(text, Verdict::Ask, false)];
            assert_eq!(Grant::of(&parts, &parts).git_config, expected, "{text}");
        }
    }

    #[test]
    fn the_network_opens_only_for_who_was_asked() {
        let plain = [part("curl example.org", Verdict::Ask, true)];
        let by_mode = [part("curl example.org", Verdict::Allow, true)];
        assert!(Grant::of(&plain, &plain).network);
        assert!(!Grant::of(&plain, &by_mode).network, "mode full asks nothing");
    }
}
