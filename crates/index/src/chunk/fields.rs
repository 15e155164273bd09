//! The words of a chunk, by where they stand.

use crate::words::Analyzer;

/// Where a word stands in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Field {
    Name,
    /// The types around it.
    Class,
    Signature,
    Path,
    Doc,
    Identifiers,
    Strings,
    Comments,
}

/// How many fields there are.
pub const FIELDS: usize = 8;

/// The fields in words, in their order.
pub(crate) const FIELD_NAMES: [&str; FIELDS] =
    ["name", "class", "signature", "path", "documentation", "code", "string", "comment"];

/// A term's number and its count in each field.
pub(crate) type Occurrences = (u32, [u8; FIELDS]);

/// Collects the words of one chunk.
#[derive(Debug, Default)]
pub(crate) struct Scribe {
    seen: Vec<(u32, u8)>,
    lengths: [u32; FIELDS],
}

impl Scribe {
    /// Takes the words of a text that stands in `field`.
    pub fn write(&mut self, field: Field, text: &str, analyzer: &mut Analyzer) {
        let (seen, lengths) = (&mut self.seen, &mut self.lengths);
        analyzer.numbers(text, |term| {
            seen.push((term, field as u8));
            if let Some(length) = lengths.get_mut(field as usize) {
                *length = length.saturating_add(1);
            }
        });
    }

    /// Returns how many terms each field has.
    pub fn lengths(&self) -> [u32; FIELDS] {
        self.lengths
    }

    /// Gives each term with its counts, by rising number, and begins anew.
    pub fn finish(&mut self, mut each: impl FnMut(Occurrences)) {
        self.seen.sort_unstable();
        let mut current: Option<Occurrences> = None;
        for (term, field) in self.seen.drain(..) {
            if current.is_none_or(|(number, _)| number != term) {
                current.into_iter().for_each(&mut each);
                current = Some((term, [0; FIELDS]));
            }
            let counts = current.as_mut().map(|(_, counts)| counts);
            if let Some(count) = counts.and_then(|counts| counts.get_mut(usize::from(field))) {
                *count = count.saturating_add(1);
            }
        }
        current.into_iter().for_each(&mut each);
        self.lengths = [0; FIELDS];
    }
}
