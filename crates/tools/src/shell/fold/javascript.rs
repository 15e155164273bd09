//! jest, vitest and mocha.

use super::{Colour, begins};

const PASSED: [&str; 6] = ["✓", "√", "✔", "○", "↓", "↷"];

pub(super) fn fold(lines: &[&str], colour: Colour) -> Option<Vec<String>> {
    let jest = lines.iter().any(|line| line.starts_with("Tests: ") && line.ends_with(" total"));
    let vitest = lines.iter().any(|line| begins(line, &["Test Files  "]));
    let mocha = lines.iter().any(|line| {
        let mut words = line.split_whitespace();
        line.starts_with("  ")
            && words.next().is_some_and(|word| word.parse::<u32>().is_ok())
            && words.next() == Some("passing")
    });
    if !(jest || vitest || mocha) {
        return None;
    }
    let failed = lines.iter().any(|line| {
        begins(line, &["FAIL ", "✕", "×", "●"])
            || line.contains(" failing")
            || line.contains(" failed")
    });
    let green = colour == Colour::Green && !failed;
    let mut kept: Vec<String> = Vec::new();
    // Upwards: the heading of a group goes when everything right below it went.
    let mut below: Option<usize> = None;
    for line in lines.iter().rev() {
        let indent = line.len() - line.trim_start().len();
        let group = indent > 0 && below.is_some_and(|below| indent < below) && is_heading(line);
        if begins(line, &PASSED) && indent > 0 || group {
            below = Some(indent);
        } else if line.trim().is_empty() {
            kept.push(String::new());
        } else {
            below = None;
            if !is_noise(line, green) {
                kept.push((*line).to_owned());
            }
        }
    }
    kept.reverse();
    Some(kept)
}

fn is_heading(line: &str) -> bool {
    !begins(line, &["✕", "×", "●", "at ", "expect", "Error", "❯", "FAIL", "console."])
}

fn is_noise(line: &str, green: bool) -> bool {
    let bars = line.matches('|').count();
    let coverage = bars >= 4
        && (line.chars().all(|c| "-| ".contains(c))
            || line.split('|').skip(1).take(4).all(|cell| cell.trim().parse::<f64>().is_ok())
            || begins(line, &["File  ", "File "]) && line.contains("% Stmts"));
    if coverage || begins(line, &["PASS "]) {
        return true;
    }
    green
        && begins(
            line,
            &[
                "Snapshots:   0 total",
                "Time: ",
                "Ran all test suites",
                "Start at ",
                "Duration ",
                "RUN  v",
                "> ",
                "% Coverage report",
                "Coverage enabled with",
            ],
        )
}

#[cfg(test)]
mod tests {
    use super::super::tests as fold;

    #[test]
    fn jest_with_coverage_is_two_lines() {
        let text = "\n> x@1.0.0 test\n> jest --coverage\n\nPASS src/a.test.js\n  adding\n    small\n      ✓ adds (2 ms)\n    ✓ \
                    subtracts\n\n----------|---------|----------|---------|---------|-------------------\nFile      | % \
                    Stmts | % Branch | % Funcs | % Lines | Uncovered Line #s \n----------|---------|----------|---------|---------|----\nAll \
                    files |     100 |      100 |     100 |     100 |                   \n a.js     |     100 |      100 |     \
                    100 |     100 |   \n----------|---------|----------|---------|---------|----\nTest Suites: 1 passed, 1 \
                    total\nTests:       2 passed, 2 total\nSnapshots:   0 total\nTime:        0.5 s\nRan all test suites.\n";
        assert_eq!(
            fold(text, true).unwrap(),
            "Test Suites: 1 passed, 1 total\nTests:       2 passed, 2 total"
        );
    }

    #[test]
    fn jest_red_keeps_the_failure() {
        let text = "FAIL src/a.test.js\n  adding\n    ✓ adds (2 ms)\n    ✕ subtracts (1 ms)\n\n  ● adding › subtracts\n\n    \
                    expect(received).toBe(expected)\n\n    Expected: 1\n    Received: 2\n\n      at src/a.test.js:5:3\n\nTest \
                    Suites: 1 failed, 1 total\nTests:       1 failed, 1 passed, 2 total\nTime: 1 s\n";
        let folded = fold(text, false).unwrap();
        for part in ["FAIL src/a.test.js", "✕ subtracts", "● adding", "Received: 2", "Time: 1 s"]
        {
            assert!(folded.contains(part), "{part} in {folded}");
        }
        assert!(!folded.contains("✓ adds"));
    }

    #[test]
    fn vitest_and_mocha() {
        let text = "\n RUN  v1.6.0 /x\n\n ✓ src/a.test.ts (3 tests) 5ms\n\n Test Files  1 passed (1)\n      Tests  3 passed (3)\n   \
                    Start at  10:00:00\n   Duration  300ms\n";
        assert_eq!(
            fold(text, true).unwrap().trim(),
            "Test Files  1 passed (1)\n      Tests  3 passed (3)"
        );
        let text = "\n  Array\n    ✔ finds\n    1) breaks\n\n  1 passing (3ms)\n  1 failing\n\n  1) Array\n       breaks:\n     \
                    Error: x\n";
        let folded = fold(text, false).unwrap();
        assert!(
            folded.contains("1) breaks")
                && folded.contains("Error: x")
                && !folded.contains("finds")
        );
    }
}
