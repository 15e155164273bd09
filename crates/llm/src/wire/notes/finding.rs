//! What a request holds.

use std::collections::HashSet;

use distiq_base::{
    Content, Dialect, DocumentSource, ImageSource, OutputFormat, Request, Role, ToolChoice,
};
use serde_json::{Map, Value};

use super::{Fate, Feature, Note};
use crate::wire::shared;
use crate::wire::signature::{self, Place};

/// Fields that say nothing to a model, or that the gateway itself heeds.
const HARMLESS: [&str; 13] = [
    "stream_options",
    "user",
    "metadata",
    "metadata.user_id",
    "store",
    "safety_identifier",
    "include",
    "labels",
    "keep_alive",
    "truncate",
    "shift",
    "previous_response_id",
    "background",
];

const LOST: Fate = Fate::Dropped("the target has no field for it");

/// Returns the features that a request touches at a target.
pub(super) fn features(request: &Request, target: Dialect) -> HashSet<Feature> {
    let mut found = HashSet::new();
    let native = request.extra.as_ref().is_none_or(|(dialect, _)| *dialect == target);
    if !native && request.tools.iter().any(|t| t.schema.is_null() && !t.extra.is_empty()) {
        found.insert(Feature::HostedTool);
    }
    if !request.tools.is_empty() {
        match &request.tool_choice {
            Some(ToolChoice::Required) => found.insert(Feature::ForcedCall),
            Some(ToolChoice::Tool(_)) => found.insert(Feature::NamedTool),
            Some(ToolChoice::None) => found.insert(Feature::NoTools),
            Some(ToolChoice::Auto) | None => false,
        };
        if request.parallel_tool_calls == Some(false) {
            found.insert(Feature::OneCallOnly);
        }
    }
    if request.output == Some(OutputFormat::JsonObject) {
        found.insert(Feature::JsonMode);
    }
    if !request.stop.is_empty() {
        found.insert(Feature::StopTexts);
    }
    if request.thinking.is_some() && request.effort.is_none() {
        found.insert(Feature::ThinkingMode);
    }
    for message in &request.messages {
        if message.role == Role::System {
            found.insert(Feature::SystemMessage);
        }
        for part in &message.content {
            touch(part, target, &mut found);
        }
    }
    found
}

fn touch(part: &Content, target: Dialect, found: &mut HashSet<Feature>) {
    match part {
        Content::Image { source: ImageSource::Url { .. } } => {
            found.insert(Feature::ImageUrl);
        }
        Content::Document { source, extra, .. } => {
            found.insert(match source {
                DocumentSource::Base64 { .. } => Feature::DocumentBytes,
                DocumentSource::Text { .. } => Feature::DocumentText,
                DocumentSource::Url { .. } => Feature::DocumentUrl,
            });
            if !extra.is_empty() {
                found.insert(Feature::DocumentSettings);
            }
        }
        Content::Thinking { text, signature } => {
            let empty = text.is_empty();
            if !understood(signature.as_deref(), empty, target) {
                found.insert(Feature::Thinking);
            }
        }
        Content::RedactedThinking { .. } => {
            found.insert(Feature::RedactedThinking);
        }
        Content::ToolResult { content, is_error, .. } => {
            if *is_error {
                found.insert(Feature::FailedResult);
            }
            for inner in content {
                if matches!(inner, Content::Image { .. } | Content::Document { .. }) {
                    found.insert(Feature::ImageInResult);
                }
                touch(inner, target, found);
            }
        }
        Content::Image { .. }
        | Content::Text { .. }
        | Content::ToolCall { .. }
        | Content::Other { .. } => {}
    }
}

/// Tells whether a target reads this thinking, or nothing of it is lost.
fn understood(signature: Option<&str>, empty: bool, target: Dialect) -> bool {
    let Some(signature) = signature else {
        // What nobody signed is a text that some servers want back and others pass over.
        return target == Dialect::Ollama || empty;
    };
    let plain = signature::gemini(signature) == Some((Place::Own, ""));
    signature::origin(signature) == target || (plain && target == Dialect::Ollama)
}

/// Adds notes on fields and blocks that only one dialect has, and on limits.
pub(super) fn others(request: &Request, target: Dialect, out: &mut Vec<Note>) {
    let mut add = |what: String, fate: Fate| {
        if !out.iter().any(|note| note.what == what) {
            out.push(Note { what, fate });
        }
    };
    let most_stops = match target {
        Dialect::Openai => 4,
        Dialect::Gemini => 5,
        Dialect::Anthropic | Dialect::Responses | Dialect::Ollama => usize::MAX,
    };
    if request.stop.len() > most_stops {
        add("stop".to_owned(), Fate::Refused("the target takes fewer stop texts"));
    }
    for tool in request.tools.iter().filter(|tool| !tool.schema.is_null()) {
        if !fits(&tool.name, target) {
            add(
                format!("tool name {}", tool.name),
                Fate::Refused("the target takes letters, digits, `_` and `-` alone"),
            );
        }
    }
    for message in &request.messages {
        for part in &message.content {
            if let Content::Other { dialect, json } = part
                && *dialect != target
                && let Some(name) = kind_of(json)
            {
                let fate = match message.role {
                    Role::User => Fate::Refused("the target has no such content"),
                    Role::System | Role::Assistant => Fate::Dropped("the target has no such block"),
                };
                add(format!("content:{name}"), fate);
            }
        }
    }
    if let Some((from, extra)) = &request.extra
        && *from != target
    {
        fields(*from, extra, target, &mut add);
    }
}

fn fits(name: &str, target: Dialect) -> bool {
    let dotted = target == Dialect::Gemini;
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || (dotted && (b == b'.' || b == b':'))
    };
    target == Dialect::Ollama || (!name.is_empty() && name.bytes().all(plain))
}

/// Returns what a foreign block is; `None` for one that only its own dialect's codec reads.
fn kind_of(json: &Value) -> Option<String> {
    if json.get("candidate").is_some() {
        return None;
    }
    let kind = json.get("type").and_then(Value::as_str);
    let key = || json.as_object().and_then(|fields| fields.keys().next()).map(String::as_str);
    let kind = kind.or_else(key)?;
    (!kind.starts_with("distiq.")).then(|| kind.chars().take(64).collect())
}

fn fields(
    from: Dialect,
    extra: &Map<String, Value>,
    target: Dialect,
    add: &mut impl FnMut(String, Fate),
) {
    let several = |value: Option<&Value>| value.and_then(Value::as_u64).is_some_and(|n| n > 1);
    for name in shared::left_out(from, extra, target) {
        let value = extra.get(&name);
        let fate = match (from, name.as_str()) {
            _ if HARMLESS.contains(&name.as_str()) => continue,
            (Dialect::Openai, "n") if several(value) => {
                Fate::Refused("the target gives one answer a request")
            }
            (Dialect::Openai, "n") => continue,
            (Dialect::Gemini, "generationConfig.candidateCount") => {
                let config = extra.get("generationConfig");
                match several(config.and_then(|config| config.get("candidateCount"))) {
                    true => Fate::Refused("the target gives one answer a request"),
                    false => continue,
                }
            }
            // Served by asking for thoughts as the target does.
            (Dialect::Gemini, "generationConfig.thinkingConfig") => continue,
            (Dialect::Gemini, "cachedContent") => {
                Fate::Refused("the cached content is known to Gemini alone; send it whole")
            }
            (Dialect::Ollama, "raw" | "suffix" | "template" | "context") => match value {
                Some(Value::Bool(false)) => continue,
                Some(Value::String(text)) if text.is_empty() => continue,
                _ => Fate::Refused("only Ollama's own models understand it"),
            },
            _ => LOST,
        };
        add(name, fate);
    }
}
