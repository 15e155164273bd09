//! The terminal: words on standard error, colour where it is wanted, and nothing that steers it.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// What marks text, and what ends it.
const ALARM: &str = "[1;31m";
const FAINT: &str = "[2m";
const END: &str = "[0m";

/// Where colour is used.
#[derive(Clone, Copy, Debug, Default)]
struct Colors {
    out: bool,
    err: bool,
}

static COLORS: OnceLock<Colors> = OnceLock::new();
/// Whether the user wants no colour and no moving parts.
static IS_PLAIN: AtomicBool = AtomicBool::new(false);

/// Leaves colour and moving parts out from now on.
pub fn be_plain() {
    IS_PLAIN.store(true, Ordering::Relaxed);
}

/// Tells whether a line may be drawn over, where standard error is a terminal.
pub fn may_move() -> bool {
    !IS_PLAIN.load(Ordering::Relaxed) && !is_dumb(&crate::world::env)
}

/// Settles whether colour is used: the flag, then `NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, then whether standard output, or standard
/// error, is a terminal.
pub fn settle_color(flag: Color, env: &dyn Fn(&str) -> Option<String>) {
    let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    let both = |on: bool| Colors { out: on, err: on };
    let colors = match flag {
        Color::Always => both(true),
        Color::Never => both(false),
        Color::Auto if set("NO_COLOR") => both(false),
        Color::Auto if env("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0") => {
            both(true)
        }
        Color::Auto if is_dumb(env) => both(false),
        Color::Auto => Colors { out: io::stdout().is_terminal(), err: io::stderr().is_terminal() },
    };
    let _ = COLORS.set(colors);
}

/// Tells whether the terminal can do nothing but show one line after the other.
fn is_dumb(env: &dyn Fn(&str) -> Option<String>) -> bool {
    env("TERM").is_some_and(|term| term == "dumb")
}

fn colors() -> Colors {
    match IS_PLAIN.load(Ordering::Relaxed) {
        true => Colors::default(),
        false => COLORS.get().copied().unwrap_or_default(),
    }
}

fn marked(code: &str, text: &str, is_on: bool) -> String {
    if is_on { format!("\x1b{code}{text}\x1b{END}") } else { text.to_owned() }
}

/// Marks what went wrong, for [`say`].
pub fn alarm(text: &str) -> String {
    marked(ALARM, text, colors().err)
}

/// Marks what is beside the point, for [`say`].
pub fn faint(text: &str) -> String {
    marked(FAINT, text, colors().err)
}

/// Makes visible what a terminal would obey in a text, and marks it as beside the point, for standard output.
pub fn faint_data(text: &str) -> String {
    marked(FAINT, &safe(text), colors().out)
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

/// Splits off one of our own codes; others could hide text.
fn own_color(text: &str) -> Option<(&str, &str)> {
    let code = [ALARM, FAINT, END].into_iter().find(|code| text.starts_with(code))?;
    colors().err.then(|| text.split_at(code.len()))
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
