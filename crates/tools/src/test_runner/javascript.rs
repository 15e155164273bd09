//! The JSON of Jest, Vitest and Mocha.

use serde_json::Value;

use super::report::{Failure, Report};

/// Reads Jest's or Vitest's report; `None` where it is none.
pub(super) fn jest(text: &str) -> Option<Report> {
    let value: Value = serde_json::from_str(text).ok()?;
    let mut report = Report::default();
    for suite in value.get("testResults")?.as_array()? {
        let file = suite.get("name").and_then(Value::as_str);
        let cases = suite.get("assertionResults").and_then(Value::as_array);
        for case in cases.into_iter().flatten() {
            take(&mut report, case, file);
        }
        // A file that cannot be loaded has no cases.
        let empty = cases.is_none_or(Vec::is_empty);
        if empty && suite.get("status").and_then(Value::as_str) == Some("failed") {
            report.fail(Failure {
                name: file.unwrap_or("?").to_owned(),
                file: file.map(str::to_owned),
                line: None,
                message: plain(text_of(suite, "message")),
            });
        }
    }
    Some(report)
}

fn take(report: &mut Report, case: &Value, file: Option<&str>) {
    let name = text_of(case, "fullName");
    match text_of(case, "status") {
        "passed" => report.passed += 1,
        "failed" => {
            let messages = case.get("failureMessages").and_then(Value::as_array);
            let messages: Vec<String> =
                messages.into_iter().flatten().filter_map(Value::as_str).map(plain).collect();
            report.fail(Failure {
                name: name.to_owned(),
                file: file.map(str::to_owned),
                line: None,
                message: messages.join("\n"),
            });
        }
        _ => report.skip(name, ""),
    }
}

/// Reads Mocha's report; `None` where it is none.
pub(super) fn mocha(text: &str) -> Option<Report> {
    let value: Value = serde_json::from_str(text).ok()?;
    let stats = value.get("stats")?;
    let mut report = Report { passed: stats.get("passes")?.as_u64()?, ..Report::default() };
    let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for case in list("pending") {
        report.skip(text_of(&case, "fullTitle"), "");
    }
    for case in list("failures") {
        let error = case.get("err").cloned().unwrap_or_default();
        let (told, stack) = (text_of(&error, "message"), text_of(&error, "stack"));
        let message =
            if stack.contains(told) { stack.to_owned() } else { format!("{told}\n{stack}") };
        let file = text_of(&case, "file");
        report.fail(Failure {
            name: text_of(&case, "fullTitle").to_owned(),
            file: (!file.is_empty()).then(|| file.to_owned()),
            line: None,
            message: plain(&message),
        });
    }
    Some(report)
}

fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Takes colours away, and the frames of a stack that are not the project's.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = crate::shell::terminal::resolve(line.as_bytes());
        let frame = line.trim_start();
        if frame.starts_with("at ")
            && ["node_modules/", "node:internal", "(<anonymous>)"].iter().any(|f| frame.contains(f))
        {
            continue;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jest_and_vitest() {
        let text = r#"{"numTotalTests":3,"success":false,"testResults":[{"name":"/x/a.test.js","status":"failed",
            "assertionResults":[{"fullName":"sum adds","status":"passed"},{"fullName":"sum is right","status":"failed",
            "failureMessages":["Error: \u001b[2mexpect\u001b[22m(3).toBe(4)\n    at Object.<anonymous> (/x/a.test.js:3:9)\n    at x (/x/node_modules/jest/a.js:1:1)"]},
            {"fullName":"later","status":"todo"}]},{"name":"/x/b.test.js","status":"failed","assertionResults":[],
            "message":"SyntaxError: x"}]}"#;
        let report = jest(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 2, 1));
        assert_eq!(
            report.failures[0].message,
            "Error: expect(3).toBe(4)\n    at Object.<anonymous> (/x/a.test.js:3:9)"
        );
        assert_eq!(report.failures[1].message, "SyntaxError: x");
        assert_eq!(jest("{}"), None);
    }

    #[test]
    fn mocha_tells_failures_and_pending() {
        let text = r#"{"stats":{"passes":2,"failures":1,"pending":1},"pending":[{"fullTitle":"a later"}],"failures":[
            {"fullTitle":"a b","file":"/x/t.js","err":{"message":"boom","stack":"Error: boom\n    at Context.<anonymous> (t.js:4:5)"}}]}"#;
        let report = mocha(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (2, 1, 1));
        assert!(report.failures[0].message.starts_with("Error: boom\n"));
        assert_eq!(mocha("[]"), None);
    }
}
