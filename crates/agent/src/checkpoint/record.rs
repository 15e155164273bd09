//! How one content lies in a pack: whole, deflated, or as its difference from another one.

use super::node::Hash;

/// The longest row of contents that are each kept as a difference from the next.
pub(super) const MAX_CHAIN: u32 = 16;

/// Below this a difference saves nothing.
const MIN_DELTA_BYTES: usize = 256;

/// Bytes of a line in the index file.
pub(super) const LINE: usize = 56;

/// What a record begins with.
pub(super) const MAGIC: &[u8; 4] = b"DQP1";

/// Bytes before a record's payload.
pub(super) const HEAD: u64 = 40;

/// How a content lies in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Raw = 0,
    Deflate = 1,
    /// A base's hash, the lengths that begin and end alike, and what is between, deflated.
    Delta = 2,
}

/// Where a content lies in a pack, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) pack: u32,
    pub(super) offset: u64,
    pub(super) stored: u32,
    pub(super) raw: u32,
    pub(super) form: Form,
    pub(super) chain: u32,
}

/// A content, ready to be stored.
#[derive(Debug)]
pub struct Packed {
    pub(super) hash: Hash,
    pub(super) raw: u32,
    pub(super) form: Form,
    pub(super) chain: u32,
    pub(super) payload: Vec<u8>,
}

impl Packed {
    /// Compresses a content of at most 4 GB.
    pub fn new(bytes: &[u8]) -> Self {
        let hash = Hash::of(bytes);
        let raw = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let payload = deflate(bytes);
        if payload.len() < bytes.len() {
            Self { hash, raw, form: Form::Deflate, chain: 0, payload }
        } else {
            Self { hash, raw, form: Form::Raw, chain: 0, payload: bytes.to_vec() }
        }
    }

    /// Compresses a content as its difference from another one, where that is shorter; `chain` is how
    /// many differences the other one stands on.
    pub fn against(bytes: &[u8], base: (Hash, &[u8], u32)) -> Self {
        let (base_hash, base, chain) = base;
        let hash = Hash::of(bytes);
        if bytes.len() < MIN_DELTA_BYTES || chain >= MAX_CHAIN || base_hash == hash {
            return Self::new(bytes);
        }
        let start = base.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        let rest = bytes.len().min(base.len()) - start;
        let ends = base.iter().rev().zip(bytes.iter().rev()).take(rest);
        let end = ends.take_while(|(a, b)| a == b).count();
        let middle = bytes.get(start..bytes.len() - end).unwrap_or_default();
        let mut payload = base_hash.0.to_vec();
        for length in [start, end, middle.len()] {
            payload.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        payload.extend(deflate(middle));
        // A whole one is hardly ever so short, so it need not be made to compare.
        if payload.len() > bytes.len() / 6 {
            let whole = Self::new(bytes);
            if payload.len() >= whole.payload.len() {
                return whole;
            }
        }
        let raw = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self { hash, raw, form: Form::Delta, chain: chain + 1, payload }
    }

    /// Returns the content's name.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns how many bytes it takes in the store.
    pub const fn stored_bytes(&self) -> u64 {
        self.payload.len() as u64 + HEAD + LINE as u64
    }
}

/// A difference: how it begins and ends as its base does, and what is between.
pub(super) struct Delta<'a> {
    pub(super) base: Hash,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) middle: usize,
    pub(super) payload: &'a [u8],
}

impl<'a> Delta<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (base, rest) = payload.split_first_chunk::<32>()?;
        let (start, rest) = rest.split_first_chunk::<4>()?;
        let (end, rest) = rest.split_first_chunk::<4>()?;
        let (middle, payload) = rest.split_first_chunk::<4>()?;
        let length = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes) as usize;
        let (start, end, middle) = (length(start), length(end), length(middle));
        Some(Self { base: Hash(*base), start, end, middle, payload })
    }

    pub(super) fn apply(&self, base: &[u8], raw: usize) -> Option<Vec<u8>> {
        let sum = self.start.checked_add(self.end)?.checked_add(self.middle)?;
        if sum != raw {
            return None;
        }
        let mut bytes = base.get(..self.start)?.to_vec();
        bytes.extend(inflate(self.payload, self.middle)?);
        bytes.extend(base.get(base.len().checked_sub(self.end)?..)?);
        Some(bytes)
    }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut deflated = Vec::with_capacity(bytes.len() / 2);
    let level = flate2::Compression::new(6);
    // Reading from memory into memory does not fail.
    let _ = flate2::read::DeflateEncoder::new(bytes, level).read_to_end(&mut deflated);
    deflated
}

/// Returns the content that was deflated; `None` where it has not the length it should have.
pub(super) fn inflate(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut inflated = Vec::with_capacity(length);
    let most = length as u64 + 1;
    flate2::read::DeflateDecoder::new(bytes).take(most).read_to_end(&mut inflated).ok()?;
    (inflated.len() == length).then_some(inflated)
}

/// Makes the line of an index file.
pub(super) fn line(hash: &Hash, spot: &Spot) -> Vec<u8> {
    let mut line = hash.0.to_vec();
    line.extend(spot.offset.to_le_bytes());
    line.extend(spot.stored.to_le_bytes());
    line.extend(spot.raw.to_le_bytes());
    line.extend((spot.form as u32).to_le_bytes());
    line.extend(spot.chain.to_le_bytes());
    line
}

/// Reads a line of an index file.
pub(super) fn parse_line(pack: u32, line: &[u8]) -> Option<(Hash, Spot)> {
    let (hash, rest) = line.split_first_chunk::<32>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let mut numbers =
        rest.chunks_exact(4).filter_map(|n| n.try_into().ok().map(u32::from_le_bytes));
    let (stored, raw) = (numbers.next()?, numbers.next()?);
    let form = match numbers.next()? {
        0 => Form::Raw,
        1 => Form::Deflate,
        2 => Form::Delta,
        _ => return None,
    };
    let chain = numbers.next()?;
    let offset = u64::from_le_bytes(*offset);
    Some((Hash(*hash), Spot { pack, offset, stored, raw, form, chain }))
}
