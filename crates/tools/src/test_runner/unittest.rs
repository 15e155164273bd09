//! unittest's text, verbose.

use super::report::{Failure, Report};

/// Reads the lines; `None` where they are not unittest's.
pub(super) fn read(text: &str) -> Option<Report> {
    let lines: Vec<&str> = text.lines().collect();
    let ran = lines.iter().rposition(|line| {
        line.starts_with("Ran ") && line.contains(" test") && line.contains(" in ")
    })?;
    let total: u64 = lines.get(ran)?.split(' ').nth(1)?.parse().ok()?;
    let mut report = Report::default();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        if let Some((name, reason)) = line.split_once(" ... skipped ") {
            report.skip(name, reason.trim_matches(['\'', '"']));
        }
        let bad = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: "));
        if let Some(name) = bad
            && lines.get(index.wrapping_sub(2)).is_some_and(|rule| rule.starts_with("====="))
        {
            let rest = lines.get(index..ran).unwrap_or_default();
            let body = rest.iter().skip_while(|line| !line.starts_with("-----")).skip(1);
            let body =
                body.take_while(|line| !line.starts_with("=====") && !line.starts_with("-----"));
            let message = body.copied().collect::<Vec<_>>().join("\n");
            report.fail(Failure { name: name.to_owned(), message, ..Failure::default() });
        }
    }
    // `FAILED (failures=1, skipped=2)` and `OK (skipped=2)` know better where the list is not verbose.
    let verdict = lines.get(ran..)?.iter().find(|l| l.starts_with("OK") || l.starts_with("FAILED"));
    let counted = |word: &str| {
        let (_, rest) = verdict?.split_once(&format!("{word}="))?;
        rest.split([',', ')']).next()?.parse::<u64>().ok()
    };
    report.skipped = report.skipped.max(counted("skipped").unwrap_or(0));
    let bad = counted("failures").unwrap_or(0) + counted("errors").unwrap_or(0);
    report.failed = report.failed.max(bad);
    report.passed = total.saturating_sub(report.failed + report.skipped);
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_errors_and_skips() {
        let text = "test_a (t.T.test_a) ... ok\ntest_b (t.T.test_b) ... FAIL\ntest_c (t.T.test_c) ... skipped 'no \
                    net'\ntest_d (t.T.test_d) ... ERROR\n\n======\nERROR: test_d \
                    (t.T.test_d)\n------\nTraceback (most recent call last):\n  File \"/x/t.py\", line 9, in test_d\n    \
                    boom()\nNameError: boom\n\n======\nFAIL: test_b (t.T.test_b)\n------\nAssertionError: 1 != \
                    2\n\n------\nRan 4 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1)\n"
            .replace("------", "----------------------------------------------------------------------")
            .replace("======", "======================================================================");
        let report = read(&text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 2, 1));
        assert_eq!(report.failures[0].name, "test_d (t.T.test_d)");
        assert!(report.failures[0].message.contains("/x/t.py\", line 9"));
        assert_eq!(report.failures[1].message.trim(), "AssertionError: 1 != 2");
        assert_eq!(report.skips[0].reason, "no net");
        assert_eq!(read("Ran out of luck\n"), None);
    }
}
