//! The simulated prompt caches against the vendors' documented rules, with one token a byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use distiq_base::clock::Clock;
use distiq_base::{CountTokens, Dialect, Usage};
use distiq_testkit::vendor::Vendors;
use distiq_testkit::vendor::prompt::MESSAGE_TOKENS;
use serde_json::{Value, json};

struct Bytes;

impl CountTokens for Bytes {
    fn count(&self, text: &str) -> u64 {
        text.len() as u64
    }

    fn name(&self) -> &'static str {
        "bytes"
    }
}

struct Vendor {
    vendors: Vendors,
    dialect: Dialect,
    now_ms: Arc<AtomicI64>,
}

impl Vendor {
    fn new(dialect: Dialect) -> Self {
        let now_ms = Arc::new(AtomicI64::new(0));
        let vendors = Vendors::new(&Bytes, Clock::Manual(Arc::clone(&now_ms)));
        Self { vendors, dialect, now_ms }
    }

    /// Counts and keeps; gives (input, read, written short, written long).
    fn ask(&mut self, body: &Value) -> (u64, u64, u64, u64) {
        self.ask_as("key", body)
    }

    fn ask_as(&mut self, key: &str, body: &Value) -> (u64, u64, u64, u64) {
        let counted = self.vendors.count(self.dialect, key, body);
        self.vendors.keep(&counted);
        let Usage { input, cache_read, cache_write, cache_write_long, .. } = counted.usage;
        (input, cache_read, cache_write, cache_write_long)
    }

    fn minutes(&self, minutes: i64) {
        self.now_ms.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

/// A text block of so many bytes; `mark` is its lifetime, or empty for none.
fn block(bytes: usize, mark: &str) -> Value {
    let mut block = json!({"type": "text", "text": "x".repeat(bytes)});
    if !mark.is_empty() {
        block["cache_control"] = json!({"type": "ephemeral", "ttl": mark});
    }
    block
}

fn anthropic(model: &str, system: &[Value], blocks: &[Value]) -> Value {
    json!({"model": model, "max_tokens": 9, "system": system,
        "messages": [{"role": "user", "content": blocks}]})
}

const FRAME: u64 = MESSAGE_TOKENS;

#[test]
fn a_mark_writes_once_and_reads_until_five_minutes_after_the_last_use() {
    let mut vendor = Vendor::new(Dialect::Anthropic);
    let body = anthropic("claude-sonnet-5", &[block(2000, "5m")], &[block(10, "")]);
    assert_eq!(vendor.ask(&body), (10 + FRAME, 0, 2000, 0));
    assert_eq!(vendor.ask(&body), (10 + FRAME, 2000, 0, 0));
    vendor.minutes(4);
    assert_eq!(vendor.ask(&body).1, 2000);
    vendor.minutes(4);
    assert_eq!(vendor.ask(&body).1, 2000, "the read before refreshed it");
    vendor.minutes(5);
    assert_eq!(vendor.ask(&body), (10 + FRAME, 0, 2000, 0));
    assert_eq!(vendor.ask_as("another", &body).1, 0, "caches are separate by key");
    let other = anthropic("claude-sonnet-4-6", &[block(2000, "5m")], &[block(10, "")]);
    assert_eq!(vendor.ask(&other).1, 0, "and by model");
}

#[test]
fn nothing_is_read_before_the_first_answer_has_begun() {
    let mut vendor = Vendor::new(Dialect::Anthropic);
    let body = anthropic("claude-sonnet-5", &[block(2000, "5m")], &[block(10, "")]);
    let first = vendor.vendors.count(Dialect::Anthropic, "key", &body);
    let second = vendor.vendors.count(Dialect::Anthropic, "key", &body);
    assert_eq!((first.usage.cache_read, second.usage.cache_read), (0, 0));
    vendor.vendors.keep(&first);
    assert_eq!(vendor.ask(&body).1, 2000);
}

#[test]
fn below_the_models_minimum_both_counters_are_zero() {
    for (model, min) in [
        ("claude-opus-5-5", 512),
        ("claude-sonnet-4-5", 1024),
        ("claude-opus-4-7", 2048),
        ("claude-haiku-4-5", 4096),
    ] {
        let mut vendor = Vendor::new(Dialect::Anthropic);
        let below = anthropic(model, &[block(min - 1, "5m")], &[block(10, "")]);
        for _ in 0..2 {
            assert_eq!(vendor.ask(&below), (min as u64 - 1 + 10 + FRAME, 0, 0, 0), "{model}");
        }
        let enough = anthropic(model, &[block(min, "5m")], &[block(10, "")]);
        assert_eq!(vendor.ask(&enough), (10 + FRAME, 0, min as u64, 0), "{model}");
        assert_eq!(vendor.ask(&enough).1, min as u64, "{model}");
    }
}

#[test]
fn a_mark_looks_back_twenty_blocks_its_own_included() {
    for (added, read) in [(1, 2000), (19, 2000), (20, 0), (40, 0)] {
        let mut vendor = Vendor::new(Dialect::Anthropic);
        vendor.ask(&anthropic("claude-sonnet-5", &[block(2000, "5m")], &[block(10, "")]));
        let mut blocks = vec![block(10, ""); added];
        blocks[added - 1] = block(10, "5m");
        let body = anthropic("claude-sonnet-5", &[block(2000, "")], &blocks);
        let (input, found, written, _) = vendor.ask(&body);
        assert_eq!((input, found), (0, read), "{added} blocks later");
        assert_eq!(found + written, 2000 + 10 * added as u64 + FRAME);
    }
}

#[test]
fn a_second_mark_within_reach_saves_the_read() {
    let mut vendor = Vendor::new(Dialect::Anthropic);
    vendor.ask(&anthropic("claude-sonnet-5", &[block(2000, "5m")], &[block(10, "")]));
    let mut blocks = vec![block(10, ""); 40];
    blocks[15] = block(10, "5m");
    blocks[39] = block(10, "5m");
    let body = anthropic("claude-sonnet-5", &[block(2000, "")], &blocks);
    assert_eq!(vendor.ask(&body), (0, 2000, 400 + FRAME, 0));
}

#[test]
fn input_is_what_stands_behind_the_last_mark_and_writes_are_past_the_read() {
    let mut vendor = Vendor::new(Dialect::Anthropic);
    let first =
        anthropic("claude-sonnet-5", &[block(2000, "1h")], &[block(100, "5m"), block(7, "")]);
    assert_eq!(vendor.ask(&first), (7, 0, 100 + FRAME, 2000));
    let second = anthropic(
        "claude-sonnet-5",
        &[block(2000, "1h")],
        &[block(100, ""), block(7, ""), block(50, "5m"), block(3, "")],
    );
    assert_eq!(vendor.ask(&second), (3, 2100 + FRAME, 57, 0));
    vendor.minutes(30);
    assert_eq!(vendor.ask(&second), (3, 2000, 157 + FRAME, 0), "only the hour's entry is left");
}

#[test]
fn a_top_level_mark_moves_with_the_conversation() {
    let mut vendor = Vendor::new(Dialect::Anthropic);
    let mut body = anthropic("claude-sonnet-5", &[block(2000, "")], &[block(10, "")]);
    body["cache_control"] = json!({"type": "ephemeral"});
    assert_eq!(vendor.ask(&body), (0, 0, 2010 + FRAME, 0));
    body["messages"][0]["content"] = json!([block(10, ""), block(20, "")]);
    assert_eq!(vendor.ask(&body), (0, 2010 + FRAME, 20, 0));
}

#[test]
fn what_changes_loses_what_the_vendor_says() {
    let base = || {
        let mut body = anthropic("claude-sonnet-5", &[block(1000, "5m")], &[block(500, "5m")]);
        let tool = json!({"name": "t", "input_schema": {"type": "object", "a": "x".repeat(2000)},
            "cache_control": {"type": "ephemeral"}});
        body["tools"] = json!([tool]);
        body
    };
    let mut vendor = Vendor::new(Dialect::Anthropic);
    let (_, _, all, _) = vendor.ask(&base());
    let messages = 500 + FRAME;
    let system = all - messages;
    let tools = system - 1000;
    type Case = (&'static str, fn(&mut Value), u64);
    let cases: [Case; 8] = [
        ("nothing", |_| {}, all),
        ("tool choice", |b| b["tool_choice"] = json!({"type": "auto"}), system),
        ("thinking", |b| b["thinking"] = json!({"type": "adaptive"}), system),
        (
            "a picture",
            |b| {
                let image = json!({"type": "image", "source": {"type": "url", "url": "http://a"}});
                b["messages"][0]["content"].as_array_mut().unwrap().push(image);
            },
            system,
        ),
        ("the text", |b| b["messages"][0]["content"][0]["text"] = json!("y".repeat(500)), system),
        ("system", |b| b["system"][0]["text"] = json!("y".repeat(1000)), tools),
        ("speed", |b| b["speed"] = json!("fast"), tools),
        (
            "the order of a tool's keys",
            |b| {
                let tool = b["tools"][0].as_object_mut().unwrap();
                let name = tool.shift_remove("name").unwrap();
                tool.insert("name".into(), name);
            },
            0,
        ),
    ];
    for (name, change, read) in cases {
        let mut body = base();
        change(&mut body);
        let counted = vendor.vendors.count(Dialect::Anthropic, "key", &body);
        assert_eq!(counted.usage.cache_read, read, "{name}");
    }
}

fn openai(model: &str, key: &str, texts: &[&str]) -> Value {
    let messages: Vec<Value> =
        texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
    json!({"model": model, "prompt_cache_key": key, "messages": messages})
}

#[test]
fn older_openai_models_read_in_steps_of_128_from_1024_on() {
    let mut vendor = Vendor::new(Dialect::Openai);
    let long = "a".repeat(1500);
    let total = 1500 + FRAME;
    assert_eq!(vendor.ask(&openai("gpt-5.5", "k", &[&long])), (total, 0, 0, 0));
    let more = vendor.ask(&openai("gpt-5.5", "k", &[&long, "bbb"]));
    assert_eq!(more, (total + 3 + FRAME - 1408, 1408, 0, 0));
    // The common part ends inside a message.
    let forked = format!("{}{}", "a".repeat(1100), "c".repeat(900));
    assert_eq!(vendor.ask(&openai("gpt-5.5", "k", &[&forked])), (2000 + FRAME - 1024, 1024, 0, 0));
    let short = format!("{}{}", "a".repeat(1000), "d".repeat(900));
    assert_eq!(vendor.ask(&openai("gpt-5.5", "k", &[&short])).1, 0, "under 1024 in common");
    assert_eq!(vendor.ask(&openai("gpt-5.5", "other", &[&long])).1, 0, "another room");
    assert_eq!(vendor.ask(&openai("gpt-5.4", "k", &[&long])).1, 0, "another model");
    vendor.minutes(5);
    assert_eq!(vendor.ask(&openai("gpt-5.5", "k", &[&long])).1, 0, "idle too long");
    let tiny = "a".repeat(1000);
    for _ in 0..2 {
        assert_eq!(vendor.ask(&openai("gpt-5.5", "tiny", &[&tiny])).1, 0);
    }
}

#[test]
fn newer_openai_models_report_writes_and_match_whole_breakpoints() {
    let mut vendor = Vendor::new(Dialect::Openai);
    let long = "a".repeat(1500);
    let first = 1500 + FRAME;
    assert_eq!(vendor.ask(&openai("gpt-6-sol", "k", &[&long])), (0, 0, first, 0));
    let second = vendor.ask(&openai("gpt-6-sol", "k", &[&long, "bbb"]));
    assert_eq!(second, (0, first, 3 + FRAME, 0), "exact, not in steps");
    let forked = format!("{long}c");
    assert_eq!(vendor.ask(&openai("gpt-6-sol", "k", &[&forked])).1, 0, "no part of a message");
    vendor.minutes(29);
    assert_eq!(vendor.ask(&openai("gpt-6-sol", "k", &[&long])).1, first);
    vendor.minutes(31);
    assert_eq!(vendor.ask(&openai("gpt-6-sol", "k", &[&long])).1, 0);
    assert_eq!(vendor.ask(&openai("gpt-6-sol", "s", &["short"])), (5 + FRAME, 0, 0, 0));
}

#[test]
fn explicit_mode_caches_only_where_it_is_told() {
    let mut vendor = Vendor::new(Dialect::Openai);
    let mut body = openai("gpt-6-sol", "k", &["b"]);
    body["prompt_cache_options"] = json!({"mode": "explicit"});
    let part = json!({"type": "text", "text": "a".repeat(1500)});
    body["messages"] = json!([{"role": "user", "content": [part, {"type": "text", "text": "b"}]}]);
    assert_eq!(vendor.ask(&body), (1501 + FRAME, 0, 0, 0));
    body["messages"][0]["content"][0]["prompt_cache_breakpoint"] = json!({"mode": "explicit"});
    assert_eq!(vendor.ask(&body), (1, 0, 1500 + FRAME, 0));
    assert_eq!(vendor.ask(&body), (1, 1500 + FRAME, 0, 0));
}
