//! The list of chunks that hold a term, with its count in each field.

use super::Damaged;
use crate::chunk::FIELDS;

/// A list under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posting {
    pub bytes: Vec<u8>,
    pub count: u32,
    next: u32,
}

impl Posting {
    /// Adds a document behind the last one.
    pub fn add(&mut self, document: u32, counts: &[u8; FIELDS]) {
        let mask = mask(counts);
        let is_plain = counts.iter().all(|count| *count <= 1);
        let gap = u64::from(document.saturating_sub(self.next));
        write_number(&mut self.bytes, gap << 1 | u64::from(is_plain));
        self.bytes.push(mask);
        if !is_plain {
            self.bytes.extend(counts.iter().filter(|count| **count > 0));
        }
        self.next = document.saturating_add(1);
        self.count = self.count.saturating_add(1);
    }
}

fn mask(counts: &[u8; FIELDS]) -> u8 {
    counts.iter().rev().fold(0, |mask, count| mask << 1 | u8::from(*count > 0))
}

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

/// Reads a number as [`write_number`] writes it.
#[inline]
pub(crate) fn read_number(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Damaged)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

/// Reads a list; ends early where it is damaged, which [`Postings::check`] tells.
#[derive(Clone, Debug)]
pub(crate) struct Postings<'a> {
    rest: &'a [u8],
    next: u32,
}

/// A document of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub document: u32,
    /// The fields that hold the term, one bit each.
    pub mask: u8,
    pub counts: [u8; FIELDS],
}

impl<'a> Postings<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, next: 0 }
    }

    /// Tells whether the list was read to its end.
    pub fn check(&self) -> Result<(), Damaged> {
        if self.rest.is_empty() { Ok(()) } else { Err(Damaged) }
    }

    #[cold]
    fn number(&mut self) -> Option<u64> {
        read_number(&mut self.rest).ok()
    }
}

impl Iterator for Postings<'_> {
    type Item = Found;

    #[inline]
    fn next(&mut self) -> Option<Found> {
        // Most documents are near the one before.
        let head = match *self.rest {
            [head @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                u64::from(head)
            }
            _ => self.number()?,
        };
        let (mask, rest) = self.rest.split_first()?;
        self.rest = rest;
        let document = self.next.checked_add(u32::try_from(head >> 1).ok()?)?;
        self.next = document.checked_add(1)?;
        let mut counts = ONES.get(usize::from(*mask)).copied().unwrap_or_default();
        if head & 1 == 0 {
            let mut fields = *mask;
            while fields > 0 {
                let (byte, rest) = self.rest.split_first()?;
                self.rest = rest;
                if let Some(count) = counts.get_mut(fields.trailing_zeros() as usize) {
                    *count = *byte;
                }
                fields &= fields - 1;
            }
        }
        Some(Found { document, mask: *mask, counts })
    }
}

/// For each mask the counts of a term that stands once in each of its fields.
static ONES: [[u8; FIELDS]; 256] = ones();

#[allow(clippy::indexing_slicing)]
const fn ones() -> [[u8; FIELDS]; 256] {
    let mut all = [[0; FIELDS]; 256];
    let mut mask = 0;
    while mask < all.len() {
        let mut field = 0;
        while field < FIELDS {
            if mask >> field & 1 == 1 {
                all[mask][field] = 1;
            }
            field += 1;
        }
        mask += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_read_as_written(gaps in prop::collection::vec((0_u32..100_000, prop::array::uniform8(0_u8..4)), 0..50)) {
            let mut posting = Posting::default();
            let mut document = 0;
            let mut expected = Vec::new();
            for (gap, counts) in gaps {
                document += gap;
                posting.add(document, &counts);
                expected.push((document, counts));
                document += 1;
            }
            let mut list = Postings::new(&posting.bytes);
            let read: Vec<_> = list.by_ref().map(|found| (found.document, found.counts)).collect();
            prop_assert_eq!(read, expected);
            prop_assert_eq!(list.check(), Ok(()));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Postings::new(&bytes).count() <= bytes.len());
        }
    }
}
