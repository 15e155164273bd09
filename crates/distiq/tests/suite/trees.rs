//! Real source trees: a bug is planted in a published project, and `distiq run` fixes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use distiq_base::{Content, Dialect, Request, Role, Usage};
use distiq_testkit::{Answer, Archive, Script, ScriptedModel, SourceTree, Step};
use serde_json::{Value, json};

use crate::{Place, Ran};

/// A published project with a bug to plant.
#[derive(Clone, Copy)]
struct Case {
    archive: Archive,
    dialect: Dialect,
    path: &'static str,
    right: &'static str,
    wrong: &'static str,
    /// What the model looks for, and the lines that it reads around it.
    search: &'static str,
    lines: Option<&'static str>,
    test: &'static str,
}

const HECK: Case = Case {
    archive: Archive::HECK,
    dialect: Dialect::Anthropic,
    path: "src/lib.rs",
    right: "if next_mode == WordMode::Lowercase && next.is_uppercase() {",
    wrong: "if next_mode == WordMode::Uppercase && next.is_uppercase() {",
    search: "WordMode::Uppercase && next",
    lines: None,
    test: "cargo test --offline --lib",
};

const MORE_ITERTOOLS: Case = Case {
    archive: Archive::MORE_ITERTOOLS,
    dialect: Dialect::Openai,
    path: "more_itertools/more.py",
    right: "                if len(chunk) != n:",
    wrong: "                if len(chunk) > n:",
    search: "def chunked\\(",
    lines: Some("205-245"),
    test: "python3 -m unittest tests.test_more.ChunkedTests tests.test_more.FirstTests",
};

const MINIMIST: Case = Case {
    archive: Archive::MINIMIST,
    dialect: Dialect::Anthropic,
    path: "index.js",
    right: "if ((/^0x[0-9a-f]+$/i).test(x)) { return true; }",
    wrong: "if ((/^0x[0-9]+$/i).test(x)) { return true; }",
    search: "function isNumber",
    lines: Some("1-25"),
    test: "for test in test/*.js; do node \"$test\" || exit 1; done",
};

/// As much of `tape` as the project's tests use; Node finds it above the tree.
const TAPE: &str = r#"
'use strict';
var assert = require('assert');
module.exports = function test(name, run) {
    var count = 0, plan = null;
    function check(how) {
        return function (a, b, message) { count += 1; assert[how](a, b, name + ': ' + message); };
    }
    var t = {
        plan: function (n) { plan = n; },
        end: function () {},
        ok: function (a, message) { count += 1; assert.ok(a, name + ': ' + message); },
        notOk: function (a, message) { count += 1; assert.ok(!a, name + ': ' + message); },
        equal: check('strictEqual'), notEqual: check('notStrictEqual'),
        deepEqual: check('deepEqual'), same: check('deepEqual'),
    };
    run(t);
    if (plan !== null) { assert.strictEqual(count, plan, name + ': plan'); }
};
"#;

/// Plays a model that decides by what the tools say.
fn script(case: Case) -> Script {
    Script::function(move |request| Step::Answer(answer(&case, request)))
}

fn answer(case: &Case, request: &Request) -> Answer {
    let answers = request.messages.iter().filter(|m| m.role == Role::Assistant).count();
    let heard = newest_result(request);
    match answers {
        0 => Answer::text("The tests are red. I look for the code that they hold.")
            .and_call("search", json!({ "pattern": case.search })),
        1 if !heard.contains(case.path) => Answer::text(format!("Not found: {heard}")),
        1 => {
            let mut input = json!({ "path": case.path });
            if let Some(lines) = case.lines {
                input["lines"] = json!(lines);
            }
            Answer::call("read", input)
        }
        2 if !heard.contains(case.wrong.trim()) => Answer::text(format!("Not seen: {heard}")),
        2 => Answer::text("This condition is wrong. I put it right and run the tests.")
            .and_call(
                "edit",
                json!({"path": case.path, "search": case.wrong, "replace": case.right}),
            )
            .and_call("shell", json!({ "command": case.test })),
        _ if heard.contains("[exit code") || heard.contains("FAILED") => {
            Answer::text(format!("Still red: {heard}"))
        }
        _ => Answer::text("Fixed: the condition was wrong; all tests pass now."),
    }
}

fn newest_result(request: &Request) -> String {
    let contents = request.messages.iter().rev().flat_map(|message| message.content.iter().rev());
    let result = contents.filter_map(|content| match content {
        Content::ToolResult { content, .. } => Some(content),
        _ => None,
    });
    let texts = result.take(1).flatten().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// What the project's own tools need to be found in a home that is not the user's.
fn toolchain(target: &Path) -> BTreeMap<&'static str, PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let set = |name: &str, default: &str| {
        std::env::var_os(name).map_or_else(|| home.join(default), PathBuf::from)
    };
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(python.unwrap().stdout).unwrap();
    let folder = Path::new(python.trim()).parent().unwrap().to_owned();
    let paths = std::env::var_os("PATH").unwrap();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&paths));
    BTreeMap::from([
        ("CARGO_HOME", set("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", set("RUSTUP_HOME", ".rustup")),
        ("CARGO_TARGET_DIR", target.to_owned()),
        ("PYTHONDONTWRITEBYTECODE", PathBuf::from("1")),
        ("PATH", PathBuf::from(std::env::join_paths(paths).unwrap())),
    ])
}

/// Runs the project's own tests.
fn is_green(tree: &SourceTree, case: &Case, toolchain: &BTreeMap<&str, PathBuf>) -> bool {
    let mut command = Command::new("bash");
    command.args(["-c", case.test]).current_dir(tree.root()).envs(toolchain);
    command.output().unwrap().status.success()
}

fn usage(event: &Value) -> Usage {
    serde_json::from_value(event["usage"].clone()).unwrap()
}

fn sum(usages: impl IntoIterator<Item = Usage>) -> Usage {
    let mut sum = Usage::default();
    usages.into_iter().for_each(|usage| sum.add(&usage));
    sum
}

fn check(case: Case) {
    let place = Place::new();
    let tree = SourceTree::unpack(&case.archive).unwrap();
    let tape = tree.root().parent().unwrap().join("node_modules/tape");
    std::fs::create_dir_all(&tape).unwrap();
    std::fs::write(tape.join("index.js"), TAPE).unwrap();
    let toolchain = toolchain(&place.folder().join("target"));
    assert!(is_green(&tree, &case, &toolchain), "before the bug");
    tree.plant(case.path, case.right, case.wrong).unwrap();
    assert!(!is_green(&tree, &case, &toolchain), "with the bug");

    let model = ScriptedModel::start(script(case)).unwrap();
    let (variable, address) = match case.dialect {
        Dialect::Anthropic => ("ANTHROPIC_BASE_URL", model.base_url_anthropic()),
        Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
            ("OPENAI_BASE_URL", model.base_url_openai())
        }
    };
    let mut command = place.command(&["run", "--mode", "full", "--price", "3/15"]);
    command
        .args(["--output-format", "stream-json", "--", "A test is red. Find the bug and fix it."])
        .current_dir(tree.root())
        .env(variable, address)
        .env("DISTIQ_MODEL", "scripted-1")
        .envs(&toolchain);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);

    // The work is done, and nothing else.
    assert!(is_green(&tree, &case, &toolchain), "{}", ran.out);
    assert_eq!(tree.git(&["status", "--porcelain"]).unwrap(), format!(" M {}\n", case.path));
    assert_eq!(tree.git(&["diff", "HEAD~1", "--", case.path]).unwrap(), "", "as it was published");
    let diff = tree.git(&["diff", "--unified=0", "HEAD"]).unwrap();
    let changed: Vec<&str> = diff
        .lines()
        .filter(|line| line.starts_with(['-', '+']))
        .filter(|line| !line.starts_with("---") && !line.starts_with("+++"))
        .map(|line| line.get(1..).unwrap().trim())
        .collect();
    assert_eq!(changed, [case.wrong.trim(), case.right.trim()]);

    check_books(&place, &model, &case, &ran);
}

/// Holds the events, the ledger and the vendor's own count against each other.
#[expect(clippy::print_stdout, reason = "what the fix cost is of interest")]
fn check_books(place: &Place, model: &ScriptedModel, case: &Case, ran: &Ran) {
    let schema = place.run(&["schema", "event"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let events: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for event in &events {
        let faults: Vec<String> =
            validator.iter_errors(event).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{event}");
    }
    let finished: Vec<&Value> =
        events.iter().filter(|event| event["type"] == "request_finished").collect();
    let end = events.last().unwrap();
    assert_eq!((&end["type"], &end["status"]), (&json!("turn_finished"), &json!("done")));
    assert_eq!(end["files_changed"], json!([case.path]));

    let session = events[0]["session_id"].as_str().unwrap();
    let cost = place.run(&["cost", "--json", "--session", session]).json();
    let total: i64 = finished.iter().map(|event| event["cost_nanousd"].as_i64().unwrap()).sum();
    assert_eq!((&cost["cost_nanousd"], &end["cost_nanousd"]), (&json!(total), &json!(total)));
    assert_eq!(cost["totals"]["requests"], finished.len());
    let counted = sum(model.requests().iter().map(|captured| captured.usage.unwrap()));
    assert_eq!(sum(finished.into_iter().map(usage)), counted);
    assert_eq!(usage(&cost["totals"]), counted);
    assert!(counted.cache_read > 0, "{counted:?}");
    model.check();
    let dollars = total as f64 / 1e9;
    println!("{}: ${dollars:.4} at $3/$15, {counted:?}", case.archive.title());
}

#[test]
fn a_bug_in_a_rust_library_is_fixed() {
    check(HECK);
}

#[test]
fn a_bug_in_a_python_library_is_fixed() {
    check(MORE_ITERTOOLS);
}

#[test]
fn a_bug_in_a_javascript_library_is_fixed() {
    check(MINIMIST);
}
