//! What an answer repeats of its request, and how its items are named.

use std::collections::HashSet;

use distiq_base::{Dialect, Request, Usage};
use serde_json::{Map, Value, json};

use crate::wire::responses::encode_request::put_controls;
use crate::wire::responses::{tools, usage};
use crate::wire::{Quirks, field};

/// The fields of a request that its answer repeats.
const REPEATED: [&str; 20] = [
    "background",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// What is known of the request when it is answered.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// When the answer began, in seconds since 1970.
    pub created: i64,
    /// Fields of the answer that repeat the request's; the vendor's defaults stand for the others.
    pub fields: Map<String, Value>,
    /// Tools that take free text, whose calls are items of their own kind.
    custom: HashSet<String>,
}

impl Asked {
    /// Takes what an answer repeats out of a request that was decoded from this dialect.
    pub fn of(request: &Request, created: i64) -> Self {
        let mut all = Map::new();
        if let Some(first) = request.system.first() {
            all.insert("instructions".into(), first.text.as_str().into());
        }
        put_controls(request, &Quirks::openai(), &mut all);
        if let Some((Dialect::Responses, extra)) = &request.extra {
            field::fill(&mut all, extra);
        }
        all.retain(|key, _| REPEATED.contains(&key.as_str()));
        let custom = request.tools.iter().filter(|tool| tools::is_custom(tool));
        let custom = custom.map(|tool| tool.name.clone()).collect();
        Self { created, fields: all, custom }
    }

    /// Tells whether a tool takes free text.
    pub(super) fn is_custom(&self, name: &str) -> bool {
        self.custom.contains(name)
    }

    /// Returns an answer's object.
    pub(super) fn response(&self, answer: &Answer<'_>) -> Value {
        let mut json = json!({
            "id": answer.id,
            "object": "response",
            "created_at": self.created,
            "status": answer.status,
            "background": false,
            "error": answer.error,
            "incomplete_details": answer.incomplete.map(|reason| json!({ "reason": reason })),
            "instructions": null,
            "max_output_tokens": null,
            "model": answer.model,
            "output": answer.output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "store": true,
            "temperature": null,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
            "truncation": "disabled",
            "usage": answer.usage.map(|counted| usage::encode(&counted)),
            "metadata": {},
        });
        if let Some(json) = json.as_object_mut() {
            for (key, value) in &self.fields {
                json.insert(key.clone(), value.clone());
            }
        }
        json
    }
}

/// An answer, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub id: &'a str,
    pub model: &'a str,
    pub status: &'static str,
    /// Why it is not whole.
    pub incomplete: Option<&'static str>,
    pub error: Option<&'a Value>,
    pub output: &'a [Value],
    pub usage: Option<Usage>,
}

/// Returns the id of an item: the same for the same place of the same answer.
pub(super) fn item_id(prefix: &str, answer: &str, index: usize) -> String {
    let hash = blake3::hash(format!("{answer}\n{index}").as_bytes()).to_hex();
    format!("{prefix}_{}", hash.get(..32).unwrap_or_default())
}
