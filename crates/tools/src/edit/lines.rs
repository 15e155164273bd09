//! A text by lines: where each begins, and how it ends.

use std::ops::Range;

/// The lines of a text, without their ends.
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// Where each line begins, and the end of the text.
    starts: Vec<usize>,
}

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All by `\n`.
    Lf,
    /// All by `\r\n`.
    Crlf,
    /// Some so, some so.
    Mixed,
    /// There is only one line.
    None,
}

impl<'a> Lines<'a> {
    /// Splits a text; an end of line at its very end begins no further line.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        Self { text, starts }
    }

    /// Returns how many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns a line (from 0) without its end; nothing where there is none.
    pub(crate) fn get(&self, line: usize) -> &'a str {
        let full = slice(self.text, &self.full(line));
        full.strip_suffix('\n').map_or(full, |line| line.strip_suffix('\r').unwrap_or(line))
    }

    /// Returns the place of a line with its end.
    pub(crate) fn full(&self, line: usize) -> Range<usize> {
        self.start(line)..self.start(line + 1)
    }

    /// Returns where a line begins; the end of the text beyond the last.
    pub(crate) fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// Returns where the lines `from..to` are.
    pub(crate) fn block(&self, from: usize, to: usize) -> Range<usize> {
        self.start(from)..self.start(to)
    }

    /// Returns the line (from 0) that holds a byte.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

/// Returns a part of a text; nothing where the range does not fit.
pub(crate) fn slice<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
    text.get(range.clone()).unwrap_or_default()
}

impl Ending {
    /// Tells how the lines of a text end.
    pub(crate) fn of(text: &str) -> Self {
        let (mut lf, mut crlf) = (0, 0);
        for at in memchr::memchr_iter(b'\n', text.as_bytes()) {
            let before = at.checked_sub(1).and_then(|i| text.as_bytes().get(i));
            if before == Some(&b'\r') { crlf += 1 } else { lf += 1 }
        }
        match (lf, crlf) {
            (0, 0) => Ending::None,
            (_, 0) => Ending::Lf,
            (0, _) => Ending::Crlf,
            _ => Ending::Mixed,
        }
    }

    /// Returns a new text with the lines ended this way.
    pub(crate) fn apply(self, text: &str) -> String {
        match self {
            Ending::Lf => text.replace("\r\n", "\n"),
            Ending::Crlf => text.replace("\r\n", "\n").replace('\n', "\r\n"),
            Ending::Mixed | Ending::None => text.to_owned(),
        }
    }
}

/// Returns the blanks a line begins with.
pub(crate) fn indent(line: &str) -> &str {
    let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..blanks).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_finds() {
        let lines = Lines::new("a\r\n  b\n\nc");
        let all: Vec<_> = (0..lines.len()).map(|line| lines.get(line)).collect();
        assert_eq!(all, ["a", "  b", "", "c"]);
        assert_eq!(lines.block(0, 2), 0..7);
        assert_eq!((lines.line_at(0), lines.line_at(3), lines.line_at(8)), (0, 1, 3));
        assert_eq!(Lines::new("").len(), 0);
        assert_eq!(Lines::new("a\n").len(), 1);
        assert_eq!(Ending::of("a\r\nb\n"), Ending::Mixed);
        assert_eq!(Ending::Crlf.apply("a\nb\r\n"), "a\r\nb\r\n");
        assert_eq!(indent("\t  x"), "\t  ");
    }
}
