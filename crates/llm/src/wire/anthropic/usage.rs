//! Token counts: the vendor's classes are disjoint, as ours are.

use distiq_base::Usage;
use serde_json::{Map, Value, json};

use crate::wire::field;

/// Reads a usage object; writes without a split by lifetime are short ones.
pub(super) fn decode(usage: &Value) -> Usage {
    let mut total = decode_one(usage);
    // Tokens of a server-side compaction are billed and not in the top-level counts.
    for step in field::items(usage, "iterations") {
        if field::text(step, "type") == Some("compaction") {
            total.add(&decode_one(step));
        }
    }
    total
}

fn decode_one(usage: &Value) -> Usage {
    let count = |key| field::count(usage, key).unwrap_or(0);
    let split = |key| usage.get("cache_creation").and_then(|s| field::count(s, key)).unwrap_or(0);
    let thinking =
        usage.get("output_tokens_details").and_then(|d| field::count(d, "thinking_tokens"));
    let long = split("ephemeral_1h_input_tokens");
    let rest = count("cache_creation_input_tokens").saturating_sub(long);
    Usage {
        input: count("input_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: split("ephemeral_5m_input_tokens").max(rest),
        cache_write_long: long,
        output: count("output_tokens"),
        reasoning: thinking.unwrap_or(0),
        cost: None,
    }
}

/// Writes a usage object.
pub(super) fn encode(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write.saturating_add(usage.cache_write_long),
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_long,
        },
        "output_tokens": usage.output,
        "output_tokens_details": { "thinking_tokens": usage.reasoning },
    })
}

/// Lays the non-null fields of a later report over an earlier one.
pub(super) fn overlay(known: &mut Map<String, Value>, report: &Value) {
    for (key, value) in report.as_object().into_iter().flatten() {
        if !value.is_null() {
            known.insert(key.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: Value, expected: [u64; 6]) {
        let u = decode(&json);
        let found =
            [u.input, u.cache_read, u.cache_write, u.cache_write_long, u.output, u.reasoning];
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn reads_every_form() {
        check(json!({"input_tokens": 12, "output_tokens": 45}), [12, 0, 0, 0, 45, 0]);
        check(
            json!({"input_tokens": 12, "cache_creation_input_tokens": 900,
                "cache_read_input_tokens": 20000, "cache_creation": null, "output_tokens": 45,
                "output_tokens_details": {"thinking_tokens": 10}}),
            [12, 20000, 900, 0, 45, 10],
        );
        check(
            json!({"input_tokens": 1, "cache_creation_input_tokens": 900, "output_tokens": 2,
                "cache_creation": {"ephemeral_5m_input_tokens": 200,
                    "ephemeral_1h_input_tokens": 700}}),
            [1, 0, 200, 700, 2, 0],
        );
        check(
            json!({"cache_creation": {"ephemeral_1h_input_tokens": 7}, "output_tokens": null}),
            [0, 0, 0, 7, 0, 0],
        );
        check(
            json!({"input_tokens": 1, "output_tokens": 2, "iterations": [
                {"type": "message", "input_tokens": 1, "output_tokens": 2},
                {"type": "compaction", "input_tokens": 100, "output_tokens": 20}]}),
            [101, 0, 0, 0, 22, 0],
        );
    }

    #[test]
    fn writes_what_it_reads() {
        let usage = Usage {
            input: 1,
            cache_read: 2,
            cache_write: 3,
            cache_write_long: 4,
            output: 5,
            reasoning: 6,
            cost: None,
        };
        assert_eq!(decode(&encode(&usage)), usage);
    }
}
