//! The model's file: its numbers, then its words; little-endian, with a checksum in front.

use super::Model;
use crate::chunk::FIELDS;
use crate::sealed::{self, Magic};
use crate::vector::rows::{MAX_DIMENSIONS, floats};

/// What the file begins with.
const MAGIC: &Magic = b"DISTIQM\x01";

impl Model {
    /// Sets the id by what the model holds.
    pub(super) fn name(&mut self) {
        self.id = id(&self.bytes());
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = sealed::begin(MAGIC);
        bytes.extend(self.chunks.to_le_bytes());
        bytes.extend(length(self.len()));
        bytes.extend(length(self.dimensions));
        for floats in [&self.averages[..], &self.weights, &self.scales] {
            bytes.extend(floats.iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes.extend(self.ends.iter().flat_map(|end| end.to_le_bytes()));
        bytes.extend(self.steps.iter().map(|step| step.cast_unsigned()));
        bytes.extend(self.texts.as_bytes());
        sealed::seal(&mut bytes);
        bytes
    }

    /// Reads a file; `None` where it is not what was written.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (chunks, rest) = sealed::unseal(bytes, MAGIC)?.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (dimensions, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let dimensions = usize::try_from(u32::from_le_bytes(*dimensions)).ok()?;
        if dimensions > MAX_DIMENSIONS {
            return None;
        }
        let (averages, rest) = rest.split_at_checked(FIELDS * 4)?;
        let (weights, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (scales, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (ends, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (steps, texts) = rest.split_at_checked(count.checked_mul(dimensions)?)?;
        Some(Self {
            id: id(bytes),
            chunks: u64::from_le_bytes(*chunks),
            averages: floats(averages).first_chunk().copied()?,
            dimensions,
            texts: std::str::from_utf8(texts).ok()?.to_owned(),
            ends: ends.as_chunks::<4>().0.iter().map(|end| u32::from_le_bytes(*end)).collect(),
            weights: floats(weights),
            scales: floats(scales),
            steps: steps.iter().map(|step| step.cast_signed()).collect(),
        })
    }
}

fn id(bytes: &[u8]) -> [u8; 16] {
    blake3::hash(bytes).as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_as_written_and_damaged_ones_do_not() {
        let mut model = Model {
            chunks: 9,
            averages: [1.5; FIELDS],
            dimensions: 2,
            texts: "alphaбета".into(),
            ends: vec![5, 13],
            weights: vec![0.5, 2.0],
            scales: vec![0.1, 0.2],
            steps: vec![1, -127, 127, 0],
            ..Model::default()
        };
        model.name();
        let bytes = model.bytes();
        assert_eq!(Model::read(&bytes).as_ref(), Some(&model));
        assert_eq!((model.find("бета"), model.find("gamma")), (Some(1), None));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x11;
            assert_eq!(Model::read(&damaged), None, "byte {at}");
            assert_eq!(Model::read(&bytes[..at]), None, "cut at {at}");
        }
    }
}
