//! Where the prompt comes from: the arguments, byte for byte, or standard input.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};

use distiq_base::ErrorKind;

use crate::failure::Failure;

/// The longest prompt.
pub const MAX_PROMPT_BYTES: u64 = 4 << 20;

/// Reads the prompt. With an argument other than `-`, standard input is never touched.
pub fn read(arguments: &[OsString]) -> Result<String, Failure> {
    let words: Vec<&str> = arguments
        .iter()
        .map(|word| word.to_str().ok_or_else(not_utf8))
        .collect::<Result<_, _>>()?;
    let prompt = match words.as_slice() {
        [] if io::stdin().is_terminal() => return Err(missing()),
        [] | ["-"] => from_stdin()?,
        words => words.join(" "),
    };
    if prompt.trim().is_empty() {
        return Err(missing());
    }
    if prompt.len() as u64 > MAX_PROMPT_BYTES {
        return Err(Failure::new(
            ErrorKind::Usage,
            format!("The prompt is longer than {MAX_PROMPT_BYTES} bytes"),
        )
        .with_hint("Put the text into a file and name the file in the prompt"));
    }
    Ok(prompt)
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_PROMPT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("Cannot read the prompt from standard input", &error))?;
    String::from_utf8(bytes).map_err(|_| not_utf8())
}

fn not_utf8() -> Failure {
    Failure::new(ErrorKind::Usage, "The prompt is not UTF-8")
        .with_hint("Convert it first, such as with `iconv -t UTF-8`")
}

fn missing() -> Failure {
    Failure::new(ErrorKind::Usage, "No prompt")
        .with_hint("Say what to do: `distiq run \"fix the failing test\"`, or pipe it in")
}
