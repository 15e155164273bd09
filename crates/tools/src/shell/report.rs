//! What the model is told of a command: its output, bounded, and how it ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fold;
use super::job::How;
use crate::measure::{RESULT_TOKENS, head_and_tail};

/// Why a fork bomb was ended.
pub(crate) const CROWD: &str = "killed with all it started: over 2,000 processes";

/// Bytes of both ends of an output that are looked at for what is shown of it.
const MEASURED: usize = 100 << 10;

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
        let (text, dropped) = without_middle(text, dropped);
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

/// Cuts what is far more than will be shown, so that it need not be measured.
fn without_middle(text: String, dropped: usize) -> (String, usize) {
    if text.len() <= 3 * MEASURED {
        return (text, dropped);
    }
    let head_end = text.as_bytes().get(..MEASURED).and_then(|head| memchr::memrchr(b'\n', head));
    let tail_from = text.len() - MEASURED;
    let tail = text.as_bytes().get(tail_from..).and_then(|tail| memchr::memchr(b'\n', tail));
    let (Some(head), Some(middle), Some(tail)) = (
        head_end.and_then(|end| text.get(..end)),
        head_end.zip(tail).and_then(|(end, tail)| text.get(end + 1..tail_from + tail)),
        tail.and_then(|tail| text.get(tail_from + tail + 1..)),
    ) else {
        return (text, dropped);
    };
    // The capture's own line about what it dropped is among them.
    let dropped = middle.lines().count() + dropped - usize::from(dropped > 0);
    (format!("{head}\n[{dropped} lines left out]\n{tail}"), dropped)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_much_is_counted_not_measured() {
        let text: String = (0..100_000).map(|i| format!("line {i}\n")).collect();
        let (short, dropped) = without_middle(text.clone(), 0);
        assert!(short.len() < 3 * MEASURED);
        assert_eq!(short.lines().count() - 1 + dropped, 100_000);
        assert!(short.contains(&format!("\n[{dropped} lines left out]\n")));
        let with_gap = text.replace("line 50000\n", "[7 lines left out]\n");
        assert_eq!(
            without_middle(with_gap, 7),
            (short.replace(&format!("[{dropped} "), &format!("[{} ", dropped + 6)), dropped + 6)
        );
        assert_eq!(without_middle("x".repeat(4 * MEASURED), 0).1, 0);
    }
}
