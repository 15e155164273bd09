//! From an answer and a fault to what is done on the connection.

use std::io::Write;
use std::time::Duration;

use distiq_base::Dialect;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::fault::Fault;
use crate::http::{chunk, head};

/// One thing done on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// One write.
    Send(Vec<u8>),
    /// Wait, and watch for the client to go.
    Pause(Duration),
    /// Nothing more, until the client goes.
    Stall,
    /// An orderly close.
    Close,
    /// A TCP reset.
    Reset,
    /// Refuse new connections for a while.
    StopListening(Duration),
}

/// An answer ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub dialect: Dialect,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    /// Between two events.
    pub pace: Duration,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// A body of a known length.
    Whole(Vec<u8>),
    /// The events of a stream, each with its empty line.
    Events(Vec<String>),
}

impl Reply {
    /// Returns what is done to send it unharmed.
    pub(super) fn acts(self) -> Vec<Act> {
        match &self.body {
            Body::Whole(body) => self.whole(body.clone()),
            Body::Events(events) => {
                let pieces = events.iter().map(|event| event.clone().into_bytes()).collect();
                self.pieces(pieces, self.pace, Act::Send(chunk(b"")))
            }
        }
    }

    /// Returns what is done to send it with a fault that needs an answer to harm.
    pub(super) fn harmed(mut self, fault: &Fault) -> Vec<Act> {
        if let Some(at) = cut_place(fault, &self.body) {
            let end = match fault {
                Fault::StallAtEvent { .. } | Fault::StallBeforeFirstEvent => Act::Stall,
                Fault::ResetAtEvent { .. } => Act::Reset,
                _ => Act::Close,
            };
            return self.cut(at, end);
        }
        match fault {
            Fault::SplitUtf8 => {
                let pieces = split_characters(&self.bytes());
                return self.pieces(pieces, Duration::from_millis(1), Act::Send(chunk(b"")));
            }
            Fault::SlowDrip { pause_ms } => {
                let pieces = self.bytes().chunks(3).map(<[u8]>::to_vec).collect();
                let pause = Duration::from_millis(*pause_ms);
                return self.pieces(pieces, pause, Act::Send(chunk(b"")));
            }
            Fault::Gzip => {
                self.headers.push(("content-encoding".into(), "gzip".into()));
                let packed = gzip(&self.bytes());
                return self.whole(packed);
            }
            _ => {}
        }
        match &mut self.body {
            Body::Events(events) => harm_events(events, self.dialect, fault),
            Body::Whole(body) => {
                if let Fault::BrokenEvent { .. } = fault {
                    body.truncate(body.len() / 2);
                }
            }
        }
        self.acts()
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Whole(body) => body.clone(),
            Body::Events(events) => events.concat().into_bytes(),
        }
    }

    fn whole(&self, body: Vec<u8>) -> Vec<Act> {
        let mut headers = self.headers.clone();
        headers.push(("content-length".into(), body.len().to_string()));
        let mut bytes = head(self.status, &headers);
        bytes.extend(body);
        vec![Act::Send(bytes)]
    }

    /// Sends a chunked body piece by piece, each in a write of its own.
    fn pieces(&self, pieces: Vec<Vec<u8>>, pause: Duration, end: Act) -> Vec<Act> {
        let mut headers = self.headers.clone();
        headers.push(("transfer-encoding".into(), "chunked".into()));
        let mut acts = vec![Act::Send(head(self.status, &headers))];
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            acts.push(Act::Send(chunk(piece)));
            if !pause.is_zero() {
                acts.push(Act::Pause(pause));
            }
        }
        acts.push(end);
        acts
    }

    /// Sends so many bytes of the body, then ends badly.
    fn cut(&self, at: usize, end: Act) -> Vec<Act> {
        let mut bytes = self.bytes();
        bytes.truncate(at);
        let mut acts = match &self.body {
            Body::Events(_) => self.pieces(vec![bytes], Duration::ZERO, end.clone()),
            Body::Whole(body) => {
                let mut headers = self.headers.clone();
                headers.push(("content-length".into(), body.len().to_string()));
                vec![Act::Send(head(self.status, &headers)), Act::Send(bytes), end.clone()]
            }
        };
        if end == Act::Reset {
            // A reset throws away what the client has not read yet.
            acts.insert(acts.len() - 1, Act::Pause(Duration::from_millis(20)));
        }
        acts
    }
}

/// Returns after how many bytes of the body a fault cuts it; `None` for other faults.
fn cut_place(fault: &Fault, body: &Body) -> Option<usize> {
    let event = match fault {
        Fault::CutBeforeFirstByte | Fault::StallBeforeFirstEvent => return Some(0),
        Fault::CutAtByte { byte } => return Some(*byte),
        Fault::CutAtEvent { event }
        | Fault::StallAtEvent { event }
        | Fault::ResetAtEvent { event } => *event,
        _ => return None,
    };
    Some(match body {
        Body::Whole(body) => body.len() / 2,
        Body::Events(events) => {
            let most = events.len().saturating_sub(1);
            events.iter().take(event.min(most)).map(String::len).sum()
        }
    })
}

fn harm_events(events: &mut Vec<String>, dialect: Dialect, fault: &Fault) {
    let most = events.len().saturating_sub(1);
    match fault {
        Fault::BrokenEvent { event } => {
            if let Some(event) = events.get_mut((*event).min(most)) {
                let keep = event.floor_char_boundary(event.trim_end().len() * 2 / 3);
                event.truncate(keep);
                event.push_str("\n\n");
            }
        }
        Fault::OutOfOrder => turn_around(events, dialect),
        Fault::UnknownEvents => add_unknown(events, dialect),
        Fault::ErrorEvent { event } => {
            events.truncate((*event).min(most));
            events.push(error_event(dialect));
        }
        Fault::HugeEvent { bytes } => {
            events.insert(2.min(most), huge_event(dialect, *bytes));
        }
        Fault::NoEndMark => events.retain(|event| !is_end_mark(event)),
        _ => {}
    }
}

fn is_end_mark(event: &str) -> bool {
    [
        "event: message_stop",
        "data: [DONE]",
        "event: response.completed",
        "event: response.incomplete",
    ]
    .iter()
    .any(|mark| event.starts_with(mark))
        || event.contains("\"finishReason\":")
        || (event.starts_with("{\"model\":") && event.contains("\"done\":true"))
}

/// Anthropic, Responses: the first block's first piece before its start. OpenAI: the last piece behind the
/// finish.
fn turn_around(events: &mut [String], dialect: Dialect) {
    let mark = match dialect {
        Dialect::Anthropic => "event: content_block_start",
        Dialect::Responses => "event: response.output_item.added",
        Dialect::Gemini => "\"finishReason\":\"",
        Dialect::Ollama => "\"done\":true",
        Dialect::Openai => "\"finish_reason\":\"",
    };
    let place = events.iter().position(|event| event.contains(mark));
    match (dialect, place) {
        (Dialect::Anthropic | Dialect::Responses, Some(at)) if at + 1 < events.len() => {
            events.swap(at, at + 1)
        }
        (Dialect::Openai, Some(at)) if at > 0 => events.swap(at - 1, at),
        _ => {}
    }
}

/// Puts what the dialect does not know between all events; nothing before the first or behind the
/// end mark, and an unknown delta only inside its block.
fn add_unknown(events: &mut Vec<String>, dialect: Dialect) {
    let unknown: &[&str] = match dialect {
        Dialect::Anthropic => &[
            "event: future_event\ndata: {\"type\":\"future_event\",\"index\":0,\"x\":[1,2]}\n\n",
            ": a comment\n\n",
            "id: 7\nretry: 10\nevent: ping\ndata: {\"type\": \"ping\"}\n\n",
        ],
        Dialect::Responses => &[
            "event: response.future.delta\ndata: {\"type\":\"response.future.delta\",\"delta\":1}\n\n",
            ": keep-alive\n\n",
            "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n",
        ],
        Dialect::Gemini => &["data: {\"future\":{\"a\":1}}\n\n", ": a comment\n\n"],
        Dialect::Ollama => &["{\"model\":\"m\",\"future\":{\"a\":1},\"done\":false}\n", "\n"],
        Dialect::Openai => &[
            ": OPENROUTER PROCESSING\n\n",
            "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\
             \"model\":\"m\",\"choices\":[],\"future\":{\"a\":1}}\n\n",
            ": keep-alive\n\n",
        ],
    };
    let mut mixed = Vec::with_capacity(events.len() * 2);
    let last = events.len().saturating_sub(1);
    for (at, event) in events.drain(..).enumerate() {
        let extra = unknown.get(at % unknown.len()).filter(|_| (1..=last).contains(&at));
        mixed.extend(extra.map(|extra| (*extra).to_owned()));
        let delta = unknown_delta(&event);
        mixed.push(event);
        mixed.extend(delta);
    }
    *events = mixed;
}

/// Returns a delta of an unknown type for the block that an event of Anthropic's opens.
fn unknown_delta(event: &str) -> Option<String> {
    let data = event.strip_prefix("event: content_block_start\ndata: ")?;
    let data: serde_json::Value = serde_json::from_str(data.trim_end()).ok()?;
    let delta = json!({"type": "future_delta", "future": {"a": 1}});
    let data = json!({"type": "content_block_delta", "index": data.get("index")?, "delta": delta});
    Some(format!("event: content_block_delta\ndata: {data}\n\n"))
}

/// Returns the event of a failure in the middle of a stream.
fn error_event(dialect: Dialect) -> String {
    match dialect {
        Dialect::Anthropic => "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\
             \"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
            .to_owned(),
        Dialect::Responses => "event: error\ndata: {\"type\":\"error\",\"sequence_number\":7,\
             \"code\":\"server_error\",\"message\":\"The server had an error while processing \
             your request\",\"param\":null}\n\n"
            .to_owned(),
        Dialect::Gemini => "data: {\"error\":{\"code\":503,\"message\":\"The model is \
             overloaded. Please try again later.\",\"status\":\"UNAVAILABLE\"}}\n\n"
            .to_owned(),
        Dialect::Ollama => "{\"error\":\"model runner has unexpectedly stopped\"}\n".to_owned(),
        Dialect::Openai => "data: {\"error\":{\"message\":\"The server had an error while \
             processing your request\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
            .to_owned(),
    }
}

fn huge_event(dialect: Dialect, bytes: usize) -> String {
    let text = "x".repeat(bytes);
    match dialect {
        Dialect::Anthropic => {
            let delta = json!({"type": "text_delta", "text": text});
            let data = json!({"type": "content_block_delta", "index": 0, "delta": delta});
            format!("event: content_block_delta\ndata: {data}\n\n")
        }
        Dialect::Responses => {
            let data = json!({"type": "response.output_text.delta", "sequence_number": 1,
                "item_id": "x", "output_index": 0, "content_index": 0, "delta": text,
                "logprobs": []});
            format!("event: response.output_text.delta\ndata: {data}\n\n")
        }
        Dialect::Gemini => {
            let content = json!({"role": "model", "parts": [{"text": text}]});
            let data = json!({"candidates": [{"index": 0, "content": content}]});
            format!("data: {data}\n\n")
        }
        Dialect::Ollama => {
            let message = json!({"role": "assistant", "content": text});
            format!("{}\n", json!({"model": "m", "message": message, "done": false}))
        }
        Dialect::Openai => {
            let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
            let data = json!({"id": "x", "object": "chat.completion.chunk", "created": 1,
                "model": "m", "choices": [choice]});
            format!("data: {data}\n\n")
        }
    }
}

/// Splits behind the first byte of every character that has several.
fn split_characters(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    for byte in bytes {
        if let Some(piece) = pieces.last_mut() {
            piece.push(*byte);
        }
        if *byte >= 0xc0 {
            pieces.push(Vec::new());
        }
    }
    pieces
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
