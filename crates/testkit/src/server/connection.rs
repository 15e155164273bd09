//! Connections: reads requests, and carries out what the desk decides, byte by byte.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::play::Act;
use super::{Outcome, Shared};
use crate::http::{self, read_request};

/// Asks the acceptor not to listen for a while; answered once nobody listens.
type Closing = (Duration, oneshot::Sender<()>);

/// How many connections may wait to be taken.
const BACKLOG: u32 = 128;

/// Takes connections until it is dropped.
pub(super) async fn accept(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let (closing, mut close) = mpsc::channel::<Closing>(4);
    let mut listener = listener;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    let connection =
                        Connection { stream, shared: Arc::clone(&shared), closing: closing.clone() };
                    tokio::spawn(connection.serve());
                }
            }
            Some((pause, closed)) = close.recv() => {
                drop(listener);
                let held = loop {
                    // Connections of before may hold the port for a moment.
                    match hold(address) {
                        Ok(held) => break held,
                        Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                };
                let _ = closed.send(());
                tokio::time::sleep(pause).await;
                let Ok(again) = held.listen(BACKLOG) else { return };
                listener = again;
            }
        }
    }
}

/// Keeps a port without listening on it: who connects is refused, and no other server gets it.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    closing: mpsc::Sender<Closing>,
}

/// Whether the connection can take another request.
enum Next {
    Again,
    Close,
}

impl Connection {
    async fn serve(mut self) {
        let mut buffer = BytesMut::new();
        loop {
            let request = match read_request(&mut self.stream, &mut buffer).await {
                Ok(Some(request)) => request,
                Ok(None) => return,
                Err(error) => return self.refuse(&error).await,
            };
            let plan = self.shared.desk().serve(&request);
            self.shared.wake();
            let (outcome, next) = match self.carry_out(plan.acts, &mut buffer).await {
                Ok((outcome, next)) => (outcome, next),
                Err(_) => (Outcome::ClientGone, Next::Close),
            };
            self.shared.desk().close(plan.number, outcome);
            self.shared.wake();
            if matches!(next, Next::Close) {
                return;
            }
        }
    }

    async fn carry_out(
        &mut self,
        acts: Vec<Act>,
        buffer: &mut BytesMut,
    ) -> io::Result<(Outcome, Next)> {
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    self.stream.write_all(&bytes).await?;
                    self.stream.flush().await?;
                }
                Act::Pause(pause) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        gone = client_gone(&mut self.stream, buffer) => return gone,
                    }
                }
                Act::Stall => return client_gone(&mut self.stream, buffer).await,
                Act::Close => {
                    self.stream.shutdown().await?;
                    return Ok((Outcome::Broken, Next::Close));
                }
                Act::Reset => {
                    self.stream.set_zero_linger()?;
                    return Ok((Outcome::Broken, Next::Close));
                }
                Act::StopListening(pause) => {
                    let (closed, is_closed) = oneshot::channel();
                    if self.closing.send((pause, closed)).await.is_ok() {
                        let _ = is_closed.await;
                    }
                }
            }
        }
        Ok((Outcome::Sent, Next::Again))
    }

    async fn refuse(mut self, error: &io::Error) {
        let headers = [("connection".to_owned(), "close".to_owned())];
        let mut answer = http::head(400, &headers);
        answer.extend_from_slice(error.to_string().as_bytes());
        let _ = self.stream.write_all(&answer).await;
    }
}

/// Waits until the client hangs up; what it sends meanwhile is kept for later, within bounds.
async fn client_gone(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<(Outcome, Next)> {
    while buffer.len() < http::MAX_BODY_BYTES && stream.read_buf(buffer).await? > 0 {}
    Ok((Outcome::ClientGone, Next::Close))
}
