//! The names of a segment by groups of their letters: `timetz` for a request that says `time`.
//!
//! Made when the first request asks, from the sorted terms; a group of letters is told by two bytes of its
//! hash, which is exact enough for a look that only proposes candidates.

use super::NAME;
use super::terms::TermTable;

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
    pub fn new(terms: &TermTable) -> Self {
        let prefix = NAME.to_string();
        let first = terms.lower_bound(&prefix);
        let mut grams: Vec<u16> = Vec::new();
        let mut ends: Vec<usize> = Vec::new();
        for (name, _) in terms.with_prefix(&prefix) {
            name_grams(name, |gram| grams.push(gram));
            ends.push(grams.len());
        }
        let mut next = vec![0_u32; GROUPS + 1];
        for gram in &grams {
            if let Some(size) = next.get_mut(usize::from(*gram)) {
                *size += 1;
            }
        }
        let mut at = 0;
        for size in &mut next {
            let start = at;
            at += *size;
            *size = start;
        }
        let starts = next.clone();
        let mut names = vec![0; grams.len()];
        let mut shares = Vec::with_capacity(ends.len());
        let mut start = 0;
        for (number, end) in (0_u32..).zip(ends) {
            let held = grams.get(start..end).unwrap_or_default();
            start = end;
            shares.push(1.0 / (held.len().max(1) as f32).sqrt());
            for gram in held {
                let Some(next) = next.get_mut(usize::from(*gram)) else { continue };
                let slot = usize::try_from(*next).ok().and_then(|next| names.get_mut(next));
                if let Some(slot) = slot {
                    *slot = number;
                    *next += 1;
                }
            }
        }
        Self { first, starts, names, shares }
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
    use super::super::terms::{ListPlace, TermsWriter};
    use super::*;

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
