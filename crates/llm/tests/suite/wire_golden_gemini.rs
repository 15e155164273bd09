//! Literal bytes of the Gemini dialect, written from its specification and its SDK's types.

use distiq_base::{
    Assembler, Content, Dialect, DocumentSource, Effort, ImageSource, Message, OutputFormat,
    Request, Response, Role, StopReason, StreamEvent, SystemBlock, ThinkingMode, ToolChoice,
    ToolDef, Usage,
};
use distiq_llm::wire::gemini::{
    Action, StreamDecoder, StreamEncoder, StreamForm, decode_error, decode_models, decode_request,
    decode_response, encode_error, encode_models, encode_request, encode_response, path,
};
use distiq_llm::wire::sse::{SseDecoder, SseEvent};
use distiq_llm::wire::{HeaderView, Quirks, WireError, anthropic, openai};
use distiq_llm::{ProviderErrorKind, provider::ModelListing};
use serde_json::{Map, Value, json};

fn assistant(content: Vec<Content>) -> Message {
    Message { role: Role::Assistant, content }
}

fn user(content: Vec<Content>) -> Message {
    Message { role: Role::User, content }
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

fn thinking(text: &str, signature: &str) -> Content {
    Content::Thinking { text: text.into(), signature: Some(signature.into()) }
}

fn image(data: &str) -> Content {
    let source = ImageSource::Base64 { media_type: "image/png".into(), data: data.into() };
    Content::Image { source }
}

/// The request of the vendor's own documentation.
const DOCUMENTED: &str = r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},
 "contents":[
  {"role":"user","parts":[{"text":"What is in this?"},{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]},
  {"role":"model","parts":[{"functionCall":{"id":"c1","name":"read","args":{"path":"a.rs"}},"thoughtSignature":"c2ln"}]},
  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"read","response":{"output":"fn main(){}"}}}]}],
 "tools":[{"functionDeclarations":[{"name":"read","description":"Read a file","parametersJsonSchema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}]}],
 "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},
 "generationConfig":{"maxOutputTokens":8192,"thinkingConfig":{"thinkingLevel":"low","includeThoughts":true}},
 "cachedContent":"cachedContents/abc123"}"#;

#[test]
fn the_documented_request_is_read_and_written_back() {
    let request = decode_request("models/gemini-3.8-flash", true, DOCUMENTED.as_bytes()).unwrap();
    assert_eq!((request.model.as_str(), request.stream), ("gemini-3.8-flash", true));
    assert_eq!(request.system, [SystemBlock { text: "Be brief.".into() }]);
    let expected = [
        user(vec![Content::text("What is in this?"), image("iVBO")]),
        assistant(vec![thinking("", "gemini>c2ln"), call("c1", "read", r#"{"path":"a.rs"}"#)]),
        user(vec![Content::tool_result("c1", "fn main(){}", false)]),
    ];
    assert_eq!(request.messages, expected);
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert_eq!(
        (request.max_tokens, request.effort, request.thinking.clone()),
        (Some(8192), Some(Effort::Low), Some(ThinkingMode::Adaptive))
    );
    let written = encode_request(&request, &Quirks::default());
    let original: Value = serde_json::from_str(DOCUMENTED).unwrap();
    for (key, value) in original.as_object().unwrap() {
        assert_eq!(&written[key], value, "{key}");
    }
    assert_eq!(written.as_object().unwrap().len(), original.as_object().unwrap().len());
    assert_eq!(
        path(&request.model, Action::Stream),
        "models/gemini-3.8-flash:streamGenerateContent"
    );
}

#[test]
fn names_in_snake_case_are_the_same() {
    let snake = DOCUMENTED
        .replace("systemInstruction", "system_instruction")
        .replace("inlineData", "inline_data")
        .replace("mimeType", "mime_type")
        .replace("functionCall\"", "function_call\"")
        .replace("thoughtSignature", "thought_signature")
        .replace("functionResponse", "function_response")
        .replace("functionDeclarations", "function_declarations")
        .replace("parametersJsonSchema", "parameters_json_schema")
        .replace("toolConfig", "tool_config")
        .replace("functionCallingConfig", "function_calling_config")
        .replace("generationConfig", "generation_config")
        .replace("maxOutputTokens", "max_output_tokens")
        .replace("thinkingConfig", "thinking_config")
        .replace("thinkingLevel", "thinking_level")
        .replace("includeThoughts", "include_thoughts")
        .replace("cachedContent\"", "cached_content\"");
    assert_eq!(
        decode_request("m", false, snake.as_bytes()).unwrap(),
        decode_request("m", false, DOCUMENTED.as_bytes()).unwrap()
    );
}

#[test]
fn a_requests_every_part_goes_out() {
    let schema = json!({"$schema": "x", "type": "object", "additionalProperties": false});
    let request = Request {
        model: "gemini-3.8-flash".into(),
        system: vec![SystemBlock { text: "S".into() }, SystemBlock { text: String::new() }],
        tools: vec![ToolDef {
            name: "read".into(),
            description: "Reads".into(),
            schema: schema.clone(),
            extra: Map::new(),
        }],
        tool_choice: Some(ToolChoice::Tool("read".into())),
        messages: vec![
            user(vec![
                Content::text("look"),
                Content::Image { source: ImageSource::Url { url: "https://x/a.webp".into() } },
                Content::Document {
                    source: DocumentSource::Base64 {
                        media_type: "application/pdf".into(),
                        data: "JVBE".into(),
                    },
                    title: Some("a.pdf".into()),
                    extra: Map::new(),
                },
            ]),
            assistant(vec![
                thinking("not Google's", "EqQB"),
                Content::text("Reading."),
                call("toolu_1", "read", "{\"b\":1,\"a\":2}"),
                call("toolu_2", "list", ""),
            ]),
            user(vec![
                Content::text("and?"),
                Content::ToolResult {
                    call_id: "toolu_2".into(),
                    content: vec![Content::text("none"), image("AAAA")],
                    is_error: true,
                },
                Content::tool_result("toolu_1", "{\"n\":1}", false),
            ]),
            Message { role: Role::System, content: vec![Content::text("note")] },
        ],
        max_tokens: Some(5),
        stop: vec!["END".into()],
        temperature: Some(0.5),
        top_p: Some(0.25),
        effort: Some(Effort::Xhigh),
        output: Some(OutputFormat::JsonSchema { name: "o".into(), schema, strict: Some(true) }),
        extra: Some((Dialect::Anthropic, json!({"top_k": 7}).as_object().cloned().unwrap())),
        ..Request::default()
    };
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "S"}]},
        "tools": [{"functionDeclarations": [{"name": "read", "description": "Reads",
            "parametersJsonSchema": {"type": "object", "additionalProperties": false}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read"]}},
        "generationConfig": {"maxOutputTokens": 5, "temperature": 0.5, "topP": 0.25,
            "stopSequences": ["END"], "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object", "additionalProperties": false},
            "thinkingConfig": {"thinkingLevel": "high"}, "topK": 7},
        "contents": [
            {"role": "user", "parts": [{"text": "look"},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://x/a.webp"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "JVBE",
                    "displayName": "a.pdf"}}]},
            {"role": "model", "parts": [{"text": "Reading."},
                {"functionCall": {"id": "toolu_1", "name": "read", "args": {"b": 1, "a": 2}},
                    "thoughtSignature": "skip_thought_signature_validator"},
                {"functionCall": {"id": "toolu_2", "name": "list", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "toolu_1", "name": "read", "response": {"n": 1}}},
                {"functionResponse": {"id": "toolu_2", "name": "list",
                    "response": {"error": "none"},
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}}]},
            {"role": "user", "parts": [{"text": "and?"}]},
            {"role": "user", "parts": [{"text": "<system>\nnote\n</system>"}]}]});
    let body = encode_request(&request, &Quirks::default());
    assert_eq!(body, expected, "{body:#}");
    let older = Request { model: "gemini-2.5-pro".into(), ..request };
    let body = encode_request(&older, &Quirks { schema_subset: true, ..Quirks::default() });
    assert_eq!(body["generationConfig"]["thinkingConfig"], json!({"thinkingBudget": 24576}));
    assert_eq!(body["generationConfig"]["responseSchema"], json!({"type": "OBJECT"}));
    assert_eq!(
        body["tools"][0]["functionDeclarations"][0]["parameters"],
        json!({"type": "OBJECT"})
    );
    assert!(body["contents"][1]["parts"][1].get("thoughtSignature").is_none());
}

#[test]
fn thinking_is_a_level_or_a_budget_by_model() {
    let config = |model: &str, thinking: Option<ThinkingMode>, effort: Option<Effort>| {
        let request = Request { model: model.into(), thinking, effort, ..Request::default() };
        encode_request(&request, &Quirks::default())["generationConfig"]["thinkingConfig"].clone()
    };
    use ThinkingMode::{Adaptive, Budget, Disabled};
    let new = "gemini-3.8-flash";
    assert_eq!(config(new, None, None), Value::Null);
    assert_eq!(config(new, Some(Adaptive), None), json!({"includeThoughts": true}));
    assert_eq!(config(new, Some(Disabled), None), json!({"thinkingLevel": "minimal"}));
    assert_eq!(config("gemini-4-argon", Some(Disabled), None), json!({"thinkingLevel": "low"}));
    assert_eq!(
        config(new, Some(Budget(4096)), None),
        json!({"thinkingLevel": "medium", "includeThoughts": true})
    );
    let old = "models/gemini-2.5-flash";
    assert_eq!(config(old, Some(Disabled), None), json!({"thinkingBudget": 0}));
    assert_eq!(
        config(old, Some(Budget(4096)), Some(Effort::High)),
        json!({"thinkingBudget": 4096, "includeThoughts": true})
    );
    assert_eq!(config(old, None, Some(Effort::Medium)), json!({"thinkingBudget": 8192}));
    assert_eq!(
        config(old, Some(Adaptive), None),
        json!({"thinkingBudget": -1, "includeThoughts": true})
    );
    assert_eq!(config("gemini-2.0-flash", Some(Adaptive), Some(Effort::High)), Value::Null);
}

#[test]
fn reads_what_a_client_may_write() {
    let body = r#"{"contents":[
        {"parts":[{"text":"one"},{"text":"two"},
          {"fileData":{"mimeType":"application/pdf","fileUri":"https://x/a.pdf"}},
          {"fileData":{"mimeType":"video/mp4","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/abc"}},
          {"inlineData":{"mimeType":"text/plain","data":"0L8="}}]},
        {"role":"model","parts":[{"text":"hm","thought":true},{"text":"mm","thought":true},
          {"text":"Hel"},{"text":"lo"},{"text":"!","thoughtSignature":"AA=="},{"text":"x"},
          {"functionCall":{"name":"a","args":{"x":1}}},{"functionCall":{"name":"b"}},
          {"executableCode":{"language":"PYTHON","code":"1"}},{"text":"","thoughtSignature":"BB=="}]},
        {"role":"function","parts":[
          {"functionResponse":{"name":"b","response":{"result":"B"}}},
          {"functionResponse":{"name":"a","response":{"deep":{"n":[1]}}}}]}],
      "tools":[{"google_search":{}},{"functionDeclarations":[{"name":"a","behavior":"BLOCKING",
          "parameters":{"type":"OBJECT","properties":{"x":{"type":"INTEGER","nullable":true}}}}]}],
      "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a","b"]}},
      "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}],
      "generationConfig":{"topK":3,"candidateCount":1,"responseMimeType":"application/json",
        "responseSchema":{"type":"OBJECT"},"thinkingConfig":{"thinkingBudget":-1}}}"#;
    let request = decode_request("gemini-2.5-pro", false, body.as_bytes()).unwrap();
    let made: Vec<&str> = request.messages[1].tool_calls().map(|(id, ..)| id).collect();
    assert!(made[0].starts_with("call_made_") && made[0] != made[1], "{made:?}");
    let expected = [
        user(vec![
            Content::text("one"),
            Content::text("two"),
            Content::Document {
                source: DocumentSource::Url { url: "https://x/a.pdf".into() },
                title: None,
                extra: Map::new(),
            },
            Content::Other {
                dialect: Dialect::Gemini,
                json: json!({"fileData": {"mimeType": "video/mp4", "fileUri":
                    "https://generativelanguage.googleapis.com/v1beta/files/abc"}}),
            },
            Content::Document {
                source: DocumentSource::Text { text: "п".into() },
                title: None,
                extra: Map::new(),
            },
        ]),
        assistant(vec![
            thinking("hmmm", "gemini:"),
            Content::text("Hello"),
            thinking("", "gemini>AA=="),
            Content::text("!"),
            Content::text("x"),
            call(made[0], "a", r#"{"x":1}"#),
            call(made[1], "b", "{}"),
            Content::Other {
                dialect: Dialect::Gemini,
                json: json!({"executableCode": {"language": "PYTHON", "code": "1"}}),
            },
            thinking("", "gemini.BB=="),
        ]),
        user(vec![
            Content::tool_result(made[1], "B", false),
            Content::tool_result(made[0], r#"{"deep":{"n":[1]}}"#, false),
        ]),
    ];
    assert_eq!(request.messages, expected);
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.thinking, Some(ThinkingMode::Adaptive));
    assert_eq!(request.tools[1].schema["properties"]["x"]["type"], json!(["integer", "null"]));
    let body = encode_request(&request, &Quirks::default());
    assert_eq!(body["tools"][0], json!({"googleSearch": {}}));
    assert_eq!(body["tools"][1]["functionDeclarations"][0]["behavior"], "BLOCKING");
    assert_eq!(
        body["toolConfig"],
        json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}})
    );
    assert_eq!(
        body["contents"][1]["parts"],
        json!([{"text": "hmmm", "thought": true}, {"text": "Hello"},
            {"text": "!", "thoughtSignature": "AA=="}, {"text": "x"},
            {"functionCall": {"name": "a", "args": {"x": 1}}},
            {"functionCall": {"name": "b", "args": {}}},
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"text": "", "thoughtSignature": "BB=="}])
    );
    assert_eq!(
        body["contents"][2]["parts"],
        json!([{"functionResponse": {"name": "a", "response": {"deep": {"n": [1]}}}},
            {"functionResponse": {"name": "b", "response": {"output": "B"}}}])
    );
    assert_eq!(body["generationConfig"]["topK"], 3);
    assert_eq!(body["safetySettings"][0]["threshold"], "OFF");
    for (body, place) in [
        ("[]", "body"),
        ("{}", "contents"),
        (r#"{"contents":[{"role":"system","parts":[]}]}"#, "contents[0].role"),
        (
            r#"{"contents":[{"parts":[{"functionCall":{}}]}]}"#,
            "contents[0].parts[0].functionCall.name",
        ),
        (
            r#"{"contents":[],"generationConfig":{"stopSequences":"x"}}"#,
            "generationConfig.stopSequences",
        ),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#,
            "tools[0].functionDeclarations[0].name",
        ),
    ] {
        let error = decode_request("m", false, body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{place}: ")), "{body}: {error}");
    }
}

/// The answer of the vendor's own documentation.
const ANSWER: &str = r#"{
 "candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Hm.","thought":true},{"text":"Answer"}]},
   "finishReason":"STOP","safetyRatings":[],"groundingMetadata":{"webSearchQueries":["q"]}}],
 "usageMetadata":{"promptTokenCount":1200,"cachedContentTokenCount":1024,"candidatesTokenCount":40,
   "thoughtsTokenCount":90,"toolUsePromptTokenCount":0,"totalTokenCount":1330,
   "promptTokensDetails":[{"modality":"TEXT","tokenCount":1200}],"cacheTokensDetails":[]},
 "modelVersion":"gemini-3.8-flash","responseId":"abc"}"#;

#[test]
fn the_documented_answer_is_read_and_written() {
    let response = decode_response(ANSWER.as_bytes()).unwrap();
    let usage =
        Usage { input: 176, cache_read: 1024, output: 130, reasoning: 90, ..Usage::default() };
    let expected = Response {
        id: "abc".into(),
        model: "gemini-3.8-flash".into(),
        content: vec![
            thinking("Hm.", "gemini:"),
            Content::text("Answer"),
            Content::Other {
                dialect: Dialect::Gemini,
                json: json!({"candidate": {"groundingMetadata": {"webSearchQueries": ["q"]}}}),
            },
        ],
        stop: StopReason::EndTurn,
        usage: Some(usage),
    };
    assert_eq!(response, expected);
    let written = encode_response(&response);
    assert_eq!(
        written["candidates"][0]["content"],
        json!({"parts": [
        {"text": "Hm.", "thought": true}, {"text": "Answer"}], "role": "model"})
    );
    assert_eq!(written["candidates"][0]["groundingMetadata"]["webSearchQueries"], json!(["q"]));
    assert_eq!(written["usageMetadata"]["totalTokenCount"], 1330);
    assert_eq!(decode_response(written.to_string().as_bytes()).unwrap(), expected);
}

#[test]
fn pictures_in_the_sdks_base64_become_plain() {
    let body =
        r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA-_-w"}}]}]}"#;
    let request = decode_request("m", false, body.as_bytes()).unwrap();
    assert_eq!(request.messages[0].content, [image("AA+/+w==")]);
}

#[test]
fn blocked_prompts_and_finish_reasons() {
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},
        "usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m"}"#;
    let response = decode_response(blocked.as_bytes()).unwrap();
    assert_eq!((response.stop, response.content), (StopReason::Refusal, vec![]));
    assert_eq!(response.usage.map(|usage| usage.input), Some(9));
    let stop = |reason: &str| {
        let body = json!({"candidates": [{"content": {"parts": [{"text": "x"}]},
            "finishReason": reason}]});
        decode_response(body.to_string().as_bytes()).map(|response| response.stop)
    };
    assert_eq!(stop("MAX_TOKENS"), Ok(StopReason::MaxTokens));
    assert_eq!(stop("CONTINUATION"), Ok(StopReason::PauseTurn));
    assert_eq!(stop("NO_IMAGE"), Ok(StopReason::Other("NO_IMAGE".into())));
    for reason in ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"] {
        assert_eq!(stop(reason), Ok(StopReason::Refusal), "{reason}");
    }
    for (reason, retried) in
        [("MALFORMED_FUNCTION_CALL", true), ("MISSING_THOUGHT_SIGNATURE", false)]
    {
        let Err(WireError::Vendor(error)) = stop(reason) else { panic!("{reason}") };
        assert_eq!((error.is_retryable(), error.code.as_deref()), (retried, Some(reason)));
    }
}

/// A stream of a thinking model that calls two tools at once.
const STREAM: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Let me \",\"thought\":true}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":20,\"totalTokenCount\":25,\"thoughtsTokenCount\":5},\"modelVersion\":\"gemini-3.8-flash\",\"responseId\":\"r1\"}\r\n\r\n\
data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"see.\",\"thought\":true}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"gemini-3.8-flash\",\"responseId\":\"r1\"}\r\n\r\n\
data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"I \"},{\"text\":\"read.\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n\
data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"read\",\"args\":{\"path\":\"a\"}},\"thoughtSignature\":\"U0lH\"},{\"functionCall\":{\"name\":\"read\",\"args\":{\"path\":\"b\"}}}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n\
data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"RU5E\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":20,\"candidatesTokenCount\":7,\"thoughtsTokenCount\":5,\"totalTokenCount\":32}}\r\n\r\n";

fn assemble(events: &[StreamEvent]) -> Assembler {
    let mut assembler = Assembler::default();
    events.iter().for_each(|event| assembler.push(event));
    assembler
}

fn read_stream(bytes: &[u8]) -> Result<Vec<StreamEvent>, WireError> {
    let mut decoder = StreamDecoder::new();
    let mut out = Vec::new();
    for event in SseDecoder::new().push(bytes).unwrap() {
        out.extend(decoder.feed(&event)?);
    }
    out.extend(decoder.finish()?);
    Ok(out)
}

#[test]
fn a_stream_is_read_with_its_signatures_and_goes_back_exactly() {
    let events = read_stream(STREAM.as_bytes()).unwrap();
    let response = assemble(&events).into_response();
    let ids: Vec<String> = response
        .content
        .iter()
        .filter_map(|part| match part {
            Content::ToolCall { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect();
    let expected = [
        thinking("Let me see.", "gemini:"),
        Content::text("I read."),
        thinking("", "gemini>U0lH"),
        call(&ids[0], "read", r#"{"path":"a"}"#),
        call(&ids[1], "read", r#"{"path":"b"}"#),
        thinking("", "gemini.RU5E"),
    ];
    assert_eq!(response.content, expected);
    assert_eq!(response.stop, StopReason::ToolUse);
    assert_eq!(
        response.usage,
        Some(Usage { input: 20, output: 12, reasoning: 5, ..Usage::default() })
    );
    let sent = json!([{"text": "Let me see.", "thought": true}, {"text": "I read."},
        {"functionCall": {"name": "read", "args": {"path": "a"}}, "thoughtSignature": "U0lH"},
        {"functionCall": {"name": "read", "args": {"path": "b"}}},
        {"text": "", "thoughtSignature": "RU5E"}]);
    let request = |message: Message| Request {
        model: "gemini-3.8-flash".into(),
        messages: vec![message],
        ..Request::default()
    };
    let message = response.clone().into_message();
    let body = encode_request(&request(message.clone()), &Quirks::default());
    assert_eq!(body["contents"][0]["parts"], sent);

    // The same, by way of an Anthropic client, who gives back what it was given.
    let shown = anthropic::encode_response(&response);
    let history = json!({"model": "m", "max_tokens": 1, "messages": [
        {"role": "assistant", "content": shown["content"]}]});
    let mut back = anthropic::decode_request(history.to_string().as_bytes()).unwrap();
    back.model = "gemini-3.8-flash".into();
    assert_eq!(encode_request(&back, &Quirks::default())["contents"][0]["parts"], sent);
    // Anthropic itself is not shown them.
    let foreign = anthropic::encode_request(&back, &Quirks::default());
    assert_eq!(foreign["messages"][0]["content"].as_array().unwrap().len(), 3);

    // And by way of a Gemini client.
    for form in [StreamForm::Sse, StreamForm::Array] {
        let mut encoder = StreamEncoder::new(form);
        let written: String = events.iter().map(|event| encoder.encode(event)).collect();
        let again = match form {
            StreamForm::Sse => assemble(&read_stream(written.as_bytes()).unwrap()).into_response(),
            StreamForm::Array => decode_response(written.as_bytes()).unwrap(),
        };
        assert_eq!(again, response, "{written}");
    }
}

#[test]
fn another_vendors_thinking_survives_a_gemini_client() {
    let content = vec![
        thinking("Deep.", "EqQBCkgIYxgCIkA="),
        Content::RedactedThinking { data: "b3BhcXVl".into() },
        Content::text("Hi."),
        call("toolu_1", "read", "{}"),
    ];
    let response = Response {
        id: "msg".into(),
        model: "claude".into(),
        content: content.clone(),
        stop: StopReason::ToolUse,
        usage: None,
    };
    let shown = encode_response(&response);
    let history = json!({"contents": [shown["candidates"][0]["content"]]});
    let back = decode_request("claude", false, history.to_string().as_bytes()).unwrap();
    assert_eq!(back.messages[0].content, content);
    // The vendor of this dialect is not shown it.
    let body = encode_request(&back, &Quirks::default());
    assert_eq!(body["contents"][0]["parts"].as_array().unwrap().len(), 2, "{body}");
    let openai = openai::encode_request(&back, &Quirks::default());
    assert_eq!(openai["messages"][0]["tool_calls"][0]["id"], "toolu_1");
}

#[test]
fn a_stream_without_a_finish_reason_is_cut() {
    let frames: Vec<SseEvent> = SseDecoder::new().push(STREAM.as_bytes()).unwrap();
    for end in 0..frames.len() {
        let mut decoder = StreamDecoder::new();
        for frame in &frames[..end] {
            decoder.feed(frame).unwrap();
        }
        assert_eq!(decoder.finish(), Err(WireError::Truncated), "after {end} chunks");
    }
    let error =
        "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n";
    let Err(WireError::Vendor(error)) = read_stream(error.as_bytes()) else { panic!() };
    assert_eq!(error.kind, ProviderErrorKind::Overloaded);
}

#[test]
fn errors_tell_their_kind_and_the_wait() {
    let headers = HeaderView::new(jiff::Timestamp::UNIX_EPOCH, [("a", "b")]);
    let check = |status: u16, body: &str, kind: ProviderErrorKind, wait: Option<u64>| {
        let error = decode_error(status, &headers, body.as_bytes());
        assert_eq!((error.kind, error.retry_after.map(|w| w.as_secs())), (kind, wait), "{body}");
    };
    use ProviderErrorKind as Kind;
    let limited = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12s"}]}}"#;
    check(429, limited, Kind::RateLimited, Some(12));
    check(429, &format!("[{limited}]"), Kind::RateLimited, Some(12));
    check(429, &limited.replace("PerMinute", "PerDay"), Kind::SpendLimit, Some(12));
    let invalid = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",
        "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    check(400, invalid, Kind::Auth, None);
    check(400, &invalid.replace("API_KEY_INVALID", "OTHER"), Kind::InvalidRequest, None);
    for kind in [
        Kind::Auth,
        Kind::Billing,
        Kind::Permission,
        Kind::UnknownModel,
        Kind::InvalidRequest,
        Kind::ContextTooLong,
        Kind::TooLarge,
        Kind::RateLimited,
        Kind::SpendLimit,
        Kind::Overloaded,
        Kind::Server,
    ] {
        let (status, body) = encode_error(kind, "words");
        check(status, &body.to_string(), kind, None);
        assert_eq!(body["error"]["code"], status);
    }
}

#[test]
fn the_list_of_models_goes_both_ways() {
    let body = r#"{"models":[{"name":"models/gemini-3.8-flash","version":"001","displayName":"Flash",
        "inputTokenLimit":1048576,"outputTokenLimit":65536,
        "supportedGenerationMethods":["generateContent"]}],"nextPageToken":"p2"}"#;
    let (models, next) = decode_models(body.as_bytes()).unwrap();
    let flash = ModelListing {
        id: "gemini-3.8-flash".into(),
        display_name: Some("Flash".into()),
        context_tokens: Some(1_048_576),
        max_output_tokens: Some(65_536),
    };
    assert_eq!((models.as_slice(), next.as_deref()), ([flash.clone()].as_slice(), Some("p2")));
    let written = encode_models(&models, next.as_deref()).to_string();
    assert_eq!(decode_models(written.as_bytes()).unwrap(), (vec![flash], next));
}
