//! What a terminal would show of a line: returns, erasures and colours resolved.

/// Furthest column that a cursor movement reaches; text itself may be longer.
const MOST_COLUMNS: usize = 10_000;

/// Resolves one line of raw output, without its end.
pub(crate) fn resolve(raw: &[u8]) -> String {
    if raw.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t') {
        return String::from_utf8_lossy(raw).into_owned();
    }
    let text = String::from_utf8_lossy(raw);
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return text.into_owned();
    }
    let mut line = Line::default();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => line.column = 0,
            '\u{8}' => line.column = line.column.saturating_sub(1),
            '\u{1b}' => escape(&mut rest, &mut line),
            '\u{9b}' => control(&mut rest, &mut line),
            '\t' => line.put(c),
            c if c.is_control() => {}
            c => line.put(c),
        }
    }
    line.cells.into_iter().collect()
}

#[derive(Default)]
struct Line {
    cells: Vec<char>,
    column: usize,
}

impl Line {
    fn put(&mut self, c: char) {
        while self.cells.len() < self.column {
            self.cells.push(' ');
        }
        match self.cells.get_mut(self.column) {
            Some(cell) => *cell = c,
            None => self.cells.push(c),
        }
        self.column += 1;
    }
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn escape(rest: &mut Rest<'_>, line: &mut Line) {
    match rest.next() {
        Some('[') => control(rest, line),
        // Titles, links and other strings: up to BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' {
                    rest.next_if_eq(&'\\');
                    break;
                }
            }
        }
        // A character set: one more character.
        Some('(' | ')' | '*' | '+' | '#' | ' ') => {
            rest.next();
        }
        _ => {}
    }
}

fn control(rest: &mut Rest<'_>, line: &mut Line) {
    let mut parameters = String::new();
    while let Some(c) = rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)) {
        parameters.push(c);
    }
    let Some(last) = rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c)) else { return };
    let number = parameters.split(';').next().and_then(|n| n.parse::<usize>().ok());
    match (last, number) {
        ('K', None | Some(0)) => line.cells.truncate(line.column),
        ('K', Some(1)) => {
            let erased = line.column.min(line.cells.len());
            line.cells.iter_mut().take(erased).for_each(|cell| *cell = ' ');
        }
        ('K' | 'J', Some(2)) => line.cells.clear(),
        ('G', n) => line.column = n.unwrap_or(1).clamp(1, MOST_COLUMNS) - 1,
        ('C', n) => line.column = (line.column + n.unwrap_or(1).max(1)).min(MOST_COLUMNS),
        ('D', n) => line.column = line.column.saturating_sub(n.unwrap_or(1).max(1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_what_a_terminal_shows() {
        for (raw, shown) in [
            ("plain", "plain"),
            ("10%\r20%\r100%", "100%"),
            ("long text\rnew", "newg text"),
            ("long text\r\u{1b}[Knew", "new"),
            ("abc\r\u{1b}[2Kx", "x"),
            ("\u{1b}[1;31merror\u{1b}[0m: x", "error: x"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("ab\u{8}c", "ac"),
            ("\u{1b}[5Gx", "    x"),
            ("a\tb\u{7}", "a\tb"),
            ("\u{1b}(Bx\u{1b}", "x"),
            ("done\r", "done"),
        ] {
            assert_eq!(resolve(raw.as_bytes()), shown, "{raw:?}");
        }
        assert_eq!(resolve(b"caf\xE9"), "caf\u{fffd}");
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_is_left(raw in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(!resolve(&raw).chars().any(|c| c.is_control() && c != '\t'));
        }
    }
}
