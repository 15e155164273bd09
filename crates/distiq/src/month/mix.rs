//! The file that says what a month is made of.

use std::collections::BTreeMap;
use std::path::Path;

use distiq_base::ErrorKind;
use distiq_router::Tier;
use distiq_router::classify::Label;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The mix that comes with the program.
pub const DEFAULT_MIX: &str = include_str!("../../data/mix.toml");
/// The longest mix file that is read.
const MAX_BYTES: u64 = 1 << 20;
const MAX_REQUESTS: u32 = 100_000;
/// The most requests to a model, and tokens of a prompt or an answer, of one request.
const MAX_STEPS: u32 = 200;
const MAX_TOKENS: u64 = 500_000;
const MAX_ANSWER: u64 = 20_000;

/// What a month is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Requests of the user.
    pub requests: u32,
    start: String,
    /// Days in which there are any.
    pub working_days: u32,
    /// The hours of such a day, UTC.
    pub hours: (u32, u32),
    /// Projects that the user works in.
    pub projects: u32,
    /// Vendors that the user has keys of.
    pub providers: Vec<String>,
    /// How hard requests are.
    pub classes: Classes,
    /// What is asked again.
    pub repeats: Repeats,
    /// The user's languages, in percent.
    pub languages: BTreeMap<String, f64>,
    /// How long things take.
    pub pauses: Pauses,
    /// How often a tier does the work, in percent: simple, medium, complex.
    pub success: BTreeMap<String, [f64; 3]>,
    /// What is left of the work, in percent of its requests, where a stronger model goes on.
    #[serde(default = "half")]
    pub work_left: f64,
    /// What is read again of what was dropped where a conversation was made shorter, in percent of its tokens.
    #[serde(default = "quarter")]
    pub read_again: f64,
    /// What is left, of its own chance, to a model that failed at the same work before, in percent.
    #[serde(default = "half")]
    pub second_try: f64,
}

const fn half() -> f64 {
    50.0
}

const fn quarter() -> f64 {
    25.0
}

/// How hard requests are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Classes {
    pub simple: Class,
    pub medium: Class,
    pub complex: Class,
}

/// The work of a class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Of all requests, in percent.
    pub share: f64,
    /// Requests to a model.
    pub requests: u32,
    /// Tokens of a prompt, on average.
    pub prompt_tokens: u64,
    /// Tokens of an answer.
    pub answer_tokens: u64,
}

/// What is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    /// Of all requests, in percent.
    pub share: f64,
    /// How often a question is asked in all.
    pub times: u32,
    /// Of the repeats, in percent: in the same words.
    pub same_words: f64,
    /// On the same day.
    pub same_day: f64,
    /// Within the next three days.
    pub next_days: f64,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pauses {
    /// An answer and the tools that follow, seconds.
    pub answer_s: (u64, u64),
    /// How often the user is waited for, in percent of the answers.
    pub waits: f64,
    /// How long, seconds.
    pub wait_s: (u64, u64),
}

impl Classes {
    /// Returns the work of a label.
    pub const fn of(&self, label: Label) -> Class {
        match label {
            Label::Simple => self.simple,
            Label::Medium => self.medium,
            Label::Complex => self.complex,
        }
    }
}

impl Mix {
    /// Reads a mix file; without one, the one that comes with the program.
    pub fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Self::parse(DEFAULT_MIX, "the mix of the program") };
        let shown = path.display().to_string();
        let failed = |error| Failure::io(format!("Cannot read the mix {shown}"), &error);
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_BYTES {
            return Err(wrong(&shown, "is longer than 1 MB"));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?, &shown)
    }

    fn parse(text: &str, shown: &str) -> Result<Self, Failure> {
        let mix: Self = toml::from_str(text).map_err(|error| {
            wrong(shown, &format!("cannot be used: {}", error.to_string().trim()))
        })?;
        mix.check().map_err(|problem| wrong(shown, &problem))?;
        Ok(mix)
    }

    /// Takes another number of requests.
    pub fn with_requests(mut self, requests: u32) -> Result<Self, Failure> {
        self.requests = requests;
        self.check().map_err(|problem| wrong("`--requests`", &problem))?;
        Ok(self)
    }

    fn check(&self) -> Result<(), String> {
        let within = |what: &str, value: f64, most: f64| {
            if value.is_finite() && (0.0..=most).contains(&value) {
                return Ok(());
            }
            Err(format!("`{what}` is {value}: it must be between 0 and {most}"))
        };
        let whole = |what: &str, value: u64, from: u64, to: u64| {
            if (from..=to).contains(&value) {
                return Ok(());
            }
            Err(format!("`{what}` is {value}: it must be between {from} and {to}"))
        };
        whole("requests", self.requests.into(), 1, MAX_REQUESTS.into())?;
        whole("working_days", self.working_days.into(), 1, 31)?;
        whole("projects", self.projects.into(), 1, 64)?;
        within("work_left", self.work_left, 100.0)?;
        within("read_again", self.read_again, 100.0)?;
        within("second_try", self.second_try, 100.0)?;
        let (from, to) = self.hours;
        if from >= to || to > 24 {
            return Err(format!(
                "`hours` are [{from}, {to}]: write the first and the last of a day"
            ));
        }
        self.start()?;
        if self.providers.is_empty() {
            return Err("`providers` is empty: name at least one vendor".to_owned());
        }
        let mut shares = 0.0;
        for label in Label::ALL {
            let class = self.classes.of(label);
            let name = |field: &str| format!("classes.{label}.{field}");
            within(&name("share"), class.share, 100.0)?;
            whole(&name("requests"), class.requests.into(), 1, MAX_STEPS.into())?;
            whole(&name("prompt_tokens"), class.prompt_tokens, 1, MAX_TOKENS)?;
            whole(&name("answer_tokens"), class.answer_tokens, 1, MAX_ANSWER)?;
            shares += class.share;
        }
        if (shares - 100.0).abs() > 0.01 {
            return Err(format!("the shares of `classes` add up to {shares}: they must make 100"));
        }
        let Repeats { share, times, same_words, same_day, next_days } = self.repeats;
        let easy = self.classes.simple.share + self.classes.medium.share;
        whole("repeats.times", times.into(), 2, 1_000)?;
        within("repeats.share", share, easy * f64::from(times - 1) / f64::from(times))?;
        within("repeats.same_words", same_words, 100.0)?;
        within("repeats.same_day + repeats.next_days", same_day + next_days, 100.0)?;
        within("repeats.same_day", same_day, 100.0)?;
        within("repeats.next_days", next_days, 100.0)?;
        self.check_rest(&within)
    }

    fn check_rest(
        &self,
        within: &dyn Fn(&str, f64, f64) -> Result<(), String>,
    ) -> Result<(), String> {
        for (language, share) in &self.languages {
            within(&format!("languages.{language}"), *share, 100.0)?;
        }
        if self.languages.values().sum::<f64>() <= 0.0 {
            return Err("`languages` is empty: name at least one, such as `en = 100`".to_owned());
        }
        let Pauses { answer_s, waits, wait_s } = self.pauses;
        within("pauses.waits", waits, 100.0)?;
        for (name, (from, to)) in [("answer_s", answer_s), ("wait_s", wait_s)] {
            if from > to || to > 86_400 {
                return Err(format!(
                    "`pauses.{name}` is [{from}, {to}]: write seconds, the fewer first"
                ));
            }
        }
        for (tier, shares) in &self.success {
            if Tier::parse(tier).is_none() {
                return Err(format!("`success.{tier}`: there is no such tier"));
            }
            for share in shares {
                within(&format!("success.{tier}"), *share, 100.0)?;
            }
        }
        for tier in Tier::ASKED {
            if !self.success.contains_key(tier.as_str()) {
                return Err(format!("`success.{tier}` is missing"));
            }
        }
        Ok(())
    }

    fn start(&self) -> Result<Timestamp, String> {
        let date: Date = self
            .start
            .parse()
            .map_err(|_| format!("`start` is `{}`: write a day as 2026-11-02", self.start))?;
        let midnight = date.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
        Ok(midnight.timestamp())
    }

    /// Returns when the month begins, in milliseconds since 1970.
    pub fn start_ms(&self) -> i64 {
        self.start().map_or(0, Timestamp::as_millisecond)
    }

    /// Returns how often a tier does work of a label, in percent.
    pub fn success(&self, tier: Tier, label: Label) -> f64 {
        let [simple, medium, complex] =
            self.success.get(tier.as_str()).copied().unwrap_or_default();
        match label {
            Label::Simple => simple,
            Label::Medium => medium,
            Label::Complex => complex,
        }
    }
}

/// Says in words what a month assumes.
pub fn assumptions(mix: &Mix) -> Vec<String> {
    let Repeats { share, times, same_words, same_day, next_days } = mix.repeats;
    let Pauses { answer_s, waits, wait_s } = mix.pauses;
    let mut lines: Vec<String> = Label::ALL
        .into_iter()
        .map(|label| {
            let Class { share, requests, prompt_tokens, answer_tokens } = mix.classes.of(label);
            format!(
                "{share} % of the requests are {label}: {requests} to a model, {prompt_tokens} tokens in on average, \
                 {answer_tokens} out"
            )
        })
        .collect();
    lines.push(format!(
        "{share} % ask again what only wanted to know, each question {times} times, {same_words} % in the same words, \
         {same_day} % on the same day, {next_days} % within three days; the rest are prompts that the classifier never saw"
    ));
    lines.push(format!(
        "{} projects on {} days, each request a session of its own; an answer and its tools take {} to {} s, after {waits} % \
         of them the user is waited for {} to {} s",
        mix.projects, mix.working_days, answer_s.0, answer_s.1, wait_s.0, wait_s.1
    ));
    lines.push(format!(
        "keys of {}; all vendors answer at once and never fail",
        mix.providers.join(", ")
    ));
    for (tier, [simple, medium, complex]) in &mix.success {
        if ["budget", "balanced", "premium"].contains(&tier.as_str()) {
            lines.push(format!(
                "{tier} does {simple} % of the simple, {medium} % of the medium, {complex} % of the complex work: nobody \
                 measured that"
            ));
        }
    }
    lines.push(
        format!(
            "what fails is noticed, and the next tier goes on from there with {} % of the requests; a plan takes who carries it \
             out 70 % of the way to its planner's chance; the plain loops never fail",
            mix.work_left
        ),
    );
    lines.push(format!(
        "of what is dropped where a conversation is made shorter {} % is read again",
        mix.read_again
    ));
    lines.push(format!(
        "a model that failed and is told by the next tier what to do has {} % of its own chance left, of which the correction \
         takes it 70 % of the way to the chance of who made it, with {} % of the requests; where it fails again, the next \
         tier goes on as above",
        mix.second_try, mix.work_left
    ));
    lines.push(
        "what models say is made up; nobody was asked, and nothing was measured on a model"
            .to_owned(),
    );
    lines
}

fn wrong(shown: &str, problem: &str) -> Failure {
    Failure::new(ErrorKind::Usage, format!("{shown}: {problem}"))
        .with_hint("`distiq simulate --print-mix` prints one that is right")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_of_the_program_is_what_it_is_said_to_be() {
        let mix = Mix::load(None).unwrap();
        let work = |label| {
            let Class { share, requests, prompt_tokens, answer_tokens } = mix.classes.of(label);
            (share as u32, requests, prompt_tokens, answer_tokens)
        };
        assert_eq!(mix.requests, 1_500);
        assert_eq!(work(Label::Simple), (40, 2, 3_000, 300));
        assert_eq!(work(Label::Medium), (45, 8, 12_000, 500));
        assert_eq!(work(Label::Complex), (15, 25, 30_000, 700));
        assert_eq!(mix.repeats.share as u32, 40);
    }

    #[test]
    fn a_wrong_mix_says_what_is_wrong() {
        for (from, to, expected) in [
            ("requests = 1500", "requests = 0", "`requests` is 0"),
            ("share = 45", "share = 44", "add up to 99"),
            ("[\"anthropic\"]", "[]", "`providers` is empty"),
            ("start = \"2026-11-02\"", "start = \"soon\"", "`start` is `soon`"),
            ("hours = [8, 18]", "hours = [18, 8]", "`hours` are [18, 8]"),
            ("share = 40\ntimes", "share = 90\ntimes", "`repeats.share` is 90"),
            ("wait_s = [120, 1500]", "wait_s = [5, 1]", "`pauses.wait_s`"),
            ("balanced = [98, 93, 75]", "", "`success.balanced` is missing"),
            ("balanced = [98", "balanced = [198", "`success.balanced` is 198"),
            ("projects = 4", "projekts = 4", "unknown field `projekts`"),
            ("same_words = 50", "same_words = nan", "`repeats.same_words` is NaN"),
        ] {
            assert!(DEFAULT_MIX.contains(from), "{from}");
            let error = Mix::parse(&DEFAULT_MIX.replacen(from, to, 1), "m").unwrap_err();
            assert!(error.message.contains(expected), "{}: {expected}", error.message);
            assert_eq!(error.kind, ErrorKind::Usage);
        }
    }
}
