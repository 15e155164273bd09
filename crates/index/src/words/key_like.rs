//! What looks like a key and must not be remembered.

use std::borrow::Cow;

use super::tokens;

/// Shortest token that may be a key.
const SHORTEST: usize = 20;
/// Longest word that a person would write.
const LONGEST_WORD: usize = 64;

/// Tells whether a token looks like a key, a hash or encoded data: long, and with digits between its
/// letters as no name has them.
pub(crate) fn is_key_like(token: &str) -> bool {
    if token.len() < SHORTEST {
        return false;
    }
    if token.len() > LONGEST_WORD && token.is_ascii() && !token.contains('_') {
        return true;
    }
    if token.starts_with("AKIA") && token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return true;
    }
    // `ghp_…` has its key behind the underscore.
    let longest = token.split('_').max_by_key(|part| part.len()).unwrap_or_default();
    longest.len() >= SHORTEST && switches(longest) * 8 > longest.len()
}

/// Returns a text with `…` in the place of what looks like a key.
pub(crate) fn without_keys(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for token in tokens(text).filter(|token| is_key_like(token)) {
        shown = Cow::Owned(shown.replace(token, "…"));
    }
    shown
}

/// Counts the places where a digit follows a letter or the other way round.
fn switches(text: &str) -> usize {
    let bytes = text.as_bytes();
    let differ = |pair: &&[u8]| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit());
    bytes.windows(2).filter(differ).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_names() {
        for key in [
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "AKIAIOSFODNN7EXAMPLE",
            "d2f1a4c5e6b7980123456789abcdef0123456789",
            "sk1f9K2m4Qp7Zx3Vb6Nt8Yw5Lr0Cd",
        ] {
            assert!(is_key_like(key), "{key}");
        }
        for name in [
            "test_parse_http_headers_with_continuation",
            "AbstractSingletonProxyFactoryBean",
            "convert_utf8_to_utf16_little_endian",
            "sha256",
            "x86_64_unknown_linux_gnu",
        ] {
            assert!(!is_key_like(name), "{name}");
        }
    }
}
