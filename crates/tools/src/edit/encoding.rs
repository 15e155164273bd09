//! Bytes to text and back, so that what an edit does not touch stays as it was, byte for byte.

mod eight_bit;

use encoding_rs::Encoding;

use super::lines::Ending;

/// A file's text, and what it takes to write it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The text, without byte-order mark.
    pub(crate) text: String,
    form: Form,
}

/// How a text is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// UTF-8, with a byte-order mark or without; bytes that are none stand in the text as private
    /// characters where `broken` is set.
    Utf8 { bom: bool, broken: bool },
    /// UTF-16 with a byte-order mark.
    Utf16(Order),
    /// One byte a character.
    EightBit(&'static Encoding),
}

/// The order of a UTF-16 unit's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// Why a file is not edited as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotText {
    /// NUL bytes.
    #[error("a binary file; edits need text")]
    Binary,
    /// A byte-order mark of UTF-32, or of UTF-16 before what is none.
    #[error("UTF-32, or damaged UTF-16; convert it to UTF-8 first (iconv)")]
    Wide,
    /// Invalid UTF-8 beside characters that would stand for it.
    #[error("no valid UTF-8, and it cannot be kept byte for byte; convert it first (iconv)")]
    Mixed,
}

/// Why a text cannot be written in a file's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the file is {encoding}, which has no `{character}`; write it another way, or convert the file to UTF-8 first (iconv)"
)]
pub(crate) struct NotInEncoding {
    encoding: &'static str,
    character: char,
}

/// The first of 128 private characters that stand for the bytes 0x80 to 0xFF.
const STAND_INS: u32 = 0x10_FE00;

const BOM: &str = "\u{feff}";

fn is_stand_in(c: char) -> bool {
    (STAND_INS..STAND_INS + 0x80).contains(&u32::from(c))
}

/// Reads a file's bytes as text.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, NotText> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return Err(NotText::Wide),
        [0xFF, 0xFE, rest @ ..] => return decode_utf16(rest, Order::Little),
        [0xFE, 0xFF, rest @ ..] => return decode_utf16(rest, Order::Big),
        _ => {}
    }
    if memchr::memchr(0, bytes).is_some() {
        return Err(NotText::Binary);
    }
    let (text, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) if is_eight_bit(bytes) => {
            let alphabet = eight_bit::guess(bytes);
            let text = eight_bit::decode(alphabet, bytes);
            return Ok(Decoded { text, form: Form::EightBit(alphabet) });
        }
        Err(_) => (decode_broken(bytes)?, true),
    };
    let bom = text.starts_with(BOM);
    let text = text.strip_prefix(BOM).map(str::to_owned).unwrap_or(text);
    Ok(Decoded { text, form: Form::Utf8 { bom, broken } })
}

/// Tells a text of one byte a character from UTF-8 with some bytes broken: the latter has more whole characters
/// above ASCII than broken bytes.
fn is_eight_bit(bytes: &[u8]) -> bool {
    let (mut whole, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += chunk.invalid().len();
    }
    broken > whole
}

fn decode_utf16(bytes: &[u8], order: Order) -> Result<Decoded, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| match order {
        Order::Little => u16::from_le_bytes(*pair),
        Order::Big => u16::from_be_bytes(*pair),
    });
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() && !text.contains('\0') => {
            Ok(Decoded { text, form: Form::Utf16(order) })
        }
        _ => Err(NotText::Wide),
    }
}

fn decode_broken(bytes: &[u8]) -> Result<String, NotText> {
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
    /// Returns the bytes of a text that replaces all of this one: encoding, byte-order mark and line ends stay
    /// as they were.
    pub(crate) fn encode_as_before(&self, text: &str) -> Result<Vec<u8>, NotInEncoding> {
        let crlf = Ending::of(&self.text) == Ending::Crlf && !text.contains("\r\n");
        let text = if crlf { Ending::Crlf.apply(text) } else { text.to_owned() };
        let form = match self.form {
            Form::Utf8 { bom, .. } => Form::Utf8 { bom, broken: false },
            form => form,
        };
        encode(text.strip_prefix(BOM).unwrap_or(&text), form)
    }

    /// Returns the bytes of a changed text in the file's own encoding.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u8>, NotInEncoding> {
        encode(text, self.form)
    }

    /// Returns what is to be said of the encoding when the text is shown; nothing of UTF-8.
    pub(crate) fn note(&self) -> Option<String> {
        match self.form {
            Form::Utf8 { broken: false, .. } => None,
            Form::Utf8 { broken: true, .. } => {
                Some("not valid UTF-8: \u{fffd} stands for other bytes".to_owned())
            }
            Form::Utf16(_) => Some("UTF-16; edits keep it so".to_owned()),
            Form::EightBit(alphabet) => {
                Some(format!("not UTF-8, read as {}; edits keep it so", eight_bit::name(alphabet)))
            }
        }
    }

    /// Returns the text as it is shown.
    pub(crate) fn shown(&self) -> std::borrow::Cow<'_, str> {
        match self.form {
            Form::Utf8 { broken: true, .. } => self.text.replace(is_stand_in, "\u{fffd}").into(),
            _ => self.text.as_str().into(),
        }
    }
}

fn encode(text: &str, form: Form) -> Result<Vec<u8>, NotInEncoding> {
    let mut bytes = Vec::with_capacity(text.len() + 3);
    match form {
        Form::Utf8 { bom, broken } => {
            if bom {
                bytes.extend_from_slice(BOM.as_bytes());
            }
            if broken {
                encode_broken(text, &mut bytes)
            } else {
                bytes.extend_from_slice(text.as_bytes())
            }
        }
        Form::Utf16(order) => {
            let to_bytes = |unit: u16| match order {
                Order::Little => unit.to_le_bytes(),
                Order::Big => unit.to_be_bytes(),
            };
            let units = BOM.encode_utf16().chain(text.encode_utf16());
            bytes.extend(units.flat_map(to_bytes));
        }
        Form::EightBit(alphabet) => {
            let encoding = eight_bit::name(alphabet);
            return eight_bit::encode(alphabet, text)
                .map_err(|character| NotInEncoding { encoding, character });
        }
    }
    Ok(bytes)
}

fn encode_broken(text: &str, bytes: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(STAND_INS)) {
            Ok(offset) if offset < 0x80 => bytes.push(offset + 0x80),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tells_text_from_the_rest() {
        assert_eq!(decode(b"a\0b"), Err(NotText::Binary));
        assert_eq!(decode(b"\xFF\xFEa\0").unwrap().text, "a");
        assert_eq!(decode(b"\xFE\xFF\0a").unwrap().text, "a");
        assert_eq!(decode(b"\xFF\xFE\0\0a\0\0\0"), Err(NotText::Wide));
        assert_eq!(decode(b"\xFF\xFEa"), Err(NotText::Wide));
        assert_eq!(decode(b"\xFF\xFE\0\xD8"), Err(NotText::Wide));
        assert_eq!(decode(b"\xEF\xBB\xBFhi").unwrap().text, "hi");
        assert_eq!(decode(b"caf\xE9 x").unwrap().text, "café x");
        let mixed = decode(b"caf\xC3\xA9, \xC3\xBC, x\xFF").unwrap();
        assert_eq!(mixed.shown(), "café, ü, x\u{fffd}");
        let mut stand_in = "\u{10FE01}\u{ff}".as_bytes().to_vec();
        assert_eq!(decode(&stand_in).unwrap().note(), None);
        stand_in.push(0xE9);
        assert_eq!(decode(&stand_in), Err(NotText::Mixed));
    }

    #[test]
    fn a_changed_text_keeps_the_encoding_or_is_refused() {
        let check = |bytes: &[u8], text: &str, expected: Result<&[u8], &str>| {
            let got = decode(bytes).unwrap().encode(text).map_err(|error| error.to_string());
            match expected {
                Ok(expected) => assert_eq!(got.as_deref(), Ok(expected)),
                Err(part) => assert!(got.unwrap_err().contains(part)),
            }
        };
        check(b"\xFF\xFEa\0", "é\n", Ok(b"\xFF\xFE\xE9\0\n\0"));
        check(b"\xFE\xFF\0a", "😀", Ok(b"\xFE\xFF\xD8\x3D\xDE\0"));
        check(b"caf\xE9 one", "café é", Ok(b"caf\xE9 \xE9"));
        check(b"caf\xE9 one", "café →", Err("Latin-1 (windows-1252), which has no `→`"));
        check(b"\xCF\xF0\xE8\xE2\xE5\xF2", "Пока", Ok(b"\xCF\xEE\xEA\xE0"));
        check(b"\xCF\xF0\xE8\xE2\xE5\xF2", "né", Err("windows-1251"));
        let whole = decode(b"\xFF\xFEa\0\r\0\n\0").unwrap().encode_as_before("b\n").unwrap();
        assert_eq!(whole, b"\xFF\xFEb\0\r\0\n\0");
    }

    proptest! {
        #[test]
        fn unchanged_text_gives_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            start in prop::sample::select(vec![&b""[..], b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"]),
            zeros in any::<bool>(),
        ) {
            let mut all = start.to_vec();
            all.extend(bytes.into_iter().filter(|byte| zeros || *byte != 0));
            if let Ok(decoded) = decode(&all) {
                prop_assert_eq!(decoded.encode(&decoded.text), Ok(all));
            }
        }

        #[test]
        fn a_character_changes_and_no_other_byte(
            text in "[a-zé-ý\n]{1,40}", at in any::<prop::sample::Index>(),
        ) {
            let before: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            let decoded = decode(&before).unwrap();
            let at = at.index(decoded.text.chars().count());
            let changed: String =
                decoded.text.chars().enumerate().map(|(i, c)| if i == at { '!' } else { c }).collect();
            let after = decoded.encode(&changed).unwrap();
            if after.len() == before.len() {
                let differing = before.iter().zip(&after).filter(|(a, b)| a != b).count();
                prop_assert!(differing <= 1);
            }
        }
    }
}
