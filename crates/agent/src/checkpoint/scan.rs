//! Finds what changed since the last look, and sees to it that every content is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{SystemTime, UNIX_EPOCH};

use super::CheckpointError;
use super::disk::read_bounded;
use super::git::Git;
use super::known::{Held, Index, Known, What};
use super::node::{Change, Hash, Node, Oid, RawText};
use super::pack::Packs;
use super::record::Packed;
use super::walk::{Found, Kind, Rules, Walk, Walked};

/// The largest file that is kept.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// Most paths of a project.
const MAX_FILES: u64 = 200_000;
/// The most that may have to be read and stored at once.
const MAX_SUM_BYTES: u64 = 2 << 30;
/// Clocks of file systems tick in steps of up to 10 ms; what was written within two may be written again
/// without a new time.
const TICK_NS: i64 = 20_000_000;

/// What a scan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What changed is not the agent's: it is learnt.
    Learn,
    /// What changed is the agent's: it is told.
    Tell,
}

/// Sees the files of a project.
#[derive(Debug)]
pub struct Tracker {
    root: PathBuf,
    without: Vec<PathBuf>,
    index: Index,
    /// Whether the index says how the files were at the last look.
    is_loaded: bool,
    /// How often the store had lost contents when the index was held against it.
    losses: Option<u32>,
    git: Option<Git>,
    rules: Option<Arc<Rules>>,
}

/// A file as it was just read.
struct Fresh {
    bytes: Vec<u8>,
    hash: Hash,
    /// Git's id, where git holds these bytes at this path.
    git: Option<Oid>,
    /// Ready for the store, where nothing is known that it could be a difference from.
    packed: Option<Packed>,
}

impl Tracker {
    /// Begins without knowing anything; `without` are folders that are not looked into.
    pub fn new(root: &Path, without: Vec<PathBuf>) -> Self {
        Self {
            root: root.to_owned(),
            without,
            index: Index::default(),
            is_loaded: false,
            losses: None,
            git: None,
            rules: None,
        }
    }

    /// Returns the repository.
    pub fn git(&mut self) -> Option<&mut Git> {
        self.prepare();
        self.git.as_mut()
    }

    fn prepare(&mut self) {
        if self.rules.is_none() {
            self.git = Git::find(&self.root);
            self.rules = Some(Rules::outside(&self.root, self.git.as_ref()));
        }
        if let Some(git) = &mut self.git {
            git.refresh();
        }
    }

    /// Forgets all; the next look reads what the last whole one left.
    fn forget(&mut self) {
        self.index = Index::default();
        self.is_loaded = false;
    }

    /// Reads what the last look of any session left. Later ones do not matter: what another session learnt in
    /// the middle of a call must not hide what the call changed.
    fn load(&mut self, known: &Path) -> bool {
        if let Some(index) = Index::load(known) {
            self.index = index;
            self.is_loaded = true;
            self.losses = None;
        }
        self.is_loaded
    }

    /// Sees to it that the index names no content which the store has lost: it must be read again, or, in
    /// the middle of a call, counts as not kept.
    fn hold_against(&mut self, packs: &Packs, purpose: Purpose) {
        if self.losses == Some(packs.losses) {
            return;
        }
        let is_lost = |known: &Known| match &known.what {
            What::File(Held::Kept(hash)) => !packs.contains(hash),
            What::File(Held::No) => known.stat.size <= MAX_FILE_BYTES,
            _ => false,
        };
        if purpose == Purpose::Learn {
            self.index.files.retain(|_, known| !is_lost(known));
            self.losses = Some(packs.losses);
        } else {
            for known in self.index.files.values_mut().filter(|known| is_lost(known)) {
                known.what = What::File(Held::No);
            }
        }
    }

    /// Looks at all files; the caller holds the project's lock. Returns what changed where that is
    /// asked for.
    ///
    /// # Errors
    /// [`CheckpointError::TooLarge`], or as the store tells; nothing is learnt then.
    pub fn scan(
        &mut self,
        packs: &mut Packs,
        known: &Path,
        purpose: Purpose,
    ) -> Result<Vec<Change>, CheckpointError> {
        let changes = self.look(packs, known, purpose);
        if changes.is_err() {
            self.forget();
        }
        changes
    }

    fn look(
        &mut self,
        packs: &mut Packs,
        known: &Path,
        purpose: Purpose,
    ) -> Result<Vec<Change>, CheckpointError> {
        self.prepare();
        let was_known = self.is_loaded || self.load(known);
        self.hold_against(packs, purpose);
        self.index.scan += 1;
        let now = now_ns();
        let walk = Walk {
            root: &self.root,
            index: &self.index,
            git: self.git.as_ref(),
            rules: self.rules.clone().unwrap_or_default(),
            without: &self.without,
            max_files: MAX_FILES,
        };
        let mut walked =
            walk.run().map_err(|source| CheckpointError::Project(self.root.clone(), source))?;
        if walked.is_too_large {
            return Err(CheckpointError::TooLarge("more than 200,000 files"));
        }
        let gone = self.gone(&walked.blind);
        if walked.found.is_empty() && gone.is_empty() && was_known {
            return Ok(Vec::new());
        }
        if purpose == Purpose::Tell && !was_known {
            // All files would look as if the call had made them, and an undo would remove them.
            return Err(CheckpointError::Forgotten);
        }
        walked.found.sort_by(|a, b| a.path.cmp(&b.path));
        let mut changes = self.take_found(packs, walked, purpose, now)?;
        for path in gone {
            let Some(known) = self.index.files.remove(&path) else { continue };
            if purpose == Purpose::Tell {
                let before = Some(self.old_node(&known, packs)?);
                let minor = known.minor;
                changes.push(Change {
                    path: RawText(path),
                    before,
                    after: None,
                    minor,
                    unsure: false,
                });
            }
        }
        packs.flush()?;
        // Others read more again where it cannot be written; nothing else hangs on it.
        let folder = known.parent().map_or(Ok(()), distiq_base::atomic::create_private_dir);
        let _ = folder.and_then(|()| self.index.save(known));
        self.is_loaded = true;
        if let Some(git) = &mut self.git {
            git.rest();
        }
        Ok(changes)
    }

    /// Returns the known paths that the scan did not meet.
    fn gone(&self, blind: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let is_below_blind = |path: &[u8]| {
            blind.iter().any(|folder| {
                let rest = path.strip_prefix(folder.as_slice());
                folder.is_empty()
                    || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            })
        };
        let scan = self.index.scan;
        let unseen = self
            .index
            .files
            .iter()
            .filter(|(_, known)| known.seen.load(std::sync::atomic::Ordering::Relaxed) != scan);
        let unseen = unseen.map(|(path, _)| path.clone());
        let mut gone: Vec<Vec<u8>> = unseen.filter(|path| !is_below_blind(path)).collect();
        gone.sort_unstable();
        gone
    }

    fn take_found(
        &mut self,
        packs: &mut Packs,
        walked: Walked,
        purpose: Purpose,
        now: i64,
    ) -> Result<Vec<Change>, CheckpointError> {
        let Walked { found, attributes, .. } = walked;
        let converts = self.git.as_mut().is_some_and(|git| git.converts(&attributes));
        let trusted = |found: &Found| {
            let tracked = self.git.as_ref().and_then(|git| git.tracked(&found.path))?;
            let is_trusted = purpose == Purpose::Learn && !converts && found.kind == Kind::File;
            (is_trusted && tracked.is_unchanged(&found.stat)).then_some(tracked.oid)
        };
        let trusted: Vec<Option<Oid>> = found.iter().map(trusted).collect();
        let to_read = found.iter().zip(&trusted).filter(|(found, oid)| {
            oid.is_none() && found.kind == Kind::File && found.stat.size <= MAX_FILE_BYTES
        });
        if to_read.map(|(found, _)| found.stat.size).sum::<u64>() > MAX_SUM_BYTES {
            return Err(CheckpointError::TooLarge("more than 2 GB that git does not hold"));
        }
        let mut changes = Vec::new();
        let mut rest: Vec<(Found, Option<Oid>)> = found.into_iter().zip(trusted).collect();
        while !rest.is_empty() {
            let later = rest.split_off(batch(&rest));
            let fresh = self.read_all(&rest);
            for ((found, trusted), fresh) in rest.into_iter().zip(fresh) {
                let unsure = found.stat.ctime_ns.max(found.stat.mtime_ns) >= now - TICK_NS;
                changes.extend(self.take_one(packs, found, trusted, fresh, unsure, purpose)?);
            }
            rest = later;
        }
        Ok(changes)
    }

    /// Reads files side by side; those that are known to git, too large or gone give nothing.
    fn read_all(&self, batch: &[(Found, Option<Oid>)]) -> Vec<Option<Fresh>> {
        let read = |(found, trusted): &(Found, Option<Oid>)| {
            let is_wanted = found.kind == Kind::File && trusted.is_none();
            let path = self.root.join(RawText(found.path.clone()).path());
            let bytes =
                is_wanted.then(|| read_bounded(&path, MAX_FILE_BYTES).ok()).flatten().flatten()?;
            let tracked = self.git.as_ref().and_then(|git| git.tracked(&found.path));
            let git = tracked.map(|tracked| tracked.oid).filter(|oid| Oid::of(&bytes) == *oid);
            let is_new = git.is_none() && !self.index.files.contains_key(&found.path);
            let packed = is_new.then(|| Packed::new(&bytes));
            let hash = packed.as_ref().map_or_else(|| Hash::of(&bytes), Packed::hash);
            let bytes = if is_new { Vec::new() } else { bytes };
            Some(Fresh { bytes, hash, git, packed })
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        let share = batch.len().div_ceil(threads).max(1);
        if batch.len() < 8 {
            return batch.iter().map(read).collect();
        }
        std::thread::scope(|scope| {
            let parts: Vec<_> = batch
                .chunks(share)
                .map(|part| (part.len(), scope.spawn(move || part.iter().map(read).collect())))
                .collect();
            let joined = parts.into_iter().map(|(length, part)| {
                part.join()
                    .unwrap_or_else(|_| std::iter::repeat_with(|| None).take(length).collect())
            });
            joined.flat_map(|part: Vec<_>| part).collect()
        })
    }

    fn take_one(
        &mut self,
        packs: &mut Packs,
        found: Found,
        trusted: Option<Oid>,
        fresh: Option<Fresh>,
        unsure: bool,
        purpose: Purpose,
    ) -> Result<Option<Change>, CheckpointError> {
        let Found { path, stat, kind, minor } = found;
        let old = self.index.files.remove(&path);
        let (mode, size) = (stat.permissions(), stat.size);
        let mut before = None;
        let (what, after) = match (kind, trusted, fresh) {
            (Kind::Folder, ..) => (What::Folder, Node::Folder { mode }),
            (Kind::Link, ..) => {
                let target = fs::read_link(self.root.join(RawText(path.clone()).path()));
                let target = RawText::of(&target.unwrap_or_default());
                (What::Link(target.0.clone()), Node::Link { target })
            }
            (Kind::File, Some(oid), _) => {
                // Only learnt, so nobody asks for the node.
                (What::File(Held::Git(oid)), Node::Folder { mode })
            }
            (Kind::File, None, Some(fresh)) => {
                let (hash, git) = (fresh.hash, fresh.git);
                let (held, kept) = self.hold(packs, old.as_ref(), fresh, purpose)?;
                before = kept;
                (What::File(held), Node::File { mode, size, hash, git })
            }
            (Kind::File, None, None) => {
                let mtime_ns = stat.mtime_ns;
                (What::File(Held::No), Node::Unkept { mode, size, mtime_ns })
            }
        };
        let mut change = None;
        if purpose == Purpose::Tell {
            let before = match (before, &old) {
                (Some(before), _) => Some(before),
                (None, Some(old)) => Some(self.old_node(old, packs)?),
                (None, None) => None,
            };
            if !super::node::same(before.as_ref(), Some(&after)) {
                let path = RawText(path.clone());
                change = Some(Change { path, before, after: Some(after), minor, unsure: false });
            }
        }
        let seen = AtomicU32::new(self.index.scan);
        self.index.files.insert(path, Known { stat, what, minor, unsure, seen });
        Ok(change)
    }

    /// Sees to it that a file's content is kept: by git, as the difference from what it was, or whole.
    /// Also returns what it was, where that had to be looked up.
    fn hold(
        &mut self,
        packs: &mut Packs,
        old: Option<&Known>,
        fresh: Fresh,
        purpose: Purpose,
    ) -> Result<(Held, Option<Node>), CheckpointError> {
        if let Some(packed) = fresh.packed {
            return Ok((Held::Kept(packs.put(packed)?), None));
        }
        if let Some(oid) = fresh.git {
            return Ok((Held::Git(oid), self.unchanged_in_git(old, oid, fresh.hash)));
        }
        let (bytes, hash) = (fresh.bytes.as_slice(), fresh.hash);
        match old.map(|old| &old.what) {
            Some(What::File(Held::Kept(base))) if !packs.contains(&hash) => {
                let base_bytes = packs.get(base).ok();
                let base = base_bytes.as_deref().map(|bytes| (*base, bytes));
                let packed = packs.pack(bytes, base);
                packs.put(packed)?;
            }
            Some(What::File(Held::Git(oid))) if purpose == Purpose::Tell => {
                return self.hold_beside_git(packs, old, *oid, &fresh);
            }
            _ if !packs.contains(&hash) => {
                packs.put(Packed::new(bytes))?;
            }
            _ => {}
        }
        Ok((Held::Kept(hash), None))
    }

    /// Returns what a file was that git held and still holds at the same path.
    fn unchanged_in_git(&self, old: Option<&Known>, oid: Oid, hash: Hash) -> Option<Node> {
        let old = old.filter(|old| old.what == What::File(Held::Git(oid)))?;
        let (mode, size) = (old.stat.permissions(), old.stat.size);
        Some(Node::File { mode, size, hash, git: Some(oid) })
    }

    /// Keeps a file that was git's: its old content too, since git may clear up, unless both together
    /// would take more room than the file.
    fn hold_beside_git(
        &mut self,
        packs: &mut Packs,
        old: Option<&Known>,
        oid: Oid,
        fresh: &Fresh,
    ) -> Result<(Held, Option<Node>), CheckpointError> {
        let stat = old.map(|old| old.stat).unwrap_or_default();
        let held = Held::Kept(fresh.hash);
        let Some(bytes) = self.git.as_mut().and_then(|git| git.content(&oid)) else {
            packs.keep(&fresh.bytes)?;
            return Ok((held, None));
        };
        let (mode, size) = (stat.permissions(), bytes.len() as u64);
        let base = Packed::new(&bytes);
        let hash = base.hash();
        let delta = Packed::against(&fresh.bytes, (hash, &bytes, 0));
        let most = bytes.len().max(fresh.bytes.len()) as u64;
        // A few bytes more for small files, whose place in the store takes as much as they do.
        let most = most + most / 20 + 256;
        if packs.contains(&hash) || base.stored_bytes() + delta.stored_bytes() <= most {
            // One that is there already may stand on others, so that the difference is made anew.
            let is_there = packs.contains(&hash);
            packs.put(base)?;
            let base = is_there.then_some((hash, bytes.as_slice()));
            let packed = if is_there { packs.pack(&fresh.bytes, base) } else { delta };
            packs.put(packed)?;
            return Ok((held, Some(Node::File { mode, size, hash, git: None })));
        }
        packs.keep(&fresh.bytes)?;
        Ok((held, Some(Node::File { mode, size, hash, git: Some(oid) })))
    }

    /// Returns what a path was; what only git held is taken over, since git may clear up.
    fn old_node(&mut self, old: &Known, packs: &mut Packs) -> Result<Node, CheckpointError> {
        if let Some(node) = old.node() {
            return Ok(node);
        }
        let (mode, size) = (old.stat.permissions(), old.stat.size);
        let bytes = match (&old.what, &mut self.git) {
            (What::File(Held::Git(oid)), Some(git)) => git.content(oid),
            _ => None,
        };
        let Some(bytes) = bytes else {
            return Ok(Node::Unkept { mode, size, mtime_ns: old.stat.mtime_ns });
        };
        let hash = packs.keep(&bytes)?;
        Ok(Node::File { mode, size, hash, git: None })
    }
}

/// Returns how many files are read at once: many small ones, or one large one.
fn batch(files: &[(Found, Option<Oid>)]) -> usize {
    const MOST: usize = 512;
    const MOST_BYTES: u64 = 32 << 20;
    let mut sum = 0;
    let fit = files.iter().take(MOST).take_while(|(found, _)| {
        sum += found.stat.size;
        sum <= MOST_BYTES
    });
    fit.count().max(1)
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
