//! Anthropic Messages against literal bytes of its specification.

use distiq_base::{
    Assembler, CacheMark, CachePlan, CacheTtl, Content, Dialect, DocumentSource, Effort,
    ImageSource, MarkPlace, Message, OutputFormat, Request, Response, Role, StopReason,
    SystemBlock, ThinkingMode, ToolChoice, ToolDef, Usage,
};
use distiq_llm::wire::anthropic::{
    StreamDecoder, decode_request, decode_response, encode_request, encode_response,
};
use distiq_llm::wire::{Quirks, WireError};
use serde_json::{Map, Value, json};

use crate::wire_sse;

pub const RESPONSE: &str = r#"{"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-5-5",
 "content":[{"type":"text","text":"hi"},{"type":"tool_use","id":"toolu_1","name":"read","input":{"path":"a.rs"}}],
 "stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"container":null,
 "usage":{"input_tokens":12,"cache_creation_input_tokens":900,"cache_read_input_tokens":20000,
  "cache_creation":{"ephemeral_5m_input_tokens":900,"ephemeral_1h_input_tokens":0},
  "output_tokens":45,"output_tokens_details":{"thinking_tokens":10},
  "server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},
  "service_tier":"standard","speed":"standard","inference_geo":"us"}}"#;

pub const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":900,"cache_read_input_tokens":20000,"cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":700},"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"see…"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB+/="}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"Emwk"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Привет, "}}

event: brand_new_event
data: {"type":"brand_new_event","x":1}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"char_location"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"🦀"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"\"rust\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}}

event: content_block_stop
data: {"type":"content_block_stop","index":4}

event: content_block_start
data: {"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":"{\"path\": \"a"}}

event: content_block_delta
data: {"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":".rs\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":5}

event: content_block_start
data: {"type":"content_block_start","index":6,"content_block":{"type":"tool_use","id":"toolu_2","name":"list","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":6}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":null,"output_tokens":45,"output_tokens_details":{"thinking_tokens":10}}}

event: message_stop
data: {"type":"message_stop"}

"#;

/// Reads a stream to its end.
pub fn read(bytes: &[u8], sizes: &[usize]) -> Result<Response, WireError> {
    let mut decoder = StreamDecoder::new();
    let mut assembler = Assembler::default();
    for event in wire_sse::decode(bytes, sizes)? {
        decoder.feed(&event)?.iter().for_each(|event| assembler.push(event));
    }
    decoder.finish()?.iter().for_each(|event| assembler.push(event));
    assert!(assembler.is_complete());
    Ok(assembler.into_response())
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

fn other(json: Value) -> Content {
    Content::Other { dialect: Dialect::Anthropic, json }
}

#[test]
fn reads_the_whole_answer() {
    let response = decode_response(RESPONSE.as_bytes()).unwrap();
    let expected = Response {
        id: "msg_01".into(),
        model: "claude-opus-5-5".into(),
        content: vec![Content::text("hi"), call("toolu_1", "read", r#"{"path":"a.rs"}"#)],
        stop: StopReason::ToolUse,
        usage: Some(Usage {
            input: 12,
            cache_read: 20000,
            cache_write: 900,
            cache_write_long: 0,
            output: 45,
            reasoning: 10,
            cost: None,
        }),
    };
    assert_eq!(response, expected);
}

#[test]
fn reads_the_stream_however_it_is_cut() {
    let expected = Response {
        id: "msg_01".into(),
        model: "claude-opus-5-5".into(),
        content: vec![
            Content::Thinking { text: "Let me see…".into(), signature: Some("EqQB+/=".into()) },
            Content::RedactedThinking { data: "Emwk".into() },
            Content::text("Привет, 🦀"),
            other(json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
                "input": {"query": "rust"}})),
            other(json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
                "content": []})),
            call("toolu_1", "read", r#"{"path": "a.rs"}"#),
            call("toolu_2", "list", "{}"),
        ],
        stop: StopReason::ToolUse,
        usage: Some(Usage {
            input: 12,
            cache_read: 20000,
            cache_write: 200,
            cache_write_long: 700,
            output: 45,
            reasoning: 10,
            cost: None,
        }),
    };
    for size in [1, 2, 3, 7, 64, 1000, STREAM.len()] {
        assert_eq!(read(STREAM.as_bytes(), &[size]).unwrap(), expected, "pieces of {size}");
    }
    let crlf = STREAM.replace('\n', "\r\n");
    assert_eq!(read(crlf.as_bytes(), &[5]).unwrap(), expected);
}

#[test]
fn writes_the_whole_answer() {
    let response = decode_response(RESPONSE.as_bytes()).unwrap();
    let mut expected: Value = serde_json::from_str(RESPONSE).unwrap();
    let map = expected.as_object_mut().unwrap();
    map.shift_remove("stop_details");
    map.shift_remove("container");
    let usage = map["usage"].as_object_mut().unwrap();
    for key in ["server_tool_use", "service_tier", "speed", "inference_geo"] {
        usage.shift_remove(key);
    }
    assert_eq!(encode_response(&response).to_string(), expected.to_string());
}

#[test]
fn stop_reasons_go_both_ways() {
    for (name, stop) in [
        ("end_turn", StopReason::EndTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("stop_sequence", StopReason::StopSequence),
        ("tool_use", StopReason::ToolUse),
        ("pause_turn", StopReason::PauseTurn),
        ("refusal", StopReason::Refusal),
        ("model_context_window_exceeded", StopReason::ContextWindow),
        ("compaction", StopReason::Other("compaction".into())),
    ] {
        let body = json!({"content": [], "stop_reason": name}).to_string();
        let response = decode_response(body.as_bytes()).unwrap();
        assert_eq!(response.stop, stop);
        assert_eq!(encode_response(&response)["stop_reason"], name);
    }
}

fn full_request() -> Request {
    Request {
        model: "claude-opus-5-5".into(),
        system: vec![SystemBlock { text: "Be brief.".into() }, SystemBlock { text: "v1".into() }],
        tools: vec![ToolDef {
            name: "read".into(),
            description: "Reads a file".into(),
            schema: json!({"type": "object", "properties": {"path": {"type": "string"}}}),
            extra: json!({"strict": true}).as_object().cloned().unwrap(),
        }],
        tool_choice: Some(ToolChoice::Required),
        parallel_tool_calls: Some(false),
        messages: vec![
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
                    Content::Image { source: ImageSource::Url { url: "https://x/y.png".into() } },
                ],
            },
            Message {
                role: Role::Assistant,
                content: vec![
                    Content::Thinking { text: "hm".into(), signature: Some("sig".into()) },
                    Content::Thinking { text: "unsigned".into(), signature: None },
                    Content::text(""),
                    call("toolu_1", "read", r#"{"path":"a.rs"}"#),
                    call("functions.read:1", "read", r#"{"path": "b"#),
                ],
            },
            Message {
                role: Role::User,
                content: vec![
                    Content::text("and then?"),
                    Content::tool_result("toolu_1", "fn main() {}", false),
                    Content::tool_result("functions.read:1", "bad arguments", true),
                ],
            },
            Message { role: Role::System, content: vec![Content::text("Budget is low.")] },
        ],
        max_tokens: Some(4096),
        stop: vec!["END".into()],
        effort: Some(Effort::High),
        thinking: Some(ThinkingMode::Adaptive),
        output: Some(OutputFormat::JsonSchema {
            name: "output".into(),
            schema: json!({"type": "object"}),
            strict: None,
        }),
        stream: true,
        cache: CachePlan {
            marks: [
                (MarkPlace::Tool(0), CacheTtl::Long),
                (MarkPlace::System(1), CacheTtl::Long),
                (MarkPlace::Block { message: 1, block: 0 }, CacheTtl::Short),
                (MarkPlace::Block { message: 2, block: 2 }, CacheTtl::Short),
            ]
            .map(|(place, ttl)| CacheMark { place, ttl })
            .to_vec(),
            key: Some("never sent".into()),
        },
        extra: Some((
            Dialect::Anthropic,
            json!({"metadata": {"user_id": "u"}, "thinking": {"display": "omitted"}})
                .as_object()
                .cloned()
                .unwrap(),
        )),
        ..Request::default()
    }
}

#[test]
fn writes_the_request() {
    let body = encode_request(&full_request(), &Quirks::default());
    let stand_in = body["messages"][1]["content"][2]["id"].as_str().unwrap().to_owned();
    assert!(stand_in.starts_with("toolu_"));
    let expected = json!({
        "model": "claude-opus-5-5",
        "max_tokens": 4096,
        "stream": true,
        "stop_sequences": ["END"],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "high",
            "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "tools": [{"name": "read", "description": "Reads a file",
            "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
            "strict": true, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "system": [{"type": "text", "text": "Be brief."},
            {"type": "text", "text": "v1", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source":
                    {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a.rs"}},
                {"type": "tool_use", "id": stand_in, "name": "read",
                    "input": {"_raw": "{\"path\": \"b"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "fn main() {}"}]},
                {"type": "tool_result", "tool_use_id": stand_in,
                    "content": [{"type": "text", "text": "bad arguments"}], "is_error": true,
                    "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "and then?"}]},
            {"role": "system", "content": [{"type": "text", "text": "Budget is low."}]}],
        "metadata": {"user_id": "u"},
    });
    assert_eq!(body.to_string(), expected.to_string());
}

#[test]
fn reads_a_clients_request() {
    let body = r#"{"model":"claude-haiku-5-5","max_tokens":100,"system":"Be brief.",
      "messages":[{"role":"user","content":"hi"},
        {"role":"assistant","content":[{"type":"text","text":"yes","citations":null},
          {"type":"tool_use","id":"toolu_1","name":"read","input":{"b":1,"a":2},"caller":{"type":"direct"}}]},
        {"role":"user","content":[
          {"type":"tool_result","tool_use_id":"toolu_1","content":"text"},
          {"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"},
           "cache_control":{"type":"ephemeral","ttl":"1h","scope":"global"}}]}],
      "tools":[{"type":"bash_20250124","name":"bash"}],
      "tool_choice":{"type":"tool","name":"bash"},
      "thinking":{"type":"between_tools"},"output_config":{"effort":"max","task_budget":{"total":5}},
      "top_k":3,"metadata":null}"#;
    let request = decode_request(body.as_bytes()).unwrap();
    assert_eq!(request.system, [SystemBlock { text: "Be brief.".into() }]);
    assert_eq!(request.messages[1].content[1], call("toolu_1", "read", r#"{"b":1,"a":2}"#));
    assert_eq!(
        request.messages[2].content,
        [
            Content::tool_result("toolu_1", "text", false),
            Content::Document {
                source: DocumentSource::Text { text: "d".into() },
                title: None,
                extra: Map::new(),
            },
        ]
    );
    let place = MarkPlace::Block { message: 2, block: 1 };
    assert_eq!(request.cache.marks, [CacheMark { place, ttl: CacheTtl::Long }]);
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool("bash".into())));
    assert_eq!((request.effort, request.thinking.clone()), (Some(Effort::Max), None));
    let extra = json!({"output_config": {"task_budget": {"total": 5}}, "top_k": 3,
        "thinking": {"type": "between_tools"}, "metadata": null});
    let (dialect, found) = request.extra.clone().unwrap();
    assert_eq!((dialect, Value::Object(found)), (Dialect::Anthropic, extra));

    let again = encode_request(&request, &Quirks::default());
    assert_eq!(again["tools"], json!([{"name": "bash", "type": "bash_20250124"}]));
    assert_eq!(again["output_config"], json!({"effort": "max", "task_budget": {"total": 5}}));
    assert_eq!(again["thinking"], json!({"type": "between_tools"}));
    assert_eq!(decode_request(again.to_string().as_bytes()).unwrap(), request);
}

#[test]
fn says_what_is_wrong_with_a_request() {
    for (body, at) in [
        ("", "body"),
        ("[]", "body"),
        ("{\"messages\":[]}", "model"),
        (r#"{"model":7,"messages":[]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[{"role":"robot","content":""}]}"#, "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"user"}]}"#, "messages[0].content"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{}]}]}"#,
            "messages[0].content[0].type",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result",
              "tool_use_id":"t","content":[{"type":"text"}]}]}]}"#,
            "messages[0].content[0].content[0].text",
        ),
        (r#"{"model":"m","messages":[],"tools":[{}]}"#, "tools[0].name"),
        (r#"{"model":"m","messages":[],"tool_choice":"auto"}"#, "tool_choice"),
        (r#"{"model":"m","messages":[],"stop_sequences":[1]}"#, "stop_sequences"),
        (r#"{"model":"m","messages":[],"max_tokens":"9"}"#, "max_tokens"),
    ] {
        match decode_request(body.as_bytes()) {
            Err(WireError::Malformed { at: found, .. }) => assert_eq!(found, at, "{body}"),
            found => panic!("{body}: {found:?}"),
        }
    }
    let deep = format!(r#"{{"model":"m","messages":{}"#, "[".repeat(100_000));
    assert!(decode_request(deep.as_bytes()).is_err());
}

#[test]
fn marks_keep_to_the_vendors_rules() {
    let marked = |marks: &[(MarkPlace, CacheTtl)]| {
        let mut request = full_request();
        request.messages.push(Message {
            role: Role::User,
            content: (0..6).map(|i| Content::text(i.to_string())).collect(),
        });
        request.cache.marks =
            marks.iter().map(|(place, ttl)| CacheMark { place: *place, ttl: *ttl }).collect();
        let body = encode_request(&request, &Quirks::default());
        decode_request(body.to_string().as_bytes()).unwrap().cache.marks
    };
    let block = |block| MarkPlace::Block { message: 4, block };
    let marks = |list: &[(MarkPlace, CacheTtl)]| -> Vec<CacheMark> {
        list.iter().map(|(place, ttl)| CacheMark { place: *place, ttl: *ttl }).collect()
    };
    use CacheTtl::{Long, Short};
    // Of six marks, the last four.
    assert_eq!(
        marked(&[0, 1, 2, 3, 4, 5].map(|i| (block(i), Short))),
        marks(&[2, 3, 4, 5].map(|i| (block(i), Short)))
    );
    // A long one behind a short one is short; places that cannot hold a mark are passed over.
    let thinking = MarkPlace::Block { message: 1, block: 0 };
    let empty = MarkPlace::Block { message: 1, block: 2 };
    let nowhere = MarkPlace::Block { message: 9, block: 0 };
    assert_eq!(
        marked(&[
            (block(5), Long),
            (thinking, Short),
            (empty, Short),
            (nowhere, Short),
            (MarkPlace::Tool(7), Short),
            (MarkPlace::System(0), Long),
            (block(0), Short),
        ]),
        marks(&[(MarkPlace::System(0), Long), (block(0), Short), (block(5), Short)])
    );
}

#[test]
fn a_vendors_own_tools_stay_in_their_dialect() {
    let tools = json!({"type": "web_search", "search_context_size": "low"});
    let mut request = Request { model: "m".into(), ..Request::default() };
    request.messages.push(Message::user("hi"));
    request.tools.push(ToolDef {
        name: "web_search".into(),
        description: String::new(),
        schema: Value::Null,
        extra: tools.as_object().cloned().unwrap(),
    });
    request.extra = Some((Dialect::Openai, json!({"n": 1}).as_object().cloned().unwrap()));
    let body = encode_request(&request, &Quirks::default());
    assert_eq!(body.get("tools"), None);
    assert_eq!(body.get("n"), None);
}
