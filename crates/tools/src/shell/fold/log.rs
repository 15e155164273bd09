//! Logs and the progress of builds and installers: what says the same over and over becomes a number.

use super::begins;

/// Fewer lines than this in a row are left as they are.
const LEAST: usize = 5;

/// Words of lines that are never folded, in any case.
const LOUD: [&str; 17] = [
    "error",
    "warn",
    "fail",
    "fatal",
    "panic",
    "exception",
    "traceback",
    "critical",
    "denied",
    "refused",
    "timeout",
    "timed out",
    "abort",
    "killed",
    "not found",
    "unable",
    "cannot",
];

/// What tools say while they work, one line a step.
const PROGRESS: [&str; 38] = [
    "Compiling ",
    "Checking ",
    "Downloading ",
    "Downloaded ",
    "Adding ",
    "Fresh ",
    "Documenting ",
    "Collecting ",
    "Using cached ",
    "Requirement already satisfied",
    "Installing ",
    "Unpacking ",
    "Preparing to unpack ",
    "Setting up ",
    "Selecting previously ",
    "Processing triggers ",
    "Get:",
    "Hit:",
    "Fetched ",
    "Extracting ",
    "Pulling ",
    "Waiting",
    "Verifying Checksum",
    "Download complete",
    "Pull complete",
    "Receiving objects:",
    "Resolving deltas:",
    "remote: ",
    "Building C",
    "Building CXX",
    "Linking C",
    "[INFO] ",
    "> Task :",
    "Progress: ",
    "copying ",
    "creating ",
    "adding ",
    "byte-compiling ",
];

/// Folds runs of log lines and of progress; `None` where there is nothing to fold.
pub(super) fn fold(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<String> = Vec::new();
    let mut folded = false;
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        let run = run_length(lines.get(index..).unwrap_or_default());
        if run < LEAST {
            out.push((*line).to_owned());
            index += 1;
            continue;
        }
        let last = lines.get(index + run - 1).copied().unwrap_or_default();
        out.push((*line).to_owned());
        out.push(format!("[{} lines like these two]", run - 2));
        out.push(last.to_owned());
        folded = true;
        index += run;
    }
    folded.then(|| out.join("\n"))
}

/// Counts the lines from the first on that are of one kind.
fn run_length(lines: &[&str]) -> usize {
    let Some(kind) = lines.first().and_then(|line| kind(line)) else { return 1 };
    lines.iter().take_while(|line| self::kind(line).as_ref() == Some(&kind)).count()
}

/// Returns what lines of one kind have in common; `None` for what must stay.
fn kind(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    if LOUD.iter().any(|word| lower.contains(word)) {
        return None;
    }
    if line.starts_with(|c: char| c == '[' || c.is_whitespace()) || begins(line, &PROGRESS) {
        // `[ 12%] Building …` of make.
        let body = match line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("%] "))
        {
            Some((share, body)) if share.trim().bytes().all(|b| b.is_ascii_digit()) => body,
            _ => line.trim_start(),
        };
        if let Some(start) = PROGRESS.iter().find(|start| body.starts_with(**start)) {
            return Some((*start).to_owned());
        }
    }
    is_stamped(line).then(|| template(line))
}

/// Tells whether a line begins with a time, as those of logs do.
fn is_stamped(line: &str) -> bool {
    let start: String = line.chars().take(40).collect();
    let start = start.trim_start_matches(['[', '(', ' ']);
    let clock = start.as_bytes().windows(5).any(|w| {
        matches!(w, [a, b, b':', c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
    });
    clock && start.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// Returns a line with its numbers and ids masked.
fn template(line: &str) -> String {
    let mut out = String::new();
    for word in line.split_inclusive([' ', '=', '"', ',', '/', ':', '[', ']', '(', ')']) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        if digits > 0 {
            out.push('#');
            out.extend(word.chars().next_back().filter(|c| !c.is_alphanumeric()));
        } else {
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_line_with_other_numbers_is_told_once() {
        let mut text = String::new();
        for i in 0..50 {
            text.push_str(&format!(
                "2026-11-21T10:00:{i:02}.123Z INFO request id={i} took {}ms\n",
                i * 3
            ));
        }
        text.push_str("2026-11-21T10:01:00Z ERROR request id=51 failed: timeout\n");
        for i in 0..20 {
            text.push_str(&format!("2026-11-21T10:02:{i:02}Z INFO request id={i} took 1ms\n"));
        }
        let folded = fold(&text).unwrap();
        assert_eq!(folded.lines().count(), 7, "{folded}");
        assert!(folded.contains("[48 lines like these two]") && folded.contains("failed: timeout"));
    }

    #[test]
    fn progress_goes_and_errors_between_stay() {
        let mut text = String::new();
        for i in 0..30 {
            text.push_str(&format!("   Compiling crate_{i} v0.{i}.0\n"));
            if i == 20 {
                text.push_str("warning: unused import\n --> src/lib.rs:1:1\n");
            }
        }
        text.push_str("[ 10%] Building C object a.c.o\n[ 20%] Building C object b.c.o\n[ 30%] Building C object \
                       c.c.o\n[ 40%] Building C object d.c.o\n[ 50%] Building C object e.c.o\n");
        let folded = fold(&text).unwrap();
        assert!(folded.contains("warning: unused import\n --> src/lib.rs:1:1"), "{folded}");
        assert_eq!(folded.lines().count(), 11, "{folded}");
    }

    #[test]
    fn lists_are_not_logs() {
        let mut text = String::new();
        for i in 0..100 {
            text.push_str(&format!(
                "-rw-r--r-- 1 root root {i} Nov 21 file_{i}.rs\nsrc/a.rs:{i}: let x = {i};\n"
            ));
        }
        assert_eq!(fold(&text), None);
        assert_eq!(fold("10:00 a\n10:01 b\n"), None);
    }
}
