//! What a request has come to so far: its attempts, tokens and cost.

use std::sync::Arc;
use std::time::Duration;

use distiq_base::{BlockStart, Delta, Money, RequestId, StopReason, StreamEvent, Usage};
use distiq_llm::PriceContext;
use tokio::time::Instant;

use crate::ledger::rows::{FinalRow, OpenRow, Progress, Savings};
use crate::receipt::{Receipt, SendError};
use crate::router::{Desk, Purpose};

/// Bytes of an answer to one token at the least, for answers that nobody counted.
const BYTES_PER_TOKEN: u64 = 3;
/// How often what is known of a running answer is written down.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// How far the running attempt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Attempt {
    /// None runs.
    #[default]
    Idle,
    /// Sent; the vendor has not answered.
    Sent,
    /// The vendor answers: it has read the prompt and bills it.
    Answering,
}

/// The account of one request.
///
/// An attempt that the vendor refused, or that never got an answer, costs nothing. One whose answer
/// had begun costs what the vendor reported, or else the estimate: the prompt and what had come.
/// One that the caller gave up costs the same from the moment it was sent.
pub(crate) struct Account {
    desk: Arc<Desk>,
    pub id: RequestId,
    purpose: Purpose,
    /// The model that was asked.
    model: String,
    /// The model that answered.
    answered_by: Option<String>,
    context: PriceContext,
    prompt_tokens: u64,
    /// The longest answer that was allowed.
    pub max_tokens: u64,
    began: Instant,
    first_token_ms: Option<u64>,
    attempts: u32,
    attempt: Attempt,
    /// What the vendor reported in this attempt.
    reported: Option<Usage>,
    /// Bytes of the answer in this attempt.
    answer_bytes: u64,
    /// What earlier attempts came to.
    earlier: Tally,
    stop: Option<StopReason>,
    complete: bool,
    progress_at: Option<Instant>,
}

/// Tokens and what they cost.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    usage: Usage,
    cost: Option<Money>,
    saved: Option<Money>,
    estimated: bool,
}

impl Account {
    pub fn new(
        desk: Arc<Desk>,
        purpose: Purpose,
        model: String,
        context: PriceContext,
        prompt_tokens: u64,
    ) -> Self {
        let cost = desk.price(&purpose.provider, &model, &Usage::default(), &context);
        Self {
            desk,
            id: RequestId::generate(),
            purpose,
            model,
            answered_by: None,
            context,
            prompt_tokens,
            max_tokens: 0,
            began: Instant::now(),
            first_token_ms: None,
            attempts: 0,
            attempt: Attempt::Idle,
            reported: None,
            answer_bytes: 0,
            earlier: Tally { cost, saved: cost, ..Tally::default() },
            stop: None,
            complete: false,
            progress_at: None,
        }
    }

    /// Returns the row to open, for an answer of up to `wanted_tokens`.
    pub fn open_row(
        &self,
        scope: &distiq_base::Scope,
        wanted_tokens: u64,
        most_prompt_tokens: u64,
    ) -> OpenRow {
        let Purpose { provider, session, project, reasons, .. } = self.purpose.clone();
        let worst = self.desk.worst_case(&provider, &self.model, most_prompt_tokens, &self.context);
        OpenRow {
            id: self.id.clone(),
            session,
            project,
            run: self.desk.config.run.clone(),
            route: self.purpose.route.to_owned(),
            reasons,
            scope: scope.clone(),
            worst,
            wanted_tokens,
            estimate: self.price(&Usage { input: self.prompt_tokens, ..Usage::default() }),
            ..OpenRow::new(self.purpose.kind, provider, self.model.clone())
        }
    }

    /// An attempt is sent.
    pub fn sent(&mut self) {
        if self.attempts == 0 {
            self.began = Instant::now();
        }
        self.attempts += 1;
        self.attempt = Attempt::Sent;
        self.reported = None;
        self.answer_bytes = 0;
        self.stop = None;
    }

    /// The attempt failed: without an answer it cost nothing.
    pub fn failed(&mut self) {
        if self.attempt == Attempt::Answering {
            self.earlier = self.tally();
        }
        self.attempt = Attempt::Idle;
    }

    /// Returns what all attempts have cost so far, where the price is known.
    pub fn cost(&self) -> Option<Money> {
        self.tally().cost
    }

    /// Takes a step of the answer in.
    pub fn note(&mut self, event: &StreamEvent) {
        self.attempt = Attempt::Answering;
        match event {
            StreamEvent::Start { model, .. } if !model.is_empty() => {
                self.answered_by = Some(model.clone());
            }
            StreamEvent::BlockDelta { delta, .. } => {
                self.grow(bytes(delta));
                self.keep_progress();
            }
            StreamEvent::BlockStart { block: BlockStart::ToolCall { name, .. }, .. } => {
                self.grow(name.len() as u64);
            }
            StreamEvent::Usage { usage } => {
                self.reported = Some(*usage);
                self.keep_progress();
            }
            StreamEvent::Stop { reason } => self.stop = Some(reason.clone()),
            StreamEvent::End => {
                self.complete = true;
                if let Some(usage) = self.reported.filter(|usage| usage.prompt() > 0) {
                    self.desk.estimator.correct(&self.model, self.prompt_tokens, usage.prompt());
                }
            }
            _ => {}
        }
    }

    fn grow(&mut self, bytes: u64) {
        self.answer_bytes += bytes;
        if bytes > 0 && self.first_token_ms.is_none() {
            self.first_token_ms = Some(millis(self.began.elapsed()));
        }
    }

    /// Writes down what is known, so that a kill does not lose it.
    fn keep_progress(&mut self) {
        let now = Instant::now();
        if self.progress_at.is_some_and(|last| now.duration_since(last) < PROGRESS_EVERY) {
            return;
        }
        self.progress_at = Some(now);
        let Tally { usage, cost, .. } = self.tally();
        self.desk.config.ledger.progress(&self.id, Progress { usage, cost });
    }

    /// Returns what all attempts have come to.
    fn tally(&self) -> Tally {
        let (usage, estimated) = match (self.attempt, self.reported) {
            (Attempt::Idle, _) => return self.earlier,
            (Attempt::Answering, Some(usage)) if self.complete && !usage.is_empty() => {
                (usage, false)
            }
            (_, reported) => (self.estimate(reported), true),
        };
        let cost = self.price(&usage);
        let uncached = Usage { input: usage.prompt(), output: usage.output, ..Usage::default() };
        let saved = self.price(&uncached).zip(cost).map(|(full, cost)| full.minus(cost));
        let mut all = self.earlier.usage;
        all.add(&usage);
        let plus = |a: Option<Money>, b: Option<Money>| a.zip(b).map(|(a, b)| a.plus(b));
        Tally {
            usage: all,
            cost: plus(self.earlier.cost, cost),
            saved: plus(self.earlier.saved, saved),
            estimated: estimated || self.earlier.estimated,
        }
    }

    /// Completes what the vendor reported, if anything, by what was sent and what has come.
    fn estimate(&self, reported: Option<Usage>) -> Usage {
        let mut usage = reported.unwrap_or_default();
        if usage.prompt() == 0 {
            usage.input = self.prompt_tokens;
        }
        let seen = self.answer_bytes.div_ceil(BYTES_PER_TOKEN).min(self.max_tokens);
        usage.output = usage.output.max(seen);
        usage
    }

    fn price(&self, usage: &Usage) -> Option<Money> {
        self.desk.price(&self.purpose.provider, &self.model, usage, &self.context)
    }

    /// Returns the row and the receipt of the end.
    pub fn close(&mut self, error: Option<SendError>) -> (FinalRow, Receipt) {
        // Refused or never answered: not billed. Given up by the caller: it may well be.
        let unanswered = self.attempt == Attempt::Sent;
        if unanswered && !matches!(error, Some(SendError::Cancelled)) {
            self.attempt = Attempt::Idle;
        }
        let Tally { usage, cost, saved, estimated } = self.tally();
        let latency_ms = if self.attempts > 0 { millis(self.began.elapsed()) } else { 0 };
        let row = FinalRow {
            usage,
            cost,
            estimated,
            savings: Savings { prompt_cache: saved, ..Savings::default() },
            latency_ms,
            first_token_ms: self.first_token_ms,
            attempts: self.attempts,
            stop: self.stop.as_ref().map(stop_name),
            error: error.as_ref().map(|error| error.code().to_owned()),
        };
        let receipt = Receipt {
            request_id: self.id.clone(),
            provider: self.purpose.provider.clone(),
            model: self.answered_by.clone().unwrap_or_else(|| self.model.clone()),
            usage,
            cost,
            priced: cost.is_some(),
            estimated,
            latency_ms,
            first_token_ms: self.first_token_ms,
            attempts: self.attempts,
            stop: self.stop.clone(),
            complete: self.complete,
            error,
            reasons: self.purpose.reasons.clone(),
        };
        (row, receipt)
    }
}

fn bytes(delta: &Delta) -> u64 {
    let text = match delta {
        Delta::Text { text } | Delta::Thinking { text } => text,
        Delta::Arguments { json } => json,
        // A proof of the thinking, not billed by its length.
        Delta::Signature { .. } => return 0,
    };
    text.len() as u64
}

fn stop_name(stop: &StopReason) -> String {
    match serde_json::to_value(stop) {
        Ok(serde_json::Value::String(name)) => name,
        _ => match stop {
            StopReason::Other(name) => name.clone(),
            _ => String::new(),
        },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
