//! OpenAI Chat Completions against literal bytes of its specification and its speakers.

use distiq_base::{
    Assembler, CacheMark, CachePlan, CacheTtl, Content, Dialect, Effort, ImageSource, MarkPlace,
    Message, OutputFormat, Request, Response, Role, StopReason, SystemBlock, ThinkingMode,
    ToolChoice, ToolDef, Usage,
};
use distiq_llm::wire::openai::{
    StreamDecoder, decode_request, decode_response, encode_request, encode_response, wants_usage,
};
use distiq_llm::wire::{PartMarks, Quirks, ToolCallIds, WireError};
use serde_json::{Value, json};

use crate::wire_sse;

pub const RESPONSE: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-6-sol","service_tier":"default","system_fingerprint":"fp_1",
 "choices":[{"index":0,"finish_reason":"tool_calls","logprobs":null,"message":{"role":"assistant","content":null,"refusal":null,
   "tool_calls":[{"id":"call_1","type":"function","function":{"name":"read","arguments":"{\"path\":\"a.rs\"}"}}]}}],
 "usage":{"prompt_tokens":2000,"completion_tokens":50,"total_tokens":2050,
  "prompt_tokens_details":{"cached_tokens":1500,"cache_write_tokens":300,"audio_tokens":0,"image_tokens":0,"text_tokens":2000},
  "completion_tokens_details":{"reasoning_tokens":20,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#;

pub const STREAM: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null,"obfuscation":"abc"}

: keep-alive

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"content":"Привет, "},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"content":"🦀"},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"read","arguments":""}}]},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\""}}]},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"list","arguments":""}}]},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":": \"a.rs\"}"}}]},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-6-sol","choices":[],"usage":{"prompt_tokens":2000,"completion_tokens":50,"total_tokens":2050,"prompt_tokens_details":{"cached_tokens":1500,"cache_write_tokens":300},"completion_tokens_details":{"reasoning_tokens":20}}}

data: [DONE]

"#;

/// Reads a stream to its end.
pub fn read(bytes: &[u8], sizes: &[usize], quirks: &Quirks) -> Result<Response, WireError> {
    let mut decoder = StreamDecoder::with_quirks(quirks);
    let mut assembler = Assembler::default();
    for event in wire_sse::decode(bytes, sizes)? {
        decoder.feed(&event)?.iter().for_each(|event| assembler.push(event));
    }
    decoder.finish()?.iter().for_each(|event| assembler.push(event));
    assert!(assembler.is_complete());
    Ok(assembler.into_response())
}

fn read_chunks(chunks: &[Value]) -> Result<Response, WireError> {
    let frames: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    read(format!("{frames}data: [DONE]\n\n").as_bytes(), &[4096], &Quirks::default())
}

fn delta(delta: Value) -> Value {
    json!({"id": "x", "created": 5, "model": "m", "choices": [{"index": 0, "delta": delta}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "x", "model": "m", "choices": [{"delta": {}, "finish_reason": reason}]})
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

fn thinking(text: &str) -> Content {
    Content::Thinking { text: text.into(), signature: None }
}

const USAGE: Usage = Usage {
    input: 200,
    cache_read: 1500,
    cache_write: 300,
    cache_write_long: 0,
    output: 50,
    reasoning: 20,
    cost: None,
};

#[test]
fn reads_and_writes_the_whole_answer() {
    let response = decode_response(RESPONSE.as_bytes()).unwrap();
    let expected = Response {
        id: "chatcmpl-1".into(),
        model: "gpt-6-sol".into(),
        content: vec![call("call_1", "read", r#"{"path":"a.rs"}"#)],
        stop: StopReason::ToolUse,
        usage: Some(USAGE),
    };
    assert_eq!(response, expected);
    let written = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "gpt-6-sol",
        "choices": [{"index": 0,
            "message": {"role": "assistant", "content": null, "refusal": null,
                "tool_calls": [{"id": "call_1", "type": "function",
                    "function": {"name": "read", "arguments": "{\"path\":\"a.rs\"}"}}]},
            "logprobs": null, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 2000, "completion_tokens": 50, "total_tokens": 2050,
            "prompt_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 300},
            "completion_tokens_details": {"reasoning_tokens": 20}},
    });
    assert_eq!(encode_response(&response).to_string(), written.to_string());
}

#[test]
fn reads_the_stream_however_it_is_cut() {
    let expected = Response {
        id: "chatcmpl-1".into(),
        model: "gpt-6-sol".into(),
        content: vec![
            Content::text("Привет, 🦀"),
            call("call_1", "read", r#"{"path": "a.rs"}"#),
            call("call_2", "list", "{}"),
        ],
        stop: StopReason::ToolUse,
        usage: Some(USAGE),
    };
    for size in [1, 2, 3, 7, 64, 1000, STREAM.len()] {
        let response = read(STREAM.as_bytes(), &[size], &Quirks::default()).unwrap();
        assert_eq!(response, expected, "pieces of {size}");
    }
}

#[test]
fn the_end_mark_decides_unless_a_quirk_says_otherwise() {
    let cut = STREAM.replace("data: [DONE]\n\n", "");
    let lenient = Quirks { lenient_end: true, ..Quirks::default() };
    assert_eq!(read(cut.as_bytes(), &[99], &Quirks::default()), Err(WireError::Truncated));
    assert_eq!(read(cut.as_bytes(), &[99], &lenient).unwrap().usage, Some(USAGE));
    // Without a finish reason, not even the end mark makes an answer whole.
    let unfinished = STREAM.replace("\"finish_reason\":\"tool_calls\"", "\"finish_reason\":null");
    for quirks in [Quirks::default(), lenient] {
        assert_eq!(read(unfinished.as_bytes(), &[99], &quirks), Err(WireError::Truncated));
    }
}

#[test]
fn reads_what_other_vendors_stream() {
    let check = |chunks: &[Value], content: &[Content]| {
        let response = read_chunks(chunks).unwrap();
        assert_eq!(response.content, content, "{chunks:?}");
        response
    };
    // DeepSeek: reasoning beside content; its own name for cached tokens.
    let mut last = finish("stop");
    last["usage"] = json!({"prompt_tokens": 100, "completion_tokens": 7,
        "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36});
    let deepseek = [
        delta(json!({"role": "assistant", "content": null, "reasoning_content": ""})),
        delta(json!({"content": null, "reasoning_content": "think"})),
        delta(json!({"reasoning_content": "ing"})),
        delta(json!({"content": "done", "reasoning_content": null})),
        last,
    ];
    let response = check(&deepseek, &[thinking("thinking"), Content::text("done")]);
    assert_eq!(response.usage.map(|u| (u.input, u.cache_read)), Some((36, 64)));
    assert_eq!(response.stop, StopReason::EndTurn);
    // OpenRouter: reasoning and its details, in fragments.
    let detail = |text: &str| json!({"type": "reasoning.text", "index": 0, "text": text});
    let openrouter = [
        delta(json!({"content": "", "reasoning": "a", "reasoning_details": [detail("a")]})),
        delta(json!({"content": "", "reasoning": "b", "reasoning_details": [detail("b")]})),
        delta(json!({"reasoning_details":
            [{"type": "reasoning.text", "index": 0, "signature": "sig", "text": null}]})),
        delta(json!({"reasoning_details":
            [{"type": "reasoning.encrypted", "index": 1, "data": "zz"}]})),
        delta(json!({"content": "c"})),
        finish("stop"),
    ];
    let details = json!({"type": "reasoning_details", "reasoning_details": [
        {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "sig"},
        {"type": "reasoning.encrypted", "index": 1, "data": "zz"}]});
    let details = Content::Other { dialect: Dialect::Openai, json: details };
    check(&openrouter, &[thinking("ab"), Content::text("c"), details]);
    // Mistral: content in chunks of thinking and text.
    let mistral = [
        delta(json!({"content": [{"type": "thinking",
            "thinking": [{"type": "text", "text": "hm"}]}]})),
        delta(json!({"content": [{"type": "text", "text": "yes"}]})),
        delta(json!({"content": " sir"})),
        finish("model_length"),
    ];
    let response = check(&mistral, &[thinking("hm"), Content::text("yes sir")]);
    assert_eq!(response.stop, StopReason::ContextWindow);
    // A refusal is text that ends in one.
    let refusal =
        [delta(json!({"refusal": "I can"})), delta(json!({"refusal": "not"})), finish("stop")];
    assert_eq!(check(&refusal, &[Content::text("I cannot")]).stop, StopReason::Refusal);
}

#[test]
fn reads_tool_calls_however_they_are_cut() {
    let check = |fragments: &[Value], expected: &[(&str, &str)]| {
        let mut chunks: Vec<Value> =
            fragments.iter().map(|f| delta(json!({ "tool_calls": [f] }))).collect();
        chunks.push(finish("stop"));
        let response = read_chunks(&chunks).unwrap();
        assert_eq!(response.stop, StopReason::ToolUse);
        let message = response.into_message();
        let calls: Vec<_> = message.tool_calls().collect();
        let found: Vec<_> = calls.iter().map(|(_, name, arguments)| (*name, *arguments)).collect();
        assert_eq!(found, expected, "{fragments:?}");
        let mut ids: Vec<_> = calls.iter().map(|(id, ..)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), calls.len(), "ids must differ");
        message
    };
    let f = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    // Whole calls without index or id; arguments as an object.
    let bare =
        [json!({"function": f("a", json!({"x": 1}))}), json!({"function": f("b", json!("{}"))})];
    let message = check(&bare, &[("a", "{\"x\":1}"), ("b", "{}")]);
    assert_eq!(check(&bare, &[("a", "{\"x\":1}"), ("b", "{}")]), message, "ids are stable");
    // Every call with index 0, told apart by id.
    check(
        &[
            json!({"index": 0, "id": "p", "function": f("a", json!("{\"x\""))}),
            json!({"index": 0, "function": {"arguments": ":1}"}}),
            json!({"index": 0, "id": "q", "function": f("a", json!("{}"))}),
        ],
        &[("a", "{\"x\":1}"), ("a", "{}")],
    );
    // The id and name repeated in every fragment.
    check(
        &[
            json!({"index": 0, "id": "p", "function": f("a", json!("{\"x\""))}),
            json!({"index": 0, "id": "p", "function": f("a", json!(":1}"))}),
        ],
        &[("a", "{\"x\":1}")],
    );
    // No index: fragments go on with the call of their id, else with the last.
    check(
        &[
            json!({"id": "p", "function": f("a", json!("1"))}),
            json!({"id": "q", "function": f("b", json!("2"))}),
            json!({"id": "p", "function": {"arguments": "1"}}),
            json!({"function": {"arguments": "1"}}),
        ],
        &[("a", "11"), ("b", "21")],
    );
    // The name after the first arguments, and never.
    check(
        &[
            json!({"index": 3, "id": "p", "function": {"arguments": "{\"x\""}}),
            json!({"index": 3, "function": f("a", json!(":1}"))}),
            json!({"index": 4, "id": "q", "function": {"arguments": "{}"}}),
        ],
        &[("a", "{\"x\":1}"), ("", "{}")],
    );
}

#[test]
fn a_stream_with_an_error_is_that_error() {
    use distiq_llm::ProviderErrorKind::{InvalidRequest, Overloaded, RateLimited, Server};
    let choice = json!({"index": 0, "delta": {"content": ""}, "finish_reason": "error",
        "error": {"code": 429, "message": "m"}});
    for (chunk, kind) in [
        (json!({"error": {"message": "m", "type": "server_error", "code": null}}), Server),
        (json!({"error": {"message": "m", "type": "invalid_request_error"}}), InvalidRequest),
        (json!({"error": "m"}), Server),
        (json!({"object": "error", "message": "m", "type": "x", "code": 400}), InvalidRequest),
        (json!({"id": "x", "choices": [choice]}), RateLimited),
        (finish("error"), Server),
        (finish("insufficient_system_resource"), Overloaded),
    ] {
        match read_chunks(&[delta(json!({"content": "a"})), chunk.clone()]) {
            Err(WireError::Vendor(error)) => assert_eq!(error.kind, kind, "{chunk}"),
            other => panic!("{chunk}: {other:?}"),
        }
    }
}

fn full_request() -> Request {
    let image = |data: &str| Content::Image {
        source: ImageSource::Base64 { media_type: "image/png".into(), data: data.into() },
    };
    let result =
        |id: &str, content| Content::ToolResult { call_id: id.into(), content, is_error: false };
    Request {
        model: "gpt-6-sol".into(),
        system: vec![SystemBlock { text: "Be brief.".into() }, SystemBlock { text: "v1".into() }],
        tools: vec![ToolDef {
            name: "read".into(),
            description: "Reads".into(),
            schema: json!({"type": "object"}),
            extra: json!({"strict": true}).as_object().cloned().unwrap(),
        }],
        tool_choice: Some(ToolChoice::Tool("read".into())),
        parallel_tool_calls: Some(false),
        messages: vec![
            Message { role: Role::User, content: vec![Content::text("look"), image("iVBO")] },
            Message {
                role: Role::Assistant,
                content: vec![
                    thinking("hm"),
                    Content::text("on it"),
                    call("call_1", "read", "{\"path\": \"a\"}"),
                    call("call_2", "read", "{\"path"),
                ],
            },
            Message {
                role: Role::User,
                content: vec![
                    result("call_1", vec![image("one")]),
                    result("call_2", vec![Content::text("bad"), image("two")]),
                    Content::text("go on"),
                ],
            },
            Message { role: Role::User, content: vec![Content::text("please")] },
            Message { role: Role::System, content: vec![Content::text("Budget is low.")] },
        ],
        max_tokens: Some(100),
        stop: vec!["END".into()],
        effort: Some(Effort::Minimal),
        thinking: Some(ThinkingMode::Disabled),
        output: Some(OutputFormat::JsonSchema {
            name: "s".into(),
            schema: json!({}),
            strict: Some(true),
        }),
        stream: true,
        cache: CachePlan { marks: Vec::new(), key: Some("session".into()) },
        ..Request::default()
    }
}

#[test]
fn writes_the_request_for_openai() {
    let body = encode_request(&full_request(), &Quirks::openai());
    let url = |data: &str| json!({"url": format!("data:image/png;base64,{data}")});
    let expected = json!({
        "model": "gpt-6-sol",
        "max_completion_tokens": 100,
        "stream": true,
        "stream_options": {"include_usage": true},
        "stop": ["END"],
        "reasoning_effort": "minimal",
        "response_format": {"type": "json_schema",
            "json_schema": {"name": "s", "schema": {}, "strict": true}},
        "tool_choice": {"type": "function", "function": {"name": "read"}},
        "parallel_tool_calls": false,
        "tools": [{"type": "function", "function": {"name": "read", "description": "Reads",
            "parameters": {"type": "object"}, "strict": true}}],
        "prompt_cache_key": "session",
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."},
                {"type": "text", "text": "v1"}]},
            {"role": "user", "content": [{"type": "text", "text": "look"},
                {"type": "image_url", "image_url": url("iVBO")}]},
            {"role": "assistant", "content": "on it", "tool_calls": [
                {"id": "call_1", "type": "function",
                    "function": {"name": "read", "arguments": "{\"path\": \"a\"}"}},
                {"id": "call_2", "type": "function",
                    "function": {"name": "read", "arguments": "{\"path"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "The result is the image below."},
            {"role": "tool", "tool_call_id": "call_2", "content": "bad"},
            {"role": "user", "content": [
                {"type": "text", "text": "Image of tool result call_1:"},
                {"type": "image_url", "image_url": url("one")},
                {"type": "text", "text": "Image of tool result call_2:"},
                {"type": "image_url", "image_url": url("two")},
                {"type": "text", "text": "go on"}]},
            {"role": "user", "content": "please"},
            {"role": "developer", "content": "Budget is low."}],
    });
    assert_eq!(body.to_string(), expected.to_string());
}

#[test]
fn a_plain_server_gets_only_what_all_know() {
    let body = encode_request(&full_request(), &Quirks::default());
    assert_eq!(body["max_tokens"], 100);
    assert_eq!(body.get("max_completion_tokens"), None);
    assert_eq!(body.get("prompt_cache_key"), None);
    assert_eq!(body["tools"][0]["function"].get("strict"), None);
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "Be brief.\n\nv1"}));
    assert_eq!(body["messages"][2].get("reasoning_content"), None);

    let bare =
        Request { model: "m".into(), messages: vec![Message::user("hi")], ..Request::default() };
    assert_eq!(
        encode_request(&bare, &Quirks::default()).to_string(),
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#
    );
}

#[test]
fn quirks_give_servers_what_they_want() {
    let quirks = Quirks {
        replay_reasoning: true,
        thinking_field: true,
        tool_call_ids: ToolCallIds::NineAlphanumeric,
        part_marks: PartMarks::CacheControl,
        body: vec![("store".into(), false.into()), ("stop".into(), json!("X"))],
        ..Quirks::default()
    };
    let mut request = full_request();
    let place = MarkPlace::Block { message: 2, block: 1 };
    request.cache.marks = vec![
        CacheMark { place: MarkPlace::System(1), ttl: CacheTtl::Long },
        CacheMark { place, ttl: CacheTtl::Short },
    ];
    let body = encode_request(&request, &quirks);
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert_eq!((&body["store"], &body["stop"]), (&json!(false), &json!("X")));
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(
        messages[0]["content"],
        json!([{"type": "text", "text": "Be brief."},
            {"type": "text", "text": "v1", "cache_control": {"type": "ephemeral", "ttl": "1h"}}])
    );
    assert_eq!(messages[2]["reasoning_content"], "hm");
    let id = messages[2]["tool_calls"][1]["id"].as_str().unwrap();
    assert_eq!(id.len(), 9);
    assert_eq!(messages[4]["tool_call_id"], id);
    assert_eq!(
        messages[4]["content"],
        json!([{"type": "text", "text": "bad", "cache_control": {"type": "ephemeral"}}])
    );
    // DeepSeek wants the field even where the model did not think.
    request.messages[1].content.remove(0);
    assert_eq!(encode_request(&request, &quirks)["messages"][2]["reasoning_content"], "");
}

#[test]
fn reads_a_clients_request() {
    let body = r#"{"model":"m","messages":[
        {"role":"system","content":"S"},
        {"role":"developer","content":[{"type":"text","text":"D"}]},
        {"role":"user","content":[{"type":"text","text":"look","cache_control":{"type":"ephemeral"}},
          {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO","detail":"low"}},
          {"type":"input_audio","input_audio":{"data":"x","format":"wav"}}]},
        {"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[
          {"id":"c1","type":"function","function":{"name":"a","arguments":"{ }"}},
          {"id":"c2","type":"function","function":{"name":"b","arguments":""}}]},
        {"role":"tool","tool_call_id":"c1","content":"one"},
        {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"two"}]},
        {"role":"system","content":"note"}],
      "max_tokens":5,"stop":"END","tool_choice":"required","stream":true,
      "stream_options":{"include_usage":true},"n":1,"user":"u","seed":null,
      "response_format":{"type":"json_object"},"reasoning_effort":"xhigh",
      "tools":[{"type":"function","function":{"name":"a","parameters":{"type":"object"},"strict":true}},
        {"type":"custom","custom":{"name":"patch","format":{"type":"text"}}}]}"#;
    let request = decode_request(body.as_bytes()).unwrap();
    assert!(wants_usage(&request));
    let texts: Vec<_> = request.system.iter().map(|block| block.text.as_str()).collect();
    assert_eq!(texts, ["S", "D"]);
    let audio = json!({"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}});
    let expected = [
        Message {
            role: Role::User,
            content: vec![
                Content::text("look"),
                Content::Image {
                    source: ImageSource::Base64 {
                        media_type: "image/png".into(),
                        data: "iVBO".into(),
                    },
                },
                Content::Other { dialect: Dialect::Openai, json: audio },
            ],
        },
        Message {
            role: Role::Assistant,
            content: vec![thinking("hm"), call("c1", "a", "{ }"), call("c2", "b", "{}")],
        },
        Message {
            role: Role::User,
            content: vec![
                Content::tool_result("c1", "one", false),
                Content::tool_result("c2", "two", false),
            ],
        },
        Message { role: Role::System, content: vec![Content::text("note")] },
    ];
    assert_eq!(request.messages, expected);
    let place = MarkPlace::Block { message: 0, block: 0 };
    assert_eq!(request.cache.marks, [CacheMark { place, ttl: CacheTtl::Short }]);
    assert_eq!(request.stop, ["END"]);
    assert_eq!(request.output, Some(OutputFormat::JsonObject));
    let again = encode_request(&request, &Quirks::openai());
    assert_eq!(
        again["tools"][1],
        json!({"type": "custom", "custom": {"name": "patch", "format": {"type": "text"}}})
    );
    assert_eq!((&again["n"], &again["user"]), (&json!(1), &json!("u")));
}

#[test]
fn says_what_is_wrong_with_a_request() {
    for (body, at) in [
        ("{", "body"),
        ("{\"messages\":[]}", "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[{"role":"function","content":""}]}"#, "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"user","content":7}]}"#, "messages[0].content"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "messages[0].content[0]",
        ),
        (r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id"),
        (
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"x"}]}]}"#,
            "messages[0].tool_calls[0].function",
        ),
        (
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"a"}}]}]}"#,
            "messages[0].tool_calls[0].id",
        ),
        (r#"{"model":"m","messages":[],"tools":[{"type":"function"}]}"#, "tools[0].function.name"),
        (r#"{"model":"m","messages":[],"stop":7}"#, "stop"),
        (r#"{"model":"m","messages":[],"stream":"yes"}"#, "stream"),
    ] {
        match decode_request(body.as_bytes()) {
            Err(WireError::Malformed { at: found, .. }) => assert_eq!(found, at, "{body}"),
            found => panic!("{body}: {found:?}"),
        }
    }
}
