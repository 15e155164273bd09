//! What a run of tests came to, as a structure and in few words.

use std::path::Path;

use serde::Serialize;

use crate::measure::{RESULT_TOKENS, cut_line, head_and_tail, tokens};

/// Most failures and skips that are kept one by one.
const MOST_KEPT: usize = 1_000;

/// Longest message of one failure that is kept.
const MAX_MESSAGE: usize = 64 << 10;

/// What tests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    /// Those that failed, in the order of the report.
    pub(super) failures: Vec<Failure>,
    /// Those that were skipped.
    pub(super) skips: Vec<Skip>,
}

/// A test that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
    pub(super) message: String,
}

/// A test that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Skip {
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
}

impl Report {
    pub(super) fn total(&self) -> u64 {
        self.passed + self.failed + self.skipped
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < MOST_KEPT {
            let mut failure = failure;
            let end = failure.message.floor_char_boundary(MAX_MESSAGE);
            failure.message.truncate(end);
            self.failures.push(failure);
        }
    }

    pub(super) fn skip(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.skipped += 1;
        if self.skips.len() < MOST_KEPT {
            self.skips.push(Skip { name: name.into(), reason: reason.into() });
        }
    }

    /// Adds another part of the same run.
    pub(super) fn add(&mut self, other: Report) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        let room = MOST_KEPT.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
        let room = MOST_KEPT.saturating_sub(self.skips.len());
        self.skips.extend(other.skips.into_iter().take(room));
    }

    /// Finds the place of failures that name none: the last line of their message that names a file of the project.
    pub(super) fn locate(&mut self, folder: &Path, root: &Path) {
        for failure in &mut self.failures {
            let named = failure.file.take().and_then(|file| inside(&file, folder, root));
            let place = match (named, failure.line) {
                (Some(file), Some(line)) => Some((file, line)),
                (Some(file), None) => place_in(&failure.message, folder, root)
                    .filter(|(other, _)| *other == file)
                    .or_else(|| {
                        failure.file = Some(file.clone());
                        None
                    }),
                (None, _) => place_in(&failure.message, folder, root),
            };
            if let Some((file, line)) = place {
                failure.file = Some(file);
                failure.line = Some(line);
            }
        }
    }

    /// Tells the totals in one line.
    pub(super) fn totals(&self, framework: &str) -> String {
        let mut line = String::new();
        if self.failed > 0 {
            line.push_str(&format!("{} failed, ", self.failed));
        }
        line.push_str(&format!("{} passed", self.passed));
        if self.skipped > 0 {
            line.push_str(&format!(", {} skipped", self.skipped));
        }
        line.push_str(&format!(" ({framework})"));
        line
    }

    /// Tells every failure with its place and message, the longest ones shortened.
    pub(super) fn failures_text(&self) -> String {
        /// What a failure may say at least, however many there are.
        const LEAST: usize = 60;
        let mut text = String::new();
        let mut left = RESULT_TOKENS - 200;
        for (index, failure) in self.failures.iter().enumerate() {
            let to_come = self.failures.len() - index;
            let share = (left / to_come).max(LEAST);
            let told = failure.text(share);
            let cost = tokens(&told);
            if cost > left {
                text.push_str(&rest(self.failures.get(index..).unwrap_or_default(), left));
                break;
            }
            left -= cost;
            text.push_str(&told);
        }
        let kept = u64::try_from(self.failures.len()).unwrap_or(u64::MAX);
        if self.failed > kept {
            text.push_str(&format!("[{} more failures]\n", self.failed - kept));
        }
        text
    }
}

/// Names the failures that found no room.
fn rest(failures: &[Failure], budget: usize) -> String {
    let mut text = String::new();
    for (index, failure) in failures.iter().enumerate() {
        let line = format!("FAIL {}\n", failure.head());
        if tokens(&text) + tokens(&line) > budget.max(100) {
            text.push_str(&format!("[{} more failures]\n", failures.len() - index));
            break;
        }
        text.push_str(&line);
    }
    text
}

impl Failure {
    fn head(&self) -> String {
        let name = cut_line(&self.name, 240);
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{name} ({file}:{line})"),
            (Some(file), None) if !self.name.contains(file.as_str()) => format!("{name} ({file})"),
            _ => name.into_owned(),
        }
    }

    fn text(&self, budget: usize) -> String {
        let message = self.message.trim_matches('\n').trim_end();
        let mut text = format!("FAIL {}\n", self.head());
        if message.is_empty() {
            return text;
        }
        let cut = head_and_tail(message, budget, |gone| format!("[{gone} lines left out]"));
        for line in cut.as_deref().unwrap_or(message).lines() {
            if !line.trim().is_empty() {
                text.push_str(&format!("  {}", cut_line(line.trim_end(), 400)));
            }
            text.push('\n');
        }
        text
    }
}

/// Makes a report's path relative to the root; `None` where it leads outside or nowhere.
fn inside(file: &str, folder: &Path, root: &Path) -> Option<String> {
    let file = file.strip_prefix("file://").unwrap_or(file);
    let path = folder.join(file);
    let path = if path.is_file() { path } else { root.join(file) };
    let path = path.canonicalize().ok().filter(|path| path.is_file())?;
    Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
}

/// Finds the deepest place of the project that a message names.
fn place_in(message: &str, folder: &Path, root: &Path) -> Option<(String, u64)> {
    /// Lines that are looked at, from the end.
    const MOST_LINES: usize = 400;
    let places = message.lines().rev().take(MOST_LINES).filter_map(|line| {
        let (file, number) = quoted_place(line).or_else(|| colon_place(line))?;
        let file = inside(&file, folder, root)?;
        let foreign = ["node_modules/", "site-packages/", ".venv/", "vendor/", "target/"];
        (!foreign.iter().any(|part| file.contains(part))).then_some((file, number))
    });
    let mut places = places.peekable();
    // A stack is told from the inside out by JavaScript, from the outside in by Python.
    let inside_out = message.contains("\n    at ") || message.contains("\n\tat ");
    if inside_out { places.last() } else { places.next() }
}

/// Reads `File "path", line 7`.
fn quoted_place(line: &str) -> Option<(String, u64)> {
    let (_, rest) = line.split_once("File \"")?;
    let (file, rest) = rest.split_once('"')?;
    let digits = rest.strip_prefix(", line ")?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    Some((file.to_owned(), digits.get(..end)?.parse().ok()?))
}

/// Reads `path:7` and `path:7:3` anywhere in a line.
fn colon_place(line: &str) -> Option<(String, u64)> {
    let mut words = line.split(|c: char| c.is_whitespace() || "()[]'\"`,<>".contains(c));
    words.find_map(|word| {
        let word = word.trim_end_matches([':', '.']);
        let mut parts = word.rsplitn(3, ':');
        let (last, middle, first) = (parts.next()?, parts.next(), parts.next());
        let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n > 0);
        let (file, line) = match (first, middle) {
            (Some(first), Some(middle)) if number(middle).is_some() && number(last).is_some() => {
                (first.to_owned(), number(middle)?)
            }
            (Some(first), Some(middle)) => (format!("{first}:{middle}"), number(last)?),
            (None, Some(middle)) => (middle.to_owned(), number(last)?),
            _ => return None,
        };
        (file.contains('.') || file.contains('/')).then_some((file, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_runners_write_them() {
        for (line, expected) in [
            ("tests/a.py:5: AssertionError", Some(("tests/a.py", 5))),
            ("thread 't' panicked at src/lib.rs:9:14:", Some(("src/lib.rs", 9))),
            ("    at Object.<anonymous> (/x/test/a.test.js:3:9)", Some(("/x/test/a.test.js", 3))),
            ("    main_test.go:12: got 1", Some(("main_test.go", 12))),
            ("  File \"/x/t.py\", line 31, in test_a", Some(("/x/t.py", 31))),
            ("expected 3:4 to be 5", None),
            ("12:30:01 started", None),
        ] {
            let got = quoted_place(line).or_else(|| colon_place(line));
            let got = got.as_ref().map(|(file, line)| (file.as_str(), *line));
            assert_eq!(got, expected, "{line}");
        }
    }

    #[test]
    fn many_failures_stay_within_the_bound_and_all_are_counted() {
        let mut report = Report { passed: 5, ..Report::default() };
        for i in 0..3_000 {
            let message = format!("assertion failed: left == right, {i}\n").repeat(20);
            report.fail(Failure { name: format!("test_{i}"), message, ..Failure::default() });
        }
        let text = report.failures_text();
        assert!(tokens(&text) <= RESULT_TOKENS, "{}", tokens(&text));
        assert!(text.contains("FAIL test_0\n"), "{text}");
        let named = text.matches("FAIL test_").count();
        let more: usize = text
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.strip_suffix(" more failures]"))
            .map(|number| number.parse::<usize>().unwrap())
            .sum();
        assert_eq!(named + more, 3_000);
        assert_eq!(report.totals("pytest"), "3000 failed, 5 passed (pytest)");
    }
}
