//! JUnit's XML, as pytest, Maven, Gradle, ctest and PHPUnit write it.

use roxmltree::{Document, Node, ParsingOptions};

use super::report::{Failure, Report};

/// Most nodes of one document.
const MOST_NODES: u32 = 2_000_000;

/// Reads one document; `None` where it is none.
pub(super) fn read(text: &str) -> Option<Report> {
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let root = document.root_element();
    if !matches!(root.tag_name().name(), "testsuites" | "testsuite") {
        return None;
    }
    let mut report = Report::default();
    for case in root.descendants().filter(|node| node.has_tag_name("testcase")) {
        take(&mut report, case);
    }
    Some(report)
}

fn take(report: &mut Report, case: Node<'_, '_>) {
    let children = || case.children().filter(Node::is_element);
    let bad = children().find(|child| matches!(child.tag_name().name(), "failure" | "error"));
    if let Some(bad) = bad {
        report.fail(Failure {
            name: name(case),
            file: case.attribute("file").map(str::to_owned),
            // Counted from 0 by pytest, and the line of the function rather than of the failure.
            line: None,
            message: message(bad, &children().collect::<Vec<_>>()),
        });
        return;
    }
    let skipped = children().find(|child| child.has_tag_name("skipped"));
    let not_run = matches!(case.attribute("status"), Some("notrun" | "disabled"));
    if skipped.is_some() || not_run {
        let reason = skipped.and_then(|skip| skip.attribute("message").or(skip.text()));
        report.skip(name(case), reason.unwrap_or_default().trim());
    } else {
        report.passed += 1;
    }
}

fn name(case: Node<'_, '_>) -> String {
    let own = case.attribute("name").unwrap_or("?");
    let class = case.attribute("classname").filter(|class| !class.is_empty() && *class != own);
    match (class, case.attribute("file")) {
        // `tests/a.py::Class::test`, as pytest takes it.
        (Some(class), Some(file)) if file.ends_with(".py") => {
            let module = file.trim_end_matches(".py").replace('/', ".");
            let inner = class.strip_prefix(&module).unwrap_or_default().trim_start_matches('.');
            match inner {
                "" => format!("{file}::{own}"),
                inner => format!("{file}::{}::{own}", inner.replace('.', "::")),
            }
        }
        (Some(class), _) => format!("{class}.{own}"),
        (None, _) => own.to_owned(),
    }
}

fn message(bad: Node<'_, '_>, children: &[Node<'_, '_>]) -> String {
    let told = bad.attribute("message").unwrap_or_default().trim();
    let long = bad.text().unwrap_or_default().trim_matches('\n');
    let mut text = match (told, long) {
        (told, "") => told.to_owned(),
        // The first line of the message is in the long text already, as a rule.
        (told, long) if long.contains(told.lines().next().unwrap_or_default()) => long.to_owned(),
        (told, long) => format!("{told}\n{long}"),
    };
    // ctest's failure says "Failed" and no more; the output tells.
    if text.lines().count() <= 1 {
        for output in ["system-out", "system-err"] {
            let output = children.iter().find(|child| child.has_tag_name(output));
            if let Some(printed) = output.and_then(Node::text).filter(|t| !t.trim().is_empty()) {
                text.push('\n');
                text.push_str(printed.trim_matches('\n'));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytest() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="0" failures="1"
            skipped="1" tests="3" time="0.1"><testcase classname="tests.test_a" name="test_ok" file="tests/test_a.py"
            line="0" time="0.001"/><testcase classname="tests.test_a.TestB" name="test_bad[1-&lt;2]"
            file="tests/test_a.py" line="4"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 == 2
E       assert 1 == 2

tests/test_a.py:7: AssertionError</failure></testcase><testcase classname="tests.test_a" name="test_s"
            file="tests/test_a.py"><skipped type="pytest.skip" message="no net">tests/test_a.py:9: no
            net</skipped></testcase></testsuite></testsuites>"#;
        let report = read(text).unwrap();
        assert_eq!((report.passed, report.failed, report.skipped), (1, 1, 1));
        assert_eq!(report.failures[0].name, "tests/test_a.py::TestB::test_bad[1-<2]");
        assert!(report.failures[0].message.ends_with("tests/test_a.py:7: AssertionError"));
        assert_eq!(report.skips[0].reason, "no net");
    }

    #[test]
    fn surefire_ctest_and_others() {
        let surefire = r#"<testsuite name="a.MoneyTest" tests="2"><testcase name="adds" classname="a.MoneyTest"
            time="0.01"/><testcase name="rounds" classname="a.MoneyTest"><error message="boom"
            type="java.lang.IllegalStateException">java.lang.IllegalStateException: boom
	at a.Money.round(Money.java:12)</error></testcase></testsuite>"#;
        let report = read(surefire).unwrap();
        assert_eq!((report.passed, report.failed), (1, 1));
        assert_eq!(report.failures[0].name, "a.MoneyTest.rounds");
        assert!(report.failures[0].message.contains("Money.java:12"));
        let ctest = r#"<testsuite tests="2"><testcase name="one" classname="one" status="fail"><failure
            message="Failed"/><system-out>t.c:3: expected 1</system-out></testcase><testcase name="two" classname="two"
            status="disabled"/></testsuite>"#;
        let report = read(ctest).unwrap();
        assert_eq!(report.failures[0].message, "Failed\nt.c:3: expected 1");
        assert_eq!(report.skipped, 1);
        assert_eq!(read("<html/>"), None);
        assert_eq!(read("no xml"), None);
    }
}
