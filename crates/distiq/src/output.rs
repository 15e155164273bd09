//! Standard output: data, whole or not at all.
//!
//! A reader that goes away (`distiq … | head`) ends the program silently, with the exit code of
//! a program that SIGPIPE ended.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::terminal;

/// So many bytes of a long text are written at once.
const ROOM: usize = 64 << 10;

/// The exit code after SIGPIPE.
pub const SIGPIPE_CODE: u8 = 141;

/// Prints a text and a line end; what could steer a terminal is made visible.
pub fn text(text: &str) {
    write(&format!("{}\n", terminal::safe(text)));
}

/// Prints a text that is beside the point, and a line end.
pub fn faint(text: &str) {
    write(&format!("{}\n", terminal::faint_data(text)));
}

/// Prints a piece of a text as it is streamed.
pub fn piece(text: &str) {
    write(&terminal::safe(text));
}

/// Prints bytes that are made for a program, such as a completion script.
pub fn raw(text: &str) {
    write(text);
}

/// Prints a value as one line of JSON.
pub fn json_line<T: Serialize>(value: &T) {
    if let Ok(json) = serde_json::to_string(value) {
        write(&format!("{}\n", escaped(&json)));
    }
}

/// Prints pieces of a text one after the other, as they are made.
pub fn pieces(pieces: impl Iterator<Item = String>) {
    stream(pieces.map(|piece| terminal::safe(&piece).to_string()));
}

/// Prints the pieces of one JSON text as they are made, and a line end.
pub fn json_pieces(pieces: impl Iterator<Item = String>) {
    let end = std::iter::once("\n".to_owned());
    stream(pieces.map(|piece| escaped(&piece)).chain(end));
}

/// Writes pieces as soon as there are some to write.
fn stream(pieces: impl Iterator<Item = String>) {
    let mut ready = String::with_capacity(2 * ROOM);
    for piece in pieces {
        ready.push_str(&piece);
        if ready.len() >= ROOM {
            write(&ready);
            ready.clear();
        }
    }
    write(&ready);
}

/// Escapes what JSON allows verbatim but a terminal obeys; it can only stand inside strings.
fn escaped(json: &str) -> String {
    if !json.contains(|c| c != '\n' && terminal::is_unsafe(c)) {
        return json.to_owned();
    }
    json.chars().fold(String::with_capacity(json.len() + 16), |mut text, c| {
        if c != '\n' && terminal::is_unsafe(c) {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
        text
    })
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(SIGPIPE_CODE.into());
        }
        terminal::say(&format!("error: Cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_steers_no_terminal() {
        let text = "a\u{9b}31m\u{202e}\u{e0041}é\u{7f}";
        let json = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u009b31m\u202e\udb40\udc41é\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
