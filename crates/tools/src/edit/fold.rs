//! Lines made comparable: spaces and punctuation that look alike count as the same.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How dashes are written out in ASCII: the long one and the middle one.
const DASHES: [(&str, &str); 3] = [("-", "-"), ("--", "-"), ("---", "--")];

/// Returns a line without the blanks around it, with one blank for each run of blanks, and ASCII
/// for typographic punctuation.
pub(super) fn fold(line: &str) -> Cow<'_, str> {
    fold_with(line, DASHES[0])
}

fn fold_with<'a>(line: &'a str, dashes: (&str, &str)) -> Cow<'a, str> {
    let line = line.trim();
    let plain = line.is_ascii() && !line.contains("  ") && !line.bytes().any(is_odd_blank);
    if plain {
        return Cow::Borrowed(line);
    }
    let mut folded = String::with_capacity(line.len());
    for c in line.chars().skip_while(|c| is_nothing(*c) || c.is_whitespace()) {
        if c.is_whitespace() {
            if !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else if c.is_ascii() {
            folded.push(c);
        } else {
            push(&mut folded, c, dashes);
        }
    }
    folded.truncate(folded.trim_end().len());
    Cow::Owned(folded)
}

/// Tells of the control characters that count as blanks.
const fn is_odd_blank(byte: u8) -> bool {
    matches!(byte, 9..=13)
}

/// Tells whether a character cannot be seen.
const fn is_nothing(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{fe0e}' | '\u{fe0f}')
}

/// Puts a character as [`fold`] writes it, blanks too.
pub(super) fn push_plain(text: &mut String, c: char) {
    if c.is_whitespace() { text.push(' ') } else { push(text, c, DASHES[0]) }
}

fn push(folded: &mut String, c: char, (long, middle): (&str, &str)) {
    match c {
        '‘' | '’' | '‚' | '‛' | '′' | '‵' | 'ʼ' | 'ʹ' | '´' | '‹' | '›' => {
            folded.push('\'')
        }
        '“' | '”' | '„' | '‟' | '″' | '‶' | '«' | '»' | '〝' | '〞' => {
            folded.push('"')
        }
        '‐' | '‑' | '‒' | '−' | '﹘' | '﹣' | '⁃' => folded.push('-'),
        '–' => folded.push_str(middle),
        '—' | '―' => folded.push_str(long),
        '…' => folded.push_str("..."),
        '⋯' => folded.push_str("..."),
        '→' => folded.push_str("->"),
        '←' => folded.push_str("<-"),
        '⇒' => folded.push_str("=>"),
        '≤' => folded.push_str("<="),
        '≥' => folded.push_str(">="),
        '≠' => folded.push_str("!="),
        '×' => folded.push('x'),
        '÷' | '⁄' | '∕' => folded.push('/'),
        '•' | '∗' => folded.push('*'),
        '·' => folded.push('.'),
        '∼' | '˜' => folded.push('~'),
        '，' | '、' => folded.push(','),
        '。' => folded.push('.'),
        // The full-width forms follow ASCII's order.
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = u32::from(c) - 0xff01 + 0x21;
            folded.push(char::from_u32(ascii).unwrap_or(c));
        }
        _ if is_nothing(c) => {}
        _ => folded.push(c),
    }
}

/// Tells whether two lines say the same up to what [`fold`] makes alike, dashes in any length.
pub(super) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    if a == b || fold(a) == fold(b) {
        return true;
    }
    let dashes = DASHES.iter().skip(1);
    (!a.is_ascii() || !b.is_ascii())
        && dashes.into_iter().any(|&dashes| fold_with(a, dashes) == fold_with(b, dashes))
}

/// Returns a hash that is the same for all lines that are [`same`], and for few others.
pub(super) fn key(line: &str) -> u64 {
    let folded = fold(line);
    let mut hasher = DefaultHasher::new();
    if !folded.contains("--") {
        folded.hash(&mut hasher);
        return hasher.finish();
    }
    let mut short = folded.into_owned();
    while short.contains("--") {
        short = short.replace("--", "-");
    }
    short.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_the_same() {
        for (a, b) in [
            ("x = “a” — ‘b’…", "x = \"a\" - 'b'..."),
            ("a — b", "a -- b"),
            ("a – b — c", "a -- b --- c"),
            ("a\u{a0}b\u{3000}c", "a b c"),
            ("\tx\t:= 1  // y", "    x := 1 // y"),
            ("ｆ（ｘ）", "f(x)"),
            ("a\u{200b}b", "ab"),
            ("\u{feff}  a", "a"),
        ] {
            assert!(same(a, b) && same(b, a), "{a} {b}");
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        for (a, b) in [("i--", "i-"), ("a b", "ab"), ("a.b", "a..b"), ("A", "a")] {
            assert!(!same(a, b), "{a} {b}");
        }
        assert_eq!(fold("  a \t b "), "a b");
    }
}
