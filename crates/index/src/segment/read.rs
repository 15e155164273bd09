//! An open segment.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::blocks::{Source, read, read_to};
use super::image::{FOOTER, PARTS, Part, Span, check_record, length, read_footer};
use super::terms::{ListPlace, TermTable};
use super::{Damaged, FileEntry, FileFacts, NameGrams, Postings, UnitFact};
use crate::chunk::{Chunk, FIELDS};
use crate::place;

/// An open segment; its file may be removed meanwhile.
#[derive(Debug)]
pub(crate) struct Segment {
    file: Arc<File>,
    spans: [Span; PARTS],
    terms: TermTable,
    files: Vec<FileEntry>,
    lengths: Vec<u8>,
    places: Vec<u8>,
    chunks: u32,
    names: OnceLock<NameGrams>,
    owners: OnceLock<Owners>,
}

/// Which chunks belong to which files, close together for whoever goes over many.
#[derive(Debug)]
struct Owners {
    /// By chunk the place of its file.
    files: Vec<u32>,
    /// By file its first chunk and the first one behind it.
    chunks: Vec<(u32, u32)>,
}

/// Reads a part that is read as a whole.
fn whole(file: &File, spans: &[Span; PARTS], part: Part) -> Result<Vec<u8>, Damaged> {
    let span = spans.get(part as usize).ok_or(Damaged)?;
    let bytes = read(file, span.start, span.len)?;
    if crc32fast::hash(&bytes) == span.checksum { Ok(bytes) } else { Err(Damaged) }
}

/// Returns where the records of a part lie that are read when they are asked for.
fn blocks(file: &Arc<File>, spans: &[Span; PARTS], part: Part) -> Result<Source, Damaged> {
    let span = spans.get(part as usize).ok_or(Damaged)?;
    Ok(Source::File(Arc::clone(file), span.start))
}

impl Segment {
    /// Opens a segment's file.
    pub fn open(path: &Path) -> Result<Self, Damaged> {
        let file = Arc::new(place::open(path).map_err(|_| Damaged)?);
        let len = file.metadata().map_err(|_| Damaged)?.len();
        let footer = len.checked_sub(length(FOOTER)).ok_or(Damaged)?;
        let spans = read_footer(&read(&file, footer, length(FOOTER))?)?;
        if spans.iter().any(|span| span.start.checked_add(span.len).is_none_or(|end| end > len)) {
            return Err(Damaged);
        }
        let part = |part: Part| whole(&file, &spans, part);
        let blocks = blocks(&file, &spans, Part::TermBlocks)?;
        let terms = TermTable::new(&part(Part::Terms)?, blocks)?;
        let files: Vec<FileEntry> = decode(&part(Part::Files)?)?;
        let (lengths, places) = (part(Part::Lengths)?, part(Part::Places)?);
        let chunks = u32::try_from(lengths.len() / FIELDS).map_err(|_| Damaged)?;
        if places.len() != (lengths.len() / FIELDS + files.len() + 2) * 4 {
            return Err(Damaged);
        }
        check_files(&files, chunks)?;
        let (names, owners) = (OnceLock::new(), OnceLock::new());
        Ok(Self { file, spans, terms, files, lengths, places, chunks, names, owners })
    }

    /// Returns how many chunks it has, dead ones too.
    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Returns its files, dead ones too.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    pub fn terms(&self) -> &TermTable {
        &self.terms
    }

    /// Returns the names by groups of their letters.
    pub fn names(&self) -> Result<&NameGrams, Damaged> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let head = whole(&self.file, &self.spans, Part::Names)?;
        let blocks = blocks(&self.file, &self.spans, Part::NameBlocks)?;
        let names = NameGrams::new(&self.terms, &head, blocks)?;
        Ok(self.names.get_or_init(|| names))
    }

    /// Returns the place of the file that a chunk is in.
    pub fn file_of(&self, chunk: u32) -> usize {
        let owner = usize::try_from(chunk).ok().and_then(|chunk| self.owners().files.get(chunk));
        owner.and_then(|file| usize::try_from(*file).ok()).unwrap_or(self.files.len())
    }

    /// Returns the chunks of a file, by its place: the first, and the first one behind them.
    #[inline]
    pub fn chunks_of(&self, file: usize) -> Option<(u32, u32)> {
        self.owners().chunks.get(file).copied()
    }

    fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| {
            let mut files = Vec::with_capacity(self.lengths.len() / FIELDS);
            let mut chunks = Vec::with_capacity(self.files.len());
            for (place, file) in (0_u32..).zip(&self.files) {
                let end = file.first_chunk.saturating_add(file.chunks).min(self.chunks);
                chunks.push((file.first_chunk, end));
                files.resize(usize::try_from(end).unwrap_or(0).max(files.len()), place);
            }
            Owners { files, chunks }
        })
    }

    /// Returns a chunk's lengths by field, each in a byte.
    pub fn lengths(&self, chunk: u32) -> Option<&[u8; FIELDS]> {
        self.lengths.as_chunks::<FIELDS>().0.get(usize::try_from(chunk).ok()?)
    }

    /// Reads a term's list.
    pub fn list(&self, place: ListPlace) -> Result<Vec<u8>, Damaged> {
        let mut list = Vec::new();
        let len = self.read_list(place, &mut list)?.len();
        list.truncate(len);
        Ok(list)
    }

    /// Reads a term's list to where another was read before.
    pub fn read_list<'a>(
        &self,
        place: ListPlace,
        room: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Damaged> {
        let end = place.start.saturating_add(u64::from(place.len) + 4);
        let (start, len) = self.record_place(Part::Postings, place.start, end)?;
        check_record(read_to(&self.file, start, len, room)?)
    }

    /// Returns where a record begins in the file, and how long it is.
    fn record_place(&self, part: Part, from: u64, to: u64) -> Result<(u64, u64), Damaged> {
        let span = self.spans.get(part as usize).ok_or(Damaged)?;
        let len = to.checked_sub(from).filter(|_| to <= span.len).ok_or(Damaged)?;
        Ok((span.start.checked_add(from).ok_or(Damaged)?, len))
    }

    fn record(&self, part: Part, from: u64, to: u64) -> Result<Vec<u8>, Damaged> {
        let (start, len) = self.record_place(part, from, to)?;
        let mut bytes = read(&self.file, start, len)?;
        let len = check_record(&bytes)?.len();
        bytes.truncate(len);
        Ok(bytes)
    }

    fn place(&self, at: usize) -> Result<u64, Damaged> {
        let bytes = self.places.get(at * 4..).and_then(|rest| rest.first_chunk::<4>());
        Ok(u64::from(u32::from_le_bytes(*bytes.ok_or(Damaged)?)))
    }

    /// Reads a chunk's record.
    pub fn chunk_record(&self, chunk: u32) -> Result<Vec<u8>, Damaged> {
        let at = usize::try_from(chunk).map_err(|_| Damaged)?;
        if chunk >= self.chunks {
            return Err(Damaged);
        }
        self.record(Part::Chunks, self.place(at)?, self.place(at + 1)?)
    }

    /// Reads a chunk.
    pub fn chunk(&self, chunk: u32) -> Result<Chunk, Damaged> {
        let chunk: Chunk = decode(&self.chunk_record(chunk)?)?;
        if are_lines(chunk.start_line, chunk.end_line) { Ok(chunk) } else { Err(Damaged) }
    }

    /// Reads the record of a file's facts.
    pub fn facts_record(&self, file: usize) -> Result<Vec<u8>, Damaged> {
        if file >= self.files.len() {
            return Err(Damaged);
        }
        let at = usize::try_from(self.chunks).map_err(|_| Damaged)? + 1 + file;
        self.record(Part::Facts, self.place(at)?, self.place(at + 1)?)
    }

    /// Reads what a file defines, mentions and imports.
    pub fn facts(&self, file: usize) -> Result<FileFacts, Damaged> {
        let facts: FileFacts = decode(&self.facts_record(file)?)?;
        // Parents stand before their members, so that no way up is without end.
        let is_right = |(unit, at): (&UnitFact, u32)| {
            unit.parent.is_none_or(|parent| parent < at)
                && are_lines(unit.start_line, unit.end_line)
        };
        if facts.units.iter().zip(0..).all(is_right) { Ok(facts) } else { Err(Damaged) }
    }
}

impl Segment {
    /// Reads all that it holds.
    pub fn check(&self) -> Result<(), Damaged> {
        let mut room = Vec::new();
        for at in 0..self.terms.len() {
            self.terms.text(at)?;
            let mut list = Postings::new(self.read_list(self.terms.place(at)?, &mut room)?);
            list.by_ref().for_each(drop);
            list.check()?;
        }
        for gram in 0..=u16::MAX {
            self.names()?.group(gram)?;
        }
        (0..self.chunks).try_for_each(|chunk| self.chunk(chunk).map(drop))?;
        (0..self.files.len()).try_for_each(|file| self.facts(file).map(drop))
    }
}

/// Checks that files lie one behind the other and below the root.
fn check_files(files: &[FileEntry], chunks: u32) -> Result<(), Damaged> {
    let mut next = 0_u32;
    for file in files {
        let leads_up = file.path.contains("..") && file.path.split('/').any(|part| part == "..");
        if file.first_chunk != next || leads_up || file.path.starts_with('/') {
            return Err(Damaged);
        }
        next = next.checked_add(file.chunks).ok_or(Damaged)?;
    }
    if next == chunks { Ok(()) } else { Err(Damaged) }
}

/// Tells whether numbers can be the first and the last line of something.
fn are_lines(first: u32, last: u32) -> bool {
    1 <= first && first <= last && last < u32::MAX
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    postcard::from_bytes(bytes).map_err(|_| Damaged)
}

#[cfg(test)]
mod tests {
    use super::super::build::{Body, Writer};
    use super::super::image::write_record;
    use super::*;

    /// Opens a segment of a chunk with lines and a file with its entry and facts.
    fn open(lines: (u32, u32), entry: FileEntry, facts: &FileFacts) -> Result<Segment, Damaged> {
        let mut body = Body::default();
        let chunk = Chunk { start_line: lines.0, end_line: lines.1, ..Chunk::default() };
        write_record(&mut body.chunks, &postcard::to_stdvec(&chunk).unwrap());
        write_record(&mut body.facts, &postcard::to_stdvec(facts).unwrap());
        body.lengths = vec![0; FIELDS];
        body.files.push(entry);
        (body.chunk_places, body.facts_places) = (vec![0], vec![0]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.seg");
        Writer::new(File::create(&path).unwrap()).body(body).unwrap();
        Segment::open(&path)
    }

    fn entry(path: &str, first_chunk: u32, chunks: u32) -> FileEntry {
        FileEntry { path: path.to_owned(), first_chunk, chunks, ..FileEntry::default() }
    }

    #[test]
    fn files_lie_below_the_root_and_one_behind_the_other() {
        for (path, first, chunks, is_right) in [
            ("a/b.py", 0, 1, true),
            ("a/..b..py", 0, 1, true),
            ("/etc/passwd", 0, 1, false),
            ("../b.py", 0, 1, false),
            ("a/../../b.py", 0, 1, false),
            ("a/..", 0, 1, false),
            ("a/b.py", 1, 0, false),
            ("a/b.py", 0, 0, false),
            ("a/b.py", 0, u32::MAX, false),
            ("a/b.py", 1, u32::MAX, false),
        ] {
            let opened = open((1, 1), entry(path, first, chunks), &FileFacts::default());
            assert_eq!(opened.is_ok(), is_right, "{path} {first} {chunks}");
        }
    }

    #[test]
    fn units_stand_behind_what_holds_them_and_lines_are_in_order() {
        let unit = |parent: Option<u32>, start_line, end_line| UnitFact {
            parent,
            start_line,
            end_line,
            ..UnitFact::default()
        };
        let first = unit(None, 1, 9);
        for (second, is_right) in [
            (unit(Some(0), 2, 3), true),
            (unit(Some(1), 2, 3), false),
            (unit(Some(2), 2, 3), false),
            (unit(Some(u32::MAX), 2, 3), false),
            (unit(None, 0, 3), false),
            (unit(None, 3, 2), false),
            (unit(None, 3, u32::MAX), false),
        ] {
            let units = vec![first.clone(), second.clone()];
            let facts = FileFacts { units, ..FileFacts::default() };
            let segment = open((1, 9), entry("a.py", 0, 1), &facts).unwrap();
            assert_eq!(segment.facts(0).is_ok(), is_right, "{second:?}");
            assert_eq!(segment.check().is_ok(), is_right);
        }
        for lines in [(0, 1), (2, 1), (1, u32::MAX)] {
            let segment = open(lines, entry("a.py", 0, 1), &FileFacts::default()).unwrap();
            assert_eq!(segment.chunk(0), Err(Damaged), "{lines:?}");
        }
    }
}
