//! Token counts: the prompt's include what was cached, the answer's leave out the thinking.

use distiq_base::Usage;
use serde_json::{Value, json};

use crate::wire::field;

/// Reads `usageMetadata`; any counter may be missing.
pub(super) fn decode(usage: &Value) -> Usage {
    let count = |key| field::count(usage, key).unwrap_or(0);
    let prompt = count("promptTokenCount");
    let cache_read = count("cachedContentTokenCount").min(prompt);
    let reasoning = count("thoughtsTokenCount");
    Usage {
        input: (prompt - cache_read).saturating_add(count("toolUsePromptTokenCount")),
        cache_read,
        output: count("candidatesTokenCount").saturating_add(reasoning),
        reasoning,
        ..Usage::default()
    }
}

/// Writes `usageMetadata`.
pub(super) fn encode(usage: &Usage) -> Value {
    let reasoning = usage.reasoning.min(usage.output);
    let mut json = json!({
        "promptTokenCount": usage.prompt(),
        "candidatesTokenCount": usage.output - reasoning,
        "totalTokenCount": usage.prompt().saturating_add(usage.output),
    });
    if let Some(fields) = json.as_object_mut() {
        for (key, tokens) in
            [("cachedContentTokenCount", usage.cache_read), ("thoughtsTokenCount", reasoning)]
        {
            if tokens > 0 {
                fields.insert(key.into(), tokens.into());
            }
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: Value, expected: [u64; 4]) {
        let u = decode(&json);
        assert_eq!([u.input, u.cache_read, u.output, u.reasoning], expected, "{json}");
    }

    #[test]
    fn classes_do_not_overlap_and_never_underflow() {
        check(
            json!({"promptTokenCount": 1200, "cachedContentTokenCount": 1024,
                "candidatesTokenCount": 40, "thoughtsTokenCount": 90, "toolUsePromptTokenCount": 7,
                "totalTokenCount": 1337}),
            [183, 1024, 130, 90],
        );
        check(json!({"promptTokenCount": 3, "cachedContentTokenCount": 9}), [0, 3, 0, 0]);
        check(json!({"thoughtsTokenCount": 5}), [0, 0, 5, 5]);
        check(json!({"promptTokenCount": -1, "candidatesTokenCount": null}), [0; 4]);
    }

    #[test]
    fn writes_what_it_reads() {
        let usage = Usage { input: 1, cache_read: 2, output: 5, reasoning: 3, ..Usage::default() };
        assert_eq!(decode(&encode(&usage)), usage);
    }
}
