//! The scripted model: a vendor's server on loopback that says what a script says.

mod answer;
mod connection;
mod desk;
mod embeddings;
mod forms;
mod native;
mod play;
mod responses;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use distiq_base::clock::Clock;
use distiq_base::{Dialect, Request, Usage};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

use crate::invariants::{Sessions, Violation};
use crate::script::Script;
use crate::vendor::Refusal;
use desk::Desk;

/// How a scripted model behaves beside its script.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The clock that cache entries expire by.
    pub clock: Clock,
    /// The only key that is let in; left out, any or none.
    pub required_key: Option<String>,
    /// Texts that no request may contain; keys of the auth headers always are.
    pub secrets: Vec<String>,
    /// Which requests belong to one session.
    pub sessions: Sessions,
    /// Where to listen; left out, any free port of loopback.
    pub port: u16,
    /// Whether bodies are forgotten once they are answered, where there are too many to keep; nothing can be
    /// checked then.
    pub forgets: bool,
}

/// One request to a model, and what became of it.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Counts from 0, in the order of coming.
    pub number: usize,
    /// The dialect of its path.
    pub dialect: Dialect,
    /// The path without its query.
    pub path: String,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Bytes,
    /// The body's JSON; null where it is none.
    pub json: Value,
    /// The request as the codec reads it; `None` where it cannot.
    pub request: Option<Request>,
    /// The vendor's refusal, where its rules refuse it.
    pub refusal: Option<Refusal>,
    /// The name of the fault that struck it.
    pub fault: Option<String>,
    /// The HTTP status of the answer; 0 where none was sent.
    pub status: u16,
    /// The count by the vendor's rules, whether reported or not.
    pub usage: Option<Usage>,
    /// What became of the connection.
    pub outcome: Outcome,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It is being sent, or stalls.
    #[default]
    Open,
    /// All of it was sent.
    Sent,
    /// The script broke it off.
    Broken,
    /// The client closed the connection.
    ClientGone,
}

impl Captured {
    /// Returns the first header of a name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A running scripted model; dropping it stops it and closes its connections.
pub struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
    changed_async: Notify,
}

impl Shared {
    fn wake(&self) {
        self.changed.notify_all();
        self.changed_async.notify_waiters();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScriptedModel {
    /// Starts a server of a script on a free loopback port, in a thread of its own.
    ///
    /// # Errors
    /// Where the port or the thread cannot be had.
    pub fn start(script: Script) -> io::Result<Self> {
        Self::start_with(script, Options::default())
    }

    /// Starts a server with options.
    ///
    /// # Errors
    /// Where the port or the thread cannot be had.
    pub fn start_with(script: Script, options: Options) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            desk: Mutex::new(Desk::new(script, options)),
            changed: Condvar::new(),
            changed_async: Notify::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let serve = move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = connection::accept(listener, address, served) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("scripted-model".into()).spawn(serve)?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address for `ANTHROPIC_BASE_URL`.
    pub fn base_url_anthropic(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address for `OPENAI_BASE_URL`.
    pub fn base_url_openai(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Returns the address for `GEMINI_BASE_URL`.
    pub fn base_url_gemini(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address for `OLLAMA_BASE_URL`.
    pub fn base_url_ollama(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the socket's address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns every request to a model so far.
    pub fn requests(&self) -> Vec<Captured> {
        self.shared.desk().captured.clone()
    }

    /// Returns how many steps of the script were not reached; 0 for scripts without a fixed length.
    pub fn steps_left(&self) -> usize {
        self.shared.desk().script.steps_left()
    }

    /// Replaces the script, keeping caches and captured requests.
    pub fn play(&self, script: Script) {
        self.shared.desk().script = script;
    }

    /// Waits until the requests so far satisfy a condition, however long that takes.
    pub async fn until(&self, done: impl Fn(&[Captured]) -> bool) {
        loop {
            // Listening begins before looking, so that nothing falls in between.
            let mut changed = std::pin::pin!(self.shared.changed_async.notified());
            changed.as_mut().enable();
            if done(&self.shared.desk().captured) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until the requests so far satisfy a condition; `false` where time ran out first.
    ///
    /// Blocks the thread: an async test uses [`ScriptedModel::until`].
    pub fn wait_until(&self, deadline: Duration, done: impl Fn(&[Captured]) -> bool) -> bool {
        let end = Instant::now() + deadline;
        let mut desk = self.shared.desk();
        while !done(&desk.captured) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(desk, left);
            desk = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits for a number of requests; `false` where time ran out first.
    pub fn wait_for_requests(&self, count: usize, deadline: Duration) -> bool {
        self.wait_until(deadline, |captured| captured.len() >= count)
    }

    /// Returns what is wrong with the requests so far: see [`invariants`](crate::invariants).
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.desk().violations()
    }

    /// Fails the test where a request breaks an invariant or the script did not fit.
    ///
    /// # Panics
    /// With every violation.
    #[track_caller]
    #[expect(clippy::panic, reason = "its one purpose is to fail a test")]
    pub fn check(&self) {
        let found = self.violations();
        if !found.is_empty() {
            let lines: Vec<String> = found.iter().map(|v| format!("- {v}")).collect();
            panic!("the requests break {} rules:\n{}", found.len(), lines.join("\n"));
        }
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModel").field("address", &self.address).finish_non_exhaustive()
    }
}
