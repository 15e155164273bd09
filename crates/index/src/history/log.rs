//! What git tells of a repository's commits; nothing of the repository's is run.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::place;
use crate::words::holds_key;

/// Most bytes of git's answer that are read; the newest commits come first.
const MOST_BYTES: u64 = 64 << 20;
/// How often a reading is asked whether to end.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How long git may take to answer what takes it milliseconds.
const SHORT: Duration = Duration::from_secs(2);

/// Settings under which git runs nothing: no monitor, no signature's program, no order from a file.
const SETTINGS: [&str; 10] = [
    "--no-pager",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "log.showSignature=false",
    "-c",
    "diff.orderFile=/dev/null",
];
/// What would lead git to another repository.
const LEADING: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_EXTERNAL_DIFF",
];

/// Where a history is read.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The repository around a folder; paths are relative to the folder.
    Folder(PathBuf),
    /// A repository's own folder, without files.
    Bare(PathBuf),
}

/// What a folder's repository has checked out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub id: String,
    /// The folder's path in the repository; empty at its top.
    pub prefix: String,
}

/// What tells without a process whether there is anything new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// A hash of what changes with the commit that is checked out.
    pub now: [u8; 32],
    /// A hash of what stays, as long as old commits do.
    pub ground: [u8; 32],
}

/// A commit as git tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Commit {
    pub id: String,
    /// Seconds since 1970.
    pub time: i64,
    pub message: String,
    /// What it changed.
    pub files: Vec<String>,
    /// Old and new paths of what it moved without a change.
    pub moved: Vec<(String, String)>,
}

/// What is read of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range<'a> {
    /// The newest commit.
    pub from: &'a str,
    /// One that is known, with all before it.
    pub until: Option<&'a str>,
    /// How many of the newest are left out.
    pub skip: u32,
    pub most: u32,
    /// Whether only commits count that changed something in the folder.
    pub is_below: bool,
}

/// When a reading ends.
pub(super) struct Ending<'a> {
    pub at: Instant,
    pub is_cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl Ending<'_> {
    pub fn is_reached(&self) -> bool {
        Instant::now() >= self.at || (self.is_cancelled)()
    }
}

impl Source {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        for name in LEADING {
            command.env_remove(name);
        }
        match self {
            Source::Folder(folder) => command.current_dir(folder),
            Source::Bare(folder) => command.arg("--git-dir").arg(folder),
        };
        command
            .args(SETTINGS)
            .args(arguments)
            // What a partial clone lacks stays missing: no protocol is allowed to fetch it.
            .envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "none")])
            .envs([("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// Returns what is checked out; `None` where there is no repository, no commit or no git.
    pub(super) fn head(&self, ending: &Ending<'_>) -> Option<Head> {
        let at = ending.at.min(Instant::now() + SHORT);
        let ending = Ending { at, is_cancelled: ending.is_cancelled };
        let told = self.output(
            &["rev-parse", "--is-inside-work-tree", "--show-prefix", "HEAD^{commit}"],
            &ending,
        );
        let (bytes, End::Exit(true)) = told? else { return None };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let is_inside = lines.next()? == "true";
        let prefix = lines.next()?;
        let id = lines.next().filter(|id| is_id(id))?;
        is_inside.then(|| Head { id: id.to_owned(), prefix: prefix.to_owned() })
    }

    /// Tells whether one commit comes before another.
    pub(super) fn is_before(&self, old: &str, new: &str, ending: &Ending<'_>) -> bool {
        let told = self.output(&["merge-base", "--is-ancestor", old, new], ending);
        matches!(told, Some((_, End::Exit(true))))
    }

    /// Reads commits, newest first, merges left out; the second is whether the reading came to its end.
    /// `None` where git cannot read them.
    pub(super) fn log(
        &self,
        range: &Range<'_>,
        ending: &Ending<'_>,
    ) -> Option<(Vec<Commit>, bool)> {
        let until = range.until.map(|until| format!("^{until}"));
        let (skip, most) =
            (format!("--skip={}", range.skip), format!("--max-count={}", range.most));
        let mut arguments = vec![
            "log",
            "-z",
            "--no-merges",
            "--name-status",
            // Those with equal contents alone, for which no content is read.
            "-M100%",
            "--relative",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--no-notes",
            "--encoding=UTF-8",
            "--format=%x00%H%x00%ct%x00%B%x00",
            &skip,
            &most,
            range.from,
        ];
        arguments.extend(until.as_deref());
        arguments.push("--");
        if range.is_below {
            arguments.push(".");
        }
        let (bytes, end) = self.output(&arguments, ending)?;
        let commits = parse(&bytes, end == End::Cut);
        match end {
            End::Exit(false) => None,
            End::Exit(true) => Some((commits, true)),
            End::Cut => Some((commits, false)),
        }
    }

    fn output(&self, arguments: &[&str], ending: &Ending<'_>) -> Option<(Vec<u8>, End)> {
        let mut child = Running(self.command(arguments).spawn().ok()?);
        let answer = child.0.stdout.take()?;
        let (send, whole) = channel();
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = answer.take(MOST_BYTES).read_to_end(&mut bytes);
            let _ = send.send(());
            read.map(|_| bytes)
        });
        let mut end = End::Exit(true);
        while let Err(RecvTimeoutError::Timeout) = whole.recv_timeout(ASK_EVERY) {
            if end != End::Cut && ending.is_reached() {
                // Closes the pipe, which ends the reading.
                let _ = child.0.kill();
                end = End::Cut;
            }
        }
        let bytes = reading.join().ok()?.ok()?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length >= MOST_BYTES) {
            let _ = child.0.kill();
            end = End::Cut;
        }
        if end != End::Cut {
            end = End::Exit(child.0.wait().ok()?.success());
        }
        Some((bytes, end))
    }
}

/// How git ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By itself, well or not.
    Exit(bool),
    /// It was ended, or told too much.
    Cut,
}

/// A process that is ended with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads what `git log -z --name-status` prints in our format; of an answer that was cut, the last commit is left out.
fn parse(bytes: &[u8], is_cut: bool) -> Vec<Commit> {
    let mut parts = bytes.split(|byte| *byte == 0).peekable();
    let mut commits = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    while parts.next().is_some_and(<[u8]>::is_empty) {
        let (Some(id), Some(time), Some(message), Some(_)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            break;
        };
        let mut commit = Commit { id: text(id), message: text(message), ..Commit::default() };
        let Some(time) = text(time).parse().ok().filter(|_| is_id(&commit.id)) else { break };
        commit.time = time;
        // The first status stands behind a line end.
        let mut status = parts.peek().and_then(|part| part.strip_prefix(b"\n"));
        while let Some(kind) = status {
            parts.next();
            let Some(path) = parts.next().map(text) else { break };
            if kind.first() == Some(&b'R') {
                let Some(new) = parts.next().map(text) else { break };
                commit.moved.push((path, new.clone()));
                commit.files.push(new);
            } else {
                commit.files.push(path);
            }
            status = parts.peek().copied().filter(|part| !part.is_empty());
        }
        // A name with a key in it is not kept.
        commit.files.retain(|path| !holds_key(path));
        commit.moved.retain(|(old, new)| !holds_key(old) && !holds_key(new));
        commits.push(commit);
    }
    if is_cut {
        commits.pop();
    }
    commits
}

/// Returns the folder of git's own that belongs to the files around a folder; `None` where no repository is.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let mark = root.ancestors().map(|folder| folder.join(".git")).find(|mark| mark.exists())?;
    Some(match mark.is_dir() {
        true => mark,
        // Of a worktree or a submodule: it names the folder.
        false => mark.parent()?.join(small(&mark)?.strip_prefix("gitdir:")?.trim()),
    })
}

/// Returns when git last committed here or checked something out, by the log it keeps of that.
pub(crate) fn moved_head(root: &Path) -> Option<SystemTime> {
    std::fs::metadata(git_folder(root)?.join("logs/HEAD")).ok()?.modified().ok()
}

/// Looks at what is checked out around a folder; `None` where no repository is.
pub(super) fn stamp(root: &Path) -> Option<Stamp> {
    let folder = git_folder(root)?;
    let head = small(&folder.join("HEAD"))?;
    let common = match small(&folder.join("commondir")) {
        Some(named) => folder.join(named.trim()),
        None => folder.clone(),
    };
    let state = |name: &str| {
        let data = std::fs::metadata(common.join(name)).ok();
        let modified = data.as_ref().and_then(|data| data.modified().ok());
        format!("{name} {modified:?} {:?}\n", data.map(|data| data.len()))
    };
    let ground = format!("{}\n{}", folder.display(), state("shallow"));
    let mut now =
        format!("{ground}{head}\n{}{}", state("packed-refs"), state("reftable/tables.list"));
    if let Some(name) = head.strip_prefix("ref:").map(str::trim).filter(|name| is_ref(name)) {
        for folder in [&folder, &common] {
            now.push_str(&small(&folder.join(name)).unwrap_or_default());
        }
    }
    let hash = |text: &str| *blake3::hash(text.as_bytes()).as_bytes();
    Some(Stamp { now: hash(&now), ground: hash(&ground) })
}

fn is_ref(name: &str) -> bool {
    name.starts_with("refs/") && !name.split('/').any(|part| part == "..")
}

/// Reads a short file that is one; a pipe in its place holds nobody up.
fn small(path: &Path) -> Option<String> {
    let file = place::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(4096).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_told_with_their_files_and_moves() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let told = format!(
            "\0{a}\05\0Second\n\nMore\n\0\0\nM\0x.rs\0R100\0old.rs\0new.rs\0\0{b}\04\0Empty\n\0\0"
        );
        let second = Commit {
            id: a,
            time: 5,
            message: "Second\n\nMore\n".into(),
            files: vec!["x.rs".into(), "new.rs".into()],
            moved: vec![("old.rs".into(), "new.rs".into())],
        };
        let empty = Commit { id: b, time: 4, message: "Empty\n".into(), ..Commit::default() };
        assert_eq!(parse(told.as_bytes(), false), [second.clone(), empty]);
        assert_eq!(parse(told.as_bytes(), true), [second]);
        for at in 0..told.len() {
            // Nothing of a cut answer is taken for what it is not.
            let read = parse(&told.as_bytes()[..at], true);
            assert!(read.iter().all(|commit| commit.files.iter().all(|file| told.contains(file))));
        }
        assert_eq!(parse(b"fatal: not a repository", false), []);
    }
}
