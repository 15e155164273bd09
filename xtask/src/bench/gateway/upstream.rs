//! A scripted vendor of OpenAI's dialect on loopback, so light that what stands before it is what is measured.
//!
//! The last user message says what comes: see `Ask`. A thread a connection, one write an event.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A short answer in one piece.
    Whole,
    /// A short stream.
    Short,
    /// A long stream, its events one right after the other.
    Flow,
    /// A stream with a pause before each event, so that each is seen alone.
    Paced,
    /// A stream that goes on for as long as the client stays, after its first event.
    Hold,
}

impl Ask {
    const ALL: [Self; 5] = [Self::Whole, Self::Short, Self::Flow, Self::Paced, Self::Hold];

    /// Returns the user message that asks for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Whole => "bench-whole",
            Self::Short => "bench-short",
            Self::Flow => "bench-flow",
            Self::Paced => "bench-paced",
            Self::Hold => "bench-hold",
        }
    }

    /// Returns how many events with words its stream has; an open end counts its first.
    pub fn events(self) -> usize {
        match self {
            Self::Whole => 0,
            Self::Short => 20,
            Self::Flow => 1_000,
            Self::Paced => 400,
            Self::Hold => 1,
        }
    }
}

/// The model that is asked for: one whose price is known, so that budgets can be held.
pub const MODEL: &str = "gpt-6-luna";

/// Words that each event holds.
pub const EVENT_WORDS: &[u8] = b"some words";

/// Starts the vendor; it ends with the process.
pub fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let thread = std::thread::Builder::new().stack_size(128 << 10);
            let _ = thread.spawn(move || serve(stream));
        }
    });
    Ok(address)
}

/// All events of the longest stream. No two are alike: LiteLLM ends a stream that repeats itself.
static EVENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let event = |at| event(&format!("{{\"content\":\"some words {at} \"}}"), "null");
    (0..Ask::Flow.events()).map(|at| chunk(&event(at))).collect()
});

fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let body = read_request(&mut reader)?;
        let holds = |words: &str| body.windows(words.len()).any(|w| w == words.as_bytes());
        let ask = Ask::ALL.into_iter().find(|ask| holds(ask.words())).unwrap_or(Ask::Whole);
        if ask == Ask::Whole {
            writer.write_all(whole().as_bytes()).ok()?;
            continue;
        }
        let mut events = EVENTS.iter().take(ask.events());
        writer.write_all(format!("{STREAM_HEAD}{}", events.next()?).as_bytes()).ok()?;
        if ask == Ask::Hold {
            // Until the client leaves.
            let _ = reader.read(&mut [0; 1]);
            return None;
        }
        for event in events {
            if ask == Ask::Paced {
                std::thread::sleep(Duration::from_millis(1));
            }
            writer.write_all(event.as_bytes()).ok()?;
        }
        let usage = if holds("include_usage") { USAGE } else { "" };
        let end = format!("{}{usage}data: [DONE]\n\n", event("{}", "\"stop\""));
        writer.write_all(format!("{}0\r\n\r\n", chunk(&end)).as_bytes()).ok()?;
    }
}

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const USAGE: &str = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\
    \"created\":1763000000,\"model\":\"gpt-6-luna\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\
    \"completion_tokens\":9,\"total_tokens\":18}}\n\n";
const WHOLE: &str = "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1763000000,\
    \"model\":\"gpt-6-luna\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\
    \"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\
    \"total_tokens\":10}}";

fn whole() -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{WHOLE}",
        WHOLE.len()
    )
}

fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1763000000,\
         \"model\":\"gpt-6-luna\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
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
        // Portkey sends its bodies so.
        if line == "transfer-encoding: chunked" {
            length = usize::MAX;
        }
        if line.is_empty() {
            break;
        }
    }
    if length == usize::MAX {
        return read_chunks(reader);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk.get(..size)?);
    }
}
