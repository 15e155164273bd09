//! What the user sees of every fault of the testkit, in both dialects: once, with a healthy answer
//! behind it, and again and again.

mod rows;

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use distiq_base::Dialect;
use distiq_testkit::invariants::Sessions;
use distiq_testkit::{Answer, AtEnd, Fault, Options, Script, ScriptedModel, Step};
use serde_json::Value;

use crate::{Place, Ran, shape};
use rows::{Row, Way};

const HEALTHY: &str = "All is well.";
/// How the answer that a fault harms begins.
const HARMED: &str = "Here is";
/// How it ends.
const UNHARMED: &str = "naïve, but 日本語 and 🦀 survive the way.";
const KEYS: [&str; 2] = ["sk-ant-key-of-the-test-environment", "sk-key-of-the-test-environment"];

/// A project and a model whose answers a fault harms.
struct Bench {
    place: Place,
    model: ScriptedModel,
    provider: &'static str,
    fault: Fault,
}

impl Bench {
    fn new(dialect: Dialect, fault: &Fault, script: Script) -> Self {
        let secrets = KEYS.map(str::to_owned).to_vec();
        let options = Options { secrets, sessions: Sessions::One, ..Options::default() };
        let model = ScriptedModel::start_with(script, options).unwrap();
        let mut place = Place::new();
        place.env.use_model(&model);
        // The answer that faults harm reads this file.
        place.write("src/日本.rs", "fn main() {}\n");
        if stalls(fault) {
            place.settings("[timeouts]\nhead_ms = 400\nfirst_byte_ms = 400\nidle_ms = 400\n");
        }
        let provider = match dialect {
            Dialect::Anthropic => "anthropic",
            Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => "openai",
        };
        Self { place, model, provider, fault: fault.clone() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.env("DISTIQ_PROVIDER", self.provider).env("DISTIQ_MODEL", "scripted-1");
        // Long enough to outlive the time in which connections are refused.
        let base = if matches!(self.fault, Fault::Refused { .. }) { "200" } else { "1" };
        command.env("DISTIQ_RETRY_BASE_MS", base);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Returns the session, its exported log and its rows on the ledger.
    fn records(&self) -> (String, Value, Value) {
        let list = self.run(&["sessions", "list", "--json"]).json();
        let id = list["sessions"][0]["id"].as_str().unwrap().to_owned();
        let export = self.run(&["sessions", "export", &id, "--format", "json"]).json();
        let cost = self.run(&["cost", "--json", "--session", &id]).json();
        (id, export, cost)
    }

    /// Returns what is wrong with everything that was written: a key in it.
    #[track_caller]
    fn keeps_secrets(&self, ran: &[&Ran]) {
        for ran in ran {
            for key in KEYS {
                assert!(!ran.out.contains(key) && !ran.err.contains(key), "{}{}", ran.out, ran.err);
            }
        }
        no_key_below(&self.place.home());
    }
}

fn stalls(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::StallBeforeHead | Fault::StallBeforeFirstEvent | Fault::StallAtEvent { .. }
    )
}

#[track_caller]
fn no_key_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            no_key_below(&path);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for key in KEYS {
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "a key lies in {}", path.display());
        }
    }
}

/// What the ledger and the server must show of a run.
struct Counts {
    sent: RangeInclusive<usize>,
    rows: u64,
    failed: u64,
    estimated: u64,
}

impl Way {
    /// With the fault in the first request, and a healthy answer to every later one.
    fn once(self) -> Counts {
        let counts = |rows, failed, estimated| Counts { sent: 2..=2, rows, failed, estimated };
        match self {
            Way::Whole | Way::Told => counts(2, 0, 0),
            Way::Retried { billed } => counts(1, 0, u64::from(billed)),
            Way::RetriedUnseen => counts(1, 0, 0),
            Way::AskedAgain => counts(2, 1, 1),
            Way::GivenUp { .. } => self.always(),
        }
    }

    /// With the fault in every request.
    fn always(self) -> Counts {
        let (sent, rows, failed, estimated) = match self {
            Way::Whole => unreachable!(),
            Way::Told => (6..=6, 6, 0, 0),
            Way::Retried { billed } => (4..=4, 1, 1, u64::from(billed)),
            Way::RetriedUnseen => (1..=4, 1, 1, 0),
            Way::AskedAgain => (3..=3, 3, 3, 3),
            Way::GivenUp { billed } => (1..=1, 1, 1, u64::from(billed)),
        };
        Counts { sent, rows, failed, estimated }
    }
}

impl Counts {
    #[track_caller]
    fn check(&self, bench: &Bench, cost: &Value, about: &str) {
        let sent = bench.model.requests().len();
        assert!(self.sent.contains(&sent), "{about}: {sent} requests, not {:?}", self.sent);
        let totals = &cost["totals"];
        let rows = ["requests", "failed", "estimated", "unpriced"].map(|key| totals[key].as_u64());
        let wanted = [self.rows, self.failed, self.estimated, 0].map(Some);
        assert_eq!(rows, wanted, "{about}: requests, failed, estimated, unpriced");
        // What the vendor began to answer costs; what it refused does not.
        let is_free = self.rows == self.failed && self.estimated == 0;
        assert_eq!(cost["cost_nanousd"] == 0, is_free, "{about}: {cost}");
    }
}

/// A fault in the first request; then all is well.
fn once(row: &Row, dialect: Dialect, fault: &Fault) {
    let about = format!("{} of {dialect:?}, once", row.fault);
    let steps = [Step::Fault(fault.clone()), Answer::text(HEALTHY).into()];
    let bench = Bench::new(dialect, fault, Script::steps(steps));
    let mut arguments = vec!["run", "--mode", "full", "--price", "3/15"];
    // One dialect in words, the other by events.
    let in_words = dialect == Dialect::Anthropic;
    if !in_words {
        arguments.extend(["--output-format", "stream-json"]);
    }
    let ran = bench.run(&[&arguments[..], &["go"]].concat());
    let (_, _, cost) = bench.records();
    row.way.once().check(&bench, &cost, &about);
    let recovers = !matches!(row.way, Way::GivenUp { .. });
    let code = if recovers { 0 } else { row.code };
    assert_eq!(ran.code, code, "{about}: {}{}", ran.out, ran.err);
    let provider = bench.provider;
    let wanted = match row.way {
        Way::Whole | Way::GivenUp { .. } => String::new(),
        Way::Told => "The arguments are not valid JSON".to_owned(),
        Way::Retried { .. } | Way::RetriedUnseen => format!("{provider}: {}", row.words),
        Way::AskedAgain => format!("The answer broke off ({provider}: {}", row.words),
    };
    if in_words {
        let text = if recovers { format!("{HEALTHY}\n") } else { String::new() };
        assert_eq!(ran.out, text, "{about}: only the whole answer is the answer");
        assert!(ran.err.contains(&wanted), "{about}: {}", ran.err);
    } else {
        let end = events(&bench, &ran, &wanted, &about);
        let text = if recovers { HEALTHY } else { "" };
        assert_eq!(end["text"], text, "{about}: only the whole answer is the answer");
        assert_eq!(end["status"], if recovers { "done" } else { "failed" }, "{about}");
        assert_eq!(end["cost_nanousd"], cost["cost_nanousd"], "{about}: as on the ledger");
    }
    if matches!(row.way, Way::Whole) {
        let body = bench.model.requests().last().unwrap().json.to_string();
        assert!(body.contains(UNHARMED), "{about}: {body}");
    }
    bench.keeps_secrets(&[&ran]);
    bench.model.check();
}

/// Holds every line of the stream against the schema and returns the last.
#[track_caller]
fn events(bench: &Bench, ran: &Ran, wanted: &str, about: &str) -> Value {
    let schema = bench.place.run(&["schema", "event"]).json();
    let events: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(shape::faults(&schema, event), Vec::<String>::new(), "{about}: {event}");
        assert_eq!(event["seq"], index, "{about}");
    }
    let told = |event: &Value| {
        ["reason", "message", "text"]
            .iter()
            .any(|key| event[key].as_str().is_some_and(|text| text.contains(wanted)))
    };
    assert!(events.iter().any(told), "{about}: nobody says {wanted:?}: {}", ran.out);
    events.last().unwrap().clone()
}

/// The fault in every request; then a resumed session, and all is well.
fn always(row: &Row, dialect: Dialect, fault: &Fault) {
    let about = format!("{} of {dialect:?}, always", row.fault);
    let bench = Bench::new(dialect, fault, Script::steps([fault.clone()]).at_end(AtEnd::Repeat));
    let price = ["--price", "3/15"];
    let ran = bench.run(&["run", "--mode", "full", price[0], price[1], "go"]);
    let (id, export, cost) = bench.records();
    row.way.always().check(&bench, &cost, &about);
    assert_eq!((ran.code, ran.out.as_str()), (row.code, ""), "{about}: {}", ran.err);
    let provider = bench.provider;
    let from = if row.way == Way::Told { String::new() } else { format!("{provider}: ") };
    let error = format!("\nerror: {from}{}", row.words);
    let hint = format!("\nhint: {}", row.hint.replace("{P}", provider));
    assert!(ran.err.contains(&error) && ran.err.contains(&hint), "{about}: {}", ran.err);
    assert!(ran.err.ends_with(&format!("`distiq resume {id}` goes on\n")), "{}", ran.err);
    assert_eq!(export["session_id"], id.as_str(), "{about}");

    bench.model.play(Script::steps([Answer::text(HEALTHY)]));
    let again = bench.run(&["resume", &id, price[0], price[1]]);
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, &*format!("{HEALTHY}\n")),
        "{about}: {}",
        again.err
    );
    let body = bench.model.requests().last().unwrap().json.to_string();
    assert_eq!(body.contains(HARMED), row.way == Way::Told, "{about}: {body}");
    let (_, _, after) = bench.records();
    assert_eq!(after["totals"]["requests"], row.way.always().rows + 1, "{about}");
    bench.keeps_secrets(&[&ran, &again]);
    bench.model.check();
}

/// Tries every fault once and always; several at a time, for most of them wait.
fn check(rows: &'static [Row], dialect: Dialect, faults: Vec<Fault>) {
    let left = Mutex::new(faults);
    let next = || left.lock().unwrap().pop();
    let work = || {
        while let Some(fault) = next() {
            let row = rows::find(rows, &fault.name(), dialect);
            once(row, dialect, &fault);
            if row.way != Way::Whole {
                always(row, dialect, &fault);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

#[test]
fn anthropic_faults_are_seen_as_their_rows_say() {
    check(rows::ROWS, Dialect::Anthropic, Fault::all());
}

#[test]
fn openai_faults_are_seen_as_their_rows_say() {
    check(rows::ROWS, Dialect::Openai, Fault::all());
}

#[test]
fn what_was_shown_of_a_broken_answer_is_no_part_of_the_final_one() {
    let late = || {
        vec![
            Fault::CutAtEvent { event: 6 },
            Fault::StallAtEvent { event: 6 },
            Fault::ResetAtEvent { event: 6 },
            Fault::ErrorEvent { event: 6 },
            Fault::BrokenEvent { event: 6 },
        ]
    };
    for dialect in [Dialect::Anthropic, Dialect::Openai] {
        check(rows::ROWS_OF_LATE_FAULTS, dialect, late());
    }
}

#[test]
fn every_row_is_of_a_fault() {
    let names: Vec<String> = Fault::all().iter().map(Fault::name).collect();
    for row in rows::ROWS.iter().chain(rows::ROWS_OF_LATE_FAULTS) {
        assert!(names.iter().any(|name| name == row.fault), "{} is no fault", row.fault);
    }
}

#[test]
fn a_key_that_the_vendor_repeats_is_shown_to_nobody() {
    for (dialect, key) in [(Dialect::Anthropic, KEYS[0]), (Dialect::Openai, KEYS[1])] {
        let fault = Fault::Error {
            status: 401,
            error_type: "authentication_error".into(),
            code: Some(key.into()),
            message: format!("Incorrect API key provided: {key}"),
        };
        let bench = Bench::new(dialect, &fault, Script::steps([fault.clone()]));
        let ran = bench.run(&["run", "--output-format", "stream-json", "go"]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.out.contains("Incorrect API key provided: "), "{}", ran.out);
        bench.keeps_secrets(&[&ran]);
    }
}
