//! What is looked through: the segments, with what is dead in them left out.

use crate::chunk::FIELDS;
use crate::segment::{Damaged, Postings, Segment};
use crate::snapshot::Part;

/// A segment and which of its files are alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shard<'a> {
    pub part: &'a Part,
    pub segment: &'a Segment,
    /// By the files' places in the segment.
    pub live: &'a [bool],
}

impl<'a> Shard<'a> {
    /// Returns a part of a snapshot.
    pub fn new(part: &'a Part) -> Self {
        Self { part, segment: &part.segment, live: &part.lives }
    }
}

/// All segments of a snapshot.
#[derive(Debug)]
pub(crate) struct Shelf<'a> {
    pub shards: Vec<Shard<'a>>,
    chunks: u32,
    /// A chunk's mean length by field.
    pub chunk_lengths: [f32; FIELDS],
    /// A file's mean length by field.
    pub file_lengths: [f32; FIELDS],
}

impl<'a> Shelf<'a> {
    /// Sums up what lengths are usual.
    pub fn new(shards: Vec<Shard<'a>>) -> Self {
        let mut sums = [0_u64; FIELDS];
        let (mut chunks, mut files) = (0_u32, 0_u32);
        for shard in &shards {
            for (file, _) in shard.segment.files().iter().zip(shard.live).filter(|(_, live)| **live)
            {
                files += 1;
                chunks = chunks.saturating_add(file.chunks);
                for (sum, length) in sums.iter_mut().zip(file.lengths) {
                    *sum += length;
                }
            }
        }
        let mean = |count: u32| sums.map(|sum| (sum as f32 / count.max(1) as f32).max(0.01));
        Self { chunks, chunk_lengths: mean(chunks), file_lengths: mean(files), shards }
    }

    /// Returns how many living chunks hold a term.
    pub fn documents(&self, term: &str) -> Result<u32, Damaged> {
        let mut documents = 0_u32;
        for shard in &self.shards {
            let Some(place) = shard.segment.terms().find(term) else { continue };
            let held = if shard.live.iter().all(|live| *live) {
                place.documents
            } else {
                let list = shard.segment.list(place)?;
                let living = Postings::new(&list).filter(|found| shard.part.holds(found.document));
                u32::try_from(living.count()).unwrap_or(u32::MAX)
            };
            documents = documents.saturating_add(held);
        }
        Ok(documents)
    }

    /// Returns how much a term says that so many chunks hold.
    pub fn rarity(&self, documents: u32) -> f32 {
        let (all, held) = (self.chunks.max(documents) as f32, documents as f32);
        (1.0 + (all - held + 0.5) / (held + 0.5)).ln()
    }

    /// Returns the commonest term that is one edit away from a word nobody uses.
    pub fn repair(&self, word: &str, letters: usize) -> Option<String> {
        let first = word.chars().next()?;
        if word.chars().count() < letters || !word.chars().all(char::is_alphabetic) {
            return None;
        }
        let mut start = [0; 4];
        let start = first.encode_utf8(&mut start);
        let mut best: Option<(u32, &str)> = None;
        for shard in &self.shards {
            for (term, list) in shard.segment.terms().with_prefix(start) {
                let is_near = term.len().abs_diff(word.len()) <= 4;
                let is_better = best.is_none_or(|(count, _)| list.documents > count);
                if is_near && is_better && is_one_edit(word, term) {
                    best = Some((list.documents, term));
                }
            }
        }
        best.map(|(_, term)| term.to_owned())
    }
}

/// Tells whether two words differ by one letter put in, left out, changed, or swapped with the next.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if b.len() - a.len() > 4 {
        return false;
    }
    let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let a: Vec<char> = a.chars().skip(same).collect();
    let b: Vec<char> = b.chars().skip(same).collect();
    match (a.as_slice(), b.as_slice()) {
        ([], [_]) => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && a == b => true,
        (a, [_, b @ ..]) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_one_edit;

    #[test]
    fn one_edit_is_one_letter() {
        for (a, b) in [
            ("parser", "parsr"),
            ("parser", "parsers"),
            ("parser", "paser"),
            ("parser", "parxer"),
            ("parser", "pasrer"),
        ] {
            assert!(is_one_edit(a, b) && is_one_edit(b, a), "{a} {b}");
        }
        for (a, b) in
            [("parser", "parser"), ("parser", "parsrs"), ("parser", "lexer"), ("parser", "par")]
        {
            assert!(!is_one_edit(a, b), "{a} {b}");
        }
    }
}
