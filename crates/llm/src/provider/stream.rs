//! An answer as it comes in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use distiq_base::{Dialect, Secret, StreamEvent};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::Timeouts;
use super::codec::{self, Decoder};
use super::http::{describe, late};
use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};
use crate::wire::sse::SseDecoder;

/// Most bytes of one answer, unpacked.
pub const MAX_BODY_BYTES: usize = 64 << 20;
/// How long pings alone keep an answer alive.
const LONGEST_WITHOUT_EVENT: Duration = Duration::from_secs(600);
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
        response: Response,
        dialect: Dialect,
        decoder: Decoder,
        timeouts: Timeouts,
        guard: Guard,
    ) -> Self {
        let body = Body {
            response,
            dialect,
            shape: Shape::Unknown(Vec::new()),
            decoder,
            timeouts,
            guard,
            received: 0,
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

/// What the body turns out to be.
enum Shape {
    /// Too little has come to tell.
    Unknown(Vec<u8>),
    /// Server-sent events.
    Events(SseDecoder),
    /// One JSON object, or something that is no answer at all.
    Whole(Vec<u8>),
}

struct Body {
    response: Response,
    dialect: Dialect,
    shape: Shape,
    decoder: Decoder,
    timeouts: Timeouts,
    guard: Guard,
    received: usize,
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
        let (phase, limit_ms) = match self.received {
            0 => (Phase::FirstByte, self.timeouts.first_byte_ms),
            _ => (Phase::Idle, self.timeouts.idle_ms),
        };
        let limit = Duration::from_millis(limit_ms);
        let deadline =
            (Instant::now() + limit).min(self.last_event + LONGEST_WITHOUT_EVENT.max(limit));
        match timeout_at(deadline, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            // The body broke off: the connection, or its packing.
            Ok(Err(error)) => Err(describe(error, Kind::Truncated)),
            Err(_) => Err(late(phase, limit)),
        }
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), ProviderError> {
        self.received = self.received.saturating_add(chunk.len());
        if self.received > MAX_BODY_BYTES {
            let message = format!("The answer is over {MAX_BODY_BYTES} bytes long");
            return Err(ProviderError::new(Kind::Malformed, message));
        }
        match &mut self.shape {
            Shape::Whole(body) => body.extend_from_slice(&chunk),
            Shape::Events(_) => self.decode(&chunk)?,
            Shape::Unknown(begun) => {
                begun.extend_from_slice(&chunk);
                let begun = std::mem::take(begun);
                self.shape = match looks_like_events(&begun) {
                    None => Shape::Unknown(begun),
                    Some(false) => Shape::Whole(begun),
                    Some(true) => {
                        self.shape = Shape::Events(SseDecoder::new());
                        return self.decode(&begun);
                    }
                };
            }
        }
        Ok(())
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<(), ProviderError> {
        let Shape::Events(frames) = &mut self.shape else { return Ok(()) };
        for frame in frames.push(bytes)? {
            self.last_event = Instant::now();
            for event in self.decoder.feed(&frame)? {
                let is_end = event == StreamEvent::End;
                self.ready.push_back(event);
                if is_end {
                    self.over = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes the end of the body.
    fn end(&mut self) -> Result<(), ProviderError> {
        self.over = true;
        match &mut self.shape {
            Shape::Events(_) => self.ready.extend(self.decoder.finish()?),
            Shape::Unknown(body) | Shape::Whole(body) => {
                self.ready.extend(codec::decode_whole(self.dialect, body)?);
            }
        }
        Ok(())
    }

    /// Reads what is left after the answer's end: with it unread, the connection would be closed.
    async fn finish_reading(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        let _ = timeout(END_OF_BODY, rest).await;
    }
}

/// Tells whether a body begins as server-sent events do, whatever its content type says; `None`
/// where nothing has come yet that tells.
fn looks_like_events(begun: &[u8]) -> Option<bool> {
    let begun = begun.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(begun);
    let first = begun.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some(matches!(first, b':' | b'd' | b'e' | b'i' | b'r'))
}
