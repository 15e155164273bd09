//! A hash that is the same everywhere and at all times, as learned weights need it.

use std::hash::Hasher;

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Returns the hash of the bytes of several texts, one after the other.
pub fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = Fnv::default();
    parts.iter().for_each(|part| hasher.write(part));
    // The low bits of FNV are weak; the high ones are mixed in.
    let hash = hasher.finish();
    hash ^ (hash >> 29)
}
