//! The usual mistakes of models, one by one: nothing may break, and the answer must help.

use distiq_tools::RefusalKind;
use serde_json::{Value, json};

use super::bench::{Project, tokens};

const SOURCE: &str = "class A:\n    def f(self):\n        total = 0\n        for x in self.xs:\n            total += x\n        \
                      return total\n\n    def g(self):\n        return 1\n";

struct Case {
    name: &'static str,
    search: &'static str,
    replace: &'static str,
    /// What comes back, and what the file is then.
    expected: Result<(&'static str, &'static str), (RefusalKind, &'static str)>,
    most_tokens: u64,
}

#[tokio::test]
async fn edits_gone_wrong() {
    let cases = [
        Case {
            name: "old text indented 2 too far",
            search: "          total = 0\n          for x in self.xs:",
            replace: "          total = 1\n          for x in self.xs:",
            expected: Ok(("edited a.py (+1 -1), re-indented by -2", "total = 0>        total = 1")),
            most_tokens: 60,
        },
        Case {
            name: "old text indented too little",
            search: "for x in self.xs:\n    total += x\n",
            replace: "for x in self.xs:\n    total += 2 * x\n",
            expected: Ok((
                "edited a.py (+1 -1), re-indented by +8",
                "total += x>            total += 2 * x",
            )),
            most_tokens: 60,
        },
        Case {
            name: "steps of 2 for steps of 4, and a new line that is none of the old",
            search: "for x in self.xs:\n  total += x\n",
            replace: "for x in self.xs:\n  break\n",
            expected: Ok((
                "edited a.py (+1 -1), re-indented 1 to 2",
                "total += x>            break",
            )),
            most_tokens: 60,
        },
        Case {
            name: "old text in several places",
            search: "return",
            replace: "yield",
            expected: Err((RefusalKind::Ambiguous, "occurs 2 times, at lines 6, 9")),
            most_tokens: 60,
        },
        Case {
            name: "text not in the file",
            search: "        for y in self.ys:\n            total += x\n",
            replace: "        pass\n",
            expected: Err((RefusalKind::NotFound, "4:         for x in self.xs:")),
            most_tokens: 110,
        },
        Case {
            name: "syntax error by an edit",
            search: "return total",
            replace: "return (total",
            expected: Err((RefusalKind::Syntax, "a.py: the change would add a syntax error")),
            most_tokens: 110,
        },
        Case {
            name: "edit of a file never read",
            search: "return 1",
            replace: "return 2",
            expected: Ok(("edited a.py (+1 -1)", "return 1>        return 2")),
            most_tokens: 30,
        },
        Case {
            name: "replacement already there",
            search: "return 3",
            replace: "total = 0",
            expected: Err((RefusalKind::NotFound, "already there, line 3")),
            most_tokens: 110,
        },
        Case {
            name: "the same old and new",
            search: "return 1",
            replace: "return 1",
            expected: Err((RefusalKind::Invalid, "nothing to do")),
            most_tokens: 40,
        },
        Case {
            name: "code left out",
            search: "        total = 0\n        for x in self.xs:",
            replace: "        total = 1\n        # ... rest of the function unchanged ...",
            expected: Err((RefusalKind::Invalid, "stands for code left out")),
            most_tokens: 60,
        },
        Case {
            name: "blanks at line ends",
            search: "        total = 0   \n        for x in self.xs:",
            replace: "        total = 1\n        for x in self.xs:",
            expected: Ok(("edited a.py (+1 -1)", "total = 0>        total = 1")),
            most_tokens: 30,
        },
        Case {
            name: "no old text",
            search: "",
            replace: "x = 1\n",
            expected: Err((RefusalKind::Invalid, "the old text is empty")),
            most_tokens: 60,
        },
    ];
    for case in cases {
        let project = Project::new(&[("a.py", SOURCE)]);
        let input = json!({"path": "a.py", "search": case.search, "replace": case.replace});
        let outcome = project.call("edit", input).await;
        assert!(tokens(&outcome.text) <= case.most_tokens, "{}: {}", case.name, outcome.text);
        match case.expected {
            Ok((text, change)) => {
                assert_eq!(outcome.text, text, "{}", case.name);
                assert_eq!(outcome.files_changed, ["a.py"], "{}", case.name);
                let (old, new) = change.split_once('>').unwrap();
                let line = SOURCE.lines().find(|line| line.trim() == old).unwrap();
                assert_eq!(project.text("a.py"), SOURCE.replacen(line, new, 1), "{}", case.name);
            }
            Err((kind, part)) => {
                assert_eq!(
                    outcome.refusal.map(|r| r.kind),
                    Some(kind),
                    "{}: {}",
                    case.name,
                    outcome.text
                );
                assert!(outcome.text.contains(part), "{}: {}", case.name, outcome.text);
                assert_eq!(project.text("a.py"), SOURCE, "{}", case.name);
            }
        }
    }
}

#[tokio::test]
async fn crlf_file_with_lf_old_text() {
    let project = Project::new(&[("a.txt", "one\r\ntwo\r\nthree\r\n")]);
    project
        .ok("edit", json!({"path": "a.txt", "search": "one\ntwo", "replace": "1\n1.5\ntwo"}))
        .await;
    assert_eq!(project.text("a.txt"), "1\r\n1.5\r\ntwo\r\nthree\r\n");
}

async fn shell(project: &Project, command: &str) -> (String, Value) {
    let outcome = project.call("shell", json!({"command": command})).await;
    (outcome.text, outcome.data)
}

#[tokio::test]
async fn commands_gone_wrong() {
    let project = Project::new(&[]);
    let (text, data) = shell(&project, "exit 3").await;
    assert_eq!((text.as_str(), &data["exit_code"]), ("[exit 3]", &json!(3)));
    let (text, _) = shell(&project, "true").await;
    assert_eq!(text, "[no output]");

    let (text, data) = shell(&project, "seq 1 25000; exit 4").await;
    assert!(tokens(&text) <= 2_500, "{}", tokens(&text));
    assert!(
        text.starts_with("1\n2\n") && text.contains("25000\n") && text.ends_with("[exit 4]"),
        "{text}"
    );
    let file = data["output_file"].as_str().unwrap();
    let read = project.ok("read", json!({"path": file, "lines": "24990-24991"})).await;
    assert_eq!(read, "24990\n24991");

    let (text, _) = shell(&project, "head -c 300000 /dev/zero | tr '\\0' x").await;
    assert!(
        tokens(&text) <= 400 && text.starts_with("xxx") && text.contains("characters] …"),
        "{text}"
    );

    let (text, _) =
        shell(&project, "for i in $(seq 1 200); do printf '\\r%d%% done' $i; done; echo").await;
    assert_eq!(text, "200% done");

    let (text, _) = shell(&project, "cat; read x; echo \"got $?\"").await;
    assert_eq!(text, "got 1");
}

/// A hundred lines of a file of many, and again.
#[tokio::test]
async fn reads_that_cost() {
    let long: String =
        (0..620).map(|i| format!("def function_{i}(a, b):\n    return a + b * {i}\n\n")).collect();
    let project =
        Project::new(&[("long.py", &long), ("notes.txt", &"some words here\n".repeat(3_000))]);
    let text = project.ok("read", json!({"path": "long.py"})).await;
    assert!(tokens(&text) <= 2_500, "{}", tokens(&text));
    assert!(text.starts_with("[1860 lines; outline, then head]\n1-2 def function_0"), "{text}");
    assert!(text.ends_with("\"]"), "{text}");
    let again = project.ok("read", json!({"path": "long.py"})).await;
    assert_eq!(again, "unchanged since above");
    project.toolbox.begin_turn(3);
    // Who asks a third time has lost the text.
    assert_eq!(project.ok("read", json!({"path": "long.py"})).await, text);
    std::fs::write(project.path("long.py"), long.replace("a + b", "a - b")).unwrap();
    assert!(project.ok("read", json!({"path": "long.py"})).await.contains("a - b"));
    project.toolbox.begin_turn(4);
    let again = project.ok("read", json!({"path": "long.py"})).await;
    assert_eq!(again, "unchanged since turn 3");

    let text = project.ok("read", json!({"path": "notes.txt"})).await;
    assert!(tokens(&text) <= 2_500 && text.contains("more lines; lines: \""), "{text}");
    let text = project.ok("read", json!({"path": "notes.txt", "lines": "10-2900"})).await;
    assert!(tokens(&text) <= 2_500 && text.contains("-2900\"]"), "{text}");
    project.toolbox.forget();
    let again = project.ok("read", json!({"path": "notes.txt", "lines": "10-2900"})).await;
    assert_eq!(text, again);
}
