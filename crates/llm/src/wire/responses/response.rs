//! Whole answers and how they end, both ways.

use distiq_base::{Content, Dialect, Response, StopReason};
use serde_json::{Map, Value, json};

use crate::error::{ProviderError, ProviderErrorKind};
use crate::wire::responses::asked::{Answer, Asked, item_id};
use crate::wire::responses::decode_items::Items;
use crate::wire::responses::encode_items::call_item;
use crate::wire::responses::kept::Kept;
use crate::wire::responses::reasoning::Sender;
use crate::wire::responses::{failure, parts, reasoning, usage};
use crate::wire::{MAX_ANSWER_BLOCKS, WireError, field, status};

/// Reads the body of a successful answer.
///
/// # Errors
/// [`WireError::Vendor`] where the body is an error or the answer failed, [`WireError::Truncated`]
/// where it ends early or is not done, [`WireError::Malformed`] otherwise.
pub fn decode_response(body: &[u8]) -> Result<Response, WireError> {
    let json = status::parse_body(body)?;
    if failure::is_error(&json) {
        return Err(failure::of_answer(&json).into());
    }
    let output = field::typed(&json, "output", "an array", Value::as_array)?
        .ok_or_else(|| WireError::malformed("output", "is required"))?;
    let mut items = Items::of(Sender::Vendor);
    for (index, item) in output.iter().enumerate() {
        items.take(item, &format!("output[{index}]"))?;
    }
    let messages = items.messages.into_iter();
    let content: Vec<Content> = messages.flat_map(|message| message.content).collect();
    if content.len() > MAX_ANSWER_BLOCKS {
        return Err(WireError::TooLarge { what: "the number of blocks", limit: MAX_ANSWER_BLOCKS });
    }
    let end = End {
        has_calls: content.iter().any(|part| matches!(part, Content::ToolCall { .. })),
        refused: output.iter().any(refuses),
    };
    Ok(Response {
        id: field::text(&json, "id").unwrap_or_default().to_owned(),
        model: field::text(&json, "model").unwrap_or_default().to_owned(),
        content,
        stop: decode_stop(&json, end)?,
        usage: json.get("usage").and_then(usage::decode),
    })
}

/// Tells whether an item holds a refusal.
fn refuses(item: &Value) -> bool {
    field::items(item, "content").iter().any(|part| field::text(part, "type") == Some("refusal"))
}

/// What an answer's end depends on beside its status.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    pub has_calls: bool,
    pub refused: bool,
}

/// Reads why an answer ended; one that failed or is not done is an error.
pub(super) fn decode_stop(response: &Value, end: End) -> Result<StopReason, WireError> {
    let reason = || {
        let details = response.get("incomplete_details")?;
        field::text(details, "reason")
    };
    match field::text(response, "status").unwrap_or("completed") {
        "completed" => Ok(match end {
            End { refused: true, .. } => StopReason::Refusal,
            End { has_calls: true, .. } => StopReason::ToolUse,
            End { .. } => StopReason::EndTurn,
        }),
        "incomplete" => Ok(match reason().unwrap_or("max_output_tokens") {
            "max_output_tokens" => StopReason::MaxTokens,
            "content_filter" => StopReason::Refusal,
            other => StopReason::Other(other.to_owned()),
        }),
        "failed" => Err(failure::of_answer(response).into()),
        "cancelled" => {
            let message = "the answer was cancelled";
            Err(ProviderError::new(ProviderErrorKind::Server, message).into())
        }
        _ => Err(WireError::Truncated),
    }
}

/// Returns the status of an answer that ended so, and why it is not whole.
pub(super) const fn encode_stop(
    stop: &StopReason,
    refused: bool,
) -> (&'static str, Option<&'static str>) {
    match stop {
        StopReason::MaxTokens | StopReason::ContextWindow => {
            ("incomplete", Some("max_output_tokens"))
        }
        StopReason::Refusal if !refused => ("incomplete", Some("content_filter")),
        StopReason::EndTurn
        | StopReason::ToolUse
        | StopReason::StopSequence
        | StopReason::Refusal
        | StopReason::PauseTurn
        | StopReason::Other(_) => ("completed", None),
    }
}

/// Returns the body of a successful answer, repeating nothing of its request.
pub fn encode_response(response: &Response) -> Value {
    encode_answer(response, &Asked::default())
}

/// Returns the body of a successful answer to what was asked.
pub fn encode_answer(response: &Response, asked: &Asked) -> Value {
    let mut output: Vec<Value> = Vec::new();
    let mut kept = Kept::default();
    let mut refused = false;
    let cut = matches!(response.stop, StopReason::MaxTokens | StopReason::ContextWindow);
    let last = response.content.len().saturating_sub(1);
    for (index, content) in response.content.iter().enumerate() {
        if let Content::Other { dialect: Dialect::Responses, json } = content
            && let Some(next) = Kept::read(json)
        {
            kept = next;
            continue;
        }
        let place = Place {
            answer: &response.id,
            index: output.len(),
            status: if cut && index == last { "incomplete" } else { "completed" },
        };
        let kept = std::mem::take(&mut kept);
        refused |= kept.refuses();
        output.extend(encode_item(content, &kept, place, asked));
    }
    let (status, incomplete) = encode_stop(&response.stop, refused);
    asked.response(&Answer {
        id: &response.id,
        model: &response.model,
        status,
        incomplete,
        error: None,
        output: &output,
        usage: response.usage,
    })
}

/// Where an item stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub answer: &'a str,
    pub index: usize,
    pub status: &'static str,
}

/// Returns a block of an answer as the item that a client gets; `None` where the dialect has none.
fn encode_item(content: &Content, kept: &Kept, place: Place<'_>, asked: &Asked) -> Option<Value> {
    Some(match content {
        Content::Text { text } => {
            let part = text_part(text, kept.refuses());
            Value::Object(message_item(&kept.id("msg", place), kept, place.status, vec![part]))
        }
        Content::Thinking { text, signature } => {
            let id = item_id("rs", place.answer, place.index);
            reasoning::encode_for_client(text, signature.as_deref(), &id)
        }
        Content::RedactedThinking { data } => {
            reasoning::encode_redacted(data, &item_id("rs", place.answer, place.index))
        }
        Content::ToolCall { id, name, arguments } => {
            let custom = kept.custom || asked.is_custom(name);
            let call = call_item(custom, id, name, arguments);
            let prefix = if custom { "ctc" } else { "fc" };
            Value::Object(finish_call(call, &kept.id(prefix, place), kept, place.status))
        }
        Content::Other { dialect: Dialect::Responses, json } if !parts::is_part(json) => {
            json.clone()
        }
        _ => return None,
    })
}

impl Kept {
    /// Returns the item's id: its own, or one by its place.
    pub(super) fn id(&self, prefix: &str, place: Place<'_>) -> String {
        let own = self.fields.get("id").and_then(Value::as_str);
        own.map_or_else(|| item_id(prefix, place.answer, place.index), str::to_owned)
    }

    /// Tells whether the item's first part is a refusal.
    pub(super) fn refuses(&self) -> bool {
        self.part(0).and_then(|part| part.get("type")).is_some_and(|kind| kind == "refusal")
    }
}

/// Returns a part of the model's message.
pub(super) fn text_part(text: &str, refusal: bool) -> Value {
    if refusal {
        return json!({ "type": "refusal", "refusal": text });
    }
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

/// Returns the item of the model's message.
pub(super) fn message_item(
    id: &str,
    kept: &Kept,
    status: &str,
    content: Vec<Value>,
) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert("id".into(), id.into());
    item.insert("type".into(), "message".into());
    item.insert("status".into(), status.into());
    item.insert("role".into(), "assistant".into());
    item.insert("content".into(), content.into());
    kept.put(&mut item);
    item
}

/// Puts its id and status on the item of a call.
pub(super) fn finish_call(
    call: Map<String, Value>,
    id: &str,
    kept: &Kept,
    status: &str,
) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert("id".into(), id.into());
    item.extend(call);
    item.insert("status".into(), status.into());
    kept.put(&mut item);
    item
}
