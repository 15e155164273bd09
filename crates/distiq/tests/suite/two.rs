//! Two agents at once, in one project and one home.

use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use distiq_base::{Content, Request, Role};
use distiq_testkit::{Answer, Script, ScriptedModel, Sessions, Step};
use serde_json::{Value, json};

use crate::{Place, Ran};

/// A point that several pass together; who waits in vain goes on, and its test fails by itself.
#[derive(Default)]
struct Meeting {
    arrived: Mutex<usize>,
    changed: Condvar,
}

impl Meeting {
    fn wait_for(&self, all: usize) {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        self.changed.notify_all();
        let patience = Duration::from_secs(30);
        drop(self.changed.wait_timeout_while(arrived, patience, |arrived| *arrived < all).unwrap());
    }
}

fn command(place: &Place, model: &ScriptedModel, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command
        .env("ANTHROPIC_BASE_URL", model.base_url_anthropic())
        .env("DISTIQ_MODEL", "scripted-1")
        .args(["--mode", "full", "--price", "3/15", "--output-format", "json", "--", "go"]);
    command
}

fn answers(request: &Request) -> usize {
    request.messages.iter().filter(|message| message.role == Role::Assistant).count()
}

fn newest_result(request: &Request) -> String {
    let newest = request.messages.last().unwrap().content.iter();
    let results = newest.filter_map(|part| match part {
        Content::ToolResult { content, .. } => Some(content),
        _ => None,
    });
    let texts = results.flatten().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn two_agents_work_side_by_side_and_lose_nothing() {
    const ROUNDS: usize = 5;
    let place = Place::new();
    // Each has a file of its own, and both change lines of a third.
    let shared: String = (0..2 * ROUNDS).map(|n| format!("line {n} old\n")).collect();
    place.write("shared.txt", &shared);
    let meetings: Arc<[Meeting; ROUNDS]> = Arc::new(Default::default());
    let models: Vec<ScriptedModel> = (0..2)
        .map(|agent| {
            let own = format!("own{agent}.txt");
            place.write(&own, "step 0\n");
            let meetings = Arc::clone(&meetings);
            let script = Script::function(move |request| {
                let round = answers(request);
                let Some(meeting) = meetings.get(round) else { return Answer::text("done").into() };
                // Both go into every round together.
                meeting.wait_for(2);
                let line = 2 * round + agent;
                Answer::call(
                    "edit",
                    json!({"path": own, "search": format!("step {round}"),
                           "replace": format!("step {}", round + 1)}),
                )
                .and_call(
                    "edit",
                    json!({"path": "shared.txt", "search": format!("line {line} old"),
                           "replace": format!("line {line} new")}),
                )
                .into()
            });
            ScriptedModel::start(script).unwrap()
        })
        .collect();
    let running: Vec<_> = models
        .iter()
        .map(|model| place.env.spawn(command(&place, model, &["run"])).unwrap())
        .collect();
    for running in running {
        let ran = Ran::from(running.wait().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert_eq!(ran.json()["requests"], ROUNDS + 1);
    }
    assert_eq!(place.env.read("shared.txt").unwrap(), shared.replace("old", "new"));
    for agent in 0..2 {
        let own = place.env.read(&format!("own{agent}.txt")).unwrap();
        assert_eq!(own, format!("step {ROUNDS}\n"));
    }
    models.iter().for_each(ScriptedModel::check);
    let list = place.run(&["sessions", "list", "--json"]).json();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 2);
    let cost = place.run(&["cost", "--json"]).json();
    assert_eq!(cost["totals"]["requests"], 2 * (ROUNDS + 1));
}

#[test]
fn edits_of_one_file_by_many_processes_are_all_kept() {
    const PROCESSES: usize = 8;
    const EDITS: usize = 6;
    let place = Place::new();
    let lines = |state: &str| {
        let all = (0..PROCESSES * EDITS).map(|n| format!("[{n}] {state}\n"));
        all.collect::<String>() + &"a line that stays\n".repeat(20_000)
    };
    place.write("all.txt", &lines("old"));
    std::thread::scope(|scope| {
        for process in 0..PROCESSES {
            let place = &place;
            scope.spawn(move || {
                for edit in 0..EDITS {
                    let n = process * EDITS + edit;
                    let input = json!({"path": "all.txt", "search": format!("[{n}] old"),
                                       "replace": format!("[{n}] new")});
                    place.run(&["tool", "edit", &input.to_string()]).ok();
                }
            });
        }
    });
    assert!(place.env.read("all.txt").unwrap() == lines("new"), "an edit was lost");
}

#[test]
fn an_agent_is_told_that_another_one_changed_what_it_had_read() {
    let place = Place::new();
    place.write("a.txt", "colour = red\nsize = 1\n");
    let other = ScriptedModel::start(Script::by_turn([
        Answer::call(
            "edit",
            json!({"path": "a.txt", "search": "colour = red", "replace": "colour = blue"}),
        ),
        Answer::text("done"),
    ]))
    .unwrap();
    // The other agent comes between the first one's read and edit.
    let between = Mutex::new(command(&place, &other, &["run"]));
    let script = Script::function(move |request| {
        let heard = newest_result(request);
        let edit = |search: &str| {
            Answer::call(
                "edit",
                json!({"path": "a.txt", "search": search, "replace": "colour = green"}),
            )
        };
        let answer = match answers(request) {
            0 => Answer::call("read", json!({"path": "a.txt"})),
            1 => {
                let ran = Ran::of(between.lock().unwrap().output().unwrap());
                assert_eq!(ran.code, 0, "{}", ran.err);
                edit("colour = red")
            }
            2 => Answer::call("write", json!({"path": "a.txt", "content": "colour = green\n"}))
                .expecting("changed since you read it"),
            3 => Answer::call("read", json!({"path": "a.txt"}))
                .expecting("changed since you read it"),
            4 if heard.contains("colour = blue") => edit("colour = blue"),
            _ => Answer::text("done"),
        };
        Step::Answer(answer)
    });
    let model = ScriptedModel::start(script).unwrap();
    let ran = Ran::of(command(&place, &model, &["run"]).output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(place.env.read("a.txt").unwrap(), "colour = green\nsize = 1\n");
    model.check();
}

#[test]
fn a_session_that_runs_cannot_be_taken_by_another_process() {
    let place = Place::new();
    let other = ScriptedModel::start(Script::by_turn([Answer::text("never")])).unwrap();
    let second = Mutex::new(command(&place, &other, &["run", "--continue"]));
    let script = Script::function(move |_| {
        // Within the first one's request.
        let ran = Ran::of(second.lock().unwrap().output().unwrap());
        assert_eq!(ran.code, 1, "{}", ran.out);
        let error = &ran.json()["error"];
        assert!(error["message"].as_str().unwrap().contains("in use by another"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("wait"), "{error}");
        Answer::text("done").into()
    });
    let model = ScriptedModel::start(script).unwrap();
    let ran = Ran::of(command(&place, &model, &["run"]).output().unwrap());
    assert_eq!((ran.code, ran.json()["text"].as_str()), (0, Some("done")), "{}", ran.err);
    assert_eq!(other.requests().len(), 0);
    let cost = place.run(&["cost", "--json"]).json();
    assert_eq!(cost["totals"]["requests"], 1, "{cost}");
}

#[test]
fn agents_that_share_a_day_and_its_limit_never_overspend() {
    const AGENTS: usize = 4;
    const DAY: i64 = 60_000_000;
    const RUN: i64 = 25_000_000;
    let place = Place::new();
    place.settings("[limits]\nday = 0.06\n");
    let model = {
        let options =
            distiq_testkit::Options { sessions: Sessions::Unrelated, ..Default::default() };
        let script = Script::function(|request| {
            let step = answers(request);
            let text = format!("I look for the next one of many, number {step}. ").repeat(12);
            Answer::text(text).and_call("find", json!({"pattern": format!("{step}*")})).into()
        });
        ScriptedModel::start_with(script, options).unwrap()
    };
    let running: Vec<_> = (0..AGENTS)
        .map(|_| {
            let command = command(&place, &model, &["run", "--max-cost", "0.025"]);
            place.env.spawn(command).unwrap()
        })
        .collect();
    let ended: Vec<Value> = running
        .into_iter()
        .map(|running| {
            let ran = Ran::from(running.wait().unwrap());
            assert_eq!(ran.code, 4, "{} {}", ran.out, ran.err);
            let json = ran.json();
            assert_eq!(json["status"], "budget");
            json
        })
        .collect();
    for end in &ended {
        let cost = end["cost_nanousd"].as_i64().unwrap();
        assert!(cost <= RUN, "{end}");
    }
    let cost = place.run(&["cost", "--today", "--json"]).json();
    let spent = cost["cost_nanousd"].as_i64().unwrap();
    let told: i64 = ended.iter().map(|end| end["cost_nanousd"].as_i64().unwrap()).sum();
    assert_eq!(spent, told, "the ledger and the runs tell the same");
    assert!(spent <= DAY, "{spent} of {DAY}");
    assert!(spent > DAY / 4, "the limit is of use: {spent} of {DAY}");
    // A limit stays one for whoever comes next.
    let sent = model.requests().len();
    let rest = Ran::of(command(&place, &model, &["run"]).output().unwrap());
    assert_eq!(rest.code, 4, "{}", rest.out);
    let spent = place.run(&["cost", "--today", "--json"]).json()["cost_nanousd"].as_i64().unwrap();
    assert!(spent <= DAY && model.requests().len() >= sent, "{spent} of {DAY}");
}
