//! The binary is killed at every named point and at random moments.
//!
//! The oracle is what its parent had read from standard output; what is held against it is the
//! state after the next commands.

mod edits;
mod moments;
mod points;
mod script;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use distiq_base::{Dialect, SessionId};
use distiq_router::{Ledger, RequestRow, RowFilter, RowState};
use distiq_testkit::{Options, ScriptedModel, Sessions};
use serde_json::Value;

use crate::{Place, Ran};

const STREAM: [&str; 8] = [
    "--mode",
    "full",
    "--price",
    "3/15",
    "--output-format",
    "stream-json",
    "--",
    "Make all states new.",
];

/// A project with something to do, and the model that will do it.
struct Job {
    place: Place,
    model: ScriptedModel,
    dialect: Dialect,
}

/// What a run said before it ended, and whether it was killed.
struct Seen {
    events: Vec<Value>,
    killed: bool,
}

impl Job {
    fn new() -> Self {
        Self::in_dialect(Dialect::Anthropic)
    }

    fn in_dialect(dialect: Dialect) -> Self {
        let options = Options { sessions: Sessions::One, ..Options::default() };
        let model = ScriptedModel::start_with(script::script(), options).unwrap();
        let place = Place::new();
        for (path, old, _) in script::FILES {
            if let Some(old) = old {
                place.write(path, &script::content(old));
            }
        }
        Self { place, model, dialect }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (variable, address) = match self.dialect {
            Dialect::Anthropic => ("ANTHROPIC_BASE_URL", self.model.base_url_anthropic()),
            Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
                ("OPENAI_BASE_URL", self.model.base_url_openai())
            }
        };
        let mut command = self.place.command(arguments);
        command.env(variable, address).env("DISTIQ_MODEL", "scripted-1");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let running = self.place.env.spawn(self.command(arguments)).unwrap();
        Ran::from(running.wait().unwrap())
    }

    /// Runs the job with a point armed.
    fn killed_at(&self, arguments: &[&str], point: &str) -> Seen {
        let mut command = self.command(arguments);
        command.args(STREAM).env("DISTIQ_TEST_KILL_AT", point);
        let output = self.place.env.spawn(command).unwrap().wait().unwrap();
        assert!(matches!(output.code, None | Some(0)), "{point}: {output:?}");
        Seen { events: whole_lines(&output.stdout), killed: output.code.is_none() }
    }

    /// Returns the session there is, as the user would find it.
    fn session(&self) -> Option<String> {
        let list = self.run(&["sessions", "list", "--json"]).json();
        let sessions = list["sessions"].as_array().unwrap();
        assert!(sessions.len() <= 1, "{list}");
        Some(sessions.first()?["id"].as_str().unwrap().to_owned())
    }

    fn log(&self, session: &str) -> Vec<Value> {
        let logs = files_below(&self.place.home().join("data/sessions"));
        let path = logs.iter().find(|path| path.ends_with(format!("{session}.jsonl"))).unwrap();
        whole_lines(&fs::read_to_string(path).unwrap())
    }

    fn rows(&self, session: &str) -> Vec<RequestRow> {
        let ledger = Ledger::open(&self.place.home().join("data/ledger.db")).unwrap();
        let session = SessionId::parse(session).unwrap();
        ledger.requests(&RowFilter::session(session), 1_000).unwrap()
    }

    /// Holds log and ledger against what was read.
    #[track_caller]
    fn check_kept(&self, seen: &Seen) {
        let Some(session) = self.session() else {
            // Nothing that was never shown need be there.
            assert_eq!(seen.events, Vec::<Value>::new());
            return;
        };
        if let Some(first) = seen.events.first().filter(|event| event["seq"] == 0) {
            assert_eq!(first["session_id"], session.as_str());
        }
        let log = self.log(&session);
        let export = self.run(&["sessions", "export", &session, "--format", "json"]).json();
        let exported = export["events"].as_array().unwrap();
        for event in &seen.events {
            let seq = usize::try_from(event["seq"].as_u64().unwrap()).unwrap();
            assert_eq!(log.get(seq), Some(event));
            assert!(is_repeated(&log, seq) || exported.contains(event), "{event} in {export}");
        }
        self.check_ledger(&session, &seen.events);
    }

    /// Holds the ledger against finished requests, and the books against each other.
    #[track_caller]
    fn check_ledger(&self, session: &str, events: &[Value]) {
        let cost = self.run(&["cost", "--json", "--session", session]).json();
        let rows = self.rows(session);
        assert!(rows.iter().all(|row| row.state != RowState::Open), "{rows:?}");
        let nanos = |row: &RequestRow| row.cost_nanousd.map(distiq_base::Money::nanos);
        let sum: i64 = rows.iter().map(|row| nanos(row).unwrap()).sum();
        assert_eq!(cost["cost_nanousd"], sum);
        assert_eq!(cost["totals"]["requests"], rows.len());
        let estimated = rows.iter().filter(|row| row.state == RowState::Estimated).count();
        assert_eq!(cost["totals"]["estimated"], estimated);
        // Nothing was sent behind the ledger's back.
        assert!(rows.len() >= self.model.requests().len(), "{rows:?}");
        for event in events.iter().filter(|event| event["type"] == "request_finished") {
            let id = event["request_id"].as_str().unwrap();
            let row = rows.iter().find(|row| row.id.as_str() == id).unwrap();
            let state =
                if event["estimated"] == true { RowState::Estimated } else { RowState::Final };
            assert_eq!((row.state, nanos(row)), (state, event["cost_nanousd"].as_i64()));
        }
    }

    /// Goes on to the end, and holds everything against everything.
    #[track_caller]
    fn check_recovery(&self, seen: &Seen) {
        for (path, old, new) in script::FILES {
            let found = fs::read_to_string(self.place.project().join(path)).ok();
            let (old, new) = (old.map(script::content), script::content(new));
            assert!(found == old || found == Some(new), "{path} is torn");
        }
        self.check_kept(seen);
        let Some(session) = self.session() else {
            let ran = self.run(&[&["run"][..], &STREAM].concat());
            assert_eq!(ran.code, 0, "{}", ran.err);
            return self.check_end(&self.session().unwrap());
        };
        let options = ["--mode", "full", "--price", "3/15", "--output-format", "json"];
        let ran = self.run(&[&["resume", &session][..], &options, &["--", "go on"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert_eq!(ran.json()["status"], "done");
        // What was shown before the kill is there as it was.
        self.check_kept(seen);
        self.check_end(&session);
    }

    #[track_caller]
    fn check_end(&self, session: &str) {
        for (path, _, new) in script::FILES {
            assert_eq!(self.place.env.read(path).unwrap(), script::content(new), "{path}");
        }
        let log = self.log(session);
        for (seq, event) in log.iter().enumerate() {
            assert_eq!(event["seq"], seq);
        }
        self.check_ledger(session, &log);
        self.model.check();
        assert_eq!(self.strays(), Vec::<PathBuf>::new());
    }

    fn strays(&self) -> Vec<PathBuf> {
        let mut files = files_below(&self.place.folder());
        files.retain(|path| path.extension().is_some_and(|extension| extension == "tmp"));
        files
    }
}

/// Returns the lines that have their end; what a kill cut short was not shown.
fn whole_lines(text: &str) -> Vec<Value> {
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Tells whether an event is a piece of an answer that stands whole behind it.
fn is_repeated(log: &[Value], seq: usize) -> bool {
    let behind = || log.iter().skip(seq).map(|event| event["type"].as_str().unwrap());
    let next_request = behind().position(|kind| kind == "request_started").unwrap_or(usize::MAX);
    log[seq]["type"] == "text_delta"
        && behind().position(|kind| kind == "message").is_some_and(|at| at < next_request)
}

/// Returns all files in a folder and those in it.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => drop(found.insert(entry.path())),
        }
    }
    found.into_iter().collect()
}
