//! What a gateway is made of: options that stay, and a setup that a reload replaces.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use distiq_base::Secret;
use distiq_llm::{Catalogue, Registry};
use distiq_router::{Router, Table};

use crate::seeing::SeeingOptions;
use crate::tls::TlsFiles;

/// What holds from the start of a gateway to its end.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Who is let in.
    pub access: Access,
    /// The operator's own key, beside the stored ones; it may do everything.
    pub operator_key: Option<Secret>,
    /// The database of keys, feedback, batches and stored answers.
    pub database: PathBuf,
    /// Names by which browsers may reach it, beside those of this machine.
    pub hosts: Vec<String>,
    /// The certificate and its key; left out, plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The bounds.
    pub bounds: Bounds,
    /// What is written of requests, beside what can be asked for.
    pub seeing: SeeingOptions,
}

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Those with a key.
    Keys,
    /// Everybody who can connect; only on loopback.
    Open,
}

/// What a client can take up at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// For a request's head, and for the next one on a kept connection.
    pub head_wait: Duration,
    /// For the next bytes of a body.
    pub body_pause: Duration,
    /// For a whole body.
    pub body_wait: Duration,
    /// Silence of a stream before a comment keeps it open.
    pub keep_alive: Duration,
    /// For streams to end once the gateway stops.
    pub drain: Duration,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// For a client that takes none of the bytes it is owed.
    pub write_stall: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            head_bytes: 64 << 10,
            headers: 100,
            head_wait: Duration::from_secs(30),
            body_pause: Duration::from_secs(30),
            body_wait: Duration::from_secs(300),
            keep_alive: Duration::from_secs(15),
            drain: Duration::from_secs(30),
            connections: 10_000,
            write_stall: Duration::from_secs(120),
        }
    }
}

/// What a reload replaces; requests under way keep the one they began with.
#[derive(Clone)]
pub struct Setup {
    /// The way to models.
    pub router: Arc<Router>,
    /// The providers.
    pub registry: Arc<Registry>,
    /// What models cost.
    pub catalogue: Arc<Catalogue>,
    /// What models' names stand for.
    pub table: Table,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Where setups come from.
pub trait Source: Send + Sync {
    /// Reads the settings anew.
    ///
    /// # Errors
    /// In words for the operator; the gateway goes on with the setup it has.
    fn load(&self) -> Result<Setup, String>;

    /// Returns the files whose change is a reason to read them again.
    fn files(&self) -> Vec<PathBuf>;

    /// Is told how a reload went, for the operator.
    fn reloaded(&self, result: Result<&(), &str>) {
        let _ = result;
    }
}
