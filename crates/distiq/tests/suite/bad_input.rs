//! Bad input: what is wrong is told with what to do, nothing is lost and nothing hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use distiq_testkit::{Answer, AtEnd, Fault, Script, ScriptedModel, Step};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use crate::{Place, Ran};

/// A project and a healthy model.
pub struct Desk {
    pub place: Place,
    pub model: ScriptedModel,
}

impl Desk {
    pub fn new(script: Script) -> Self {
        let model = ScriptedModel::start(script).unwrap();
        let mut place = Place::new();
        place.env.use_model(&model).set("DISTIQ_MODEL", "scripted-1");
        Self { place, model }
    }

    pub fn saying(steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self::new(Script::by_turn(steps).at_end(AtEnd::Repeat))
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.place.run(arguments)
    }

    /// Runs a job to its end as JSON.
    #[track_caller]
    pub fn done(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["run", "--output-format", "json"], arguments].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ran.json()
    }

    /// Returns the texts of all tool results that the model was told, in order.
    pub fn told(&self) -> Vec<String> {
        let requests = self.model.requests();
        let request = requests.last().unwrap().request.clone().unwrap();
        let contents = request.messages.iter().flat_map(|message| &message.content);
        contents
            .filter_map(|content| match content {
                distiq_base::Content::ToolResult { content, .. } => Some(
                    content
                        .iter()
                        .filter_map(|part| match part {
                            distiq_base::Content::Text { text } => Some(text.as_str()),
                            _ => None,
                        })
                        .collect(),
                ),
                _ => None,
            })
            .collect()
    }

    fn ledger(&self) -> PathBuf {
        self.place.home().join("data/ledger.db")
    }

    /// Returns the log of the only session.
    fn log(&self) -> PathBuf {
        let list = self.run(&["sessions", "list", "--json"]).json();
        let id = list["sessions"][0]["id"].as_str().unwrap().to_owned();
        let mut folders = vec![self.place.home().join("data/sessions")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "jsonl")
                    && path.to_string_lossy().contains(&id)
                {
                    return path;
                }
            }
        }
        panic!("no log of {id}");
    }
}

#[track_caller]
fn is_told(ran: &Ran, code: i32, error: &str, hint: &str) {
    assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    let has = |start: &str, text: &str| {
        ran.err.lines().any(|line| line.starts_with(start) && line.contains(text))
    };
    assert!(has("error: ", error) && has("hint: ", hint), "{}", ran.err);
}

#[test]
fn a_model_that_nobody_knows_is_told_and_one_without_a_price_is_never_free() {
    let desk = Desk::new(
        Script::steps([Step::Fault(Fault::Status { status: 404 }), Answer::text("ok").into()])
            .at_end(AtEnd::Repeat),
    );
    let ran = desk.run(&["run", "--model", "clod-9", "x"]);
    is_told(&ran, 6, "HTTP 404", "`distiq models` lists what it offers");
    let json = desk.done(&["--model", "own-model-7b", "x"]);
    assert_eq!((&json["cost_nanousd"], &json["priced"]), (&Value::Null, &json!(false)), "{json}");
    let id = json["session_id"].as_str().unwrap();
    let cost = desk.run(&["cost", "--json", "--session", id]).json();
    assert_eq!((&cost["priced"], &cost["totals"]["unpriced"]), (&json!(false), &json!(1)));
    let words = desk.run(&["cost"]).ok();
    assert!(words.contains("without a known price"), "{words}");
    // With a price given the same model counts.
    let json = desk.done(&["--model", "own-model-7b", "--price", "3/15", "x"]);
    assert_eq!(json["priced"], true);
    assert!(json["cost_nanousd"].as_i64().unwrap() > 0, "{json}");
}

#[test]
fn a_price_file_that_is_wrong_names_the_line_and_what_was_expected() {
    let desk = Desk::saying([Answer::text("ok")]);
    let file = desk.place.home().join("config/prices.toml");
    desk.place.settings(&format!("prices = {:?}\n", file.to_str().unwrap()));
    for (text, line, expected) in [
        ("[[models]]\nprovider = 3\n", "line 2", "`provider` must be a text"),
        ("[[models]\n", "line 1", "expected"),
    ] {
        fs::write(&file, text).unwrap();
        let ran = desk.run(&["run", "x"]);
        is_told(&ran, 3, line, "Mend ");
        assert!(ran.err.contains("prices.toml") && ran.err.contains(expected), "{}", ran.err);
    }
    fs::remove_file(&file).unwrap();
    is_told(&desk.run(&["run", "x"]), 3, "No price file at ", "unset `prices`");
    assert_eq!(desk.model.requests().len(), 0);
}

#[test]
fn a_limit_of_the_day_holds_over_runs() {
    let desk = Desk::saying([Answer::text("ok")]);
    desk.place.settings("[limits]\nday = 0.25\n");
    let mut runs = 0;
    let last = loop {
        let ran = desk.run(&["run", "--price", "30/150", "x"]);
        if ran.code != 0 {
            break ran;
        }
        runs += 1;
        assert!(runs < 100, "no limit holds");
    };
    assert!(runs > 0, "{}", last.err);
    is_told(
        &last,
        4,
        "The day limit of $0.25 does not cover",
        "Raise the day limit in the settings",
    );
    let spent = desk.run(&["cost", "--json", "--today"]).json()["cost_nanousd"].as_i64().unwrap();
    assert!(spent <= 250_000_000, "{spent}");
    assert_eq!(desk.model.requests().len(), runs, "what is refused is not sent");
    is_told(&desk.run(&["run", "y"]), 4, "no known price", "--price");
}

#[test]
fn a_pipe_that_is_no_utf8_is_refused_before_anything_is_sent() {
    let desk = Desk::saying([Answer::text("ok")]);
    let mut command: Command = desk.place.command(&["run", "-"]);
    let path = desk.place.write("latin1.txt", "");
    fs::write(&path, b"caf\xe9").unwrap();
    command.stdin(fs::File::open(path).unwrap());
    let ran = Ran::of(command.output().unwrap());
    is_told(&ran, 2, "The prompt is not UTF-8", "iconv");
    assert_eq!(desk.model.requests().len(), 0);
}

#[test]
fn files_that_are_no_text_are_told_to_the_model_and_the_run_goes_on() {
    let files = ["latin1.txt", "data.bin", "huge.log", "one-line.json", "pipe", "folder", "gone"];
    let read = |path: &str| Answer::call("read", json!({"path": path}));
    let mut steps: Vec<Answer> = files.iter().map(|path| read(path)).collect();
    steps.push(Answer::call("search", json!({"pattern": "needle"})));
    steps
        .push(Answer::call("edit", json!({"path": "latin1.txt", "search": "caf", "replace": "x"})));
    steps.push(Answer::text("Read all."));
    let desk = Desk::saying(steps);
    let root = desk.place.project();
    fs::write(root.join("latin1.txt"), b"caf\xe9 needle\n").unwrap();
    fs::write(root.join("data.bin"), [0, 159, 146, 150, 0, 1, 2, 3].repeat(1000)).unwrap();
    let huge = fs::File::create(root.join("huge.log")).unwrap();
    huge.set_len(3 << 30).unwrap();
    fs::write(root.join("one-line.json"), "7".repeat(5 << 20)).unwrap();
    mkfifo(&root.join("pipe"), Mode::S_IRWXU).unwrap();
    fs::create_dir(root.join("folder")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let json = desk.done(&["--mode", "full", "--price", "3/15", "read them"]);
    assert_eq!(json["text"], "Read all.");
    let told = desk.told();
    assert_eq!(told.len(), files.len() + 2, "{told:#?}");
    for (file, text) in files.iter().zip(&told) {
        assert!(!text.is_empty() && text.len() < 16 * 1024, "{file}: {} bytes", text.len());
    }
    let has =
        |at: usize, word: &str| assert!(told[at].contains(word), "{}: {}", files[at], told[at]);
    has(1, "binary");
    has(5, "folder");
    has(6, "gone");
    // Bytes that are no UTF-8 stay as they are, wherever an edit is made or refused.
    let bytes = fs::read(root.join("latin1.txt")).unwrap();
    assert!(bytes.windows(2).any(|part| part == b"\xe9 "), "{told:#?}");
    desk.model.check();
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_and_left_alone() {
    let desk = Desk::saying([Answer::text("ok")]);
    desk.done(&["--price", "3/15", "x"]);
    let sent = desk.model.requests().len();
    let mut bytes = fs::read(desk.ledger()).unwrap();
    // SQLite's `user_version`: four bytes from 60, big end first.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(desk.ledger(), &bytes).unwrap();
    for command in [&["run", "x"][..], &["cost"], &["resume"], &["stats"]] {
        is_told(&desk.run(command), 1, "has format 99, this version knows up to", "Install");
    }
    assert_eq!(fs::read(desk.ledger()).unwrap(), bytes, "untouched");
    assert_eq!(desk.model.requests().len(), sent, "nothing is sent that cannot be recorded");
}

#[test]
fn a_ledger_that_is_damaged_or_something_else_is_told_and_left_alone() {
    for (bytes, words, hint) in [
        (
            b"not a database at all, but long enough to look at it twice".repeat(100),
            "damaged",
            "Move",
        ),
        (b"SQLite format 3\0".to_vec(), "", ""),
    ] {
        let desk = Desk::saying([Answer::text("ok")]);
        fs::create_dir_all(desk.ledger().parent().unwrap()).unwrap();
        fs::write(desk.ledger(), &bytes).unwrap();
        let ran = desk.run(&["run", "x"]);
        is_told(&ran, 1, words, hint);
        assert_eq!(fs::read(desk.ledger()).unwrap(), bytes);
        assert_eq!(desk.model.requests().len(), 0);
    }
}

#[test]
fn a_log_of_a_newer_version_is_refused_and_left_alone() {
    let desk = Desk::saying([Answer::text("one"), Answer::text("two")]);
    desk.done(&["--price", "3/15", "x"]);
    let log = desk.log();
    let text = fs::read_to_string(&log).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut record: Value = serde_json::from_str(first).unwrap();
    record["schema"] = json!(99);
    fs::write(&log, format!("{record}\n{rest}")).unwrap();
    let before = fs::read(&log).unwrap();
    let ran = desk.run(&["resume"]);
    is_told(&ran, 1, "has schema 99; this version knows up to", "nstall");
    assert_eq!(fs::read(&log).unwrap(), before, "untouched");
    // Other sessions are not held up by it.
    assert_eq!(desk.run(&["sessions", "list"]).code, 0);
    assert_eq!(desk.done(&["y"])["status"], "done");
}

#[test]
fn a_log_with_a_damaged_line_says_where_and_keeps_what_stands_before() {
    let desk = Desk::saying([Answer::text("one"), Answer::text("two")]);
    desk.done(&["--price", "3/15", "the first words"]);
    let log = desk.log();
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| line.contains("\"message\"")).unwrap();
    let broken = lines.iter().enumerate().map(|(n, l)| if n == at { "{\"seq\": bro" } else { l });
    let broken: String = broken.map(|line| format!("{line}\n")).collect();
    fs::write(&log, &broken).unwrap();
    let ran = desk.run(&["resume"]);
    is_told(&ran, 1, &format!("is damaged at line {}", at + 1), "start a new session");
    assert_eq!(fs::read_to_string(&log).unwrap(), broken, "untouched");
    assert_eq!(desk.done(&["y"])["status"], "done");
}
