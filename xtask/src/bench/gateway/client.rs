//! A client that costs little: one blocking connection, read no further than needed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::upstream::{Ask, EVENT_WORDS, MODEL};

/// Longest wait for more of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where requests go, and what their heads need.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    /// Head lines, each with its end.
    pub headers: String,
}

/// What came.
pub struct Answer {
    /// From the first byte sent to the first piece of the body.
    pub first: Duration,
    /// From the first byte sent to the last one read.
    pub all: Duration,
}

/// One connection that is kept.
pub struct Client {
    connection: BufReader<TcpStream>,
    target: Target,
    line: String,
    piece: Vec<u8>,
}

enum Length {
    Known(usize),
    Chunked,
}

impl Client {
    /// Connects.
    pub fn new(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            connection: BufReader::with_capacity(64 << 10, stream),
            target: target.clone(),
            line: String::new(),
            piece: Vec::new(),
        })
    }

    /// Asks and reads the whole answer; one with another number of events is an error.
    pub fn ask(&mut self, ask: Ask) -> Result<Answer> {
        let began = Instant::now();
        self.send(ask)?;
        let (mut first, mut events) = (None, 0);
        match self.head()? {
            Length::Known(length) => {
                self.piece.resize(length, 0);
                self.connection.read_exact(&mut self.piece)?;
                events += count(&self.piece);
            }
            Length::Chunked => {
                let mut unended = Vec::new();
                while self.chunk()? {
                    first.get_or_insert_with(|| began.elapsed());
                    unended.extend_from_slice(&self.piece);
                    let end = unended.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                    events += count(unended.get(..end).unwrap_or_default());
                    unended.drain(..end);
                }
            }
        }
        ensure!(events == ask.events(), "{events} of {} events came", ask.events());
        let all = began.elapsed();
        Ok(Answer { first: first.unwrap_or(all), all })
    }

    /// Sends a request.
    pub fn send(&mut self, ask: Ask) -> Result<()> {
        let stream = if ask == Ask::Whole { "" } else { "\"stream\":true," };
        let body = format!(
            "{{\"model\":\"{MODEL}\",{stream}\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}",
            ask.words()
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{}content-type: application/json\
             \r\ncontent-length: {}\r\n\r\n{body}",
            self.target.headers,
            body.len()
        );
        Ok(self.connection.get_mut().write_all(request.as_bytes())?)
    }

    /// Waits for the first piece of a stream.
    pub fn first_piece(&mut self) -> Result<()> {
        self.head()?;
        self.chunk()?;
        Ok(())
    }

    fn head(&mut self) -> Result<Length> {
        self.read_line()?;
        ensure!(!self.line.is_empty(), "the connection was closed");
        let status = self.line.trim_end().to_owned();
        let mut length = None;
        loop {
            self.read_line()?;
            let line = self.line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("content-length", value)) => length = Some(Length::Known(value.parse()?)),
                Some(("transfer-encoding", "chunked")) => length = Some(Length::Chunked),
                _ => {}
            }
        }
        let length = length.context("an answer of no known length")?;
        if !status.contains(" 200") {
            if let Length::Known(known) = length {
                self.piece.resize(known, 0);
                self.connection.read_exact(&mut self.piece)?;
            } else {
                self.chunk()?;
            }
            bail!("{status}: {}", String::from_utf8_lossy(&self.piece));
        }
        Ok(length)
    }

    /// Reads the next piece of a body; false is its end.
    fn chunk(&mut self) -> Result<bool> {
        self.read_line()?;
        let size = usize::from_str_radix(self.line.trim(), 16).context("cut in its middle")?;
        self.piece.resize(size + 2, 0);
        self.connection.read_exact(&mut self.piece)?;
        self.piece.truncate(size);
        Ok(size > 0)
    }

    fn read_line(&mut self) -> Result<()> {
        self.line.clear();
        self.connection.read_line(&mut self.line)?;
        Ok(())
    }
}

/// Counts the events with words in whole lines.
fn count(lines: &[u8]) -> usize {
    let holds = |line: &[u8]| line.windows(EVENT_WORDS.len()).any(|w| w == EVENT_WORDS);
    lines.split(|b| *b == b'\n').filter(|line| holds(line)).count()
}
