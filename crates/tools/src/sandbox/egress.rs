//! The way out for commands without a network: a proxy of Distiq's that reaches listed hosts only.
//!
//! Commands run in a network namespace of their own, where nothing but loopback is. Who makes it
//! opens a listening socket there and hands it to this process, which stands outside: what a command
//! connects to at [`ADDRESS`] is accepted here. So no bridge runs inside, and there is nothing else
//! to reach. It speaks HTTP's CONNECT and plain HTTP, which package managers, git and
//! curl all know by the usual variables.

mod door;
mod head;
mod rules;

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::door::WayOut;
use self::head::{MAX_HEAD_BYTES, Request};
pub use self::rules::{BadRule, HostRules, Target};

/// Where the proxy is found inside.
pub const ADDRESS: &str = "127.0.0.1:3128";

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 128;
/// How long a head, a name or a connection is waited for.
const SETUP: Duration = Duration::from_secs(15);
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(300);
/// Hosts that a result names.
const MAX_NOTES: usize = 10;

/// The variables by which programs find the proxy.
pub fn variables() -> Vec<(String, String)> {
    const PROXY: &[&str] = &[
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "npm_config_proxy",
        "npm_config_https_proxy",
        "CARGO_HTTP_PROXY",
    ];
    // Servers that the command starts itself are beside it.
    const NONE: &[(&str, &str)] = &[
        ("NO_PROXY", "localhost,127.0.0.1,::1"),
        ("no_proxy", "localhost,127.0.0.1,::1"),
        ("npm_config_noproxy", "localhost,127.0.0.1,::1"),
    ];
    let proxy = PROXY.iter().map(|name| ((*name).to_owned(), format!("http://{ADDRESS}")));
    let none = NONE.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    proxy.chain(none).collect()
}

/// Looks the addresses of a name up.
pub type Lookup = Arc<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync,
>;

/// What may be reached, and what was asked for in vain.
pub struct Egress {
    rules: HostRules,
    lookup: Lookup,
    blocked: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Why a request goes nowhere.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("sandbox: blocked {0}")]
    Blocked(String),
    #[error("bad request to the proxy: {0}")]
    Bad(&'static str),
    #[error("cannot reach {0}")]
    Unreachable(String, #[source] io::Error),
    #[error("the client went away")]
    Client(#[from] io::Error),
}

impl Egress {
    /// Returns a proxy for these hosts that asks the system for names.
    pub fn new(rules: HostRules) -> Self {
        Self::with_lookup(
            rules,
            Arc::new(|name| {
                Box::pin(async move {
                    let found = tokio::net::lookup_host((name, 0)).await?;
                    Ok(found.map(|address| address.ip()).collect())
                })
            }),
        )
    }

    /// Returns a proxy that asks `lookup` for names.
    pub fn with_lookup(rules: HostRules, lookup: Lookup) -> Self {
        Self { rules, lookup, blocked: Mutex::default() }
    }

    /// Returns what was blocked since the last time, one line each, and what allows it.
    pub fn notes(&self) -> Vec<String> {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *blocked).into_iter();
        lines.map(|what| format!("[sandbox: blocked {what}]")).collect()
    }

    /// Answers connections until `stop`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((client, _)) = accepted else {
                // Out of file descriptors, or the client left at once: neither is for ever.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (egress, stop) = (Arc::clone(&self), stop.clone());
            tokio::spawn(async move {
                let _permit = permit;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = egress.connection(client) => {}
                }
            });
        }
    }

    async fn connection(&self, mut client: TcpStream) {
        let (status, text) = match self.exchange(&mut client).await {
            Ok(()) | Err(Failure::Client(_)) => return,
            Err(error @ Failure::Blocked(_)) => ("403 Forbidden", error.to_string()),
            Err(error @ Failure::Bad(_)) => ("400 Bad Request", error.to_string()),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                ("502 Bad Gateway", format!("{error}: {}", cause.unwrap_or_default()))
            }
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}\n",
            text.len() + 1
        );
        let told = async {
            client.write_all(answer.as_bytes()).await?;
            client.shutdown().await?;
            // A client that still sends would otherwise get a reset in place of the answer.
            let mut rest = (&mut client).take(1 << 20);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
        };
        let _ = timeout(Duration::from_secs(2), told).await;
    }

    async fn exchange(&self, client: &mut TcpStream) -> Result<(), Failure> {
        let (head, rest) = timeout(SETUP, read_head(client)).await.map_err(|_| timed_out())??;
        let request = Request::parse(&head).map_err(Failure::Bad)?;
        let mut server = self.connect(request.target()).await?;
        match &request {
            Request::Connect(_) => {
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            }
            Request::Forward { head, .. } => server.write_all(head).await?,
        }
        server.write_all(&rest).await?;
        relay(client, &mut server).await;
        Ok(())
    }

    /// Connects to a target that the rules allow, by an address that they allow.
    async fn connect(&self, target: &Target) -> Result<TcpStream, Failure> {
        if !self.rules.allow(target) {
            return Err(self.block(format!(
                "{target}; `sandbox.hosts` allows hosts, as in `sandbox.hosts = [\"{}\"]`",
                target.as_rule()
            )));
        }
        let unreachable = |error| Failure::Unreachable(target.to_string(), error);
        let found = match target.address() {
            Some(address) => vec![address],
            None => {
                let found = timeout(SETUP, (self.lookup)(target.host().to_owned())).await;
                found.map_err(|_| timed_out()).map_err(unreachable)?.map_err(unreachable)?
            }
        };
        let allowed = found.iter().filter(|ip| self.rules.allow_address(target, **ip));
        let addresses: Vec<SocketAddr> =
            allowed.map(|ip| SocketAddr::new(*ip, target.port())).collect();
        if let (true, Some(first)) = (addresses.is_empty(), found.first()) {
            return Err(self.block(format!(
                "{target}: its address {first} is in a private network; list the address in \
                 `sandbox.hosts` too if that is meant"
            )));
        }
        // The addresses that were checked, not the name, so that a second look-up changes nothing.
        let connected = timeout(SETUP, TcpStream::connect(addresses.as_slice())).await;
        connected.map_err(|_| timed_out()).map_err(unreachable)?.map_err(unreachable)
    }

    fn block(&self, what: String) -> Failure {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked.len() < MAX_NOTES {
            blocked.insert(what.clone());
        }
        Failure::Blocked(what)
    }
}

fn timed_out() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

/// Reads a request's head, and what came with it.
async fn read_head(client: &mut TcpStream) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let mut head = Vec::with_capacity(1 << 10);
    loop {
        let mut buffer = [0; 4096];
        let length = client.read(&mut buffer).await?;
        if length == 0 {
            return Err(Failure::Client(io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
        // The end may lie across two reads.
        let from = head.len().saturating_sub(3);
        head.extend(buffer.iter().take(length));
        let end = head.get(from..).and_then(|new| memchr::memmem::find(new, b"\r\n\r\n"));
        if let Some(end) = end {
            let rest = head.split_off(from + end + 4);
            return Ok((head, rest));
        }
        if head.len() > MAX_HEAD_BYTES {
            return Err(Failure::Bad("its head is too large"));
        }
    }
}

/// Carries bytes both ways until both have ended, one failed, or nothing came for long.
async fn relay(client: &mut TcpStream, server: &mut TcpStream) {
    let last = Mutex::new(Instant::now());
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let both = async {
        tokio::try_join!(pump(from_client, to_server, &last), pump(from_server, to_client, &last))
    };
    let silence = async {
        loop {
            let end = *last.lock().unwrap_or_else(PoisonError::into_inner) + IDLE;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    };
    tokio::select! {
        _ = both => {}
        () = silence => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    last: &Mutex<Instant>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..length).unwrap_or_default()).await?;
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

#[cfg(test)]
mod tests;
