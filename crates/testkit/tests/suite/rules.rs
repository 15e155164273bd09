//! Every rule that a vendor refuses requests by, as one change to a request that is in order.

use distiq_base::Dialect;
use distiq_testkit::vendor::refuse;
use serde_json::{Value, json};

type Change = fn(&mut Value);

fn check(dialect: Dialect, good: &dyn Fn() -> Value, cases: &[(Change, &str)]) {
    assert_eq!(refuse(dialect, &good()), None);
    for (change, said) in cases {
        let mut body = good();
        change(&mut body);
        let refusal = refuse(dialect, &body);
        let refusal = refusal.unwrap_or_else(|| panic!("not refused, but should be: {said}"));
        assert!(refusal.message.contains(said), "{:?} does not say {said:?}", refusal.message);
        assert_eq!((refusal.status, refusal.kind.as_str()), (400, "invalid_request_error"));
    }
}

fn anthropic() -> Value {
    json!({
        "model": "claude-sonnet-4-6", "max_tokens": 100, "stream": true,
        "system": [{"type": "text", "text": "s"}],
        "tools": [{"name": "read", "description": "d", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": "s"},
                {"type": "text", "text": "ok"},
                {"type": "tool_use", "id": "a", "name": "read", "input": {}},
                {"type": "tool_use", "id": "b", "name": "read", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "is_error": true,
                    "content": [{"type": "text", "text": "2"}]},
                {"type": "text", "text": "and now?"}]},
        ],
    })
}

fn mark() -> Value {
    json!({"type": "ephemeral"})
}

const ANTHROPIC: &[(Change, &str)] = &[
    (|b| drop(b.as_object_mut().unwrap().remove("model")), "model: Field required"),
    (|b| drop(b.as_object_mut().unwrap().remove("max_tokens")), "max_tokens: Field required"),
    (|b| drop(b.as_object_mut().unwrap().remove("messages")), "messages: Field required"),
    (|b| b["max_tokens"] = json!("many"), "valid integer"),
    (|b| b["messages"] = json!([]), "at least one message"),
    (|b| b["max_completion_tokens"] = json!(1), "max_completion_tokens: Extra inputs"),
    (|b| b["messages"][0]["role"] = json!("assistant"), "first message must use the \"user\" role"),
    (|b| b["messages"][0]["role"] = json!("tool"), "first message"),
    (|b| b["messages"][1]["role"] = json!("tool"), "not 'tool'"),
    (|b| b["messages"][0]["content"] = json!(""), "non-empty content"),
    (|b| b["messages"][0]["content"] = json!([]), "non-empty content"),
    (|b| b["messages"][1]["content"][1]["text"] = json!(""), "must be non-empty"),
    (|b| b["messages"][1]["content"][1]["text"] = json!(" \n"), "non-whitespace"),
    (|b| b["messages"][1]["content"][1]["type"] = json!("txt"), "Input tag 'txt'"),
    (|b| b["messages"][1]["content"][0]["signature"] = json!(""), "signature: Field required"),
    (|b| b["messages"][1]["content"][2]["input"] = json!("{}"), "valid dictionary"),
    (|b| b["messages"][1]["content"][3]["id"] = json!("a"), "unique"),
    (
        |b| drop(b["messages"][2]["content"].as_array_mut().unwrap().remove(1)),
        "without `tool_result` blocks immediately after: b",
    ),
    (|b| b["messages"][2]["content"][0]["tool_use_id"] = json!("z"), "unexpected `tool_use_id`"),
    (|b| b["messages"][2]["content"][1]["tool_use_id"] = json!("a"), "single result"),
    (|b| b["messages"][2]["content"].as_array_mut().unwrap().swap(1, 2), "must come first"),
    (|b| drop(b["messages"].as_array_mut().unwrap().pop()), "must end"),
    (
        |b| {
            b["messages"].as_array_mut().unwrap().insert(2, json!({"role": "user", "content": "x"}))
        },
        "must come first",
    ),
    (
        |b| b["messages"][0]["content"] = json!([{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AA"}}]),
        "media type",
    ),
    (
        |b| {
            b["messages"][0]["content"] =
                json!([{"type": "tool_use", "id": "x", "name": "n", "input": {}}])
        },
        "only be in `assistant`",
    ),
    (|b| b["system"][0]["text"] = json!(""), "system: text content blocks"),
    (|b| b["tools"][0]["name"] = json!("a b"), "should match pattern"),
    (|b| b["tools"][0]["input_schema"] = json!({}), "input_schema.type"),
    (
        |b| {
            let t = b["tools"][0].clone();
            b["tools"].as_array_mut().unwrap().push(t);
        },
        "unique",
    ),
    (|b| b["tool_choice"] = json!({"type": "sometimes"}), "tool_choice: Input tag 'sometimes'"),
    (|b| b["tool_choice"] = json!({"type": "tool", "name": "x"}), "Tool 'x' not found"),
    (
        |b| {
            b["tools"] = json!([]);
            b["tool_choice"] = json!({"type": "any"});
        },
        "while providing tools",
    ),
    (
        |b| {
            b["model"] = json!("claude-opus-5-5");
            b["tool_choice"] = json!({"type": "any"});
        },
        "forced tool use",
    ),
    (
        |b| {
            b["model"] = json!("claude-opus-4-7");
            b["temperature"] = json!(0);
        },
        "`temperature` is not supported",
    ),
    (|b| b["thinking"] = json!({"type": "enabled", "budget_tokens": 10}), "1024"),
    (|b| b["thinking"] = json!({"type": "enabled", "budget_tokens": 2000}), "greater than"),
    (
        |b| {
            b["model"] = json!("claude-sonnet-5");
            b["max_tokens"] = json!(9000);
            b["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
        },
        "use adaptive",
    ),
    (
        |b| {
            b["model"] = json!("claude-opus-5-5");
            b["thinking"] = json!({"type": "disabled"});
        },
        "cannot disable",
    ),
    (
        |b| {
            b["system"][0]["cache_control"] = mark();
            b["tools"][0]["cache_control"] = mark();
            b["cache_control"] = mark();
            b["messages"][1]["content"][2]["cache_control"] = mark();
            b["messages"][2]["content"][0]["cache_control"] = mark();
        },
        "Found 5",
    ),
    (|b| b["messages"][1]["content"][0]["cache_control"] = mark(), "thinking.cache_control"),
    (|b| b["system"][0]["cache_control"] = json!({"type": "forever"}), "'ephemeral'"),
    (
        |b| b["system"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "2h"}),
        "'5m' or '1h'",
    ),
    (
        |b| {
            b["tools"][0]["cache_control"] = mark();
            b["system"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
        },
        "must not come after",
    ),
];

#[test]
fn anthropic_refuses_what_its_documentation_says() {
    check(Dialect::Anthropic, &anthropic, ANTHROPIC);
}

#[test]
fn anthropic_takes_what_its_documentation_allows() {
    let mut body = anthropic();
    body["cache_control"] = json!({"type": "ephemeral", "ttl": "5m"});
    body["tools"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
    body["messages"].as_array_mut().unwrap().push(json!({"role": "system", "content": "x"}));
    body["messages"][1]["content"][0] = json!({"type": "redacted_thinking", "data": "x"});
    assert_eq!(refuse(Dialect::Anthropic, &body), None);
}

fn openai() -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "read", "arguments": "{}"}});
    json!({
        "model": "gpt-6-sol", "stream": true, "stream_options": {"include_usage": true},
        "tools": [{"type": "function", "function": {"name": "read", "parameters": {}}}],
        "messages": [
            {"role": "developer", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "go"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
            {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "user", "content": "and now?"},
        ],
    })
}

const OPENAI: &[(Change, &str)] = &[
    (|b| drop(b.as_object_mut().unwrap().remove("model")), "model parameter"),
    (|b| drop(b.as_object_mut().unwrap().remove("messages")), "'messages'"),
    (|b| b["messages"] = json!([]), "empty array"),
    (|b| b["stream"] = json!(false), "'stream_options'"),
    (|b| b["max_tokens"] = json!(5), "'max_completion_tokens' instead"),
    (
        |b| {
            b["model"] = json!("gpt-4o");
            b["max_tokens"] = json!(5);
            b["max_completion_tokens"] = json!(5);
        },
        "at the same time",
    ),
    (|b| b["temperature"] = json!(0), "'temperature' is not supported"),
    (|b| b["stop"] = json!(["1", "2", "3", "4", "5"]), "'stop'"),
    (|b| b["tools"] = json!([]), "'tools': empty array"),
    (|b| b["tools"][0]["function"]["name"] = json!("a b"), "does not match pattern"),
    (|b| b["tools"][0]["type"] = json!("tool"), "'function' and 'custom'"),
    (|b| b["tool_choice"] = json!("sometimes"), "tool_choice"),
    (
        |b| b["tool_choice"] = json!({"type": "function", "function": {"name": "x"}}),
        "'x' not found",
    ),
    (
        |b| {
            b.as_object_mut().unwrap().remove("tools");
            b["tool_choice"] = json!("auto");
        },
        "only allowed when 'tools'",
    ),
    (|b| b["messages"][5]["role"] = json!("human"), "'human'"),
    (
        |b| drop(b["messages"].as_array_mut().unwrap().remove(4)),
        "did not have response messages: b",
    ),
    (|b| b["messages"].as_array_mut().unwrap().truncate(3), "did not have response messages: a, b"),
    (|b| b["messages"][4]["tool_call_id"] = json!("a"), "not found in 'tool_calls'"),
    (
        |b| drop(b["messages"].as_array_mut().unwrap().remove(2)),
        "must be a response to a preceeding message",
    ),
    (|b| b["messages"][2]["tool_calls"] = json!([]), "empty array"),
    (|b| b["messages"][1]["content"] = json!(null), "expected a string"),
    (|b| b["messages"][1]["content"] = json!([]), "empty array"),
    (
        |b| {
            b["messages"][3]["content"] =
                json!([{"type": "image_url", "image_url": {"url": "http://a"}}])
        },
        "of a 'tool' message",
    ),
    (
        |b| b["messages"][1]["content"][1]["image_url"]["url"] = json!("file:///etc/passwd"),
        "data URL",
    ),
    (|b| b["messages"][2]["tool_calls"][0]["function"]["arguments"] = json!({}), "as strings"),
    (
        |b| {
            b["model"] = json!("gpt-5.5");
            b["prompt_cache_options"] = json!({"mode": "explicit"});
        },
        "not supported with this model",
    ),
];

#[test]
fn openai_refuses_what_its_documentation_says() {
    check(Dialect::Openai, &openai, OPENAI);
}

#[test]
fn a_compatible_server_takes_the_older_fields() {
    let mut body = openai();
    body["model"] = json!("deepseek-flash");
    body["max_tokens"] = json!(5);
    body["temperature"] = json!(0);
    assert_eq!(refuse(Dialect::Openai, &body), None);
}

fn responses() -> Value {
    json!({
        "model": "gpt-6-sol", "store": false, "instructions": "s",
        "tools": [{"type": "function", "name": "read", "parameters": {}, "strict": false},
            {"type": "custom", "name": "patch"}, {"type": "web_search"}],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "go"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "function_call", "call_id": "a", "name": "read", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "b", "name": "patch", "input": "x"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"type": "custom_tool_call_output", "call_id": "b", "output": "2"},
            {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "done"}]},
            {"role": "user", "content": "and now?"},
        ],
    })
}

const RESPONSES: &[(Change, &str)] = &[
    (|b| drop(b.as_object_mut().unwrap().remove("model")), "'model'"),
    (|b| drop(b.as_object_mut().unwrap().remove("input")), "'input'"),
    (|b| b["messages"] = json!([]), "has moved to 'input'"),
    (|b| b["max_tokens"] = json!(50), "has moved to 'max_output_tokens'"),
    (|b| b["response_format"] = json!({"type": "text"}), "has moved to 'text.format'"),
    (|b| b["stop"] = json!(["x"]), "Unknown parameter: 'stop'"),
    (|b| b["max_output_tokens"] = json!(15), "Expected a value >= 16"),
    (|b| b["temperature"] = json!(0), "'temperature' is not supported"),
    (
        |b| b["tools"][0] = json!({"type": "function", "function": {"name": "read"}}),
        "Missing required parameter: 'tools[0].name'",
    ),
    (|b| b["tools"][0]["name"] = json!("a b"), "does not match pattern"),
    (|b| b["tools"][0]["type"] = json!("tool"), "Invalid value: 'tool'"),
    (|b| b["tool_choice"] = json!({"type": "function", "name": "x"}), "'x' not found"),
    (|b| b["tool_choice"] = json!("sometimes"), "tool_choice"),
    (
        |b| drop(b["input"].as_array_mut().unwrap().remove(2)),
        "No tool call found for function call output with call_id a.",
    ),
    (
        |b| drop(b["input"].as_array_mut().unwrap().remove(5)),
        "No tool output found for function call b.",
    ),
    (|b| b["input"].as_array_mut().unwrap().truncate(2), "without its required following item"),
    (|b| b["input"][0]["role"] = json!("human"), "'human'"),
    (
        |b| b["input"][0]["content"][0]["type"] = json!("output_text"),
        "Supported values are: 'input",
    ),
    (
        |b| b["input"][6]["content"][0]["type"] = json!("input_text"),
        "Supported values are: 'output",
    ),
    (|b| b["input"][2]["arguments"] = json!({}), "'input[2].arguments'"),
    (|b| b["input"][2]["call_id"] = json!("x".repeat(65)), "maximum length 64"),
    (|b| drop(b["input"][4].as_object_mut().unwrap().remove("output")), "'input[4].output'"),
    (
        |b| {
            b["model"] = json!("gpt-5.5");
            b["prompt_cache_options"] = json!({"mode": "explicit"});
        },
        "not supported with this model",
    ),
];

#[test]
fn responses_are_refused_as_the_documentation_says() {
    check(Dialect::Responses, &responses, RESPONSES);
    let mut body = responses();
    body["input"][1].as_object_mut().unwrap().remove("encrypted_content");
    let refusal = refuse(Dialect::Responses, &body).unwrap();
    assert_eq!(refusal.status, 404);
    assert!(refusal.message.contains("Item with id 'rs_1' not found"), "{}", refusal.message);
}
