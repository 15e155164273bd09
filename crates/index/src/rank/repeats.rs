//! Which names several segments have, so that each of them counts once.
//!
//! Segments never change, so that what was found out of some holds as long as these stand before all others. It is kept in
//! a file beside them: to find it out takes longer than a search.

use std::fs;
use std::path::{Path, PathBuf};

use distiq_base::atomic;
use serde::{Deserialize, Serialize};

use crate::segment::{Damaged, MENTION, NAME, TermTable};
use crate::snapshot::Part;

/// How much smaller a segment is whose names are looked up in another, not walked through beside it.
const FEW: usize = 16;
/// So many names may be found out anew each time before the file is written again.
const WORTH_KEEPING: usize = 500;
/// The file's name, and what it begins with; the last byte is the format's version.
const FILE: &str = "repeats";
/// A larger file is not what was written.
const MOST_BYTES: u64 = 64 << 20;
const MAGIC: &[u8; 8] = b"DISTIQR\x01";

/// What the file holds of a segment.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    segment: String,
    /// By name whether a segment before has it, eight to a byte; nothing where none is.
    marks: Vec<u8>,
}

/// Tells by segment and name whether a segment before has it, too; nothing of a segment that repeats none. What is known is
/// kept in `folder`.
pub(super) fn repeats(parts: &[Part], folder: &Path) -> Result<Vec<Vec<bool>>, Damaged> {
    let kept = read(&folder.join(FILE)).unwrap_or_default();
    let is_same = |(kept, part): &(&Kept, &Part)| kept.segment == part.name;
    let known = kept.iter().zip(parts).take_while(is_same);
    let mut repeats: Vec<Vec<bool>> = known.map(|(kept, _)| unpack(&kept.marks)).collect();
    if repeats.len() == parts.len() {
        return Ok(repeats);
    }
    let names = parts.iter().map(|part| Names::of(part.segment.terms()));
    let names = names.collect::<Result<Vec<_>, Damaged>>()?;
    let mut found = 0;
    for (at, own) in names.iter().enumerate().skip(repeats.len()) {
        let mut marks = vec![false; own.len()];
        for other in names.iter().take(at) {
            own.mark(other, &mut marks)?;
        }
        repeats.push(if marks.contains(&true) { marks } else { Vec::new() });
        found += own.len();
    }
    if found > WORTH_KEEPING && parts.len() > 1 {
        let parts = parts.iter().zip(&repeats);
        let kept = |(part, marks): (&Part, &Vec<bool>)| Kept {
            segment: part.name.clone(),
            marks: pack(marks),
        };
        // Who cannot write it finds it out again.
        let _ = write(folder.join(FILE), &parts.map(kept).collect::<Vec<_>>());
    }
    Ok(repeats)
}

fn read(path: &Path) -> Option<Vec<Kept>> {
    let is_small = |meta: &fs::Metadata| meta.is_file() && meta.len() <= MOST_BYTES;
    fs::metadata(path).ok().filter(is_small)?;
    let bytes = fs::read(path).ok()?;
    let (checksum, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
        return None;
    }
    postcard::from_bytes(rest).ok()
}

fn write(path: PathBuf, kept: &[Kept]) -> std::io::Result<()> {
    let rest = postcard::to_stdvec(kept).unwrap_or_default();
    let checksum = crc32fast::hash(&rest).to_le_bytes();
    atomic::write(&path, &[&MAGIC[..], &checksum, &rest].concat(), None)
}

fn pack(marks: &[bool]) -> Vec<u8> {
    let byte =
        |marks: &[bool]| marks.iter().rev().fold(0, |byte, mark| byte << 1 | u8::from(*mark));
    marks.chunks(8).map(byte).collect()
}

fn unpack(marks: &[u8]) -> Vec<bool> {
    marks.iter().flat_map(|byte| (0..8).map(move |at| byte >> at & 1 == 1)).collect()
}

/// The names among a segment's terms, in order.
struct Names<'a> {
    terms: &'a TermTable,
    from: usize,
    to: usize,
}

impl<'a> Names<'a> {
    fn of(terms: &'a TermTable) -> Result<Self, Damaged> {
        let from = terms.lower_bound(&NAME.to_string())?;
        Ok(Self { terms, from, to: terms.lower_bound(&MENTION.to_string())? })
    }

    fn len(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    /// Marks those that another segment has, too.
    fn mark(&self, other: &Self, marks: &mut [bool]) -> Result<(), Damaged> {
        let mut at = other.from;
        // A few are looked up, many walked through side by side.
        let is_few = self.len().saturating_mul(FEW) < other.len();
        for (place, mark) in (self.from..self.to).zip(marks) {
            if is_few {
                *mark |= other.terms.index(self.terms.text(place)?)?.is_some();
                continue;
            }
            let name = self.terms.text_bytes(place)?;
            while at < other.to && other.terms.text_bytes(at)? < name {
                at += 1;
            }
            *mark |= at < other.to && other.terms.text_bytes(at)? == name;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Control, Index, Query};

    /// A project whose first files are read before the others, so that there are two segments with many names of both.
    fn index() -> (tempfile::TempDir, Index) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("project");
        fs::create_dir_all(&root).unwrap();
        let function = |n: usize| format!("def parse_{n}_header():\n    return {n}\n\n");
        let index = Index::open(&root, &home.path().join("cache")).unwrap();
        for (file, numbers) in [("a.py", 0..900), ("b.py", 600..1400)] {
            fs::write(root.join(file), numbers.map(function).collect::<String>()).unwrap();
            index.refresh(&Control::default()).unwrap();
        }
        (home, index)
    }

    #[test]
    fn what_is_kept_is_what_was_found_and_damage_is_mended() {
        let (_home, index) = index();
        let file = index.folder().join(FILE);
        let found = || {
            let snapshot = index.snapshot().unwrap();
            let count = |marks: &Vec<bool>| marks.iter().filter(|mark| **mark).count();
            let counts: Vec<usize> = snapshot.usual().unwrap().repeats.iter().map(count).collect();
            (counts, snapshot.search(&Query::new("the header that is parsed")).unwrap())
        };
        assert!(!file.exists());
        let first = found();
        assert_eq!(first.0, [0, 300]);
        let whole = fs::read(&file).unwrap();
        assert_eq!(found(), first, "read back");
        let mut kept = read(&file).unwrap();
        kept.truncate(1);
        write(file.clone(), &kept).unwrap();
        assert_eq!(found(), first, "with one segment more");
        kept[0].segment = "another".to_owned();
        write(file.clone(), &kept).unwrap();
        assert_eq!(found(), first, "of other segments");
        for at in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&file, damaged).unwrap();
            assert_eq!(found(), first, "byte {at}");
            assert_eq!(fs::read(&file).unwrap(), whole, "written again");
        }
        fs::write(&file, "").unwrap();
        assert_eq!(found(), first);
    }

    #[test]
    fn marks_are_packed() {
        for len in [0, 1, 8, 9, 40] {
            let marks: Vec<bool> = (0..len).map(|at| at % 3 == 0).collect();
            let back = unpack(&pack(&marks));
            assert!(back.len() < len + 8 && back.starts_with(&marks));
            assert!(back.iter().skip(len).all(|mark| !mark));
        }
    }
}
