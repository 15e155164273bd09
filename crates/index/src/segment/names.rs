//! The names of a segment by groups of their letters: `timetz` for a request that says `time`.
//!
//! Groups lie in blocks, of which each is read when one of its groups is first asked for. A group of letters is told by
//! two bytes of its hash, which is exact enough for a look that only proposes candidates.

use std::sync::LazyLock;

use super::blocks::{Blocks, BlocksWriter, Source};
use super::postings::{read_number, write_number};
use super::terms::TermTable;
use super::{Damaged, NAME};

/// Letters of a name that are looked at.
const MOST_LETTERS: usize = 48;
/// So many bytes a block has about, and so many blocks there are at most, as powers of two.
const BLOCK_BITS: u32 = 11;
const MOST_BLOCKS_BITS: u32 = 12;

/// The names of a segment.
#[derive(Debug)]
pub(crate) struct NameGrams {
    /// The place of the first name in the segment's terms.
    first: usize,
    /// How many groups each name has.
    sizes: Vec<u8>,
    /// By the upper bits of a group's number, as many as it takes.
    blocks: Blocks,
    bits: u32,
}

/// What is written of names: what is read at once, and the blocks.
#[derive(Debug, Default)]
pub(crate) struct WrittenNames {
    pub head: Vec<u8>,
    pub blocks: Vec<u8>,
}

/// The numbers of the names that hold a group; one that holds it twice comes twice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group<'a> {
    /// As they are written: each as the gap to the one before.
    gaps: &'a [u8],
    last: usize,
}

impl Iterator for Group<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        // Most names are near the one before.
        let gap = match *self.gaps {
            [gap @ 0..0x80, ref rest @ ..] => {
                self.gaps = rest;
                usize::from(gap)
            }
            _ => usize::try_from(read_number(&mut self.gaps).ok()?).ok()?,
        };
        self.last = self.last.checked_add(gap)?;
        Some(self.last)
    }
}

/// The names of a segment under construction; they come sorted.
#[derive(Debug, Default)]
pub(crate) struct NamesWriter {
    /// Groups, each with the number of a name that holds it.
    pairs: Vec<(u16, u32)>,
    sizes: Vec<u8>,
}

impl NamesWriter {
    pub fn add(&mut self, name: &str) {
        let number = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        let before = self.pairs.len();
        name_grams(name, |gram| self.pairs.push((gram, number)));
        self.sizes.push(u8::try_from(self.pairs.len() - before).unwrap_or(u8::MAX));
    }

    /// Returns what is to be written.
    ///
    /// The head is how many names there are, how many bits of a group's number tell its block, how many groups each name
    /// has, and where each block ends. A block is how many groups it has, their numbers, where the names of each end, and the
    /// names, as gaps.
    pub fn finish(self) -> WrittenNames {
        let Self { mut pairs, sizes } = self;
        pairs.sort_unstable();
        // A name takes a byte, a group six more.
        let bytes = pairs.len() + 6 * pairs.chunk_by(|a, b| a.0 == b.0).count();
        let bits = (bytes >> BLOCK_BITS).checked_ilog2().unwrap_or(0).min(MOST_BLOCKS_BITS);
        let mut blocks = BlocksWriter::default();
        let mut rest = pairs.as_slice();
        for block in 0..1_usize << bits {
            let count = rest.partition_point(|(gram, _)| block_of(*gram, bits) <= block);
            let (own, behind) = rest.split_at_checked(count).unwrap_or_default();
            blocks.add(&write_block(own));
            rest = behind;
        }
        let mut head = Vec::with_capacity(sizes.len() + blocks.ends.len() + 16);
        write_number(&mut head, u64::try_from(sizes.len()).unwrap_or(u64::MAX));
        write_number(&mut head, u64::from(bits));
        head.extend(sizes);
        head.extend(blocks.ends);
        WrittenNames { head, blocks: blocks.bytes }
    }
}

impl NameGrams {
    /// Returns what was written with these terms.
    pub fn new(terms: &TermTable, mut head: &[u8], source: Source) -> Result<Self, Damaged> {
        let count = usize::try_from(read_number(&mut head)?).map_err(|_| Damaged)?;
        let bits = u32::try_from(read_number(&mut head)?).map_err(|_| Damaged)?;
        let (sizes, ends) = head.split_at_checked(count).ok_or(Damaged)?;
        if bits > MOST_BLOCKS_BITS || ends.len() != 4 << bits || count > terms.len() {
            return Err(Damaged);
        }
        let first = terms.lower_bound(&NAME.to_string())?;
        Ok(Self { first, sizes: sizes.to_vec(), blocks: Blocks::new(source, ends), bits })
    }

    /// Returns how many names there are.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Returns the place of a name in the segment's terms.
    pub fn term(&self, name: usize) -> usize {
        self.first + name
    }

    /// Returns the number of the name whose place in the segment's terms is `term`.
    pub fn number(&self, term: usize) -> Option<usize> {
        term.checked_sub(self.first).filter(|number| *number < self.len())
    }

    /// Returns the names that hold a group.
    pub fn group(&self, gram: u16) -> Result<Group<'_>, Damaged> {
        let block = self.blocks.get(block_of(gram, self.bits))?;
        let (count, rest) = block.split_first_chunk::<4>().ok_or(Damaged)?;
        let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| Damaged)?;
        let (grams, rest) = rest.split_at_checked(count.saturating_mul(2)).ok_or(Damaged)?;
        let (ends, names) = rest.split_at_checked(count.saturating_mul(4)).ok_or(Damaged)?;
        let (grams, ends) = (grams.as_chunks::<2>().0, ends.as_chunks::<4>().0);
        let Ok(at) = grams.binary_search_by_key(&gram, |gram| u16::from_le_bytes(*gram)) else {
            return Ok(Group::default());
        };
        let end = |at: usize| {
            let end = ends.get(at).map(|end| u32::from_le_bytes(*end)).ok_or(Damaged)?;
            usize::try_from(end).map_err(|_| Damaged)
        };
        let start = at.checked_sub(1).map_or(Ok(0), end)?;
        Ok(Group { gaps: names.get(start..end(at)?).ok_or(Damaged)?, last: 0 })
    }

    /// Returns for each name one by the root of how many groups it has.
    pub fn shares(&self) -> impl Iterator<Item = f32> + use<'_> {
        let share = |size: &u8| SHARES.get(usize::from(*size)).copied().unwrap_or(1.0);
        self.sizes.iter().map(share)
    }
}

/// Returns the block of a group: the upper bits of its number.
fn block_of(gram: u16, bits: u32) -> usize {
    usize::from(gram) >> (u16::BITS - bits.min(u16::BITS))
}

/// Writes groups, each with a name that holds it, sorted.
fn write_block(pairs: &[(u16, u32)]) -> Vec<u8> {
    let (mut grams, mut ends, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0_u32;
    for group in pairs.chunk_by(|a, b| a.0 == b.0) {
        let mut before = 0;
        for (_, name) in group {
            write_number(&mut names, u64::from(name - before));
            before = *name;
        }
        let gram = group.first().map_or(0, |(gram, _)| *gram);
        grams.extend(gram.to_le_bytes());
        ends.extend(u32::try_from(names.len()).unwrap_or(u32::MAX).to_le_bytes());
        count += 1;
    }
    [&count.to_le_bytes()[..], &grams, &ends, &names].concat()
}

/// One by the root of a number.
static SHARES: LazyLock<[f32; 256]> = LazyLock::new(|| {
    let mut shares = [1.0; 256];
    for (size, share) in (0_u8..=u8::MAX).zip(&mut shares) {
        *share = 1.0 / f32::from(size.max(1)).sqrt();
    }
    shares
});

/// Gives the groups of three and four letters of a name in lower case; `_` and the like do not count.
pub(crate) fn name_grams(name: &str, mut each: impl FnMut(u16)) {
    let mut last = [0_u32; 4];
    let mut count = 0;
    for letter in name.chars().filter(|c| c.is_alphanumeric()).take(MOST_LETTERS) {
        last.rotate_left(1);
        last[3] = u32::from(letter);
        count += 1;
        let [_, a, b, c] = last;
        if count >= 3 {
            each(hash(&[a, b, c]));
        }
        if count >= 4 {
            each(hash(&last));
        }
    }
}

fn hash(letters: &[u32]) -> u16 {
    let hash = letters
        .iter()
        .fold(0x811c_9dc5_u32, |hash, letter| (hash ^ letter).wrapping_mul(0x0100_0193));
    // The upper bits are the better mixed ones.
    let [a, b, c, d] = hash.wrapping_mul(0x9e37_79b1).to_be_bytes();
    u16::from_be_bytes([a ^ d, b ^ c])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::terms::{ListPlace, TermsWriter};
    use super::*;

    fn table(names: &[String]) -> TermTable {
        let mut names: Vec<String> = names.iter().map(|name| format!("{NAME}{name}")).collect();
        names.extend(["plain".to_owned(), "words".to_owned()]);
        names.sort();
        names.dedup();
        let mut writer = TermsWriter::default();
        for name in &names {
            writer.add(name, ListPlace { start: 0, len: 0, documents: 1 });
        }
        TermTable::of(&writer.finish()).unwrap()
    }

    fn written(terms: &TermTable) -> WrittenNames {
        let mut writer = NamesWriter::default();
        for term in terms.with_prefix(&NAME.to_string()) {
            writer.add(term.unwrap().0);
        }
        writer.finish()
    }

    fn read(terms: &TermTable, written: &WrittenNames) -> NameGrams {
        let source = Source::Memory(written.blocks.clone());
        NameGrams::new(terms, &written.head, source).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn each_group_has_the_names_that_hold_it(
            names in prop::collection::btree_set("[a-e_]{1,9}|timetz|[à-é]{4}", 0..700),
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let terms = table(&names);
            let written = written(&terms);
            let grams = read(&terms, &written);
            prop_assert_eq!(grams.len(), names.len());
            let mut expected: Vec<Vec<usize>> = vec![Vec::new(); 1 << 16];
            for (number, name) in names.iter().enumerate() {
                name_grams(name, |gram| expected[usize::from(gram)].push(number));
            }
            for (gram, expected) in (0..=u16::MAX).zip(expected) {
                prop_assert_eq!(grams.group(gram).unwrap().collect::<Vec<_>>(), expected);
            }
            for cut in 0..written.head.len() {
                let cut = NameGrams::new(&terms, &written.head[..cut], Source::Memory(Vec::new()));
                prop_assert!(cut.is_err());
            }
        }

        #[test]
        fn any_bytes_end(
            head in prop::collection::vec(any::<u8>(), 0..200),
            block in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let terms = table(&["timetz".to_owned()]);
            let mut blocks = BlocksWriter::default();
            blocks.add(&block);
            let whole = [&[1, 0, 1][..], &blocks.ends].concat();
            for head in [head, whole] {
                let source = Source::Memory(blocks.bytes.clone());
                let Ok(grams) = NameGrams::new(&terms, &head, source) else { continue };
                for gram in 0..=u16::MAX {
                    let _ = grams.group(gram).map(|group| group.for_each(drop));
                }
            }
        }
    }

    #[test]
    fn names_are_found_by_their_letters() {
        let names = ["get_time", "timetz", "zip"].map(str::to_owned);
        let terms = table(&names);
        let written = written(&terms);
        let grams = read(&terms, &written);
        assert_eq!(grams.len(), 3, "`plain` is a word, not a name");
        let mut held = vec![0; grams.len()];
        name_grams("time", |gram| {
            grams.group(gram).unwrap().for_each(|name| held[name] += 1);
        });
        assert_eq!(held, [3, 3, 0]);
        assert_eq!(terms.text(grams.term(1)), Ok("\u{1}timetz"));
        assert_eq!(grams.number(grams.term(2)), Some(2));
        assert_eq!(grams.number(3), None);
        let shares: Vec<f32> = grams.shares().collect();
        assert!(shares[2] > shares[0], "a short name has fewer groups");
        let damaged = WrittenNames { blocks: vec![7; written.blocks.len()], ..written };
        assert!(read(&terms, &damaged).group(0).is_err());
    }
}
