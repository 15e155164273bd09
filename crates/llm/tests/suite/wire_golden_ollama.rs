//! Literal bytes of Ollama's dialect, written from its specification and its SDK's types.

use distiq_base::{
    Assembler, Content, Dialect, DocumentSource, Effort, ImageSource, Message, OutputFormat,
    Request, Response, Role, StopReason, StreamEvent, SystemBlock, ThinkingMode, ToolChoice,
    ToolDef, Usage,
};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_llm::provider::ModelListing;
use distiq_llm::wire::frames::JsonDecoder;
use distiq_llm::wire::ollama::{
    AnswerOptions, Endpoint, Shown, StreamDecoder, StreamEncoder, decode_error, decode_generate,
    decode_request, decode_response, decode_show, decode_tags, encode_error, encode_generate,
    encode_loaded, encode_request, encode_response, encode_show, encode_tags, is_load,
};
use distiq_llm::wire::{HeaderView, Quirks, WireError};
use serde_json::{Map, Value, json};

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

fn thinking(text: &str) -> Content {
    Content::Thinking { text: text.into(), signature: None }
}

fn image(media_type: &str, data: &str) -> Content {
    let source = ImageSource::Base64 { media_type: media_type.into(), data: data.into() };
    Content::Image { source }
}

fn message(role: Role, content: Vec<Content>) -> Message {
    Message { role, content }
}

/// The request of the vendor's own documentation.
const DOCUMENTED: &str = r#"{"model":"qwen3-coder:30b","stream":true,"keep_alive":"30m","options":{"num_ctx":65536,"temperature":0.2},
 "messages":[{"role":"system","content":"…"},{"role":"user","content":"List files"}],
 "tools":[{"type":"function","function":{"name":"ls","description":"list","parameters":{"type":"object","properties":{"dir":{"type":"string"}},"required":["dir"]}}}]}"#;

#[test]
fn the_documented_request_is_read_and_written_back() {
    let request = decode_request(DOCUMENTED.as_bytes()).unwrap();
    assert_eq!((request.model.as_str(), request.stream), ("qwen3-coder:30b", true));
    assert_eq!(request.system, [SystemBlock { text: "…".into() }]);
    assert_eq!(request.messages, [Message::user("List files")]);
    assert_eq!(request.temperature, Some(0.2));
    let written = encode_request(&request, &Quirks::default());
    let mut expected: Value = serde_json::from_str(DOCUMENTED).unwrap();
    expected["truncate"] = json!(false);
    expected["shift"] = json!(false);
    assert_eq!(written, expected);
}

#[test]
fn a_requests_every_part_goes_out() {
    let schema = json!({"type": "object"});
    let tool = |name: &str| ToolDef {
        name: name.into(),
        description: "Does".into(),
        schema: schema.clone(),
        extra: Map::new(),
    };
    let request = Request {
        model: "qwen3".into(),
        system: vec![SystemBlock { text: "S".into() }, SystemBlock { text: "T".into() }],
        tools: vec![tool("read"), tool("write")],
        tool_choice: Some(ToolChoice::Tool("read".into())),
        messages: vec![
            message(
                Role::User,
                vec![
                    Content::text("look"),
                    image("image/png", "iVBO"),
                    Content::Document {
                        source: DocumentSource::Text { text: "words".into() },
                        title: Some("a.txt".into()),
                        extra: Map::new(),
                    },
                ],
            ),
            message(
                Role::Assistant,
                vec![
                    thinking("hm"),
                    Content::Thinking { text: "signed".into(), signature: Some("s".into()) },
                    Content::text("Reading."),
                    call("c1", "read", "{\"b\":1,\"a\":2}"),
                    call("call_made_0123", "write", ""),
                ],
            ),
            message(
                Role::User,
                vec![
                    Content::text("and?"),
                    Content::ToolResult {
                        call_id: "c1".into(),
                        content: vec![image("image/png", "AAAA")],
                        is_error: false,
                    },
                    Content::tool_result("call_made_0123", "done", true),
                ],
            ),
            message(Role::System, vec![Content::text("note")]),
        ],
        max_tokens: Some(5),
        stop: vec!["END".into()],
        top_p: Some(0.25),
        effort: Some(Effort::Minimal),
        output: Some(OutputFormat::JsonSchema {
            name: "o".into(),
            schema: schema.clone(),
            strict: None,
        }),
        extra: Some((
            Dialect::Gemini,
            json!({"generationConfig": {"topK": 7, "seed": 1}}).as_object().cloned().unwrap(),
        )),
        ..Request::default()
    };
    let function = json!({"name": "read", "description": "Does", "parameters": schema});
    let expected = json!({"model": "qwen3", "stream": false, "format": schema, "think": "low",
        "options": {"num_ctx": 8192, "num_predict": 5, "top_p": 0.25, "stop": ["END"],
            "top_k": 7, "seed": 1},
        "tools": [{"type": "function", "function": function}],
        "truncate": false, "shift": false,
        "messages": [{"role": "system", "content": "S\n\nT"},
            {"role": "user", "content":
                "look\n\n<document title=\"a.txt\">\nwords\n</document>", "images": ["iVBO"]},
            {"role": "assistant", "content": "Reading.", "thinking": "hm", "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "read", "arguments": {"b": 1, "a": 2}}},
                {"function": {"index": 1, "name": "write", "arguments": {}}}]},
            {"role": "tool", "tool_name": "read", "tool_call_id": "c1",
                "content": "The result is the image below."},
            {"role": "tool", "tool_name": "write", "content": "done"},
            {"role": "user", "content": "and?\n\nImage of tool result c1:", "images": ["AAAA"]},
            {"role": "system", "content": "note"}]});
    let quirks = Quirks { num_ctx: Some(8192), ..Quirks::default() };
    let body = encode_request(&request, &quirks);
    assert_eq!(body, expected, "{body:#}");
}

#[test]
fn thinking_is_a_switch_or_a_level() {
    for (thinking, effort, think) in [
        (None, None, json!(null)),
        (Some(ThinkingMode::Disabled), Some(Effort::High), json!(false)),
        (Some(ThinkingMode::Adaptive), None, json!(true)),
        (Some(ThinkingMode::Budget(9)), None, json!(true)),
        (None, Some(Effort::None), json!(false)),
        (None, Some(Effort::Max), json!("max")),
    ] {
        let request = Request { thinking, effort, ..Request::default() };
        assert_eq!(encode_request(&request, &Quirks::default())["think"], think);
        let quirks = Quirks { think: false, ..Quirks::default() };
        assert!(encode_request(&request, &quirks).get("think").is_none());
    }
}

#[test]
fn reads_what_a_client_may_write() {
    let body = r#"{"model":"m","messages":[
        {"role":"user","content":"hi","images":["/9j/4AAQ","iVBORw0K"]},
        {"role":"assistant","content":"","thinking":"hm","tool_calls":[
          {"function":{"name":"a","arguments":{"x":1}}},{"function":{"name":"b","arguments":"{\"y\":2}"}}]},
        {"role":"tool","tool_name":"b","content":"B"},{"role":"tool","content":"A"},
        {"role":"system","content":"note"}],
      "format":"json","think":"medium","truncate":true,"logprobs":true,
      "options":{"num_predict":-1,"stop":"END","top_k":3,"num_ctx":null}}"#;
    let request = decode_request(body.as_bytes()).unwrap();
    assert!(request.stream, "it streams unless it says otherwise");
    let ids: Vec<&str> = request.messages[1].tool_calls().map(|(id, ..)| id).collect();
    let expected = [
        message(
            Role::User,
            vec![
                Content::text("hi"),
                image("image/jpeg", "/9j/4AAQ"),
                image("image/png", "iVBORw0K"),
            ],
        ),
        message(
            Role::Assistant,
            vec![thinking("hm"), call(ids[0], "a", r#"{"x":1}"#), call(ids[1], "b", r#"{"y":2}"#)],
        ),
        message(
            Role::User,
            vec![
                Content::tool_result(ids[1], "B", false),
                Content::tool_result(ids[0], "A", false),
            ],
        ),
        message(Role::System, vec![Content::text("note")]),
    ];
    assert_eq!(request.messages, expected);
    assert_eq!(request.output, Some(OutputFormat::JsonObject));
    assert_eq!((request.effort, request.max_tokens), (Some(Effort::Medium), None));
    assert_eq!(request.stop, ["END"]);
    let extra = json!({"truncate": true, "logprobs": true,
        "options": {"num_predict": -1, "top_k": 3}});
    assert_eq!(request.extra, Some((Dialect::Ollama, extra.as_object().cloned().unwrap())));
    assert!(is_load(&decode_request(br#"{"model":"m"}"#).unwrap()));
    for (body, place) in [
        ("[]", "body"),
        ("{}", "model"),
        (r#"{"model":"m","messages":[{"role":"robot"}]}"#, "messages[0].role"),
        (r#"{"model":"m","messages":{}}"#, "messages"),
        (r#"{"model":"m","options":{"temperature":"hot"}}"#, "options.temperature"),
        (r#"{"model":"m","stream":1}"#, "stream"),
    ] {
        let error = decode_request(body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{place}: ")), "{body}: {error}");
    }
}

#[test]
fn generate_goes_both_ways() {
    let body = r#"{"model":"moondream","prompt":"What is this?","system":"S","images":["iVBO"],"stream":false,"raw":false,"suffix":"x","keep_alive":-1,"options":{"temperature":0.0}}"#;
    let request = decode_generate(body.as_bytes()).unwrap();
    let expected =
        message(Role::User, vec![Content::text("What is this?"), image("image/png", "iVBO")]);
    assert_eq!(request.messages, [expected]);
    assert_eq!(request.temperature, Some(0.0));
    let mut expected: Value = serde_json::from_str(body).unwrap();
    expected["truncate"] = json!(false);
    expected["shift"] = json!(false);
    assert_eq!(encode_generate(&request, &Quirks::default()), expected);
}

/// The stream of the vendor's own documentation, with words.
pub const STREAM: &str = "{\"model\":\"qwen3-coder:30b\",\"created_at\":\"2026-11-21T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Let\"},\"done\":false}\n\
{\"model\":\"qwen3-coder:30b\",\"created_at\":\"2026-11-21T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\" me\"},\"done\":false}\n\
{\"model\":\"qwen3-coder:30b\",\"created_at\":\"2026-11-21T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"Li\"},\"done\":false}\n\
{\"model\":\"qwen3-coder:30b\",\"created_at\":\"2026-11-21T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"sting.\"},\"done\":false}\n\
{\"model\":\"qwen3-coder:30b\",\"created_at\":\"2026-11-21T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"index\":0,\"name\":\"ls\",\"arguments\":{\"dir\":\".\"}}}]},\"done\":false}\n\
{\"model\":\"qwen3-coder:30b\",\"created_at\":\"2026-11-21T10:00:01Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":5191566416,\"load_duration\":2154458,\"prompt_eval_count\":26,\"prompt_eval_duration\":383809000,\"eval_count\":298,\"eval_duration\":4799921000}\n";

/// Reads a stream in pieces of a size.
pub fn read(bytes: &[u8], size: usize) -> Result<Response, WireError> {
    let mut values = JsonDecoder::new();
    let mut decoder = StreamDecoder::new();
    let mut assembler = Assembler::default();
    for piece in bytes.chunks(size) {
        for value in values.push(piece)? {
            decoder.feed(&value)?.iter().for_each(|event| assembler.push(event));
        }
    }
    values.finish()?;
    decoder.finish()?;
    Ok(assembler.into_response())
}

fn documented() -> Response {
    Response {
        id: read(STREAM.as_bytes(), 64).unwrap().id,
        model: "qwen3-coder:30b".into(),
        content: vec![
            thinking("Let me"),
            Content::text("Listing."),
            call("call_1", "ls", r#"{"dir":"."}"#),
        ],
        stop: StopReason::ToolUse,
        usage: Some(Usage { input: 26, output: 298, ..Usage::default() }),
    }
}

#[test]
fn the_documented_stream_is_read_however_it_is_split() {
    for size in [1, 7, 100, STREAM.len()] {
        assert_eq!(read(STREAM.as_bytes(), size).unwrap(), documented());
    }
}

#[test]
fn answers_are_written_as_they_are_read() {
    let response = documented();
    let options =
        AnswerOptions { endpoint: Endpoint::Chat, created_at: "2026-11-21T10:00:00Z".into() };
    let body = encode_response(&response, &options);
    let expected = json!({"model": "qwen3-coder:30b", "created_at": "2026-11-21T10:00:00Z",
        "message": {"role": "assistant", "content": "Listing.", "thinking": "Let me",
            "tool_calls": [{"id": "call_1",
                "function": {"index": 0, "name": "ls", "arguments": {"dir": "."}}}]},
        "done": true, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 298});
    assert_eq!(body, expected);
    assert_eq!(decode_response(body.to_string().as_bytes()).unwrap(), response);

    let mut values = JsonDecoder::new();
    let mut decoder = StreamDecoder::new();
    let mut encoder = StreamEncoder::new(options);
    let mut written = String::new();
    for value in values.push(STREAM.as_bytes()).unwrap() {
        for event in decoder.feed(&value).unwrap() {
            written.push_str(&encoder.encode(&event));
        }
    }
    assert_eq!(read(written.as_bytes(), 50).unwrap(), response);
    assert!(written.ends_with("\"eval_count\":298}\n"), "{written}");

    let mut encoder = StreamEncoder::new(AnswerOptions {
        endpoint: Endpoint::Generate,
        ..AnswerOptions::default()
    });
    let start = StreamEvent::Start { id: "x".into(), model: "m".into() };
    encoder.encode(&start);
    let delta = distiq_base::Delta::Text { text: "hi".into() };
    let line = encoder.encode(&StreamEvent::BlockDelta { index: 0, delta });
    assert_eq!(line, "{\"model\":\"m\",\"created_at\":\"\",\"response\":\"hi\",\"done\":false}\n");
    assert_eq!(encoder.error(Kind::Server, "broke"), "{\"error\":\"broke\"}\n");
    assert_eq!(encoder.encode(&StreamEvent::End), "");

    let loaded = encode_loaded("m", true, &AnswerOptions::default());
    assert_eq!((&loaded["done"], &loaded["done_reason"]), (&json!(true), &json!("unload")));
}

#[test]
fn a_cut_anywhere_is_a_cut_and_an_error_is_one() {
    let last = STREAM.rfind('}').unwrap();
    for end in 0..=last {
        let found = read(&STREAM.as_bytes()[..end], 4096);
        assert_eq!(found, Err(WireError::Truncated), "at {end}");
    }
    let first = STREAM.split_inclusive('\n').next().unwrap();
    let failing = format!("{first}{{\"error\":\"out of memory\"}}\n");
    let Err(WireError::Vendor(error)) = read(failing.as_bytes(), 4096) else { panic!() };
    assert_eq!((error.kind, error.message.as_str()), (Kind::Server, "out of memory"));
    let length = json!({"model": "m", "response": "x", "done": true, "done_reason": "length"});
    let response = decode_response(length.to_string().as_bytes()).unwrap();
    assert_eq!((response.stop, response.usage), (StopReason::MaxTokens, None));
    assert!(decode_response(br#"{"error":"no"}"#).is_err());
    assert!(decode_response(br#"{"done":true}"#).is_err());
    let unfinished = br#"{"message":{"role":"assistant","content":"x"},"done":false}"#;
    assert_eq!(decode_response(unfinished), Err(WireError::Truncated));
}

#[test]
fn errors_lists_and_descriptions_go_both_ways() {
    let headers = HeaderView::new(jiff::Timestamp::UNIX_EPOCH, [("a", "b")]);
    for (status, kind) in [
        (400, Kind::InvalidRequest),
        (401, Kind::Auth),
        (404, Kind::UnknownModel),
        (500, Kind::Server),
        (503, Kind::Overloaded),
    ] {
        let error = decode_error(status, &headers, br#"{"error":"words"}"#);
        assert_eq!((error.kind, error.message.as_str()), (kind, "words"));
        assert_eq!(encode_error(kind, "words"), (status, json!({"error": "words"})));
    }
    let model = ModelListing {
        id: "qwen3:latest".into(),
        display_name: None,
        context_tokens: Some(40_960),
        max_output_tokens: None,
    };
    let tags = encode_tags(std::slice::from_ref(&model), "2026-11-21T10:00:00Z").to_string();
    assert_eq!(decode_tags(tags.as_bytes()).unwrap(), std::slice::from_ref(&model));
    let shown = decode_show(encode_show(&model, &["completion"]).to_string().as_bytes()).unwrap();
    let capabilities = vec!["completion".to_owned()];
    assert_eq!(shown, Shown { context_tokens: Some(40_960), num_ctx: None, capabilities });
    let body = r#"{"parameters":"stop \"x\"\nnum_ctx                        8192","model_info":
        {"general.architecture":"qwen3","qwen3.context_length":262144}}"#;
    let shown = decode_show(body.as_bytes()).unwrap();
    assert_eq!((shown.context_tokens, shown.num_ctx), (Some(262_144), Some(8_192)));
}
