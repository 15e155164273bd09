//! Two models asked for one answer: the first that gives a whole and sound one wins, the other is given up.
//!
//! Nothing is shown before that is known. Both have rows of their own on the ledger, and both are paid for: the
//! one that is given up by what had come of it. Requests with tools are never raced, since what tools do cannot
//! be done twice.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use distiq_base::{Assembler, Money, Request, StopReason};
use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::{Sleep, sleep};

use crate::escalate::{Evidence, THRESHOLD, assess};
use crate::receipt::{Receipt, RouterEvent};
use crate::route::{Candidate, Table, Tier};
use crate::router::{Desk, Purpose, price_context};
use crate::send::{DEFAULT_ANSWER_TOKENS, Reply};

/// The least that an answer of the second model may be cut to by the cap.
const LEAST_TOKENS: u64 = 1_024;

/// How a request is raced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// Who is asked, too.
    pub rival: Candidate,
    /// How long the first has for itself; where it fails or its answer is unsound, less.
    pub delay: Duration,
    /// The most that the second may cost.
    pub cap: Money,
}

impl Table {
    /// Returns the race of a request without tools whose way was chosen by a policy, where the settings want one:
    /// the rival is the best tier's.
    pub fn race(&self, chosen: &Candidate, at: Timestamp) -> Option<Race> {
        let (delay, cap) = self.race?;
        let ladder = self.ladder(chosen, chosen.tier?, at);
        let rival = ladder.into_iter().rfind(|way| way.tier <= Some(Tier::Premium))?;
        Some(Race { rival, delay, cap })
    }
}

/// Begins the race that a request is to have; `None` where it has none, or the cap does not cover it.
pub(crate) fn start(desk: &Arc<Desk>, request: &Request, purpose: &mut Purpose) -> Option<Reply> {
    let Race { rival, delay, cap } = purpose.race.take()?;
    let is_same = rival.provider == purpose.provider && rival.model == request.model;
    if !request.tools.is_empty() || is_same {
        return None;
    }
    let mut second = request.clone();
    second.model.clone_from(&rival.model);
    let most = desk.estimator.estimate_most(&rival.model, &second);
    let context = price_context(request, desk.config.clock.now());
    let worst = desk.worst_case(&rival.provider, &rival.model, most, &context);
    let wanted = request.max_tokens.unwrap_or(DEFAULT_ANSWER_TOKENS);
    let covered = worst.and_then(|worst| worst.answer_within(cap, wanted));
    let Some(covered) = covered.filter(|tokens| *tokens >= wanted.min(LEAST_TOKENS)) else {
        purpose.reasons.push(format!("not raced: {rival} is not covered by {cap}"));
        return None;
    };
    second.max_tokens = Some(covered);
    let against = purpose.clone();
    purpose.reasons.push(format!("raced against {rival}"));
    let first = Reply::new(Arc::clone(desk), request.clone(), purpose.clone());
    let ticket = first.ticket();
    let mut reasons = against.reasons.clone();
    reasons.push(format!("races {}/{}", purpose.provider, request.model));
    let against = Purpose {
        provider: rival.provider.clone(),
        tier: rival.tier,
        fallbacks: Vec::new(),
        receipt: None,
        cache: None,
        reasons,
        ..against
    };
    let running = Running {
        desk: Arc::clone(desk),
        first: Some(Leg::new(first)),
        second: None,
        waiting: Some((Box::pin(sleep(delay)), second, against)),
        ready: VecDeque::new(),
        unsound: None,
    };
    let events = futures::stream::unfold(running, |mut running| async move {
        let event = running.next().await?;
        Some((event, running))
    });
    Some(Reply::of_race(events.boxed(), ticket))
}

/// One of the two.
struct Leg {
    reply: Reply,
    events: Vec<RouterEvent>,
    answer: Assembler,
}

impl Leg {
    fn new(reply: Reply) -> Self {
        Self { reply, events: Vec::new(), answer: Assembler::default() }
    }

    /// Waits for the end and keeps what comes before it.
    async fn run(&mut self) -> Option<Receipt> {
        while let Some(event) = self.reply.next().await {
            match event {
                RouterEvent::Finished(receipt) => return Some(receipt),
                event => {
                    if let RouterEvent::Model(event) = &event {
                        self.answer.push(event);
                    }
                    self.events.push(event);
                }
            }
        }
        None
    }

    /// Tells whether the answer is whole, has words and does not take them back.
    fn is_sound(&self, receipt: &Receipt) -> bool {
        let words = self.answer.clone().into_response().into_message().text();
        let stop = receipt.stop.as_ref();
        receipt.error.is_none()
            && !matches!(
                stop,
                Some(StopReason::MaxTokens | StopReason::Refusal | StopReason::ContextWindow)
            )
            && !words.trim().is_empty()
            && assess(&Evidence { answer: words, ..Evidence::default() }).score >= THRESHOLD
    }

    /// Gives the leg up; what had come of it is paid for and counts as lost.
    async fn give_up(self) -> Receipt {
        self.reply.ticket().state().account.lose();
        self.reply.cancel().await
    }

    fn into_events(self, receipt: Receipt) -> impl Iterator<Item = RouterEvent> {
        self.events.into_iter().chain([RouterEvent::Finished(receipt)])
    }
}

struct Running {
    desk: Arc<Desk>,
    first: Option<Leg>,
    second: Option<Leg>,
    /// The second, until it is its turn.
    waiting: Option<(Pin<Box<Sleep>>, Request, Purpose)>,
    ready: VecDeque<RouterEvent>,
    /// The better of what has ended without being sound.
    unsound: Option<(Leg, Receipt)>,
}

/// What happens next.
enum Next {
    Due,
    Ended(bool, Option<Box<Receipt>>),
}

impl Running {
    async fn next(&mut self) -> Option<RouterEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.step().await? {
                Next::Due => self.start_second(),
                Next::Ended(is_first, receipt) => self.ended(is_first, *receipt?).await,
            }
        }
    }

    /// Waits for what happens next; `None` where nothing is left.
    async fn step(&mut self) -> Option<Next> {
        let Self { first, second, waiting, .. } = self;
        let (has_first, has_second, has_waiting) =
            (first.is_some(), second.is_some(), waiting.is_some());
        let one = async {
            match first {
                Some(leg) => leg.run().await,
                None => None,
            }
        };
        let other = async {
            match second {
                Some(leg) => leg.run().await,
                None => None,
            }
        };
        let due = async {
            if let Some((delay, ..)) = waiting {
                delay.as_mut().await;
            }
        };
        tokio::select! {
            biased;
            receipt = one, if has_first => Some(Next::Ended(true, receipt.map(Box::new))),
            receipt = other, if has_second => Some(Next::Ended(false, receipt.map(Box::new))),
            () = due, if has_waiting => Some(Next::Due),
            else => None,
        }
    }

    fn start_second(&mut self) {
        if let Some((_, request, purpose)) = self.waiting.take() {
            self.second = Some(Leg::new(Reply::new(Arc::clone(&self.desk), request, purpose)));
        }
    }

    async fn ended(&mut self, is_first: bool, receipt: Receipt) {
        let ended = if is_first { self.first.take() } else { self.second.take() };
        let Some(leg) = ended else { return };
        if leg.is_sound(&receipt) {
            return self.win(leg, receipt).await;
        }
        self.start_second();
        let is_better = match &self.unsound {
            None => true,
            // A whole answer before a failure, and the second's, which is the stronger's, before the first's.
            Some((_, other)) => receipt.error.is_none() && (other.error.is_some() || !is_first),
        };
        let worse = match is_better {
            true => self.unsound.replace((leg, receipt)),
            false => Some((leg, receipt)),
        };
        drop(worse);
        if self.first.is_none()
            && self.second.is_none()
            && let Some((leg, receipt)) = self.unsound.take()
        {
            self.ready.extend(leg.into_events(receipt));
        }
    }

    async fn win(&mut self, leg: Leg, receipt: Receipt) {
        self.waiting = None;
        self.unsound = None;
        for other in [self.first.take(), self.second.take()].into_iter().flatten() {
            let lost = other.give_up().await;
            let cost =
                lost.cost.map_or_else(|| "an unknown sum".to_owned(), |cost| cost.to_string());
            let message =
                format!("{}/{} was raced and given up; it cost {cost}", lost.provider, lost.model);
            self.ready.push_back(RouterEvent::Notice(message));
        }
        self.ready.extend(leg.into_events(receipt));
    }
}
