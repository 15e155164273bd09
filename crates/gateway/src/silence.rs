//! Silence of a stream, and the comment that keeps it open.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

/// What keeps a silent stream open; every reader of events passes comments over.
const COMMENT: &[u8] = b": keep-alive\n\n";

/// Counts how long nothing was sent. Its alarm is set once a pause, not once an event.
pub(crate) struct Silence {
    pause: Duration,
    since: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Silence {
    /// Starts to count.
    pub fn new(pause: Duration) -> Self {
        let since = Instant::now();
        Self { pause, since, alarm: Box::pin(sleep_until(since + pause)) }
    }

    /// Something was sent.
    pub fn broken(&mut self) {
        self.since = Instant::now();
    }

    /// Returns a comment once nothing was sent for the pause.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Bytes> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let (now, due) = (Instant::now(), self.since + self.pause);
            if now >= due {
                self.since = now;
                self.alarm.as_mut().reset(now + self.pause);
                return Poll::Ready(Bytes::from_static(COMMENT));
            }
            self.alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}
