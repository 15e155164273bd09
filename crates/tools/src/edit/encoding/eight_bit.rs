//! Texts of one byte a character: which alphabet it is, and back to the same bytes.
//!
//! The tables are those of <https://encoding.spec.whatwg.org/>, in which every byte has a character and every
//! character one byte.

use encoding_rs::{Encoding, KOI8_R, WINDOWS_1251, WINDOWS_1252};

/// Guesses the alphabet from the words.
///
/// Cyrillic words have no ASCII letters in them, Western words with marks nearly always do. KOI8-R has its small
/// letters where windows-1251 has capitals, and texts have more small ones.
pub(super) fn guess(bytes: &[u8]) -> &'static Encoding {
    let is_high = |byte: &u8| matches!(byte, 0xC0..=0xFF | 0xA8 | 0xB8 | 0xA3 | 0xB3);
    let words = bytes.split(|byte| !is_high(byte) && !byte.is_ascii_alphabetic());
    let (mut cyrillic, mut western) = (0, 0);
    for word in words.filter(|word| word.len() > 1) {
        let high = word.iter().filter(|byte| is_high(byte)).count();
        cyrillic += usize::from(high == word.len());
        western += usize::from(high > 0 && high < word.len());
    }
    // 0x98 is nothing in windows-1251.
    if cyrillic <= western || memchr::memchr(0x98, bytes).is_some() {
        return WINDOWS_1252;
    }
    let low_half = bytes.iter().filter(|byte| (0xC0..0xE0).contains(*byte)).count();
    let high_half = bytes.iter().filter(|byte| **byte >= 0xE0).count();
    if low_half > high_half { KOI8_R } else { WINDOWS_1251 }
}

/// Returns the name that people know.
pub(super) fn name(alphabet: &'static Encoding) -> &'static str {
    match alphabet.name() {
        "windows-1252" => "Latin-1 (windows-1252)",
        other => other,
    }
}

pub(super) fn decode(alphabet: &'static Encoding, bytes: &[u8]) -> String {
    alphabet.decode_without_bom_handling(bytes).0.into_owned()
}

/// Returns the bytes of a text, or its first character that the alphabet has not.
pub(super) fn encode(alphabet: &'static Encoding, text: &str) -> Result<Vec<u8>, char> {
    let (bytes, _, failed) = alphabet.encode(text);
    if !failed {
        return Ok(bytes.into_owned());
    }
    let has = |c: &char| !alphabet.encode(c.encode_utf8(&mut [0; 4])).2;
    Err(text.chars().find(|c| !has(c)).unwrap_or('\u{fffd}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_told_from_the_words() {
        for (text, alphabet) in [
            ("café, garçon, naïve", WINDOWS_1252),
            ("Größe über alles", WINDOWS_1252),
            ("© 2024", WINDOWS_1252),
            ("// Привет, мир. Это проверка.", WINDOWS_1251),
            ("name = \"Ёлка\"", WINDOWS_1251),
            ("# это текст в старой кодировке", KOI8_R),
        ] {
            let bytes = encode(alphabet, text).unwrap();
            assert_eq!(guess(&bytes).name(), alphabet.name(), "{text}");
            assert_eq!(decode(alphabet, &bytes), text);
        }
        assert_eq!(encode(WINDOWS_1251, "a → b"), Err('→'));
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for alphabet in [WINDOWS_1252, WINDOWS_1251, KOI8_R] {
            assert_eq!(encode(alphabet, &decode(alphabet, &all)), Ok(all.clone()));
        }
    }
}
