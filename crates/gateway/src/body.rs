//! Bodies: a request's, read within its bounds, and an answer's.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

use crate::pass::PassStream;
use crate::refusal::Refusal;
use crate::setup::Bounds;
use crate::stream::AnswerStream;

/// How much of a body that is too large is read and thrown away, so that its client, which sends before
/// it listens, gets the answer and not a closed connection.
const MOST_DISCARDED: u64 = 512 << 20;
/// How long that may take.
const LONGEST_DISCARD: Duration = Duration::from_secs(20);

/// An answer's body.
pub(crate) enum Out {
    /// All of it; `None` once it was given out.
    Full(Option<Bytes>),
    /// As it comes, after the bytes that went with the head.
    Stream(Option<Bytes>, Box<AnswerStream>),
    /// Another's bytes as they come, likewise.
    Pass(Option<Bytes>, Box<PassStream>),
    /// Events of the gateway's own, as they come.
    Events(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl From<Vec<u8>> for Out {
    fn from(bytes: Vec<u8>) -> Self {
        Out::Full(Some(bytes.into()))
    }
}

impl Body for Out {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Out::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Out::Stream(first, rest) => match first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => rest.poll_bytes(context).map(|bytes| bytes.map(|b| Ok(Frame::data(b)))),
            },
            Out::Events(events) => {
                events.as_mut().poll_next(context).map(|bytes| bytes.map(|b| Ok(Frame::data(b))))
            }
            Out::Pass(first, rest) => match first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => rest.poll_bytes(context).map(|bytes| bytes.map(|b| Ok(Frame::data(b)))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Out::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Out::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            _ => SizeHint::default(),
        }
    }
}

/// Reads a request's body.
pub(crate) async fn read(
    mut body: Incoming,
    expects_continue: bool,
    bounds: &Bounds,
) -> Result<Bytes, Refusal> {
    let limit = bounds.body_bytes;
    let told = body.size_hint().exact();
    if told.is_some_and(|told| told > limit as u64) {
        // A client that waits for our word has sent nothing yet.
        if !expects_continue {
            discard(&mut body).await;
        }
        return Err(too_large(limit));
    }
    let end = Instant::now() + bounds.body_wait;
    let mut whole = BytesMut::new();
    let mut only: Option<Bytes> = None;
    loop {
        let deadline = end.min(Instant::now() + bounds.body_pause);
        let frame = match timeout_at(deadline, next(&mut body)).await {
            Err(_) => return Err(late()),
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                let message = format!("The body broke off: {error}");
                return Err(Refusal::with_status(400, message).closing());
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let held = only.as_ref().map_or(whole.len(), Bytes::len);
        if held + data.len() > limit {
            discard(&mut body).await;
            return Err(too_large(limit));
        }
        // Most bodies come in one piece, which need not be copied.
        match only.take() {
            None if whole.is_empty() => only = Some(data),
            None => whole.extend_from_slice(&data),
            Some(first) => {
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok(only.unwrap_or_else(|| whole.freeze()))
}

async fn next(body: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

async fn discard(body: &mut Incoming) {
    let deadline = Instant::now() + LONGEST_DISCARD;
    let mut thrown = 0;
    while thrown < MOST_DISCARDED {
        match timeout_at(deadline, next(body)).await {
            Ok(Some(Ok(frame))) => thrown += frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => return,
        }
    }
}

fn too_large(limit: usize) -> Refusal {
    let message = format!(
        "The body is larger than {} MB, the most that the gateway takes (`gateway.max_body_mb`)",
        limit >> 20
    );
    Refusal::with_status(413, message).closing()
}

fn late() -> Refusal {
    Refusal::with_status(408, "The rest of the body did not come in time").closing()
}
