//! The code that stands in the conversation, so that a search need not show it twice.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Most bytes that are remembered; the oldest go first.
const MOST_BYTES: usize = 1 << 20;

/// Most texts that are remembered.
const MOST: usize = 1_000;

/// What was shown, oldest first.
#[derive(Debug, Default)]
pub(super) struct View {
    shown: VecDeque<Lines>,
    bytes: usize,
}

/// Lines of a file that follow each other.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    text: Box<str>,
    /// Whether some of them were only named since.
    named: bool,
}

impl View {
    /// Remembers what is shown.
    pub(super) fn add(&mut self, path: &Path, text: &str) {
        if text.len() > MOST_BYTES {
            return;
        }
        self.bytes += text.len();
        self.shown.push_back(Lines { path: path.to_owned(), text: text.into(), named: false });
        while self.bytes > MOST_BYTES || self.shown.len() > MOST {
            let Some(oldest) = self.shown.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }

    /// Tells whether the text was shown, and that it need only be named now; every other time it has to be shown again.
    pub(super) fn holds(&mut self, path: &Path, text: &str) -> bool {
        let holding =
            self.shown.iter_mut().rev().find(|lines| lines.path == path && lines.hold(text));
        let Some(lines) = holding else { return false };
        lines.named = !lines.named;
        lines.named
    }
}

impl Lines {
    fn hold(&self, text: &str) -> bool {
        let starts = self.text.match_indices(text);
        let is_line = |at: usize| {
            let (before, after) = (self.text.get(..at), self.text.get(at + text.len()..));
            before.is_some_and(|before| before.is_empty() || before.ends_with('\n'))
                && after.is_some_and(|after| after.is_empty() || after.starts_with('\n'))
        };
        starts.into_iter().any(|(at, _)| is_line(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_of_the_same_file_are_held() {
        let mut view = View::default();
        let path = Path::new("a.py");
        view.add(path, "def f():\n    return 1\n\ndef g():\n    return 11");
        assert!(view.holds(path, "def g():\n    return 11"));
        assert!(!view.holds(path, "def g():\n    return 11"), "asked again, it is shown");
        assert!(view.holds(path, "def f():\n    return 1"));
        for other in ["def g():\n    return 1", "return 1", "def g():\n    return 2"] {
            assert!(!view.holds(path, other), "{other}");
        }
        assert!(!view.holds(Path::new("b.py"), "def f():\n    return 1"));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut view = View::default();
        let path = |n: usize| PathBuf::from(format!("{n}"));
        for n in 0..20 {
            view.add(&path(n), &n.to_string().repeat(MOST_BYTES / 20));
        }
        assert!(view.bytes <= MOST_BYTES && !view.holds(&path(0), &"0".repeat(MOST_BYTES / 20)));
        for n in 0..2 * MOST {
            view.add(&path(n), "x");
        }
        assert!(view.shown.len() <= MOST && view.bytes <= MOST);
    }
}
