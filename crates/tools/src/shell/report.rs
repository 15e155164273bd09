//! What the model is told of a command: its output, bounded, and how it ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fold;
use super::job::How;
use crate::measure::{RESULT_TOKENS, head_and_tail};

/// Why a fork bomb was ended.
pub(crate) const CROWD: &str = "killed with all it started: over 2,000 processes";

/// Output as the model gets it.
pub(crate) struct Shown {
    pub(crate) text: String,
    /// Whether lines are missing that the file has.
    pub(crate) cut: bool,
}

impl Shown {
    pub(crate) fn of(text: String, dropped: usize, how: How) -> Self {
        let folded = match how {
            How::Exit(code) => fold::fold(&text, code == 0),
            // Which test was running last is what matters then.
            _ => None,
        };
        let (text, folded) = folded.map_or((text, false), |folded| (folded.text, folded.cut));
        // The capture's own line about what it dropped goes with the rest of the middle.
        let gap = |gone: usize| {
            format!("[{} lines left out]", gone + dropped - usize::from(dropped > 0 && gone > 0))
        };
        match head_and_tail(&text, RESULT_TOKENS, gap) {
            Some(text) => Shown { text, cut: true },
            None => Shown { text, cut: folded || dropped > 0 },
        }
    }
}

/// Joins output, where all of it is, and a note on its end.
pub(super) fn with_note(shown: Shown, file: Option<&Path>, note: &str) -> String {
    let mut text = shown.text;
    text.truncate(text.trim_end().len());
    if let Some(path) = file.filter(|_| shown.cut) {
        text.push_str(&format!("\n[all of it: {}]", home_short(path)));
    }
    if !note.is_empty() {
        text.push('\n');
        text.push_str(note);
    }
    let text = text.trim_matches('\n');
    if text.trim().is_empty() { "[no output]".to_owned() } else { text.to_owned() }
}

/// Returns the note on how a command ended that was waited for.
pub(super) fn ending(how: How, timeout: Duration, ports: &[u16]) -> String {
    match how {
        How::Exit(0) => String::new(),
        How::Exit(code) => format!("[exit {code}]"),
        How::Signal(signal) => {
            format!("[exit {}: killed by {}]", 128 + signal, signal_name(signal))
        }
        How::TimedOut => {
            let server = ports.first().map_or_else(String::new, |port| {
                format!("; it served port {port}: call with `ready`: \"{port}\"")
            });
            format!(
                "[timed out after {} s; it and all it started were killed{server}]",
                timeout.as_secs_f64()
            )
        }
        How::Cancelled => "[cancelled]".to_owned(),
        How::Crowd => format!("[{CROWD}]"),
    }
}

/// Returns the code that a shell would give.
pub(super) fn exit_code(how: How) -> Option<i32> {
    match how {
        How::Exit(code) => Some(code),
        How::Signal(signal) => Some(128 + signal),
        How::TimedOut | How::Cancelled | How::Crowd => None,
    }
}

/// Returns a signal's name.
pub(super) fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}

/// Writes a path below the home folder with `~`, which `read` and the shell both know.
pub(crate) fn home_short(path: &Path) -> String {
    match crate::place::home().and_then(|home| path.strip_prefix(home).ok().map(PathBuf::from)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}
