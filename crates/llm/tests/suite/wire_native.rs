//! Gemini's and Ollama's codecs over whatever comes: round trips, cuts, broken bytes.

use distiq_base::{
    Assembler, Content, Dialect, DocumentSource, Effort, ImageSource, Message, Request, Response,
    Role, StopReason, StreamEvent, SystemBlock, ThinkingMode, ToolChoice, ToolDef, Usage,
};
use distiq_llm::wire::frames::JsonDecoder;
use distiq_llm::wire::sse::SseDecoder;
use distiq_llm::wire::{Quirks, WireError, anthropic, gemini, notes, ollama, openai};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::wire_faults::{mutate, mutation};
use crate::wire_golden_ollama;
use crate::wire_streams::words;

fn id() -> impl Strategy<Value = String> {
    "[a-z]{1,3}[0-9_]{0,3}"
}

fn image() -> impl Strategy<Value = Content> {
    "[A-Za-z0-9+/]{4,8}".prop_map(|data| {
        let data = format!("iVBOR{data}");
        Content::Image { source: ImageSource::Base64 { media_type: "image/png".into(), data } }
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::vec((id(), any::<i32>()), 0..3)
        .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k, v.into())).collect()))
}

/// A turn: the user asks, the model calls, the results come.
fn turn(number: usize) -> impl Strategy<Value = Vec<Message>> {
    let calls = prop::collection::vec((id(), object(), words()), 0..3);
    (words(), prop::option::of(image()), prop::option::of(words()), calls).prop_map(
        move |(asked, image, said, calls)| {
            let user = |content| Message { role: Role::User, content };
            let mut out = vec![user(std::iter::once(Content::text(asked)).chain(image).collect())];
            let call_id = |i: usize| format!("c{number}_{i}");
            let mut content: Vec<Content> = said.into_iter().map(Content::text).collect();
            for (i, (name, arguments, _)) in calls.iter().enumerate() {
                content.push(Content::ToolCall {
                    id: call_id(i),
                    name: name.clone(),
                    arguments: arguments.to_string(),
                });
            }
            if !content.is_empty() {
                out.push(Message { role: Role::Assistant, content });
            }
            if !calls.is_empty() {
                let results = calls.iter().enumerate();
                out.push(user(
                    results
                        .map(|(i, (_, _, text))| Content::tool_result(call_id(i), text, false))
                        .collect(),
                ));
            }
            out
        },
    )
}

fn request(dialect: Dialect) -> impl Strategy<Value = Request> {
    let tools = prop::collection::vec((id(), words(), object()), 0..3).prop_map(|tools| {
        let tool =
            |(name, description, schema)| ToolDef { name, description, schema, extra: Map::new() };
        tools.into_iter().map(tool).collect::<Vec<_>>()
    });
    let effort = prop_oneof![Just(Effort::Low), Just(Effort::Medium), Just(Effort::High)];
    let turns = (turn(0), turn(1), turn(2)).prop_map(|(a, b, c)| [a, b, c].concat());
    (
        prop::option::of(words()),
        tools,
        turns,
        prop::option::of(1u64..9999),
        prop::collection::vec(words(), 0..3),
        prop::option::of(effort),
        any::<bool>(),
    )
        .prop_map(move |(system, tools, messages, max_tokens, stop, effort, stream)| Request {
            model: "gemini-3.8-flash".into(),
            system: system.into_iter().map(|text| SystemBlock { text }).collect(),
            tool_choice: (dialect == Dialect::Gemini && !tools.is_empty())
                .then_some(ToolChoice::Required),
            tools,
            messages,
            max_tokens,
            stop,
            effort,
            stream,
            extra: Some((dialect, Map::new())),
            ..Request::default()
        })
}

/// Texts of a request, in order: what must not be lost whoever reads it.
fn said(messages: &[Message]) -> Vec<String> {
    let mut out = Vec::new();
    for message in messages {
        // Results first, as every vendor has them.
        for part in &message.content {
            if let Content::ToolResult { content, .. } = part {
                out.extend(content.iter().map(|part| match part {
                    Content::Text { text } => text.clone(),
                    _ => String::new(),
                }));
            }
        }
        for part in &message.content {
            match part {
                Content::Text { text } => out.push(text.clone()),
                Content::ToolCall { name, arguments, .. } => {
                    out.push(format!("{name}({arguments})"));
                }
                _ => {}
            }
        }
    }
    out
}

/// Removes the signature that only tells Gemini that a call is not its own.
fn unsigned(mut request: Request) -> Request {
    request.extra = Some((Dialect::Gemini, Map::new()));
    request
}

fn block() -> impl Strategy<Value = Content> {
    prop_oneof![
        words().prop_map(Content::text),
        (id(), object()).prop_map(|(name, arguments)| Content::ToolCall {
            id: format!("id_{name}"),
            name,
            arguments: arguments.to_string(),
        }),
        (words(), "[A-Za-z0-9]{4}")
            .prop_map(|(text, signature)| Content::Thinking { text, signature: Some(signature) }),
        "[A-Za-z0-9]{4}".prop_map(|data| Content::RedactedThinking { data }),
        (prop_oneof![Just("gemini>"), Just("gemini.")], "[A-Za-z0-9]{4}").prop_map(
            |(tag, signature)| Content::Thinking {
                text: String::new(),
                signature: Some(format!("{tag}{signature}")),
            }
        ),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    (prop::collection::vec(block(), 1..6), 0u64..999, 0u64..999).prop_map(
        |(mut content, input, output)| {
            // Texts beside each other are one, unless they are signed; a signature that nothing
            // follows stands alone.
            let bare = |part: &Content| {
                matches!(part, Content::Thinking { signature: Some(s), .. } if s.starts_with("gemini>"))
            };
            content.dedup_by(|b, a| {
                matches!((a, b), (Content::Text { .. }, Content::Text { .. }))
            });
            let mut kept: Vec<Content> = Vec::new();
            let mut parts = content.into_iter().peekable();
            while let Some(part) = parts.next() {
                let follows = |next: Option<&Content>| {
                    matches!(next, Some(Content::Text { .. } | Content::ToolCall { .. }))
                };
                if !bare(&part) || follows(parts.peek()) {
                    kept.push(part);
                }
            }
            let calls = kept.iter().any(|part| matches!(part, Content::ToolCall { .. }));
            Response {
                id: "r".into(),
                model: "m".into(),
                content: kept,
                stop: if calls { StopReason::ToolUse } else { StopReason::EndTurn },
                usage: Some(Usage { input, output, ..Usage::default() }),
            }
        },
    )
}

fn events(response: &Response) -> Vec<StreamEvent> {
    use distiq_base::{BlockStart, Delta};
    let (id, model) = (response.id.clone(), response.model.clone());
    let mut out = vec![StreamEvent::Start { id, model }];
    for (index, part) in response.content.iter().enumerate() {
        let (block, deltas) = match part.clone() {
            Content::Text { text } => (BlockStart::Text, vec![Delta::Text { text }]),
            Content::Thinking { text, signature } => {
                let text = (!text.is_empty()).then_some(Delta::Thinking { text });
                let signature = signature.map(|signature| Delta::Signature { signature });
                (BlockStart::Thinking, text.into_iter().chain(signature).collect())
            }
            Content::ToolCall { id, name, arguments } => {
                (BlockStart::ToolCall { id, name }, vec![Delta::Arguments { json: arguments }])
            }
            Content::RedactedThinking { data } => {
                (BlockStart::RedactedThinking { data }, Vec::new())
            }
            _ => continue,
        };
        out.push(StreamEvent::BlockStart { index, block });
        out.extend(deltas.into_iter().map(|delta| StreamEvent::BlockDelta { index, delta }));
        out.push(StreamEvent::BlockStop { index });
    }
    out.extend(response.usage.map(|usage| StreamEvent::Usage { usage }));
    out.push(StreamEvent::Stop { reason: response.stop.clone() });
    out.push(StreamEvent::End);
    out
}

fn read_gemini(bytes: &[u8]) -> Result<Response, WireError> {
    let mut decoder = gemini::StreamDecoder::new();
    let mut assembler = Assembler::default();
    for event in SseDecoder::new().push(bytes)? {
        decoder.feed(&event)?.iter().for_each(|event| assembler.push(event));
    }
    decoder.finish()?.iter().for_each(|event| assembler.push(event));
    Ok(assembler.into_response())
}

proptest! {
    #[test]
    fn gemini_requests_both_ways(request in request(Dialect::Gemini)) {
        let body = gemini::encode_request(&request, &Quirks::default()).to_string();
        let stream = request.stream;
        let found = gemini::decode_request(&request.model, stream, body.as_bytes()).unwrap();
        prop_assert_eq!(unsigned(found), request);
    }

    #[test]
    fn ollama_requests_both_ways(request in request(Dialect::Ollama)) {
        let body = ollama::encode_request(&request, &Quirks::default()).to_string();
        let mut found = ollama::decode_request(body.as_bytes()).unwrap();
        found.extra = request.extra.clone();
        prop_assert_eq!(found, request);
    }

    #[test]
    fn no_word_is_lost_on_the_way_through_any_dialect(request in request(Dialect::Gemini)) {
        let quirks = Quirks::default();
        let bodies = [
            anthropic::decode_request(
                anthropic::encode_request(&request, &quirks).to_string().as_bytes()),
            openai::decode_request(
                openai::encode_request(&request, &Quirks::openai()).to_string().as_bytes()),
            ollama::decode_request(
                ollama::encode_request(&request, &quirks).to_string().as_bytes()),
        ];
        for found in bodies {
            prop_assert_eq!(said(&found.unwrap().messages), said(&request.messages));
        }
    }

    #[test]
    fn gemini_answers_both_ways(response in response()) {
        let body = gemini::encode_response(&response).to_string();
        prop_assert_eq!(&gemini::decode_response(body.as_bytes()).unwrap(), &response);
        let mut encoder = gemini::StreamEncoder::new(gemini::StreamForm::Sse);
        let chunks: Vec<String> =
            events(&response).iter().map(|event| encoder.encode(event)).collect();
        prop_assert_eq!(&read_gemini(chunks.concat().as_bytes()).unwrap(), &response);
        // Cut behind any chunk but the last, it is no answer.
        let written: Vec<&String> = chunks.iter().filter(|chunk| !chunk.is_empty()).collect();
        for end in 0..written.len() - 1 {
            let cut: String = written[..end].iter().map(|chunk| chunk.as_str()).collect();
            prop_assert_eq!(read_gemini(cut.as_bytes()), Err(WireError::Truncated));
        }
    }

    #[test]
    fn ollama_answers_both_ways(response in response()) {
        let mut encoder = ollama::StreamEncoder::new(ollama::AnswerOptions::default());
        let lines: Vec<String> =
            events(&response).iter().map(|event| encoder.encode(event)).collect();
        let found = wire_golden_ollama::read(lines.concat().as_bytes(), 97).unwrap();
        let message = |response: &Response| Message {
            role: Role::Assistant,
            content: response.content.clone(),
        };
        prop_assert_eq!(said(&[message(&found)]).concat(), said(&[message(&response)]).concat());
        prop_assert_eq!(found.usage, response.usage);
        prop_assert_eq!(found.stop, response.stop);
    }
}

const GEMINI_REQUEST: &str = r##"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"xx"}},{"fileData":{"mimeType":"image/png","fileUri":"https://x/a.png"}}]},
 {"role":"model","parts":[{"text":"t","thought":true,"thoughtSignature":"AA=="},{"functionCall":{"name":"n","args":{}},"thoughtSignature":"BB=="}]},
 {"role":"user","parts":[{"functionResponse":{"name":"n","response":{"output":"r"},"parts":[]}}]}],
 "tools":[{"functionDeclarations":[{"name":"n","parameters":{"type":"OBJECT","properties":{"a":{"$ref":"#/properties/a"}}}}]},{"googleSearch":{}}],
 "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"generationConfig":{"thinkingConfig":{"thinkingBudget":5},"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"}}}"##;

const GEMINI_STREAM: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"a\",\"thoughtSignature\":\"AA==\"},{\"functionCall\":{\"name\":\"n\",\"args\":{\"a\":1}}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3},\"responseId\":\"r\"}\n\n";

const OLLAMA_REQUEST: &str = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a","images":["iVBO"]},
 {"role":"assistant","content":"","thinking":"t","tool_calls":[{"function":{"name":"n","arguments":{}}}]},{"role":"tool","tool_name":"n","content":"r"}],
 "tools":[{"type":"function","function":{"name":"n","parameters":{}}}],"format":{"type":"object"},"think":true,"options":{"num_predict":5,"stop":["x"]}}"#;

fn decode_everything(bytes: &[u8]) {
    let quirks = Quirks { schema_subset: true, ..Quirks::default() };
    let requests = [
        gemini::decode_request("gemini-3.8-flash", true, bytes),
        gemini::decode_count_request("m", bytes),
        ollama::decode_request(bytes),
        ollama::decode_generate(bytes),
    ];
    for request in requests.into_iter().flatten() {
        for dialect in [Dialect::Anthropic, Dialect::Openai, Dialect::Gemini, Dialect::Ollama] {
            let _ = notes(&request, dialect);
        }
        gemini::encode_request(&request, &quirks);
        ollama::encode_request(&request, &quirks);
        ollama::encode_generate(&request, &quirks);
        anthropic::encode_request(&request, &quirks);
        openai::encode_request(&request, &quirks);
    }
    let _ = (gemini::decode_response(bytes), ollama::decode_response(bytes));
    let _ = (gemini::decode_models(bytes), ollama::decode_tags(bytes), ollama::decode_show(bytes));
    let _ = (gemini::decode_embed_request("m", bytes), gemini::decode_embed_response(bytes));
    let _ = (ollama::decode_embed_request(bytes), ollama::decode_embed_response(bytes));
    let events = SseDecoder::new().push(bytes).unwrap_or_default();
    let values = JsonDecoder::new().push(bytes).unwrap_or_default();
    for frames in [events, values] {
        let mut first = gemini::StreamDecoder::new();
        let mut second = ollama::StreamDecoder::new();
        let mut encoder = gemini::StreamEncoder::new(gemini::StreamForm::Array);
        let mut other = ollama::StreamEncoder::new(ollama::AnswerOptions::default());
        for frame in &frames {
            for event in first.feed(frame).unwrap_or_default() {
                encoder.encode(&event);
                other.encode(&event);
            }
            for event in second.feed(frame).unwrap_or_default() {
                encoder.encode(&event);
            }
        }
        let _ = (first.finish(), second.finish());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn broken_bytes_never_panic(mutations in prop::collection::vec(mutation(), 1..6)) {
        let texts =
            [GEMINI_REQUEST, GEMINI_STREAM, OLLAMA_REQUEST, wire_golden_ollama::STREAM];
        for text in texts {
            decode_everything(&mutate(text, &mutations));
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_everything(&bytes);
    }
}

#[test]
fn a_documents_way_through_the_dialects() {
    let document = |source| Content::Document { source, title: None, extra: Map::new() };
    let request = Request {
        model: "m".into(),
        messages: vec![Message {
            role: Role::User,
            content: vec![document(DocumentSource::Base64 {
                media_type: "application/pdf".into(),
                data: "JVBE".into(),
            })],
        }],
        thinking: Some(ThinkingMode::Disabled),
        ..Request::default()
    };
    let quirks = Quirks::default();
    let gemini_body = gemini::encode_request(&request, &quirks);
    assert_eq!(
        gemini_body["contents"][0]["parts"][0]["inlineData"],
        json!({"mimeType": "application/pdf", "data": "JVBE"})
    );
    let openai_body = openai::encode_request(&request, &quirks);
    assert_eq!(
        openai_body["messages"][0]["content"][0]["file"]["file_data"],
        "data:application/pdf;base64,JVBE"
    );
    let anthropic_body = anthropic::encode_request(&request, &quirks).to_string();
    let found = anthropic::decode_request(anthropic_body.as_bytes()).unwrap();
    assert_eq!(found.messages, request.messages);
    let refused = distiq_llm::wire::notes::refusal(&request, Dialect::Ollama).unwrap();
    assert!(refused.contains("send their text"), "{refused}");
}
