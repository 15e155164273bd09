//! The proxy of one session: opened with the first command that may use it, closed with the session.

use std::io;
use std::net::TcpListener as StdListener;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Egress, HostRules};

/// A session's way out.
#[derive(Debug)]
pub(crate) struct WayOut {
    egress: Arc<Egress>,
    /// Listens in the session's network namespace, unseen by anybody until it is served.
    listener: Mutex<Option<StdListener>>,
    stop: CancellationToken,
    _stops: DropGuard,
}

impl WayOut {
    /// Makes the way out to these hosts by way of a listening socket; one without either is closed.
    pub(crate) fn new(rules: HostRules, listener: Option<OwnedFd>) -> Self {
        let stop = CancellationToken::new();
        Self {
            egress: Arc::new(Egress::new(rules)),
            listener: Mutex::new(listener.map(StdListener::from)),
            _stops: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Begins to answer, once.
    ///
    /// # Errors
    /// Where the socket cannot be used; outside of a runtime.
    pub(crate) fn open(&self) -> io::Result<()> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listener) = listener.take() else { return Ok(()) };
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        runtime.spawn(Arc::clone(&self.egress).serve(listener, self.stop.clone()));
        Ok(())
    }

    /// Returns what was blocked since the last time.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.egress.notes()
    }
}
