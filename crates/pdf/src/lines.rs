//! Letters put together to lines.

use crate::MAX_TEXT_BYTES;

/// How far a letter may stand off the line of the one before it, and go back behind it, in sizes of the letters.
const OFF_LINE: f64 = 0.5;
const BACK: f64 = 1.0;
/// From how wide a gap on there is a blank.
const BLANK: f64 = 0.18;
/// So near another is the same letter printed twice, to make it bold.
const TWICE: f64 = 0.1;
/// Longest line, in bytes; longer ones are parted.
const LINE_BYTES: usize = 2_000;

/// Where a letter stands on the page, in points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyph {
    pub begin: (f64, f64),
    /// Where the next one would begin.
    pub end: (f64, f64),
    pub size: f64,
}

/// The lines of a page as its letters come.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Vec<String>,
    line: String,
    before: Option<(Glyph, (f64, f64))>,
    bytes: usize,
}

/// What stands between a letter and the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Blank,
    LineEnd,
}

impl Lines {
    /// Adds what one glyph says.
    pub fn put(&mut self, glyph: Glyph, letters: &str) {
        let numbers = [glyph.begin.0, glyph.begin.1, glyph.end.0, glyph.end.1, glyph.size];
        if self.is_full() || numbers.iter().any(|number| !number.is_finite()) {
            return;
        }
        let way = way(&glyph).or(self.before.map(|before| before.1)).unwrap_or((1.0, 0.0));
        if let Some((before, its_way)) = self.before {
            let near = TWICE * glyph.size;
            let is_twice = (glyph.begin.0 - before.begin.0).abs() < near
                && (glyph.begin.1 - before.begin.1).abs() < near
                && way_length(&before) > near
                && self.line.ends_with(letters);
            if is_twice {
                return;
            }
            match between(&before, its_way, &glyph, way) {
                _ if self.line.len() > LINE_BYTES => self.end_line(),
                Between::LineEnd => self.end_line(),
                Between::Blank if !self.line.ends_with(' ') => self.line.push(' '),
                _ => {}
            }
        }
        self.before = Some((glyph, way));
        for letter in letters.chars() {
            push(letter, &mut self.line);
        }
        self.bytes += letters.len();
    }

    /// Tells whether a page has all the text that is read.
    pub fn is_full(&self) -> bool {
        self.bytes > MAX_TEXT_BYTES
    }

    fn end_line(&mut self) {
        let line = self.line.trim();
        if !line.is_empty() {
            self.lines.push(line.to_owned());
        }
        self.line.clear();
    }

    /// Returns the lines, each with its end; words that were parted at the end of a line are whole again.
    pub fn finish(mut self) -> String {
        self.end_line();
        let mut text = String::with_capacity(self.bytes + self.lines.len());
        let mut lines = self.lines.into_iter().peekable();
        while let Some(mut line) = lines.next() {
            if let (Some(stem), Some(next)) = (stem(&line), lines.peek_mut())
                && next.starts_with(char::is_lowercase)
            {
                let end = next.find(' ').unwrap_or(next.len());
                line.truncate(stem);
                line.push_str(next.get(..end).unwrap_or_default());
                *next = next.get(end..).unwrap_or_default().trim_start().to_owned();
            }
            let line = line.replace('\u{ad}', "");
            if !line.is_empty() {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }
}

/// Returns where the hyphen stands of a word that goes on in the next line.
fn stem(line: &str) -> Option<usize> {
    let stem = line.strip_suffix(['-', '\u{2010}', '\u{ad}'])?;
    stem.ends_with(char::is_alphabetic).then_some(stem.len())
}

fn way_length(glyph: &Glyph) -> f64 {
    (glyph.end.0 - glyph.begin.0).hypot(glyph.end.1 - glyph.begin.1)
}

/// Returns the direction in which a letter leads on, of length 1; `None` for one without width.
fn way(glyph: &Glyph) -> Option<(f64, f64)> {
    let length = way_length(glyph);
    let (x, y) = (glyph.end.0 - glyph.begin.0, glyph.end.1 - glyph.begin.1);
    (length > 1e-6).then(|| (x / length, y / length))
}

fn between(before: &Glyph, its_way: (f64, f64), glyph: &Glyph, way: (f64, f64)) -> Between {
    let size = before.size.max(glyph.size);
    let (x, y) = (glyph.begin.0 - before.end.0, glyph.begin.1 - before.end.1);
    let (along, across) = (x * its_way.0 + y * its_way.1, x * its_way.1 - y * its_way.0);
    let is_turned = way.0 * its_way.0 + way.1 * its_way.1 < 0.9;
    if is_turned || across.abs() > OFF_LINE * size || along < -BACK * size {
        Between::LineEnd
    } else if along > BLANK * size {
        Between::Blank
    } else {
        Between::Nothing
    }
}

/// Writes a letter as it is searched for: ligatures apart, blanks alike, nothing that steers a terminal.
fn push(letter: char, line: &mut String) {
    match letter {
        '\u{fb00}' => line.push_str("ff"),
        '\u{fb01}' => line.push_str("fi"),
        '\u{fb02}' => line.push_str("fl"),
        '\u{fb03}' => line.push_str("ffi"),
        '\u{fb04}' => line.push_str("ffl"),
        '\u{fb05}' | '\u{fb06}' => line.push_str("st"),
        // Private letters mean something in their own font alone.
        '\u{e000}'..='\u{f8ff}' | '\u{fffd}' => {}
        _ if letter.is_whitespace() => {
            if !line.ends_with(' ') {
                line.push(' ');
            }
        }
        _ if letter.is_control() => {}
        _ => line.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts words of letters half as wide as they are high, at places.
    fn check(words: &[(f64, f64, &str)], expected: &str) {
        let mut lines = Lines::default();
        for (x, y, word) in words {
            for (at, letter) in (0_u32..).zip(word.chars()) {
                let x = x + f64::from(at) * 5.0;
                let glyph = Glyph { begin: (x, *y), end: (x + 5.0, *y), size: 10.0 };
                lines.put(glyph, &letter.to_string());
            }
        }
        assert_eq!(lines.finish(), expected);
    }

    #[test]
    fn letters_make_words_and_lines_by_where_they_stand() {
        check(&[(0.0, 0.0, "one"), (20.0, 0.0, "two")], "one two\n");
        check(&[(0.0, 0.0, "on"), (10.5, 0.0, "e")], "one\n");
        check(&[(0.0, 20.0, "one"), (0.0, 8.0, "two")], "one\ntwo\n");
        check(&[(0.0, 0.0, "a"), (5.0, 3.0, "2"), (10.0, 0.0, "b")], "a2b\n");
        check(&[(300.0, 0.0, "right"), (0.0, 0.0, "left")], "right\nleft\n");
        check(&[(0.0, 0.0, "b"), (0.3, 0.0, "b"), (5.0, 0.0, "e")], "be\n");
        check(&[(0.0, 0.0, "\u{fb01}x \u{1b}[2J\u{e001}")], "fix [2J\n");
        check(&[(f64::NAN, 0.0, "x"), (0.0, f64::INFINITY, "y")], "");
    }

    #[test]
    fn words_that_a_line_parted_are_whole() {
        check(&[(0.0, 20.0, "an exam-"), (0.0, 8.0, "ple of it")], "an example\nof it\n");
        check(&[(0.0, 20.0, "exam-"), (0.0, 8.0, "ple")], "example\n");
        check(&[(0.0, 20.0, "the A-"), (0.0, 8.0, "Team")], "the A-\nTeam\n");
        check(&[(0.0, 20.0, "1-"), (0.0, 8.0, "x")], "1-\nx\n");
    }
}
