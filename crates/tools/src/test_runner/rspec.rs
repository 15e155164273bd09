//! RSpec's JSON.

use serde_json::Value;

use super::report::{Failure, Report};

/// Reads a report; `None` where it is none.
pub(super) fn read(text: &str) -> Option<Report> {
    let value: Value = serde_json::from_str(text).ok()?;
    let mut report = Report::default();
    for example in value.get("examples")?.as_array()? {
        let field = |name: &str| example.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = field("full_description");
        match field("status") {
            "passed" => report.passed += 1,
            "failed" => {
                let told = |name: &str| {
                    let text = example.pointer(&format!("/exception/{name}"));
                    text.and_then(Value::as_str).unwrap_or_default().trim().to_owned()
                };
                report.fail(Failure {
                    name: name.to_owned(),
                    file: Some(field("file_path").to_owned()),
                    line: example.get("line_number").and_then(Value::as_u64),
                    message: format!("{}: {}", told("class"), told("message")),
                });
            }
            _ => report.skip(name, field("pending_message")),
        }
    }
    // What fails outside of examples, such as a file that cannot be loaded.
    let messages = value.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
    let outside = value.pointer("/summary/errors_outside_of_examples_count");
    if outside.and_then(Value::as_u64).unwrap_or(0) > 0 {
        let message = messages.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
        report.fail(Failure {
            name: "outside of examples".to_owned(),
            message,
            ..Failure::default()
        });
    }
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_and_errors_outside() {
        let text = r#"{"examples":[{"full_description":"A adds","status":"passed"},{"full_description":"A rounds",
            "status":"failed","file_path":"./spec/a_spec.rb","line_number":7,"exception":{"class":"E","message":"\nexpected: 1\n"}},
            {"full_description":"A later","status":"pending","pending_message":"no time"}],
            "summary":{"errors_outside_of_examples_count":1},"messages":["LoadError: x"]}"#;
        let report = read(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 2, 1));
        assert_eq!(report.failures[0].message, "E: expected: 1");
        assert_eq!(report.failures[1].message, "LoadError: x");
        assert_eq!(read("{}"), None);
    }
}
