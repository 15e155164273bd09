//! Plain HTTP/1.1 to servers that need neither TLS nor a proxy, such as those on the user's own machines.
//!
//! The task that asks drives its connection itself. A connection that is a task of its own, as in
//! pooled clients, hands over one piece of a stream at a time, from thread to thread: with a fast
//! model, that costs several times what reading, counting and passing on an event cost.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tower_service::Service;
use url::Url;

use super::is_loopback;
use super::unpack::Unpack;

/// How long a connection is kept for the next request.
const LONGEST_IDLE: Duration = Duration::from_secs(90);
/// Most connections that are kept of a share.
const MOST_IDLE: usize = 256;
/// Shares of the connections.
const SHARES: usize = 16;
/// How often those that the server closed are let go.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// The connections to one server.
pub(super) struct Lanes {
    server: Uri,
    /// By thread: a connection is best used where its runtime is.
    kept: [Mutex<Kept>; SHARES],
}

/// The connections that are kept for the next request.
#[derive(Default)]
struct Kept {
    idle: Vec<Idle>,
    /// A task looks after them.
    is_swept: bool,
}

struct Idle {
    // A large thing, which goes from hand to hand.
    lane: Box<Lane>,
    since: Instant,
}

/// One connection.
struct Lane {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    is_over: bool,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaneError {
    #[error("Cannot connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("The body is not packed as its head says")]
    Packing(#[source] io::Error),
}

/// An answer whose body is still coming; dropping it closes the connection.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `None` once it was read to its end.
    rest: Option<(Incoming, Box<Lane>)>,
    unpack: Option<Unpack>,
    lanes: Arc<Lanes>,
}

impl Lanes {
    /// Returns the lanes to a server; `None` where it is not to be reached so.
    pub fn to(base: &Url) -> Option<Arc<Self>> {
        if base.scheme() != "http" {
            return None;
        }
        let server: Uri = base.as_str().parse().ok()?;
        let is_direct = is_loopback(base) || Matcher::from_system().intercept(&server).is_none();
        is_direct.then(|| Arc::new(Self { server, kept: Default::default() }))
    }

    /// Sends a request and waits for the answer's head.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, LaneError> {
        while let Some(lane) = self.take() {
            match self.exchange(lane, request).await {
                Ok(answer) => return Ok(answer),
                // The server hung up while nobody looked; nothing was sent.
                Err((_, Some(unsent))) => request = unsent,
                Err((error, None)) => return Err(error),
            }
        }
        let lane = self.connect().await?;
        self.exchange(lane, request).await.map_err(|(error, _)| error)
    }

    async fn connect(&self) -> Result<Box<Lane>, LaneError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let io = connector.call(self.server.clone()).await;
        let io = io.map_err(|error| LaneError::Connect(Box::new(error)))?;
        let (sender, connection) = http1::handshake(io).await?;
        Ok(Box::new(Lane { sender, connection, is_over: false }))
    }

    async fn exchange(
        self: &Arc<Self>,
        mut lane: Box<Lane>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, (LaneError, Option<Request<Full<Bytes>>>)> {
        let Lane { sender, connection, is_over } = &mut *lane;
        let mut response = pin!(sender.try_send_request(request));
        let response = poll_fn(|context| {
            if let Poll::Ready(response) = response.as_mut().poll(context) {
                return Poll::Ready(response);
            }
            drive(connection, is_over, context);
            response.as_mut().poll(context)
        });
        let response = response.await.map_err(|mut error| {
            let unsent = error.take_message();
            (error.into_error().into(), unsent)
        })?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status,
            unpack: Unpack::of(&head.headers),
            headers: head.headers,
            rest: Some((body, lane)),
            lanes: Arc::clone(self),
        })
    }

    /// Returns a share of the connections; there is one for each number.
    fn kept(&self, share: usize) -> MutexGuard<'_, Kept> {
        let [first, ..] = &self.kept;
        let kept = self.kept.get(share % SHARES).unwrap_or(first);
        kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the connection that was used last; its server is the least likely to have closed it.
    fn take(&self) -> Option<Box<Lane>> {
        loop {
            let mut idle = self.kept(own_share()).idle.pop()?;
            if idle.is_usable() {
                return Some(idle.lane);
            }
        }
    }

    fn give_back(self: &Arc<Self>, lane: Box<Lane>) {
        let mut lane = Idle { lane, since: Instant::now() };
        let share = own_share();
        let mut kept = self.kept(share);
        if !lane.is_usable() || kept.idle.len() >= MOST_IDLE {
            return;
        }
        kept.idle.push(lane);
        if !std::mem::replace(&mut kept.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), share));
        }
    }
}

/// Lets connections go that their servers closed or that nobody used for long, as long as there are any.
async fn sweep(lanes: Weak<Lanes>, share: usize) {
    loop {
        sleep(SWEEP_EVERY).await;
        let Some(lanes) = lanes.upgrade() else { return };
        let mut kept = lanes.kept(share);
        kept.idle.retain_mut(Idle::is_usable);
        if kept.idle.is_empty() {
            kept.is_swept = false;
            return;
        }
    }
}

/// Returns the number of this thread's share.
fn own_share() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    SHARE.with(|share| *share)
}

impl Idle {
    /// Tells whether a request may go out on it.
    fn is_usable(&mut self) -> bool {
        let Lane { sender, connection, is_over } = &mut *self.lane;
        drive(connection, is_over, &mut Context::from_waker(Waker::noop()));
        !*is_over && sender.is_ready() && self.since.elapsed() < LONGEST_IDLE
    }
}

/// Lets a connection go on; its failure is told by the request or the body that it cuts.
fn drive(
    connection: &mut Connection<TokioIo<TcpStream>, Full<Bytes>>,
    is_over: &mut bool,
    context: &mut Context<'_>,
) {
    if !*is_over {
        *is_over = Pin::new(connection).poll(context).is_ready();
    }
}

impl Answer {
    /// Returns the next bytes of the body, unpacked; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, LaneError> {
        loop {
            if let Some(unpack) = &mut self.unpack
                && let Some(bytes) = unpack.next().map_err(LaneError::Packing)?
            {
                return Ok(Some(bytes));
            }
            let frame = poll_fn(|context| self.poll_frame(context)).await;
            let Some(frame) = frame.transpose()? else {
                if let Some((_, lane)) = self.rest.take() {
                    self.lanes.give_back(lane);
                }
                let ended = self.unpack.take().map_or(Ok(None), Unpack::end);
                return ended.map_err(LaneError::Packing);
            };
            match (frame.into_data(), &mut self.unpack) {
                (Ok(bytes), Some(unpack)) => unpack.push(bytes),
                (Ok(bytes), None) if !bytes.is_empty() => return Ok(Some(bytes)),
                _ => {}
            }
        }
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((body, lane)) = &mut self.rest else { return Poll::Ready(None) };
        match Pin::new(&mut *body).poll_frame(context) {
            Poll::Pending => {
                drive(&mut lane.connection, &mut lane.is_over, context);
                Pin::new(body).poll_frame(context)
            }
            ready => ready,
        }
    }
}
