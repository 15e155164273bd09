//! The layout of a segment's file.

use std::io::{self, Write};

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

/// A file under construction, which goes out as it is made: its parts come in their order.
#[derive(Debug)]
pub(crate) struct Image<W: Write> {
    out: W,
    written: u64,
    spans: Vec<Span>,
}

impl<W: Write> Image<W> {
    pub fn new(out: W) -> Self {
        Self { out, written: 0, spans: vec![Span::default()] }
    }

    /// Ends the part before, and those that are empty until this one.
    pub fn turn_to(&mut self, part: Part) {
        debug_assert!(self.spans.len() <= part as usize + 1, "{part:?} comes too late");
        while self.spans.len() <= part as usize {
            self.spans.push(Span { start: self.written, ..Span::default() });
        }
    }

    /// Adds bytes to the part that was turned to, whose records carry their own checksums; returns where in it they begin.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<u64> {
        self.out.write_all(bytes)?;
        self.written += length(bytes.len());
        let Some(span) = self.spans.last_mut() else { return Ok(0) };
        let begin = span.len;
        span.len += length(bytes.len());
        Ok(begin)
    }

    /// Adds a record with its checksum; returns where in its part it begins.
    pub fn record(&mut self, record: &[u8]) -> io::Result<u64> {
        let begin = self.add(record)?;
        self.add(&crc32fast::hash(record).to_le_bytes())?;
        Ok(begin)
    }

    /// Adds a part that is read as a whole.
    pub fn whole(&mut self, part: Part, bytes: &[u8]) -> io::Result<()> {
        self.turn_to(part);
        self.add(bytes)?;
        if let Some(span) = self.spans.last_mut() {
            span.checksum = crc32fast::hash(bytes);
        }
        Ok(())
    }

    /// Writes the footer.
    pub fn finish(mut self) -> io::Result<()> {
        let mut rows = Vec::with_capacity(FOOTER);
        for span in &self.spans {
            rows.extend(span.start.to_le_bytes());
            rows.extend(span.len.to_le_bytes());
            rows.extend(span.checksum.to_le_bytes());
        }
        let checksum = crc32fast::hash(&rows);
        rows.extend(checksum.to_le_bytes());
        rows.extend(MAGIC);
        self.out.write_all(&rows)?;
        self.out.flush()
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
