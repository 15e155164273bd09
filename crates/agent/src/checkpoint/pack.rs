//! Contents by their hash, compressed, in few append-only files.
//!
//! A pack is a row of records; its index file names each with its place, and is read instead of the
//! pack. A record is written before its line in the index, so a killed process leaves at most a
//! record that nobody finds. Every content is checked against its hash when it is read: what is
//! damaged is told, never restored. Whoever writes holds the project's lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::CheckpointError;
use super::node::Hash;
use super::record::{
    Delta, Form, HEAD, LINE, MAGIC, MAX_CHAIN, Packed, Spot, inflate, line, parse_line,
};

/// A pack is closed at this size.
const PACK_BYTES: u64 = 128 << 20;
/// Appended at once.
const WRITE_BYTES: usize = 1 << 20;

/// What is read of an index file so far.
#[derive(Debug, Default)]
struct Read {
    bytes: u64,
}

/// All packs of a project.
#[derive(Debug)]
pub struct Packs {
    folder: PathBuf,
    spots: HashMap<Hash, Spot>,
    packs: BTreeMap<u32, Read>,
    readers: HashMap<u32, File>,
    /// Records and lines that are not written yet.
    pending: HashMap<Hash, Packed>,
    pending_bytes: usize,
    unsynced: HashSet<u32>,
    /// How often contents that had been there may have gone.
    pub losses: u32,
}

impl Packs {
    /// Opens the packs in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let made = distiq_base::atomic::create_private_dir(folder);
        made.map_err(|source| CheckpointError::store(folder, source))?;
        let mut packs = Self {
            folder: folder.to_owned(),
            spots: HashMap::new(),
            packs: BTreeMap::new(),
            readers: HashMap::new(),
            pending: HashMap::new(),
            pending_bytes: 0,
            unsynced: HashSet::new(),
            losses: 0,
        };
        packs.refresh()?;
        Ok(packs)
    }

    fn path(&self, pack: u32, extension: &str) -> PathBuf {
        self.folder.join(format!("{pack:08}.{extension}"))
    }

    /// Sees what other processes wrote since.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn refresh(&mut self) -> Result<(), CheckpointError> {
        let there = self.numbers()?;
        if self.packs.keys().any(|pack| !there.contains(pack)) {
            // Somebody cleared up: all places may be others.
            self.losses += 1;
            self.spots.clear();
            self.packs.clear();
            self.readers.clear();
        }
        for pack in there {
            self.read_index(pack)?;
        }
        Ok(())
    }

    fn numbers(&self) -> Result<Vec<u32>, CheckpointError> {
        let fail = |source| CheckpointError::store(&self.folder, source);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".idx")?.parse::<u32>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read_index(&mut self, pack: u32) -> Result<(), CheckpointError> {
        let path = self.path(pack, "idx");
        let fail = |source| CheckpointError::store(&path, source);
        let read = self.packs.entry(pack).or_default();
        let file = File::open(&path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len() / LINE as u64 * LINE as u64;
        let Some(new) = length.checked_sub(read.bytes).filter(|new| *new > 0) else {
            return Ok(());
        };
        let mut bytes = vec![0; usize::try_from(new).unwrap_or(0)];
        file.read_exact_at(&mut bytes, read.bytes).map_err(fail)?;
        read.bytes = length;
        for line in bytes.chunks_exact(LINE) {
            if let Some((hash, spot)) = parse_line(pack, line) {
                self.spots.insert(hash, spot);
            }
        }
        Ok(())
    }

    /// Tells whether a content is there.
    pub fn contains(&self, hash: &Hash) -> bool {
        self.spots.contains_key(hash) || self.pending.contains_key(hash)
    }

    /// Compresses a content, as the difference from another one that is there where that is shorter.
    pub fn pack(&mut self, bytes: &[u8], base: Option<(Hash, &[u8])>) -> Packed {
        let chain = base.map(|(hash, _)| match (self.pending.get(&hash), self.spots.get(&hash)) {
            (Some(packed), _) => packed.chain,
            (None, Some(spot)) => spot.chain,
            // Not there, so nothing can stand on it.
            (None, None) => MAX_CHAIN,
        });
        match base.zip(chain) {
            Some(((hash, base), chain)) => Packed::against(bytes, (hash, base, chain)),
            None => Packed::new(bytes),
        }
    }

    /// Keeps a content; once, however often it is given.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn put(&mut self, packed: Packed) -> Result<Hash, CheckpointError> {
        let hash = packed.hash;
        if !self.contains(&hash) {
            self.pending_bytes += packed.payload.len();
            self.pending.insert(hash, packed);
            if self.pending_bytes >= WRITE_BYTES {
                self.flush()?;
            }
        }
        Ok(hash)
    }

    /// Compresses and keeps a content.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn keep(&mut self, bytes: &[u8]) -> Result<Hash, CheckpointError> {
        self.put(Packed::new(bytes))
    }

    /// Writes what is pending; a reader in another process sees it from then on.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], for example on a full disk; nothing is torn then.
    pub fn flush(&mut self) -> Result<(), CheckpointError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pack = self.open_pack()?;
        let (pack_path, index_path) = (self.path(pack, "pack"), self.path(pack, "idx"));
        let append = |path: &Path| {
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).mode(0o600).open(path);
            file.map_err(|source| CheckpointError::store(path, source))
        };
        let (mut file, mut index) = (append(&pack_path)?, append(&index_path)?);
        let fail = |source| CheckpointError::store(&pack_path, source);
        let begun = file.metadata().map_err(fail)?.len();
        // A killed process may have left half a line.
        let lines = index.metadata().map_err(fail)?.len() / LINE as u64 * LINE as u64;
        index.set_len(lines).map_err(fail)?;
        let (mut offset, mut records, mut places) = (begun, Vec::new(), Vec::new());
        let mut spots = Vec::with_capacity(self.pending.len());
        for packed in self.pending.values() {
            let stored = u32::try_from(packed.payload.len()).unwrap_or(u32::MAX);
            let Packed { hash, raw, form, chain, .. } = *packed;
            let spot = Spot { pack, offset, stored, raw, form, chain };
            records.extend(MAGIC);
            records.extend(hash.0);
            records.extend(stored.to_le_bytes());
            records.extend(&packed.payload);
            places.extend(line(&hash, &spot));
            offset += HEAD + u64::from(stored);
            spots.push((hash, spot));
        }
        if let Err(source) = file.write_all(&records).and_then(|()| index.write_all(&places)) {
            let _ = index.set_len(lines);
            let _ = file.set_len(begun);
            return Err(fail(source));
        }
        self.packs.entry(pack).or_default().bytes = lines + places.len() as u64;
        self.spots.extend(spots);
        self.pending.clear();
        self.pending_bytes = 0;
        self.unsynced.insert(pack);
        Ok(())
    }

    fn open_pack(&self) -> Result<u32, CheckpointError> {
        let Some(last) = self.numbers()?.last().copied() else { return Ok(1) };
        let size = self.path(last, "pack").metadata().map_or(0, |meta| meta.len());
        Ok(if size < PACK_BYTES { last } else { last + 1 })
    }

    /// Makes what was written survive a power cut.
    pub fn sync(&mut self) {
        for pack in std::mem::take(&mut self.unsynced) {
            for extension in ["pack", "idx"] {
                let _ = File::open(self.path(pack, extension)).and_then(|file| file.sync_data());
            }
        }
    }

    /// Returns a content.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] or [`CheckpointError::Damaged`].
    pub fn get(&mut self, hash: &Hash) -> Result<Vec<u8>, CheckpointError> {
        let bytes = self.unpacked(hash, 0)?;
        if Hash::of(&bytes) == *hash { Ok(bytes) } else { Err(CheckpointError::Damaged(*hash)) }
    }

    fn unpacked(&mut self, hash: &Hash, depth: u32) -> Result<Vec<u8>, CheckpointError> {
        let (form, raw, payload) = match self.pending.get(hash) {
            Some(packed) => (packed.form, packed.raw, packed.payload.clone()),
            None => {
                let spot = *self.spots.get(hash).ok_or(CheckpointError::Missing(*hash))?;
                (spot.form, spot.raw, self.read_record(hash, &spot)?)
            }
        };
        let damaged = || CheckpointError::Damaged(*hash);
        let raw = raw as usize;
        match form {
            Form::Raw => Ok(payload),
            Form::Deflate => inflate(&payload, raw).ok_or_else(damaged),
            Form::Delta if depth > MAX_CHAIN => Err(damaged()),
            Form::Delta => {
                let delta = Delta::parse(&payload).ok_or_else(damaged)?;
                let base = self.unpacked(&delta.base, depth + 1)?;
                delta.apply(&base, raw).ok_or_else(damaged)
            }
        }
    }

    fn read_record(&mut self, hash: &Hash, spot: &Spot) -> Result<Vec<u8>, CheckpointError> {
        let damaged = || CheckpointError::Damaged(*hash);
        let path = self.path(spot.pack, "pack");
        let file = match self.readers.entry(spot.pack) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let file =
                    File::open(&path).map_err(|source| CheckpointError::store(&path, source))?;
                entry.insert(file)
            }
        };
        let mut record = vec![0; HEAD as usize + spot.stored as usize];
        file.read_exact_at(&mut record, spot.offset).map_err(|_| damaged())?;
        let payload = record.split_off(HEAD as usize);
        let is_ours = record.starts_with(MAGIC) && record.get(4..36) == Some(&hash.0);
        if is_ours { Ok(payload) } else { Err(damaged()) }
    }

    /// Returns how many bytes the packs take.
    pub fn bytes(&self) -> u64 {
        super::project::bytes_below(&self.folder)
    }

    /// Removes all contents but the live ones and those that they stand on; returns the bytes won.
    ///
    /// # Errors
    /// [`CheckpointError::Store`]; the old packs are there until the new one is whole.
    pub fn compact(&mut self, live: &HashSet<Hash>) -> Result<u64, CheckpointError> {
        self.flush()?;
        self.refresh()?;
        let old = self.numbers()?;
        let before = self.bytes();
        let garbage: u64 = self
            .spots
            .iter()
            .filter(|(hash, _)| !live.contains(hash))
            .map(|(_, spot)| u64::from(spot.stored))
            .sum();
        // Rewriting everything for a little is not worth it.
        if garbage < before / 4 {
            return Ok(0);
        }
        let Some(next) = old.last().map(|last| last + 1) else { return Ok(0) };
        let fresh_folder = self.folder.join("fresh");
        let _ = fs::remove_dir_all(&fresh_folder);
        let mut fresh = Packs::open(&fresh_folder)?;
        let mut wanted: Vec<Hash> = live.iter().copied().collect();
        while let Some(hash) = wanted.pop() {
            // What is damaged cannot be saved, and must not keep the rest from being cleared.
            let Some(spot) = self.spots.get(&hash).copied() else { continue };
            let Ok(payload) = self.read_record(&hash, &spot) else { continue };
            let base = Delta::parse(&payload).filter(|_| spot.form == Form::Delta);
            wanted.extend(base.map(|delta| delta.base).filter(|base| !fresh.contains(base)));
            let Spot { raw, form, chain, .. } = spot;
            fresh.put(Packed { hash, raw, form, chain, payload })?;
        }
        fresh.flush()?;
        fresh.sync();
        let fail = |source| CheckpointError::store(&self.folder, source);
        for number in fresh.numbers()? {
            // The pack first: without an index nobody sees it.
            for extension in ["pack", "idx"] {
                let to = self.path(next + number, extension);
                fs::rename(fresh.path(number, extension), to).map_err(fail)?;
            }
        }
        let _ = fs::remove_dir(&fresh_folder);
        for number in old {
            for extension in ["idx", "pack"] {
                fs::remove_file(self.path(number, extension)).map_err(fail)?;
            }
        }
        self.refresh()?;
        Ok(before.saturating_sub(self.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seed: usize, lines: usize) -> Vec<u8> {
        (0..lines)
            .flat_map(|n| format!("line {} of {seed}\n", n * 7919 % 1009).into_bytes())
            .collect()
    }

    #[test]
    fn contents_come_back_in_this_and_in_another_process() {
        let folder = tempfile::tempdir().unwrap();
        let mut packs = Packs::open(folder.path()).unwrap();
        let mut other = Packs::open(folder.path()).unwrap();
        let mut all = vec![vec![], b"x".to_vec(), text(1, 500)];
        let mut edited = text(1, 500);
        for round in 0..40 {
            let base = edited.clone();
            edited.splice(100..110, format!("edit {round}").into_bytes());
            all.push(edited.clone());
            packs.keep(&base).unwrap();
            let packed = packs.pack(&edited, Some((Hash::of(&base), &base)));
            packs.put(packed).unwrap();
        }
        let hashes: Vec<Hash> = all.iter().map(|bytes| packs.keep(bytes).unwrap()).collect();
        for (hash, bytes) in hashes.iter().zip(&all) {
            assert_eq!(&packs.get(hash).unwrap(), bytes, "before it is written");
        }
        packs.flush().unwrap();
        other.refresh().unwrap();
        for (hash, bytes) in hashes.iter().zip(&all) {
            assert_eq!(&other.get(hash).unwrap(), bytes);
        }
        let once = text(1, 500).len() as u64;
        assert!(packs.bytes() < once + 40 * 200, "{} of {once}", packs.bytes());
        assert!(matches!(packs.get(&Hash::of(b"no")), Err(CheckpointError::Missing(_))));
    }

    #[test]
    fn a_torn_index_and_a_flipped_bit_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut packs = Packs::open(folder.path()).unwrap();
        let (one, two) = (packs.keep(&text(1, 90)).unwrap(), packs.keep(b"two").unwrap());
        packs.flush().unwrap();
        let index = folder.path().join("00000001.idx");
        OpenOptions::new().append(true).open(&index).unwrap().write_all(b"half a line").unwrap();
        let three = packs.keep(b"three").unwrap();
        packs.flush().unwrap();
        let mut again = Packs::open(folder.path()).unwrap();
        assert_eq!(again.get(&three).unwrap(), b"three");
        let pack = folder.path().join("00000001.pack");
        let mut bytes = fs::read(&pack).unwrap();
        let at = bytes.windows(3).position(|w| w == b"two").unwrap();
        bytes[at] ^= 1;
        fs::write(&pack, bytes).unwrap();
        assert!(matches!(again.get(&two), Err(CheckpointError::Damaged(hash)) if hash == two));
        assert_eq!(again.get(&one).unwrap(), text(1, 90));
    }

    #[test]
    fn what_nobody_needs_goes_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut packs = Packs::open(folder.path()).unwrap();
        let base = text(3, 300);
        let mut child = base.clone();
        child.extend(b"more");
        packs.keep(&base).unwrap();
        let packed = packs.pack(&child, Some((Hash::of(&base), &base)));
        let kept = packs.put(packed).unwrap();
        let gone: Vec<Hash> = (10..40).map(|n| packs.keep(&text(n, 300)).unwrap()).collect();
        packs.flush().unwrap();
        let mut other = Packs::open(folder.path()).unwrap();
        assert!(packs.compact(&HashSet::from([kept])).unwrap() > 0);
        assert_eq!(packs.get(&kept).unwrap(), child);
        other.refresh().unwrap();
        assert_eq!(other.get(&kept).unwrap(), child);
        assert!(gone.iter().all(|hash| !other.contains(hash)));
    }
}
