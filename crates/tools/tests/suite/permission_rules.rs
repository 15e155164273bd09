//! Rules of the settings, modes, and what "always" keeps.

use std::sync::{Arc, Mutex};

use distiq_base::config::{Config, Sources};
use distiq_base::{Answer, Mode};
use distiq_tools::permission::{Judge, Memory, RuleError, Rules, Verdict};
use distiq_tools::{Call, Toolbox, ToolboxConfig};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bench::{Asker, Project};

fn rules(text: &str) -> Result<Rules, RuleError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let sources = Sources { user: Some(file.path()), project: None, env: &|_| None, flags: &[] };
    Rules::new(&Config::load(&sources).unwrap().rules)
}

const RULES: &str = r#"
[[permissions.rules]]
tool = "shell"
pattern = ["cargo", ["test", "build"]]
verdict = "allow"
match = ["cargo test -p x", "cd a && cargo build"]
no_match = ["cargo publish", "echo cargo test"]

[[permissions.rules]]
tool = "shell"
pattern = ["cargo", "build", "--release"]
verdict = "ask"
reason = "takes long"

[[permissions.rules]]
tool = "shell"
pattern = ["ls"]
verdict = "deny"

[[permissions.rules]]
tool = "shell"
pattern = ["sudo"]
verdict = "allow"

[[permissions.rules]]
tool = "edit"
pattern = "migrations/**"
verdict = "deny"

[[permissions.rules]]
tool = "read"
pattern = "notes/*.md"
verdict = "ask"

[[permissions.rules]]
tool = "git"
pattern = ["git", "commit"]
verdict = "allow"
"#;

#[test]
fn a_rule_covers_its_part_and_deny_beats_ask_beats_allow() {
    use Verdict::{Allow, Ask, Deny};
    let project = Project::new(&[]);
    let rules = Arc::new(rules(RULES).unwrap());
    for (line, expected) in [
        ("cargo test", Allow),
        ("cargo test -p x | tail -5", Allow),
        ("cargo test && make", Ask),
        ("cargo test > out.txt", Ask),
        ("PATH=. cargo test", Ask),
        ("cargo test > /etc/passwd", Deny),
        ("cargo build --release", Ask),
        ("cargo publish", Deny),
        ("cargo run", Ask),
        ("cargo $x", Ask),
        ("timeout 5 cargo test", Allow),
        ("bash -c 'cargo test'", Allow),
        ("echo x | xargs cargo test", Ask),
        ("ls", Deny),
        ("/bin/ls", Deny),
        ("./cargo test", Ask),
        ("sudo ls", Deny),
        ("sudo true", Deny),
    ] {
        let judge = Judge::new(&project.root, Mode::Ask).unwrap().with(rules.clone(), &[]);
        let decision = judge.line(line);
        assert_eq!(decision.verdict, expected, "{line}: {}", decision.reason);
    }
    let judge = |mode| Judge::new(&project.root, mode).unwrap().with(rules.clone(), &[]);
    // What a rule allows is not more than its mode allows, and what it asks about is asked in every mode.
    assert_eq!(judge(Mode::ReadOnly).line("cargo test").verdict, Deny);
    assert_eq!(judge(Mode::Full).line("cargo build --release").verdict, Ask);
    assert_eq!(judge(Mode::Full).line("ls").verdict, Deny);
    assert_eq!(judge(Mode::Full).line("make").verdict, Allow);
}

#[test]
fn rules_of_paths_and_of_git() {
    let toolbox = |mode| {
        let folder = tempfile::tempdir().unwrap();
        let asker = Arc::new(Asker { answer: Answer::Nobody, asked: Mutex::default() });
        let config = ToolboxConfig {
            mode,
            rules: Arc::new(rules(RULES).unwrap()),
            ..ToolboxConfig::new(folder.path(), asker, folder.path().join("outputs"))
        };
        (Toolbox::new(config).unwrap(), folder)
    };
    let edit = |path: &str| json!({"path": path, "search": "a", "replace": "b"});
    use Verdict::{Allow, Ask, Deny};
    for (tool, input, expected) in [
        ("edit", edit("migrations/1/a.sql"), [Deny, Deny]),
        ("edit", edit("x/../migrations/a.sql"), [Deny, Deny]),
        ("edit", edit("src/migrations.rs"), [Ask, Allow]),
        ("read", json!({"path": "notes/a.md"}), [Ask, Ask]),
        ("read", json!({"path": "notes/a/b.md"}), [Allow, Allow]),
        ("git", json!({"action": "commit", "message": "x"}), [Allow, Allow]),
    ] {
        for (mode, expected) in [Mode::Ask, Mode::Full].into_iter().zip(expected) {
            let (toolbox, _folder) = toolbox(mode);
            let decision = toolbox.decide(tool, &input).unwrap();
            assert_eq!(decision.verdict, expected, "{tool} {input} {mode:?}: {}", decision.reason);
        }
    }
}

#[test]
fn an_example_that_says_otherwise_refuses_the_rule() {
    let rule = |more: &str| {
        rules(&format!(
            "[[permissions.rules]]\ntool = \"shell\"\npattern = [\"git\", [\"status\", \"diff\"]]\nverdict = \"allow\"\n{more}\n"
        ))
        .map(|_| ())
        .map_err(|error| error.to_string())
    };
    assert_eq!(
        rule(
            "match = [\"git diff HEAD\", \"cd x; git status\"]\nno_match = [\"git push\", \"grep 'git status' x\"]"
        ),
        Ok(())
    );
    let error = rule("match = [\"git log\"]").unwrap_err();
    assert!(
        error.contains("line 1") && error.contains("`git log`") && error.contains("does not match"),
        "{error}"
    );
    let error = rule("no_match = [\"ls && git diff\"]").unwrap_err();
    assert!(error.contains("should not match") && error.contains("`ls && git diff`"), "{error}");
}

/// Remembers in memory.
#[derive(Default)]
struct Notes(Mutex<Vec<(String, String)>>);

impl Memory for Notes {
    fn kept(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }

    fn keep(&self, tool: &str, parts: &[String]) {
        self.0.lock().unwrap().extend(parts.iter().map(|part| (tool.to_owned(), part.clone())));
    }
}

#[tokio::test]
async fn always_outlives_the_session_and_grants_no_more_than_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let mut asked = Vec::new();
    for command in [
        "git status; rm -rf ./tmp",
        "rm -rf ./tmp",
        "rm -rf ./tmp2",
        "cd sub && rm -rf ./tmp",
        "rm -rf ~",
    ] {
        // A new session each time.
        let asker = Arc::new(Asker { answer: Answer::Always, asked: Mutex::default() });
        let config = ToolboxConfig {
            memory: Some(notes.clone()),
            ..ToolboxConfig::new(folder.path(), asker.clone(), folder.path().join("outputs"))
        };
        let toolbox = Toolbox::new(config).unwrap();
        let call =
            Call { id: "1".into(), name: "shell".into(), input: json!({"command": command}) };
        toolbox.call(call, CancellationToken::new()).await;
        asked
            .extend(asker.asked.lock().unwrap().iter().flat_map(|question| question.parts.clone()));
    }
    assert_eq!(asked, ["rm -rf ./tmp", "rm -rf ./tmp2", "rm -rf ./tmp (in sub)"]);
    assert!(notes.kept().iter().all(|(tool, text)| tool == "shell" && !text.contains('~')));
}
