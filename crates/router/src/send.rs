//! One request on its way: set aside, sent, retried, shown, recorded.

pub(crate) mod account;
mod replay;

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use distiq_base::kill::kill_point;
use distiq_base::{BlockStart, Delta, Dialect, Money, Request, StreamEvent, ThinkingMode};
use distiq_llm::{ProviderError, ProviderErrorKind};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::cache::serving::Serving;
use crate::course::{After, Course, Leg};
use crate::economy::switch;
use crate::ledger::rows::OpenRow;
use crate::receipt::{Receipt, RouterEvent, SendError};
use crate::route::Candidate;
use crate::router::{Desk, Purpose, price_context};
use crate::ticket::Ticket;
use crate::upstream::EventStream;
use account::Account;

/// The longest answer to set money aside for where neither the caller nor the catalogue says.
pub(crate) const DEFAULT_ANSWER_TOKENS: u64 = 32_000;
/// The vendor's least thinking budget (Anthropic, 2026-11).
const LEAST_THINKING: u64 = 1_024;

/// A request's answer as it comes; the last event is [`RouterEvent::Finished`].
///
/// Dropping it gives the request up: the connection is closed and the row with it.
pub struct Reply {
    // `None` once given up. It goes before the account is closed.
    events: Option<BoxStream<'static, RouterEvent>>,
    ticket: Arc<Ticket>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

impl Stream for Reply {
    type Item = RouterEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RouterEvent>> {
        match &mut self.events {
            Some(events) => events.poll_next_unpin(context),
            None => Poll::Ready(None),
        }
    }
}

impl Reply {
    pub(crate) fn new(desk: Arc<Desk>, mut request: Request, mut purpose: Purpose) -> Self {
        let serving = Serving::of(&desk, &request, &purpose);
        let pinned = desk.pins.find(&request);
        let notes = switch::pin(&mut request, &mut purpose, pinned);
        let context = price_context(&request, desk.config.clock.now());
        let prompt_tokens = desk.estimator.estimate(&request.model, &request);
        let first = Candidate {
            provider: purpose.provider.clone(),
            model: request.model.clone(),
            tier: purpose.tier,
        };
        let candidates: Vec<Candidate> =
            std::iter::once(first).chain(purpose.fallbacks.iter().cloned()).collect();
        let prefix = match desk.goes_by_prefix(&candidates) {
            true => switch::prefix_hash(&request),
            false => 0,
        };
        let course = Course::new(Arc::clone(&desk), candidates, prefix);
        let account =
            Account::new(Arc::clone(&desk), purpose, request.model.clone(), context, prompt_tokens);
        let ticket = Ticket::new(desk, account);
        let sending = Sending {
            ticket: Arc::clone(&ticket),
            wanted: (request.max_tokens, request.thinking.clone()),
            request,
            course,
            notes,
            leg: None,
            row: None,
            step: Step::Begin,
            ready: VecDeque::new(),
            held: Vec::new(),
            shown: false,
            proof: String::new(),
            serving,
        };
        let events = futures::stream::unfold(sending, |mut sending| async move {
            let event = sending.next().await?;
            Some((event, sending))
        });
        Self { events: Some(events.boxed()), ticket }
    }

    /// Makes the reply of a race, whose first request `ticket` is.
    pub(crate) const fn of_race(
        events: BoxStream<'static, RouterEvent>,
        ticket: Arc<Ticket>,
    ) -> Self {
        Self { events: Some(events), ticket }
    }

    pub(crate) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.ticket)
    }

    /// Gives the request up, waits until that is on the ledger, and returns the receipt.
    ///
    /// A request that was over already keeps its receipt.
    pub async fn cancel(mut self) -> Receipt {
        self.events = None;
        // The caller is told what is known; a row that could not be closed is closed at the next
        // start.
        Arc::unwrap_or_clone(self.ticket.close(Some(SendError::Cancelled)).await.0)
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.events = None;
        self.ticket.abandon();
    }
}

/// What comes next.
enum Step {
    Begin,
    Send,
    Wait(Duration),
    FallBack(String),
    Receive(EventStream),
    Over,
}

/// A request under way.
struct Sending {
    ticket: Arc<Ticket>,
    request: Request,
    /// The longest answer and the thinking that the caller wants.
    wanted: (Option<u64>, Option<ThinkingMode>),
    course: Course,
    notes: Vec<String>,
    leg: Option<Leg>,
    row: Option<OpenRow>,
    step: Step,
    /// Events to give out before the next step.
    ready: VecDeque<RouterEvent>,
    /// Steps of this attempt that show nothing yet; an attempt that fails takes them with it.
    held: Vec<StreamEvent>,
    /// Whether the caller has seen anything of the answer.
    shown: bool,
    /// The signature that is coming.
    proof: String,
    /// Where the request may be answered by an answer of before, and its own kept.
    serving: Option<Serving>,
}

impl Sending {
    async fn next(&mut self) -> Option<RouterEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match std::mem::replace(&mut self.step, Step::Over) {
                Step::Begin => self.begin().await,
                Step::Send => self.send().await,
                Step::Wait(delay) => {
                    tokio::time::sleep(delay).await;
                    self.again().await;
                }
                Step::FallBack(reason) => self.fall_back(reason).await,
                Step::Receive(stream) => self.receive(stream).await,
                Step::Over => return None,
            }
        }
    }

    /// Finds the first way and sets the money for it aside.
    async fn begin(&mut self) {
        if let Some(found) = self.kept_answer() {
            return self.give(found).await;
        }
        let leg = match self.course.pick() {
            Ok(leg) => leg,
            Err(error) => return self.refuse(error.into()),
        };
        if leg.candidate != *self.ticket.state().account.candidate() {
            self.adapt(&leg.candidate);
        }
        self.take(leg);
        let row = self.open_row();
        self.ticket.open();
        self.row = Some(row.clone());
        let (ledger, limits) = (
            Arc::clone(&self.ticket.desk.config.ledger),
            self.ticket.state().account.limits.clone(),
        );
        match ledger.reserve(row, &limits).await {
            Ok(granted) => {
                self.allow(granted.max_tokens);
                let state = self.ticket.state();
                self.ready.push_back(RouterEvent::Started {
                    request_id: state.account.id.clone(),
                    provider: state.account.candidate().provider.clone(),
                    model: self.request.model.clone(),
                });
                self.step = Step::Send;
            }
            Err(error) => self.refuse(error.into()),
        }
    }

    /// Ends a request that is not on the ledger.
    fn refuse(&mut self, error: SendError) {
        let receipt = self.ticket.refuse(error);
        self.ready.push_back(RouterEvent::Finished(receipt));
    }

    fn open_row(&self) -> OpenRow {
        let most = self.ticket.desk.estimator.estimate_most(&self.request.model, &self.request);
        // Before the state is held: it looks at it, too.
        let wanted = self.wanted_tokens();
        self.ticket.state().account.open_row(&self.request.scope, wanted, most)
    }

    fn take(&mut self, leg: Leg) {
        let mut notes = std::mem::take(&mut self.notes);
        notes.append(&mut self.course.notes);
        let mut state = self.ticket.state();
        state.account.takes(leg.flight.name(), self.course.fallbacks, &mut notes);
        drop(state);
        self.leg = Some(leg);
    }

    /// Makes the request fit another way.
    fn adapt(&mut self, candidate: &Candidate) {
        (self.request.max_tokens, self.request.thinking) = self.wanted.clone();
        let fitted = switch::adapt(&mut self.request, &candidate.model);
        self.notes.extend(fitted);
        let tokens = self.ticket.desk.estimator.estimate(&candidate.model, &self.request);
        self.ticket.state().account.switch(candidate.clone(), tokens);
    }

    fn wanted_tokens(&self) -> u64 {
        let upstream = self.leg.as_ref().and_then(|leg| leg.flight.upstream());
        let anthropic = upstream.is_some_and(|up| up.dialect() == Dialect::Anthropic);
        let desk = &self.ticket.desk;
        let provider = self.ticket.state().account.candidate().provider.clone();
        self.request.max_tokens.unwrap_or_else(|| match anthropic {
            true => distiq_llm::wire::anthropic::DEFAULT_MAX_TOKENS,
            false => desk
                .config
                .catalogue
                .find(&provider, &self.request.model)
                .and_then(|info| info.max_output_tokens)
                .unwrap_or(DEFAULT_ANSWER_TOKENS),
        })
    }

    /// Holds the answer to what the limits cover.
    fn allow(&mut self, max_tokens: u64) {
        let mut state = self.ticket.state();
        state.account.max_tokens = max_tokens;
        if !state.account.limits.any() {
            return;
        }
        drop(state);
        self.request.max_tokens = Some(max_tokens);
        if let Some(ThinkingMode::Budget(budget)) = self.request.thinking
            && budget >= max_tokens
        {
            // Vendors refuse a budget that leaves no room for an answer.
            let left = max_tokens.saturating_sub(LEAST_THINKING);
            self.request.thinking = Some(match left < LEAST_THINKING {
                true => ThinkingMode::Disabled,
                false => ThinkingMode::Budget(left),
            });
        }
    }

    async fn send(&mut self) {
        let Some(leg) = &self.leg else { return };
        let Some(upstream) = leg.flight.upstream() else { return };
        if !leg.wait.is_zero() {
            tokio::time::sleep(leg.wait).await;
        }
        kill_point("before_send");
        self.ticket.state().account.sent();
        match upstream.stream(&self.request).await {
            Ok(stream) => {
                kill_point("after_send");
                self.step = Step::Receive(stream);
            }
            Err(error) => self.fail(error).await,
        }
    }

    async fn receive(&mut self, mut stream: EventStream) {
        match stream.next().await {
            Some(Ok(event)) => {
                self.note(&event);
                if event == StreamEvent::End {
                    let held = std::mem::take(&mut self.held);
                    self.ready.extend(held.into_iter().map(RouterEvent::Model));
                    self.finish(None).await;
                    return;
                }
                if self.shown || shows(&event) {
                    self.answered();
                    self.shown = true;
                    let held = std::mem::take(&mut self.held);
                    self.ready.extend(held.into_iter().map(RouterEvent::Model));
                    self.ready.push_back(RouterEvent::Model(event));
                    kill_point("mid_stream");
                } else {
                    self.held.push(event);
                }
                self.step = Step::Receive(stream);
            }
            Some(Err(error)) => self.fail(error).await,
            None => {
                let message = "The answer ended without its end mark";
                let error = ProviderError::new(ProviderErrorKind::Truncated, message);
                let provider = self.ticket.state().account.candidate().provider.clone();
                self.fail(error.at(&provider)).await;
            }
        }
    }

    /// Tells the node that it is well, once.
    fn answered(&mut self) {
        let now_ms = self.ticket.desk.config.clock.now_ms();
        if let Some(leg) = self.leg.as_mut().filter(|_| !self.shown) {
            leg.flight.answered(&leg.candidate.model, now_ms);
        }
    }

    fn note(&mut self, event: &StreamEvent) {
        if let Some(serving) = &mut self.serving {
            serving.note(event);
        }
        let mut state = self.ticket.state();
        state.account.note(event);
        let proof = match event {
            StreamEvent::BlockDelta { delta: Delta::Signature { signature }, .. } => {
                self.proof.push_str(signature);
                return;
            }
            StreamEvent::BlockStart { block: BlockStart::RedactedThinking { data }, .. } => data,
            StreamEvent::BlockStop { .. } if !self.proof.is_empty() => &self.proof,
            _ => return,
        };
        self.ticket.desk.pins.keep(proof, state.account.candidate());
        self.proof.clear();
    }

    async fn fail(&mut self, error: ProviderError) {
        let now_ms = self.ticket.desk.config.clock.now_ms();
        self.ticket.state().account.answered_with(error.status);
        let after = match &mut self.leg {
            None => After::Stop,
            Some(leg) => {
                leg.flight.failed(&leg.candidate.model, &error, now_ms);
                match self.shown {
                    true => After::Stop,
                    false => self.course.after(leg, &error, jitter()),
                }
            }
        };
        if after == After::Stop {
            return self.finish(Some(error.into())).await;
        }
        self.held.clear();
        self.proof.clear();
        if let Some(serving) = &mut self.serving {
            serving.restart();
        }
        let mut state = self.ticket.state();
        state.account.failed();
        let delay = match after {
            After::Again(delay) => delay,
            After::Stop | After::Next => {
                self.step = Step::FallBack(error.to_string());
                return;
            }
        };
        self.ready.push_back(RouterEvent::Retried {
            request_id: state.account.id.clone(),
            attempt: self.course.failed_here(),
            reason: error.to_string(),
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        });
        self.step = Step::Wait(delay);
    }

    /// Tries again, at another node where there is one.
    async fn again(&mut self) {
        let before = self.ticket.state().account.candidate().clone();
        match self.course.pick() {
            Ok(leg) if leg.candidate == before => {
                self.take(leg);
                self.reserve_again().await;
            }
            Ok(leg) => self.go_to(leg, "nothing answers there now".to_owned()).await,
            Err(error) => self.finish(Some(error.into())).await,
        }
    }

    /// Goes to the next way that is set up.
    async fn fall_back(&mut self, reason: String) {
        match self.course.pick() {
            Ok(leg) => self.go_to(leg, reason).await,
            Err(error) => self.finish(Some(error.into())).await,
        }
    }

    async fn go_to(&mut self, leg: Leg, reason: String) {
        self.adapt(&leg.candidate);
        let request_id = self.ticket.state().account.id.clone();
        self.ready.push_back(RouterEvent::FellBack {
            request_id,
            provider: leg.candidate.provider.clone(),
            model: leg.candidate.model.clone(),
            reason,
        });
        self.take(leg);
        self.row = Some(self.open_row());
        self.reserve_again().await;
    }

    /// Sets money aside for another attempt, where the last one cost some or this one is another's.
    async fn reserve_again(&mut self) {
        self.step = Step::Send;
        let Some(row) = &self.row else { return };
        let (already, limits) = {
            let state = self.ticket.state();
            (state.account.cost(), state.account.limits.clone())
        };
        let already = already.unwrap_or(Money::ZERO);
        if already == Money::ZERO && self.course.fallbacks == 0 {
            return;
        }
        let ledger = &self.ticket.desk.config.ledger;
        match ledger.reserve_again(row.clone(), already, &limits).await {
            Ok(granted) => self.allow(granted.max_tokens),
            Err(error) => self.finish(Some(error.into())).await,
        }
    }

    /// Puts the end on the ledger, then lets the caller see it.
    async fn finish(&mut self, error: Option<SendError>) {
        self.step = Step::Over;
        let complete = error.is_none();
        if complete {
            self.answered();
        }
        self.leg = None;
        let (receipt, alerts) = self.ticket.close(error).await;
        if let Some(serving) = self.serving.take().filter(|_| complete) {
            serving.keep(&receipt, self.ticket.desk.config.clock.now_ms());
        }
        self.ready.extend(alerts.iter().map(|alert| RouterEvent::Notice(alert.to_string())));
        if complete {
            self.ready.push_back(RouterEvent::Model(StreamEvent::End));
        }
        self.ready.push_back(RouterEvent::Finished(Arc::unwrap_or_clone(receipt)));
    }
}

/// Tells whether a step shows the caller anything that a retry could not take back.
fn shows(event: &StreamEvent) -> bool {
    match event {
        StreamEvent::Start { .. } | StreamEvent::Usage { .. } => false,
        StreamEvent::BlockStart { block, .. } => {
            !matches!(block, BlockStart::Text | BlockStart::Thinking)
        }
        StreamEvent::BlockDelta { delta, .. } => match delta {
            Delta::Text { text } | Delta::Thinking { text } => !text.is_empty(),
            Delta::Arguments { json } => !json.is_empty(),
            Delta::Signature { .. } => true,
        },
        StreamEvent::BlockStop { .. } => false,
        StreamEvent::Stop { .. } | StreamEvent::End => true,
    }
}

/// Returns a random number from 0 to 1, good enough to keep many clients apart.
pub(crate) fn jitter() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}
