//! Ignore rules as ripgrep has them: `.distiqignore` before `.ignore` before `.gitignore`, these before a repository's
//! `info/exclude`, and all before the user's own; of each kind the nearest folder's first.
//!
//! Only folders that have such a file take part, so that most paths are held against one or two of them.

use std::ffi::OsStr;
use std::io::{BufRead, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};

/// Files of rules, the weightiest first.
const FILES: [&str; 3] = [".distiqignore", ".ignore", ".gitignore"];
/// What a repository keeps in its folder, and where it keeps rules there.
const REPOSITORY: &str = ".git";
const EXCLUDE: &str = "info/exclude";
/// Most bytes of a file of rules.
const MOST_BYTES: u64 = 1 << 20;
/// The kinds: those files, `info/exclude` and the user's own rules.
const KINDS: usize = FILES.len() + 2;

/// The rules that hold in a folder: its own and those above it, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    kinds: [Option<Arc<Level>>; KINDS],
}

/// Rules of one file.
#[derive(Debug)]
struct Level {
    rules: Gitignore,
    from: From,
    /// Those of the same kind above it.
    above: Option<Arc<Level>>,
}

/// From where a file's rules count paths.
#[derive(Debug)]
enum From {
    /// A folder below the root: so many bytes of a path lead to it.
    Below(usize),
    /// A folder above it: what leads from there to the root, with the `/` behind it.
    Above(Vec<u8>),
}

/// Where rules are looked for: a folder, and what leads from there.
#[derive(Clone, Copy)]
struct Place<'a> {
    folder: BorrowedFd<'a>,
    path: &'a Path,
}

impl Rules {
    /// Returns the rules that come from outside the root: the user's own, and those of the folders above it.
    pub fn outside(root: &Path) -> Self {
        let mut rules = Self::default();
        if let Ok(folder) = std::env::current_dir() {
            let (own, _) = GitignoreBuilder::new(folder).build_global();
            rules
                .add(KINDS - 1, own, || From::Above(root.join("").as_os_str().as_bytes().to_vec()));
        }
        let Ok(absolute) = root.canonicalize() else { return rules };
        let above: Vec<&Path> = absolute.ancestors().skip(1).collect();
        for folder in above.into_iter().rev() {
            let from = || {
                let rest = absolute.strip_prefix(folder).unwrap_or(Path::new("")).join("");
                From::Above(rest.into_os_string().as_bytes().to_vec())
            };
            rules.read(Place { folder: CWD, path: folder }, |_| true, from);
        }
        rules
    }

    /// Returns the rules that hold in a folder whose path is `path` and that has files of rules, as `has` tells.
    pub fn inside(&self, folder: BorrowedFd<'_>, path: &str, has: impl Fn(&str) -> bool) -> Self {
        let mut rules = self.clone();
        let from = || From::Below(if path.is_empty() { 0 } else { path.len() + 1 });
        rules.read(Place { folder, path: Path::new("") }, has, from);
        rules
    }

    /// Tells whether a file's name is one of those that hold rules, or a repository's.
    pub fn is_told_by(name: &[u8]) -> bool {
        name.starts_with(b".")
            && (name == REPOSITORY.as_bytes() || FILES.iter().any(|file| name == file.as_bytes()))
    }

    fn read(&mut self, place: Place<'_>, has: impl Fn(&str) -> bool, from: impl Fn() -> From) {
        for (kind, name) in FILES.iter().enumerate() {
            if has(name)
                && let Some(rules) = place.rules(Path::new(name))
            {
                self.add(kind, rules, &from);
            }
        }
        if has(REPOSITORY)
            && let Some(rules) = place.repository().and_then(|git| place.rules(&git.join(EXCLUDE)))
        {
            self.add(FILES.len(), rules, &from);
        }
    }

    fn add(&mut self, kind: usize, rules: Gitignore, from: impl Fn() -> From) {
        let Some(slot) = self.kinds.get_mut(kind).filter(|_| !rules.is_empty()) else { return };
        *slot = Some(Arc::new(Level { rules, from: from(), above: slot.take() }));
    }

    /// Tells whether a path, relative to the root, is ignored.
    pub fn ignore(&self, path: &[u8], is_folder: bool) -> bool {
        for kind in &self.kinds {
            let mut next = kind.as_deref();
            while let Some(level) = next {
                let matched = match &level.from {
                    From::Below(start) => {
                        let path = path.get(*start..).unwrap_or_default();
                        level.rules.matched(Path::new(OsStr::from_bytes(path)), is_folder)
                    }
                    From::Above(lead) => {
                        let path = [lead.as_slice(), path].concat();
                        level.rules.matched(Path::new(OsStr::from_bytes(&path)), is_folder)
                    }
                };
                if !matched.is_none() {
                    return matched.is_ignore();
                }
                next = level.above.as_deref();
            }
        }
        false
    }
}

impl Place<'_> {
    /// Reads rules; lines that are none are passed over, and so is all behind one that is no text.
    fn rules(&self, file: &Path) -> Option<Gitignore> {
        let bytes = self.text(file)?;
        // Paths are given as they lead on from the folder.
        let mut rules = GitignoreBuilder::new("");
        for (at, line) in bytes.lines().map_while(Result::ok).enumerate() {
            let line = if at == 0 { line.trim_start_matches('\u{feff}') } else { &line };
            let _ = rules.add_line(None, line);
        }
        rules.build().ok()
    }

    /// Returns the folder of the repository whose working files are here, also where `.git` is a file that names it.
    fn repository(&self) -> Option<PathBuf> {
        let stat = statat(self.folder, self.path.join(REPOSITORY), AtFlags::empty()).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Some(PathBuf::from(REPOSITORY));
        }
        let own = self.line(Path::new(REPOSITORY))?;
        let own = PathBuf::from(own.strip_prefix("gitdir: ")?);
        Some(own.join(self.line(&own.join("commondir"))?))
    }

    fn line(&self, file: &Path) -> Option<String> {
        self.text(file)?.lines().next()?.ok()
    }

    /// Reads a file, also along links, as far as rules go; what is no file, such as a pipe, is left alone.
    fn text(&self, file: &Path) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(self.folder, self.path.join(file), flags, Mode::empty()).ok()?;
        let file = std::fs::File::from(file);
        let mut bytes = Vec::new();
        file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        if u64::try_from(bytes.len()).is_ok_and(|read| read == MOST_BYTES) {
            // Half a line would be another rule.
            bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        }
        Some(bytes)
    }
}
