//! One body on its way to an answer.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use distiq_base::{Dialect, Money, Scope};
use distiq_llm::provider::{HeaderMap, RawAnswer, RawRefusal, RawReply, RawRequest};
use distiq_llm::wire::{anthropic, openai};
use distiq_llm::{PriceContext, ProviderError, ProviderErrorKind};
use futures::StreamExt;

use super::body::Body;
use super::stream::Through;
use super::strip::StripUsage;
use super::{Call, ForwardBody, Forwarded, Reads, ReceiptHandle, Refused};
use crate::course::{After, Course, Leg};
use crate::ledger::rows::OpenRow;
use crate::receipt::SendError;
use crate::route::Candidate;
use crate::router::{Desk, Purpose};
use crate::send::account::Account;
use crate::send::{DEFAULT_ANSWER_TOKENS, jitter};
use crate::ticket::Ticket;
use crate::upstream::{RawTraits, Upstream};

/// Bodies over this are understood to estimate their tokens: they may hold pictures.
const LARGE_BODY: usize = 64 << 10;
/// Bytes to a token, where nothing is known of a body.
const BYTES_PER_TOKEN: u64 = 4;
/// The same, for the most that it may come to.
const LEAST_BYTES_PER_TOKEN: u64 = 2;
/// Most bytes of an answer that is passed on as a whole.
const MAX_WHOLE: usize = 64 << 20;
/// How much of a body tells its conversation from others.
const PREFIX_BYTES: usize = 4 << 10;

/// A body under way; dropping it gives the request up.
pub(super) struct Passing {
    ticket: Arc<Ticket>,
    call: Call,
    body: Body,
    course: Course,
    /// Whether a server may be asked for usage that the caller did not ask for.
    asks_usage: bool,
    /// Whether the answer's stream has the row from here on.
    is_handed_out: bool,
}

impl Drop for Passing {
    fn drop(&mut self) {
        if !self.is_handed_out {
            self.ticket.abandon();
        }
    }
}

impl Passing {
    pub fn new(desk: Arc<Desk>, mut call: Call, mut purpose: Purpose) -> Self {
        let body = Body::new(std::mem::take(&mut call.request.body), call.fields.take());
        let speaks = |way: &Candidate| {
            desk.pool(&way.provider).is_ok_and(|pool| pool.dialect() == Some(call.dialect))
        };
        if call.reads == Reads::Nothing
            || (!purpose.fallbacks.is_empty() && body.holds_signed_reasoning())
        {
            purpose.fallbacks.clear();
        }
        purpose.fallbacks.retain(speaks);
        let first = Candidate {
            provider: purpose.provider.clone(),
            model: call.model.clone(),
            tier: purpose.tier,
        };
        let candidates: Vec<Candidate> =
            std::iter::once(first).chain(purpose.fallbacks.iter().cloned()).collect();
        let prefix = if desk.goes_by_prefix(&candidates) { prefix_hash(&body) } else { 0 };
        let course = Course::new(Arc::clone(&desk), candidates, prefix);
        let context = price_context(&body, &desk);
        let tokens = estimate(&desk, &call, &body);
        let account = Account::new(Arc::clone(&desk), purpose, call.model.clone(), context, tokens);
        let ticket = Ticket::new(desk, account);
        Self { ticket, call, body, course, asks_usage: true, is_handed_out: false }
    }

    pub async fn run(mut self) -> Result<Forwarded, Refused> {
        let mut leg = match self.course.pick() {
            Ok(leg) => leg,
            Err(error) => return Err(self.refuse(error.into())),
        };
        if let Err(error) = self.begin(&leg).await {
            return Err(self.refuse(error));
        }
        loop {
            let failure = match self.attempt(leg).await {
                Ok(forwarded) => return Ok(forwarded),
                Err(failure) => failure,
            };
            leg = self.next_leg(failure).await?;
        }
    }

    /// Sets the money for the first way aside.
    async fn begin(&mut self, leg: &Leg) -> Result<(), SendError> {
        self.take(leg);
        let row = self.open_row(leg);
        self.ticket.open();
        let limits = self.ticket.state().account.limits.clone();
        let wanted = row.wanted_tokens;
        let granted = self.ticket.desk.config.ledger.reserve(row, &limits).await?;
        self.allow(leg, wanted, granted.max_tokens);
        Ok(())
    }

    /// Ends a request that is not on the ledger.
    fn refuse(&self, error: SendError) -> Refused {
        let receipt = Box::new(self.ticket.refuse(error.clone()));
        Refused { error, receipt, reply: None }
    }

    fn take(&mut self, leg: &Leg) {
        let mut state = self.ticket.state();
        if *state.account.candidate() != leg.candidate {
            let tokens = estimate(&self.ticket.desk, &self.call, &self.body);
            state.account.switch(leg.candidate.clone(), tokens);
        }
        state.account.takes(leg.flight.name(), self.course.fallbacks, &mut self.course.notes);
        drop(state);
        self.body.reset();
        self.body.rename(&leg.candidate.model);
    }

    fn open_row(&self, leg: &Leg) -> OpenRow {
        let desk = &self.ticket.desk;
        let Candidate { provider, model, .. } = &leg.candidate;
        let known = || desk.config.catalogue.find(provider, model)?.max_output_tokens;
        let wanted = match self.call.reads {
            Reads::Answer => self
                .body
                .longest_answer(self.call.dialect)
                .unwrap_or_else(|| known().unwrap_or(DEFAULT_ANSWER_TOKENS)),
            Reads::Count | Reads::Nothing => 0,
        };
        let state = self.ticket.state();
        let most = match state.account.limits.any() {
            true => most_tokens(desk, &self.call, &self.body),
            false => estimate(desk, &self.call, &self.body),
        };
        let mut row = state.account.open_row(&Scope::default(), wanted, most);
        if self.call.reads == Reads::Nothing {
            // Nobody knows what it costs, and it is not refused for that.
            row.worst =
                Some(crate::WorstCase { prompt: Money::ZERO, output: distiq_base::Price(0) });
            row.estimate = None;
        }
        row
    }

    /// Holds the answer to what the limits cover.
    fn allow(&mut self, leg: &Leg, wanted: u64, granted: u64) {
        let mut state = self.ticket.state();
        state.account.max_tokens = granted;
        let is_limited = state.account.limits.any() && self.call.reads == Reads::Answer;
        drop(state);
        let is_open = self.body.longest_answer(self.call.dialect).is_none();
        if is_limited && (granted < wanted || is_open) {
            let field = traits(leg).max_tokens_field;
            self.body.limit_answer(self.call.dialect, field, granted);
        }
    }

    async fn attempt(&mut self, mut leg: Leg) -> Result<Forwarded, Failure> {
        let Some(upstream) = leg.flight.upstream() else {
            let error = ProviderError::new(ProviderErrorKind::Connect, "The provider has no node");
            return Err(Failure { leg, error, reply: None });
        };
        if !leg.wait.is_zero() {
            tokio::time::sleep(leg.wait).await;
        }
        let (body, asked) = match self.may_ask_usage(&*upstream) {
            true => {
                let mut body = self.body.clone();
                let asked = body.ask_usage();
                (body.bytes(), asked)
            }
            false => (self.body.bytes(), false),
        };
        let RawRequest { method, path, query, headers, is_whole, .. } = &self.call.request;
        let request = RawRequest {
            method: method.clone(),
            path: path.replace("{model}", &leg.candidate.model),
            query: query.clone(),
            headers: Arc::clone(headers),
            body,
            is_whole: *is_whole,
        };
        self.ticket.state().account.sent();
        match upstream.forward(&request).await {
            Err(error) => Err(Failure { leg, error, reply: None }),
            Ok(RawReply::Refusal(refusal)) if asked && refuses_usage(&refusal) => {
                self.asks_usage = false;
                self.ticket.state().account.failed();
                leg.wait = std::time::Duration::ZERO;
                Box::pin(self.attempt(leg)).await
            }
            Ok(RawReply::Refusal(refusal)) => {
                let error = refusal.error.clone();
                Err(Failure { leg, error, reply: Some(Box::new(refusal)) })
            }
            Ok(RawReply::Answer(answer)) => self.answer(leg, answer, asked).await,
        }
    }

    /// Tells whether the server may be asked for the usage of a stream.
    fn may_ask_usage(&self, upstream: &dyn Upstream) -> bool {
        self.body.is_true("stream")
            && self.call.dialect == Dialect::Openai
            && self.call.reads == Reads::Answer
            && self.call.request.path.ends_with("completions")
            && self.asks_usage
            && upstream.traits().stream_options
    }

    async fn answer(
        &mut self,
        leg: Leg,
        answer: RawAnswer,
        asked: bool,
    ) -> Result<Forwarded, Failure> {
        let RawAnswer { status, headers, body, reader, patience } = answer;
        self.ticket.state().account.answered_with(Some(status));
        let is_stream = headers.get("content-type").is_some_and(|kind| is_stream(kind.as_bytes()));
        let is_read = self.call.reads == Reads::Answer;
        let answer = (body, reader, patience);
        let mut through = Through::new(Arc::clone(&self.ticket), leg, answer, is_read);
        let body = if is_stream {
            through.strip = asked.then(StripUsage::default);
            if let Err(error) = through.begin().await {
                return Err(Failure { leg: through.leg, error, reply: None });
            }
            let now_ms = self.ticket.desk.config.clock.now_ms();
            through.leg.flight.answered(&through.leg.candidate.model, now_ms);
            return Ok(self.forwarded(status, headers, Some(through), None));
        } else {
            whole(&mut through).await
        };
        let read = body.and_then(|body| self.count(&mut through, &body).map(|()| body));
        match read {
            Err(error) => Err(Failure { leg: through.leg, error, reply: None }),
            Ok(body) => {
                let now_ms = self.ticket.desk.config.clock.now_ms();
                through.leg.flight.answered(&through.leg.candidate.model, now_ms);
                self.ticket.settle(None).await;
                Ok(self.forwarded(status, headers, Some(through), Some(body)))
            }
        }
    }

    /// Reads what a whole answer cost.
    fn count(&self, through: &mut Through, body: &Bytes) -> Result<(), ProviderError> {
        let mut events = VecDeque::new();
        match self.call.reads {
            Reads::Answer => {
                through.reader.push(body, &mut events)?;
                through.reader.end(&mut events)?;
                self.ticket.state().account.note_whole(events);
            }
            Reads::Count => {
                let usage = distiq_llm::wire::read_usage(body).unwrap_or_default();
                self.ticket.state().account.count(usage);
            }
            Reads::Nothing => self.ticket.state().account.done(),
        }
        Ok(())
    }

    fn forwarded(
        &mut self,
        status: u16,
        headers: HeaderMap,
        through: Option<Through>,
        whole: Option<Bytes>,
    ) -> Forwarded {
        self.is_handed_out = true;
        let state = self.ticket.state();
        let (request_id, candidate) = (state.account.id.clone(), state.account.candidate().clone());
        drop(state);
        let node =
            through.as_ref().and_then(|through| through.leg.flight.name().map(str::to_owned));
        let body = match (whole, through) {
            (None, Some(through)) => ForwardBody::Stream(through.into_stream()),
            (whole, _) => ForwardBody::Whole(whole.unwrap_or_default()),
        };
        let Candidate { provider, model, .. } = candidate;
        let receipt = ReceiptHandle(Arc::clone(&self.ticket));
        Forwarded { request_id, provider, model, node, status, headers, body, receipt }
    }

    /// Finds where to go after a failure, and sets the money for it aside.
    async fn next_leg(&mut self, failure: Failure) -> Result<Leg, Refused> {
        let Failure { mut leg, error, reply } = failure;
        let now_ms = self.ticket.desk.config.clock.now_ms();
        leg.flight.failed(&leg.candidate.model, &error, now_ms);
        let after = self.course.after(&leg, &error, jitter());
        drop(leg);
        {
            let mut state = self.ticket.state();
            state.account.answered_with(error.status);
            if after != After::Stop {
                state.account.failed();
            }
        }
        match after {
            After::Stop => return Err(self.give_up(error.into(), reply).await),
            After::Again(delay) => tokio::time::sleep(delay).await,
            After::Next => {}
        }
        let leg = match self.course.pick() {
            Ok(leg) => leg,
            Err(error) => return Err(self.give_up(error.into(), reply).await),
        };
        match self.reserve_again(&leg).await {
            Ok(()) => Ok(leg),
            Err(error) => Err(self.give_up(error, None).await),
        }
    }

    async fn reserve_again(&mut self, leg: &Leg) -> Result<(), SendError> {
        let (before, already, limits) = {
            let state = self.ticket.state();
            let account = &state.account;
            let already = account.cost().unwrap_or(Money::ZERO);
            (account.candidate().clone(), already, account.limits.clone())
        };
        self.take(leg);
        let row = self.open_row(leg);
        let (wanted, mut granted) = (row.wanted_tokens, self.ticket.state().account.max_tokens);
        if before != leg.candidate || already != Money::ZERO {
            let ledger = Arc::clone(&self.ticket.desk.config.ledger);
            granted = ledger.reserve_again(row, already, &limits).await?.max_tokens;
        }
        self.allow(leg, wanted, granted);
        Ok(())
    }

    async fn give_up(&self, error: SendError, reply: Option<Box<RawRefusal>>) -> Refused {
        let receipt = self.ticket.settle(Some(error.clone())).await;
        Refused { error, receipt: Box::new(Arc::unwrap_or_clone(receipt)), reply }
    }
}

/// An attempt that got no answer.
struct Failure {
    leg: Leg,
    error: ProviderError,
    reply: Option<Box<RawRefusal>>,
}

/// Reads an answer to its end, so that one that is cut is never passed on as whole.
async fn whole(through: &mut Through) -> Result<Bytes, ProviderError> {
    let mut body = Vec::new();
    while let Some(bytes) = through.body.next().await {
        let bytes = bytes?;
        through.live(!bytes.trim_ascii().is_empty())?;
        if body.len() + bytes.len() > MAX_WHOLE {
            let message = format!("The answer is over {MAX_WHOLE} bytes long");
            return Err(ProviderError::new(ProviderErrorKind::Malformed, message));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body.into())
}

/// Tells whether an answer of a content type comes piece by piece.
fn is_stream(kind: &[u8]) -> bool {
    // What nearly all whole answers are.
    if kind.starts_with(b"application/json") {
        return false;
    }
    let kind = String::from_utf8_lossy(kind).to_ascii_lowercase();
    ["text/event-stream", "ndjson", "octet-stream"].iter().any(|word| kind.contains(word))
}

fn traits(leg: &Leg) -> RawTraits {
    leg.flight.upstream().map(|upstream| upstream.traits()).unwrap_or_default()
}

/// Tells whether a server refuses the question for usage, and not the caller's request.
fn refuses_usage(refusal: &RawRefusal) -> bool {
    let message = &refusal.error.message;
    matches!(refusal.status, 400 | 422)
        && (message.contains("stream_options") || message.contains("include_usage"))
}

fn price_context(body: &Body, desk: &Desk) -> PriceContext {
    PriceContext {
        service_tier: body.text("service_tier"),
        speed: body.text("speed"),
        geo: body.text("inference_geo"),
        ..PriceContext::at(desk.config.clock.now())
    }
}

/// Estimates the prompt's tokens; the vendor's count replaces it where one comes.
fn estimate(desk: &Desk, call: &Call, body: &Body) -> u64 {
    let bytes = body.original();
    if call.reads == Reads::Nothing {
        return 0;
    }
    let understood = (bytes.len() > LARGE_BODY).then(|| understand(call, bytes)).flatten();
    match understood {
        Some(request) => desk.estimator.estimate(&call.model, &request),
        None => (bytes.len() as u64).div_ceil(BYTES_PER_TOKEN),
    }
}

/// Returns the most tokens that the prompt may come to.
fn most_tokens(desk: &Desk, call: &Call, body: &Body) -> u64 {
    match understand(call, body.original()) {
        Some(request) => desk.estimator.estimate_most(&call.model, &request),
        None => (body.original().len() as u64).div_ceil(LEAST_BYTES_PER_TOKEN),
    }
}

fn understand(call: &Call, bytes: &Bytes) -> Option<distiq_base::Request> {
    if call.reads != Reads::Answer {
        return None;
    }
    match call.dialect {
        Dialect::Anthropic => anthropic::decode_request(bytes).ok(),
        Dialect::Openai => openai::decode_request(bytes).ok(),
        _ => None,
    }
}

/// Returns what tells a conversation's prompt from others: the beginnings of its parts.
fn prefix_hash(body: &Body) -> u64 {
    let mut hasher = DefaultHasher::new();
    for name in
        ["system", "instructions", "systemInstruction", "tools", "messages", "contents", "input"]
    {
        if let Some(part) = body.raw(name) {
            part.get(..PREFIX_BYTES.min(part.len())).unwrap_or_default().hash(&mut hasher);
        }
    }
    hasher.finish()
}
