//! What git already holds: files whose content its index names need not be stored again.
//!
//! Git's index is read, never written, and no filter or hook of the repository runs: a content is taken
//! from git only if its bytes are what git stores, either because nothing converts files here, or because
//! the file was read and has git's id.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::known::Stat;
use super::node::Oid;

/// The largest index that is read: millions of files.
const MAX_INDEX_BYTES: u64 = 256 << 20;
/// The largest attributes file that is read.
const MAX_ATTRIBUTES_BYTES: u64 = 1 << 20;
/// Attributes under which a file's bytes may be others than git's.
const CONVERSIONS: [&str; 6] = ["text", "eol", "crlf", "filter", "ident", "working-tree-encoding"];

/// A file in git's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The content's id.
    pub oid: Oid,
    ctime: (u32, u32),
    mtime: (u32, u32),
    ino: u32,
    size: u32,
}

impl Tracked {
    /// Tells whether the file is as it was when git last looked, by git's own rule.
    pub fn is_unchanged(&self, stat: &Stat) -> bool {
        let time = |ns: i64| {
            let (seconds, rest) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // As git cuts them.
            (seconds as u32, rest as u32)
        };
        #[allow(clippy::cast_possible_truncation)] // As git cuts them.
        let (ino, size) = (stat.ino as u32, stat.size as u32);
        self.mtime == time(stat.mtime_ns)
            && self.ctime == time(stat.ctime_ns)
            && (self.ino, self.size) == (ino, size)
    }
}

/// The repository that the project is in.
#[derive(Debug)]
pub struct Git {
    root: PathBuf,
    folder: PathBuf,
    index: PathBuf,
    /// The project's folder inside the work tree, with `/` at its end, or empty.
    prefix: Vec<u8>,
    /// Which index was read: its time and length.
    read: Option<(i64, u64)>,
    files: HashMap<Vec<u8>, Tracked>,
    folders: std::collections::HashSet<Vec<u8>>,
    converts: Option<bool>,
    reader: Option<Reader>,
}

impl Git {
    /// Finds the repository; `None` where there is none, or git is not to be had.
    pub fn find(root: &Path) -> Option<Self> {
        root.ancestors().find(|folder| folder.join(".git").exists())?;
        let told = output(
            root,
            &[
                "rev-parse",
                "--absolute-git-dir",
                "--git-path",
                "index",
                "--show-object-format",
                "--show-prefix",
            ],
        )?;
        let mut lines = told.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        let (folder, index) = (path(lines.next()?), path(lines.next()?));
        if lines.next()? != b"sha1" {
            return None;
        }
        let prefix = lines.next().unwrap_or_default();
        Some(Self {
            root: root.to_owned(),
            folder,
            index: root.join(index),
            prefix,
            read: None,
            files: HashMap::new(),
            folders: std::collections::HashSet::new(),
            converts: None,
            reader: None,
        })
    }

    /// Reads the index again where it changed.
    pub fn refresh(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let Ok(meta) = fs::metadata(&self.index) else {
            self.files.clear();
            self.folders.clear();
            self.read = None;
            return;
        };
        let stamp = (meta.mtime() * 1_000_000_000 + meta.mtime_nsec(), meta.len());
        if self.read == Some(stamp) || meta.len() > MAX_INDEX_BYTES {
            return;
        }
        self.files = fs::read(&self.index).ok().and_then(|bytes| parse(&bytes)).unwrap_or_default();
        if !self.prefix.is_empty() {
            let prefix = &self.prefix;
            let inside = |(path, tracked): (Vec<u8>, Tracked)| {
                path.strip_prefix(prefix.as_slice()).map(|path| (path.to_vec(), tracked))
            };
            self.files = std::mem::take(&mut self.files).into_iter().filter_map(inside).collect();
        }
        // A file written in the same moment as the index may have changed after git looked.
        let racy = |tracked: &Tracked| {
            let at = i64::from(tracked.mtime.0) * 1_000_000_000 + i64::from(tracked.mtime.1);
            at >= stamp.0 - 20_000_000
        };
        for tracked in self.files.values_mut().filter(|tracked| racy(tracked)) {
            tracked.size = u32::MAX;
        }
        self.folders.clear();
        for path in self.files.keys() {
            let mut end = path.len();
            while let Some(slash) = path.get(..end).and_then(|p| memchr::memrchr(b'/', p)) {
                if !self.folders.insert(path.get(..slash).unwrap_or_default().to_vec()) {
                    break;
                }
                end = slash;
            }
        }
        self.read = Some(stamp);
    }

    /// Returns what the index says of a file.
    pub fn tracked(&self, path: &[u8]) -> Option<&Tracked> {
        self.files.get(path)
    }

    /// Tells whether files are tracked in or below a folder.
    pub fn tracks_below(&self, folder: &[u8]) -> bool {
        self.folders.contains(folder)
    }

    /// Returns the rules of what is ignored that stand outside the work tree.
    pub fn exclude_file(&self) -> PathBuf {
        let told = output(&self.root, &["rev-parse", "--git-path", "info/exclude"]);
        let told = told.map(|line| self.root.join(path(line.trim_ascii_end().to_vec())));
        told.unwrap_or_else(|| self.folder.join("info/exclude"))
    }

    /// Tells whether files may differ from what git stores of them; `attributes` are the attribute files
    /// of the work tree.
    pub fn converts(&mut self, attributes: &[PathBuf]) -> bool {
        let root = &self.root;
        let folder = &self.folder;
        let by_config = *self.converts.get_or_insert_with(|| {
            let Some(config) = output(root, &["config", "--null", "--list"]) else { return true };
            let config = String::from_utf8_lossy(&config).to_lowercase();
            let is_plain = |entry: &str| match entry.split_once('\n') {
                Some(("core.autocrlf", value)) => matches!(value, "false" | "0" | "no" | "off"),
                Some(("core.attributesfile" | "core.worktree", _)) => false,
                _ => true,
            };
            !config.split('\0').all(is_plain)
                || attributes_elsewhere(folder).iter().any(|p| has_conversion(p))
        });
        by_config || attributes.iter().any(|path| has_conversion(path))
    }

    /// Returns a content; `None` where git has it no more.
    pub fn content(&mut self, oid: &Oid) -> Option<Vec<u8>> {
        if self.reader.is_none() {
            self.reader = Reader::start(&self.root);
        }
        let bytes = self.reader.as_mut()?.content(oid);
        if bytes.is_none() {
            // It may be out of step after an answer that was not understood.
            self.reader = None;
        }
        bytes.filter(|bytes| Oid::of(bytes) == *oid)
    }

    /// Ends the process that reads contents.
    pub fn rest(&mut self) {
        self.reader = None;
    }
}

fn attributes_elsewhere(folder: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(home?.join(".config")));
    let mut files = vec![folder.join("info/attributes"), PathBuf::from("/etc/gitattributes")];
    files.extend(config.map(|config| config.join("git/attributes")));
    files
}

/// Tells whether an attributes file names a conversion; one that cannot be read may.
fn has_conversion(path: &Path) -> bool {
    let bytes = match fs::metadata(path) {
        Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
        Ok(meta) if meta.len() > MAX_ATTRIBUTES_BYTES => return true,
        Ok(_) => fs::read(path),
    };
    let Ok(bytes) = bytes else { return true };
    String::from_utf8_lossy(&bytes).lines().filter(|line| !line.trim_start().starts_with('#')).any(
        |line| {
            line.split_whitespace().skip(1).any(|attribute| {
                let name = attribute.split('=').next().unwrap_or_default();
                // A macro may stand for anything but `binary`, which is `-text`.
                CONVERSIONS.contains(&name) || line.starts_with("[attr]")
            })
        },
    )
}

/// Prepares git so that it runs nothing of the repository and takes no lock.
fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
        .arg(root)
        .args(arguments)
        .envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0")])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
        command.env_remove(name);
    }
    command
}

fn output(root: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = command(root, arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// `git cat-file --batch`, which answers one id after another.
#[derive(Debug)]
struct Reader {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    fn start(root: &Path) -> Option<Self> {
        let mut command = command(root, &["cat-file", "--batch"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let ask = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Self { child, ask, answers })
    }

    fn content(&mut self, oid: &Oid) -> Option<Vec<u8>> {
        self.ask.write_all(format!("{oid}\n").as_bytes()).ok()?;
        self.ask.flush().ok()?;
        let mut head = String::new();
        self.answers.read_line(&mut head).ok()?;
        let mut words = head.split_whitespace();
        let is_blob = words.next() == Some(&oid.to_string()) && words.next() == Some("blob");
        let length: usize = words.next().filter(|_| is_blob)?.parse().ok()?;
        let mut bytes = vec![0; length.checked_add(1)?];
        self.answers.read_exact(&mut bytes).ok()?;
        bytes.pop();
        Some(bytes)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads git's index, versions 2 to 4 (git's `index-format` documentation); files in conflict are left out.
fn parse(bytes: &[u8]) -> Option<HashMap<Vec<u8>, Tracked>> {
    let mut rest = bytes.strip_prefix(b"DIRC")?;
    let version = number(&mut rest)?;
    let count = number(&mut rest)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let mut files = HashMap::with_capacity(count.min(1 << 20) as usize);
    let mut name: Vec<u8> = Vec::new();
    for _ in 0..count {
        let begun = rest.len();
        let ctime = (number(&mut rest)?, number(&mut rest)?);
        let mtime = (number(&mut rest)?, number(&mut rest)?);
        let (_device, ino) = (number(&mut rest)?, number(&mut rest)?);
        let mode = number(&mut rest)?;
        let (_uid, _gid, size) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        let (oid, after) = rest.split_first_chunk::<20>()?;
        let (flags, after) = after.split_first_chunk::<2>()?;
        let flags = u16::from_be_bytes(*flags);
        rest = if flags & 0x4000 != 0 { after.get(2..)? } else { after };
        if version == 4 {
            let cut = offset(&mut rest)?;
            name.truncate(name.len().checked_sub(cut)?);
        } else {
            name.clear();
        }
        let end = memchr::memchr(0, rest)?;
        name.extend(rest.get(..end)?);
        rest = rest.get(end..)?;
        if version == 4 {
            rest = rest.get(1..)?;
        } else {
            // One to eight zeros, so that an entry's length is a multiple of eight.
            let used = begun - rest.len();
            rest = rest.get(8 - used % 8..)?;
        }
        let is_file = mode >> 12 == 0o10;
        let stage = flags >> 12 & 3;
        if is_file && stage == 0 {
            files.insert(name.clone(), Tracked { oid: Oid(*oid), ctime, mtime, ino, size });
        }
    }
    Some(files)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*number))
}

/// Reads a number as git's pack format writes offsets.
fn offset(rest: &mut &[u8]) -> Option<usize> {
    let (first, mut after) = rest.split_first()?;
    let mut value = usize::from(first & 0x7f);
    let mut byte = *first;
    while byte & 0x80 != 0 {
        let (next, following) = after.split_first()?;
        (byte, after) = (*next, following);
        value = value.checked_add(1)?.checked_shl(7)? | usize::from(byte & 0x7f);
    }
    *rest = after;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(root: &Path, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
        let output = command.current_dir(root).env("HOME", root).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    #[test]
    fn every_index_version_tells_the_ids_and_only_unchanged_files_are_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        git(root, &["init", "-q"]);
        fs::create_dir_all(root.join("src/deep")).unwrap();
        for n in 0..30 {
            fs::write(root.join(format!("src/deep/file{n}.txt")), format!("content {n}\n"))
                .unwrap();
        }
        fs::write(root.join("top"), "top\n").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        for n in 0..30 {
            let file = fs::File::open(root.join(format!("src/deep/file{n}.txt"))).unwrap();
            file.set_modified(old).unwrap();
        }
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::open(root.join("top")).unwrap().set_modified(later).unwrap();
        for version in ["2", "3", "4"] {
            git(root, &["add", "-A"]);
            git(root, &["update-index", "--index-version", version]);
            let mut found = Git::find(root).unwrap();
            found.refresh();
            for n in 0..30 {
                let path = format!("src/deep/file{n}.txt");
                let tracked = found.tracked(path.as_bytes()).unwrap();
                let content = format!("content {n}\n");
                assert_eq!(tracked.oid, Oid::of(content.as_bytes()), "version {version}");
                assert_eq!(found.content(&{ tracked.oid }).unwrap(), content.as_bytes());
                let stat = Stat::of(&fs::symlink_metadata(root.join(&path)).unwrap());
                assert!(found.tracked(path.as_bytes()).unwrap().is_unchanged(&stat));
            }
            assert!(found.tracks_below(b"src") && found.tracks_below(b"src/deep"));
            assert!(!found.tracks_below(b"sr") && found.tracked(b"none").is_none());
            // Written no earlier than the index, as far as anybody can tell.
            let stat = Stat::of(&fs::symlink_metadata(root.join("top")).unwrap());
            assert!(!found.tracked(b"top").unwrap().is_unchanged(&stat));
        }
        // From a folder inside, paths are relative to it.
        let mut inner = Git::find(&root.join("src")).unwrap();
        inner.refresh();
        assert!(inner.tracked(b"deep/file1.txt").is_some());
    }

    #[test]
    fn conversions_are_seen_wherever_they_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        git(root, &["init", "-q"]);
        let attributes = root.join(".gitattributes");
        let check = |text: &str| {
            fs::write(&attributes, text).unwrap();
            Git::find(root).unwrap().converts(std::slice::from_ref(&attributes))
        };
        assert!(!check("# *.c text\n*.png binary\n*.bin -text -diff\n*.rs linguist-generated\n"));
        for text in ["* text=auto\n", "*.psd filter=lfs -text\n", "*.c ident\n", "*.sh eol=lf\n"] {
            assert!(check(text), "{text}");
        }
        assert!(!check(""));
        git(root, &["config", "core.autocrlf", "true"]);
        assert!(check(""));
    }

    #[test]
    fn damaged_indexes_are_no_panic() {
        for length in 0..200 {
            let bytes: Vec<u8> = b"DIRC\0\0\0\x04\0\0\0\x09"
                .iter()
                .copied()
                .chain((0..length).map(|n| n as u8 | 0x80))
                .collect();
            let _ = parse(&bytes);
        }
    }
}
