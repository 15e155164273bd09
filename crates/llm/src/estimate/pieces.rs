//! Splits text the way tokenizers do before they look anything up, so that what is left to estimate
//! is how many tokens an average piece of a kind takes.

/// What stands directly before a word and is joined to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Nothing.
    None,
    /// A space.
    Space,
    /// Another mark, such as `_` or `(`.
    Mark,
}

/// The letters of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `word`.
    Lower,
    /// `Word`.
    Capital,
    /// `WORD`.
    Upper,
    /// `WOrd`.
    Mixed,
}

/// A piece of text, by what its tokens depend on; lengths are in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Latin letters.
    Word(Lead, Case, usize),
    /// Cyrillic letters.
    Cyrillic(usize),
    /// Up to three digits.
    Number,
    /// Marks in a row; whether a space leads them.
    Marks(bool, usize),
    /// Mostly one mark again and again, as in `-----` or `/*****`.
    Rule(usize),
    /// Line ends and the space before them.
    Lines(usize),
    /// Space within a line that no word takes.
    Spaces(usize),
    /// A Latin letter beyond ASCII, beside its word.
    Accent,
    /// A Chinese, Japanese or Korean character.
    Ideograph,
    /// A letter of another script.
    Letter,
    /// Any other character beyond ASCII.
    Symbol,
}

/// Calls `take` for each piece of `text`, in order.
pub fn split(text: &str, mut take: impl FnMut(Piece)) {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b'\n');
    let mut index = 0;
    while index < bytes.len() {
        let (start, first) = (index, at(index));
        if let b'a'..=b'z' | b'A'..=b'Z' = first {
            index = word(bytes, start);
            take(letters(Lead::None, bytes, start, index));
        } else if first.is_ascii_digit() {
            index += run(bytes, start, u8::is_ascii_digit).min(3);
            take(Piece::Number);
        } else if first >= 0x80 {
            index = beyond_ascii(text, start, &mut take);
        } else if first.is_ascii_whitespace() {
            index = whitespace(bytes, start, &mut take);
        } else {
            // A single mark before a letter belongs to the word.
            let marks = run(bytes, start, |b| b.is_ascii_graphic() && !b.is_ascii_alphanumeric());
            let marks = marks.max(1);
            let before_word = at(start + marks).is_ascii_alphabetic();
            let alone = marks - usize::from(before_word && marks == 1);
            if alone == 0 {
                index = word(bytes, start + 1);
                take(letters(Lead::Mark, bytes, start + 1, index));
            } else {
                index = start + marks + run(bytes, start + marks, |b| matches!(b, b'\r' | b'\n'));
                take(marks_of(bytes, start, marks, false));
            }
        }
    }
}

/// Takes a run of white space, and the word or the marks that its last space joins.
fn whitespace(bytes: &[u8], start: usize, take: &mut impl FnMut(Piece)) -> usize {
    let end = start + run(bytes, start, u8::is_ascii_whitespace);
    let space = bytes.get(start..end).unwrap_or_default();
    let line_end = memchr::memrchr2(b'\n', b'\r', space).map_or(0, |last| last + 1);
    if line_end > 0 {
        take(Piece::Lines(line_end));
    }
    let rest = space.len() - line_end;
    if rest == 0 {
        return end;
    }
    let next = bytes.get(end).copied().unwrap_or(b'\n');
    let joins = next.is_ascii_alphabetic()
        || (space.last() == Some(&b' ') && !next.is_ascii_digit() && next > b' ');
    if rest > usize::from(joins) {
        take(Piece::Spaces(rest - usize::from(joins)));
    }
    // Beyond ASCII, the costs of the pieces count a space before them in.
    if !joins || next >= 0x80 {
        return end;
    }
    if next.is_ascii_alphabetic() {
        let stop = word(bytes, end);
        take(letters(Lead::Space, bytes, end, stop));
        return stop;
    }
    let marks = run(bytes, end, |b| b.is_ascii_graphic() && !b.is_ascii_alphanumeric());
    take(marks_of(bytes, end, marks, true));
    end + marks + run(bytes, end + marks, |b| matches!(b, b'\r' | b'\n'))
}

/// Takes a run of characters beyond ASCII.
fn beyond_ascii(text: &str, start: usize, take: &mut impl FnMut(Piece)) -> usize {
    let mut cyrillic = 0;
    let mut end = start;
    for c in text.get(start..).unwrap_or_default().chars() {
        if c.is_ascii() {
            break;
        }
        end += c.len_utf8();
        if ('\u{400}'..='\u{52f}').contains(&c) {
            cyrillic += 1;
            continue;
        }
        if cyrillic > 0 {
            take(Piece::Cyrillic(std::mem::take(&mut cyrillic)));
        }
        take(match c {
            '\u{c0}'..='\u{24f}' => Piece::Accent,
            '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' => {
                Piece::Ideograph
            }
            c if c.is_alphabetic() => Piece::Letter,
            _ => Piece::Symbol,
        });
    }
    if cyrillic > 0 {
        take(Piece::Cyrillic(cyrillic));
    }
    end
}

/// Returns where the word that begins at `start` ends: at its last letter, or where lower case turns
/// to upper.
fn word(bytes: &[u8], start: usize) -> usize {
    let upper = run(bytes, start, u8::is_ascii_uppercase);
    let lower = run(bytes, start + upper, u8::is_ascii_lowercase);
    start + upper + lower
}

fn letters(lead: Lead, bytes: &[u8], start: usize, end: usize) -> Piece {
    let is_lower = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_lowercase);
    let case = match (is_lower(start), is_lower(start + 1), is_lower(end - 1)) {
        (true, ..) => Case::Lower,
        (false, true, _) => Case::Capital,
        (false, false, true) => Case::Mixed,
        (false, false, false) => Case::Upper,
    };
    Piece::Word(lead, case, end - start)
}

fn marks_of(bytes: &[u8], start: usize, length: usize, spaced: bool) -> Piece {
    let marks = bytes.get(start..start + length).unwrap_or_default();
    let changes = marks.windows(2).filter(|two| two.first() != two.last()).count();
    if length > 3 && 4 * changes <= length {
        return Piece::Rule(length);
    }
    Piece::Marks(spaced, length)
}

/// Returns how many bytes from `start` on pass the test.
fn run(bytes: &[u8], start: usize, test: impl Fn(&u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    rest.iter().position(|byte| !test(byte)).unwrap_or(rest.len())
}
