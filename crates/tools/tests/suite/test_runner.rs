//! The `test` tool over real runners: cargo, pytest or unittest, node; others by what they are told.

use distiq_base::{Answer, Mode};
use distiq_tools::RefusalKind;
use serde_json::{Value, json};

use super::bench::{Project, tokens};

const CARGO: &str =
    "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";

async fn data(project: &Project, input: Value) -> (Value, String) {
    let outcome = project.call("test", input).await;
    assert!(outcome.ok, "{}", outcome.text);
    (outcome.data, outcome.text)
}

fn counts(data: &Value) -> (u64, u64, u64) {
    let count = |name: &str| data["report"][name].as_u64().unwrap();
    (count("passed"), count("failed"), count("skipped"))
}

#[tokio::test]
async fn cargo_tells_failures_with_their_place_and_runs_chosen_tests() {
    let source = "pub fn two() -> i32 { 2 }\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn good() {}\n    #[test]\n    fn bad() \
                  {\n        assert_eq!(crate::two(), 3, \"сумма\");\n    }\n    #[test]\n    #[ignore = \"slow\"]\n    fn \
                  later() {}\n}\n";
    let project = Project::new(&[("Cargo.toml", CARGO), ("src/lib.rs", source)]);
    let (data, text) = data(&project, json!({})).await;
    assert_eq!(counts(&data), (1, 1, 1), "{text}");
    let failure = &data["report"]["failures"][0];
    assert_eq!(failure["name"], "tests::bad");
    assert_eq!((&failure["file"], &failure["line"]), (&json!("src/lib.rs"), &json!(8)), "{text}");
    assert!(
        text.starts_with("1 failed, 1 passed, 1 skipped (cargo)\nFAIL tests::bad (src/lib.rs:8)")
    );
    assert!(text.contains("left: 2") && text.contains("сумма"), "{text}");
    assert!(text.ends_with("[exit 101]") && tokens(&text) < 120, "{text}");

    let (data, text) = self::data(&project, json!({"names": ["good"]})).await;
    assert_eq!(counts(&data), (1, 0, 0));
    assert_eq!(text, "1 passed (cargo)");
    assert_eq!(data["command"], "cargo test --no-fail-fast --workspace -- good");

    // What does not compile has no report, and says why.
    std::fs::write(project.path("src/lib.rs"), "fn f() -> i32 { \"x\" }\n").unwrap();
    let (data, text) = self::data(&project, json!({})).await;
    assert_eq!((&data["report"], &data["exit_code"]), (&Value::Null, &json!(101)));
    assert!(text.contains("error[E0308]") && text.ends_with("[exit 101]"), "{text}");
}

#[tokio::test]
async fn python_by_pytest_or_unittest() {
    let test = "import unittest\n\nclass T(unittest.TestCase):\n    def test_good(self):\n        pass\n\n    def \
                test_bad(self):\n        self.assertEqual(1, 2)\n\n    @unittest.skip('no net')\n    def test_later(self):\n        \
                pass\n";
    let project = Project::new(&[("tests/test_a.py", test), ("setup.cfg", "[tool:pytest]\n")]);
    for framework in ["pytest", "unittest"] {
        let (data, text) = data(&project, json!({"framework": framework})).await;
        assert_eq!(counts(&data), (1, 1, 1), "{text}");
        let failure = &data["report"]["failures"][0];
        let place = (&failure["file"], &failure["line"]);
        assert_eq!(place, (&json!("tests/test_a.py"), &json!(8)), "{text}");
        assert!(text.contains("1 != 2") && text.contains("[exit 1]"), "{text}");
        assert_eq!(data["report"]["skips"][0]["reason"], "no net");
    }
    let (data, text) = data(&project, json!({"names": ["test_good"]})).await;
    assert_eq!(counts(&data).1, 0, "{text}");
    // The environment's own Python has no report left behind.
    let left: Vec<_> = std::fs::read_dir(&project.root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !matches!(name.as_str(), "tests" | "setup.cfg" | ".pytest_cache"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_hundred_passing_tests_are_one_line() {
    let mut tests = "import unittest\nclass T(unittest.TestCase):\n".to_owned();
    for i in 0..100 {
        tests.push_str(&format!("    def test_{i}(self):\n        print('noise {i}')\n"));
    }
    let project = Project::new(&[("test_many.py", &tests)]);
    let (data, text) = data(&project, json!({})).await;
    assert_eq!(counts(&data), (100, 0, 0));
    assert!(tokens(&text) <= 20, "{text}");
}

#[tokio::test]
async fn nodes_own_runner() {
    let test = "const test = require('node:test');\nconst assert = require('node:assert');\ntest('good', () => {});\ntest('bad', () \
                => {\n  assert.strictEqual(1, 2);\n});\ntest('later', { skip: 'no time' }, () => {});\n";
    let package = "{\"name\":\"a\",\"scripts\":{\"test\":\"node --test test/\"}}";
    let script = package.replace("test/", "test/a.test.js");
    let project = Project::new(&[("package.json", &script), ("test/a.test.js", test)]);
    let (data, text) = data(&project, json!({})).await;
    assert_eq!(counts(&data), (1, 1, 1), "{text}");
    let failure = &data["report"]["failures"][0];
    assert_eq!(
        (&failure["name"], &failure["file"]),
        (&json!("bad"), &json!("test/a.test.js")),
        "{text}"
    );
    assert_eq!(data["command"], "npm test");
    let (data, _) =
        self::data(&project, json!({"names": ["good"], "path": "test/a.test.js"})).await;
    assert_eq!(counts(&data).1, 0);
    assert_eq!(data["framework"], "node");
}

#[tokio::test]
async fn what_cannot_be_run_says_so() {
    let project = Project::new(&[("README.md", "x")]);
    let text = project.refused("test", json!({}), RefusalKind::NotFound).await;
    assert!(text.contains("no test framework found"), "{text}");
    let text = project.refused("test", json!({"framework": "magic"}), RefusalKind::Invalid).await;
    assert!(text.contains("must be one of cargo, nextest, pytest"), "{text}");
    project.refused("test", json!({"path": "../x"}), RefusalKind::Denied).await;
    project.refused("test", json!({"path": "gone"}), RefusalKind::NotFound).await;

    let several = Project::new(&[
        ("api/go.mod", "module a\n"),
        ("web/package.json", "{\"scripts\":{\"test\":\"jest\"}}"),
    ]);
    let text = several.refused("test", json!({}), RefusalKind::NotFound).await;
    assert_eq!(text, "tests in several folders; give `path`: api (go), web (jest)");

    // Green by its report, red by its exit code: both are told.
    let odd = Project::new(&[(
        "package.json",
        "{\"scripts\":{\"test\":\"echo 'TAP version 13'; echo 'ok 1 fine'; echo 'coverage too low'; exit 3\"}}",
    )]);
    let (data, text) = data(&odd, json!({})).await;
    assert_eq!(counts(&data), (1, 0, 0));
    assert!(text.contains("coverage too low") && text.ends_with("[exit 3]"), "{text}");
}

#[tokio::test]
async fn tests_are_the_projects_code_and_need_consent() {
    let project = Project::with(&[("Cargo.toml", CARGO)], Mode::AutoEdit, Answer::Nobody);
    let text = project.refused("test", json!({}), RefusalKind::Denied).await;
    assert!(text.contains("runs the project's tests"), "{text}");
    let asked = project.asker.asked.lock().unwrap()[0].parts.clone();
    assert_eq!(asked, ["test: cargo test --no-fail-fast --workspace"]);
    let project = Project::with(&[("Cargo.toml", CARGO)], Mode::ReadOnly, Answer::Always);
    project.refused("test", json!({}), RefusalKind::Denied).await;
    assert!(project.asker.asked.lock().unwrap().is_empty());
}
