//! A streamed answer on its way through: its bytes are given on as they come, and read on the side.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use distiq_base::StreamEvent;
use distiq_llm::provider::{AnswerReader, RawBody};
use distiq_llm::{Phase, ProviderError, ProviderErrorKind};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

use super::strip::StripUsage;
use crate::course::Leg;
use crate::receipt::SendError;
use crate::ticket::Ticket;

/// Bytes that tell whether an event has ended.
const TAIL: usize = 3;
/// How long to wait for the end of the body after the end of the answer.
const END_OF_BODY: Duration = Duration::from_millis(50);

/// An answer's bytes as they come. Dropping it closes the connection and the row.
pub struct ForwardStream {
    // It goes before the row is closed.
    bytes: Option<BoxStream<'static, Result<Bytes, Broken>>>,
    ticket: Arc<Ticket>,
}

/// Why a stream is not whole; nothing follows it.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Why.
    pub error: SendError,
    /// Whether the vendor's own words on it were among the bytes that were given on.
    pub is_told: bool,
}

impl fmt::Debug for ForwardStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForwardStream")
    }
}

impl Stream for ForwardStream {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.bytes {
            Some(bytes) => bytes.poll_next_unpin(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for ForwardStream {
    fn drop(&mut self) {
        self.bytes = None;
        self.ticket.abandon();
    }
}

/// An answer under way.
pub(super) struct Through {
    pub ticket: Arc<Ticket>,
    pub leg: Leg,
    pub body: RawBody,
    pub reader: AnswerReader,
    /// Whether the answer is read, or only its bytes counted.
    pub is_read: bool,
    pub strip: Option<StripUsage>,
    /// Bytes that came while the answer was found to be one.
    pub begun: VecDeque<Bytes>,
    /// How long comments and pings alone keep it alive.
    patience: Duration,
    events: VecDeque<StreamEvent>,
    last_event: Instant,
    /// The last bytes that were given on.
    tail: Vec<u8>,
    fault: Option<Broken>,
    step: Step,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Passing,
    /// The answer is over and on the ledger; the rest of the body is read.
    Ending,
    Over,
}

impl Through {
    pub fn new(
        ticket: Arc<Ticket>,
        leg: Leg,
        answer: (RawBody, AnswerReader, Duration),
        is_read: bool,
    ) -> Self {
        let (body, reader, patience) = answer;
        Self {
            ticket,
            leg,
            body,
            reader,
            is_read,
            strip: None,
            begun: VecDeque::new(),
            patience,
            events: VecDeque::new(),
            last_event: Instant::now(),
            tail: Vec::new(),
            fault: None,
            step: Step::Passing,
        }
    }

    /// Waits until the answer has begun: its first event, which is no failure.
    pub async fn begin(&mut self) -> Result<(), ProviderError> {
        while self.reader.frames() == 0 && self.step == Step::Passing {
            match self.body.next().await {
                Some(Ok(bytes)) => {
                    self.read(&bytes)?;
                    self.begun.push_back(bytes);
                    if !self.is_read {
                        break;
                    }
                }
                Some(Err(error)) => return Err(error),
                None => return self.end_of_body(),
            }
        }
        Ok(())
    }

    /// Reads bytes on the side.
    fn read(&mut self, bytes: &Bytes) -> Result<(), ProviderError> {
        if !self.is_read {
            return Ok(());
        }
        let frames = self.reader.frames();
        let read = self.reader.push(bytes, &mut self.events);
        let has_come = self.reader.frames() > frames;
        self.note();
        read.and_then(|()| self.live(has_come))
    }

    /// Notes whether something of the answer has come with the last bytes.
    ///
    /// # Errors
    /// Where nothing has for too long.
    pub fn live(&mut self, has_come: bool) -> Result<(), ProviderError> {
        if has_come {
            self.last_event = Instant::now();
        } else if self.last_event.elapsed() > self.patience {
            let message =
                format!("Nothing but signs of life came for {} ms", self.patience.as_millis());
            return Err(ProviderError::new(ProviderErrorKind::Timeout(Phase::Idle), message));
        }
        Ok(())
    }

    fn note(&mut self) {
        if !self.events.is_empty() {
            let mut state = self.ticket.state();
            self.events.drain(..).for_each(|event| state.account.note(&event));
        }
    }

    /// Takes the end of the body in; a whole answer that came as one object counts as well.
    fn end_of_body(&mut self) -> Result<(), ProviderError> {
        self.step = Step::Ending;
        if !self.is_read {
            self.ticket.state().account.done();
            return Ok(());
        }
        let ended = self.reader.end(&mut self.events);
        self.note();
        ended
    }

    pub fn into_stream(self) -> ForwardStream {
        let ticket = Arc::clone(&self.ticket);
        let bytes = futures::stream::unfold(self, |mut through| async move {
            let next = through.next().await?;
            Some((next, through))
        });
        ForwardStream { bytes: Some(bytes.boxed()), ticket }
    }

    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        loop {
            if let Some(bytes) = self.begun.pop_front() {
                let is_last = self.begun.is_empty() && self.reader.is_over();
                if is_last && self.step == Step::Passing {
                    self.close(None).await;
                    self.step = Step::Ending;
                }
                if let Some(bytes) = self.give(&bytes) {
                    return Some(Ok(bytes));
                }
                continue;
            }
            if let Some(broken) = self.fault.take() {
                self.step = Step::Over;
                return Some(Err(broken));
            }
            match self.step {
                Step::Passing => self.pass().await,
                Step::Ending => return self.ending().await,
                Step::Over => return None,
            }
        }
    }

    /// Takes the next bytes of the body in.
    async fn pass(&mut self) {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                let read = self.read(&bytes);
                // An error event of the vendor's is in the caller's own dialect.
                let is_told = !matches!(
                    read,
                    Err(ProviderError {
                        kind: ProviderErrorKind::Truncated
                            | ProviderErrorKind::Malformed
                            | ProviderErrorKind::Timeout(_),
                        ..
                    })
                );
                // What cannot be read may hold a mark of the end, which half an answer must not have.
                if is_told {
                    self.begun.push_back(bytes);
                }
                if let Err(error) = read {
                    self.begun.extend(self.strip.as_mut().map(StripUsage::rest));
                    self.fail(error, is_told).await;
                }
            }
            Some(Err(error)) if !self.reader.may_end() => self.fail(error, false).await,
            _ => self.over().await,
        }
    }

    /// The body is over.
    async fn over(&mut self) {
        if let Err(error) = self.end_of_body() {
            return self.fail(error, false).await;
        }
        // The last event's empty line is missing.
        let is_between =
            [&b"\n\n"[..], b"\n\r\n", b"\r\r"].iter().any(|end| self.tail.ends_with(end));
        if self.is_read && !is_between {
            self.begun.push_back(Bytes::from_static(b"\n\n"));
        }
        self.close(None).await;
    }

    async fn fail(&mut self, error: ProviderError, is_told: bool) {
        let provider = self.leg.candidate.provider.clone();
        let error = error.at(&provider);
        let now_ms = self.ticket.desk.config.clock.now_ms();
        self.leg.flight.failed(&self.leg.candidate.model, &error, now_ms);
        let error = SendError::from(error);
        self.close(Some(error.clone())).await;
        self.fault = Some(Broken { error, is_told });
    }

    async fn close(&mut self, error: Option<SendError>) {
        let failed = error.is_some();
        let receipt = self.ticket.settle(error).await;
        if let Some(error) = receipt.error.clone().filter(|_| !failed) {
            self.fault = Some(Broken { error, is_told: false });
        }
    }

    /// Returns bytes as they are given on.
    fn give(&mut self, bytes: &Bytes) -> Option<Bytes> {
        let new = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        self.tail.extend_from_slice(new);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        let given = match &mut self.strip {
            None => bytes.clone(),
            Some(strip) => strip.push(bytes),
        };
        (!given.is_empty()).then_some(given)
    }

    /// Reads what is left of the body: with it unread, the connection would be closed.
    async fn ending(&mut self) -> Option<Result<Bytes, Broken>> {
        while let Ok(Some(Ok(bytes))) = timeout(END_OF_BODY, self.body.next()).await {
            if let Some(bytes) = self.give(&bytes) {
                return Some(Ok(bytes));
            }
        }
        self.step = Step::Over;
        let rest = self.strip.as_mut().map(StripUsage::rest).filter(|rest| !rest.is_empty());
        rest.map(Ok)
    }
}
