//! The Test Anything Protocol, as node's runner, tape and ava print it.

use super::report::{Failure, Report};

/// Reads the lines; `None` where they are no TAP.
pub(super) fn read(text: &str) -> Option<Report> {
    let mut report = Report::default();
    let mut lines = text.lines().peekable();
    let mut seen = false;
    // Subtests end with a line of their own that holds no news: node numbers files and suites too.
    let mut parents: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        let body = line.trim_start();
        let depth = line.len() - body.len();
        if let Some(name) = body.strip_prefix("# Subtest: ") {
            parents.push(name.to_owned());
            continue;
        }
        let (ok, rest) = match (body.strip_prefix("ok "), body.strip_prefix("not ok ")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => continue,
        };
        let Some(rest) = after_number(rest) else { continue };
        seen = true;
        let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
        let block = diagnostics(&mut lines, depth);
        if is_suite(&block) {
            continue;
        }
        let upper = directive.to_ascii_uppercase();
        if upper.starts_with("SKIP") || upper.starts_with("TODO") {
            let reason = directive.split_once(' ').map_or("", |(_, reason)| reason);
            report.skip(name, reason);
        } else if ok {
            report.passed += 1;
        } else {
            report.fail(failure(name, &block));
        }
    }
    seen.then_some(report)
}

/// Takes `1 - name` or `1 name` apart.
fn after_number(rest: &str) -> Option<&str> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let name = rest.get(end..)?.trim_start();
    (end > 0).then(|| name.strip_prefix("- ").unwrap_or(name))
}

/// Takes the YAML block that follows a test's line.
fn diagnostics<'a>(
    lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    depth: usize,
) -> Vec<&'a str> {
    let mut block = Vec::new();
    if lines.peek().is_none_or(|next| next.trim() != "---") {
        return block;
    }
    lines.next();
    for line in lines.by_ref() {
        if line.trim() == "..." {
            break;
        }
        block.push(line.get(depth + 2..).unwrap_or_else(|| line.trim_start()));
    }
    block
}

/// Tells whether the block is that of a suite or a file, whose tests have been counted.
fn is_suite(block: &[&str]) -> bool {
    let has = |wanted: &str| block.iter().any(|line| line.trim() == wanted);
    has("type: 'suite'") || has("failureType: 'subtestsFailed'")
}

fn failure(name: &str, block: &[&str]) -> Failure {
    let noise = ["duration_ms:", "type:", "failureType:", "code:", "name:", "operator:", "at:"];
    let mut place = None;
    let mut message = Vec::new();
    for line in block {
        let trimmed = line.trim();
        if let Some(location) = trimmed.strip_prefix("location:") {
            place = Some(location.trim().trim_matches('\'').to_owned());
        } else if !(line.starts_with(|c: char| !c.is_whitespace())
            && noise.iter().any(|start| trimmed.starts_with(start)))
        {
            message.push(*line);
        } else if let Some(at) = trimmed.strip_prefix("at:") {
            message.push(at.trim());
        }
    }
    let mut parts = place.as_deref().unwrap_or_default().rsplitn(3, ':');
    let line = parts.nth(1).and_then(|line| line.parse().ok());
    let file = parts.next().map(str::to_owned);
    Failure {
        name: name.to_owned(),
        line: file.as_ref().and(line),
        file,
        message: super::javascript::plain(&message.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_runner() {
        let text = "TAP version 13\n# Subtest: sum\n    # Subtest: adds\n    ok 1 - adds\n      ---\n      \
                    duration_ms: 0.4\n      type: 'test'\n      ...\n    # Subtest: rounds\n    not ok 2 - rounds\n      \
                    ---\n      duration_ms: 1\n      type: 'test'\n      location: '/x/a.test.js:7:3'\n      failureType: \
                    'testCodeFailure'\n      error: |-\n        Expected values to be strictly equal:\n        1 !== \
                    2\n      code: 'ERR_ASSERTION'\n      ...\n    1..2\nnot ok 1 - sum\n  ---\n  type: 'suite'\n  \
                    failureType: 'subtestsFailed'\n  ...\n# Subtest: later\nok 2 - later # SKIP no time\n  ---\n  \
                    duration_ms: 0\n  type: 'test'\n  ...\n1..2\n# tests 3\n";
        let report = read(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 1, 1));
        let failure = &report.failures[0];
        assert_eq!((failure.file.as_deref(), failure.line), (Some("/x/a.test.js"), Some(7)));
        assert!(failure.message.contains("1 !== 2"), "{}", failure.message);
        assert_eq!(report.skips[0].reason, "no time");
    }

    #[test]
    fn tape() {
        let text = "TAP version 13\n# timing test\nok 1 should be equal\nnot ok 2 null\n  ---\n    operator: equal\n    \
                    expected: 1\n    actual: 2\n    at: Test.<anonymous> (/x/test/a.js:5:7)\n  ...\n\n1..2\n# tests \
                    2\n# pass  1\n# fail  1\n";
        let report = read(text).unwrap();
        assert_eq!((report.passed, report.failed), (1, 1));
        assert!(report.failures[0].message.contains("expected: 1"));
        assert!(report.failures[0].message.contains("/x/test/a.js:5:7"));
        assert_eq!(read("all fine\nok then\n"), None);
    }
}
