//! One client's connection.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::leaving::{Attentive, RequestCame};
use super::patience::Patient;
use super::without_delay;
use crate::answer;
use crate::shared::Shared;

/// How long a connection that was open at the stop may take for its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// Serves connections, all by the same rules.
pub(super) struct Doorman {
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    http: http1::Builder,
}

impl Doorman {
    pub fn new(shared: Arc<Shared>, acceptor: Option<TlsAcceptor>) -> Self {
        let bounds = shared.options.bounds;
        let mut http = http1::Builder::new();
        // A client that has left ends its request: an answer that nobody reads costs money.
        http.half_close(false)
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head_wait)
            .max_headers(bounds.headers)
            .max_buf_size(bounds.head_bytes);
        Self { shared, acceptor, http }
    }

    /// Serves a connection until its client or the gateway's stop ends it.
    pub async fn serve(&self, stream: TcpStream, peer: IpAddr) {
        without_delay(&stream);
        match &self.acceptor {
            None => {
                let came = RequestCame::default();
                self.speak(Attentive::new(stream, came.clone()), peer, came).await;
            }
            Some(acceptor) => {
                let wait = self.shared.options.bounds.head_wait;
                if let Ok(Ok(stream)) = timeout(wait, acceptor.accept(stream)).await {
                    self.speak(stream, peer, RequestCame::default()).await;
                }
            }
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: IpAddr,
        came: RequestCame,
    ) {
        let begun = CancellationToken::new();
        let service = service_fn(|mut request| {
            begun.cancel();
            request.extensions_mut().insert(came.clone());
            let shared = Arc::clone(&self.shared);
            async move { Ok::<_, Infallible>(answer::handle(shared, peer, request).await) }
        });
        let stream = Patient::new(stream, self.shared.options.bounds.write_stall);
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.shared.stopping.cancelled() => {}
        }
        // A client that has just come may have sent its request, which is answered yet.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = begun.cancelled() => {}
            () = sleep(FIRST_REQUEST) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
