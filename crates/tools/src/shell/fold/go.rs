//! `go test`.

use super::{Colour, begins};

pub(super) fn fold(lines: &[&str], _: Colour) -> Option<Vec<String>> {
    let is_ok = |line: &str| line.starts_with("ok  \t");
    let ours = |line: &str| {
        is_ok(line)
            || line.starts_with("FAIL\t")
            || line.starts_with("--- FAIL: ")
            || line.starts_with("--- PASS: ")
    };
    if !lines.iter().any(|line| ours(line)) {
        return None;
    }
    let mut passed = 0;
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        if is_ok(line) && !line.contains("coverage:") {
            passed += 1;
        } else if !is_noise(line) {
            kept.push((*line).to_owned());
        }
    }
    if passed > 0 {
        kept.push(format!("ok: {passed} packages"));
    }
    Some(kept)
}

fn is_noise(line: &str) -> bool {
    begins(line, &["=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- SKIP: "])
        || line == "PASS"
        || (line.starts_with("?   \t") && line.ends_with("[no test files]"))
}

#[cfg(test)]
mod tests {
    use super::super::tests as fold;

    #[test]
    fn packages_are_counted_and_failures_stay() {
        let text = "?   \tx/cmd\t[no test files]\n=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tx/a\t0.01s\nok  \
                    \tx/b\t(cached)\n";
        assert_eq!(fold(text, true).unwrap(), "ok: 2 packages");
        let text = "--- FAIL: TestB (0.00s)\n    b_test.go:5: got 1\nFAIL\nFAIL\tx/b\t0.01s\nok  \tx/a\t0.01s\nFAIL\n";
        assert_eq!(
            fold(text, false).unwrap(),
            "--- FAIL: TestB (0.00s)\n    b_test.go:5: got 1\nFAIL\nFAIL\tx/b\t0.01s\nFAIL\nok: 1 packages"
        );
    }
}
