//! OpenAI Responses against literal bytes of its specification and its clients' types.

use distiq_base::{
    Assembler, Content, Dialect, Effort, ImageSource, Message, OutputFormat, Request, Response,
    Role, StopReason, SystemBlock, ThinkingMode, ToolChoice, ToolDef, Usage,
};
use distiq_llm::ProviderErrorKind;
use distiq_llm::wire::responses::{
    StreamDecoder, decode_request, decode_response, encode_request, encode_response,
    reasoning_signature,
};
use distiq_llm::wire::{Quirks, WireError, anthropic, openai};
use serde_json::{Value, json};

use crate::wire_sse;

pub const RESPONSE: &str = r#"{"id":"resp_1","object":"response","created_at":1741386163,"status":"completed","background":false,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"gpt-6-sol","output":[
  {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Look first."}],"encrypted_content":"gAAAAB","status":null},
  {"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Looking."}]},
  {"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"read","arguments":"{\"path\":\"a.rs\"}"},
  {"id":"ctc_1","type":"custom_tool_call","status":"completed","call_id":"call_2","name":"apply_patch","input":"*** \"é\"\n"},
  {"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search","query":"x"}}],
 "parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":"medium","summary":"auto"},"store":false,"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled",
 "usage":{"input_tokens":2000,"input_tokens_details":{"cached_tokens":1500,"cache_write_tokens":300},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":2050},"user":null,"metadata":{}}"#;

pub const STREAM: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1741386163,"status":"in_progress","model":"gpt-6-sol","output":[],"usage":null}}

event: response.in_progress
data: {"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"gpt-6-sol","output":[]}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAAAA"}}

event: response.reasoning_summary_part.added
data: {"type":"response.reasoning_summary_part.added","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","sequence_number":4,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Look first.","obfuscation":"x"}

event: response.reasoning_summary_text.done
data: {"type":"response.reasoning_summary_text.done","sequence_number":5,"item_id":"rs_1","output_index":0,"summary_index":0,"text":"Look first."}

event: response.reasoning_summary_part.done
data: {"type":"response.reasoning_summary_part.done","sequence_number":6,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"Look first."}}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":7,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Look first."}],"encrypted_content":"gAAAAB"}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":8,"output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","phase":"commentary","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","sequence_number":9,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":10,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"Look","logprobs":[]}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":11,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"ing.","logprobs":[]}

event: response.output_text.done
data: {"type":"response.output_text.done","sequence_number":12,"item_id":"msg_1","output_index":1,"content_index":0,"text":"Looking.","logprobs":[]}

event: response.content_part.done
data: {"type":"response.content_part.done","sequence_number":13,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"Looking."}}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":14,"output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Looking."}]}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":15,"output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"call_1","name":"read","arguments":""}}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","sequence_number":16,"item_id":"fc_1","output_index":2,"delta":"{\"path\":"}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","sequence_number":17,"item_id":"fc_1","output_index":2,"delta":"\"a.rs\"}"}

event: response.function_call_arguments.done
data: {"type":"response.function_call_arguments.done","sequence_number":18,"item_id":"fc_1","output_index":2,"arguments":"{\"path\":\"a.rs\"}"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":19,"output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"read","arguments":"{\"path\":\"a.rs\"}"}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":20,"output_index":3,"item":{"id":"ctc_1","type":"custom_tool_call","status":"in_progress","call_id":"call_2","name":"apply_patch","input":""}}

event: response.custom_tool_call_input.delta
data: {"type":"response.custom_tool_call_input.delta","sequence_number":21,"item_id":"ctc_1","output_index":3,"delta":"*** \""}

event: response.custom_tool_call_input.delta
data: {"type":"response.custom_tool_call_input.delta","sequence_number":22,"item_id":"ctc_1","output_index":3,"delta":"é\"\n"}

event: response.custom_tool_call_input.done
data: {"type":"response.custom_tool_call_input.done","sequence_number":23,"item_id":"ctc_1","output_index":3,"input":"*** \"é\"\n"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":24,"output_index":3,"item":{"id":"ctc_1","type":"custom_tool_call","status":"completed","call_id":"call_2","name":"apply_patch","input":"*** \"é\"\n"}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":25,"output_index":4,"item":{"id":"ws_1","type":"web_search_call","status":"in_progress"}}

event: response.web_search_call.searching
data: {"type":"response.web_search_call.searching","sequence_number":26,"output_index":4,"item_id":"ws_1"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":27,"output_index":4,"item":{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search","query":"x"}}}

event: response.completed
data: {"type":"response.completed","sequence_number":28,"response":{"id":"resp_1","object":"response","created_at":1741386163,"status":"completed","error":null,"incomplete_details":null,"model":"gpt-6-sol","output":[],"usage":{"input_tokens":2000,"input_tokens_details":{"cached_tokens":1500,"cache_write_tokens":300},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":2050}}}

"#;

pub const REQUEST: &str = r#"{"model":"gpt-6-sol","instructions":"Be brief.","stream":true,"store":false,"include":["reasoning.encrypted_content"],"parallel_tool_calls":true,"prompt_cache_key":"k","max_output_tokens":4000,"reasoning":{"effort":"high","summary":"auto"},"text":{"verbosity":"low","format":{"type":"json_schema","name":"n","description":"d","schema":{"type":"object"},"strict":true}},"metadata":{"a":"b"},"service_tier":"flex","truncation":"auto","tool_choice":"auto",
 "tools":[{"type":"function","name":"read","description":"Reads.","parameters":{"type":"object"},"strict":false},{"type":"custom","name":"apply_patch","description":"Patches.","format":{"type":"text"}},{"type":"web_search"},{"type":"local_shell"}],
 "input":[
  {"type":"message","role":"developer","content":[{"type":"input_text","text":"Rules."}]},
  {"type":"message","role":"user","content":[{"type":"input_text","text":"go"},{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"high"},{"type":"input_image","file_id":"file_1","detail":"auto"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}]},
  {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"gAAAAB"},
  {"type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"Looking."}]},
  {"type":"function_call","call_id":"call_1","name":"read","arguments":"{\"path\":\"a.rs\"}","namespace":"fs"},
  {"type":"custom_tool_call","call_id":"call_2","name":"apply_patch","input":"*** x"},
  {"type":"local_shell_call","id":"lsh_1","call_id":"call_3","status":"completed","action":{"type":"exec","command":["ls"],"env":{}}},
  {"type":"function_call_output","call_id":"call_1","output":"fn main() {}"},
  {"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text","text":"ok"},{"type":"input_image","image_url":"https://x/y.png","detail":"auto"}]},
  {"type":"local_shell_call_output","id":"call_3","output":"{}"},
  {"type":"item_reference","id":"msg_9"},
  {"type":"message","role":"assistant","phase":"final_answer","content":[{"type":"refusal","refusal":"No."}]},
  {"type":"message","role":"developer","content":[{"type":"input_text","text":"Hurry."}]},
  {"type":"message","role":"user","content":[{"type":"input_text","text":"next","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}"#;

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

fn kept(json: Value) -> Content {
    Content::Other { dialect: Dialect::Responses, json }
}

fn answer() -> Response {
    Response {
        id: "resp_1".into(),
        model: "gpt-6-sol".into(),
        content: vec![
            Content::Thinking {
                text: "Look first.".into(),
                signature: Some(reasoning_signature("rs_1", "gAAAAB")),
            },
            kept(json!({"type": "distiq.kept", "fields": {"phase": "commentary"}})),
            Content::text("Looking."),
            Content::ToolCall {
                id: "call_1".into(),
                name: "read".into(),
                arguments: "{\"path\":\"a.rs\"}".into(),
            },
            kept(json!({"type": "distiq.kept", "custom": true})),
            Content::ToolCall {
                id: "call_2".into(),
                name: "apply_patch".into(),
                arguments: "{\"input\":\"*** \\\"é\\\"\\n\"}".into(),
            },
            kept(json!({"id": "ws_1", "type": "web_search_call", "status": "completed",
                "action": {"type": "search", "query": "x"}})),
        ],
        stop: StopReason::ToolUse,
        usage: Some(Usage {
            input: 200,
            cache_read: 1500,
            cache_write: 300,
            output: 50,
            reasoning: 20,
            ..Usage::default()
        }),
    }
}

#[test]
fn reads_the_whole_answer_and_writes_what_it_reads() {
    assert_eq!(decode_response(RESPONSE.as_bytes()).unwrap(), answer());
    let written = encode_response(&answer());
    let kinds: Vec<&str> =
        written["output"].as_array().unwrap().iter().map(|i| i["type"].as_str().unwrap()).collect();
    let expected = ["reasoning", "message", "function_call", "custom_tool_call", "web_search_call"];
    assert_eq!(kinds, expected);
    assert_eq!(written["output"][1]["phase"], "commentary");
    assert_eq!(written["output"][0]["id"], "rs_1");
    assert_eq!(decode_response(written.to_string().as_bytes()).unwrap(), answer());
}

#[test]
fn reads_the_stream_however_it_is_cut() {
    for size in [1, 2, 3, 7, 64, STREAM.len()] {
        assert_eq!(read(STREAM.as_bytes(), &[size]).unwrap(), answer(), "{size}");
    }
}

#[test]
fn a_server_may_name_items_by_their_ids_alone() {
    let stream = (0..9).fold(STREAM.to_owned(), |text, place| {
        text.replace(&format!("\"output_index\":{place},"), "")
    });
    assert!(!stream.contains("output_index"));
    assert_eq!(read(stream.as_bytes(), &[997]).unwrap(), answer());
    let nameless = stream.replace("\"item_id\":\"msg_1\",", "");
    assert!(matches!(read(nameless.as_bytes(), &[997]), Err(WireError::Malformed { .. })));
}

#[test]
fn a_server_may_tell_less() {
    // Only whole items, as some compatible servers send; and one that tells all at its end.
    let done = |index: u64, item: Value| {
        let json =
            json!({"type": "response.output_item.done", "output_index": index, "item": item});
        format!("data: {json}\n\n")
    };
    let whole: Value = serde_json::from_str(RESPONSE).unwrap();
    let items = whole["output"].as_array().unwrap().clone();
    let created = json!({"type": "response.created", "response": {"id": "resp_1",
        "model": "gpt-6-sol"}});
    let end = |output: &Value| {
        let mut response = whole.clone();
        response["output"] = output.clone();
        format!("data: {}\n\n", json!({"type": "response.completed", "response": response}))
    };
    let mut stream = format!("data: {created}\n\n");
    stream.extend((0..).zip(&items).map(|(index, item)| done(index, item.clone())));
    stream += &end(&json!([]));
    assert_eq!(read(stream.as_bytes(), &[99]).unwrap(), answer());
    let stream = format!("data: {created}\n\n{}data: [DONE]\n\n", end(&whole["output"]));
    assert_eq!(read(stream.as_bytes(), &[99]).unwrap(), answer());
}

#[test]
fn an_end_is_told_as_what_it_is() {
    let end = |name: &str, response: Value| {
        let (head, _) = STREAM.split_once("event: response.completed").unwrap();
        let event = json!({"type": name, "sequence_number": 28, "response": response});
        read(format!("{head}event: {name}\ndata: {event}\n\n").as_bytes(), &[512])
    };
    let incomplete = |reason: &str| {
        let response = json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
        end("response.incomplete", response).unwrap().stop
    };
    assert_eq!(incomplete("max_output_tokens"), StopReason::MaxTokens);
    assert_eq!(incomplete("content_filter"), StopReason::Refusal);
    assert_eq!(incomplete("steered"), StopReason::Other("steered".into()));
    let failed = end(
        "response.failed",
        json!({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}),
    );
    match failed {
        Err(WireError::Vendor(error)) => {
            assert_eq!(error.kind, ProviderErrorKind::RateLimited);
            assert_eq!(error.message, "slow");
        }
        other => panic!("{other:?}"),
    }
    assert!(end("response.completed", json!({"status": "in_progress"})).is_err());
}

#[test]
fn an_error_event_is_the_vendors_error_in_both_its_forms() {
    let (head, _) = STREAM.split_once("event: response.output_item.done").unwrap();
    for error in [
        r#"{"type":"error","code":"server_error","message":"broke","param":null,"sequence_number":7}"#,
        r#"{"type":"error","sequence_number":7,"error":{"type":"server_error","code":"server_error","message":"broke","param":null}}"#,
    ] {
        match read(format!("{head}event: error\ndata: {error}\n\n").as_bytes(), &[4096]) {
            Err(WireError::Vendor(found)) => {
                assert_eq!(found.kind, ProviderErrorKind::Server);
                assert_eq!(found.message, "broke");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_request_comes_back_as_it_was() {
    let request = decode_request(REQUEST.as_bytes()).unwrap();
    let quirks = Quirks { part_marks: distiq_llm::wire::PartMarks::Off, ..Quirks::openai() };
    let found = encode_request(&request, &quirks);
    let mut expected: Value = serde_json::from_str(REQUEST).unwrap();
    expected["input"][13]["content"][0].as_object_mut().unwrap().remove("prompt_cache_breakpoint");
    for (index, item) in expected["input"].as_array().unwrap().iter().enumerate() {
        assert_eq!(&found["input"][index], item, "input[{index}]");
    }
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&found[key], value, "{key}");
    }
    assert_eq!(found.as_object().unwrap().len(), expected.as_object().unwrap().len());
    let marked = Quirks { part_marks: distiq_llm::wire::PartMarks::Breakpoint, ..quirks };
    let found = encode_request(&request, &marked).to_string();
    assert_eq!(found.matches("prompt_cache_breakpoint").count(), 1);
}

#[test]
fn a_request_is_read_into_the_vocabulary() {
    let request = decode_request(REQUEST.as_bytes()).unwrap();
    assert_eq!(
        request.system,
        ["Be brief.", "Rules."].map(|text| SystemBlock { text: text.into() })
    );
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    use Role::{Assistant, System, User};
    assert_eq!(roles, [User, Assistant, User, Assistant, System, User]);
    assert_eq!(request.messages[1].tool_calls().count(), 2);
    let results = |c: &&Content| matches!(c, Content::ToolResult { .. });
    assert_eq!(request.messages[2].content.iter().filter(results).count(), 2);
    assert_eq!((request.effort, request.max_tokens), (Some(Effort::High), Some(4000)));
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert_eq!(request.cache.key.as_deref(), Some("k"));
    assert_eq!(request.cache.marks.len(), 1);
    assert!(matches!(request.output, Some(OutputFormat::JsonSchema { strict: Some(true), .. })));
}

#[test]
fn a_text_alone_is_a_request() {
    let request = decode_request(br#"{"model":"m","input":"hi"}"#).unwrap();
    assert_eq!(request.messages, [Message::user("hi")]);
    assert_eq!(request.extra, Some((Dialect::Responses, serde_json::Map::new())));
    let body = r#"{"model":"m","previous_response_id":"resp_1"}"#;
    assert!(decode_request(body.as_bytes()).unwrap().messages.is_empty());
    for (body, at) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"input":"a"}"#, "model"),
        (r#"{"model":"m","input":7}"#, "input"),
        (r#"{"model":"m","input":[7]}"#, "input[0]"),
        (r#"{"model":"m","input":[{"role":"robot","content":"a"}]}"#, "input[0].role"),
        (r#"{"model":"m","input":[{"role":"user","content":[{}]}]}"#, "input[0].content[0]"),
        (r#"{"model":"m","input":[{"type":"function_call","name":"n"}]}"#, "input[0].call_id"),
        (r#"{"model":"m","input":"a","tools":[{"type":"function"}]}"#, "tools[0].name"),
        (r#"{"model":"m","input":"a","instructions":["x"]}"#, "instructions"),
        ("{", "body"),
        ("[]", "body"),
    ] {
        match decode_request(body.as_bytes()) {
            Err(WireError::Malformed { at: found, .. }) => assert_eq!(found, at, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn another_dialects_request_is_written_without_leaving_anything_at_the_vendor() {
    let body = br#"{"model":"m","max_tokens":5,"stream":true,"system":"s","thinking":{"type":"enabled","budget_tokens":9000},
        "tools":[{"name":"read","description":"Reads","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],
        "messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"url","url":"https://x/y"}}]},
          {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"Eq8="},{"type":"text","text":"b"},{"type":"tool_use","id":"toolu_1","name":"read","input":{"p":1}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"r"},{"type":"text","text":"c"}]}]}"#;
    let request = anthropic::decode_request(body).unwrap();
    let found = encode_request(&request, &Quirks::openai());
    let expected = json!({
        "model": "m", "instructions": "s", "stream": true, "max_output_tokens": 16,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "tools": [{"type": "function", "name": "read", "description": "Reads",
            "parameters": {"type": "object"}, "strict": false}],
        "store": false, "include": ["reasoning.encrypted_content"],
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "https://x/y", "detail": "auto"}]},
            {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "b"}]},
            {"type": "function_call", "call_id": "toolu_1", "name": "read",
                "arguments": "{\"p\":1}"},
            {"type": "function_call_output", "call_id": "toolu_1", "output": "r"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "c"}]},
        ],
    });
    assert_eq!(found, expected);
}

#[test]
fn this_dialects_request_is_read_by_the_others() {
    let request = decode_request(REQUEST.as_bytes()).unwrap();
    let claude = anthropic::encode_request(&request, &Quirks::default());
    let names: Vec<&str> =
        claude["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["read", "apply_patch"]);
    assert!(claude["tools"][1]["input_schema"]["properties"]["input"].is_object());
    assert_eq!(claude["messages"][1]["content"][2]["input"], json!({"input": "*** x"}));
    assert!(!claude.to_string().contains("gAAAAB"), "another vendor's proof is not sent");
    assert!(!claude.to_string().contains("distiq.kept"));
    let chat = openai::encode_request(&request, &Quirks::openai());
    assert_eq!(chat["messages"][2]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(chat["reasoning_effort"], "high");
    assert!(chat.get("include").is_none() && chat.get("truncation").is_none());
}

#[test]
fn a_plain_server_gets_one_system_text_and_its_own_role() {
    let request = Request {
        model: "m".into(),
        system: ["a", "b"].map(|text| SystemBlock { text: text.into() }).to_vec(),
        messages: vec![
            Message::user("u"),
            Message { role: Role::System, content: vec![Content::text("s")] },
        ],
        thinking: Some(ThinkingMode::Adaptive),
        tools: vec![ToolDef {
            name: "now".into(),
            description: String::new(),
            schema: Value::Null,
            extra: serde_json::Map::new(),
        }],
        ..Request::default()
    };
    let quirks = Quirks { reasoning_effort: false, ..Quirks::default() };
    let expected = json!({
        "model": "m", "instructions": "a\n\nb", "store": false,
        "tools": [{"type": "function", "name": "now",
            "parameters": {"type": "object", "properties": {}}, "strict": false}],
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "u"}]},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
        ],
    });
    assert_eq!(encode_request(&request, &quirks), expected);
    let image = Content::Image { source: ImageSource::Url { url: "https://x".into() } };
    let result =
        Content::ToolResult { call_id: "c".repeat(65), content: vec![image], is_error: true };
    let call = Content::ToolCall { id: "c".repeat(65), name: "n".into(), arguments: " ".into() };
    let request = Request {
        messages: vec![
            Message { role: Role::Assistant, content: vec![call] },
            Message { role: Role::User, content: vec![result] },
        ],
        ..request
    };
    let body = encode_request(&request, &quirks);
    let id = body["input"][0]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64 && body["input"][1]["call_id"] == id);
    assert_eq!(body["input"][0]["arguments"], "{}");
    assert_eq!(body["input"][1]["output"][0]["type"], "input_image");
}
