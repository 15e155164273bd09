//! What the scripted model says, so that each request has the size that the mix gives it, and how time passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use distiq_base::{Answer as Reply, Ask, Content, CountTokens, Message, Question, Request};
use distiq_ml::Tokenizer;
use distiq_testkit::{Answer, Script, Step as Said};
use serde_json::json;

use super::dice::Dice;
use super::mix::Class;
use super::project::{self, BLOCKS, FILES, LINES};
use super::schedule::Step;

/// Words that are a token each.
const WORDS: &[&str] = &[
    " the", " code", " value", " file", " list", " then", " this", " with", " from", " line",
    " test", " name", " call", " type", " set", " new", " old", " one", " path", " error",
    " state", " input", " next", " first", " order", " check", " text", " part", " same", " place",
    " result", " case", " point", " work", " use", " way",
];
/// Tokens of a call of a tool, about.
const CALL_TOKENS: u64 = 45;
/// Bytes to a token of code, about.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of a line of the projects' files, about; and most of one reading.
const LINE_TOKENS: u64 = 14;
const MOST_READ: u64 = 1_900;
/// What a summary comes to.
const SUMMARY_WORDS: u64 = 350;
/// The answer by which the model has edited what was to be edited.
const EDIT_AT: usize = 2;

/// So long after the model was asked its vendor's cache is about to end.
const KEPT_AFTER_MS: i64 = 280_000;
/// Who looked at the clock so often since has decided to let it end; how long is waited for that, in real time.
const LOOKS: u32 = 5;
const DECIDED_WITHIN: Duration = Duration::from_secs(10);

/// What a model says in the end that could not do the work.
const GAVE_UP: &str = "I could not finish this: it still does not work.";

/// What the model does for one request of the user.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The work, as the mix has it.
    pub work: Option<Class>,
    /// What each answer takes.
    pub steps: Vec<Step>,
    /// Its chance.
    pub seed: u64,
    /// Whether it changes a file.
    pub edits: bool,
    /// Whether each model does the work; one that does not says so in the end.
    pub does: BTreeMap<String, Tries>,
    /// What is read again of what was dropped from the conversation, in percent.
    pub again: f64,
    /// What is left of the work where another model goes on, in percent.
    pub left: f64,
}

/// Whether a model does the work.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// At first.
    pub first: bool,
    /// After it failed, told what to do by the next one.
    pub told: bool,
}

/// What script and clock share.
#[derive(Debug)]
pub struct Stage {
    now_ms: Arc<AtomicI64>,
    playing: Mutex<Playing>,
    /// Whether the vendor's cache may be kept alive while the user is waited for.
    keeps_alive: bool,
    looks: Mutex<Looks>,
    seen: Condvar,
}

/// How often an agent that waits looked at the clock, and how often it kept the vendor's cache alive.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    times: u32,
    kept: u32,
}

#[derive(Debug, Default)]
struct Playing {
    part: Part,
    step: usize,
    /// By this answer the work is done, or has failed.
    end: usize,
    /// Tokens that each request's prompt has more than the one before.
    growth: u64,
    /// Of the last first prompt.
    first_tokens: u64,
    /// Where the model reads on.
    line: u64,
    file: u64,
    wait_ms: i64,
    /// Bytes of the conversation when it was last sent.
    sent: u64,
    /// The models that failed.
    failed: BTreeSet<String>,
    revisions: Vec<u32>,
    /// When the model was asked last.
    asked_ms: i64,
}

impl Stage {
    /// Makes one whose time is told by `now_ms`.
    pub fn new(now_ms: Arc<AtomicI64>, keeps_alive: bool) -> Arc<Self> {
        let revisions = vec![0; (FILES * BLOCKS) as usize];
        let playing = Mutex::new(Playing { revisions, ..Playing::default() });
        let (looks, seen) = (Mutex::default(), Condvar::new());
        Arc::new(Self { now_ms, playing, keeps_alive, looks, seen })
    }

    /// Takes in that the agent, which waits, has looked at the clock.
    pub fn looked(&self) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).times += 1;
        self.seen.notify_all();
    }

    /// Takes in that the agent has kept the vendor's cache alive.
    pub fn kept(&self) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).kept += 1;
        self.seen.notify_all();
    }

    /// Lets time pass to where the vendor's cache is about to end, and tells whether it was kept alive there.
    fn kept_alive(&self, left_ms: &mut i64) -> bool {
        let asked_ms = self.playing.lock().unwrap_or_else(PoisonError::into_inner).asked_ms;
        let step = asked_ms + KEPT_AFTER_MS - self.now_ms.load(Ordering::SeqCst);
        if step < 0 || step >= *left_ms {
            return false;
        }
        *left_ms -= step;
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *looks;
        self.now_ms.fetch_add(step, Ordering::SeqCst);
        // While it is kept alive nobody looks at the clock.
        let undecided =
            |now: &mut Looks| now.kept == before.kept && now.times < before.times + LOOKS;
        let waited = self.seen.wait_timeout_while(looks, DECIDED_WITHIN, undecided);
        let (looks, _) = waited.unwrap_or_else(PoisonError::into_inner);
        looks.kept > before.kept
    }

    /// Begins what the model does for a request.
    pub fn begin(&self, part: Part) {
        let mut playing = self.playing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dice = Dice::new(part.seed, 7);
        playing.file = dice.below(FILES);
        playing.line = 1 + dice.below(LINES / 2);
        (playing.step, playing.growth, playing.wait_ms) = (0, 0, 0);
        playing.failed.clear();
        playing.sent = 0;
        playing.end = part.work.map_or(0, |work| work.requests as usize);
        playing.part = part;
    }

    /// Returns the tokens of the newest first prompt.
    pub fn first_tokens(&self) -> u64 {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner).first_tokens
    }

    /// Returns the script of the server.
    pub fn script(self: &Arc<Self>) -> Script {
        let stage = Arc::clone(self);
        Script::function(move |request| {
            let mut playing = stage.playing.lock().unwrap_or_else(PoisonError::into_inner);
            if request.max_tokens == Some(1) {
                playing.asked_ms = stage.now_ms.load(Ordering::SeqCst);
                return Said::Answer(Answer::text("."));
            }
            let answer = playing.answer(request, &stage.now_ms);
            playing.asked_ms = stage.now_ms.load(Ordering::SeqCst);
            Said::Answer(answer)
        })
    }
}

impl Ask for Stage {
    /// The user says yes, after a while.
    fn ask(&self, _question: &Question) -> Reply {
        let mut playing = self.playing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left_ms = std::mem::take(&mut playing.wait_ms);
        drop(playing);
        while self.keeps_alive && self.kept_alive(&mut left_ms) {}
        self.now_ms.fetch_add(left_ms, Ordering::SeqCst);
        Reply::Once
    }
}

impl Playing {
    fn answer(&mut self, request: &Request, now_ms: &AtomicI64) -> Answer {
        let at = self.step;
        let Some(work) = self.part.work.filter(|_| !request.tools.is_empty()) else {
            // What asks for a plan or a summary comes without tools.
            if request.output.is_some() {
                return Answer::text(self.plan());
            }
            return Answer::text(words(SUMMARY_WORDS, &mut Dice::new(self.part.seed, 11)));
        };
        let mut dice = Dice::new(self.part.seed, 100 + at as u64);
        let steps = &self.part.steps;
        let step = steps.get(at % steps.len().max(1)).copied();
        let step = step.unwrap_or(Step { answer_ms: 0, wait_ms: 0 });
        now_ms.fetch_add(step.answer_ms, Ordering::SeqCst);
        if at == 0 {
            self.first_tokens = tokens(request);
            let more = work.prompt_tokens.saturating_sub(self.first_tokens);
            self.growth = 2 * more / u64::from(work.requests.max(2) - 1);
        }
        self.step += 1;
        let dropped = self.dropped(request);
        if self.step >= self.end {
            let text = words(work.answer_tokens, &mut dice);
            let has_failed = !self.failed.insert(request.model.clone());
            let tries = self.part.does.get(&request.model);
            if tries.is_none_or(|tries| if has_failed { tries.told } else { tries.first }) {
                return Answer::text(text);
            }
            let left = f64::from(work.requests) * self.part.left / 100.0;
            self.end += (left.round() as usize).max(1);
            return Answer::text(format!("{text}. {GAVE_UP}"));
        }
        let mut left = self.growth.saturating_sub(work.answer_tokens) + dropped;
        let mut calls = 1;
        let mut answer = Answer::default();
        while calls == 1 || left > LINE_TOKENS {
            let read = left.min(MOST_READ);
            answer = answer.and_call("read", self.read(read / LINE_TOKENS));
            left -= read;
            calls += 1;
        }
        self.wait_ms = step.wait_ms;
        let edits = self.part.edits && at == EDIT_AT.min(self.part.steps.len().saturating_sub(2));
        if edits || step.wait_ms > 0 {
            answer = match edits {
                true => answer.and_call("edit", self.edit()),
                // Something has to be asked for.
                false => answer.and_call(
                    "write",
                    json!({"path": format!("notes/{at}.md"), "content": words(20, &mut dice)}),
                ),
            };
            calls += 1;
        }
        let said = work.answer_tokens.saturating_sub(CALL_TOKENS * (calls - 1)).max(5);
        answer.content.insert(0, Content::text(words(said, &mut dice)));
        answer
    }

    /// Returns how many tokens are read again because they were dropped since the request before.
    fn dropped(&mut self, request: &Request) -> u64 {
        let now: u64 = request.messages.iter().map(bytes).sum();
        let before = std::mem::replace(&mut self.sent, now);
        (before.saturating_sub(now) as f64 * self.part.again / 100.0) as u64 / BYTES_PER_TOKEN
    }

    /// A plan as long as they usually are.
    fn plan(&self) -> String {
        let mut dice = Dice::new(self.part.seed, 13);
        let mut change = |file: u64| {
            json!({
                "file": project::path(file % FILES),
                "what": words(90, &mut dice),
                "reason": words(30, &mut dice),
            })
        };
        let changes: Vec<_> = (0..4).map(|at| change(self.file + at)).collect();
        json!({
            "summary": words(40, &mut dice),
            "files": [project::path(self.file)],
            "changes": changes,
            "tests": [words(20, &mut dice)],
            "complexity": "complex",
        })
        .to_string()
    }

    fn read(&mut self, lines: u64) -> serde_json::Value {
        let (mut first, mut last) = (self.line, self.line + lines.max(1) - 1);
        if last > LINES {
            self.file = (self.file + 1) % FILES;
            (first, last) = (1, lines.clamp(1, LINES));
        }
        self.line = last + 1;
        json!({"path": project::path(self.file), "lines": format!("{first}-{last}")})
    }

    fn edit(&mut self) -> serde_json::Value {
        let (file, block) = (self.file, project::block(self.line.saturating_sub(20)));
        let at = (file * BLOCKS + block) as usize;
        let Some(number) = self.revisions.get_mut(at) else { return json!({}) };
        let before = project::revision(file, block, *number);
        *number += 1;
        let after = project::revision(file, block, *number);
        json!({"path": project::path(file), "search": before, "replace": after})
    }
}

fn words(count: u64, dice: &mut Dice) -> String {
    let text: String = (0..count).filter_map(|_| dice.one(WORDS)).copied().collect();
    text.trim_start().to_owned()
}

/// Returns the bytes of a message's texts, calls and results.
fn bytes(message: &Message) -> u64 {
    let of = |content: &Content| match content {
        Content::Text { text } => text.len(),
        Content::ToolCall { arguments, .. } => arguments.len(),
        Content::ToolResult { content, .. } => {
            let inner = content
                .iter()
                .map(|it| if let Content::Text { text } = it { text.len() } else { 0 });
            inner.sum()
        }
        _ => 0,
    };
    message.content.iter().map(of).sum::<usize>() as u64
}

/// Returns about how many tokens a prompt has.
fn tokens(request: &Request) -> u64 {
    let tokenizer = Tokenizer::o200k();
    let system = request.system.iter().map(|block| tokenizer.count(&block.text));
    let tools = request.tools.iter().map(|tool| {
        tokenizer.count(&tool.description) + tokenizer.count(&tool.schema.to_string()) + 10
    });
    let messages = request.messages.iter().map(|message| tokenizer.count(&message.text()) + 4);
    system.chain(tools).chain(messages).sum()
}
