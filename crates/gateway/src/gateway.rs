//! The gateway itself: it listens, accepts, reloads, and stops in order.

mod connection;
mod crew;
mod leaving;
mod patience;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use distiq_base::ErrorKind;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::batch;
use crate::keys::{KeyError, Keys};
use crate::listen::{Listening, listen};
use crate::seeing::{AccessLogError, Seeing};
use crate::setup::{Access, Options, Source};
use crate::shared::Shared;
use crate::tls::{Certificate, TlsError};
use connection::Doorman;
use crew::{Accepted, Crew};
pub(crate) use leaving::RequestCame;

/// How long streams that were told of the end may take to say so to their clients.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long to wait where the system has no more files for connections.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Somebody beyond this machine could use it without a key.
    #[error("Refused to listen on {0} without a key: everybody who can reach it could use it")]
    Unguarded(SocketAddr),
    /// The address cannot be had.
    #[error("Cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No threads can be started.
    #[error("Cannot start threads")]
    Threads(#[source] io::Error),
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The certificate cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The access log cannot be written.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
}

impl GatewayError {
    /// Returns the kind that sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            GatewayError::Listen { .. } | GatewayError::Threads(_) => ErrorKind::User,
            GatewayError::Keys(error) => error.kind(),
            _ => ErrorKind::Config,
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            GatewayError::Unguarded(_) => "Make a key with `distiq keys create` or set \
                                           `DISTIQ_GATEWAY_KEY`, and leave `--no-auth` to loopback"
                .into(),
            GatewayError::Listen { .. } => "Name another address with `--listen`".into(),
            GatewayError::Threads(_) => "Raise the limit on processes (`ulimit -u`)".into(),
            GatewayError::Keys(error) => error.hint(),
            GatewayError::Tls(_) => {
                "Look at `gateway.tls_certificate` and `gateway.tls_key`".into()
            }
            GatewayError::AccessLog(_) => "Look at `gateway.access_log`".into(),
            GatewayError::Settings(_) => "Mend the settings".into(),
        }
    }
}

/// A gateway that listens.
pub struct Gateway {
    shared: Arc<Shared>,
    source: Arc<dyn Source>,
    listener: TcpListener,
    address: SocketAddr,
    is_beside_another: bool,
    certificate: Option<Arc<Certificate>>,
}

/// What a running gateway is told.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    source: Arc<dyn Source>,
    certificate: Option<Arc<Certificate>>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Reads the settings and the keys, and listens. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where it would listen beyond this machine without a key, or something cannot be had.
    pub fn bind(options: Options, source: Arc<dyn Source>) -> Result<Self, GatewayError> {
        let keys = Keys::open(&options.database)?;
        if !options.listen.ip().is_loopback() {
            let has_key = options.operator_key.is_some() || keys.any()?;
            if options.access == Access::Open || !has_key {
                return Err(GatewayError::Unguarded(options.listen));
            }
        }
        let setup = source.load().map_err(GatewayError::Settings)?;
        let seeing = Seeing::new(&options.seeing)?;
        let certificate = options.tls.as_ref().map(Certificate::read).transpose()?;
        let address = options.listen;
        let fail = |source| GatewayError::Listen { address, source };
        let Listening { listener, is_shared } = listen(address).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let shared = Arc::new(Shared::new(options, keys, setup, seeing));
        Ok(Self { shared, source, listener, address, is_beside_another: is_shared, certificate })
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells whether another gateway listens on the same address, which this one is to take over from.
    pub const fn is_beside_another(&self) -> bool {
        self.is_beside_another
    }

    /// Returns the means to reload and stop it.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
            source: Arc::clone(&self.source),
            certificate: self.certificate.clone(),
        }
    }

    /// Serves until it is told to stop, then until the answers under way have ended; those that take
    /// longer than the drain's bound end with an error that their client sees.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub async fn serve(self) -> Result<(), GatewayError> {
        let acceptor = self.certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let doorman = Arc::new(Doorman::new(Arc::clone(&self.shared), acceptor));
        let mut crew = Crew::start(&doorman).map_err(GatewayError::Threads)?;
        let room = Arc::new(Semaphore::new(self.shared.options.bounds.connections));
        batch::resume(&self.shared);
        let watcher = tokio::spawn(watch::watch(self.handle()));
        let stopping = self.shared.stopping.clone();
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&room).acquire_owned() => permit,
                () = stopping.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    crew.deal(Accepted { stream, peer: peer.ip(), permit: permit.ok() });
                }
                Err(error) => pause_after(&error).await,
            }
        }
        watcher.abort();
        self.accept_those_who_wait(&mut crew);
        drop(self.listener);
        if timeout(self.shared.options.bounds.drain, crew.finish()).await.is_err() {
            self.shared.cut.cancel();
            let _ = timeout(LAST_WORDS, crew.finish()).await;
        }
        crew.end().await;
        self.shared.seeing.close().await;
        Ok(())
    }

    /// Takes the connections that the system has accepted already: closing the socket would reset them,
    /// though their clients may have sent their requests.
    fn accept_those_who_wait(&self, crew: &mut Crew) {
        let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Ok((stream, peer))) =
            self.listener.poll_accept(&mut nobody)
        {
            crew.deal(Accepted { stream, peer: peer.ip(), permit: None });
        }
    }
}

impl Handle {
    /// Reads the settings and the certificate again, for requests from now on.
    ///
    /// # Errors
    /// In words for the operator; what cannot be read leaves what is there in place.
    pub fn reload(&self) -> Result<(), String> {
        if let Some(certificate) = &self.certificate {
            certificate.reload().map_err(|error| format!("{error}; the old one stays in use"))?;
        }
        self.shared.replace(self.source.load()?);
        Ok(())
    }

    /// Reloads, and says through the source how that went.
    pub fn reload_and_say(&self) {
        let result = self.reload();
        self.source.reloaded(result.as_ref().map_err(String::as_str));
    }

    /// Tells whether any stored key may be used.
    ///
    /// # Errors
    /// Where the keys cannot be read.
    pub fn has_keys(&self) -> Result<bool, KeyError> {
        self.shared.keys.any()
    }

    /// Stops taking requests and lets those under way end.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
    }

    /// Ends those under way, too.
    pub fn cut(&self) {
        self.shared.stopping.cancel();
        self.shared.cut.cancel();
    }
}

/// Waits where accepting again at once would fail again.
async fn pause_after(error: &io::Error) {
    let by_client =
        matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !by_client {
        tokio::time::sleep(OUT_OF_FILES).await;
    }
}

/// Answers at once, byte by byte: a stream's events are small and must not wait for each other.
fn without_delay(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}
