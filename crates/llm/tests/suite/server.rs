//! A server that says exactly the bytes it is told to, one script a request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// One step of an answer.
#[derive(Clone)]
pub enum Step {
    /// These bytes.
    Send(Vec<u8>),
    /// A pause.
    Pause(Duration),
    /// Nothing more, with the connection open until the client closes it.
    Hang,
    /// The end of the connection.
    Close,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Captured {
    pub head: String,
    pub body: Vec<u8>,
}

pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<Mutex<Vec<Captured>>>,
    /// Gets a message for each connection that the client has closed.
    pub closed: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Answers the first request with the first script, and so on; the last one repeats.
    pub async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (closing, closed) = mpsc::unbounded_channel();
        let server =
            Self { address, connections: connections.clone(), requests: requests.clone(), closed };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (scripts, requests, closing) =
                    (scripts.clone(), requests.clone(), closing.clone());
                tokio::spawn(async move {
                    talk(socket, &scripts, &requests).await;
                    let _ = closing.send(());
                });
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<Captured> {
        self.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves one connection until either side ends it.
pub async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    scripts: &[Vec<Step>],
    requests: &Mutex<Vec<Captured>>,
) {
    while let Some(request) = read_request(&mut socket).await {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        for step in scripts.get(number).or(scripts.last()).unwrap() {
            match step {
                Step::Send(bytes) => {
                    if socket.write_all(bytes).await.is_err() {
                        return;
                    }
                    let _ = socket.flush().await;
                }
                Step::Pause(time) => tokio::time::sleep(*time).await,
                Step::Hang => {
                    let mut rest = [0; 1024];
                    while socket.read(&mut rest).await.is_ok_and(|n| n > 0) {}
                    return;
                }
                Step::Close => {
                    let _ = socket.shutdown().await;
                    return;
                }
            }
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(socket: &mut S) -> Option<Captured> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = bytes[end..].to_vec();
    while body.len() < length {
        if socket.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Captured { head, body })
}

/// An answer of one piece.
pub fn whole(status: &str, headers: &str, body: &[u8]) -> Step {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len())
        .into_bytes();
    bytes.extend_from_slice(body);
    Step::Send(bytes)
}

/// The head of a streamed answer.
pub fn head(headers: &str) -> Step {
    Step::Send(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{headers}\
             transfer-encoding: chunked\r\n\r\n"
        )
        .into_bytes(),
    )
}

/// A piece of a streamed answer.
pub fn chunk(bytes: &[u8]) -> Step {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    Step::Send(framed)
}

/// The end of a streamed answer.
pub fn last_chunk() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}
