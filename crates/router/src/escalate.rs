//! How sure one can be of an answer, by what happened on the way to it, and what a stronger model is told
//! that goes on. Pure.
//!
//! Exit codes and tests count above words: an answer that sounds sure of itself is worth nothing beside a
//! test that fails, and one that hedges is believed where the tests passed after its last change.

pub mod correction;
mod ladder;
mod words;

use serde::Serialize;

use crate::route::Candidate;

pub use words::{Doubt, doubts, wants_change};

/// Below this a stronger model goes on, where the settings say nothing else.
pub const THRESHOLD: f64 = 0.85;

/// How sure one is of an answer with nothing to say for or against it, after a change that nothing was run
/// on, and after one that was tested. That more is never believed leaves room for what nobody tested.
const PLAIN: f64 = 0.95;
const UNTESTED: f64 = 0.92;
const TESTED: f64 = 0.98;
/// The least that words take an answer down to whose change was tested.
const LEAST_BY_WORDS: f64 = 0.9;
/// Most reasons that are told.
const MOST_REASONS: usize = 12;

/// How a command or a test ended that was run on the way to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It passed.
    Passed,
    /// It failed, with this exit code where it is known.
    Failed(Option<i32>),
    /// It was stopped by its time limit.
    TimedOut,
}

/// A command or a test that was run on the way to an answer, in the last of its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was run, in short.
    pub what: String,
    /// How it ended.
    pub ended: Ended,
    /// Whether it is there to check: tests, a build, types, a linter. Other commands fail for many reasons.
    pub is_check: bool,
    /// Whether something was changed since.
    pub is_stale: bool,
}

/// How the model came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    #[default]
    Answered,
    /// Its answers were cut at their token limit, again and again.
    Cut,
    /// Its answers were empty.
    Empty,
    /// Its answers had not the shape that was asked for.
    Misshapen,
    /// It made the same call with the same result, again and again.
    InCircles,
}

/// What is known of an answer and of the way to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// What was run, each in the last of its runs.
    pub checks: Vec<Check>,
    /// Whether anything was changed.
    pub has_changed: bool,
    /// Whether a change was asked for.
    pub wants_change: bool,
    /// Files that were left with a syntax error which an edit added, or whose edit was refused for one.
    pub broken_files: Vec<String>,
    /// Files whose last edit was refused for another reason.
    pub missed_edits: Vec<String>,
    /// Calls of tools.
    pub calls: u32,
    /// Those with arguments that no tool takes.
    pub invalid_calls: u32,
    /// Those that did not do what they were asked, the invalid ones among them.
    pub failed_calls: u32,
    /// How often the same call had the same result at the most.
    pub repeats: u32,
    /// Whether the user said no to something: what was not done then is not the model's doing.
    pub was_denied: bool,
    /// How it ended.
    pub ending: Ending,
    /// The answer.
    pub answer: String,
    /// How sure a cheap model is that the answer does what was asked, where it was asked.
    pub self_check: Option<f64>,
}

/// One thing that speaks for or against an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Its name, which stays.
    pub code: &'static str,
    /// What it is, in words.
    pub text: String,
    /// What the likelihood is multiplied with; 1 for what speaks for it.
    pub factor: f64,
}

/// How likely an answer does what was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confidence {
    /// From 0 to 1, in hundredths.
    pub score: f64,
    /// Why, in the order of their weight.
    pub reasons: Vec<Reason>,
}

impl Confidence {
    /// Returns the reasons in words.
    pub fn words(&self) -> Vec<String> {
        self.reasons.iter().map(|reason| reason.text.clone()).collect()
    }

    /// Returns the names of the reasons, for the ledger, which holds no word of what was asked or answered.
    pub fn codes(&self) -> Vec<&'static str> {
        self.reasons.iter().map(|reason| reason.code).collect()
    }

    /// Returns what a model is told that goes on: what failed.
    pub fn note(&self) -> String {
        let against = self.reasons.iter().filter(|reason| reason.factor < 1.0);
        let told: Vec<&str> = against.map(|reason| reason.text.as_str()).collect();
        format!(
            "{NOTE} {}. Go on from here: look at what was done, do not trust it, and finish what was asked.]",
            told.join("; ")
        )
    }
}

/// What comes of an answer that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// It stands.
    Stands,
    /// This one goes on.
    Escalated(Candidate),
    /// This one said what is to be done, and who answered goes on.
    Corrected(Candidate),
}

/// How a note begins that a model gets which goes on.
pub const NOTE: &str = "[Another model worked on this so far and was not sure to have done it:";

/// Returns how likely an answer does what was asked, and why.
pub fn assess(evidence: &Evidence) -> Confidence {
    let is_tested = is_tested(evidence);
    let mut reasons = Vec::new();
    ending(evidence, &mut reasons);
    checks(evidence, &mut reasons);
    tools(evidence, &mut reasons);
    let hard: f64 = reasons.iter().map(|reason: &Reason| reason.factor).product();
    let base = match (is_tested, evidence.has_changed) {
        (true, _) => TESTED,
        (false, true) => UNTESTED,
        (false, false) => PLAIN,
    };
    let mut by_words = 1.0;
    let is_told = evidence.ending == Ending::Answered && !evidence.was_denied;
    for Doubt { code, phrase, factor } in doubts(&evidence.answer).into_iter().filter(|_| is_told) {
        by_words *= factor;
        let text = format!("the answer says “{phrase}”");
        reasons.push(Reason { code, text, factor });
    }
    if let Some(sure) = evidence.self_check {
        let sure = if sure.is_finite() { sure.clamp(0.0, 1.0) } else { 0.0 };
        let factor = 0.6 + 0.4 * sure;
        by_words *= factor;
        let text = format!("a cheap model holds it for right with {sure:.2}");
        reasons.push(Reason { code: "self_check", text, factor });
    }
    let mut score = base * hard * by_words;
    if is_tested && hard >= 1.0 {
        score = score.max(LEAST_BY_WORDS);
        let text = "what was run to check it passed".to_owned();
        reasons.push(Reason { code: "tested", text, factor: 1.0 });
    } else if evidence.has_changed && !evidence.checks.iter().any(|check| check.is_check) {
        let text = "nothing was run to check the change".to_owned();
        reasons.push(Reason { code: "untested", text, factor: UNTESTED / PLAIN });
    }
    reasons.sort_by(|a, b| a.factor.total_cmp(&b.factor));
    reasons.truncate(MOST_REASONS);
    Confidence { score: (score.clamp(0.0, 1.0) * 100.0).round() / 100.0, reasons }
}

/// Tells whether something that checks passed on what there is now, and nothing that checks failed.
fn is_tested(evidence: &Evidence) -> bool {
    let mut checks = evidence.checks.iter().filter(|check| check.is_check).peekable();
    checks.peek().is_some()
        && checks.clone().any(|check| check.ended == Ended::Passed && !check.is_stale)
        && checks.all(|check| check.ended == Ended::Passed)
}

fn ending(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    let (code, text) = match evidence.ending {
        Ending::Answered => return,
        Ending::Cut => ("cut", "its answers were cut at their token limit"),
        Ending::Empty => ("empty", "its answers were empty"),
        Ending::Misshapen => ("misshapen", "its answers had not the shape that was asked for"),
        Ending::InCircles => ("in_circles", "it made the same call again and again"),
    };
    reasons.push(Reason { code, text: text.to_owned(), factor: 0.2 });
}

fn checks(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    for check in &evidence.checks {
        let (how, code) = match check.ended {
            Ended::Passed => continue,
            Ended::Failed(Some(exit)) => {
                (format!("`{}` ended with exit {exit}", check.what), "failed")
            }
            Ended::Failed(None) => (format!("`{}` failed", check.what), "failed"),
            Ended::TimedOut => (format!("`{}` ran out of time", check.what), "timed_out"),
        };
        let Some(factor) = weight(check, evidence) else { continue };
        let code = if check.is_stale { "not_run_again" } else { code };
        let text = match check.is_stale {
            true => format!("{how} and was not run again since the change"),
            false => how,
        };
        reasons.push(Reason { code, text, factor });
    }
}

/// Returns what a check that did not pass makes of the answer; `None` for what says nothing of it.
fn weight(check: &Check, evidence: &Evidence) -> Option<f64> {
    let has_failed = matches!(check.ended, Ended::Failed(_));
    match (check.is_check, check.is_stale) {
        (true, true) => Some(0.75),
        (true, false) if evidence.has_changed => Some(if has_failed { 0.25 } else { 0.6 }),
        // Who was asked to mend something and left it failing has not done so.
        (true, false) if evidence.wants_change => Some(if has_failed { 0.4 } else { 0.7 }),
        (false, false) if evidence.has_changed => Some(0.7),
        // Who was asked what fails has answered.
        _ => None,
    }
}

fn tools(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    let mut add = |code, text: String, factor| reasons.push(Reason { code, text, factor });
    for file in &evidence.broken_files {
        add("syntax", format!("a change to {file} has a syntax error"), 0.4);
    }
    for file in evidence.missed_edits.iter().filter(|_| !evidence.was_denied) {
        add("missed_edit", format!("its last edit of {file} was refused"), 0.6);
    }
    match evidence.invalid_calls {
        0 => {}
        few @ 1..=2 => {
            add(
                "invalid_calls",
                format!("{few} calls with wrong arguments"),
                0.96_f64.powf(few.into()),
            );
        }
        many => add("invalid_calls", format!("{many} calls with wrong arguments"), 0.8),
    }
    let (calls, failed) = (evidence.calls, evidence.failed_calls);
    if calls >= 4 && failed * 2 > calls && !evidence.was_denied {
        add("failed_calls", format!("{failed} of {calls} calls failed"), 0.85);
    }
    if evidence.repeats >= 3 && evidence.ending != Ending::InCircles {
        let text = format!("it made the same call {} times", evidence.repeats);
        add("repeats", text, 0.85);
    }
}

#[cfg(test)]
mod tests;
