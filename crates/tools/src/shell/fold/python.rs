//! `pytest` and `unittest`.

use super::{Colour, begins};

pub(super) fn pytest(lines: &[&str], colour: Colour) -> Option<Vec<String>> {
    lines.iter().rev().take(40).find(|line| is_total(line))?;
    let explained = lines.iter().any(|line| is_rule(line, "FAILURES") || is_rule(line, "ERRORS"));
    let mut kept = Vec::new();
    let mut header = false;
    let mut warnings = false;
    for line in lines {
        if line.starts_with("===") {
            header = is_rule(line, "test session starts");
            warnings = is_rule(line, "warnings summary");
        }
        let skip = (warnings && colour == Colour::Green)
            || (header && is_header(line))
            || is_progress(line, explained);
        if is_total(line) {
            kept.push(line.trim_matches(['=', ' ']).to_owned());
        } else if !skip {
            kept.push((*line).to_owned());
        }
    }
    Some(kept)
}

/// `=== 3 failed, 97 passed in 1.20s ===`, or the same without rules.
fn is_total(line: &str) -> bool {
    let plain = line.trim_matches(['=', ' ']);
    let counts =
        [" passed", " failed", " error", " skipped", " xfailed", " deselected", " warning"]
            .iter()
            .any(|word| plain.contains(word));
    let timed = plain.rsplit_once(" in ").is_some_and(|(_, time)| {
        time.starts_with(|c: char| c.is_ascii_digit()) && time.contains('s')
    });
    timed
        && (plain.starts_with("no tests ran")
            || counts && plain.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_rule(line: &str, title: &str) -> bool {
    line.starts_with("===") && line.trim_matches(['=', ' ']).starts_with(title)
}

fn is_header(line: &str) -> bool {
    line.trim().is_empty()
        || line.starts_with("===")
        || begins(
            line,
            &[
                "platform ",
                "cachedir:",
                "rootdir:",
                "configfile:",
                "plugins:",
                "collecting",
                "collected ",
                "asyncio:",
                "testpaths:",
                "created: ",
                "bringing up",
                "gw0",
                "Using --randomly-seed",
                "hypothesis profile",
                "benchmark:",
                "django: ",
                "cov:",
                "timeout:",
                "timeout method:",
                "timeout func_only:",
                "scheduling tests",
            ],
        )
}

fn is_progress(line: &str, explained: bool) -> bool {
    let line = line.trim_end();
    let (body, share) = match line.rsplit_once('[') {
        Some((body, share)) if share.ends_with("%]") => (body.trim_end(), true),
        _ => (line, false),
    };
    let dots = |text: &str| !text.is_empty() && text.chars().all(|c| ".sxXFEPR".contains(c));
    if dots(body) && (share || body.len() > 1 || body == ".") {
        return true;
    }
    if let Some((file, results)) = body.rsplit_once(' ')
        && file.contains(".py")
        && dots(results)
    {
        return true;
    }
    let verbose = body.contains("::") || line.starts_with("[gw");
    let passed = ["PASSED", "SKIPPED", "XFAIL", "XPASS"].iter().any(|word| body.contains(word));
    let failed = body.ends_with("FAILED") || body.ends_with("ERROR") || line.starts_with("[gw");
    verbose && share && (passed || (failed && explained))
}

pub(super) fn unittest(lines: &[&str], colour: Colour) -> Option<Vec<String>> {
    let ran =
        |line: &str| line.starts_with("Ran ") && line.contains(" test") && line.contains(" in ");
    lines.iter().rev().take(40).find(|line| ran(line))?;
    let kept = lines.iter().filter(|line| {
        let dots = !line.is_empty() && line.chars().all(|c| ".sxuEF".contains(c));
        let verdict = line.rsplit_once(" ... ").map_or("", |(_, verdict)| verdict);
        let fine =
            verdict == "ok" || verdict.starts_with("skipped") || verdict == "expected failure";
        let rule = colour == Colour::Green && line.starts_with("------");
        !(dots || fine || rule)
    });
    Some(kept.map(|line| (*line).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests as fold;

    #[test]
    fn pytest_green_is_its_total() {
        let text = "============================= test session starts ==============================\nplatform linux -- \
                    Python 3.12\nrootdir: /x\nplugins: cov-5\ncollected 100 items\n\ntests/test_a.py \
                    ............ [ 50%]\ntests/test_b.py ...s.... [100%]\n\n=========================== warnings summary \
                    ===========================\na.py:1: DeprecationWarning: x\n\n-- Docs: https://x\n=================== 99 \
                    passed, 1 skipped, 1 warning in 1.21s ===================\n";
        assert_eq!(fold(text, true).unwrap(), "99 passed, 1 skipped, 1 warning in 1.21s");
        assert_eq!(fold("....\n4 passed in 0.02s\n", true).unwrap(), "4 passed in 0.02s");
        let verbose = "tests/a.py::test_x PASSED     [ 50%]\ntests/a.py::test_y[1-2] PASSED [100%]\n\n=== 2 passed in 0.1s \
                       ===\n";
        assert_eq!(fold(verbose, true).unwrap(), "2 passed in 0.1s");
    }

    #[test]
    fn pytest_red_keeps_the_failures() {
        let text = "=== test session starts ===\ncollected 2 items\n\ntests/a.py .F   [100%]\n\n=== FAILURES ===\n___ test_y \
                    ___\n\n    def test_y():\n>       assert 1 == 2\nE       assert 1 == 2\n\ntests/a.py:5: \
                    AssertionError\n=== short test summary info ===\nFAILED tests/a.py::test_y - assert 1 == 2\n=== 1 \
                    failed, 1 passed in 0.03s ===\n";
        assert_eq!(
            fold(text, false).unwrap(),
            "=== FAILURES ===\n___ test_y ___\n\n    def test_y():\n>       assert 1 == 2\nE       assert 1 == \
             2\n\ntests/a.py:5: AssertionError\n=== short test summary info ===\nFAILED tests/a.py::test_y - assert 1 == \
             2\n1 failed, 1 passed in 0.03s"
        );
        let collect = "=== test session starts ===\ncollected 0 items / 1 error\n\n=== ERRORS ===\n_ ERROR collecting a.py \
                       _\nE   SyntaxError: x\n=== 1 error in 0.03s ===\n";
        assert!(fold(collect, false).unwrap().contains("SyntaxError"));
    }

    #[test]
    fn unittest_both_ways() {
        let green = "test_a (t.T.test_a) ... ok\n..\n------------\nRan 3 tests in 0.001s\n\nOK\n";
        assert_eq!(fold(green, true).unwrap(), "Ran 3 tests in 0.001s\n\nOK");
        let red = ".F\n======\nFAIL: test_b (t.T)\n------\nAssertionError: 1 != 2\n\n------\nRan 2 tests in \
                   0.001s\n\nFAILED (failures=1)\n";
        assert!(
            fold(red, false).unwrap().starts_with("======\nFAIL: test_b (t.T)\n------\nAssertion")
        );
    }
}
