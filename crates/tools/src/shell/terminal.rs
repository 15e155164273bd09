//! Reads output as a terminal does: returns, erasures, movements and colours.

use super::screen::{Erase, Final, Move, Screen};

/// Resolves one line of raw output, without its end.
pub(crate) fn resolve(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    match is_plain(&text) {
        true => text.into_owned(),
        false => {
            let mut screen = Screen::default();
            draw(&mut screen, &text);
            let rows: Vec<String> = screen.preview().into_iter().map(|row| row.text).collect();
            rows.join("\n")
        }
    }
}

/// Output on its way through a terminal, line by line.
#[derive(Default)]
pub(super) struct Terminal {
    screen: Screen,
}

impl Terminal {
    /// Takes a whole line, without its end. Tells whether the same line, come next, would only stand below it.
    pub(super) fn line(&mut self, raw: &[u8]) -> bool {
        let text = String::from_utf8_lossy(raw);
        let fresh = self.screen.is_fresh();
        if fresh && is_plain(&text) {
            self.screen.push_line(text.into_owned());
            return true;
        }
        self.screen.begin_drawing();
        draw(&mut self.screen, &text);
        self.screen.end_line();
        fresh && self.screen.stayed_in_row()
    }

    /// Takes the beginning of a line.
    pub(super) fn begin_line(&mut self, raw: &[u8]) {
        draw(&mut self.screen, &String::from_utf8_lossy(raw));
    }

    /// Tells whether there are rows, and nothing is being drawn.
    pub(super) fn can_settle(&self) -> bool {
        self.screen.is_fresh() && !self.screen.is_empty()
    }

    /// Takes the last line so many times more.
    pub(super) fn repeat(&mut self, times: usize) {
        self.screen.repeat_line(times);
    }

    /// Makes all that there is final.
    pub(super) fn flush(&mut self) {
        self.screen.flush();
    }

    /// Returns the rows that have become final.
    pub(super) fn take_final(&mut self) -> Vec<Final> {
        self.screen.take_final()
    }

    /// Returns the rows that are not.
    pub(super) fn preview(&self) -> Vec<Final> {
        self.screen.preview()
    }
}

/// Tells whether a line needs no drawing.
fn is_plain(text: &str) -> bool {
    // C1 controls begin with C2 in UTF-8.
    let simple = |byte: u8| byte >= 0x20 && byte != 0x7f && byte != 0xc2 || byte == b'\t';
    text.bytes().all(simple) || !text.chars().any(|c| c.is_control() && c != '\t')
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn draw(screen: &mut Screen, text: &str) {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => screen.set_column(0),
            '\u{8}' => screen.left(1),
            '\u{b}' | '\u{c}' => screen.feed(),
            '\u{1b}' => escape(&mut rest, screen),
            '\u{9b}' => control(&mut rest, screen),
            '\t' => screen.tab(),
            c if c.is_control() => {}
            c => screen.put(c),
        }
    }
}

fn escape(rest: &mut Rest<'_>, screen: &mut Screen) {
    match rest.next() {
        Some('[') => control(rest, screen),
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
        Some('(' | ')' | '*' | '+' | '#' | ' ' | '%') => {
            rest.next();
        }
        Some('7') => screen.save(),
        Some('8') => screen.restore(),
        Some('D') => screen.feed(),
        Some('E') => screen.end_line(),
        Some('M') => screen.go(Move::Up(1)),
        _ => {}
    }
}

fn control(rest: &mut Rest<'_>, screen: &mut Screen) {
    let mut parameters = String::new();
    while let Some(c) = rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)) {
        parameters.push(c);
    }
    let Some(last) = rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c)) else { return };
    if let Some(private) = parameters.strip_prefix('?') {
        let alternate = private.split(';').any(|mode| matches!(mode, "47" | "1047" | "1049"));
        if alternate && matches!(last, 'h' | 'l') {
            screen.alternate(last == 'h');
        }
        return;
    }
    let mut numbers = parameters.split(';').map(|number| number.parse::<usize>().ok());
    let first = numbers.next().flatten();
    let count = first.unwrap_or(1).max(1);
    let erase = match first {
        None | Some(0) => Some(Erase::After),
        Some(1) => Some(Erase::Before),
        Some(2) => Some(Erase::All),
        Some(_) => None,
    };
    match last {
        'A' => screen.go(Move::Up(count)),
        'B' | 'e' => screen.go(Move::Down(count)),
        'C' | 'a' => screen.right(count),
        'D' => screen.left(count),
        'E' | 'F' => {
            screen.go(if last == 'E' { Move::Down(count) } else { Move::Up(count) });
            screen.set_column(0);
        }
        'G' | '`' => screen.set_column(count - 1),
        'H' | 'f' => {
            screen.go(Move::To(count - 1));
            screen.set_column(numbers.next().flatten().unwrap_or(1).max(1) - 1);
        }
        'd' => screen.go(Move::To(count - 1)),
        'J' => erase.into_iter().for_each(|what| screen.erase_rows(what)),
        'K' => erase.into_iter().for_each(|what| screen.erase_in_row(what)),
        'P' => screen.delete(count),
        'X' => screen.blank(count),
        '@' => screen.insert(count),
        's' => screen.save(),
        'u' => screen.restore(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns what is shown of an output that comes in pieces.
    fn shown(output: &str) -> String {
        let mut terminal = Terminal::default();
        let mut lines = output.split('\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_some() {
                terminal.line(line.as_bytes());
            } else if !line.is_empty() {
                terminal.begin_line(line.as_bytes());
            }
        }
        terminal.flush();
        let rows: Vec<String> = terminal.take_final().into_iter().map(|row| row.text).collect();
        rows.join("\n")
    }

    #[test]
    fn shows_what_a_terminal_shows() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("10%\r20%\r100%", "100%"),
            ("long text\rnew", "newg text"),
            ("long text\r\u{1b}[Knew", "new"),
            ("abc\r\u{1b}[2Kx", "x"),
            ("abcdef\u{1b}[3D\u{1b}[1Kx", "   xef"),
            ("\u{1b}[1;31merror\u{1b}[0m: x", "error: x"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("\u{1b}]0;title without an end", ""),
            ("ab\u{8}c", "ac"),
            ("ab\u{8} \u{8}c", "ac"),
            ("\u{1b}[5Gx", "    x"),
            ("a\tb\u{7}", "a\tb"),
            ("ab\tc\r1234", "1234    c"),
            ("a\tb\r12", "12      b"),
            ("abcdefghij\r\tX", "abcdefghXj"),
            ("\u{1b}(Bx\u{1b}", "x"),
            ("done\r", "done"),
            ("abcd\u{1b}[3D\u{1b}[Px", "axd"),
            ("abcdef\r\u{1b}[2@x", "x abcdef"),
            ("abcdef\r\u{1b}[3Xx", "x  def"),
            // Wide characters, accents.
            ("日本\rab", "ab本"),
            ("日本\rx", "x 本"),
            ("日本\u{8}x", "日 x"),
            ("e\u{301}tude\rE", "Etude"),
            ("re\u{301}\u{1b}[Ksume", "re\u{301}sume"),
            ("👩\u{200d}💻 ok\r\u{1b}[5Cno", "👩\u{200d}💻 no"),
            // Several rows.
            ("one\ntwo\n\u{1b}[2Athree\n", "three\ntwo"),
            ("one\ntwo\n\u{1b}[1A\u{1b}[2KTWO\nthree\n", "one\nTWO\nthree"),
            (
                "a 1%\nb 1%\n\u{1b}[2A\ra 9%\nb 9%\n\u{1b}[2A\u{1b}[Ja done\nb done\n",
                "a done\nb done",
            ),
            ("one\n\u{1b}[Fx\n", "xne"),
            ("old\nolder\n\u{1b}[2J\u{1b}[Hnew\n", "new"),
            ("\u{1b}[H\u{1b}[2Jfirst\n\u{1b}[H\u{1b}[2Jsecond\n", "second"),
            ("a\nb\nc\n\u{1b}[2;1H\u{1b}[Jx\n", "a\nx"),
            ("a\n\u{1b}7b\nc\n\u{1b}8d\n", "a\nd\nc"),
            ("a\nb\n\u{1b}8c\n", "a\nb\nc"),
            ("shell\n\u{1b}[?1049h\u{1b}[Hvi\n~\n\u{1b}[?1049lback\n", "shell\nback"),
            ("shell\n\u{1b}[?1049h\u{1b}[Hvi\n~\n", "shell\nvi\n~"),
            ("a\n\n\nb\n", "a\n\n\nb"),
            ("a\u{c}b", "a\n b"),
            ("x\nx\n\u{1b}[1Ay\n", "x\ny"),
        ] {
            assert_eq!(shown(raw), expected, "{raw:?}");
        }
        assert_eq!(resolve(b"caf\xE9"), "caf\u{fffd}");
        assert_eq!(resolve(b"a\rb"), "b");
    }

    #[test]
    fn what_has_scrolled_out_is_final() {
        let many: String = (0..80).map(|number| format!("{number}\n")).collect();
        let text = shown(&format!("{many}\u{1b}[100Atop\n"));
        assert_eq!(text.lines().count(), 80);
        assert_eq!(text.lines().filter(|line| line.starts_with("top")).count(), 1);
        assert!(text.starts_with("0\n1\n2\n"));
        assert_eq!(shown(&format!("\u{1b}7{many}\u{1b}8end\n")), format!("{many}end"));
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_is_left(
            output in "([a-z日é\u{301}]|\t|\r|\n|\u{8}|\u{c}|\u{1b}\\[[0-9;?]{0,3}[A-Za-z@]|\u{1b}[78DEM(]|\u{1b}\\]){0,60}",
            raw in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            for text in [shown(&output), resolve(&raw)] {
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\t' && c != '\n'), "{text:?}");
            }
        }

        #[test]
        fn plain_lines_are_shown_as_they_are(output in "([a-z日]{0,9}\n){0,120}") {
            prop_assert_eq!(shown(&output), output.strip_suffix('\n').unwrap_or_default());
        }
    }
}
