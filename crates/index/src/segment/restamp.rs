//! Checksums that hold over any bytes, for tests: whoever makes an index by hand stamps it rightly.

use std::ops::Range;

use super::image::{FOOTER, PARTS, Part, ROW, length};
use super::postings::read_number;
use crate::chunk::FIELDS;

/// The places of a part's row that hold where it begins, its length, and its checksum.
const START: Range<usize> = 0..8;
const LENGTH: Range<usize> = 8..16;
const CHECKSUM: Range<usize> = 16..20;
/// How many terms a block has, and the bytes of an entry: where its text ends, where its list begins and its length.
const BLOCK: usize = 64;
const ENTRY: usize = 16;

/// Writes all checksums of a segment's file anew, as far as it says where the records lie.
pub(crate) fn restamp(image: &mut [u8]) {
    stamp_pairs(image);
    stamp_blocks(image);
    stamp_lists(image);
    for part in 0..PARTS {
        // Records have their own.
        let is_whole = part >= Part::Terms as usize;
        let bytes = span(image, part).and_then(|span| image.get(span));
        let checksum = bytes.filter(|_| is_whole).map_or(0, crc32fast::hash);
        if let Some(row) = row(image, part).and_then(|row| image.get_mut(row))
            && let Some(place) = row.get_mut(CHECKSUM)
        {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }
    if let Some(rows) = image.len().checked_sub(FOOTER) {
        stamp(image, rows..rows + PARTS * ROW + 4);
    }
}

/// Returns where the row of a part lies in the footer.
pub(crate) fn row(image: &[u8], part: usize) -> Option<Range<usize>> {
    let start = image.len().checked_sub(FOOTER)?.checked_add(part * ROW)?;
    (part < PARTS).then_some(start..start + ROW)
}

/// Returns where a part lies.
pub(crate) fn span(image: &[u8], part: usize) -> Option<Range<usize>> {
    let row = image.get(row(image, part)?)?;
    let number = |at: Range<usize>| {
        let bytes = row.get(at)?.first_chunk::<8>()?;
        usize::try_from(u64::from_le_bytes(*bytes)).ok()
    };
    let start = number(START)?;
    let end = start.checked_add(number(LENGTH)?)?;
    (length(end) <= length(image.len())).then_some(start..end)
}

fn bytes(image: &[u8], part: Part) -> Vec<u8> {
    span(image, part as usize).and_then(|span| image.get(span)).unwrap_or_default().to_vec()
}

fn numbers(bytes: &[u8]) -> Vec<usize> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|number| u32::from_le_bytes(*number) as usize).collect()
}

/// Writes the checksum at the end of a record.
fn stamp(image: &mut [u8], record: Range<usize>) {
    let Some(record) = image.get_mut(record) else { return };
    let Some((record, checksum)) = record.split_last_chunk_mut::<4>() else { return };
    *checksum = crc32fast::hash(record).to_le_bytes();
}

/// Stamps records of a part that begin and end at such places.
fn stamp_between(image: &mut [u8], part: Part, places: &[usize]) {
    let Some(part) = span(image, part as usize) else { return };
    for pair in places.windows(2) {
        if let [from, to] = pair {
            stamp(image, part.start.saturating_add(*from)..part.start.saturating_add(*to));
        }
    }
}

/// Stamps chunks and facts.
fn stamp_pairs(image: &mut [u8]) {
    let chunks = bytes(image, Part::Lengths).len() / FIELDS;
    let places = numbers(&bytes(image, Part::Places));
    if let Some((chunks, facts)) = places.split_at_checked(chunks + 1) {
        stamp_between(image, Part::Chunks, chunks);
        stamp_between(image, Part::Facts, facts);
    }
}

/// Stamps the blocks of terms and of names.
fn stamp_blocks(image: &mut [u8]) {
    let terms = bytes(image, Part::Terms);
    let count = numbers(&terms).first().map_or(0, |count| count.div_ceil(BLOCK));
    let ends = terms.len().saturating_sub(count.saturating_mul(4));
    stamp_ends(image, Part::TermBlocks, terms.get(ends..).unwrap_or_default());
    let names = bytes(image, Part::Names);
    let mut rest = names.as_slice();
    let _ = read_number(&mut rest);
    let bits = read_number(&mut rest).ok().filter(|bits| *bits < 20).unwrap_or(0);
    let ends = names.len().saturating_sub(4 << bits);
    stamp_ends(image, Part::NameBlocks, names.get(ends..).unwrap_or_default());
}

fn stamp_ends(image: &mut [u8], part: Part, ends: &[u8]) {
    let places: Vec<usize> = [0].into_iter().chain(numbers(ends)).collect();
    stamp_between(image, part, &places);
}

/// Stamps the lists that the terms name.
fn stamp_lists(image: &mut [u8]) {
    let terms = bytes(image, Part::Terms);
    let Some(count) = numbers(&terms).first().copied() else { return };
    let blocks = count.div_ceil(BLOCK);
    let ends = terms.len().saturating_sub(blocks.saturating_mul(4));
    let ends = numbers(terms.get(ends..).unwrap_or_default());
    let (all, mut from) = (bytes(image, Part::TermBlocks), 0);
    let Some(lists) = span(image, Part::Postings as usize) else { return };
    for (at, end) in ends.into_iter().enumerate() {
        let block = all.get(from..end).unwrap_or_default();
        from = end;
        let Some((first, entries)) = block.split_first_chunk::<8>() else { continue };
        let first = usize::try_from(u64::from_le_bytes(*first)).unwrap_or(usize::MAX);
        let of_block = count.saturating_sub(at * BLOCK).min(BLOCK);
        for entry in entries.chunks_exact(ENTRY).take(of_block) {
            if let [_, start, len, _] = numbers(entry)[..] {
                let start = lists.start.saturating_add(first).saturating_add(start);
                stamp(image, start..start.saturating_add(len).saturating_add(4));
            }
        }
    }
}
