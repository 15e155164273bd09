//! Token counts: the prompt's include what was cached, so ours are differences.

use distiq_base::Usage;
use serde_json::{Map, Value, json};

use crate::wire::field;

/// Reads a usage object; `None` where it tells nothing.
pub(super) fn decode(usage: &Value) -> Option<Usage> {
    let prompt = field::count(usage, "input_tokens");
    let output = field::count(usage, "output_tokens");
    if prompt.is_none() && output.is_none() {
        return None;
    }
    let details = usage.get("input_tokens_details").unwrap_or(&Value::Null);
    let long = details
        .get("cache_write_tokens_details")
        .and_then(|details| field::count(details, "ttl_12h_tokens"));
    let prompt = prompt.unwrap_or(0);
    let cache_read = field::count(details, "cached_tokens").unwrap_or(0).min(prompt);
    let written = field::count(details, "cache_write_tokens").unwrap_or(0).min(prompt - cache_read);
    let cache_write_long = long.unwrap_or(0).min(written);
    Some(Usage {
        input: prompt - cache_read - written,
        cache_read,
        cache_write: written - cache_write_long,
        cache_write_long,
        output: output.unwrap_or(0),
        reasoning: usage
            .get("output_tokens_details")
            .and_then(|details| field::count(details, "reasoning_tokens"))
            .unwrap_or(0),
        cost: None,
    })
}

/// Writes a usage object.
pub(super) fn encode(usage: &Usage) -> Value {
    let written = usage.cache_write.saturating_add(usage.cache_write_long);
    let mut details = Map::new();
    details.insert("cached_tokens".into(), usage.cache_read.into());
    details.insert("cache_write_tokens".into(), written.into());
    if usage.cache_write_long > 0 {
        let split = json!({
            "ttl_30m_tokens": usage.cache_write,
            "ttl_12h_tokens": usage.cache_write_long,
        });
        details.insert("cache_write_tokens_details".into(), split);
    }
    json!({
        "input_tokens": usage.prompt(),
        "input_tokens_details": details,
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.prompt().saturating_add(usage.output),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_counts_and_never_underflows() {
        let check = |json: Value, expected: Option<[u64; 6]>| {
            let found = decode(&json).map(|u| {
                [u.input, u.cache_read, u.cache_write, u.cache_write_long, u.output, u.reasoning]
            });
            assert_eq!(found, expected, "{json}");
        };
        check(
            json!({"input_tokens": 2000, "input_tokens_details": {"cached_tokens": 1500,
                "cache_write_tokens": 300, "cache_write_tokens_details":
                {"ttl_12h_tokens": 100, "ttl_30m_tokens": 200}}, "output_tokens": 50,
                "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 2050}),
            Some([200, 1500, 200, 100, 50, 20]),
        );
        check(
            json!({"input_tokens": 10, "output_tokens": 1,
                "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 99}}),
            Some([0, 8, 2, 0, 1, 0]),
        );
        check(json!({"input_tokens": 3, "output_tokens": 4}), Some([3, 0, 0, 0, 4, 0]));
        for none in [json!({}), json!(null), json!([1])] {
            check(none, None);
        }
    }

    #[test]
    fn writes_what_it_reads() {
        let usage = Usage {
            input: 1,
            cache_read: 2,
            cache_write: 3,
            cache_write_long: 4,
            output: 6,
            reasoning: 5,
            cost: None,
        };
        assert_eq!(decode(&encode(&usage)), Some(usage));
    }
}
