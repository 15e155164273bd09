//! A socket that tells a client which has left from one that has only closed its sending half.
//!
//! Both look the same until something is sent: who has left answers it with a reset. So whoever has
//! sent a whole request and closes is sent what every client passes over, "100 Continue" before the
//! answer and a comment between its events, and counts as gone once a reset has come back. Where
//! nothing can be sent, such as between the lines of NDJSON or by TLS, who closes is gone.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Sent before the answer; libraries wait for the next head after it.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// A comment in a chunk of its own.
const COMMENT: &[u8] = b"3\r\n:\n\n\r\n";
/// How long nothing is sent: many an answer is over by then, and what reads the request may be a step
/// behind what reads the socket.
const HOLD: Duration = Duration::from_millis(25);
/// When to look for a reset, one after another; before the first, something is sent.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(100), Duration::from_secs(1)];
/// Where the head of a stream is looked through.
const HEAD_BYTES: usize = 2 << 10;
/// Most interim answers: some libraries bear no more than five.
const MOST_CONTINUES: u32 = 3;

/// Whether the connection's request has come whole; set by whoever reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestCame(Arc<AtomicBool>);

impl RequestCame {
    /// Notes that nothing of the request is missing.
    pub fn note(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What the connection has been answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    /// Nothing yet, and its client speaks HTTP/1.1.
    Nothing,
    /// A stream of events that goes on.
    Events,
    /// Something else, or more than one answer.
    Other,
}

/// A client's socket.
pub(super) struct Attentive {
    inner: TcpStream,
    came: RequestCame,
    answered: Answered,
    begun: bool,
    /// Whether all that was written is on its way, so that something may be sent in between.
    is_flushed: bool,
    /// Runs while the client's sending half is closed.
    look: Option<Pin<Box<Sleep>>>,
    looks: usize,
    continues: u32,
}

impl Attentive {
    pub fn new(inner: TcpStream, came: RequestCame) -> Self {
        Self {
            inner,
            came,
            answered: Answered::Nothing,
            begun: false,
            is_flushed: true,
            look: None,
            looks: 0,
            continues: 0,
        }
    }

    /// Looks at the first bytes of the first request.
    fn reads(&mut self, bytes: &[u8]) {
        let is_first = !std::mem::replace(&mut self.begun, true);
        let line = || bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if is_first && !line().ends_with(b" HTTP/1.1\r") {
            self.answered = Answered::Other;
        }
    }

    /// Looks at what is written: the head first, then whether it is the end.
    fn writes(&mut self, slices: &[IoSlice<'_>]) {
        self.is_flushed = false;
        let ends = slices.last().is_some_and(|last| last.ends_with(b"0\r\n\r\n"));
        let is_interim = || slices.first().is_some_and(|head| head.starts_with(CONTINUE));
        self.answered = match self.answered {
            Answered::Nothing if is_interim() => Answered::Nothing,
            Answered::Nothing if !ends && is_stream(slices) => Answered::Events,
            Answered::Events if !ends => Answered::Events,
            _ => Answered::Other,
        };
    }

    /// Waits on after the end of what the client sends; ready once the client counts as gone.
    fn outlast(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.answered == Answered::Other && self.is_flushed {
                return Poll::Ready(());
            }
            if let Some(look) = &mut self.look {
                std::task::ready!(look.as_mut().poll(context));
                if !self.came.0.load(Ordering::Acquire) || self.is_reset() {
                    return Poll::Ready(());
                }
                if self.looks == 0 && self.send().is_err() {
                    return Poll::Ready(());
                }
                let wait = LOOKS.get(self.looks).copied().unwrap_or_default();
                self.looks = (self.looks + 1) % LOOKS.len();
                self.look = Some(Box::pin(sleep(wait)));
            } else {
                self.look = Some(Box::pin(sleep(HOLD)));
            }
        }
    }

    /// Sends what a client passes over, where that may be done now.
    fn send(&mut self) -> io::Result<()> {
        let bytes = match self.answered {
            Answered::Nothing if self.continues < MOST_CONTINUES => CONTINUE,
            Answered::Events if self.is_flushed => COMMENT,
            _ => return Ok(()),
        };
        self.continues += u32::from(self.answered == Answered::Nothing);
        match self.inner.try_write(bytes) {
            Ok(sent) if sent == bytes.len() => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            // Half of it would break the answer.
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => Err(error),
        }
    }

    fn is_reset(&self) -> bool {
        !matches!(self.inner.take_error(), Ok(None))
    }
}

/// Tells whether a written head is one of events in chunks.
fn is_stream(slices: &[IoSlice<'_>]) -> bool {
    let Some(head) = slices.first() else { return false };
    let head = head.get(..HEAD_BYTES.min(head.len())).unwrap_or_default();
    let holds = |text: &[u8]| head.windows(text.len()).any(|part| part == text);
    holds(b"content-type: text/event-stream") && holds(b"transfer-encoding: chunked\r\n")
}

impl AsyncRead for Attentive {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.look.is_none() {
            let before = buffer.filled().len();
            std::task::ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
            let new = buffer.filled().get(before..).unwrap_or_default();
            if !new.is_empty() {
                self.reads(new);
                return Poll::Ready(Ok(()));
            }
        }
        self.outlast(context).map(Ok)
    }
}

impl AsyncWrite for Attentive {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes(&[IoSlice::new(bytes)]);
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes(pieces);
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        if !std::mem::replace(&mut self.is_flushed, true) && self.look.is_some() {
            // It may have been the end, after which nothing is waited for.
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
