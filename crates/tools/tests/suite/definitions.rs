//! What the model is shown, held against what the tools do.

use distiq_base::{Answer, Mode};
use distiq_tools::RefusalKind;
use serde_json::json;

use super::bench::{Project, tokens};

#[test]
fn definitions_and_guidelines_are_short() {
    let definitions = distiq_tools::definitions();
    let text: String = definitions
        .iter()
        .map(|tool| {
            json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema})
                .to_string()
        })
        .collect();
    let count = tokens(&text);
    println!("definitions: {count} tokens");
    assert!(count <= 630, "{count} tokens");
    let project = Project::new(&[]);
    let count = tokens(project.toolbox.guidelines());
    println!("guidelines: {count} tokens");
    assert!(count <= 100, "{count} tokens");
    let names: Vec<&str> = definitions.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["read", "find", "search", "edit", "write", "shell", "test", "more"]);
    assert_eq!(project.toolbox.names()[..8], names[..]);
}

/// Each parameter of a definition must be taken, and an unknown one refused with those.
#[tokio::test]
async fn every_parameter_shown_is_taken() {
    let project = Project::with(&[("a.txt", "a\n")], Mode::ReadOnly, Answer::Nobody);
    for tool in project.toolbox.definitions() {
        let text = project
            .refused(
                &tool.name,
                json!({"no_such": 1, "path": "a", "pattern": "a", "content": "", "command": "x"}),
                RefusalKind::Invalid,
            )
            .await;
        let takes = text.split("it takes ").nth(1).unwrap_or_else(|| panic!("{text}"));
        let takes: Vec<&str> = takes.split(", ").collect();
        for name in tool.schema["properties"].as_object().unwrap().keys() {
            let known = takes.contains(&name.as_str())
                || (tool.name == "more" && ["tool", "input"].contains(&name.as_str()));
            assert!(known, "{}: {name} not in {text}", tool.name);
        }
    }
}

#[tokio::test]
async fn wrong_calls_say_what_is_expected() {
    let project = Project::new(&[("a.txt", "a\n")]);
    for (tool, input, expected) in [
        ("read", json!({}), "`path` is missing"),
        ("read", json!({"path": 7}), "`path` must be a string, got a number"),
        ("read", json!([]), "must be a JSON object, got a list"),
        ("read", json!({"path": "a.txt", "lines": "x"}), "`lines` must look like \"10-40,80-95\""),
        ("search", json!({"pattern": ""}), "`pattern` must have 1 to"),
        ("search", json!({"pattern": "a", "glob": "["}), "`glob`"),
        ("find", json!({"pattern": "{"}), "`pattern`"),
        ("edit", json!({"path": "a.txt"}), "give `path`, `search` and `replace`"),
        ("edit", json!({"path": "a.txt", "search": "a"}), "`replace` is missing in edit 1"),
        (
            "edit",
            json!({"edits": [{"path": "a.txt", "search": "a", "replace": "b", "x": 1}]}),
            "unknown parameter `x`",
        ),
        ("edit", json!({"patch": "hello"}), "begin with `*** Begin Patch`"),
        ("write", json!({"path": "a.txt"}), "`content` is missing"),
        ("shell", json!({"command": " "}), "`command` is missing"),
        ("shell", json!({"command": "true", "id": 1}), "`command` or `id`, not both"),
        ("shell", json!({"kill": true}), "`command` is missing"),
        ("shell", json!({"command": "true", "kill": true}), "`kill` needs the `id`"),
        ("shell", json!({"command": "true", "timeout_s": -1}), "`timeout_s` must be a number"),
        ("shell", json!({"command": "true", "cwd": "a.txt"}), "no folder"),
        ("more", json!({"tool": "x"}), "no tool `x`; there is git"),
        ("git", json!({"action": "push"}), "must be status, diff"),
        ("git", json!({"action": "show", "rev": "--output=x"}), "`rev` must be a revision"),
        ("nothing", json!({}), "there is no tool `nothing`"),
    ] {
        let text = project.refused(tool, input.clone(), RefusalKind::Invalid).await;
        assert!(text.contains(expected), "{tool} {input}: {text}");
    }
}

#[tokio::test]
async fn habits_from_other_agents_are_understood() {
    let project = Project::new(&[("a.txt", "one\ntwo\nthree\n")]);
    assert_eq!(
        project.ok("read", json!({"file_path": "a.txt", "offset": 2, "limit": 1})).await,
        "two"
    );
    project.ok("edit", json!({"file_path": "a.txt", "old_string": "one", "new_string": "1"})).await;
    project
        .ok("edit", json!({"path": "a.txt", "edits": [{"oldText": "two", "newText": "2"}]}))
        .await;
    assert_eq!(project.text("a.txt"), "1\n2\nthree\n");
    assert_eq!(
        project.ok("shell", json!({"cmd": "echo hi", "description": "says hi"})).await,
        "hi"
    );
    assert!(project.ok("search", json!({"query": "three"})).await.contains("three"));
    let list = project.ok("more", json!({})).await;
    assert!(list.starts_with("git {action"), "{list}");
}

/// A value as a model may write it, wrong or right.
fn value() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let text = prop_oneof![
        "[ -~\\n]{0,20}",
        prop::sample::select(vec![
            "a.txt", ".", "..", "/", "~/x", "dir", "a\0b", "1-2", "9-1", "*.txt", "(", "é", "{}",
            "[]", "HEAD", "status"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        (0u8..5).prop_map(|n| json!(n)),
        text.prop_map(|t| json!(t)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|v| json!(v)),
            prop::collection::btree_map("path|search|replace|action|rev|x", inner, 0..4)
                .prop_map(|m| json!(m)),
        ]
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Whatever is called, the answer is an answer; nothing breaks and nothing outside changes.
    #[test]
    fn any_call_is_answered(
        tool in 0usize..8,
        keys in proptest::collection::btree_map(
            "path|lines|paths|numbers|pattern|glob|case|search|replace|edits|patch|content|tool|input|action|rev|cwd|timeout_s",
            value(),
            0..5,
        ),
        mode in 0usize..2,
    ) {
        let mode = [Mode::ReadOnly, Mode::AutoEdit][mode];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let project = Project::with(&[("a.txt", "one\ntwo\n"), ("dir/b.txt", "x\n")], mode, Answer::Nobody);
            let name = project.toolbox.names()[tool];
            let outcome = project.call(name, json!(keys)).await;
            assert!(!outcome.text.contains("a bug ended the call"), "{name} {keys:?}");
            if mode == Mode::ReadOnly {
                assert_eq!(project.text("a.txt"), "one\ntwo\n");
                assert_eq!(std::fs::read_dir(&project.root).unwrap().count(), 2);
            }
            assert_eq!(std::fs::read_dir(project.root.parent().unwrap()).unwrap().count(), 1);
        });
    }
}

/// A page tells exactly the parameters that the tool takes, and every tool has one.
#[tokio::test]
async fn pages_tell_what_is_taken() {
    let project = Project::with(&[("a.txt", "a\n")], Mode::ReadOnly, Answer::Nobody);
    let pages = distiq_tools::pages();
    for name in project.toolbox.names() {
        let page = pages.iter().find(|page| page.name == *name);
        let page = page.unwrap_or_else(|| panic!("{name} has no page"));
        let told: Vec<&str> = page.parameters.iter().map(|parameter| parameter.name).collect();
        if *name == "more" {
            assert_eq!(told, ["tool", "input"]);
            continue;
        }
        let needed = json!({"no_such": 1, "path": "a", "pattern": "a", "content": "", "command": "x", "action": "log"});
        let text = project.refused(name, needed, RefusalKind::Invalid).await;
        let takes = text.split("it takes ").nth(1).unwrap_or_else(|| panic!("{text}"));
        let mut takes: Vec<&str> = takes.split(", ").collect();
        let mut told = told;
        takes.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, takes, "{name}");
        assert!(!page.limits.is_empty() && !page.about.is_empty());
    }
}
