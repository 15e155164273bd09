//! The names of a segment by groups of their letters: `timetz` for a request that says `time`.
//!
//! Written with the segment and read when the first request asks; a group of letters is told by two bytes of its
//! hash, which is exact enough for a look that only proposes candidates.

use super::postings::{read_number, write_number};
use super::terms::TermTable;
use super::{Damaged, NAME};

/// How many groups are told apart.
const GROUPS: usize = 1 << 16;
/// Letters of a name that are looked at.
const MOST_LETTERS: usize = 48;

/// The names of a segment.
#[derive(Debug)]
pub(crate) struct NameGrams {
    /// The place of the first name in the segment's terms.
    first: usize,
    /// For each group where its names begin; one more for the end.
    starts: Vec<u32>,
    /// Group after group the names that hold it, counted from the first name.
    names: Vec<u32>,
    /// For each name one by the root of how many groups it has.
    shares: Vec<f32>,
}

impl NameGrams {
    /// Takes the names of sorted terms.
    pub fn new(terms: &TermTable) -> Self {
        let prefix = NAME.to_string();
        let first = terms.lower_bound(&prefix);
        let mut pairs: Vec<(u16, u32)> = Vec::new();
        let mut count = 0;
        for (name, _) in terms.with_prefix(&prefix) {
            name_grams(name, |gram| pairs.push((gram, count)));
            count += 1;
        }
        let mut starts = vec![0_u32; GROUPS + 1];
        for (gram, _) in &pairs {
            if let Some(size) = starts.get_mut(usize::from(*gram) + 1) {
                *size += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut names = vec![0; pairs.len()];
        for (gram, number) in pairs {
            let Some(next) = next.get_mut(usize::from(gram)) else { continue };
            let slot = usize::try_from(*next).ok().and_then(|next| names.get_mut(next));
            if let Some(slot) = slot {
                *slot = number;
                *next += 1;
            }
        }
        Self::of(first, starts, names, usize::try_from(count).unwrap_or(0))
    }

    fn of(first: usize, starts: Vec<u32>, names: Vec<u32>, count: usize) -> Self {
        let mut sizes = vec![0_u16; count];
        for name in &names {
            let size = usize::try_from(*name).ok().and_then(|name| sizes.get_mut(name));
            size.into_iter().for_each(|size| *size = size.saturating_add(1));
        }
        let shares = sizes.into_iter().map(|size| 1.0 / f32::from(size.max(1)).sqrt()).collect();
        Self { first, starts, names, shares }
    }

    /// Returns its bytes: how many names there are, then for each group that any holds the gap to the one before, how
    /// many there are, and the gaps between them.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        write_number(&mut bytes, number(self.len()));
        let mut last = 0;
        for gram in 0..=u16::MAX {
            let held = self.holding(gram);
            if held.is_empty() {
                continue;
            }
            write_number(&mut bytes, u64::from(gram - last));
            last = gram;
            write_number(&mut bytes, number(held.len()));
            let mut before = 0;
            for name in held {
                write_number(&mut bytes, u64::from(name.saturating_sub(before)));
                before = *name;
            }
        }
        bytes
    }

    /// Reads what was written with these terms.
    pub fn read(terms: &TermTable, bytes: &[u8]) -> Result<Self, Damaged> {
        let mut rest = bytes;
        let count = usize::try_from(read_number(&mut rest)?).map_err(|_| Damaged)?;
        let first = terms.lower_bound(&NAME.to_string());
        if count > terms.len() {
            return Err(Damaged);
        }
        let mut starts = Vec::with_capacity(GROUPS + 1);
        let mut names: Vec<u32> = Vec::with_capacity(bytes.len());
        let mut gram = 0_usize;
        while !rest.is_empty() {
            gram += usize::try_from(read_number(&mut rest)?).map_err(|_| Damaged)?;
            let held = read_number(&mut rest)?;
            // A name takes a byte at least.
            if gram >= GROUPS || held > u64::try_from(rest.len()).unwrap_or(0) {
                return Err(Damaged);
            }
            starts
                .resize(starts.len().max(gram + 1), u32::try_from(names.len()).unwrap_or(u32::MAX));
            let mut name = 0_u32;
            for _ in 0..held {
                let gap = u32::try_from(read_number(&mut rest)?).map_err(|_| Damaged)?;
                name = name.checked_add(gap).ok_or(Damaged)?;
                names.push(name);
            }
        }
        starts.resize(GROUPS + 1, u32::try_from(names.len()).unwrap_or(u32::MAX));
        names.shrink_to_fit();
        Ok(Self::of(first, starts, names, count))
    }

    /// Returns how many names there are.
    pub fn len(&self) -> usize {
        self.shares.len()
    }

    /// Returns the place of a name in the segment's terms.
    pub fn term(&self, name: usize) -> usize {
        self.first + name
    }

    /// Returns the number of the name whose place in the segment's terms is `term`.
    pub fn number(&self, term: usize) -> Option<usize> {
        term.checked_sub(self.first).filter(|number| *number < self.len())
    }

    /// Returns the numbers of the names that hold a group; one that holds it twice comes twice.
    pub fn holding(&self, gram: u16) -> &[u32] {
        let at = usize::from(gram);
        let place = |at: usize| self.starts.get(at).and_then(|start| usize::try_from(*start).ok());
        let (Some(from), Some(to)) = (place(at), place(at + 1)) else { return &[] };
        self.names.get(from..to).unwrap_or_default()
    }

    /// Returns for each name one by the root of how many groups it has.
    pub fn shares(&self) -> &[f32] {
        &self.shares
    }
}

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
        TermTable::new(writer.finish()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_written_is_read(names in prop::collection::vec("[a-c_]{1,9}|timetz|[à-é]{4}", 0..40)) {
            let terms = table(&names);
            let grams = NameGrams::new(&terms);
            let bytes = grams.write();
            let back = NameGrams::read(&terms, &bytes).unwrap();
            prop_assert_eq!(&back.starts, &grams.starts);
            prop_assert_eq!(&back.names, &grams.names);
            prop_assert_eq!(&back.shares, &grams.shares);
            for cut in (0..bytes.len()).step_by(9) {
                // Any beginning ends in an error or in fewer names.
                if let Ok(part) = NameGrams::read(&terms, &bytes[..cut]) {
                    prop_assert!(part.names.len() <= grams.names.len());
                }
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = NameGrams::read(&table(&["timetz".to_owned()]), &bytes);
        }
    }

    #[test]
    fn names_are_found_by_their_letters() {
        let mut writer = TermsWriter::default();
        for term in ["\u{1}get_time", "\u{1}timetz", "\u{1}zip", "time"] {
            writer.add(term, ListPlace { start: 0, len: 0, documents: 1 });
        }
        let terms = TermTable::new(writer.finish()).unwrap();
        let grams = NameGrams::new(&terms);
        assert_eq!(grams.len(), 3, "`time` is a word, not a name");
        let mut held = vec![0; grams.len()];
        name_grams("time", |gram| {
            grams.holding(gram).iter().for_each(|name| held[*name as usize] += 1);
        });
        assert_eq!(held, [3, 3, 0]);
        assert_eq!(terms.text(grams.term(1)), Some("\u{1}timetz"));
        assert_eq!(grams.number(grams.term(2)), Some(2));
        assert_eq!(grams.number(3), None);
        assert!(grams.shares()[2] > grams.shares()[0], "a short name has fewer groups");
    }
}
