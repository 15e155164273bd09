//! `distiq ask`: answers out of the project's sources, and what they do not tell.

use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::Value;

use crate::{Place, Ran};

struct Desk {
    place: Place,
    model: ScriptedModel,
}

impl Desk {
    fn saying(text: &str) -> Self {
        let model = ScriptedModel::start(Script::by_turn([Answer::text(text)])).unwrap();
        let place = Place::new();
        place.write("src/http.py", "def parse_cookie(header):\n    \"\"\"Reads the cookies of a header.\"\"\"\n    return header.split(';')\n");
        place.write(
            "docs/guide.md",
            "# Guide\n\n## Sessions\n\nA session ends after twenty minutes.\n",
        );
        Self { place, model }
    }

    fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = self.place.command(&["ask"]);
        command
            .args(arguments)
            .env("ANTHROPIC_BASE_URL", self.model.base_url_anthropic())
            .env("DISTIQ_MODEL", "scripted-1")
            .env("DISTIQ_RETRY_BASE_MS", "1");
        Ran::of(command.output().unwrap())
    }

    fn requests(&self) -> usize {
        self.model.requests().len()
    }
}

fn row(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_model_answers_from_the_sources_and_its_citations_are_checked() {
    let desk = Desk::saying(
        "Cookies are read by splitting [src/http.py:1-3]. Zebras graze [src/http.py:1].",
    );
    let ran = desk.ask(&["how are cookies of a header parsed"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("Cookies are read by splitting"), "{}", ran.out);
    assert!(ran.out.ends_with("Sources:\n  src/http.py:1-3\n"), "{}", ran.out);
    assert!(ran.err.contains("[src/http.py:1-1] does not hold"), "{}", ran.err);
    let request = desk.model.requests().pop().unwrap().request.unwrap();
    let heard = request.messages[0].text();
    assert!(heard.contains("src/http.py\n1: def parse_cookie(header):"), "{heard}");
    assert!(request.tools.is_empty());
    desk.model.check();
    let history = desk.ask(&["--history"]);
    assert!(history.out.contains("how are cookies of a header parsed"), "{}", history.out);
    assert_eq!(desk.requests(), 1);
}

#[test]
fn places_are_checked_in_whatever_form_the_answer_names_them() {
    let answer = "Cookies are read by splitting [src/http.py:1-2, ./src/http.py:3] at 12:30 \
        (docs/note.txt:99). A session ends: `docs/guide.md:77`.";
    let ran =
        Desk::saying(answer).ask(&["how are cookies of a header parsed, when ends a session"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.ends_with("Sources:\n  src/http.py:1-2\n  src/http.py:3-3\n"), "{}", ran.out);
    assert_eq!(ran.err.matches("does not hold").count(), 2, "{}", ran.err);
    for told in [
        "[docs/note.txt:99-99] does not hold: no such source",
        "[docs/guide.md:77-77] does not hold: no such lines",
    ] {
        assert!(ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn the_questions_of_a_project_are_removed_and_no_others() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::saying("It is split [src/http.py:1-3].");
    desk.place.write("other/a.md", "# Cookies of a header\n");
    let other = desk.place.project().join("other").display().to_string();
    for arguments in [&[][..], &["--root", &other]] {
        assert_eq!(desk.ask(&[arguments, &["cookies of a header"]].concat()).code, 0);
    }
    let ran = desk.ask(&["--clear-history"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "1 questions removed\n"), "{}", ran.err);
    assert_eq!(desk.ask(&["--history"]).out, "");
    assert!(desk.ask(&["--history", "--root", &other]).out.contains("cookies of a header"));
    let kept = desk.place.home().join("data/questions.jsonl");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = desk.ask(&["--clear-history", "--json", "--root", &other]);
    assert_eq!(ran.out, "{\"removed\":1}\n");
    assert!(!kept.exists());
    assert_eq!(desk.ask(&["--clear-history"]).out, "0 questions removed\n");
    assert_eq!(desk.ask(&["--clear-history", "cookies"]).code, 2);
}

#[test]
fn the_older_half_of_long_kept_questions_is_shown_too() {
    let desk = Desk::saying("It is split [src/http.py:1-3].");
    let kept = desk.place.home().join("data/questions.jsonl");
    assert_eq!(desk.ask(&["cookies of a header"]).code, 0);
    let mut older = std::fs::read(&kept).unwrap();
    older.extend(b"\xff\n");
    std::fs::write(kept.with_extension("old.jsonl"), older).unwrap();
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(desk.ask(&["when does a session end"]).code, 0);
    let history = desk.ask(&["--history"]);
    let at = |question| history.out.find(question).unwrap();
    assert!(at("cookies of a header") < at("when does a session end"), "{}", history.err);
}

#[test]
fn documents_are_sources_too() {
    let desk = Desk::saying("After twenty minutes [docs/guide.md:5].");
    let ran = desk.ask(&["--json", "--no-save", "when does a session end"]);
    let answered = row(&ran.out);
    assert_eq!(answered["citations"][0]["fault"], Value::Null, "{}", ran.out);
    assert!(answered["sources"].as_array().unwrap().iter().any(|it| it["path"] == "docs/guide.md"));
    assert_eq!(desk.ask(&["--history"]).out, "");
}

#[test]
fn without_a_model_the_passages_are_the_answer() {
    let desk = Desk::saying("never");
    let ran = desk.ask(&["--local", "cookies of a header"]);
    assert!(ran.out.starts_with("src/http.py:1-3\ndef parse_cookie"), "{}", ran.out);
    let ran = desk.place.run(&["ask", "cookies of a header"]);
    assert!(
        ran.out.starts_with("src/http.py:1-3\n") && ran.err.contains("no provider"),
        "{}",
        ran.err
    );
    // What the sources do not tell is no question for a model.
    let ran = desk.ask(&["zebras"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("do not tell"), "{}", ran.err);
    assert_eq!(desk.requests(), 0);
}

#[test]
fn whole_files_are_given_where_they_are_wanted() {
    let desk = Desk::saying("x");
    let ran = desk.ask(&["--local", "--json", "--full-docs", "when does a session end"]);
    let first = row(&ran.out)["sources"][0].clone();
    assert_eq!(
        (first["path"].as_str(), first["start_line"].as_u64()),
        (Some("docs/guide.md"), Some(1))
    );
    assert_eq!(first["end_line"], 5);
    let ran = desk.ask(&["--local", "--context", "10", "when does a session end"]);
    assert_eq!(ran.out, "", "nothing fits ten tokens");
    assert!(ran.err.contains("longer than the 10 tokens of `--context`"), "{}", ran.err);
}

#[test]
fn wrong_options_are_told() {
    let desk = Desk::saying("x");
    for arguments in [
        &["--temperature", "7", "x"][..],
        &["--context", "0", "x"],
        &["--max-tokens", "0", "x"],
        &[],
    ] {
        assert_eq!(desk.ask(arguments).code, 2, "{arguments:?}");
    }
}
