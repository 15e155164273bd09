//! Bodies that a server packs though nobody asked it to.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use flate2::write::GzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// Packed bytes that are unpacked at a time: gzip packs a thousand to one at most.
const STEP: usize = 4 << 10;

/// Unpacks gzip, bit by bit.
pub(super) struct Unpack {
    packed: Bytes,
    decoder: GzDecoder<Vec<u8>>,
}

impl Unpack {
    /// Returns what unpacks a body, where that is packed in a way that is known.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
        let is_gzip = ["gzip", "x-gzip"].iter().any(|name| coding.eq_ignore_ascii_case(name));
        is_gzip.then(|| Self { packed: Bytes::new(), decoder: GzDecoder::new(Vec::new()) })
    }

    /// Takes bytes in; those before must have been taken out.
    pub fn push(&mut self, packed: Bytes) {
        self.packed = packed;
    }

    /// Returns the next bytes; `None` where more must come in first.
    pub fn next(&mut self) -> io::Result<Option<Bytes>> {
        while self.packed.has_remaining() {
            let step = self.packed.split_to(self.packed.len().min(STEP));
            self.decoder.write_all(&step)?;
            self.decoder.flush()?;
            let bytes = std::mem::take(self.decoder.get_mut());
            if !bytes.is_empty() {
                return Ok(Some(bytes.into()));
            }
        }
        Ok(None)
    }

    /// Returns the last bytes; an error where the packed ones are cut.
    pub fn end(self) -> io::Result<Option<Bytes>> {
        let bytes = self.decoder.finish()?;
        Ok((!bytes.is_empty()).then(|| bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_was_packed_comes_out_in_pieces_and_a_cut_is_seen() {
        let text = "some words ".repeat(1_000_000);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = Bytes::from(encoder.finish().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "GZip".parse().unwrap());
        for cut in [0, 1, 8, packed.len() / 2] {
            let mut unpack = Unpack::of(&headers).unwrap();
            let (mut out, mut most) = (Vec::new(), 0);
            for piece in packed[..packed.len() - cut].chunks(10_000) {
                unpack.push(Bytes::copy_from_slice(piece));
                while let Some(bytes) = unpack.next().unwrap() {
                    most = most.max(bytes.len());
                    out.extend_from_slice(&bytes);
                }
            }
            let ended = unpack.end();
            assert_eq!(ended.is_ok(), cut == 0, "{cut}");
            out.extend(ended.ok().flatten().unwrap_or_default());
            assert_eq!(out == text.as_bytes(), cut < 9);
            assert!(most <= 4 << 20, "{most}");
        }
        headers.insert(CONTENT_ENCODING, "br".parse().unwrap());
        assert!(Unpack::of(&headers).is_none());
        let mut unpack = Unpack { packed: Bytes::new(), decoder: GzDecoder::new(Vec::new()) };
        unpack.push(Bytes::from_static(b"no gzip at all, but long enough"));
        assert!(unpack.next().is_err());
    }
}
