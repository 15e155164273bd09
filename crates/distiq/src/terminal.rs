//! The terminal: words on standard error, colour where it is wanted, and nothing that steers it.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// Where the output is a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

static COLOR: OnceLock<bool> = OnceLock::new();

/// Settles whether colour is used: the flag, then `NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, then
/// whether standard error is a terminal.
pub fn settle_color(flag: Color, env: &dyn Fn(&str) -> Option<String>) {
    let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    let on = match flag {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if env("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0") => true,
        Color::Auto if env("TERM").is_some_and(|term| term == "dumb") => false,
        Color::Auto => io::stderr().is_terminal(),
    };
    let _ = COLOR.set(on);
}

fn colored(code: &str, text: &str) -> String {
    if *COLOR.get().unwrap_or(&false) {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Marks what went wrong.
pub fn alarm(text: &str) -> String {
    colored("1;31", text)
}

/// Marks what is beside the point.
pub fn faint(text: &str) -> String {
    colored("2", text)
}

/// Writes a line of words to standard error; our own colours pass, other control characters are
/// made visible.
pub fn say(text: &str) {
    let mut line = String::with_capacity(text.len() + 1);
    for (index, part) in text.split('\x1b').enumerate() {
        match own_color(part).filter(|_| index > 0) {
            Some((color, rest)) => {
                line.push('\x1b');
                line.push_str(color);
                line.push_str(&safe(rest));
            }
            None if index > 0 => {
                line.push('␛');
                line.push_str(&safe(part));
            }
            None => line.push_str(&safe(part)),
        }
    }
    line.push('\n');
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Shows a line of words on standard error in the place of the last such line; an empty one wipes it.
pub fn progress(text: &str) {
    let _ = io::stderr().lock().write_all(format!("\r\x1b[K{}", safe(text)).as_bytes());
}

/// Splits off a colour code, which cannot do harm.
fn own_color(text: &str) -> Option<(&str, &str)> {
    let (code, rest) = text.split_once('m')?;
    let digits = code.strip_prefix('[')?;
    let is_color = digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b';');
    let end = text.len() - rest.len();
    (is_color && *COLOR.get().unwrap_or(&false)).then(|| text.split_at(end))
}

/// Tells whether a terminal may obey a character, or be led to show text in a false order.
pub fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' // C0 without tab and line feed, C1
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}' // invisible tags
    )
}

/// Makes visible what a terminal would obey; carriage returns are dropped. Works on any piece of
/// a stream, because it looks at one character at a time.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().filter(|c| *c != '\r').map(|c| match c {
        '\0'..='\x1f' if is_unsafe(c) => {
            char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        '\x7f' => '\u{2421}',
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    Cow::Owned(shown.collect())
}

/// Keeps what is typed from being shown, until it is dropped.
pub struct Quiet(Option<Termios>);

impl Quiet {
    /// Begins; does nothing where standard input is no terminal.
    pub fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_flags.remove(LocalFlags::ECHO);
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet);
        }
        Self(before)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_made_visible() {
        assert_eq!(safe("plain é 漢\tx\n"), "plain é 漢\tx\n");
        assert_eq!(safe("\x1b]0;title\x07"), "␛]0;title␇");
        assert_eq!(safe("\x1b[2J\r\nok"), "␛[2J\nok");
        assert_eq!(safe("a\u{202e}b\u{2066}\u{9b}31m"), "a\u{fffd}b\u{fffd}\u{fffd}31m");
    }
}
