//! Which names of a segment do not count, so that each name that something alive has counts once.
//!
//! Segments never change, and what is dead in them only grows, so that what was found out holds as long as these segments stand
//! before all others; what died since is looked at alone. It is kept in a file beside them: to find it out takes longer than a
//! search.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use distiq_base::atomic;
use serde::{Deserialize, Serialize};

use crate::place;
use crate::sealed::{self, Magic};
use crate::segment::{Damaged, MENTION, NAME, Postings};
use crate::snapshot::Part;

/// How much smaller a segment is whose names are looked up in another, not walked through beside it.
const FEW: usize = 16;
/// So many names may be found out anew each time before the file is written again.
const WORTH_KEEPING: usize = 500;
/// The file's name, and what it begins with.
const FILE: &str = "repeats";
const MAGIC: &Magic = b"DISTIQR\x02";
/// A larger file is not what was written.
const MOST_BYTES: u64 = 64 << 20;

/// What the file holds of a segment.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    segment: String,
    /// The places of files that were dead, rising.
    dead: Vec<u32>,
    /// By name whether it does not count, eight to a byte; nothing where all do.
    marks: Vec<u8>,
}

/// Tells by segment and name whether it does not count: a segment before has it alive, or nothing alive has it here; nothing of
/// a segment of which all count. What is known is kept in `folder`.
pub(super) fn repeats(parts: &[Part], folder: &Path) -> Result<Vec<Vec<bool>>, Damaged> {
    let dead: Vec<Vec<u32>> = parts.iter().map(dead_files).collect();
    let kept = read(&folder.join(FILE)).unwrap_or_default();
    let is_known = |((kept, part), dead): &((&Kept, &Part), &Vec<u32>)| {
        kept.segment == part.name && kept.dead.iter().all(|file| dead.binary_search(file).is_ok())
    };
    let known = kept.iter().zip(parts).zip(&dead).take_while(is_known);
    let known: Vec<&Kept> = known.map(|((kept, _), _)| kept).collect();
    let marks: Vec<Vec<bool>> = known.iter().map(|kept| unpack(&kept.marks)).collect();
    if marks.len() == parts.len() && known.iter().zip(&dead).all(|(kept, dead)| kept.dead == *dead)
    {
        return Ok(marks);
    }
    let names = parts.iter().map(Names::of).collect::<Result<Vec<_>, Damaged>>()?;
    let mut table = Table { names: &names, marks };
    let mut found = 0;
    for (at, kept) in known.iter().enumerate() {
        let (Some(own), Some(dead)) = (names.get(at), dead.get(at)) else { break };
        let new = dead.iter().filter(|file| kept.dead.binary_search(file).is_err());
        for name in own.of_files(new)? {
            table.bury(at, &name)?;
            found += 1;
        }
    }
    for (own, dead) in names.iter().zip(&dead).skip(known.len()) {
        found += own.len();
        table.add(own, &own.of_files(dead.iter())?)?;
    }
    let repeats: Vec<Vec<bool>> = table.marks.into_iter().map(without_none).collect();
    if found > WORTH_KEEPING && repeats.iter().any(|marks| !marks.is_empty()) {
        let kept = parts.iter().zip(dead).zip(&repeats);
        let kept = kept.map(|((part, dead), marks)| Kept {
            segment: part.name.clone(),
            dead,
            marks: pack(marks),
        });
        // Who cannot write it finds it out again.
        let _ = write(folder.join(FILE), &kept.collect::<Vec<_>>());
    }
    Ok(repeats)
}

/// Returns the places of a part's dead files, rising.
fn dead_files(part: &Part) -> Vec<u32> {
    (0_u32..).zip(&part.lives).filter(|(_, lives)| !**lives).map(|(file, _)| file).collect()
}

fn without_none(marks: Vec<bool>) -> Vec<bool> {
    if marks.contains(&true) { marks } else { Vec::new() }
}

fn read(path: &Path) -> Option<Vec<Kept>> {
    let bytes = place::read(path, MOST_BYTES)?;
    postcard::from_bytes(sealed::unseal(&bytes, MAGIC)?).ok()
}

fn write(path: PathBuf, kept: &[Kept]) -> std::io::Result<()> {
    let mut bytes = sealed::begin(MAGIC);
    bytes.extend(postcard::to_stdvec(kept).unwrap_or_default());
    sealed::seal(&mut bytes);
    atomic::write(&path, &bytes, None)
}

fn pack(marks: &[bool]) -> Vec<u8> {
    let byte =
        |marks: &[bool]| marks.iter().rev().fold(0, |byte, mark| byte << 1 | u8::from(*mark));
    marks.chunks(8).map(byte).collect()
}

fn unpack(marks: &[u8]) -> Vec<bool> {
    marks.iter().flat_map(|byte| (0..8).map(move |at| byte >> at & 1 == 1)).collect()
}

/// The marks of segments under construction.
struct Table<'a> {
    names: &'a [Names<'a>],
    /// Nothing where there is no mark.
    marks: Vec<Vec<bool>>,
}

impl Table<'_> {
    /// Takes a name that a file had which is dead now.
    fn bury(&mut self, at: usize, name: &str) -> Result<(), Damaged> {
        let Some(own) = self.names.get(at) else { return Ok(()) };
        let Some(place) = own.find(name)? else { return Ok(()) };
        if own.lives(place)? {
            return Ok(());
        }
        let Some(marks) = self.marks.get_mut(at) else { return Ok(()) };
        if marks.is_empty() {
            marks.resize(own.len(), false);
        }
        let Some(mark) = marks.get_mut(place) else { return Ok(()) };
        if std::mem::replace(mark, true) {
            return Ok(());
        }
        // The next that has it alive counts in its place.
        for (names, marks) in self.names.iter().zip(&mut self.marks).skip(at + 1) {
            if let Some(place) = names.find(name)?
                && names.lives(place)?
            {
                if let Some(mark) = marks.get_mut(place) {
                    *mark = false;
                }
                break;
            }
        }
        Ok(())
    }

    /// Adds a segment behind the others; `dead` are names of which it may have none alive.
    fn add(&mut self, own: &Names<'_>, dead: &BTreeSet<String>) -> Result<(), Damaged> {
        let mut marks = vec![false; own.len()];
        for name in dead {
            if let Some(place) = own.find(name)?
                && let Some(mark) = marks.get_mut(place)
            {
                *mark = !own.lives(place)?;
            }
        }
        for (other, of_other) in self.names.iter().zip(&self.marks) {
            own.mark(other, of_other, &mut marks)?;
        }
        self.marks.push(without_none(marks));
        Ok(())
    }
}

/// The names among a segment's terms, in order.
struct Names<'a> {
    part: &'a Part,
    from: usize,
    to: usize,
}

impl<'a> Names<'a> {
    fn of(part: &'a Part) -> Result<Self, Damaged> {
        let terms = part.segment.terms();
        let from = terms.lower_bound(&NAME.to_string())?;
        Ok(Self { part, from, to: terms.lower_bound(&MENTION.to_string())? })
    }

    fn len(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    /// Returns the number of a name, which is led by its mark.
    fn find(&self, name: &str) -> Result<Option<usize>, Damaged> {
        let term = self.part.segment.terms().index(name)?;
        Ok(term.and_then(|term| term.checked_sub(self.from)).filter(|place| *place < self.len()))
    }

    /// Tells whether a chunk that lives has a name.
    fn lives(&self, name: usize) -> Result<bool, Damaged> {
        let segment = &self.part.segment;
        let list = segment.list(segment.terms().place(self.from + name)?)?;
        Ok(Postings::new(&list).any(|found| self.part.holds(found.document)))
    }

    /// Returns the names of the chunks of files, each led by its mark.
    fn of_files<'f>(
        &self,
        files: impl Iterator<Item = &'f u32>,
    ) -> Result<BTreeSet<String>, Damaged> {
        let segment = &self.part.segment;
        let mut names = BTreeSet::new();
        for file in files {
            let file = usize::try_from(*file).ok().and_then(|file| segment.files().get(file));
            let file = file.ok_or(Damaged)?;
            for chunk in file.first_chunk..file.first_chunk.saturating_add(file.chunks) {
                let name = segment.chunk(chunk)?.name;
                if !name.is_empty() {
                    names.insert(format!("{NAME}{}", name.to_lowercase()));
                }
            }
        }
        Ok(names)
    }

    /// Marks those that count in another segment already.
    fn mark(&self, other: &Self, of_other: &[bool], marks: &mut [bool]) -> Result<(), Damaged> {
        let (own_terms, terms) = (self.part.segment.terms(), other.part.segment.terms());
        let counts = |term: usize| {
            let mark = term.checked_sub(other.from).and_then(|place| of_other.get(place));
            !mark.copied().unwrap_or(false)
        };
        let mut at = other.from;
        // A few are looked up, many walked through side by side.
        let is_few = self.len().saturating_mul(FEW) < other.len();
        for (place, mark) in (self.from..self.to).zip(marks) {
            if is_few {
                *mark |= terms.index(own_terms.text(place)?)?.is_some_and(counts);
                continue;
            }
            let name = own_terms.text_bytes(place)?;
            while at < other.to && terms.text_bytes(at)? < name {
                at += 1;
            }
            *mark |= at < other.to && terms.text_bytes(at)? == name && counts(at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
    fn what_died_since_is_taken_up_where_it_was_left() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("project");
        fs::create_dir_all(&root).unwrap();
        let index = Index::open(&root, &home.path().join("cache")).unwrap();
        let write = |file: usize, names: std::ops::Range<usize>| {
            let text: String = names.map(|n| format!("def name_{n}(): pass\n\n")).collect();
            fs::write(root.join(format!("{file}.py")), text).unwrap();
        };
        let refresh = || index.refresh(&Control::default()).unwrap();
        // Two segments of twelve files each, and most names in both.
        for (files, shift) in [(0..12, 0), (12..24, 50)] {
            files.for_each(|file| write(file, file % 12 * 100 + shift..file % 12 * 100 + 150));
            refresh();
        }
        let nowhere = tempfile::tempdir().unwrap();
        let counted = |of: usize| {
            let snapshot = index.snapshot().unwrap();
            let told = repeats(snapshot.parts(), index.folder()).unwrap();
            let anew = repeats(snapshot.parts(), nowhere.path()).unwrap();
            fs::remove_file(nowhere.path().join(FILE)).unwrap();
            // The packed ones end in marks of nothing.
            for (told, anew) in told.iter().zip(&anew) {
                let at = |marks: &[bool], name: usize| marks.get(name).copied().unwrap_or(false);
                assert!((0..told.len().max(anew.len())).all(|n| at(told, n) == at(anew, n)));
            }
            let names: usize =
                snapshot.parts().iter().map(|part| Names::of(part).unwrap().len()).sum();
            let marks = anew.iter().flatten().filter(|mark| **mark).count();
            assert_eq!((anew.len(), names - marks), (snapshot.parts().len(), of));
        };
        counted(1250);
        // What dies in the first counts in the second, then nowhere; what comes back counts again.
        write(0, 2000..2001);
        refresh();
        counted(1201);
        write(12, 2000..2001);
        refresh();
        counted(1151);
        write(1, 0..700);
        refresh();
        counted(1251);
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
