//! Server-sent events, a chunk of bytes at a time (WHATWG HTML, "Server-sent events").

use memchr::memchr2;
use serde_json::Value;

use crate::wire::WireError;

/// Most bytes of one event.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field, where there was one.
    pub event: Option<String>,
    /// The `data` fields, joined by line feeds.
    pub data: String,
}

/// Finds the events in a stream of bytes, however it is split.
///
/// Lines end in LF, CR or CRLF; comments, `id`, `retry` and unknown fields are passed over; bytes
/// that are no UTF-8 become U+FFFD; an event is complete at its empty line, so one that the end of
/// the stream cuts never shows.
#[derive(Clone, Debug, Default)]
pub struct SseDecoder {
    /// The start of a line whose end has not come.
    line: Vec<u8>,
    event: Option<String>,
    data: Option<String>,
    /// The last byte was a CR, so a LF belongs to it.
    after_cr: bool,
    /// The first line is past; before it, a byte order mark is dropped.
    begun: bool,
}

impl SseDecoder {
    /// Starts at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes in and returns the events that they complete.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] once an event passes [`MAX_EVENT_BYTES`]; the stream is of no use
    /// then.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<SseEvent>, WireError> {
        let mut events = Vec::new();
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.check(line.len())?;
            if self.line.is_empty() {
                self.take_line(line, &mut events);
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, &mut events);
                whole.clear();
                self.line = whole;
            }
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.check(bytes.len())?;
        self.line.extend_from_slice(bytes);
        Ok(events)
    }

    /// Takes the orderly end of the stream and returns the last event where nothing but its empty line
    /// is missing: its data is whole JSON, or OpenAI's end mark.
    pub fn finish(&mut self) -> Option<SseEvent> {
        let mut events = Vec::new();
        for _ in 0..2 {
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, &mut events);
        }
        events.pop().filter(|event| {
            event.data == "[DONE]" || serde_json::from_str::<Value>(&event.data).is_ok()
        })
    }

    fn check(&self, more: usize) -> Result<(), WireError> {
        let held = self.line.len().saturating_add(self.data.as_ref().map_or(0, String::len));
        if held.saturating_add(more) > MAX_EVENT_BYTES {
            return Err(WireError::TooLarge { what: "an event", limit: MAX_EVENT_BYTES });
        }
        Ok(())
    }

    fn take_line(&mut self, mut line: &[u8], events: &mut Vec<SseEvent>) {
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            let event = self.event.take();
            if let Some(data) = self.data.take() {
                events.push(SseEvent { event, data });
            }
            return;
        }
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            b"event" => self.event = Some(value.into_owned()).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
}

/// Returns the bytes of one event; `data` is one line, as JSON is.
pub(crate) fn frame(event: Option<&str>, data: &str) -> String {
    match event {
        Some(event) => format!("event: {event}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
}
