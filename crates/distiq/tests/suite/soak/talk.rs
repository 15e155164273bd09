//! A client of the gateway in each dialect that believes nothing: it reads the raw stream to its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// A client's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Anthropic,
    Openai,
    Responses,
    Gemini,
    Ollama,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With its dialect's end mark.
    Whole,
    /// With an error in its dialect's words, in the head or in the stream.
    Told,
    /// We hung up.
    Left,
    /// Without a word.
    Silent,
}

/// What came of a request.
pub struct Told {
    pub end: End,
    pub text: String,
    pub id: Option<String>,
    /// The head and the end of what came, for a failing test.
    pub seen: String,
}

impl Dialect {
    pub const ALL: [Self; 5] =
        [Self::Anthropic, Self::Openai, Self::Responses, Self::Gemini, Self::Ollama];

    fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    fn request(self, model: &str, text: &str) -> (String, Value) {
        let messages = json!([{"role": "user", "content": text}]);
        match self {
            Self::Anthropic => (
                "/v1/messages".into(),
                json!({"model": model, "max_tokens": 999, "stream": true, "messages": messages}),
            ),
            Self::Openai => (
                "/v1/chat/completions".into(),
                json!({"model": model, "stream": true, "messages": messages}),
            ),
            Self::Responses => (
                "/v1/responses".into(),
                json!({"model": model, "stream": true, "input": text, "store": false}),
            ),
            Self::Gemini => (
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
                json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
            ),
            Self::Ollama => ("/api/chat".into(), json!({"model": model, "messages": messages})),
        }
    }

    /// Takes one event; `Some` where it ends the answer.
    fn take(self, event: &Value, text: &mut String) -> Option<End> {
        let mut say = |piece: &Value| text.push_str(piece.as_str().unwrap_or_default());
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Some(End::Told);
        }
        let kind = event["type"].as_str().unwrap_or_default();
        match self {
            Self::Anthropic => {
                say(&event["delta"]["text"]);
                (kind == "message_stop").then_some(End::Whole)
            }
            Self::Openai => {
                say(&event["choices"][0]["delta"]["content"]);
                None
            }
            Self::Responses => {
                if kind == "response.output_text.delta" {
                    say(&event["delta"]);
                }
                match kind {
                    "response.completed" => Some(End::Whole),
                    "response.failed" | "error" => Some(End::Told),
                    _ => None,
                }
            }
            Self::Gemini => {
                let candidate = &event["candidates"][0];
                for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                    say(&part["text"]);
                }
                candidate["finishReason"].is_string().then_some(End::Whole)
            }
            Self::Ollama => {
                say(&event["message"]["content"]);
                (event["done"] == true).then_some(End::Whole)
            }
        }
    }
}

/// Asks for an answer to a numbered request and reads it, or hangs up in the middle.
pub fn talk(
    address: SocketAddr,
    key: &str,
    caller: Dialect,
    upstream: Dialect,
    number: u64,
    leaves: bool,
    patience: Duration,
) -> Told {
    let model = format!("up_{}/scripted-1", upstream.name());
    let (path, body) = caller.request(&model, &format!("soak {number}"));
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    (&stream).write_all(format!("{head}{body}").as_bytes()).unwrap();
    Reading { from: BufReader::new(stream), seen: String::new(), text: String::new(), id: None }
        .read(caller, leaves)
}

struct Reading {
    from: BufReader<TcpStream>,
    seen: String,
    text: String,
    id: Option<String>,
}

impl Reading {
    fn read(mut self, caller: Dialect, leaves: bool) -> Told {
        let end = self.end(caller, leaves);
        Told { end, text: self.text, id: self.id, seen: self.seen }
    }

    fn end(&mut self, caller: Dialect, leaves: bool) -> End {
        let status = self.head();
        let mut body = String::new();
        if status != "200" {
            let _ = self.from.read_to_string(&mut body);
            self.seen.push_str(&body);
            let told = serde_json::from_str::<Value>(body.trim())
                .is_ok_and(|body| !body["error"].is_null());
            return if told { End::Told } else { End::Silent };
        }
        let mut last = None;
        let mut events = 0;
        while let Some(line) = self.line() {
            let line = line.trim();
            let data = line.strip_prefix("data:").map_or(line, str::trim);
            if data == "[DONE]" && caller == Dialect::Openai {
                last = last.or(Some(End::Whole));
            }
            let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
            if !event.is_object() {
                continue;
            }
            events += 1;
            last = last.or(caller.take(&event, &mut self.text));
            if leaves && events == 2 {
                return End::Left;
            }
        }
        last.unwrap_or(End::Silent)
    }

    fn head(&mut self) -> String {
        let status = self.line().unwrap_or_default();
        while let Some(line) = self.line().filter(|line| !line.trim().is_empty()) {
            if let Some(id) = line.strip_prefix("x-distiq-request-id:") {
                self.id = Some(id.trim().to_owned());
            }
        }
        status.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.from.read_until(b'\n', &mut line).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        if self.seen.len() < 4_000 {
            self.seen.push_str(&line);
        }
        (read > 0).then_some(line)
    }
}
