//! An answer as it comes in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use distiq_base::{Secret, StreamEvent};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::Timeouts;
use super::exchange::Exchange;
use super::http::{describe, late};
use super::reading::AnswerReader;
use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};

/// How long to wait for the end of the body after the end of the answer, so that the connection can
/// be used again.
const END_OF_BODY: Duration = Duration::from_millis(50);

/// A model's answer, event by event; the last event is `End`, or an error, and nothing follows it.
/// Dropping it closes the connection.
pub struct ModelStream(BoxStream<'static, Result<StreamEvent, ProviderError>>);

impl std::fmt::Debug for ModelStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ModelStream")
    }
}

impl Stream for ModelStream {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl ModelStream {
    pub(super) fn new(
        response: Exchange,
        reader: AnswerReader,
        timeouts: Timeouts,
        guard: Guard,
    ) -> Self {
        let body = Body {
            response,
            reader,
            timeouts,
            guard,
            last_event: Instant::now(),
            ready: VecDeque::new(),
            fault: None,
            over: false,
        };
        let events = futures::stream::unfold(body, |mut body| async move {
            let event = body.next().await?;
            Some((event, body))
        });
        Self(events.boxed())
    }
}

/// Names the provider on errors and keeps secrets out of them.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) provider: String,
    pub(super) secrets: Vec<Secret>,
    pub(super) request_id: Option<String>,
}

impl Guard {
    pub(super) fn seal(&self, error: ProviderError) -> ProviderError {
        let clean = |text: String| self.secrets.iter().fold(text, |text, key| key.redact(&text));
        ProviderError {
            message: clean(error.message),
            code: error.code.map(clean),
            request_id: error.request_id.or_else(|| self.request_id.clone()).map(clean),
            provider: self.provider.clone(),
            ..error
        }
    }
}

struct Body {
    response: Exchange,
    reader: AnswerReader,
    timeouts: Timeouts,
    guard: Guard,
    last_event: Instant,
    ready: VecDeque<StreamEvent>,
    fault: Option<ProviderError>,
    over: bool,
}

impl Body {
    async fn next(&mut self) -> Option<Result<StreamEvent, ProviderError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if event == StreamEvent::End {
                    self.finish_reading().await;
                }
                return Some(Ok(event));
            }
            if let Some(error) = self.fault.take() {
                return Some(Err(self.guard.seal(error)));
            }
            if self.over {
                return None;
            }
            let step = match self.chunk().await {
                Ok(Some(chunk)) => self.take(chunk),
                Ok(None) => self.end(),
                Err(_) if self.reader.may_end() => self.end(),
                Err(error) => Err(error),
            };
            // What came before the fault is told first: it may hold the vendor's count.
            if let Err(error) = step {
                self.over = true;
                self.fault = Some(error);
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let (phase, limit_ms) = match self.reader.received() {
            0 => (Phase::FirstByte, self.timeouts.first_byte_ms),
            _ => (Phase::Idle, self.timeouts.idle_ms),
        };
        let limit = Duration::from_millis(limit_ms);
        let longest = self.timeouts.longest_without_event().max(limit);
        let deadline = (Instant::now() + limit).min(self.last_event + longest);
        match timeout_at(deadline, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            // The body broke off: the connection, or its packing.
            Ok(Err(error)) => Err(describe(error, Kind::Truncated)),
            Err(_) => Err(late(phase, limit)),
        }
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), ProviderError> {
        let frames = self.reader.frames();
        let taken = self.reader.push(&chunk, &mut self.ready);
        if self.reader.frames() > frames {
            self.last_event = Instant::now();
        }
        self.over = self.reader.is_over();
        taken
    }

    /// Takes the end of the body.
    fn end(&mut self) -> Result<(), ProviderError> {
        self.over = true;
        self.reader.end(&mut self.ready)
    }

    /// Reads what is left after the answer's end: with it unread, the connection would be closed.
    async fn finish_reading(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        let _ = timeout(END_OF_BODY, rest).await;
    }
}
