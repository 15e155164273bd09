//! Token counts: the prompt's include what was cached, so ours are differences.

use distiq_base::{Money, Usage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
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

/// A count as nearly all answers have it; with any other field it may mean more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct Plain {
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(default)]
    total_tokens: IgnoredAny,
    #[serde(default)]
    prompt_tokens_details: PromptDetails,
    #[serde(default)]
    completion_tokens_details: AnswerDetails,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: u64,
    #[serde(default)]
    audio_tokens: IgnoredAny,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct AnswerDetails {
    #[serde(default)]
    reasoning_tokens: u64,
    #[serde(default)]
    audio_tokens: IgnoredAny,
    #[serde(default)]
    accepted_prediction_tokens: IgnoredAny,
    #[serde(default)]
    rejected_prediction_tokens: IgnoredAny,
}

/// Reads a count as it is written.
pub(super) fn read(usage: &RawValue) -> Option<Usage> {
    let Ok(plain) = serde_json::from_str::<Plain>(usage.get()) else {
        return decode(&serde_json::from_str(usage.get()).ok()?, &Value::Null);
    };
    let cache_read = plain.prompt_tokens_details.cached_tokens.min(plain.prompt_tokens);
    Some(Usage {
        input: plain.prompt_tokens - cache_read,
        cache_read,
        output: plain.completion_tokens,
        reasoning: plain.completion_tokens_details.reasoning_tokens,
        ..Usage::default()
    })
}

/// Reads a count; `timings` are llama.cpp's, where it sent any.
pub(super) fn decode(usage: &Value, timings: &Value) -> Option<Usage> {
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
        cost: cost(usage),
    })
}

/// Reads OpenRouter's own report: dollars, and where the user's own key was used, the vendor's bill
/// beside the fee.
fn cost(usage: &Value) -> Option<Money> {
    let dollars = |json: &Value, key: &str| json.get(key).and_then(Value::as_f64);
    let own = dollars(usage, "cost")?;
    let vendors = match usage.get("is_byok").and_then(Value::as_bool) {
        Some(true) => usage
            .get("cost_details")
            .and_then(|details| dollars(details, "upstream_inference_cost"))
            .unwrap_or(0.0),
        _ => 0.0,
    };
    let nanos = ((own + vendors) * 1e9).round();
    // A float to integer cast saturates, and no request costs a million dollars.
    (0.0..1e15).contains(&nanos).then(|| Money::from_nanos(nanos as i64))
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
    fn reads_what_openrouter_says_it_cost() {
        let check = |usage: Value, expected: Option<i64>| {
            let found = find(&json!({ "usage": usage })).and_then(|usage| usage.cost);
            assert_eq!(found.map(Money::nanos), expected, "{usage}");
        };
        let with = |cost: Value| json!({"prompt_tokens": 10, "completion_tokens": 2, "cost": cost});
        check(with(json!(0.00014)), Some(140_000));
        check(with(json!(0)), Some(0));
        check(with(json!(0.0000000014)), Some(1));
        for bad in [json!(null), json!("1"), json!(-0.1), json!(1e9)] {
            check(with(bad), None);
        }
        check(
            json!({"prompt_tokens": 194, "completion_tokens": 2, "cost": 0.95e-5, "is_byok": true,
                "cost_details": {"upstream_inference_cost": 0.00019},
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 100}}),
            Some(199_500),
        );
        check(
            json!({"prompt_tokens": 1, "cost": 0.5, "is_byok": false,
                "cost_details": {"upstream_inference_cost": 0.4}}),
            Some(500_000_000),
        );
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
    fn a_plain_count_is_read_as_any_other() {
        for usage in [
            r#"{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}"#,
            r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0,"accepted_prediction_tokens":0,
                "rejected_prediction_tokens":0}}"#,
            r#"{"prompt_tokens":3,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":7}}"#,
            r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":null}"#,
            r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":5}}"#,
            r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":6}"#,
            r#"{"prompt_tokens":9,"completion_tokens":1,"cost":0.01}"#,
            r#"{"prompt_tokens":9.7,"completion_tokens":-1}"#,
            r#"{"prompt_tokens":9}"#,
            r#"{"total_tokens":9}"#,
            "null",
            "[]",
        ] {
            let raw = serde_json::from_str::<&RawValue>(usage).unwrap();
            let value = serde_json::from_str(usage).unwrap();
            assert_eq!(read(raw), decode(&value, &Value::Null), "{usage}");
        }
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
            cost: None,
        };
        assert_eq!(find(&json!({ "usage": encode(&usage) })), Some(usage));
    }
}
