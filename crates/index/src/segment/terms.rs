//! The sorted terms of a segment and where their lists lie.

use std::cmp::Ordering;

use super::Damaged;
use super::image::length;

/// One term's entry: where its text ends, where its list lies, how many documents it has.
const ENTRY: usize = 4 + 8 + 4 + 4;

/// Where a term's list lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListPlace {
    pub start: u64,
    pub len: u32,
    pub documents: u32,
}

/// Writes the terms, which come sorted.
#[derive(Debug, Default)]
pub(crate) struct TermsWriter {
    texts: Vec<u8>,
    entries: Vec<u8>,
    count: u32,
}

impl TermsWriter {
    pub fn add(&mut self, text: &str, place: ListPlace) {
        self.texts.extend(text.as_bytes());
        let end = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.entries.extend(end.to_le_bytes());
        self.entries.extend(place.start.to_le_bytes());
        self.entries.extend(place.len.to_le_bytes());
        self.entries.extend(place.documents.to_le_bytes());
        self.count = self.count.saturating_add(1);
    }

    /// Returns the part's bytes: the count, the entries, the texts.
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend(self.entries);
        bytes.extend(self.texts);
        bytes
    }
}

/// Of every so many terms the beginning is kept aside, close together, so that a look-up touches few places.
const MARK_EVERY: usize = 32;

/// The terms of an open segment.
#[derive(Debug)]
pub(crate) struct TermTable {
    bytes: Vec<u8>,
    count: usize,
    /// The first eight bytes of every [`MARK_EVERY`]th term, as a number that sorts as they do.
    marks: Vec<u64>,
}

/// Returns a text's first eight bytes as a number; where two differ, the texts stand in the same order.
fn mark(text: &[u8]) -> u64 {
    let mut head = [0; 8];
    head.iter_mut().zip(text).for_each(|(head, byte)| *head = *byte);
    u64::from_be_bytes(head)
}

impl TermTable {
    pub fn new(bytes: Vec<u8>) -> Result<Self, Damaged> {
        let count = bytes.first_chunk::<4>().ok_or(Damaged)?;
        let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| Damaged)?;
        let head = count.checked_mul(ENTRY).and_then(|len| len.checked_add(4)).ok_or(Damaged)?;
        if length(bytes.len()) < length(head) {
            return Err(Damaged);
        }
        let mut table = Self { bytes, count, marks: Vec::new() };
        let marked = (0..count).step_by(MARK_EVERY);
        table.marks =
            marked.map(|index| mark(table.text_bytes(index).unwrap_or_default())).collect();
        Ok(table)
    }

    pub fn len(&self) -> usize {
        self.count
    }

    fn entry(&self, index: usize) -> Option<(u32, ListPlace)> {
        let row = self.bytes.get(4 + index * ENTRY..4 + (index + 1) * ENTRY)?;
        let (end, row) = row.split_first_chunk::<4>()?;
        let (start, row) = row.split_first_chunk::<8>()?;
        let (len, row) = row.split_first_chunk::<4>()?;
        let (documents, _) = row.split_first_chunk::<4>()?;
        let place = ListPlace {
            start: u64::from_le_bytes(*start),
            len: u32::from_le_bytes(*len),
            documents: u32::from_le_bytes(*documents),
        };
        Some((u32::from_le_bytes(*end), place))
    }

    /// Returns the term at a place of the order.
    pub fn text(&self, index: usize) -> Option<&str> {
        std::str::from_utf8(self.text_bytes(index)?).ok()
    }

    /// Returns the bytes of the term at a place of the order.
    pub fn text_bytes(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(before) => self.entry(before)?.0,
            None => 0,
        };
        let (end, _) = self.entry(index)?;
        let texts = 4 + self.count * ENTRY;
        let range = texts + usize::try_from(start).ok()?..texts + usize::try_from(end).ok()?;
        self.bytes.get(range)
    }

    /// Returns where the list of the term at a place of the order lies.
    pub fn place(&self, index: usize) -> Option<ListPlace> {
        self.entry(index).map(|(_, place)| place)
    }

    /// Returns where a term's list lies; `None` where no document holds it.
    pub fn find(&self, text: &str) -> Option<ListPlace> {
        self.index(text).and_then(|at| self.place(at))
    }

    /// Returns a term's place in the order.
    pub fn index(&self, text: &str) -> Option<usize> {
        let at = self.lower_bound(text);
        (self.text_bytes(at)? == text.as_bytes()).then_some(at)
    }

    /// Returns the place of the first term at or behind `text`.
    pub fn lower_bound(&self, text: &str) -> usize {
        let wanted = mark(text.as_bytes());
        let below = self.marks.partition_point(|mark| *mark < wanted);
        let above = self.marks.partition_point(|mark| *mark <= wanted);
        // The last marked term that is surely before the text, and the first that is surely behind.
        let mut low = below.checked_sub(1).map_or(0, |last| last * MARK_EVERY + 1);
        let mut high = (above * MARK_EVERY).min(self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.text_bytes(middle).map_or(Ordering::Less, |term| term.cmp(text.as_bytes())) {
                Ordering::Less => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Gives the terms that begin with `prefix`, in order.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, ListPlace)> + 'a {
        (self.lower_bound(prefix)..self.count)
            .map_while(move |index| Some((self.text(index)?, self.place(index)?)))
            .take_while(move |(text, _)| text.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_found_and_bad_bytes_are_no_panic() {
        let place = |start| ListPlace { start, len: 3, documents: 1 };
        let mut writer = TermsWriter::default();
        let terms = ["a", "alpha", "beta", "бета"];
        for (at, term) in (0..).zip(terms) {
            writer.add(term, place(at));
        }
        let bytes = writer.finish();
        let table = TermTable::new(bytes.clone()).unwrap();
        for (at, term) in (0..).zip(terms) {
            assert_eq!(table.find(term), Some(place(at)), "{term}");
        }
        assert_eq!(table.find("alp"), None);
        assert_eq!(table.find("я"), None);
        let prefixed: Vec<_> = table.with_prefix("al").map(|(text, _)| text).collect();
        assert_eq!(prefixed, ["alpha"]);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x55;
            if let Ok(table) = TermTable::new(bytes) {
                table.find("beta");
            }
            if let Ok(table) = TermTable::new(terms.concat().into_bytes()) {
                table.find("beta");
            }
        }
    }
}
