//! Records of a part that are read when they are first asked for, and kept from then on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

use super::Damaged;
use super::image::{check_record, write_record};

/// Longest record that is read.
const MAX_RECORD: u64 = 1 << 30;

/// Where records lie.
#[derive(Debug)]
pub(crate) enum Source {
    /// In a file, from a place on.
    File(Arc<File>, u64),
    #[cfg(test)]
    Memory(Vec<u8>),
}

impl Source {
    fn read(&self, start: u64, len: u64) -> Result<Vec<u8>, Damaged> {
        match self {
            Self::File(file, from) => read(file, from.checked_add(start).ok_or(Damaged)?, len),
            #[cfg(test)]
            Self::Memory(bytes) => {
                let start = usize::try_from(start).map_err(|_| Damaged)?;
                let len = usize::try_from(len).map_err(|_| Damaged)?;
                let rest = bytes.get(start..).and_then(|rest| rest.get(..len));
                rest.map(<[u8]>::to_vec).ok_or(Damaged)
            }
        }
    }
}

/// Reads so many bytes of a file.
pub(super) fn read(file: &File, start: u64, len: u64) -> Result<Vec<u8>, Damaged> {
    let mut bytes = Vec::new();
    read_to(file, start, len, &mut bytes)?;
    Ok(bytes)
}

/// Reads so many bytes of a file to the beginning of `room`, which is made larger where it is too small.
pub(super) fn read_to<'a>(
    file: &File,
    start: u64,
    len: u64,
    room: &'a mut Vec<u8>,
) -> Result<&'a [u8], Damaged> {
    if len > MAX_RECORD {
        return Err(Damaged);
    }
    let len = usize::try_from(len).map_err(|_| Damaged)?;
    if room.len() < len {
        // Not lengthened: what is in it would be copied, and then overwritten.
        *room = vec![0; len];
    }
    let bytes = room.get_mut(..len).ok_or(Damaged)?;
    file.read_exact_at(bytes, start).map_err(|_| Damaged)?;
    Ok(bytes)
}

/// Writes records one behind the other.
#[derive(Debug, Default)]
pub(super) struct BlocksWriter {
    pub bytes: Vec<u8>,
    /// Where each ends, little-endian numbers of four bytes.
    pub ends: Vec<u8>,
}

impl BlocksWriter {
    pub fn add(&mut self, record: &[u8]) {
        write_record(&mut self.bytes, record);
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.ends.extend(end.to_le_bytes());
    }
}

/// Records by their places.
#[derive(Debug)]
pub(super) struct Blocks {
    source: Source,
    ends: Vec<u32>,
    read: Vec<OnceLock<Box<[u8]>>>,
}

impl Blocks {
    /// Returns records that end as [`BlocksWriter::ends`] says.
    pub fn new(source: Source, ends: &[u8]) -> Self {
        let ends: Vec<u32> =
            ends.as_chunks::<4>().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
        let read = std::iter::repeat_with(OnceLock::new).take(ends.len()).collect();
        Self { source, ends, read }
    }

    /// Returns a record.
    #[inline]
    pub fn get(&self, at: usize) -> Result<&[u8], Damaged> {
        match self.read.get(at).and_then(OnceLock::get) {
            Some(block) => Ok(block),
            None => self.fetch(at),
        }
    }

    #[cold]
    fn fetch(&self, at: usize) -> Result<&[u8], Damaged> {
        let (slot, end) = self.read.get(at).zip(self.ends.get(at)).ok_or(Damaged)?;
        let start = at.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let start = start.copied().unwrap_or(0);
        let len = end.checked_sub(start).ok_or(Damaged)?;
        let bytes = self.source.read(u64::from(start), u64::from(len))?;
        let block = check_record(&bytes)?;
        Ok(slot.get_or_init(|| block.into()))
    }
}
