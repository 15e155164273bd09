//! `go test -json`: one event a line.

use std::collections::HashMap;

use serde_json::Value;

use super::report::{Failure, Report};

/// Longest output of one test that is kept.
const MAX_OUTPUT: usize = 64 << 10;

/// Reads the events; `None` where there are none.
pub(super) fn read(text: &str) -> Option<Report> {
    let mut report = Report::default();
    let mut outputs: HashMap<(String, String), String> = HashMap::new();
    let mut failed_packages: Vec<String> = Vec::new();
    let mut packages_with_failures: Vec<String> = Vec::new();
    let mut other = String::new();
    let mut events = 0;
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            // What the compiler says is no event.
            if other.len() < MAX_OUTPUT {
                other.push_str(line);
                other.push('\n');
            }
            continue;
        };
        let field = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let package = match field("Package") {
            "" => field("ImportPath").split(' ').next().unwrap_or_default(),
            package => package,
        };
        let key = (package.to_owned(), field("Test").to_owned());
        let name = || format!("{}.{}", short(&key.0), key.1);
        events += 1;
        match (field("Action"), key.1.is_empty()) {
            ("output" | "build-output", _) => {
                let output = outputs.entry(key).or_default();
                if output.len() < MAX_OUTPUT && !is_frame(field("Output")) {
                    output.push_str(field("Output"));
                }
            }
            ("pass", false) => {
                report.passed += 1;
                outputs.remove(&key);
            }
            ("skip", false) => {
                let reason = outputs.remove(&key).unwrap_or_default();
                report.skip(name(), reason.trim());
            }
            ("fail", false) => {
                let message = outputs.remove(&key).unwrap_or_default();
                packages_with_failures.push(key.0.clone());
                report.fail(Failure { name: name(), message, ..Failure::default() });
            }
            ("fail" | "build-fail", true) if !failed_packages.contains(&key.0) => {
                failed_packages.push(key.0);
            }
            _ => {}
        }
    }
    if events == 0 {
        return None;
    }
    drop_parents(&mut report);
    for package in failed_packages {
        if packages_with_failures.contains(&package) {
            continue;
        }
        let mut message = outputs.remove(&(package.clone(), String::new())).unwrap_or_default();
        if message.trim().lines().count() <= 1 {
            message.push_str(&other);
        }
        report.fail(Failure { name: package, message, ..Failure::default() });
    }
    Some(report)
}

/// Tells whether a line of output only says that a test began or ended.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    ["=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- FAIL", "--- PASS", "--- SKIP"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// A test fails with its subtest: only the subtest says why.
fn drop_parents(report: &mut Report) {
    let names: Vec<String> = report.failures.iter().map(|f| f.name.clone()).collect();
    report.failures.retain(|failure| {
        let parent = format!("{}/", failure.name);
        let is_parent = names.iter().any(|name| name.starts_with(&parent));
        if is_parent && failure.message.trim().is_empty() {
            report.failed = report.failed.saturating_sub(1);
            return false;
        }
        true
    });
}

fn short(package: &str) -> &str {
    package.rsplit('/').next().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_subtests_and_builds() {
        let text = r#"{"Action":"run","Package":"m/a","Test":"TestOk"}
{"Action":"pass","Package":"m/a","Test":"TestOk","Elapsed":0}
{"Action":"output","Package":"m/a","Test":"TestBad/one","Output":"=== RUN   TestBad/one\n"}
{"Action":"output","Package":"m/a","Test":"TestBad/one","Output":"    a_test.go:9: got 1\n"}
{"Action":"output","Package":"m/a","Test":"TestBad/one","Output":"    --- FAIL: TestBad/one (0.00s)\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad/one"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad"}
{"Action":"fail","Package":"m/a"}
{"Action":"output","Package":"m/a","Test":"TestS","Output":"    a_test.go:3: later\n"}
{"Action":"skip","Package":"m/a","Test":"TestS"}
{"ImportPath":"m/b [m/b.test]","Action":"build-output","Output":"b/b.go:3:1: syntax error\n"}
{"ImportPath":"m/b [m/b.test]","Action":"build-fail"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b [build failed]\n"}
{"Action":"fail","Package":"m/b"}
"#;
        let report = read(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 2, 1));
        assert_eq!(report.failures[0].name, "a.TestBad/one");
        assert_eq!(report.failures[0].message, "    a_test.go:9: got 1\n");
        assert_eq!(report.failures[1].name, "m/b");
        assert!(report.failures[1].message.contains("b/b.go:3:1: syntax error"));
        assert_eq!(read("go: no modules\n"), None);
    }
}
