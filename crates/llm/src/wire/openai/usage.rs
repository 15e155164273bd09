//! Token counts: the prompt's include what was cached, so ours are differences.

use distiq_base::Usage;
use serde_json::{Value, json};

use crate::wire::field;

/// Finds the count in a whole answer or a chunk, wherever the vendor puts it.
pub(in crate::wire) fn find(json: &Value) -> Option<Usage> {
    let choice = field::items(json, "choices").first();
    let places = [
        json.get("usage"),
        json.get("x_groq").and_then(|groq| groq.get("usage")),
        choice.and_then(|choice| choice.get("usage")),
    ];
    let timings = json.get("timings").unwrap_or(&Value::Null);
    let report = places.into_iter().flatten().find_map(|usage| decode(usage, timings));
    report.or_else(|| decode_timings(timings))
}

fn decode(usage: &Value, timings: &Value) -> Option<Usage> {
    let prompt = field::count(usage, "prompt_tokens");
    let output = field::count(usage, "completion_tokens");
    if prompt.is_none() && output.is_none() {
        return None;
    }
    let detail = |group: &str, key| usage.get(group).and_then(|details| field::count(details, key));
    let read = detail("prompt_tokens_details", "cached_tokens")
        .or_else(|| field::count(usage, "prompt_cache_hit_tokens"))
        .or_else(|| field::count(usage, "cached_tokens"))
        .or_else(|| field::count(timings, "cache_n"));
    // The second name is LiteLLM's.
    let write = detail("prompt_tokens_details", "cache_write_tokens")
        .or_else(|| detail("prompt_tokens_details", "cache_creation_tokens"));
    let prompt = prompt.unwrap_or(0);
    let cache_read = read.unwrap_or(0).min(prompt);
    let cache_write = write.unwrap_or(0).min(prompt - cache_read);
    Some(Usage {
        input: prompt - cache_read - cache_write,
        cache_read,
        cache_write,
        cache_write_long: 0,
        output: output.unwrap_or(0),
        reasoning: detail("completion_tokens_details", "reasoning_tokens").unwrap_or(0),
    })
}

/// Reads llama.cpp's `timings`, which come even where usage was not asked for.
fn decode_timings(timings: &Value) -> Option<Usage> {
    Some(Usage {
        input: field::count(timings, "prompt_n")?,
        cache_read: field::count(timings, "cache_n").unwrap_or(0),
        output: field::count(timings, "predicted_n")?,
        ..Usage::default()
    })
}

/// Writes a usage object.
pub(super) fn encode(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt(),
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt().saturating_add(usage.output),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write.saturating_add(usage.cache_write_long),
        },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: Value, expected: Option<[u64; 5]>) {
        let found =
            find(&json).map(|u| [u.input, u.cache_read, u.cache_write, u.output, u.reasoning]);
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn reads_every_vendors_form() {
        check(
            json!({"usage": {"prompt_tokens": 2000, "completion_tokens": 50, "total_tokens": 2050,
                "prompt_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 300,
                    "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 20}}}),
            Some([200, 1500, 300, 50, 20]),
        );
        check(
            json!({"usage": {"prompt_tokens": 100, "completion_tokens": 5,
                "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36,
                "prompt_tokens_details": null}}),
            Some([36, 64, 0, 5, 0]),
        );
        check(
            json!({"usage": {"prompt_tokens": 30, "completion_tokens": 4},
                "timings": {"cache_n": 20, "prompt_n": 10, "predicted_n": 4}}),
            Some([10, 20, 0, 4, 0]),
        );
        check(
            json!({"timings": {"cache_n": 20, "prompt_n": 10, "predicted_n": 4}}),
            Some([10, 20, 0, 4, 0]),
        );
        check(
            json!({"x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}}),
            Some([3, 0, 0, 1, 0]),
        );
        check(
            json!({"choices": [{"usage": {"prompt_tokens": 3, "completion_tokens": 1,
                "cached_tokens": 2}}]}),
            Some([1, 2, 0, 1, 0]),
        );
        check(json!({"usage": {"prompt_tokens": 3}}), Some([3, 0, 0, 0, 0]));
        for none in [json!({}), json!({"usage": null}), json!({"usage": {}}), json!([1])] {
            check(none, None);
        }
    }

    #[test]
    fn counts_that_contradict_never_underflow() {
        check(
            json!({"usage": {"prompt_tokens": 10, "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 99}}}),
            Some([0, 8, 2, 1, 0]),
        );
        check(
            json!({"usage": {"prompt_tokens": 10, "completion_tokens": -1,
                "prompt_tokens_details": {"cached_tokens": 80}}}),
            Some([0, 10, 0, 0, 0]),
        );
    }

    #[test]
    fn writes_what_it_reads() {
        let usage = Usage {
            input: 1,
            cache_read: 2,
            cache_write: 3,
            cache_write_long: 0,
            output: 5,
            reasoning: 4,
        };
        assert_eq!(find(&json!({ "usage": encode(&usage) })), Some(usage));
    }
}
