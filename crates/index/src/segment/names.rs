//! The names of a segment by groups of their letters: `timetz` for a request that says `time`.
//!
//! Written with the segment and read when the first request asks; the names of a group are decoded when it is asked for.
//! A group of letters is told by two bytes of its hash, which is exact enough for a look that only proposes candidates.

use std::sync::LazyLock;

use super::image::length;
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
    /// How many groups each name has.
    sizes: Vec<u8>,
    /// The groups that any name holds, by their numbers.
    groups: Vec<Group>,
    /// The groups' names as they are written, one group's after the other's.
    names: Vec<u8>,
}

/// A group of letters, and where its names stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    gram: u16,
    start: u32,
    /// How many names hold it.
    held: u32,
}

impl NameGrams {
    /// Takes the names of sorted terms.
    pub fn new(terms: &TermTable) -> Self {
        let prefix = NAME.to_string();
        let first = terms.lower_bound(&prefix);
        let mut pairs: Vec<(u16, u32)> = Vec::new();
        let mut sizes = Vec::new();
        for (number, (name, _)) in (0_u32..).zip(terms.with_prefix(&prefix)) {
            let before = pairs.len();
            name_grams(name, |gram| pairs.push((gram, number)));
            sizes.push(u8::try_from(pairs.len() - before).unwrap_or(u8::MAX));
        }
        // Names of a group stay in their order.
        pairs.sort_by_key(|(gram, _)| *gram);
        let mut grams = Self { first, sizes, groups: Vec::new(), names: Vec::new() };
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let Some((gram, _)) = group.first() else { continue };
            grams.groups.push(Group {
                gram: *gram,
                start: u32::try_from(grams.names.len()).unwrap_or(u32::MAX),
                held: u32::try_from(group.len()).unwrap_or(u32::MAX),
            });
            let mut before = 0;
            for (_, name) in group {
                write_number(&mut grams.names, u64::from(name - before));
                before = *name;
            }
        }
        grams
    }

    /// Returns its bytes: how many names and groups there are, how many groups each name has, for each group the gap to
    /// the one before, how many names hold it and how many bytes they take; then the names, as gaps, of each.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.names.len() + self.sizes.len());
        write_number(&mut bytes, length(self.sizes.len()));
        write_number(&mut bytes, length(self.groups.len()));
        bytes.extend(&self.sizes);
        let ends = self.groups.iter().skip(1).map(|group| group.start);
        let end = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let mut last = 0;
        for (group, end) in self.groups.iter().zip(ends.chain([end])) {
            write_number(&mut bytes, u64::from(group.gram - last));
            write_number(&mut bytes, u64::from(group.held));
            write_number(&mut bytes, u64::from(end.saturating_sub(group.start)));
            last = group.gram;
        }
        bytes.extend(&self.names);
        bytes
    }

    /// Reads what was written with these terms.
    pub fn read(terms: &TermTable, mut bytes: Vec<u8>) -> Result<Self, Damaged> {
        let whole = bytes.len();
        let mut rest = bytes.as_slice();
        let mut number = || {
            let number = read_number(&mut rest)?;
            Ok((usize::try_from(number).map_err(|_| Damaged)?, rest.len()))
        };
        let (count, _) = number()?;
        let (groups, left) = number()?;
        if count > terms.len() || count > left || groups > GROUPS {
            return Err(Damaged);
        }
        let (sizes, mut rest) = rest.split_at_checked(count).ok_or(Damaged)?;
        let mut number = || -> Result<u32, Damaged> {
            u32::try_from(read_number(&mut rest)?).map_err(|_| Damaged)
        };
        let mut read = Vec::with_capacity(groups);
        let (mut gram, mut start) = (0_u32, 0_u32);
        for _ in 0..groups {
            gram = gram.checked_add(number()?).ok_or(Damaged)?;
            let (held, len) = (number()?, number()?);
            let gram = u16::try_from(gram).map_err(|_| Damaged)?;
            // A name takes a byte at least.
            if held > len {
                return Err(Damaged);
            }
            read.push(Group { gram, start, held });
            start = start.checked_add(len).ok_or(Damaged)?;
        }
        if usize::try_from(start) != Ok(rest.len()) {
            return Err(Damaged);
        }
        let (sizes, head) = (sizes.to_vec(), whole - rest.len());
        bytes.drain(..head);
        Ok(Self { first: terms.lower_bound(&NAME.to_string()), sizes, groups: read, names: bytes })
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

    /// Returns how many names hold a group; one that holds it twice counts twice.
    pub fn held(&self, gram: u16) -> u32 {
        self.group(gram).map_or(0, |group| group.held)
    }

    /// Returns the numbers of the names that hold a group; one that holds it twice comes twice.
    pub fn holding(&self, gram: u16) -> impl Iterator<Item = usize> + use<'_> {
        let group = self.group(gram);
        let start = group.and_then(|group| usize::try_from(group.start).ok()).unwrap_or(usize::MAX);
        let mut rest = self.names.get(start..).unwrap_or_default();
        let mut name = 0_usize;
        (0..group.map_or(0, |group| group.held)).map_while(move |_| {
            // Most names are near the one before.
            let gap = match *rest {
                [gap @ 0..0x80, ref behind @ ..] => {
                    rest = behind;
                    usize::from(gap)
                }
                _ => usize::try_from(read_number(&mut rest).ok()?).ok()?,
            };
            name = name.checked_add(gap)?;
            Some(name)
        })
    }

    fn group(&self, gram: u16) -> Option<&Group> {
        let at = self.groups.binary_search_by_key(&gram, |group| group.gram).ok()?;
        self.groups.get(at)
    }

    /// Returns for each name one by the root of how many groups it has.
    pub fn shares(&self) -> impl Iterator<Item = f32> + use<'_> {
        let share = |size: &u8| SHARES.get(usize::from(*size)).copied().unwrap_or(1.0);
        self.sizes.iter().map(share)
    }
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
        TermTable::new(writer.finish()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_written_is_read(names in prop::collection::vec("[a-c_]{1,9}|timetz|[à-é]{4}", 0..40)) {
            let terms = table(&names);
            let grams = NameGrams::new(&terms);
            let bytes = grams.write();
            let back = NameGrams::read(&terms, bytes.clone()).unwrap();
            prop_assert_eq!(&back.groups, &grams.groups);
            prop_assert_eq!(&back.names, &grams.names);
            prop_assert_eq!(&back.sizes, &grams.sizes);
            let held = |gram| grams.holding(gram).count();
            prop_assert!((0..=u16::MAX).all(|gram| held(gram) == grams.held(gram) as usize));
            for cut in 0..bytes.len() {
                prop_assert!(NameGrams::read(&terms, bytes[..cut].to_vec()).is_err());
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(grams) = NameGrams::read(&table(&["timetz".to_owned()]), bytes) {
                (0..=u16::MAX).for_each(|gram| grams.holding(gram).for_each(drop));
            }
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
            grams.holding(gram).for_each(|name| held[name] += 1);
        });
        assert_eq!(held, [3, 3, 0]);
        assert_eq!(terms.text(grams.term(1)), Some("\u{1}timetz"));
        assert_eq!(grams.number(grams.term(2)), Some(2));
        assert_eq!(grams.number(3), None);
        let shares: Vec<f32> = grams.shares().collect();
        assert!(shares[2] > shares[0], "a short name has fewer groups");
    }
}
