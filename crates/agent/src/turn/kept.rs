//! Answers of earlier turns, given again where the same is asked and all that they were based on looks the same.
//!
//! Only a question that begins a session is answered so, and only the answer of a turn that did nothing but look is
//! kept, together with what it looked at. Before it is given again every look is taken anew: where one shows anything
//! else, a model is asked.

use std::pin::pin;

use distiq_base::{Event, Message, Request};
use distiq_router::cache::Asked as Key;
use distiq_router::cache::question::{Asks, Question};
use distiq_router::{Found, Kept, ResponseCache, Verdict};
use distiq_tools::Call;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

use super::{TurnError, Turning};
use crate::workbench::KeptAnswers;
use crate::{memory, prompt};

/// Most looks of a turn whose answer is kept: taking them anew is to be quick.
const MOST_LOOKS: usize = 64;
/// Words that begin questions and never orders.
const ASKING: &[&str] = &[
    "how",
    "why",
    "what",
    "where",
    "which",
    "who",
    "как",
    "почему",
    "зачем",
    "что",
    "где",
    "какой",
    "какая",
    "какие",
    "кто",
];
/// The tools that only look, and that show the same while nothing has changed.
const LOOKING: &[&str] = &["read", "find", "search"];

/// A call that looked at something, and what it showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    tool: String,
    input: Value,
    shown: String,
}

/// What a turn looked at; `None` once it did anything else.
#[derive(Debug)]
pub struct Looks(Option<Vec<Look>>);

impl Default for Looks {
    fn default() -> Self {
        Self(Some(Vec::new()))
    }
}

impl Looks {
    /// Takes a call in that went well, or not.
    pub fn note(&mut self, tool: &str, arguments: &str, shown: &str, is_fine: bool) {
        let Some(looks) = &mut self.0 else { return };
        let input = serde_json::from_str(arguments).ok();
        match input.filter(|_| is_fine && LOOKING.contains(&tool) && looks.len() < MOST_LOOKS) {
            Some(input) => {
                looks.push(Look { tool: tool.to_owned(), input, shown: hash(shown) });
            }
            None => self.0 = None,
        }
    }
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// A question whose answer may be a kept one, and may be kept.
pub struct Keeping {
    cache: Arc<ResponseCache>,
    key: Key,
}

impl Keeping {
    /// Returns it where the turn's message is such a question.
    pub fn of(turn: &Turning<'_>) -> Option<Self> {
        let config = &turn.bench.config;
        let [message] = turn.history.messages.as_slice() else { return None };
        if config.kept_answers == KeptAnswers::Off || config.output.is_some() {
            return None;
        }
        let words = crate::workbench::first_words(message);
        let question = Question::read(words)?;
        // Whatever else is said may want something done.
        let is_question = match question.asks {
            Asks::May => false,
            Asks::Plain => begins_as_question(words),
            _ => true,
        };
        if question.passing || !is_question {
            return None;
        }
        let cache = config.router.answers()?;
        let name = match &config.chosen {
            Some(_) => "agent auto".to_owned(),
            None => format!("agent {}/{}", config.provider, config.model),
        };
        // What the project tells every model is part of what is asked.
        let files = memory::read(&config.home.config, &config.root, &config.cwd);
        let request = Request {
            system: prompt::system("", &files, ""),
            messages: vec![Message::user(words)],
            ..Request::default()
        };
        let key = Key::read(&request, "", &name, Some(&config.root.display().to_string()))?;
        Some(Self { cache, key })
    }

    /// Answers by a kept answer, where one is found that still holds; the ledger tells what that saved.
    pub async fn give(&self, turn: &mut Turning<'_>) -> Result<bool, TurnError> {
        let now_ms = turn.bench.config.clock.now_ms();
        if turn.bench.config.kept_answers == KeptAnswers::Renew {
            return Ok(false);
        }
        let Some(found) = self.cache.find(&self.key, now_ms) else { return Ok(false) };
        let [text, looks] = found.answer.texts.as_slice() else { return Ok(false) };
        let Ok(looks) = serde_json::from_str::<Vec<Look>>(looks) else { return Ok(false) };
        if !holds(turn, &looks).await? {
            return Ok(false);
        }
        let config = &turn.bench.config;
        if let Err(error) = config.router.record_kept(&turn.request(), &found, turn.purpose()).await
        {
            // What is not on the ledger is not claimed, but it may be shown.
            turn.journal.emit(Event::Notice { message: error.to_string() }).await?;
        }
        let text = text.clone();
        turn.journal.emit(Event::Notice { message: told(&found) }).await?;
        turn.journal.emit(Event::TextDelta { text: text.clone() }).await?;
        turn.say(Message::assistant(text.as_str())).await?;
        turn.last_words = text;
        Ok(true)
    }

    /// Keeps the answer of a turn that is over and did nothing but look.
    pub fn keep(self, turn: &Turning<'_>) {
        let Some(looks) = &turn.trace.looks.0 else { return };
        let is_plain = turn.asked_again == 0 && !turn.last_words.trim().is_empty();
        let Ok(looks) = serde_json::to_string(looks) else { return };
        // What the user added meanwhile is not in the question.
        if !is_plain || turn.steered || turn.unsure {
            return;
        }
        let answer = Kept {
            model: turn.seat.way.model.clone(),
            texts: vec![turn.last_words.clone(), looks],
            usage: turn.spent.usage,
            cost: turn.spent.cost,
        };
        self.cache.keep(&self.key, &answer, turn.bench.config.clock.now_ms());
    }
}

fn begins_as_question(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default().to_lowercase();
    ASKING.contains(&first.as_str())
}

fn told(found: &Found) -> String {
    let how = match found.verdict {
        Verdict::Semantic => "The same was asked before in other words",
        _ => "The same was asked before",
    };
    format!(
        "{how}, and what the answer was based on is unchanged: no model was asked. `--no-kept` asks one; `distiq cache evict \
         {}` forgets the answer",
        found.id
    )
}

/// Takes every look anew.
async fn holds(turn: &mut Turning<'_>, looks: &[Look]) -> Result<bool, TurnError> {
    let toolbox = Arc::clone(&turn.bench.config.toolbox);
    let cancel = turn.waiting.token();
    let looking = async {
        for Look { tool, input, shown } in looks {
            if !LOOKING.contains(&tool.as_str()) {
                return false;
            }
            let call =
                Call { id: format!("kept-{tool}"), name: tool.clone(), input: input.clone() };
            let outcome = toolbox.call(call, cancel.clone()).await;
            if !outcome.ok || hash(&outcome.text) != *shown {
                return false;
            }
        }
        true
    };
    let held = turn.waiting.until(&mut pin!(looking), "what was kept", turn.journal).await?;
    // The model has seen nothing of it.
    turn.bench.config.toolbox.forget();
    Ok(held.unwrap_or(false))
}
