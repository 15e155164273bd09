//! The layout of a segment's file.

use super::Damaged;

/// What the file ends with; the number is the format's version.
const MAGIC: &[u8; 8] = b"DISTIQ\x00\x04";

/// The parts of a file, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Postings,
    Chunks,
    Facts,
    TermBlocks,
    NameBlocks,
    Terms,
    Files,
    Lengths,
    Places,
    Names,
}

pub(crate) const PARTS: usize = 10;
/// For each part where it begins, its length and its checksum (0 where its records have theirs).
pub(crate) const ROW: usize = 20;
/// The rows, their checksum, the magic.
pub(crate) const FOOTER: usize = PARTS * ROW + 4 + 8;

/// Where a part lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u64,
    pub len: u64,
    pub checksum: u32,
}

/// Returns a footer's spans.
pub(crate) fn read_footer(footer: &[u8]) -> Result<[Span; PARTS], Damaged> {
    let rest = footer.strip_suffix(MAGIC).ok_or(Damaged)?;
    let (rows, checksum) = rest.split_last_chunk::<4>().ok_or(Damaged)?;
    if crc32fast::hash(rows) != u32::from_le_bytes(*checksum) {
        return Err(Damaged);
    }
    let mut spans = [Span::default(); PARTS];
    for (span, row) in spans.iter_mut().zip(rows.chunks_exact(ROW)) {
        let (start, row) = row.split_first_chunk::<8>().ok_or(Damaged)?;
        let (len, row) = row.split_first_chunk::<8>().ok_or(Damaged)?;
        let (checksum, _) = row.split_first_chunk::<4>().ok_or(Damaged)?;
        *span = Span {
            start: u64::from_le_bytes(*start),
            len: u64::from_le_bytes(*len),
            checksum: u32::from_le_bytes(*checksum),
        };
    }
    Ok(spans)
}

/// A file under construction: each part is written at once, in order.
#[derive(Debug, Default)]
pub(crate) struct Image {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl Image {
    /// Adds a part whose records carry their own checksums.
    pub fn records(&mut self, part: Part, bytes: &[u8]) {
        self.add(part, bytes, 0);
    }

    /// Adds a part that is read as a whole.
    pub fn whole(&mut self, part: Part, bytes: &[u8]) {
        self.add(part, bytes, crc32fast::hash(bytes));
    }

    fn add(&mut self, part: Part, bytes: &[u8], checksum: u32) {
        debug_assert_eq!(self.spans.len(), part as usize);
        let start = length(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.spans.push(Span { start, len: length(bytes.len()), checksum });
    }

    /// Returns the file's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let mut rows = Vec::with_capacity(FOOTER);
        for span in &self.spans {
            rows.extend(span.start.to_le_bytes());
            rows.extend(span.len.to_le_bytes());
            rows.extend(span.checksum.to_le_bytes());
        }
        let checksum = crc32fast::hash(&rows);
        rows.extend(checksum.to_le_bytes());
        rows.extend(MAGIC);
        self.bytes.extend(rows);
        self.bytes
    }
}

pub(crate) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Appends a record with its checksum.
pub(crate) fn write_record(bytes: &mut Vec<u8>, record: &[u8]) {
    bytes.extend_from_slice(record);
    bytes.extend(crc32fast::hash(record).to_le_bytes());
}

/// Returns a record whose checksum holds.
pub(crate) fn check_record(bytes: &[u8]) -> Result<&[u8], Damaged> {
    let (record, checksum) = bytes.split_last_chunk::<4>().ok_or(Damaged)?;
    if crc32fast::hash(record) != u32::from_le_bytes(*checksum) {
        return Err(Damaged);
    }
    Ok(record)
}
