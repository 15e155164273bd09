//! The fixed prompt: short, and true in every word.

use std::sync::Arc;

use distiq_agent::prompt;
use distiq_base::{Answer, CountTokens, Mode};
use distiq_ml::Tokenizer;
use distiq_tools::Call;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{World, write};

/// The most tokens (o200k) that system prompt and definitions take together.
const MAX_TOKENS: u64 = 1_000;

#[test]
fn prompt_and_definitions_stay_within_their_bound() {
    let toolbox = World::new().toolbox(Mode::Full, Answer::Nobody);
    let system = &prompt::system(toolbox.guidelines(), &[], "")[0].text;
    let definitions: Vec<Value> = toolbox
        .definitions()
        .iter()
        .map(|d| json!({"name": d.name, "description": d.description, "input_schema": d.schema}))
        .collect();
    let count = |text: &str| Tokenizer::o200k().count(text);
    let (system, tools) = (count(system), count(&Value::from(definitions).to_string()));
    println!("system {system}, tools {tools} tokens");
    assert!(system + tools <= MAX_TOKENS, "{system} + {tools}");
}

/// What the prompt names in backticks is a tool or a parameter of one.
#[test]
fn every_name_in_the_prompt_exists() {
    let toolbox = World::new().toolbox(Mode::Full, Answer::Nobody);
    let definitions = toolbox.definitions();
    let mut known: Vec<String> = definitions.iter().map(|d| d.name.clone()).collect();
    for definition in &definitions {
        parameters(&definition.schema, &mut known);
    }
    let mut texts = vec![prompt::system(toolbox.guidelines(), &[], "")[0].text.clone()];
    texts.extend(definitions.iter().map(|d| d.description.clone()));
    for text in texts {
        for name in text.split('`').skip(1).step_by(2) {
            assert!(known.iter().any(|k| k == name), "`{name}` in {text}");
        }
    }
}

fn parameters(schema: &Value, known: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, schema) in properties {
        known.push(name.clone());
        parameters(schema, known);
        parameters(&schema["items"], known);
    }
}

/// Each sentence about tools, and calls that show it: (sentence, tool, arguments, shown by the answer).
const CLAIMS: &[(&str, &str, &str, &str)] = &[
    ("Read files.", "read", r#"{"paths":["a.txt","b.py"]}"#, "two"),
    (
        "A long file without `lines` gives its outline and head.",
        "read",
        r#"{"path":"long.py"}"#,
        "outline, then head",
    ),
    ("List a folder, or files matching a glob.", "find", r#"{"pattern":"*.py"}"#, "b.py"),
    ("Search file contents by regex (smart case).", "search", r#"{"pattern":"T[WH]"}"#, "no match"),
    (
        "Few hits come with the function around them.",
        "search",
        r#"{"pattern":"needle"}"#,
        "def holds",
    ),
    ("`in` asks the code index.", "search", r#"{"pattern":"holds","in":"symbol"}"#, "b.py:1-3"),
    (
        "Replace text that occurs once; or apply a patch (apply-patch or unified diff).",
        "edit",
        r#"{"path":"twice.txt","search":"x","replace":"y"}"#,
        "2 times",
    ),
    (
        "All edits of a call apply or none.",
        "edit",
        r#"{"edits":[{"path":"a.txt","search":"one","replace":"1"},{"path":"a.txt","search":"nowhere","replace":"1"}]}"#,
        "nothing was changed",
    ),
    (
        "All old texts refer to the file as it was before the call.",
        "edit",
        r#"{"path":"c.txt","edits":[{"search":"p","replace":"q"},{"search":"q","replace":"r"}]}"#,
        "c.txt",
    ),
    (
        "Write a whole file; makes folders.",
        "write",
        r#"{"path":"new/deep/f.txt","content":"x\n"}"#,
        "new/deep/f.txt",
    ),
    ("Run a bash command; no stdin.", "shell", r#"{"command":"cat; echo end"}"#, "end"),
    ("`cwd` is the root each time.", "shell", r#"{"command":"cd new; cd ..; ls a.txt"}"#, "a.txt"),
    (
        "Test output is folded to failures and totals.",
        "shell",
        r#"{"command":"python3 -m unittest -v test_many.py 2>&1"}"#,
        "Ran 40 tests",
    ),
    (
        "Servers: `background` or `ready` give an `id` to poll (`id` alone) or `kill`.",
        "shell",
        r#"{"command":"echo up; sleep 60","ready":"up"}"#,
        "[1: ready",
    ),
    ("Run the project's tests; tells failures with place.", "test", "{}", "test_failing.py:4"),
    ("Rarer tools (git …): {} lists them, {tool, input} calls one.", "more", "{}", "git"),
];

/// Sentences that other tests hold: order of calls (`turns`), or advice that claims nothing.
const ELSEWHERE: &[&str] = &[
    "One edit call per file, with `edits` for several places; keep `search` as small as it stays unique.",
    "Calls of one answer run in order, and a failed edit stops those after it: put an edit and its test in one answer.",
    "Search shows the code around few hits; read only what you still miss.",
];

#[test]
fn every_sentence_about_tools_is_held_by_a_test() {
    let toolbox = World::new().toolbox(Mode::Full, Answer::Nobody);
    let mut texts: Vec<String> = toolbox.definitions().into_iter().map(|d| d.description).collect();
    texts.extend(toolbox.guidelines().lines().map(|l| l.trim_start_matches("- ").to_owned()));
    for text in texts {
        let mut rest = text.clone();
        for sentence in CLAIMS.iter().map(|c| c.0).chain(ELSEWHERE.iter().copied()) {
            rest = rest.replace(sentence, "");
        }
        assert_eq!(rest.trim(), "", "said of a tool and held by no test: {text}");
    }
}

#[tokio::test]
async fn what_the_prompt_claims_is_so() {
    let world = World::new();
    let project = world.project();
    write(&project, "b.py", "def holds():\n    x = 1\n    return 'needle'\n");
    write(&project, "twice.txt", "x and x\n");
    write(&project, "c.txt", "p q2\n".replace("q2", "z").as_str());
    let long: String = (0..400).map(|n| format!("def f{n}():\n    return {n}\n\n")).collect();
    write(&project, "long.py", &long);
    let tests: String =
        (0..40).map(|n| format!("    def test_{n}(self):\n        pass\n")).collect();
    write(
        &project,
        "test_many.py",
        &format!("import unittest\nclass T(unittest.TestCase):\n{tests}"),
    );
    let failing = "import unittest\nclass F(unittest.TestCase):\n    def test_f(self):\n        self.fail()\n";
    write(&project, "test_failing.py", failing);
    let toolbox = world.toolbox(Mode::Full, Answer::Nobody);
    for (sentence, tool, arguments, shown) in CLAIMS {
        let call = Call {
            id: "c".into(),
            name: (*tool).into(),
            input: serde_json::from_str(arguments).unwrap(),
        };
        let outcome = Arc::clone(&toolbox).call(call, CancellationToken::new()).await;
        let text = outcome.text.to_lowercase();
        assert!(text.contains(&shown.to_lowercase()), "{sentence}\n{}", outcome.text);
        if *tool == "shell" && arguments.contains("unittest") {
            assert!(outcome.text.len() < 200, "{}", outcome.text);
        }
    }
    let read = |name: &str| std::fs::read_to_string(project.join(name)).unwrap();
    assert_eq!(read("a.txt"), "one\ntwo\nthree\n", "all or none");
    assert_eq!(read("twice.txt"), "x and x\n", "an ambiguous edit was applied");
    assert_eq!(read("new/deep/f.txt"), "x\n");
}
