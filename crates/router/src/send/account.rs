//! What a request has come to so far: its attempts, tokens and cost.

use std::sync::Arc;
use std::time::Duration;

use distiq_base::{
    BlockStart, Delta, Money, Price, RequestId, RequestKind, Scope, StopReason, StreamEvent, Usage,
};
use distiq_llm::PriceContext;
use tokio::time::Instant;

use crate::economy::lifetimes::cache_life;
use crate::ledger::limits::{Limits, WorstCase};
use crate::ledger::rows::{FinalRow, OpenRow, Progress, Savings};
use crate::receipt::{Receipt, SendError};
use crate::route::Candidate;
use crate::router::{Desk, Purpose};
use crate::savings::{self, Outcome, Source};
use crate::ticket::ReceiptSlot;

/// Bytes of an answer to one token at the least, for answers that nobody counted.
const BYTES_PER_TOKEN: u64 = 3;
/// Most tokens of a prompt or an answer that anybody is believed; the largest models take a tenth.
const MOST_TOKENS: u64 = 100_000_000;
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
    /// What may be spent.
    pub limits: Limits,
    /// Where it was sent, or was to be.
    candidate: Candidate,
    /// What it is held against to tell what was saved: the model that was named, or the premium one; `None` where that is
    /// the candidate.
    baseline: Option<Box<Candidate>>,
    node: Option<String>,
    /// How often another model or provider was gone to.
    fallbacks: u32,
    /// What was passed over, changed or left out, and why.
    notes: Vec<String>,
    /// The HTTP status of the last answer.
    status: Option<u16>,
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
    /// Whether it reported what cannot be true.
    is_doubted: bool,
    /// Bytes of the answer in this attempt.
    answer_bytes: u64,
    /// What earlier attempts came to.
    earlier: Tally,
    stop: Option<StopReason>,
    complete: bool,
    progress_at: Option<Instant>,
    /// Whether it was raced and given up.
    has_lost: bool,
    /// What its answer was billed by, where it is a kept one.
    from_cache: Option<Usage>,
}

/// Tokens and what they cost.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    usage: Usage,
    cost: Option<Money>,
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
        let candidate = Candidate { provider: purpose.provider.clone(), model, tier: purpose.tier };
        let baseline = desk.config.premium.clone().filter(|_| purpose.route == "auto");
        Self {
            baseline: baseline.filter(|way| !is_same(way, &candidate)).map(Box::new),
            limits: desk.limits(&purpose),
            desk,
            id: RequestId::generate(),
            purpose,
            candidate,
            node: None,
            fallbacks: 0,
            notes: Vec::new(),
            status: None,
            answered_by: None,
            context,
            prompt_tokens,
            max_tokens: 0,
            began: Instant::now(),
            first_token_ms: None,
            attempts: 0,
            attempt: Attempt::Idle,
            reported: None,
            is_doubted: false,
            answer_bytes: 0,
            earlier: Tally { cost, ..Tally::default() },
            stop: None,
            complete: false,
            progress_at: None,
            has_lost: false,
            from_cache: None,
        }
    }

    /// Returns where the receipt is to be found, once: held on to, the two would hold each other.
    pub const fn take_slot(&mut self) -> Option<ReceiptSlot> {
        self.purpose.receipt.take()
    }

    /// The request is answered by a kept answer: it costs nothing, and saves what that cost.
    pub fn takes_kept(&mut self, found: &crate::cache::Found) {
        self.purpose.route = "cache";
        let how = found.verdict.as_str();
        self.notes.push(format!("answered from the cache: {how}, entry {}", found.id));
        let usage = Usage { cost: None, ..found.answer.usage };
        self.from_cache = Some(usage);
        self.earlier = Tally { cost: Some(Money::ZERO), ..Tally::default() };
        self.answered_by = Some(found.answer.model.clone());
        self.stop = Some(StopReason::EndTurn);
        self.done();
    }

    /// It was raced and is given up: what it cost saved nothing.
    pub const fn lose(&mut self) {
        self.has_lost = true;
    }

    /// Returns the row to open, for an answer of up to `wanted_tokens`.
    pub fn open_row(
        &self,
        scope: &distiq_base::Scope,
        wanted_tokens: u64,
        most_prompt_tokens: u64,
    ) -> OpenRow {
        let Purpose { session, project, reasons, key, .. } = &self.purpose;
        let Candidate { provider, model, tier } = self.candidate.clone();
        let worst = self.desk.worst_case(&provider, &model, most_prompt_tokens, &self.context);
        let (key, owner) = key.as_ref().map(|key| (key.id.clone(), key.owner.clone())).unzip();
        OpenRow {
            id: self.id.clone(),
            kind: self.purpose.kind,
            session: session.clone(),
            project: project.clone(),
            run: self.desk.config.run.clone(),
            key,
            owner: owner.flatten(),
            client: self.purpose.client.map(|client| client.as_str().to_owned()),
            tier: tier.map(|tier| tier.as_str().to_owned()),
            route: self.purpose.route.to_owned(),
            reasons: reasons.iter().chain(&self.notes).cloned().collect(),
            scope: scope.clone(),
            worst,
            wanted_tokens,
            estimate: self.price(&Usage { input: self.prompt_tokens, ..Usage::default() }),
            provider,
            model,
        }
    }

    /// Goes to another way; what the earlier ones cost stays.
    pub fn switch(&mut self, candidate: Candidate, prompt_tokens: u64) {
        self.failed();
        self.answered_by = None;
        let left = std::mem::replace(&mut self.candidate, candidate);
        self.baseline.get_or_insert_with(|| Box::new(left));
        self.prompt_tokens = prompt_tokens;
        if self.earlier.usage.is_empty() {
            // Nothing was paid so far; whether there is a price is the new model's to say.
            self.earlier.cost = self.price(&Usage::default());
        }
    }

    /// Notes which way an attempt takes.
    pub fn takes(&mut self, node: Option<&str>, fallbacks: u32, notes: &mut Vec<String>) {
        self.node = node.map(str::to_owned);
        self.fallbacks = fallbacks;
        self.notes.append(notes);
    }

    /// Notes the HTTP status of an answer.
    pub fn answered_with(&mut self, status: Option<u16>) {
        self.status = status.or(self.status);
    }

    /// Returns where it was sent, or is to be.
    pub const fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// Takes in a count that came without an answer of the dialect.
    pub fn count(&mut self, usage: Usage) {
        self.attempt = Attempt::Answering;
        self.report(usage);
        self.complete = true;
    }

    /// The answer came whole, and nobody reads it.
    pub fn done(&mut self) {
        self.attempt = Attempt::Idle;
        self.complete = true;
    }

    /// An attempt is sent.
    pub fn sent(&mut self) {
        if self.attempts == 0 {
            self.began = Instant::now();
        }
        self.attempts += 1;
        self.attempt = Attempt::Sent;
        (self.reported, self.is_doubted) = (None, false);
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
        self.take(event);
        match event {
            // Until then the estimate of before the send is as good.
            StreamEvent::BlockDelta { .. } => self.keep_progress(Some(self.began)),
            // A count behind the reason of the end is soon in the final row.
            StreamEvent::Usage { .. } if self.stop.is_none() => self.keep_progress(None),
            _ => {}
        }
    }

    /// Takes an answer in that came whole: its end is written next.
    pub fn note_whole(&mut self, events: impl IntoIterator<Item = StreamEvent>) {
        events.into_iter().for_each(|event| self.take(&event));
    }

    fn take(&mut self, event: &StreamEvent) {
        self.attempt = Attempt::Answering;
        match event {
            StreamEvent::Start { model, .. } if !model.is_empty() => {
                self.answered_by = Some(model.clone());
            }
            StreamEvent::BlockDelta { delta, .. } => self.grow(bytes(delta)),
            StreamEvent::BlockStart { block: BlockStart::ToolCall { name, .. }, .. } => {
                self.grow(name.len() as u64);
            }
            StreamEvent::Usage { usage } => self.report(*usage),
            StreamEvent::Stop { reason } => self.stop = Some(reason.clone()),
            StreamEvent::End => {
                self.complete = true;
                if let Some(usage) = self.reported.filter(|usage| self.is_count(usage)) {
                    self.desk.estimator.correct(
                        &self.candidate.model,
                        self.prompt_tokens,
                        usage.prompt(),
                    );
                }
            }
            _ => {}
        }
    }

    /// Takes the vendor's count; one that cannot be true is none, and neither is what it replaces.
    fn report(&mut self, usage: Usage) {
        match is_likely(&usage) {
            true => self.reported = Some(usage),
            false => self.is_doubted = true,
        }
    }

    /// Tells whether a count of a whole answer is one: a prompt has tokens, and so has an answer.
    const fn is_count(&self, usage: &Usage) -> bool {
        usage.prompt() > 0 && (usage.output > 0 || self.answer_bytes == 0) && !self.is_doubted
    }

    fn grow(&mut self, bytes: u64) {
        self.answer_bytes += bytes;
        if bytes > 0 && self.first_token_ms.is_none() {
            self.first_token_ms = Some(millis(self.began.elapsed()));
        }
    }

    /// Writes down what is known, so that a kill does not lose it, unless that was done a moment ago; `instead` stands
    /// for the last time where there was none.
    fn keep_progress(&mut self, instead: Option<Instant>) {
        let now = Instant::now();
        let last = self.progress_at.or(instead);
        if last.is_some_and(|last| now.duration_since(last) < PROGRESS_EVERY) {
            return;
        }
        self.progress_at = Some(now);
        let Tally { usage, cost, .. } = self.tally();
        self.desk.config.ledger.progress(&self.id, Progress { usage, cost });
    }

    /// Returns the tokens of the running attempt, and whether they are our estimate; `None` where none
    /// was billed.
    fn attempt_usage(&self) -> Option<(Usage, bool)> {
        let (mut usage, estimated) = match (self.attempt, self.reported) {
            (Attempt::Idle, _) => return None,
            (Attempt::Answering, Some(usage)) if self.complete && self.is_count(&usage) => {
                (usage, false)
            }
            (_, reported) => (self.estimate(reported), true),
        };
        if estimated {
            // What it had cost so far is not what it costs.
            usage.cost = None;
        }
        Some((usage, estimated))
    }

    /// Returns what all attempts have come to.
    fn tally(&self) -> Tally {
        let Some((usage, estimated)) = self.attempt_usage() else { return self.earlier };
        let cost = self.price(&usage);
        let mut all = self.earlier.usage;
        all.add(&usage);
        let plus = |a: Option<Money>, b: Option<Money>| a.zip(b).map(|(a, b)| a.plus(b));
        Tally {
            usage: all,
            cost: plus(self.earlier.cost, cost),
            estimated: estimated || self.earlier.estimated,
        }
    }

    /// Returns the row of a kept answer: nothing is set aside for it.
    pub fn kept_row(&self) -> OpenRow {
        OpenRow {
            worst: Some(WorstCase { prompt: Money::ZERO, output: Price(0) }),
            estimate: Some(Money::ZERO),
            ..self.open_row(&Scope::default(), 0, 0)
        }
    }

    /// Returns the row of an answer that no model is asked for.
    pub fn local_row(&self) -> OpenRow {
        OpenRow {
            provider: "local".to_owned(),
            model: "index".to_owned(),
            tier: Some("zero".to_owned()),
            route: "local".to_owned(),
            reasons: vec!["answered without a model".to_owned()],
            worst: Some(WorstCase { prompt: Money::ZERO, output: Price(0) }),
            estimate: None,
            ..self.open_row(&Scope::default(), 0, 0)
        }
    }

    /// Returns the end of an answer that no model was asked for, and that would have had `usage`.
    pub fn local_end(&mut self, usage: Usage) -> FinalRow {
        FinalRow {
            cost: Some(Money::ZERO),
            savings: self.savings_of(usage, Some(Money::ZERO), Source::Local),
            latency_ms: millis(self.began.elapsed()),
            ..FinalRow::default()
        }
    }

    /// Returns what was saved of a request that cost `paid`.
    fn savings(&self, paid: Option<Money>) -> Savings {
        let usage = self.attempt_usage().map_or_else(Usage::default, |(usage, _)| usage);
        let usage = self.from_cache.unwrap_or(usage);
        let source = match self.purpose.kind {
            _ if self.from_cache.is_some() => Source::ResponseCache,
            _ if self.has_lost => Source::Routing,
            RequestKind::Summarize => Source::Overhead,
            RequestKind::KeepAlive => Source::KeepAlive,
            RequestKind::Plan | RequestKind::Classify => Source::Routing,
            _ if self.purpose.again => Source::Routing,
            _ => Source::Model,
        };
        self.savings_of(usage, paid, source)
    }

    fn savings_of(&self, usage: Usage, paid: Option<Money>, source: Source) -> Savings {
        let Some(paid) = paid else { return Savings::default() };
        let left_out = match self.purpose.left_out {
            none if none.tokens() == 0 => none,
            some => some.within(self.desk.window(self.baseline()), usage.prompt()),
        };
        let outcome = Outcome {
            usage,
            paid,
            earlier: self.earlier.cost.unwrap_or(Money::ZERO),
            left_out,
            // A loop that only appends keeps nothing alive.
            warm_tokens: match source {
                Source::KeepAlive => 0,
                _ => self.warm_tokens(&usage),
            },
            source,
        };
        let price = |way: &Candidate, usage: &Usage| {
            self.desk.price(&way.provider, &way.model, usage, &self.context)
        };
        let premium = |usage: &Usage| price(self.baseline(), usage);
        savings::savings(&outcome, &premium, &|usage| price(&self.candidate, usage))
    }

    fn baseline(&self) -> &Candidate {
        self.baseline.as_deref().unwrap_or(&self.candidate)
    }

    /// Returns how much of the prompt a loop that only appends would have read from its vendor's cache,
    /// and remembers this prompt for the next.
    fn warm_tokens(&self, usage: &Usage) -> u64 {
        let Some(session) = &self.purpose.session else { return usage.cache_read };
        let whole = usage.prompt().saturating_add(self.purpose.left_out.tokens());
        let Candidate { provider, model, .. } = self.baseline();
        let life = cache_life(provider, model);
        self.desk.warm.note(session.as_str(), whole, life, self.desk.config.clock.now())
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
        let Candidate { provider, model, .. } = &self.candidate;
        self.desk.price(provider, model, usage, &self.context)
    }

    /// Returns the row and the receipt of the end.
    pub fn close(&mut self, error: Option<SendError>) -> (FinalRow, Receipt) {
        // Refused or never answered: not billed. Given up by the caller: it may well be.
        let unanswered = self.attempt == Attempt::Sent;
        if unanswered && !matches!(error, Some(SendError::Cancelled)) {
            self.attempt = Attempt::Idle;
        }
        let Tally { usage, cost, estimated } = self.tally();
        let latency_ms = if self.attempts > 0 { millis(self.began.elapsed()) } else { 0 };
        let row = FinalRow {
            usage,
            cost,
            estimated,
            savings: self.savings(cost),
            latency_ms,
            first_token_ms: self.first_token_ms,
            attempts: self.attempts,
            fallbacks: self.fallbacks,
            node: self.node.clone(),
            status: self.status,
            stop: self.stop.as_ref().map(stop_name),
            error: error.as_ref().map(|error| error.code().to_owned()),
        };
        let receipt = Receipt {
            request_id: self.id.clone(),
            provider: self.candidate.provider.clone(),
            model: self.answered_by.clone().unwrap_or_else(|| self.candidate.model.clone()),
            tier: self.candidate.tier,
            node: self.node.clone(),
            fallbacks: self.fallbacks,
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
            reasons: self.purpose.reasons.iter().chain(&self.notes).cloned().collect(),
        };
        (row, receipt)
    }
}

fn is_same(a: &Candidate, b: &Candidate) -> bool {
    (&a.provider, &a.model) == (&b.provider, &b.model)
}

/// Tells whether a count can be true.
fn is_likely(usage: &Usage) -> bool {
    usage.prompt().max(usage.output) <= MOST_TOKENS
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
    let name = match stop {
        StopReason::EndTurn => "end_turn",
        StopReason::ToolUse => "tool_use",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::Refusal => "refusal",
        StopReason::PauseTurn => "pause_turn",
        StopReason::ContextWindow => "context_window",
        StopReason::Other(name) => name,
    };
    name.to_owned()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_names_that_events_have() {
        let reasons = [
            StopReason::EndTurn,
            StopReason::ToolUse,
            StopReason::MaxTokens,
            StopReason::StopSequence,
            StopReason::Refusal,
            StopReason::PauseTurn,
            StopReason::ContextWindow,
        ];
        for reason in reasons {
            assert_eq!(serde_json::to_value(&reason).unwrap(), stop_name(&reason));
        }
        assert_eq!(stop_name(&StopReason::Other("eos".into())), "eos");
    }
}
