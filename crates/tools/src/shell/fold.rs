//! Folds what tools print: failures of tests stay, the rest becomes a total; large JSON and logs are shortened.
//!
//! Only lines that are known to say nothing go; whatever is not known stays, so that no error can
//! hide. A runner is recognised by its own total, not by the command.

mod cargo;
mod go;
mod javascript;
mod json;
mod log;
mod node;
mod python;

/// One runner's way to fold: the lines without its noise; `None` where it is not its output.
type Runner = fn(&[&str], Colour) -> Option<Vec<String>>;

/// Whether the command succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    /// It did.
    Green,
    /// It did not.
    Red,
}

const RUNNERS: [Runner; 6] =
    [cargo::fold, python::pytest, python::unittest, javascript::fold, node::fold, go::fold];

/// Folded output.
pub(super) struct Folded {
    pub(super) text: String,
    /// Whether something went that may be asked for.
    pub(super) cut: bool,
}

/// Folds the output of a command that succeeded or not; `None` where it stays as it is.
pub(super) fn fold(text: &str, succeeded: bool) -> Option<Folded> {
    if let Some(text) = tests(text, succeeded) {
        return Some(Folded { text, cut: false });
    }
    let text = json::fold(text).or_else(|| log::fold(text))?;
    Some(Folded { text, cut: true })
}

/// Folds what test runners print; `None` where no runner knows it.
fn tests(text: &str, succeeded: bool) -> Option<String> {
    let colour = if succeeded { Colour::Green } else { Colour::Red };
    let mut folded: Option<String> = None;
    for runner in RUNNERS {
        let lines: Vec<&str> = folded.as_deref().unwrap_or(text).lines().collect();
        if let Some(kept) = runner(&lines, colour) {
            folded = Some(kept.join("\n"));
        }
    }
    folded.map(|text| squeeze(&text))
}

/// Makes one blank line of several.
fn squeeze(text: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for line in text.lines() {
        let blank = line.trim().is_empty();
        if !(blank && out.last().is_none_or(|last| last.trim().is_empty())) {
            out.push(line);
        }
    }
    out.join("\n").trim_end().to_owned()
}

/// Tells whether a line, after some blanks, begins with one of these.
fn begins(line: &str, starts: &[&str]) -> bool {
    let line = line.trim_start();
    starts.iter().any(|start| line.starts_with(start))
}

/// Reads the number before a word: 3 in `3 passed`.
fn number_before(text: &str, word: &str) -> Option<u64> {
    let at = text.find(word)?;
    text.get(..at)?.trim_end().rsplit([' ', ',', ';', '(', '.']).next()?.parse().ok()
}
