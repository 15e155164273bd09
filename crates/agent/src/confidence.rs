//! What is gathered in a turn to tell how sure one can be of its answer: how commands and tests ended, which
//! edits were refused, how tools were used.

mod commands;

use std::collections::{BTreeMap, BTreeSet};

use distiq_router::escalate::{Check, Ended, Ending, Evidence, wants_change};
use distiq_tools::{Outcome, RefusalKind};
use serde_json::Value;

use commands::Line;

/// Most commands that are remembered; the oldest go first.
const MOST_RUNS: usize = 64;

/// What is known of a turn so far.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    runs: Vec<Run>,
    /// Counts what changed, so that what was run before a change is known to be stale.
    changes: u32,
    /// Files whose last edit was refused, and whether for a syntax error.
    refused: BTreeMap<String, bool>,
    /// Files that an edit left with a syntax error.
    broken: BTreeSet<String>,
    /// Calls that were refused for a syntax error: sent again, they are applied.
    syntax_calls: BTreeSet<(String, String)>,
    calls: u32,
    invalid: u32,
    failed: u32,
    repeats: u32,
    was_denied: bool,
    /// How the model came to its end, where not by an answer.
    pub ending: Ending,
}

/// A command, as it last ended.
#[derive(Debug)]
struct Run {
    line: Line,
    ended: Ended,
    /// What had changed when it ran.
    at: u32,
}

impl Gathered {
    /// Takes a call in, with how often the same one had the same result.
    pub fn note(&mut self, name: &str, arguments: &str, outcome: &Outcome, repeats: usize) {
        self.calls += 1;
        self.repeats = self.repeats.max(u32::try_from(repeats).unwrap_or(u32::MAX));
        self.was_denied |=
            outcome.asked.iter().any(|asked| matches!(asked.answer.as_str(), "no" | "nobody"));
        let kind = outcome.refusal.as_ref().map(|refusal| refusal.kind);
        self.was_denied |= kind == Some(RefusalKind::Denied);
        self.failed += u32::from(!outcome.ok);
        self.invalid += u32::from(kind == Some(RefusalKind::Invalid));
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        match name {
            "edit" | "write" => self.edit((name, arguments), &input, outcome, kind),
            "shell" => self.shell(&input, outcome),
            "test" => self.test(&input, outcome),
            _ => {}
        }
    }

    /// Another model goes on: how tools were used so far is not its doing, what was run and changed stays.
    pub fn hand_over(&mut self) {
        *self = Self {
            runs: std::mem::take(&mut self.runs),
            changes: self.changes,
            broken: std::mem::take(&mut self.broken),
            ..Self::default()
        };
    }

    /// Returns what is known, for the answer that a request was given.
    pub fn evidence(&self, request: &str, answer: &str) -> Evidence {
        let is_syntax = |wanted: bool| {
            let files = self.refused.iter().filter(move |(_, syntax)| **syntax == wanted);
            files.map(|(file, _)| file.clone())
        };
        let checks = self.runs.iter().map(|run| Check {
            what: run.line.shown.clone(),
            ended: run.ended,
            is_check: run.line.is_check,
            is_stale: run.at < self.changes,
        });
        let broken: BTreeSet<String> = self.broken.iter().cloned().chain(is_syntax(true)).collect();
        Evidence {
            checks: checks.collect(),
            has_changed: self.changes > 0,
            wants_change: wants_change(request),
            broken_files: broken.into_iter().collect(),
            missed_edits: is_syntax(false).collect(),
            calls: self.calls,
            invalid_calls: self.invalid,
            failed_calls: self.failed,
            repeats: self.repeats,
            was_denied: self.was_denied,
            ending: self.ending,
            answer: answer.to_owned(),
            self_check: None,
        }
    }

    fn edit(
        &mut self,
        call: (&str, &str),
        input: &Value,
        outcome: &Outcome,
        kind: Option<RefusalKind>,
    ) {
        let call = (call.0.to_owned(), call.1.to_owned());
        let forced = self.syntax_calls.contains(&call);
        if outcome.ok {
            self.changes += 1;
            for file in &outcome.files_changed {
                self.refused.remove(file);
                match forced {
                    true => drop(self.broken.insert(file.clone())),
                    false => drop(self.broken.remove(file)),
                }
            }
            return;
        }
        let is_syntax = kind == Some(RefusalKind::Syntax);
        if is_syntax {
            self.syntax_calls.insert(call);
        }
        // What was denied, cancelled or met a full disk is not for another model to do better.
        if matches!(
            kind,
            Some(
                RefusalKind::NotFound
                    | RefusalKind::Ambiguous
                    | RefusalKind::Stale
                    | RefusalKind::Syntax
            )
        ) && let Some(path) = path_of(input)
        {
            self.refused.insert(path, is_syntax);
        }
    }

    fn shell(&mut self, input: &Value, outcome: &Outcome) {
        let Some(text) = input.get("command").and_then(Value::as_str) else { return };
        let exit = outcome.data.get("exit_code").and_then(Value::as_i64);
        let is_out_of_time = outcome.data.get("timed_out") == Some(&Value::Bool(true));
        let line = commands::read(text);
        self.changes += u32::from(line.changes);
        let ended = match (is_out_of_time, exit) {
            (true, _) => Some(Ended::TimedOut),
            (_, Some(code)) => line.ended(code, &outcome.text),
            _ => None,
        };
        if let Some(ended) = ended.filter(|_| line.counts) {
            self.ran(line, ended);
        }
    }

    fn test(&mut self, input: &Value, outcome: &Outcome) {
        let data = |name: &str| outcome.data.get(name);
        let Some(command) = data("command").and_then(Value::as_str) else { return };
        let ended = match (data("timed_out"), data("exit_code").and_then(Value::as_i64)) {
            (Some(Value::Bool(true)), _) => Ended::TimedOut,
            (_, Some(0)) => Ended::Passed,
            (_, Some(code)) => Ended::Failed(i32::try_from(code).ok()),
            _ => return,
        };
        let is_whole = ["names", "name", "path"].iter().all(|field| input.get(field).is_none());
        let mut line = Line::check(command);
        if is_whole {
            line.words.truncate(1);
        }
        self.ran(line, ended);
    }

    /// Takes a run in; one that passed makes up for those of a part of it that did not.
    fn ran(&mut self, line: Line, ended: Ended) {
        let covers = |run: &Run| {
            run.line.words == line.words
                || ended == Ended::Passed && run.line.words.starts_with(&line.words)
        };
        self.runs.retain(|run| !covers(run));
        if self.runs.len() == MOST_RUNS {
            self.runs.remove(0);
        }
        self.runs.push(Run { line, ended, at: self.changes });
    }
}

/// Returns the file that a call is about; that of several is told by none.
fn path_of(input: &Value) -> Option<String> {
    let edits = input.get("edits").and_then(Value::as_array);
    let first = edits.and_then(|edits| edits.first()).and_then(|edit| edit.get("path"));
    let path = input.get("path").or(first)?.as_str()?;
    Some(path.trim_start_matches("./").to_owned())
}

#[cfg(test)]
mod tests {
    use distiq_router::escalate::assess;
    use distiq_tools::Refusal;
    use serde_json::json;

    use super::*;

    fn ran(gathered: &mut Gathered, command: &str, exit: i32) {
        printed(gathered, command, exit, "");
    }

    fn printed(gathered: &mut Gathered, command: &str, exit: i32, text: &str) {
        let data = json!({"exit_code": exit, "timed_out": false});
        let outcome = Outcome::done(text).with_data(data);
        gathered.note("shell", &json!({"command": command}).to_string(), &outcome, 1);
    }

    fn edited(gathered: &mut Gathered, path: &str, refusal: Option<RefusalKind>) {
        let outcome = match refusal {
            None => Outcome { files_changed: vec![path.into()], ..Outcome::done("edited") },
            Some(kind) => Outcome::from(Refusal::new(kind, "no")),
        };
        gathered.note("edit", &json!({"path": path, "search": "a"}).to_string(), &outcome, 1);
    }

    fn codes(gathered: &Gathered) -> Vec<&'static str> {
        assess(&gathered.evidence("fix it", "Done.")).codes()
    }

    #[test]
    fn the_last_run_counts_and_a_change_makes_it_stale() {
        let mut gathered = Gathered::default();
        ran(&mut gathered, "pytest -q", 1);
        edited(&mut gathered, "a.py", None);
        assert_eq!(codes(&gathered), ["not_run_again"]);
        ran(&mut gathered, "python -m pytest tests/a.py", 1);
        assert_eq!(codes(&gathered), ["failed", "not_run_again"]);
        // The whole makes up for its parts.
        ran(&mut gathered, "cd . && timeout 60 pytest", 0);
        assert_eq!(codes(&gathered), ["tested"]);
        ran(&mut gathered, "sed -i s/a/b/ a.py", 0);
        assert_eq!(codes(&gathered), Vec::<&str>::new());
        ran(&mut gathered, "grep -rn nothing .", 1);
        ran(&mut gathered, "ls missing", 2);
        assert_eq!(codes(&gathered), Vec::<&str>::new());
    }

    #[test]
    fn an_exit_code_that_belongs_to_another_command_is_none() {
        let mut gathered = Gathered::default();
        edited(&mut gathered, "a.py", None);
        printed(&mut gathered, "pytest | tail -3", 0, "what it was is cut off");
        assert_eq!(codes(&gathered), ["untested"]);
        printed(&mut gathered, "pytest 2>&1 | tail -3", 0, "1 failed, 3 passed in 0.1s");
        assert_eq!(codes(&gathered), ["failed"]);
        printed(&mut gathered, "pytest 2>&1 | tail -3", 0, "4 passed in 0.1s");
        assert_eq!(codes(&gathered), ["tested"]);
    }

    #[test]
    fn a_refused_edit_counts_until_the_file_is_changed() {
        let mut gathered = Gathered::default();
        edited(&mut gathered, "./a.py", Some(RefusalKind::NotFound));
        assert_eq!(codes(&gathered), ["missed_edit"]);
        edited(&mut gathered, "a.py", Some(RefusalKind::Syntax));
        assert_eq!(codes(&gathered), ["syntax"]);
        // The same again is applied, broken as it is.
        edited(&mut gathered, "a.py", None);
        assert_eq!(codes(&gathered), ["syntax", "untested"]);
        gathered.syntax_calls.clear();
        edited(&mut gathered, "a.py", None);
        assert_eq!(codes(&gathered), ["untested"]);
        edited(&mut gathered, "b.py", Some(RefusalKind::Denied));
        assert_eq!(codes(&gathered), ["untested"]);
    }

    #[test]
    fn another_model_begins_with_what_was_run_alone() {
        let mut gathered = Gathered::default();
        edited(&mut gathered, "a.py", None);
        edited(&mut gathered, "b.py", Some(RefusalKind::Invalid));
        edited(&mut gathered, "b.py", Some(RefusalKind::Ambiguous));
        ran(&mut gathered, "make check", 2);
        gathered.ending = Ending::Cut;
        gathered.hand_over();
        assert_eq!(codes(&gathered), ["failed"]);
        ran(&mut gathered, "make check", 0);
        assert_eq!(codes(&gathered), ["tested"]);
    }

    #[test]
    fn the_projects_tests_count_by_their_exit_code() {
        let mut gathered = Gathered::default();
        let run = |gathered: &mut Gathered, input: Value, command: &str, exit: i32| {
            let data = json!({"command": command, "exit_code": exit, "timed_out": false});
            let outcome = Outcome::done("").with_data(data);
            gathered.note("test", &input.to_string(), &outcome, 1);
        };
        edited(&mut gathered, "a.py", None);
        run(&mut gathered, json!({"names": ["b"]}), "pytest tests -k b", 1);
        assert_eq!(codes(&gathered), ["failed"]);
        run(&mut gathered, json!({}), "pytest --junitxml x", 0);
        assert_eq!(codes(&gathered), ["tested"]);
    }
}
