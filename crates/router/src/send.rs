//! One request on its way: set aside, sent, retried, shown, recorded.

mod account;

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use distiq_base::kill::kill_point;
use distiq_base::{BlockStart, Delta, Dialect, Money, Request, StreamEvent, ThinkingMode};
use distiq_llm::{ProviderError, ProviderErrorKind};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::ledger::rows::OpenRow;
use crate::receipt::{Receipt, RouterEvent, SendError};
use crate::router::{Desk, Purpose, price_context};
use crate::upstream::{EventStream, Upstream};
use account::Account;

/// The longest answer to set money aside for where neither the caller nor the catalogue says.
const DEFAULT_ANSWER_TOKENS: u64 = 32_000;
/// The vendor's least thinking budget (Anthropic, 2026-11).
const LEAST_THINKING: u64 = 1_024;

/// A request's answer as it comes; the last event is [`RouterEvent::Finished`].
///
/// Dropping it gives the request up: the connection is closed and the row with it.
pub struct Reply {
    // `None` once given up. It goes before the account is closed.
    events: Option<BoxStream<'static, RouterEvent>>,
    shared: Arc<Shared>,
}

/// What the running request and the one who may give it up both see.
struct Shared {
    desk: Arc<Desk>,
    state: Mutex<State>,
}

struct State {
    account: Account,
    stage: Stage,
}

enum Stage {
    /// Nothing is on the ledger.
    New,
    /// A row is on the ledger, or about to be.
    Open,
    /// The row is closed.
    Closed(Box<Receipt>),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    pub(crate) fn new(desk: Arc<Desk>, request: Request, purpose: Purpose) -> Self {
        let context = price_context(&request, desk.config.clock.now());
        let prompt_tokens = desk.estimator.estimate(&request.model, &request);
        let account = Account::new(
            Arc::clone(&desk),
            purpose.clone(),
            request.model.clone(),
            context,
            prompt_tokens,
        );
        let shared =
            Arc::new(Shared { desk, state: Mutex::new(State { account, stage: Stage::New }) });
        let sending = Sending {
            shared: Arc::clone(&shared),
            purpose,
            request,
            upstream: None,
            row: None,
            failed_attempts: 0,
            step: Step::Reserve,
            ready: VecDeque::new(),
            held: Vec::new(),
            shown: false,
        };
        let events = futures::stream::unfold(sending, |mut sending| async move {
            let event = sending.next().await?;
            Some((event, sending))
        });
        Self { events: Some(events.boxed()), shared }
    }

    /// Gives the request up, waits until that is on the ledger, and returns the receipt.
    ///
    /// A request that was over already keeps its receipt.
    pub async fn cancel(mut self) -> Receipt {
        self.events = None;
        let (row, receipt) = {
            let mut state = self.shared.state();
            match &state.stage {
                Stage::Closed(receipt) => return (**receipt).clone(),
                Stage::New => return state.account.close(Some(SendError::Cancelled)).1,
                Stage::Open => {}
            }
            let (row, receipt) = state.account.close(Some(SendError::Cancelled));
            state.stage = Stage::Closed(Box::new(receipt.clone()));
            let desk = &self.shared.desk.config;
            (desk.ledger.finish(&state.account.id, row, &desk.limits), receipt)
        };
        // The caller is told what is known; a row that could not be closed is closed at the next
        // start.
        let _ = row.await;
        receipt
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.events = None;
        let mut state = self.shared.state();
        if matches!(state.stage, Stage::Open) {
            let (row, receipt) = state.account.close(Some(SendError::Cancelled));
            let desk = &self.shared.desk.config;
            desk.ledger.finish_later(&state.account.id, row, &desk.limits);
            state.stage = Stage::Closed(Box::new(receipt));
        }
    }
}

/// What comes next.
enum Step {
    Reserve,
    Send,
    Wait(Duration),
    Receive(EventStream),
    Over,
}

/// A request under way.
struct Sending {
    shared: Arc<Shared>,
    purpose: Purpose,
    request: Request,
    upstream: Option<Arc<dyn Upstream>>,
    row: Option<OpenRow>,
    failed_attempts: u32,
    step: Step,
    /// Events to give out before the next step.
    ready: VecDeque<RouterEvent>,
    /// Steps of this attempt that show nothing yet; an attempt that fails takes them with it.
    held: Vec<StreamEvent>,
    /// Whether the caller has seen anything of the answer.
    shown: bool,
}

impl Sending {
    async fn next(&mut self) -> Option<RouterEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match std::mem::replace(&mut self.step, Step::Over) {
                Step::Reserve => self.reserve().await,
                Step::Send => self.send().await,
                Step::Wait(delay) => {
                    tokio::time::sleep(delay).await;
                    self.reserve_again().await;
                }
                Step::Receive(stream) => self.receive(stream).await,
                Step::Over => return None,
            }
        }
    }

    async fn reserve(&mut self) {
        let desk = Arc::clone(&self.shared.desk);
        match desk.config.registry.upstream(&self.purpose.provider) {
            Ok(upstream) => self.upstream = Some(upstream),
            Err(error) => return self.refuse(error.into()),
        }
        let row = {
            let mut state = self.shared.state();
            state.stage = Stage::Open;
            let estimate = desk.estimator.estimate_most(&self.request.model, &self.request);
            state.account.open_row(&self.request.scope, self.wanted_tokens(), estimate)
        };
        self.row = Some(row.clone());
        match desk.config.ledger.reserve(row, &desk.config.limits).await {
            Ok(granted) => {
                self.allow(granted.max_tokens);
                let state = self.shared.state();
                self.ready.push_back(RouterEvent::Started {
                    request_id: state.account.id.clone(),
                    provider: self.purpose.provider.clone(),
                    model: self.request.model.clone(),
                });
                self.step = Step::Send;
            }
            Err(error) => self.refuse(error.into()),
        }
    }

    /// Ends a request that is not on the ledger.
    fn refuse(&mut self, error: SendError) {
        let mut state = self.shared.state();
        let (_, receipt) = state.account.close(Some(error));
        state.stage = Stage::Closed(Box::new(receipt.clone()));
        self.ready.push_back(RouterEvent::Finished(receipt));
    }

    fn wanted_tokens(&self) -> u64 {
        let anthropic = self.upstream.as_ref().is_some_and(|up| up.dialect() == Dialect::Anthropic);
        let catalogue = &self.shared.desk.config.catalogue;
        self.request.max_tokens.unwrap_or_else(|| match anthropic {
            true => distiq_llm::wire::anthropic::DEFAULT_MAX_TOKENS,
            false => catalogue
                .find(&self.purpose.provider, &self.request.model)
                .and_then(|info| info.max_output_tokens)
                .unwrap_or(DEFAULT_ANSWER_TOKENS),
        })
    }

    /// Holds the answer to what the limits cover.
    fn allow(&mut self, max_tokens: u64) {
        self.shared.state().account.max_tokens = max_tokens;
        if !self.shared.desk.config.limits.any() {
            return;
        }
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
        let Some(upstream) = self.upstream.clone() else { return };
        kill_point("before_send");
        self.shared.state().account.sent();
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
                self.shared.state().account.note(&event);
                if event == StreamEvent::End {
                    let held = std::mem::take(&mut self.held);
                    self.ready.extend(held.into_iter().map(RouterEvent::Model));
                    self.finish(None).await;
                    return;
                }
                if self.shown || shows(&event) {
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
                self.fail(error.at(&self.purpose.provider)).await;
            }
        }
    }

    async fn fail(&mut self, error: ProviderError) {
        self.failed_attempts += 1;
        let retry = self.shared.desk.config.retry;
        let delay = match self.shown {
            true => None,
            false => retry.delay(self.failed_attempts, &error, jitter()),
        };
        let Some(delay) = delay else {
            return self.finish(Some(error.into())).await;
        };
        self.held.clear();
        let mut state = self.shared.state();
        state.account.failed();
        self.ready.push_back(RouterEvent::Retried {
            request_id: state.account.id.clone(),
            attempt: self.failed_attempts,
            reason: error.to_string(),
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        });
        self.step = Step::Wait(delay);
    }

    /// Sets money aside for another attempt, where the last one cost some.
    async fn reserve_again(&mut self) {
        self.step = Step::Send;
        let already = self.shared.state().account.cost();
        let (Some(already), Some(row)) = (already, &self.row) else { return };
        if already == Money::ZERO {
            return;
        }
        let desk = Arc::clone(&self.shared.desk);
        let granted =
            desk.config.ledger.reserve_again(row.clone(), already, &desk.config.limits).await;
        match granted {
            Ok(granted) => self.allow(granted.max_tokens),
            Err(error) => self.finish(Some(error.into())).await,
        }
    }

    /// Puts the end on the ledger, then lets the caller see it.
    async fn finish(&mut self, error: Option<SendError>) {
        self.step = Step::Over;
        let desk = Arc::clone(&self.shared.desk);
        let complete = error.is_none();
        let (written, mut receipt) = {
            let mut state = self.shared.state();
            let (row, receipt) = state.account.close(error);
            // Closed from here on: the ledger does the rest even if nobody waits for it.
            state.stage = Stage::Closed(Box::new(receipt.clone()));
            let written = desk.config.ledger.finish(&state.account.id, row, &desk.config.limits);
            (written, receipt)
        };
        match written.await {
            Ok(alerts) => {
                let notices = alerts.iter().map(|alert| RouterEvent::Notice(alert.to_string()));
                self.ready.extend(notices);
            }
            Err(error) => receipt.error = receipt.error.or(Some(error.into())),
        }
        if complete {
            self.ready.push_back(RouterEvent::Model(StreamEvent::End));
        }
        self.ready.push_back(RouterEvent::Finished(receipt));
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
fn jitter() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}
