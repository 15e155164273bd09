//! A segment under construction.

use std::collections::BTreeSet;
use std::path::Path;

use distiq_lang::{PieceKind, Source};

use super::image::{Image, Part, length, write_record};
use super::postings::Posting;
use super::terms::{ListPlace, TermTable, TermsWriter};
use super::{FILE, FileEntry, FileFacts, MENTION, NAME, NameGrams, STEM};
use crate::chunk::{Chunk, FIELDS, FileText, cut};
use crate::search::{FileKind, stem};
use crate::words::Analyzer;

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
    /// Where each chunk's record begins, then where each file's facts begin; each with an end.
    pub chunk_places: Vec<u32>,
    pub facts_places: Vec<u32>,
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
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
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

    /// Returns how many bytes of text were added.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns how many files were added.
    pub fn files(&self) -> usize {
        self.body.files.len()
    }

    /// Returns the file's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let texts = self.analyzer.terms().texts();
        let mut order: Vec<usize> = (0..self.postings.len().min(texts.len())).collect();
        order.sort_unstable_by_key(|number| texts.get(*number));
        let mut lists = Lists::default();
        for number in order {
            let (Some(text), Some(posting)) = (texts.get(number), self.postings.get(number)) else {
                continue;
            };
            lists.add(text, posting);
        }
        self.body.finish(lists)
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

/// The lists of a segment under construction; terms come sorted.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    bytes: Vec<u8>,
    terms: TermsWriter,
}

impl Lists {
    pub fn add(&mut self, text: &str, posting: &Posting) {
        if posting.count == 0 {
            return;
        }
        let place = ListPlace {
            start: length(self.bytes.len()),
            len: u32::try_from(posting.bytes.len()).unwrap_or(u32::MAX),
            documents: posting.count,
        };
        write_record(&mut self.bytes, &posting.bytes);
        self.terms.add(text, place);
    }
}

impl Body {
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.chunk_places.len()).unwrap_or(u32::MAX)
    }

    fn add_chunk(&mut self, chunk: &Chunk) {
        self.chunk_places.push(u32::try_from(self.chunks.len()).unwrap_or(u32::MAX));
        write_record(&mut self.chunks, &encode(chunk));
    }

    /// Adds a chunk's record as it was read.
    pub fn copy_chunk(&mut self, record: &[u8], lengths: &[u8]) {
        self.chunk_places.push(u32::try_from(self.chunks.len()).unwrap_or(u32::MAX));
        write_record(&mut self.chunks, record);
        self.lengths.extend(lengths);
    }

    fn add_file(&mut self, entry: FileEntry, facts: &FileFacts) {
        self.copy_file(entry, &encode(facts));
    }

    /// Adds a file with its facts' record.
    pub fn copy_file(&mut self, entry: FileEntry, facts: &[u8]) {
        self.files.push(entry);
        self.facts_places.push(u32::try_from(self.facts.len()).unwrap_or(u32::MAX));
        write_record(&mut self.facts, facts);
    }

    pub fn finish(self, lists: Lists) -> Vec<u8> {
        let mut places = Vec::new();
        let ends = [self.chunks.len(), self.facts.len()];
        for (list, end) in [&self.chunk_places, &self.facts_places].into_iter().zip(ends) {
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            for place in list.iter().chain([&end]) {
                places.extend(place.to_le_bytes());
            }
        }
        let mut image = Image::default();
        image.records(Part::Postings, &lists.bytes);
        image.records(Part::Chunks, &self.chunks);
        image.records(Part::Facts, &self.facts);
        let terms = lists.terms.finish();
        // Read from memory, where nothing is damaged.
        let names = TermTable::of(&terms).and_then(|terms| NameGrams::write(&terms));
        let names = names.unwrap_or_default();
        image.records(Part::TermBlocks, &terms.blocks);
        image.records(Part::NameBlocks, &names.blocks);
        image.whole(Part::Terms, &terms.head);
        image.whole(Part::Files, &encode(&self.files));
        image.whole(Part::Lengths, &self.lengths);
        image.whole(Part::Places, &places);
        image.whole(Part::Names, &names.head);
        image.finish()
    }
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
