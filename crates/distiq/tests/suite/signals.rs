//! Interrupts, terminations and readers that go away: what is told, what is kept, how it goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use distiq_testkit::{Answer, Fault, Script, ScriptedModel, Step};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::kill::files_below;
use crate::{Place, Ran};

struct Desk {
    place: Place,
    model: ScriptedModel,
}

impl Desk {
    fn new(script: Script) -> Self {
        Self { place: Place::new(), model: ScriptedModel::start(script).unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("ANTHROPIC_BASE_URL", self.model.base_url_anthropic())
            .env("DISTIQ_MODEL", "scripted-1")
            .args(["--mode", "full", "--price", "3/15"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn stream(&self) -> Child {
        self.command(&["run", "--output-format", "stream-json", "go"]).spawn().unwrap()
    }

    /// Goes on with the only session, and holds its requests and its books.
    #[track_caller]
    fn check_resumable(&self, answer: &str) {
        let ran = Ran::of(self.command(&["resume"]).output().unwrap());
        assert_eq!((ran.code, ran.out.trim_end()), (0, answer), "{}", ran.err);
        self.model.check();
        let list = self.place.run(&["sessions", "list", "--json"]).json();
        let id = list["sessions"][0]["id"].as_str().unwrap();
        let events = self.log(id);
        for (seq, event) in events.iter().enumerate() {
            assert_eq!(event["seq"], seq);
        }
        let cost = self.place.run(&["cost", "--json", "--session", id]).json();
        // One that ended between its row and its send is counted, too.
        let rows = usize::try_from(cost["totals"]["requests"].as_u64().unwrap()).unwrap();
        assert!(rows >= self.model.requests().len(), "{cost}");
    }

    fn log(&self, id: &str) -> Vec<Value> {
        let logs = files_below(&self.place.home().join("data/sessions"));
        let path = logs.iter().find(|path| path.ends_with(format!("{id}.jsonl"))).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn only_log(&self) -> Vec<Value> {
        let list = self.place.run(&["sessions", "list", "--json"]).json();
        self.log(list["sessions"][0]["id"].as_str().unwrap())
    }
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

/// Reads events up to the first of a type.
fn read_until(lines: &mut impl Iterator<Item = std::io::Result<String>>, kind: &str) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    while events.last().is_none_or(|event| event["type"] != kind) {
        let line = lines.next().unwrap_or_else(|| panic!("no {kind} in {events:?}")).unwrap();
        events.push(serde_json::from_str(&line).unwrap());
    }
    events
}

/// Begins an answer that stalls in its middle, and goes on once it is asked again.
fn stalls() -> Script {
    let long = "I have begun to say something that takes its time and";
    Script::by_turn([
        Answer::text(long).after_faults([Fault::StallAtEvent { event: 5 }]),
        Answer::text("went on").into(),
    ] as [Step; 2])
}

#[test]
fn an_interrupt_within_an_answer_cancels_the_turn_and_is_on_the_ledger() {
    let desk = Desk::new(stalls());
    let mut child = desk.stream();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    read_until(&mut lines, "text_delta");
    send(&child, Signal::SIGINT);
    let rest = read_until(&mut lines, "turn_finished");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(lines.next().is_none(), "nothing comes after the end");
    let end = rest.last().unwrap();
    assert_eq!((&end["status"], &end["error"]["kind"]), (&json!("cancelled"), &json!("cancelled")));
    let request = rest.iter().find(|event| event["type"] == "request_finished").unwrap();
    assert_eq!(request["estimated"], true);
    assert!(request["cost_nanousd"].as_i64().unwrap() > 0, "{request}");
    assert_eq!(end["cost_nanousd"], request["cost_nanousd"]);
    let list = desk.place.run(&["sessions", "list", "--json"]).json();
    assert_eq!(list["sessions"][0]["status"], "cancelled");
    desk.check_resumable("went on");
}

#[test]
fn a_termination_within_an_answer_leaves_a_whole_session() {
    let desk = Desk::new(stalls());
    let mut child = desk.stream();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    read_until(&mut lines, "text_delta");
    send(&child, Signal::SIGTERM);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{said}");
    assert!(said.contains("distiq resume"), "{said}");
    assert_eq!(desk.only_log().last().unwrap()["type"], "turn_finished");
    desk.check_resumable("went on");
}

/// Holds the ledger's write lock as another process would, until dropped.
struct Locked(Child);

impl Locked {
    fn new(place: &Place) -> Self {
        let program = "import sqlite3, sys\n\
            db = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
            db.execute('BEGIN IMMEDIATE')\n\
            print('locked', flush=True)\n\
            sys.stdin.read()";
        let mut child = Command::new("python3")
            .args(["-c", program])
            .arg(place.home().join("data/ledger.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn wait_for(stderr: &mut BufReader<ChildStderr>, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "no `{text}`");
    }
}

#[test]
fn a_second_interrupt_quits_at_once() {
    let desk = Desk::new(stalls());
    // What is held to a limit is settled in a transaction.
    let limited = ["run", "--max-cost", "5", "--output-format", "stream-json", "go"];
    let mut child = desk.command(&limited).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    read_until(&mut lines, "text_delta");
    // Cancelling ends with a row on the ledger, which has to wait.
    let locked = Locked::new(&desk.place);
    send(&child, Signal::SIGINT);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut stderr, "once more");
    send(&child, Signal::SIGINT);
    // One that would rather wait for the turn's end gets it, well before all patience ends.
    let end = Instant::now() + Duration::from_secs(4);
    while child.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(locked);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let log = desk.only_log();
    assert!(log.iter().all(|event| event["type"] != "turn_finished"), "it did not wait");
    desk.check_resumable("I have begun to say something that takes its time and");
}

#[test]
fn a_reader_that_is_gone_ends_the_run_silently() {
    let desk = Desk::new(Script::by_turn([Answer::text("one\ntwo\n"), Answer::text("went on")]));
    let mut child = desk.command(&["run", "go"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
    desk.check_resumable("went on");
}

#[test]
fn a_reader_of_events_that_is_gone_ends_the_run_silently() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let desk = Desk::new(Script::function(move |_| {
        // The first answer waits until nobody reads any more.
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(60));
        Answer::text("said").into()
    }));
    let mut child = desk.stream();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    read_until(&mut lines, "session_started");
    drop(lines);
    drop(go);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
    desk.check_resumable("said");
}

#[test]
fn other_commands_end_silently_too() {
    let place = Place::new();
    for arguments in [&["models"][..], &["schema", "event"], &["config", "--explain"], &["--help"]]
    {
        let mut command = place.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""), "{arguments:?}");
    }
}
