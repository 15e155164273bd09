//! The sorted terms of a segment and where their lists lie.
//!
//! They lie in blocks, of which each is read when a look-up first comes to it; what each begins with is known before.

use super::Damaged;
use super::blocks::{Blocks, BlocksWriter, Source};

/// How many terms a block has; the last may have fewer.
const BLOCK: usize = 64;
/// One term's entry: where its text ends, where its list lies behind the block's first, its length, how many documents
/// it has.
const ENTRY: usize = 4 * 4;

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
    blocks: BlocksWriter,
    marks: Vec<u8>,
    count: u32,
    /// Of the block under construction.
    texts: Vec<u8>,
    entries: Vec<u8>,
    first_list: u64,
}

/// What is written of terms: what is read at once, and the blocks.
#[derive(Debug, Default)]
pub(crate) struct WrittenTerms {
    pub head: Vec<u8>,
    pub blocks: Vec<u8>,
}

impl TermsWriter {
    pub fn add(&mut self, text: &str, place: ListPlace) {
        if self.entries.is_empty() {
            self.first_list = place.start;
            self.marks.extend(mark(text.as_bytes()).to_le_bytes());
        }
        self.texts.extend(text.as_bytes());
        let end = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let start = u32::try_from(place.start - self.first_list).unwrap_or(u32::MAX);
        for number in [end, start, place.len, place.documents] {
            self.entries.extend(number.to_le_bytes());
        }
        self.count = self.count.saturating_add(1);
        if self.entries.len() == BLOCK * ENTRY {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let first = self.first_list.to_le_bytes();
        self.blocks.add(&[&first[..], &self.entries, &self.texts].concat());
        self.entries.clear();
        self.texts.clear();
    }

    /// Returns the head (the count, what each block begins with, where it ends) and the blocks (where the first list
    /// lies, the entries, the texts).
    pub fn finish(mut self) -> WrittenTerms {
        if !self.entries.is_empty() {
            self.end_block();
        }
        let count = self.count.to_le_bytes();
        let head = [&count[..], &self.marks, &self.blocks.ends].concat();
        WrittenTerms { head, blocks: self.blocks.bytes }
    }
}

/// The terms of an open segment.
#[derive(Debug)]
pub(crate) struct TermTable {
    count: usize,
    /// The first eight bytes of every block's first term, as a number that sorts as they do.
    marks: Vec<u64>,
    blocks: Blocks,
}

/// Returns a text's first eight bytes as a number; where two differ, the texts stand in the same order.
fn mark(text: &[u8]) -> u64 {
    let mut head = [0; 8];
    head.iter_mut().zip(text).for_each(|(head, byte)| *head = *byte);
    u64::from_be_bytes(head)
}

impl TermTable {
    /// Returns terms of a head as it was written, and the blocks' source.
    pub fn new(head: &[u8], source: Source) -> Result<Self, Damaged> {
        let (count, rest) = head.split_first_chunk::<4>().ok_or(Damaged)?;
        let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| Damaged)?;
        let blocks = count.div_ceil(BLOCK);
        let (marks, ends) = rest.split_at_checked(blocks.saturating_mul(8)).ok_or(Damaged)?;
        if ends.len() != blocks * 4 {
            return Err(Damaged);
        }
        let marks = marks.as_chunks::<8>().0.iter().map(|mark| u64::from_le_bytes(*mark)).collect();
        Ok(Self { count, marks, blocks: Blocks::new(source, ends) })
    }

    /// Returns the terms that were just written.
    #[cfg(test)]
    pub fn of(written: &WrittenTerms) -> Result<Self, Damaged> {
        Self::new(&written.head, Source::Memory(written.blocks.clone()))
    }

    pub fn len(&self) -> usize {
        self.count
    }

    fn block(&self, at: usize) -> Result<Block<'_>, Damaged> {
        let count = self.count.saturating_sub(at * BLOCK).min(BLOCK);
        let (first, rest) = self.blocks.get(at)?.split_first_chunk::<8>().ok_or(Damaged)?;
        let (entries, texts) = rest.split_at_checked(count * ENTRY).ok_or(Damaged)?;
        let (entries, _) = entries.as_chunks::<ENTRY>();
        Ok(Block { first_list: u64::from_le_bytes(*first), entries, texts })
    }

    fn block_of(&self, index: usize) -> Result<(Block<'_>, usize), Damaged> {
        Ok((self.block(index / BLOCK)?, index % BLOCK))
    }

    /// Returns the term at a place of the order.
    pub fn text(&self, index: usize) -> Result<&str, Damaged> {
        std::str::from_utf8(self.text_bytes(index)?).map_err(|_| Damaged)
    }

    /// Returns the bytes of the term at a place of the order.
    pub fn text_bytes(&self, index: usize) -> Result<&[u8], Damaged> {
        let (block, at) = self.block_of(index)?;
        block.text(at)
    }

    /// Returns where the list of the term at a place of the order lies.
    pub fn place(&self, index: usize) -> Result<ListPlace, Damaged> {
        let (block, at) = self.block_of(index)?;
        block.place(at)
    }

    /// Returns where a term's list lies; `None` where no document holds it.
    pub fn find(&self, text: &str) -> Result<Option<ListPlace>, Damaged> {
        self.index(text)?.map(|at| self.place(at)).transpose()
    }

    /// Returns a term's place in the order.
    pub fn index(&self, text: &str) -> Result<Option<usize>, Damaged> {
        let at = self.lower_bound(text)?;
        // The block behind is only looked into where it begins like the text.
        let begins_so = |block: usize| self.marks.get(block) == Some(&mark(text.as_bytes()));
        if at >= self.count || at.is_multiple_of(BLOCK) && !begins_so(at / BLOCK) {
            return Ok(None);
        }
        Ok((self.text_bytes(at)? == text.as_bytes()).then_some(at))
    }

    /// Returns the place of the first term at or behind `text`.
    pub fn lower_bound(&self, text: &str) -> Result<usize, Damaged> {
        let (text, wanted) = (text.as_bytes(), mark(text.as_bytes()));
        // Of the blocks that begin like the text, the first one that begins at or behind it; else the one behind them.
        let mut low = self.marks.partition_point(|mark| *mark < wanted);
        let mut high = self.marks.partition_point(|mark| *mark <= wanted);
        while low < high {
            let middle = low.midpoint(high);
            match self.block(middle)?.text(0)? < text {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let Some(at) = low.checked_sub(1) else { return Ok(0) };
        let block = self.block(at)?;
        let (mut low, mut high) = (0, block.entries.len());
        while low < high {
            let middle = low.midpoint(high);
            match block.text(middle)? < text {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(at * BLOCK + low)
    }

    /// Gives the terms that begin with `prefix`, in order.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = Result<(&'a str, ListPlace), Damaged>> + 'a {
        let (first, damage) = match self.lower_bound(prefix) {
            Ok(first) => (first, None),
            Err(damage) => (self.count, Some(Err(damage))),
        };
        let at = move |index: usize| Ok((self.text(index)?, self.place(index)?));
        let begins_so = move |term: &Result<(&str, ListPlace), Damaged>| {
            term.as_ref().map_or(true, |(text, _)| text.starts_with(prefix))
        };
        damage.into_iter().chain((first..self.count).map(at).take_while(begins_so))
    }
}

/// Terms that are read together.
struct Block<'a> {
    first_list: u64,
    entries: &'a [[u8; ENTRY]],
    texts: &'a [u8],
}

impl<'a> Block<'a> {
    #[inline]
    fn number(entry: &[u8; ENTRY], at: usize) -> u32 {
        entry.as_chunks::<4>().0.get(at).map_or(0, |number| u32::from_le_bytes(*number))
    }

    fn end(&self, at: usize) -> Result<usize, Damaged> {
        let end = Self::number(self.entries.get(at).ok_or(Damaged)?, 0);
        usize::try_from(end).map_err(|_| Damaged)
    }

    #[inline]
    fn text(&self, at: usize) -> Result<&'a [u8], Damaged> {
        let start = at.checked_sub(1).map_or(Ok(0), |before| self.end(before))?;
        self.texts.get(start..self.end(at)?).ok_or(Damaged)
    }

    fn place(&self, at: usize) -> Result<ListPlace, Damaged> {
        let entry = self.entries.get(at).ok_or(Damaged)?;
        let [start, len, documents] = [1, 2, 3].map(|at| Self::number(entry, at));
        let start = self.first_list.checked_add(u64::from(start)).ok_or(Damaged)?;
        Ok(ListPlace { start, len, documents })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn place(start: usize) -> ListPlace {
        ListPlace { start: start as u64 * 7, len: 3, documents: 1 }
    }

    fn written<'a>(terms: impl IntoIterator<Item = &'a str>) -> WrittenTerms {
        let mut writer = TermsWriter::default();
        for (at, term) in terms.into_iter().enumerate() {
            writer.add(term, place(at));
        }
        writer.finish()
    }

    #[test]
    fn terms_are_found_and_bad_bytes_are_no_panic() {
        let terms = ["a", "alpha", "beta", "бета"];
        let whole = written(terms);
        let table = TermTable::of(&whole).unwrap();
        for (at, term) in terms.iter().enumerate() {
            assert_eq!(table.find(term), Ok(Some(place(at))), "{term}");
        }
        assert_eq!(table.find("alp"), Ok(None));
        assert_eq!(table.find("я"), Ok(None));
        let prefixed: Vec<_> = table.with_prefix("al").map(|term| term.unwrap().0).collect();
        assert_eq!(prefixed, ["alpha"]);
        for at in 0..whole.blocks.len() {
            let mut blocks = whole.blocks.clone();
            blocks[at] ^= 0x55;
            let table = TermTable::new(&whole.head, Source::Memory(blocks)).unwrap();
            assert_eq!(table.find("beta"), Err(Damaged), "byte {at}");
            assert!(table.with_prefix("al").any(|term| term.is_err()));
        }
        for at in 0..whole.head.len() {
            let mut head = whole.head.clone();
            head[at] ^= 0x55;
            if let Ok(table) = TermTable::new(&head, Source::Memory(whole.blocks.clone())) {
                let _ = table.find("beta");
            }
            assert!(TermTable::new(&head[..at], Source::Memory(Vec::new())).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Terms of several blocks, many of which begin alike.
        #[test]
        fn terms_have_their_order(
            terms in prop::collection::btree_set("(\u{1}parse|\u{2}parseheader|)[a-c]{0,5}", 0..400),
            others in prop::collection::vec("(\u{1}parse|\u{2}parseheader|)[a-c]{0,5}", 20),
        ) {
            let sorted: Vec<&str> = terms.iter().map(String::as_str).collect();
            let table = TermTable::of(&written(sorted.iter().copied())).unwrap();
            prop_assert_eq!(table.len(), sorted.len());
            for text in sorted.iter().copied().chain(others.iter().map(String::as_str)) {
                let first = sorted.partition_point(|term| *term < text);
                prop_assert_eq!(table.lower_bound(text), Ok(first), "{:?}", text);
                let index = terms.contains(text).then_some(first);
                prop_assert_eq!(table.index(text), Ok(index));
                prop_assert_eq!(table.find(text), Ok(index.map(place)));
                let found: BTreeSet<_> = table.with_prefix(text).map(|term| term.unwrap().0).collect();
                let expected = sorted.iter().copied().filter(|term| term.starts_with(text));
                prop_assert_eq!(found, expected.collect::<BTreeSet<_>>());
            }
            for (at, text) in sorted.iter().enumerate() {
                prop_assert_eq!(table.text(at), Ok(*text));
            }
            prop_assert!(table.text(sorted.len()).is_err());
        }
    }
}
