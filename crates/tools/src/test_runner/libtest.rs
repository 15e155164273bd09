//! What `cargo test` and `cargo nextest` print.

use super::report::{Failure, Report};

/// Reads libtest's text of all binaries; `None` where no binary ran to its end.
pub(super) fn cargo(text: &str) -> Option<Report> {
    let lines: Vec<&str> = text.lines().collect();
    let mut report = Report::default();
    let mut seen = false;
    let mut failed: Vec<&str> = Vec::new();
    for line in &lines {
        if let Some(rest) = line.strip_prefix("test result: ") {
            seen = true;
            let counted = |word: &str| {
                let before = rest.split(word).next()?;
                before.trim_end().rsplit([' ', ';', '.']).next()?.parse::<u64>().ok()
            };
            report.passed += counted(" passed").unwrap_or(0);
            report.failed += counted(" failed").unwrap_or(0);
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some((name, verdict)) = test.rsplit_once(" ... ")
        {
            match verdict.split(',').next().unwrap_or_default().trim() {
                "FAILED" => failed.push(name),
                "ignored" => {
                    report.skip(name, verdict.split_once(',').map_or("", |(_, why)| why.trim()));
                }
                _ => {}
            }
        }
    }
    if !seen {
        return None;
    }
    let told = report.failed;
    for name in failed {
        let message = section(&lines, &format!("---- {name} stdout ----"));
        report.fail(failure(name, message));
    }
    report.failed = told.max(u64::try_from(report.failures.len()).unwrap_or(u64::MAX));
    Some(report)
}

/// Takes the place from the panic's own line.
fn failure(name: &str, message: String) -> Failure {
    let panicked = message.lines().find_map(|line| {
        let (_, place) = line.split_once("panicked at ")?;
        let mut parts = place.trim_end_matches(':').rsplitn(3, ':').skip(1);
        Some((parts.next()?.parse().ok()?, parts.next()?.to_owned()))
    });
    let (line, file) = panicked.unzip();
    Failure { name: name.to_owned(), file, line, message }
}

/// Returns what a failing test printed: from its heading to the next one.
fn section(lines: &[&str], heading: &str) -> String {
    let Some(start) = lines.iter().position(|line| *line == heading) else { return String::new() };
    let body = lines.get(start + 1..).unwrap_or_default().iter();
    let body = body
        .take_while(|line| !(line.starts_with("---- ") && line.ends_with(" ----")))
        .take_while(|line| **line != "failures:")
        .filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"));
    body.copied().collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

/// Reads nextest's text; `None` where it has no summary.
pub(super) fn nextest(text: &str) -> Option<Report> {
    let lines: Vec<&str> = text.lines().collect();
    let summary = lines.iter().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
    let counted = |word: &str| {
        let before = summary.split(word).next().filter(|_| summary.contains(word))?;
        before.trim_end().rsplit([' ', ',', ':']).next()?.parse::<u64>().ok()
    };
    let mut report = Report::default();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        let body = line.trim_start();
        if body.starts_with("Summary [") {
            break;
        }
        let failed = ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV [", "SIGKILL [", "LEAK-FAIL ["];
        if !failed.iter().any(|verdict| body.starts_with(verdict)) {
            continue;
        }
        let name = body.split_once(']').map_or(body, |(_, name)| name.trim());
        // Newer versions count: `(  3/120) crate test`.
        let name = name.strip_prefix('(').and_then(|n| n.split_once(')')).map_or(name, |(_, n)| n);
        let rest = lines.get(index..).unwrap_or_default();
        let output = rest.iter().take_while(|line| !is_verdict(line));
        let output: Vec<&str> =
            output.map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
        report.fail(failure(name.trim(), tidy(&output)));
    }
    report.passed = counted(" passed").unwrap_or(0);
    report.skipped = counted(" skipped").unwrap_or(0);
    report.failed = report.failed.max(counted(" failed").unwrap_or(0));
    Some(report)
}

/// Tells whether a line is another test's verdict.
fn is_verdict(line: &str) -> bool {
    let body = line.trim_start();
    let verdicts =
        ["PASS [", "FAIL [", "SKIP [", "SLOW [", "LEAK [", "TIMEOUT [", "SIG", "Summary ["];
    line.starts_with("   ") && verdicts.iter().any(|verdict| body.starts_with(verdict))
        || body.starts_with("────────")
}

/// Leaves out headings and the frame that every test of libtest prints.
fn tidy(lines: &[&str]) -> String {
    let noise = |line: &str| {
        let line = line.trim();
        line.is_empty()
            || line.contains("───")
            || line.starts_with("--- STD")
            || line.starts_with("running 1 test")
            || line.starts_with("test result: ")
            || line == "failures:"
            || line.starts_with("note: run with `RUST_BACKTRACE")
            || (line.starts_with("test ") && line.ends_with(" ... FAILED"))
    };
    let kept: Vec<&str> = lines.iter().copied().filter(|line| !noise(line)).collect();
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_over_several_binaries() {
        let text = "     Running unittests src/lib.rs (target/debug/deps/a-1)\n\nrunning 3 tests\ntest tests::good ... \
                    ok\ntest tests::bad ... FAILED\ntest tests::slow ... ignored, takes long\n\nfailures:\n\n---- \
                    tests::bad stdout ----\n\nthread 'tests::bad' panicked at src/lib.rs:9:9:\nassertion `left == right` \
                    failed\n  left: 1\n right: 2\nnote: run with `RUST_BACKTRACE=1`\n\n\nfailures:\n    \
                    tests::bad\n\ntest result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; \
                    finished in 0.00s\n\n   Doc-tests a\n\nrunning 1 test\ntest src/lib.rs - a (line 3) ... ok\n\ntest \
                    result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.2s\n";
        let report = cargo(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (2, 1, 1));
        assert_eq!(
            report.failures[0].message,
            "thread 'tests::bad' panicked at src/lib.rs:9:9:\nassertion `left == right` failed\n  left: 1\n right: 2"
        );
        assert_eq!(report.skips[0].reason, "takes long");
        assert_eq!(cargo("error[E0308]: mismatched types\n"), None);
    }

    #[test]
    fn nextest_with_output() {
        let text = "    Starting 2 tests across 1 binary\n        PASS [   0.005s] (1/2) a tests::good\n        FAIL [   \
                    0.006s] (2/2) a tests::bad\n  stdout ───\n\n    running 1 test\n    thread 'tests::bad' panicked at \
                    src/lib.rs:9:9:\n    boom\n\n────────────\n     Summary [   0.010s] 2 tests run: 1 passed, 1 failed, 3 \
                    skipped\n        FAIL [   0.006s] (2/2) a tests::bad\n";
        let report = nextest(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 1, 3));
        assert_eq!(report.failures[0].name, "a tests::bad");
        assert_eq!(
            report.failures[0].message,
            "thread 'tests::bad' panicked at src/lib.rs:9:9:\nboom"
        );
    }
}
