//! Requests as a plain HTTP client sends them, and what it gets.

use std::sync::Once;
use std::time::Duration;

use distiq_base::{Assembler, Dialect, Response, StreamEvent};
use distiq_llm::wire::sse::{SseDecoder, SseEvent};
use distiq_llm::wire::{WireError, anthropic, openai, responses};
use distiq_testkit::ScriptedModel;
use serde_json::{Value, json};

/// A conversation of one question, with a tool, in a dialect's own words.
pub fn question(dialect: Dialect, stream: bool) -> Value {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    match dialect {
        Dialect::Anthropic => json!({
            "model": "claude-sonnet-5", "max_tokens": 1000, "stream": stream,
            "tools": [{"name": "read", "description": "Reads", "input_schema": schema}],
            "messages": [{"role": "user", "content": "hi"}],
        }),
        Dialect::Responses => json!({
            "model": "gpt-6-sol", "stream": stream, "store": false,
            "include": ["reasoning.encrypted_content"],
            "tools": [{"type": "function", "name": "read", "description": "Reads",
                "parameters": schema, "strict": false}],
            "input": [{"role": "user", "content": "hi"}],
        }),
        Dialect::Openai | Dialect::Gemini | Dialect::Ollama => {
            let mut body = json!({
                "model": "gpt-6-sol", "stream": stream,
                "tools": [{"type": "function",
                    "function": {"name": "read", "description": "Reads", "parameters": schema}}],
                "messages": [{"role": "user", "content": "hi"}],
            });
            if stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            body
        }
    }
}

/// Sends a body to the dialect's door.
pub fn post(model: &ScriptedModel, dialect: Dialect, body: &Value) -> reqwest::RequestBuilder {
    let (url, key) = match dialect {
        Dialect::Anthropic => (format!("{}/v1/messages", model.base_url_anthropic()), "x-api-key"),
        Dialect::Responses => (format!("{}/responses", model.base_url_openai()), "x-key"),
        Dialect::Openai | Dialect::Gemini | Dialect::Ollama => {
            (format!("{}/chat/completions", model.base_url_openai()), "x-key")
        }
    };
    client()
        .post(url)
        .header(key, "key-of-the-test")
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .body(body.to_string())
}

pub fn client() -> reqwest::Client {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .read_timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// Reads a stream to its end, as far as it goes: what came, and how it ended.
pub async fn read_stream(
    dialect: Dialect,
    answer: reqwest::Response,
) -> (Assembler, Vec<SseEvent>, Result<(), String>) {
    let mut answer = answer;
    let mut sse = SseDecoder::new();
    let mut frames = Vec::new();
    let mut assembler = Assembler::default();
    let mut decoder = Decoder::new(dialect);
    let end = loop {
        let bytes = match answer.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break decoder.finish(&mut assembler).map_err(|error| error.to_string()),
            Err(error) => break Err(format!("{error:?}")),
        };
        let events = match sse.push(&bytes) {
            Ok(events) => events,
            Err(error) => break Err(error.to_string()),
        };
        let mut failed = None;
        for event in events {
            match decoder.feed(&event) {
                Ok(decoded) => decoded.iter().for_each(|event| assembler.push(event)),
                Err(error) => failed = Some(error.to_string()),
            }
            frames.push(event);
        }
        if let Some(error) = failed {
            break Err(error);
        }
    };
    (assembler, frames, end)
}

/// Sends a question and reads the answer, streamed or whole.
pub async fn ask(model: &ScriptedModel, dialect: Dialect, body: &Value) -> Response {
    let answer = post(model, dialect, body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    if body["stream"] == true {
        let (assembler, _, end) = read_stream(dialect, answer).await;
        end.unwrap();
        assert!(assembler.is_complete());
        return assembler.into_response();
    }
    let bytes = answer.bytes().await.unwrap();
    match dialect {
        Dialect::Anthropic => anthropic::decode_response(&bytes).unwrap(),
        Dialect::Responses => responses::decode_response(&bytes).unwrap(),
        Dialect::Openai | Dialect::Gemini | Dialect::Ollama => {
            openai::decode_response(&bytes).unwrap()
        }
    }
}

enum Decoder {
    Anthropic(anthropic::StreamDecoder),
    Openai(openai::StreamDecoder),
    Responses(responses::StreamDecoder),
}

impl Decoder {
    fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Decoder::Anthropic(anthropic::StreamDecoder::new()),
            Dialect::Responses => Decoder::Responses(responses::StreamDecoder::new()),
            Dialect::Openai | Dialect::Gemini | Dialect::Ollama => {
                Decoder::Openai(openai::StreamDecoder::new())
            }
        }
    }

    fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        match self {
            Decoder::Anthropic(decoder) => decoder.feed(event),
            Decoder::Openai(decoder) => decoder.feed(event),
            Decoder::Responses(decoder) => decoder.feed(event),
        }
    }

    fn finish(&mut self, assembler: &mut Assembler) -> Result<(), WireError> {
        let events = match self {
            Decoder::Anthropic(decoder) => decoder.finish(),
            Decoder::Openai(decoder) => decoder.finish(),
            Decoder::Responses(decoder) => decoder.finish(),
        }?;
        events.iter().for_each(|event| assembler.push(event));
        Ok(())
    }
}
