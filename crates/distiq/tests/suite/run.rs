use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use distiq_testkit::{Answer, Fault, Script, ScriptedModel, Step};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{Place, Ran, shape};

/// A project, a scripted model, and a command line that points at it.
struct Desk {
    place: Place,
    model: ScriptedModel,
}

impl Desk {
    fn new(script: Script) -> Self {
        Self { place: Place::new(), model: ScriptedModel::start(script).unwrap() }
    }

    fn saying(steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self::new(Script::by_turn(steps))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("ANTHROPIC_BASE_URL", self.model.base_url_anthropic())
            .env("DISTIQ_MODEL", "scripted-1")
            .env("DISTIQ_RETRY_BASE_MS", "1");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Returns the texts of the newest request's messages by the user.
    fn heard(&self) -> String {
        let requests = self.model.requests();
        let request = requests.last().unwrap().request.clone().unwrap();
        request.messages.iter().map(distiq_base::Message::text).collect::<Vec<_>>().join("\n")
    }
}

const PRICE: [&str; 2] = ["--price", "3/15"];

#[test]
fn an_answer_goes_to_stdout_and_its_cost_to_stderr() {
    let desk = Desk::saying([Answer::text("It is four.")]);
    let ran = desk.run(&["run", PRICE[0], PRICE[1], "what is 2+2?"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "It is four.\n"), "{}", ran.err);
    assert!(ran.err.starts_with("$0.00") && ran.err.contains("1 request "), "{}", ran.err);
    assert!(desk.heard().contains("what is 2+2?"));
    desk.model.check();
}

#[test]
fn a_bug_is_fixed_and_all_of_it_told_as_json() {
    let desk = Desk::saying([
        Answer::call("read", json!({"path": "a.py"})),
        Answer::call("edit", json!({"path": "a.py", "search": "1", "replace": "2"})),
        Answer::text("Fixed."),
    ]);
    let file = desk.place.write("a.py", "x = 1\n");
    let arguments =
        ["run", "--mode", "auto-edit", "--output-format", "json", PRICE[0], PRICE[1], "fix it"];
    let ran = desk.run(&arguments);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    let json = ran.json();
    let schema = desk.place.run(&["schema", "run"]).json();
    assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{json}");
    assert_eq!(
        (json["status"].as_str(), json["text"].as_str(), json["requests"].as_i64()),
        (Some("done"), Some("Fixed."), Some(3))
    );
    assert_eq!((&json["files_changed"], &json["priced"]), (&json!(["a.py"]), &json!(true)));
    assert_eq!(fs::read_to_string(file).unwrap(), "x = 2\n");
    // The ledger tells the same sum.
    let session = json["session_id"].as_str().unwrap();
    let cost = desk.place.run(&["cost", "--json", "--session", session]).json();
    assert_eq!(cost["cost_nanousd"], json["cost_nanousd"]);
    assert_eq!(cost["totals"]["requests"], 3);
    desk.model.check();
}

#[test]
fn every_line_of_the_event_stream_fits_its_schema() {
    let desk = Desk::saying([
        Answer::text("I look.").and_call("find", json!({"pattern": "*.md"})),
        Answer::text("Nothing there."),
    ]);
    let ran = desk.run(&["run", "--output-format", "stream-json", "--", "look"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let schema = desk.place.run(&["schema", "event"]).json();
    let events: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(shape::faults(&schema, event), Vec::<String>::new(), "{event}");
        assert_eq!(event["seq"], index);
    }
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!((types[0], *types.last().unwrap()), ("session_started", "turn_finished"));
    for wanted in ["text_delta", "tool_started", "tool_finished", "request_finished"] {
        assert!(types.contains(&wanted), "{wanted} in {types:?}");
    }
    // What was printed is what the log holds.
    let id = events[0]["session_id"].as_str().unwrap();
    let exported = desk.place.run(&["sessions", "export", id, "--format", "json"]).json();
    assert_eq!(exported["session_id"], id);
}

#[test]
fn the_prompt_comes_byte_for_byte_from_an_argument_or_from_stdin_when_asked() {
    let desk = Desk::saying([Answer::text("ok")]);
    let odd = "-- \"quoted\" 'and' $HOME\n  indented\tтекст";
    assert_eq!(desk.run(&["run", "--", odd]).code, 0);
    assert!(desk.heard().contains(odd), "{}", desk.heard());
    // Standard input stays open and empty: with an argument nobody waits for it.
    let mut child = desk.command(&["run", "now"]).stdin(Stdio::piped()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    for arguments in [&["run", "-"][..], &["run"]] {
        let mut command = desk.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"from a pipe").unwrap();
        assert!(child.wait().unwrap().success());
        assert!(desk.heard().contains("from a pipe"));
    }
    let ran = desk.run(&["run", ""]);
    assert_eq!((ran.code, ran.err.lines().next()), (2, Some("error: No prompt")));
}

#[test]
fn a_prompt_that_is_no_utf8_is_refused_before_anything_is_sent() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::saying([Answer::text("ok")]);
    let mut command = desk.command(&["run"]);
    let ran = Ran::of(command.arg(std::ffi::OsStr::from_bytes(b"a\xffb")).output().unwrap());
    assert_eq!((ran.code, ran.err.lines().next()), (2, Some("error: The prompt is not UTF-8")));
    assert_eq!(desk.model.requests().len(), 0);
}

#[test]
fn without_a_key_three_lines_tell_how_to_begin() {
    let place = Place::new();
    let ran = place.run(&["run", "x"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "error: No provider has a key"), "{}", ran.err);
    for (line, wanted) in lines[1..].iter().zip(["distiq setup", "on this machine", "distiq demo"])
    {
        assert!(line.contains(wanted), "{line}");
    }
    let json = place.run(&["run", "--output-format", "json", "x"]).json();
    assert_eq!(json["error"]["kind"], "config");
}

#[test]
fn a_question_that_nobody_answers_ends_with_5() {
    let desk = Desk::saying([
        Answer::call("shell", json!({"command": "touch made"})),
        Answer::text("I may not."),
    ]);
    let ran = desk.run(&["run", "--output-format", "json", "make it"]);
    assert_eq!((ran.code, ran.json()["status"].as_str()), (5, Some("denied")), "{}", ran.err);
    assert!(!desk.place.project().join("made").exists());
}

#[test]
fn a_limit_of_money_stops_before_anything_is_sent_and_the_session_goes_on_later() {
    let desk = Desk::saying([Answer::text("dear")]);
    let ran = desk.run(&[
        "run",
        "--max-cost",
        "0.000001",
        "--output-format",
        "json",
        "--price",
        "3/15",
        "x",
    ]);
    assert_eq!((ran.code, ran.json()["status"].as_str()), (4, Some("budget")), "{}", ran.err);
    assert_eq!(desk.model.requests().len(), 0);
    let ran = desk.run(&["run", "--max-cost", "1", "x"]);
    assert_eq!(ran.code, 4, "a model without a price is refused under a limit: {}", ran.err);
    assert!(ran.err.contains("--price"), "{}", ran.err);
    assert_eq!(desk.model.requests().len(), 0);
    let ran = desk.run(&["resume", "--price", "3/15"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "dear\n"), "{}", ran.err);
}

#[test]
fn requests_and_wrong_prices_are_bounded() {
    let desk =
        Desk::saying((0..9).map(|n| Answer::call("find", json!({"pattern": format!("{n}")}))));
    let ran = desk.run(&["run", "--max-turns", "2", "--output-format", "json", "x"]);
    assert_eq!((ran.code, ran.json()["status"].as_str()), (7, Some("limit")), "{}", ran.err);
    assert_eq!(desk.model.requests().len(), 2);
    let ran = desk.run(&["run", "--price", "cheap", "x"]);
    assert_eq!((ran.code, ran.err.lines().next()), (2, Some("error: `cheap` is no price")));
}

#[test]
fn a_policy_chooses_the_model_by_what_is_wanted_and_a_session_stays_with_it() {
    let desk = Desk::saying([Answer::text("one"), Answer::text("two"), Answer::text("three")]);
    let asked = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        let ran = Ran::of(command.env_remove("DISTIQ_MODEL").output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
        desk.model.requests().last().unwrap().request.clone().unwrap().model
    };
    let typo = "fix the typo in architecture.md";
    assert_eq!(asked(&["run", "--policy", "balanced", "--", typo]), "claude-haiku-5-5");
    assert_eq!(asked(&["run", "--policy", "balanced", "--continue", "thanks"]), "claude-haiku-5-5");
    assert_eq!(asked(&["run", "--policy", "best", "make it multi-tenant"]), "claude-opus-5-5");
}

#[test]
fn a_stronger_model_goes_on_where_a_policy_chose_and_the_tests_fail() {
    let desk = Desk::new(Script::function(|request| {
        let answers = request.messages.iter().filter(|m| m.role == distiq_base::Role::Assistant);
        let answers = answers.count();
        let answer = match (request.model.contains("haiku"), answers) {
            (true, 0) => Answer::call("write", json!({"path": "n.txt", "content": "1\n"})),
            (true, 1) => Answer::call("shell", json!({"command": "sh test.sh"})),
            (false, 3) => Answer::call("write", json!({"path": "n.txt", "content": "2\n"})),
            (false, 4) => Answer::call("shell", json!({"command": "sh test.sh"})),
            _ => Answer::text("All tests pass."),
        };
        answer.into()
    }));
    desk.place.write("test.sh", "grep -q 2 n.txt\n");
    let run = |more: &[&str]| {
        let arguments =
            [&["run", "--mode", "full", "--policy", "balanced", "--output-format", "json"], more];
        let mut command =
            desk.command(&[&arguments.concat()[..], &["--", "fix the typo in n.txt"]].concat());
        Ran::of(command.env_remove("DISTIQ_MODEL").output().unwrap())
    };
    let ran = run(&[]);
    let schema = desk.place.run(&["schema", "run"]).json();
    assert_eq!(shape::faults(&schema, &ran.json()), Vec::<String>::new());
    assert_eq!((ran.code, &ran.json()["escalations"]), (0, &json!(1)), "{}", ran.out);
    let models = |from: usize| -> Vec<String> {
        let requests = desk.model.requests();
        let model = |seen: &distiq_testkit::Captured| seen.request.clone().unwrap().model;
        requests.iter().skip(from).map(model).collect()
    };
    let (cheap, dear) = ("claude-haiku-5-5", "claude-sonnet-5-5");
    assert_eq!(models(0), [cheap, cheap, cheap, dear, dear, dear]);
    desk.model.check();
    // What it came to is on the ledger.
    let stats = desk.place.run(&["stats", "--json"]).json();
    let schema = desk.place.run(&["schema", "stats"]).json();
    assert_eq!(shape::faults(&schema, &stats), Vec::<String>::new(), "{stats}");
    assert_eq!(stats["escalations"]["rate"], 0.5, "{stats}");
    assert_eq!(stats["escalations"]["reasons"][0], json!({"name": "failed", "count": 1}));
    let shown = desk.place.run(&["cost", "--breakdown"]).out;
    assert!(shown.contains("escalated answers") && shown.contains("1 of 2 (50 %)"), "{shown}");
    let id = ran.json()["session_id"].as_str().unwrap().to_owned();
    let cost = desk.place.run(&["cost", "--json", "--session", &id]).json();
    assert_eq!(cost["escalations"]["answers"], 2, "{cost}");

    assert_eq!(run(&["--no-escalation"]).json()["escalations"], 0);
    assert_eq!(models(6), [cheap, cheap, cheap]);
}

#[test]
fn a_plan_is_printed_edited_and_carried_out_and_needs_approval_where_the_mode_asks() {
    let plan = json!({
        "summary": "Mend n.txt", "files": ["n.txt"], "tests": [], "complexity": "simple",
        "changes": [{"file": "n.txt", "what": "say 2", "reason": "it says 1"}],
    });
    let made = plan.to_string();
    let desk = Desk::new(Script::function(move |request| {
        // The plan stands behind the user's words.
        let told = request.messages.last().unwrap().text();
        let answer = match (request.tools.is_empty(), request.messages.len()) {
            (true, _) => Answer::text(made.clone()),
            (false, 2) if told.contains("say 3") => {
                Answer::call("write", json!({"path": "n.txt", "content": "3\n"}))
            }
            (false, 2) => Answer::call("write", json!({"path": "n.txt", "content": "2\n"})),
            (false, _) => Answer::text("Done."),
        };
        answer.into()
    }));
    let ran = desk.run(&["run", "--plan=only", "mend it"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), plan, "{}", ran.out);
    let schema = desk.place.run(&["schema", "plan"]).json();
    assert_eq!(shape::faults(&schema, &plan), Vec::<String>::new());
    // Nobody can approve it.
    let asked = ["run", "--plan", "--output-format", "json", "mend it"];
    let ran = desk.run(&asked);
    assert_eq!((ran.code, &ran.json()["plan"]), (5, &plan), "{}", ran.out);
    let schema = desk.place.run(&["schema", "run"]).json();
    assert_eq!(shape::faults(&schema, &ran.json()), Vec::<String>::new());
    let ran = desk.run(&["run", "--plan", "--mode", "auto-edit", "mend it"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("1. n.txt: say 2 (it says 1)"), "{}", ran.err);
    assert_eq!(fs::read_to_string(desk.place.project().join("n.txt")).unwrap(), "2\n");
    // One of the user's own, without a prompt.
    let file = desk.place.write("p.json", &plan.to_string().replace("say 2", "say 3"));
    let file = file.to_str().unwrap();
    let ran = desk.run(&["run", "--mode", "auto-edit", "--plan-file", file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(fs::read_to_string(desk.place.project().join("n.txt")).unwrap(), "3\n");
    let bad = desk.place.write("bad.json", "{\"summary\": 1}");
    let ran = desk.run(&["run", "--plan-file", bad.to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(desk.run(&["run", "--plan=x", "hi"]).code, 2);
}

#[test]
fn a_session_is_resumed_with_the_same_prefix_and_found_again() {
    let desk = Desk::saying([Answer::text("one"), Answer::text("two"), Answer::text("three")]);
    assert_eq!(desk.run(&["run", "begin with the marmot"]).code, 0);
    // With the session's own model, whatever the settings say by now.
    let mut again = desk.command(&["run", "--continue", "go on"]);
    let ran = Ran::of(again.env_remove("DISTIQ_MODEL").output().unwrap());
    assert_eq!(ran.out, "two\n", "{}", ran.err);
    assert_eq!(desk.model.requests()[1].request.clone().unwrap().model, "scripted-1");
    let list = desk.place.run(&["sessions", "list", "--json"]).json();
    let session = &list["sessions"][0];
    assert_eq!((&session["turns"], &session["status"]), (&json!(2), &json!("done")));
    let id = session["id"].as_str().unwrap();
    assert_eq!(desk.run(&["resume", id, "and", "on"]).out, "three\n");
    let hits = desk.place.run(&["sessions", "search", "MARMOT", "--json"]).json();
    assert_eq!(hits["hits"][0]["id"], id);
    let shown = desk.place.run(&["sessions", "show", id]).ok();
    assert!(shown.contains("marmot") && shown.contains("three"), "{shown}");
    // The scripted model holds request n+1 against request n.
    desk.model.check();
}

#[test]
fn nothing_is_saved_when_asked_but_the_cost_counts() {
    let desk = Desk::saying([Answer::text("ok")]);
    assert_eq!(desk.run(&["run", "--no-save", "--price", "3/15", "x"]).code, 0);
    let list = desk.place.run(&["sessions", "list", "--json"]).json();
    assert_eq!(list["sessions"], json!([]));
    let cost = desk.place.run(&["cost", "--json"]).json();
    assert!(cost["cost_nanousd"].as_i64().unwrap() > 0);
}

#[test]
fn pictures_and_the_shape_of_the_answer_reach_the_model() {
    let desk = Desk::saying([Answer::text("{\"n\":1}")]);
    let png = desk.place.project().join("p.png");
    fs::write(&png, b"\x89PNG\r\n\x1a\nrest").unwrap();
    let schema =
        desk.place.write("s.json", r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#);
    let ran = desk.run(&[
        "run",
        "--image",
        png.to_str().unwrap(),
        "--output-schema",
        schema.to_str().unwrap(),
        "see",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "{\"n\":1}\n"), "{}", ran.err);
    let body = desk.model.requests()[0].json.to_string();
    assert!(body.contains("image/png") && body.contains("json_schema"), "{body}");
    let ran = desk.run(&["run", "--image", schema.to_str().unwrap(), "see"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no picture that models see"), "{}", ran.err);
}

#[test]
fn a_vendor_that_fails_is_told_with_6_and_a_wrong_key_with_3() {
    for (status, attempts, code) in [(500, 4, 6), (401, 1, 3)] {
        let desk =
            Desk::saying([Answer::text("never").after_faults(vec![Fault::Status { status }; 9])]);
        let ran = desk.run(&["run", "x"]);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{}", ran.err);
        assert!(ran.err.contains("\nerror: ") && ran.err.contains("\nhint: "), "{}", ran.err);
        assert_eq!(desk.model.requests().len(), attempts);
    }
}

#[test]
fn what_a_model_says_cannot_steer_the_terminal() {
    let desk = Desk::saying([Answer::text("a\x1b]0;owned\x07b\u{202e}c")]);
    assert_eq!(desk.run(&["run", "x"]).out, "a␛]0;owned␇b\u{fffd}c\n");
    let out = desk.run(&["run", "--output-format", "json", "x"]).out;
    assert!(!out.contains('\u{202e}') && out.contains("\\u202e"), "{out}");
}

#[test]
fn an_interrupt_cancels_the_turn_and_a_termination_leaves_it_resumable() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let desk = Desk::saying([
            Answer::call("shell", json!({"command": "sleep 60"})),
            Answer::text("went on"),
            Answer::text("went on"),
        ]);
        let mut child =
            desk.start(&["run", "--mode", "full", "--output-format", "stream-json", "x"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines
            .by_ref()
            .find(|line| line.as_ref().unwrap().contains("\"tool_started\""))
            .unwrap()
            .unwrap();
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest:?}");
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let ran = desk.run(&["resume"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "went on\n"), "{signal}: {err} {}", ran.err);
        desk.model.check();
    }
}

/// `script` gives the command a terminal of its own to ask on; standard input is what is typed.
fn on_a_terminal(desk: &Desk, arguments: &str, typed: &str) -> (i32, String) {
    let binary = env!("CARGO_BIN_EXE_distiq");
    let inner = desk.command(&[]);
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{binary} {arguments}"), "/dev/null"]).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(desk.place.project());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = String::new();
    // Typed once the question is on the screen, as a person would.
    let mut buffer = [0_u8; 4096];
    let mut is_typed = false;
    loop {
        let read = stdout.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if !is_typed && seen.contains("say why not:") {
            std::io::Write::write_all(&mut stdin, typed.as_bytes()).unwrap();
            is_typed = true;
        }
    }
    (child.wait().unwrap().code().unwrap_or(-1), seen)
}

#[test]
fn on_a_terminal_it_asks_and_heeds_the_answer() {
    for (typed, made, last) in [("o\n", true, "made it"), ("use make instead\n", false, "use make")]
    {
        let desk = Desk::new(Script::function(|request| {
            let heard = format!("{:?}", request.messages);
            if !heard.contains("ToolResult") {
                return Step::Answer(Answer::call("shell", json!({"command": "touch made"})));
            }
            let reason = if heard.contains("use make instead") { "use make" } else { "made it" };
            Step::Answer(Answer::text(reason))
        }));
        let (code, seen) = on_a_terminal(&desk, "run -- go", typed);
        assert!(seen.contains("shell wants: touch made"), "{seen}");
        assert_eq!(code, 0, "{seen}");
        assert_eq!(desk.place.project().join("made").exists(), made, "{seen}");
        assert!(seen.contains(last), "{seen}");
    }
}
