//! What a request asks, without what does not change its answer.

use blake3::Hasher;
use distiq_base::{Content, Message, Request, Role, ToolChoice};
use serde_json::Value;

use super::question::Question;

/// A hash by which answers are found.
pub(crate) type Key = [u8; 32];

/// Changes where the same text would be read as another question than before.
const FORMS: u32 = 1;

/// Fields of the dialects that change no answer.
const IDLE: &[&str] = &[
    "user",
    "metadata",
    "store",
    "stream_options",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "labels",
    "keep_alive",
    "prompt_cache_options",
];

/// Fields whose answers are more than a text, or live at the vendor's.
const BARRED: &[&str] = &[
    "logprobs",
    "top_logprobs",
    "modalities",
    "audio",
    "web_search_options",
    "background",
    "conversation",
    "previous_response_id",
    "container",
    "mcp_servers",
    "context_management",
    "functions",
    "candidateCount",
    "responseModalities",
    "cachedContent",
    "prediction",
];

/// A request as the cache sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of all that changes the answer.
    pub(crate) key: Key,
    /// The newest question by its plain form, and as it was written; `None` where only the same request counts.
    pub(crate) question: Option<(Key, String, Question)>,
    /// Who may be given the answer.
    pub(crate) owner: String,
    /// The model as it was named.
    pub(crate) model: String,
}

impl Asked {
    /// Reads a request; `None` where its answer is never to be given again: with tools, with results of tools, with
    /// several answers at once, or where the vendor keeps what was said.
    ///
    /// `owner` is whose answers it may be given, `model` the model or route as the caller named it.
    pub fn read(
        request: &Request,
        owner: &str,
        model: &str,
        project: Option<&str>,
    ) -> Option<Self> {
        let has_tools = !request.tools.is_empty() && request.tool_choice != Some(ToolChoice::None);
        if has_tools || !allowed(request) {
            return None;
        }
        let (last, earlier) = request.messages.split_last()?;
        let mut scope = Hasher::new();
        put(&mut scope, &FORMS.to_le_bytes());
        for text in [owner, model, project.unwrap_or_default()] {
            put(&mut scope, text.as_bytes());
        }
        for state in &request.scope.0 {
            put(&mut scope, state.as_bytes());
        }
        put(&mut scope, b"system");
        for block in &request.system {
            put(&mut scope, block.text.as_bytes());
        }
        parameters(request, &mut scope);
        for message in earlier {
            put(&mut scope, &[role(message)]);
            said(message, &mut scope)?;
        }
        let mut whole = scope.clone();
        put(&mut whole, &[role(last)]);
        said(last, &mut whole)?;
        let question = question(request, last).map(|(text, question)| {
            put(&mut scope, b"form");
            put(&mut scope, question.key().as_bytes());
            (*scope.finalize().as_bytes(), text, question)
        });
        Some(Self {
            key: *whole.finalize().as_bytes(),
            question,
            owner: owner.to_owned(),
            model: model.to_owned(),
        })
    }
}

/// Returns the newest question where one in other words may answer it.
fn question(request: &Request, last: &Message) -> Option<(String, Question)> {
    let seeded = request.extra.as_ref().is_some_and(|(_, extra)| extra.contains_key("seed"));
    // Who turns the temperature up wants another answer each time.
    let wants_chance = request.temperature.is_some_and(|temperature| temperature > 0.0) || seeded;
    let is_plain = last.content.iter().all(|content| matches!(content, Content::Text { .. }));
    if wants_chance || !is_plain || last.role != Role::User {
        return None;
    }
    let text = last.text();
    let question = Question::read(&text)?;
    (!question.passing).then_some((text, question))
}

fn allowed(request: &Request) -> bool {
    let Some((_, extra)) = &request.extra else { return true };
    let one = |name: &str| extra.get(name).is_none_or(|n| n.as_u64() == Some(1));
    let is_set = |name: &&&str| {
        extra.get(**name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    };
    one("n") && BARRED.iter().find(is_set).is_none()
}

/// Adds what is asked beside the texts.
fn parameters(request: &Request, hash: &mut Hasher) {
    let output = serde_json::to_value(&request.output).unwrap_or_default();
    let rest = serde_json::json!([
        request.max_tokens,
        request.stop,
        request.temperature,
        request.top_p,
        request.effort,
        request.thinking,
    ]);
    for value in [output, rest] {
        canonical(&value, hash);
    }
    if let Some((dialect, extra)) = &request.extra {
        let mut fields: Vec<(&String, &Value)> =
            extra.iter().filter(|(name, _)| !IDLE.contains(&name.as_str())).collect();
        if fields.is_empty() {
            return;
        }
        fields.sort_by_key(|(name, _)| *name);
        put(hash, dialect.as_str().as_bytes());
        for (name, value) in fields {
            put(hash, name.as_bytes());
            canonical(value, hash);
        }
    }
}

/// Adds what a message says; `None` where it tells of tools.
fn said(message: &Message, hash: &mut Hasher) -> Option<()> {
    // A text in one block or in several is the same text.
    put(hash, message.text().as_bytes());
    for content in &message.content {
        match content {
            Content::Text { .. } | Content::Thinking { .. } | Content::RedactedThinking { .. } => {}
            Content::Image { .. } | Content::Document { .. } => {
                canonical(&serde_json::to_value(content).ok()?, hash);
            }
            Content::ToolCall { .. } | Content::ToolResult { .. } | Content::Other { .. } => {
                return None;
            }
        }
    }
    Some(())
}

/// Adds a value so that the order of an object's fields does not count.
fn canonical(value: &Value, hash: &mut Hasher) {
    match value {
        Value::Object(object) => {
            let mut fields: Vec<(&String, &Value)> = object.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            put(hash, b"{");
            for (name, value) in fields {
                put(hash, name.as_bytes());
                canonical(value, hash);
            }
            put(hash, b"}");
        }
        Value::Array(values) => {
            put(hash, b"[");
            values.iter().for_each(|value| canonical(value, hash));
            put(hash, b"]");
        }
        plain => put(hash, plain.to_string().as_bytes()),
    }
}

fn role(message: &Message) -> u8 {
    match message.role {
        Role::System => b's',
        Role::User => b'u',
        Role::Assistant => b'a',
    }
}

/// Adds bytes with their length before them, so that no two lists of texts look the same.
fn put(hash: &mut Hasher, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
