//! Requests, outwards.

use distiq_base::{Dialect, Effort, OutputFormat, Request, ThinkingMode};
use serde_json::{Map, Value, json};

use crate::wire::responses::{encode_items, tools};
use crate::wire::{PartMarks, Quirks, field, shared};

/// The smallest limit that the vendor takes.
const LEAST_TOKENS: u64 = 16;

/// Returns the body of `POST /responses`.
///
/// A request of another dialect stores nothing at the vendor and asks for encrypted reasoning, so
/// that the conversation holds all there is. Empty texts and what the dialect or the server lacks
/// are left out, and so is a message of nothing else.
pub fn encode_request(request: &Request, quirks: &Quirks) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), request.model.as_str().into());
    let system_from = instructions(request, quirks, &mut body);
    if request.stream {
        body.insert("stream".into(), true.into());
    }
    let native = put_controls(request, quirks, &mut body);
    if !native {
        body.insert("store".into(), false.into());
        if quirks.reasoning_effort {
            body.insert("include".into(), json!(["reasoning.encrypted_content"]));
        }
    }
    body.insert("input".into(), encode_items::encode(request, system_from, quirks).into());
    match &request.extra {
        Some((Dialect::Responses, extra)) => field::fill(&mut body, extra),
        Some((other, extra)) => shared::carry((*other, extra), Dialect::Responses, &mut body),
        None => {}
    }
    for (key, value) in &quirks.body {
        body.insert(key.clone(), value.clone());
    }
    Value::Object(body)
}

/// Writes `instructions` and returns how many system blocks went into it: at OpenAI the first, which
/// then reads as the client sent it; elsewhere all, as a chat template may take only one system text.
fn instructions(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>) -> usize {
    if quirks.part_marks == PartMarks::Breakpoint {
        // A mark needs a part to stand on.
        return 0;
    }
    let most = if quirks.developer_role { 1 } else { request.system.len() };
    let texts = request.system.iter().take(most).map(|block| block.text.as_str());
    let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    if !text.is_empty() {
        body.insert("instructions".into(), text.into());
    }
    most
}

/// Writes all that is neither the conversation nor about how the answer comes; tells whether the
/// request is of this dialect.
pub(super) fn put_controls(
    request: &Request,
    quirks: &Quirks,
    body: &mut Map<String, Value>,
) -> bool {
    let own = match &request.extra {
        Some((Dialect::Responses, extra)) => Some(extra),
        _ => None,
    };
    let native = own.is_some();
    if let Some(tokens) = request.max_tokens {
        body.insert("max_output_tokens".into(), tokens.max(LEAST_TOKENS).into());
    }
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = request.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    if let Some(reasoning) = encode_reasoning(request, native, quirks) {
        body.insert("reasoning".into(), reasoning);
    }
    if let Some(output) = &request.output {
        body.insert("text".into(), json!({ "format": encode_format(output) }));
    }
    // The description of a schema stays in the client's own fields, one level further down.
    let described = own.and_then(|extra| extra.get("text")?.get("format")?.as_object());
    let format = body.get_mut("text").and_then(|text| text.get_mut("format"));
    if let (Some(described), Some(Value::Object(format))) = (described, format) {
        field::fill(format, described);
    }
    let tools: Vec<Value> =
        request.tools.iter().filter_map(|tool| tools::encode(tool, native)).collect();
    if !tools.is_empty() {
        let chosen = own.and_then(|extra| extra.get("tool_choice")).cloned();
        let choice = request.tool_choice.as_ref();
        let choice = choice.map(|choice| tools::encode_choice(choice, &request.tools, native));
        if let Some(choice) = chosen.or(choice) {
            body.insert("tool_choice".into(), choice);
        }
        if let Some(parallel) = request.parallel_tool_calls {
            body.insert("parallel_tool_calls".into(), parallel.into());
        }
        body.insert("tools".into(), tools.into());
    }
    if let (true, Some(key)) = (quirks.prompt_cache_key, &request.cache.key) {
        body.insert("prompt_cache_key".into(), key.as_str().into());
    }
    native
}

/// Writes `reasoning`; a budget in tokens goes as the effort that comes nearest.
fn encode_reasoning(request: &Request, native: bool, quirks: &Quirks) -> Option<Value> {
    if !quirks.reasoning_effort {
        return None;
    }
    let effort = request.effort.or(match &request.thinking {
        Some(ThinkingMode::Budget(..=4095)) => Some(Effort::Low),
        Some(ThinkingMode::Budget(..=16_383)) => Some(Effort::Medium),
        Some(ThinkingMode::Budget(_)) => Some(Effort::High),
        Some(ThinkingMode::Disabled | ThinkingMode::Adaptive) | None => None,
    });
    let shown = matches!(request.thinking, Some(ThinkingMode::Adaptive | ThinkingMode::Budget(_)));
    let mut reasoning = Map::new();
    if let Some(effort) = effort {
        reasoning.insert("effort".into(), effort_name(effort).into());
    }
    if shown && !native && quirks.reasoning_summary {
        reasoning.insert("summary".into(), "auto".into());
    }
    (!reasoning.is_empty()).then_some(Value::Object(reasoning))
}

const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

fn encode_format(output: &OutputFormat) -> Value {
    match output {
        OutputFormat::JsonObject => json!({ "type": "json_object" }),
        OutputFormat::JsonSchema { name, schema, strict } => {
            let mut format = Map::new();
            format.insert("type".into(), "json_schema".into());
            format.insert("name".into(), name.as_str().into());
            format.insert("schema".into(), schema.clone());
            if let Some(strict) = strict {
                format.insert("strict".into(), (*strict).into());
            }
            Value::Object(format)
        }
    }
}
