//! `cargo test` and `cargo nextest`.

use super::{Colour, begins, number_before};

/// What cargo says of its own work.
const PROGRESS: [&str; 16] = [
    "Compiling ",
    "Finished ",
    "Running ",
    "Doc-tests ",
    "Downloading ",
    "Downloaded ",
    "Updating ",
    "Locking ",
    "Blocking waiting",
    "Checking ",
    "Fresh ",
    "Adding ",
    "Executable ",
    "Starting ",
    "Nextest run ID",
    "────",
];

#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
    filtered: u64,
    binaries: u64,
    warnings: u64,
}

pub(super) fn fold(lines: &[&str], colour: Colour) -> Option<Vec<String>> {
    let libtest = lines.iter().any(|line| line.starts_with("test result: "));
    let nextest = lines.iter().any(|line| begins(line, &["Summary ["]));
    if !libtest && !nextest {
        return None;
    }
    let failing = lines.iter().any(|line| *line == "failures:" || line.contains("... FAILED"));
    let red = colour == Colour::Red || failing;
    let listed = lines.contains(&"failures:");
    let mut totals = Totals::default();
    let mut kept: Vec<String> = Vec::new();
    let mut binary: Option<&str> = None;
    let mut in_warning = false;
    for line in lines {
        in_warning = match line {
            line if line.starts_with("warning: ") || line.starts_with("warning[") => {
                totals.warnings += u64::from(!line.contains(" generated "));
                true
            }
            line => in_warning && !line.trim().is_empty() && !line.starts_with("error"),
        };
        if let Some(result) = line.strip_prefix("test result: ") {
            totals.add(result);
        } else if begins(line, &["Running ", "Doc-tests "]) {
            binary = Some(line);
        } else if !(in_warning || is_noise(line, listed)) {
            if *line == "failures:"
                && let Some(binary) = binary.take()
            {
                kept.push(binary.trim().to_owned());
            }
            kept.push((*line).to_owned());
        }
    }
    if libtest {
        kept.push(totals.line());
    } else if totals.warnings > 0 && !red {
        kept.push(format!("[{} warnings]", totals.warnings));
    }
    Some(kept)
}

fn is_noise(line: &str, failures_listed: bool) -> bool {
    if let Some(test) = line.strip_prefix("test ") {
        let verdict = test.rsplit(" ... ").next().unwrap_or_default();
        return begins(verdict, &["ok", "ignored"]) || (failures_listed && verdict == "FAILED");
    }
    let counted = line
        .strip_prefix("running ")
        .is_some_and(|rest| rest.ends_with(" tests") || rest.ends_with(" test"));
    let cargo = line.starts_with(' ') && begins(line, &PROGRESS);
    let nextest = line.starts_with("   ") && begins(line, &["PASS [", "SKIP [", "START  "]);
    counted || cargo || nextest || line.trim().starts_with("────")
}

impl Totals {
    fn add(&mut self, result: &str) {
        self.passed += number_before(result, " passed").unwrap_or(0);
        self.failed += number_before(result, " failed").unwrap_or(0);
        self.ignored += number_before(result, " ignored").unwrap_or(0);
        self.filtered += number_before(result, " filtered").unwrap_or(0);
        self.binaries += 1;
    }

    fn line(&self) -> String {
        let mut line = format!("test result: {} passed, {} failed", self.passed, self.failed);
        for (count, what) in [
            (self.ignored, "ignored"),
            (self.filtered, "filtered out"),
            (self.warnings, "warnings"),
        ] {
            if count > 0 {
                line.push_str(&format!(", {count} {what}"));
            }
        }
        if self.binaries > 1 {
            line.push_str(&format!(" ({} binaries)", self.binaries));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests as fold;

    #[test]
    fn green_is_one_line() {
        let mut text = "   Compiling a v0.1.0 (/x)\nwarning: unused variable: `x`\n --> src/lib.rs:1:1\n  |\n\n\
                        warning: `a` (lib) generated 1 warning\n    Finished `test` profile in 1s\n     \
                        Running unittests src/lib.rs (target/debug/deps/a)\n\nrunning 100 tests\n"
            .to_owned();
        for i in 0..100 {
            text.push_str(&format!("test tests::case_{i} ... ok\n"));
        }
        text.push_str(
            "\ntest result: ok. 99 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in \
             0.02s\n\n   Doc-tests a\n\nrunning 1 test\ntest src/lib.rs - a (line 3) ... ok\n\ntest result: ok. 1 \
             passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.2s\n\n",
        );
        assert_eq!(
            fold(&text, true).unwrap(),
            "test result: 100 passed, 0 failed, 1 ignored, 1 warnings (2 binaries)"
        );
    }

    #[test]
    fn red_keeps_failures_and_what_is_not_known() {
        let text = "building things\n     Running unittests src/lib.rs (target/debug/deps/a)\n\nrunning 2 \
                    tests\ntest tests::good ... ok\ntest tests::bad ... FAILED\n\nfailures:\n\n---- tests::bad stdout \
                    ----\n\nthread 'tests::bad' panicked at src/lib.rs:9:9:\nassertion failed: false\n\n\nfailures:\n    \
                    tests::bad\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; \
                    finished in 0.00s\n\nerror: test failed, to rerun pass `--lib`\n";
        let folded = fold(text, false).unwrap();
        assert_eq!(
            folded,
            "building things\n\nRunning unittests src/lib.rs (target/debug/deps/a)\nfailures:\n\n---- tests::bad stdout \
             ----\n\nthread 'tests::bad' panicked at src/lib.rs:9:9:\nassertion failed: false\n\nfailures:\n    \
             tests::bad\n\nerror: test failed, to rerun pass `--lib`\ntest result: 1 passed, 1 failed"
        );
        assert!(fold("error[E0308]: mismatched types\n", false).is_none());
    }

    #[test]
    fn nextest() {
        let text = "    Finished `test` profile\n────────────\n Nextest run ID x\n    Starting 2 tests across 1 binary\n        \
                    PASS [   0.005s] a tests::good\n        FAIL [   0.006s] a tests::bad\n  stdout ───\n\n    \
                    boom\n────────────\n     Summary [   0.010s] 2 tests run: 1 passed, 1 failed, 0 skipped\n";
        assert_eq!(
            fold(text, false).unwrap(),
            "        FAIL [   0.006s] a tests::bad\n  stdout ───\n\n    boom\n     Summary [   0.010s] 2 tests run: 1 \
             passed, 1 failed, 0 skipped"
        );
    }
}
