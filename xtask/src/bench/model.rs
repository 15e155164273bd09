//! A model that answers at once, and tells when each request arrived.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// A request that came.
pub struct Arrival {
    /// When its last byte was read.
    pub at: Instant,
    /// How long after the last answer's last byte.
    pub after_last_answer: Duration,
}

/// The server; it ends with the process.
pub struct Model {
    url: String,
    arrivals: Mutex<Receiver<Arrival>>,
}

impl Model {
    /// Starts a model that calls a tool for the first `calls` requests and then answers.
    pub fn start(calls: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (sender, arrivals) = channel();
        let state = Arc::new(Mutex::new(State { left: calls, answered: Instant::now(), sender }));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Ok(Self { url, arrivals: Mutex::new(arrivals) })
    }

    /// Returns the base address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Waits for the next request.
    pub fn next(&self, wait: Duration) -> Option<Arrival> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(wait).ok()
    }

    /// Forgets the requests that came.
    pub fn clear(&self) {
        while self.next(Duration::ZERO).is_some() {}
    }
}

struct State {
    left: usize,
    answered: Instant,
    sender: Sender<Arrival>,
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        read_request(&mut reader)?;
        let at = Instant::now();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let after_last_answer = at.duration_since(state.answered);
        state.sender.send(Arrival { at, after_last_answer }).ok()?;
        let body = if state.left > 0 { tool_call(state.left) } else { answer() };
        state.left = state.left.saturating_sub(1);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all(format!("{head}{body}").as_bytes()).ok()?;
        state.answered = Instant::now();
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()
}

fn frames(events: &[(&str, String)]) -> String {
    events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect()
}

fn message(block: &str, delta: &str, stop: &str) -> String {
    frames(&[
        ("message_start", r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#.into()),
        ("content_block_start", format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#)),
        ("content_block_delta", format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#)),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#.into()),
        ("message_delta", format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop}","stop_sequence":null}},"usage":{{"output_tokens":5}}}}"#)),
        ("message_stop", r#"{"type":"message_stop"}"#.into()),
    ])
}

fn tool_call(number: usize) -> String {
    message(
        &format!(r#"{{"type":"tool_use","id":"toolu_{number}","name":"find","input":{{}}}}"#),
        &format!(
            r#"{{"type":"input_json_delta","partial_json":"{{\"pattern\":\"*.p{number}\"}}"}}"#
        ),
        "tool_use",
    )
}

fn answer() -> String {
    message(r#"{"type":"text","text":""}"#, r#"{"type":"text_delta","text":"hi"}"#, "end_turn")
}

/// Sends requests as fast as one connection allows and returns the time between answer and arrival.
pub fn ping_pong(model: &Model, requests: usize) -> Result<Vec<Duration>> {
    let address = model.url().replace("http://", "");
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let body = vec![b' '; 60_000];
    let head =
        format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), &body].concat();
    let expected = answer().len();
    let mut gaps = Vec::new();
    model.clear();
    for _ in 0..requests {
        stream.write_all(&request)?;
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer)?;
            got.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let end = got.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
            if read == 0 || end.is_some_and(|end| got.len() - end >= expected) {
                break;
            }
        }
        let arrival = model.next(Duration::from_secs(5)).context("no answer")?;
        gaps.push(arrival.after_last_answer);
    }
    gaps.remove(0);
    Ok(gaps)
}
