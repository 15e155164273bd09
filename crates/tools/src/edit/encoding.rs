//! Bytes to text and back, so that what an edit does not touch stays as it was, byte for byte.

use super::lines::Ending;

/// A file's text, and what it takes to write it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The text, without byte-order mark; bytes that are no UTF-8 stand as private characters.
    pub(crate) text: String,
    /// Whether a UTF-8 byte-order mark came first.
    bom: bool,
    /// Whether private characters stand for bytes.
    pub(crate) lossy: bool,
}

/// Why a file is not edited as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotText {
    /// NUL bytes.
    #[error("a binary file; edits need text")]
    Binary,
    /// A byte-order mark of UTF-16 or UTF-32.
    #[error("UTF-16 or UTF-32 text; convert it to UTF-8 first (iconv)")]
    Wide,
    /// Invalid UTF-8 beside characters that would stand for it.
    #[error("no valid UTF-8, and it cannot be kept byte for byte; convert it first (iconv)")]
    Mixed,
}

/// The first of 128 private characters that stand for the bytes 0x80 to 0xFF.
const STAND_INS: u32 = 0x10_FE00;

const BOM: &str = "\u{feff}";

fn is_stand_in(c: char) -> bool {
    (STAND_INS..STAND_INS + 0x80).contains(&u32::from(c))
}

/// Reads a file's bytes as text.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, NotText> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(NotText::Wide);
    }
    if memchr::memchr(0, bytes).is_some() {
        return Err(NotText::Binary);
    }
    let (text, lossy) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (decode_lossy(bytes)?, true),
    };
    let bom = text.starts_with(BOM);
    let text = text.strip_prefix(BOM).map(str::to_owned).unwrap_or(text);
    Ok(Decoded { text, bom, lossy })
}

fn decode_lossy(bytes: &[u8]) -> Result<String, NotText> {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        if chunk.valid().chars().any(is_stand_in) {
            return Err(NotText::Mixed);
        }
        text.push_str(chunk.valid());
        text.extend(
            chunk
                .invalid()
                .iter()
                .filter_map(|byte| char::from_u32(STAND_INS + u32::from(*byte) - 0x80)),
        );
    }
    Ok(text)
}

impl Decoded {
    /// Returns the bytes of a text that replaces all of this one: byte-order mark and line ends stay as they were.
    pub(crate) fn encode_as_before(&self, text: &str) -> Vec<u8> {
        let crlf = Ending::of(&self.text) == Ending::Crlf && !text.contains("\r\n");
        let text = if crlf { Ending::Crlf.apply(text) } else { text.to_owned() };
        Decoded { text: String::new(), bom: self.bom, lossy: false }
            .encode(text.strip_prefix(BOM).unwrap_or(&text))
    }

    /// Returns the bytes of a changed text in the file's own encoding.
    pub(crate) fn encode(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() + 3);
        if self.bom {
            bytes.extend_from_slice(BOM.as_bytes());
        }
        if !self.lossy {
            bytes.extend_from_slice(text.as_bytes());
            return bytes;
        }
        let mut buffer = [0; 4];
        for c in text.chars() {
            match u8::try_from(u32::from(c).wrapping_sub(STAND_INS)) {
                Ok(offset) if offset < 0x80 => bytes.push(offset + 0x80),
                _ => bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tells_text_from_the_rest() {
        assert_eq!(decode(b"a\0b"), Err(NotText::Binary));
        assert_eq!(decode(b"\xFF\xFEa\0"), Err(NotText::Wide));
        assert_eq!(decode(b"\xEF\xBB\xBFhi").unwrap().text, "hi");
        assert!(decode(b"caf\xE9 x").unwrap().lossy);
        assert_eq!(decode("\u{10FE01}\u{ff}".as_bytes()).map(|d| d.lossy), Ok(false));
        let mut mixed = "\u{10FE01}".as_bytes().to_vec();
        mixed.push(0xE9);
        assert_eq!(decode(&mixed), Err(NotText::Mixed));
    }

    proptest! {
        #[test]
        fn unchanged_text_gives_the_same_bytes(
            bytes in prop::collection::vec(1u8.., 0..200),
            bom in any::<bool>(),
        ) {
            let mut all = if bom { vec![0xEF, 0xBB, 0xBF] } else { Vec::new() };
            all.extend(bytes);
            if let Ok(decoded) = decode(&all) {
                prop_assert_eq!(decoded.encode(&decoded.text), all);
            }
        }
    }
}
