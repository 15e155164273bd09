//! The vectors of a segment's chunks, in a file beside the segment.
//!
//! ```text
//! magic ┊ checksum of the rest ┊ model's id ┊ chunks ┊ keys ┊ dimensions ┊ scale of each ┊ steps of each ┊ keys
//! ```
//! A vector is its steps times its scale. Where an embedder from outside made them, each chunk has a key too: the hash of the
//! text that was embedded, zeros as long as it was not. Numbers are little-endian.

use crate::sealed::{self, Magic};

/// What the file begins with.
const MAGIC: &Magic = b"DISTIQV\x01";
/// Longest vector.
pub(super) const MAX_DIMENSIONS: usize = 8192;

/// The vectors of all chunks of a segment, dead ones too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// Which model made them.
    pub model: [u8; 16],
    pub dimensions: usize,
    /// What a step of each vector is worth; 0 where a chunk has none.
    pub scales: Vec<f32>,
    /// The hash of the text of each; none for vectors of the project's own words.
    pub keys: Vec<[u8; 16]>,
    pub steps: Vec<i8>,
}

/// Returns the name of the file beside a segment; `tag` tells an embedder from outside.
pub(crate) fn file_name(segment: &str, tag: &str) -> String {
    let stem = segment.strip_suffix(".seg").unwrap_or(segment);
    if tag.is_empty() { format!("{stem}.vec") } else { format!("{stem}.{tag}.vec") }
}

impl Rows {
    pub fn len(&self) -> u32 {
        u32::try_from(self.scales.len()).unwrap_or(u32::MAX)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = sealed::begin(MAGIC);
        bytes.extend(self.model);
        bytes.extend(self.len().to_le_bytes());
        bytes.extend(u32::try_from(self.keys.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(u32::try_from(self.dimensions).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(self.scales.iter().flat_map(|scale| scale.to_le_bytes()));
        bytes.extend(self.steps.iter().map(|step| step.cast_unsigned()));
        bytes.extend(self.keys.iter().flatten());
        sealed::seal(&mut bytes);
        bytes
    }

    /// Reads a file; `None` where it is not what was written.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (model, rest) = sealed::unseal(bytes, MAGIC)?.split_first_chunk::<16>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (keys, rest) = rest.split_first_chunk::<4>()?;
        let (dimensions, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let dimensions = usize::try_from(u32::from_le_bytes(*dimensions)).ok()?;
        let key_count = usize::try_from(u32::from_le_bytes(*keys)).ok()?;
        let (scales, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (steps, keys) = rest.split_at_checked(count.checked_mul(dimensions)?)?;
        let are_keys = key_count == 0 || key_count == count;
        if dimensions > MAX_DIMENSIONS || !are_keys || keys.len() != key_count.checked_mul(16)? {
            return None;
        }
        Some(Self {
            model: *model,
            dimensions,
            scales: floats(scales),
            steps: steps.iter().map(|byte| byte.cast_signed()).collect(),
            keys: keys.as_chunks::<16>().0.to_vec(),
        })
    }
}

/// Reads numbers; what is none becomes 0.
pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    numbers.iter().map(number).map(|n| if n.is_finite() { n } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_as_written_and_damaged_ones_do_not() {
        let mut rows = Rows {
            model: [7; 16],
            dimensions: 3,
            scales: vec![0.5, 0.0],
            steps: vec![1, -127, 127, 0, 0, 0],
            keys: vec![],
        };
        assert_eq!(Rows::read(&rows.bytes()).as_ref(), Some(&rows));
        rows.keys = vec![[3; 16], [0; 16]];
        let bytes = rows.bytes();
        assert_eq!(Rows::read(&bytes), Some(rows));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x11;
            assert_eq!(Rows::read(&damaged), None, "byte {at}");
            assert_eq!(Rows::read(&bytes[..at]), None, "cut at {at}");
        }
    }
}
