//! A segment under construction.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use distiq_base::paths::file_name;
use distiq_lang::{PieceKind, Source};

use super::image::{Image, Part, length, write_record};
use super::names::NamesWriter;
use super::postings::Posting;
use super::terms::{ListPlace, TermsWriter};
use super::{FILE, FileEntry, FileFacts, MENTION, NAME, STEM};
use crate::chunk::{Chunk, FIELDS, FileText, cut};
use crate::search::{FileKind, stem};
use crate::words::Analyzer;

/// Terms of one segment under construction: of tiny definitions there are many.
const SEGMENT_TERMS: usize = 500_000;
/// The counts of a term that only stands for something.
const ONCE: [u8; FIELDS] = [1, 0, 0, 0, 0, 0, 0, 0];

/// Takes files one after the other.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    analyzer: Analyzer,
    /// By the terms' numbers.
    postings: Vec<Posting>,
    body: Body,
    bytes: u64,
}

/// What is not a list of a term.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub chunks: Vec<u8>,
    pub facts: Vec<u8>,
    pub files: Vec<FileEntry>,
    pub lengths: Vec<u8>,
    /// Where each chunk's record begins, then where each file's facts begin; and where the last of each ends.
    pub chunk_places: Vec<u32>,
    pub facts_places: Vec<u32>,
    pub chunks_end: u32,
    pub facts_end: u32,
}

impl Builder {
    /// Adds a file.
    pub fn add(&mut self, path: &str, text: &str) {
        let source = distiq_lang::source(Path::new(path), text);
        let file = FileText { path, text, source: source.as_ref() };
        let place = u32::try_from(self.body.files.len()).unwrap_or(u32::MAX);
        let mut entry = FileEntry {
            path: path.to_owned(),
            first_chunk: self.body.chunk_count(),
            lines: u32::try_from(text.lines().count()).unwrap_or(u32::MAX),
            bytes: length(text.len()),
            kind: FileKind::of(path),
            ..FileEntry::default()
        };
        let (postings, body) = (&mut self.postings, &mut self.body);
        cut(file, &mut self.analyzer, &mut |chunk, scribe, analyzer| {
            let number = body.chunk_count();
            let lengths = scribe.lengths();
            for (sum, length) in entry.lengths.iter_mut().zip(lengths) {
                *sum += u64::from(length);
            }
            body.lengths.extend(lengths.map(encode_length));
            if !chunk.name.is_empty() {
                let name = format!("{NAME}{}", chunk.name.to_lowercase());
                let name = analyzer.terms().id(&name);
                list(postings, name).add(number, &ONCE);
            }
            scribe.finish(|(term, counts)| list(postings, term).add(number, &counts));
            body.add_chunk(&chunk);
        });
        entry.chunks = body.chunk_count().saturating_sub(entry.first_chunk);
        let name = file_name(path).to_lowercase();
        let name = self.analyzer.terms().id(&format!("{FILE}{name}"));
        list(&mut self.postings, name).add(place, &ONCE);
        let stem = self.analyzer.terms().id(&format!("{STEM}{}", stem(path)));
        list(&mut self.postings, stem).add(place, &ONCE);
        if let Some(source) = &source {
            self.mention(place, source, text);
        }
        let facts = source.as_ref().map(|source| FileFacts::of(source, text)).unwrap_or_default();
        self.body.add_file(entry, &facts);
        self.bytes += length(text.len());
    }

    fn mention(&mut self, place: u32, source: &Source, text: &str) {
        let identifiers: BTreeSet<&str> = source
            .pieces
            .iter()
            .filter(|piece| matches!(piece.kind, PieceKind::Identifier(_)))
            .filter_map(|piece| {
                let start = usize::try_from(piece.bytes.start).ok()?;
                text.get(start..usize::try_from(piece.bytes.end).ok()?)
            })
            .filter(|name| name.len() <= 200)
            .collect();
        for name in identifiers {
            let term = self.analyzer.terms().id(&format!("{MENTION}{name}"));
            list(&mut self.postings, term).add(place, &ONCE);
        }
    }

    /// Returns how many files were added.
    pub fn files(&self) -> usize {
        self.body.files.len()
    }

    /// Tells whether there is so much that it should be written: more than `most` bytes of text, or too many terms.
    pub fn is_large(&self, most: u64) -> bool {
        self.bytes > most || self.postings.len() > SEGMENT_TERMS
    }

    /// Writes the segment's file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self, out: impl Write) -> io::Result<()> {
        let texts = self.analyzer.terms().texts();
        let mut order: Vec<usize> = (0..self.postings.len().min(texts.len())).collect();
        order.sort_unstable_by_key(|number| texts.get(*number));
        let mut writer = Writer::new(out);
        for number in order {
            let (Some(text), Some(posting)) = (texts.get(number), self.postings.get_mut(number))
            else {
                continue;
            };
            // Each goes as soon as it is written.
            writer.list(text, &std::mem::take(posting))?;
        }
        let Self { body, postings, analyzer, .. } = self;
        drop((postings, analyzer));
        writer.body(body)
    }
}

fn list(postings: &mut Vec<Posting>, term: u32) -> &mut Posting {
    let at = usize::try_from(term).unwrap_or(usize::MAX);
    if postings.len() <= at {
        postings.resize_with(at + 1, Posting::default);
    }
    // It was made long enough.
    #[allow(clippy::indexing_slicing)]
    &mut postings[at]
}

/// Writes a segment's file: first the lists, whose terms come sorted, then the chunks, then the files.
pub(super) struct Writer<W: Write> {
    image: Image<W>,
    terms: TermsWriter,
    names: NamesWriter,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Self {
        let (terms, names) = (TermsWriter::default(), NamesWriter::default());
        Self { image: Image::new(out), terms, names }
    }

    /// Writes the list of a term.
    pub fn list(&mut self, text: &str, posting: &Posting) -> io::Result<()> {
        if posting.count == 0 {
            return Ok(());
        }
        let place = ListPlace {
            start: self.image.record(&posting.bytes)?,
            len: u32::try_from(posting.bytes.len()).unwrap_or(u32::MAX),
            documents: posting.count,
        };
        if text.starts_with(NAME) {
            self.names.add(text);
        }
        self.terms.add(text, place);
        Ok(())
    }

    /// Writes all that is not a list.
    pub fn body(mut self, mut body: Body) -> io::Result<()> {
        (body.chunks_end, body.facts_end) = (place(body.chunks.len()), place(body.facts.len()));
        self.image.turn_to(Part::Chunks);
        self.image.add(&std::mem::take(&mut body.chunks))?;
        self.image.turn_to(Part::Facts);
        self.image.add(&std::mem::take(&mut body.facts))?;
        self.finish(&body)
    }

    /// Turns to the chunks or the facts, whose records are written one by one.
    pub fn turn_to(&mut self, part: Part) {
        self.image.turn_to(part);
    }

    /// Writes a record of a chunk or of facts; returns where in its part it begins.
    pub fn record(&mut self, record: &[u8]) -> io::Result<u64> {
        self.image.record(record)
    }

    /// Writes what is behind the facts.
    pub fn finish(mut self, body: &Body) -> io::Result<()> {
        let terms = self.terms.finish();
        self.image.turn_to(Part::TermBlocks);
        self.image.add(&terms.blocks)?;
        let names = self.names.finish();
        self.image.turn_to(Part::NameBlocks);
        self.image.add(&names.blocks)?;
        self.image.whole(Part::Terms, &terms.head)?;
        self.image.whole(Part::Files, &encode(&body.files))?;
        self.image.whole(Part::Lengths, &body.lengths)?;
        self.image.whole(Part::Places, &body.places())?;
        self.image.whole(Part::Names, &names.head)?;
        self.image.finish()
    }
}

impl Body {
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.chunk_places.len()).unwrap_or(u32::MAX)
    }

    fn add_chunk(&mut self, chunk: &Chunk) {
        self.chunk_places.push(place(self.chunks.len()));
        write_record(&mut self.chunks, &encode(chunk));
    }

    fn add_file(&mut self, entry: FileEntry, facts: &FileFacts) {
        self.files.push(entry);
        self.facts_places.push(place(self.facts.len()));
        write_record(&mut self.facts, &encode(facts));
    }

    /// Returns where each chunk's record begins and the last one ends, and the same of the facts.
    fn places(&self) -> Vec<u8> {
        let ends = [self.chunks_end, self.facts_end];
        let lists = [&self.chunk_places, &self.facts_places].into_iter().zip(ends);
        lists
            .flat_map(|(list, end)| list.iter().copied().chain([end]))
            .flat_map(u32::to_le_bytes)
            .collect()
    }
}

/// Returns the place of a record in its part as it is written.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain structs written to memory; there is nothing that could fail.
    postcard::to_stdvec(value).unwrap_or_default()
}

/// Writes a length into a byte: exact to 31, then in steps of an eighth of its power of two.
pub(crate) fn encode_length(length: u32) -> u8 {
    if length < 32 {
        return u8::try_from(length).unwrap_or(31);
    }
    let power = length.ilog2();
    let eighths = length >> (power - 3) & 7;
    u8::try_from(32 + (power - 5) * 8 + eighths).unwrap_or(u8::MAX)
}

/// Reads a length out of its byte.
pub(crate) fn decode_length(byte: u8) -> u32 {
    if byte < 32 {
        return u32::from(byte);
    }
    let (power, eighths) = (u32::from(byte - 32) / 8 + 5, u32::from(byte - 32) % 8);
    1_u32.checked_shl(power).unwrap_or(u32::MAX).saturating_add(eighths << (power - 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_keep_their_order_and_an_eighth_of_their_size() {
        let mut last = 0;
        for length in (0..5_000).chain([100_000, 1_000_000, u32::MAX]) {
            let byte = encode_length(length);
            assert!(byte >= last, "{length}");
            last = byte;
            let back = decode_length(byte);
            assert!(back <= length && length - back <= length / 8, "{length} {back}");
        }
    }
}
