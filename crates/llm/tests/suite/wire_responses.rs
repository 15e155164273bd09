//! The Responses dialect's answers, cut, broken and crossing into the others at random.

use distiq_base::{BlockStart, Content, Delta, Dialect, Response, StopReason, StreamEvent};
use distiq_llm::ProviderErrorKind::Overloaded;
use distiq_llm::wire::responses::{
    Asked, StreamDecoder, StreamEncoder, decode_request, decode_response, encode_answer,
    encode_request, encode_response,
};
use distiq_llm::wire::sse::SseEvent;
use distiq_llm::wire::{MAX_ANSWER_BLOCKS, Quirks, WireError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::wire_streams::{Dice, anthropic_answer_block, dice, events, id, sizes, usage, words};
use crate::{wire_golden_anthropic, wire_golden_responses};

/// An answer of any vendor: signed and unsigned thinking, redacted thinking, texts, calls.
fn response() -> impl Strategy<Value = Response> {
    let block = anthropic_answer_block()
        .prop_filter("a block of the vocabulary", |c| !matches!(c, Content::Other { .. }));
    let unsigned = words().prop_map(|text| Content::Thinking { text, signature: None });
    let block = prop_oneof![8 => block, 1 => unsigned];
    let cut = prop_oneof![4 => Just(None), 1 => Just(Some(StopReason::MaxTokens)),
        1 => Just(Some(StopReason::Refusal))];
    (id(), words(), prop::collection::vec(block, 0..8), cut, prop::option::of(usage(true)))
        .prop_map(|(id, model, content, cut, usage)| {
            let calls = content.iter().any(|c| matches!(c, Content::ToolCall { .. }));
            let natural = if calls { StopReason::ToolUse } else { StopReason::EndTurn };
            Response { id, model, content, stop: cut.unwrap_or(natural), usage }
        })
}

/// Returns an answer without what only this dialect has: thinking without any signature has got the
/// item's id as one.
fn known(mut content: Vec<Content>) -> Vec<Content> {
    for part in &mut content {
        if let Content::Thinking { signature, .. } = part
            && signature.as_ref().is_some_and(|s| s.starts_with("responses:"))
        {
            *signature = None;
        }
    }
    content.retain(|c| !matches!(c, Content::Other { .. }));
    content
}

/// Returns an answer without any proof of thinking: what a client reads is the item's, which only
/// the server that handed it out understands.
fn unproven(content: Vec<Content>) -> Vec<Content> {
    let plain = |part| match part {
        Content::Thinking { text, .. } => Content::Thinking { text, signature: None },
        Content::RedactedThinking { .. } => {
            Content::Thinking { text: String::new(), signature: None }
        }
        other => other,
    };
    known(content).into_iter().map(plain).collect()
}

/// Holds a stream against the vendor's order, as its own client does: numbers without a gap, no
/// event of an item that was not named, items done under the name they began with.
fn check_order(bytes: &str) {
    let mut open: Vec<(u64, Value)> = Vec::new();
    let mut names = Vec::new();
    for (number, frame) in bytes.split_terminator("\n\n").enumerate() {
        let (event, data) = frame.split_once('\n').unwrap();
        let json: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let name = event.strip_prefix("event: ").unwrap();
        assert_eq!(json["type"], name);
        assert_eq!(json["sequence_number"], number);
        let place = json["output_index"].as_u64();
        match name {
            "response.output_item.added" => {
                open.push((place.unwrap(), json["item"]["id"].clone()));
            }
            "response.output_item.done" => {
                let at = open.iter().position(|(open, _)| Some(*open) == place).unwrap();
                assert_eq!(open.remove(at).1, json["item"]["id"]);
            }
            _ if place.is_some() => {
                let item = open.iter().find(|(open, _)| Some(*open) == place);
                assert_eq!(item.unwrap().1, json["item_id"], "{name}");
            }
            _ => names.push(name.to_owned()),
        }
    }
    assert!(open.is_empty());
    assert_eq!(names[..2], ["response.created", "response.in_progress"]);
    assert_eq!(names.len(), 3);
}

proptest! {
    #[test]
    fn whole(response in response()) {
        let body = encode_response(&response).to_string();
        let found = decode_response(body.as_bytes()).unwrap();
        prop_assert_eq!(unproven(found.content), unproven(response.content));
        prop_assert_eq!((found.id, found.model), (response.id, response.model));
        prop_assert_eq!((found.stop, found.usage), (response.stop, response.usage));
    }

    #[test]
    fn streamed(response in response(), dice in dice(), sizes in sizes()) {
        let mut encoder = StreamEncoder::new(Asked::default());
        let events = events(&response, |_| true, Dice(dice.into_iter()));
        let bytes: String = events.iter().map(|event| encoder.encode(event)).collect();
        check_order(&bytes);
        let whole = encoder.whole().unwrap().to_string();
        for found in [
            wire_golden_responses::read(bytes.as_bytes(), &sizes).unwrap(),
            decode_response(whole.as_bytes()).unwrap(),
        ] {
            // Blocks that begin side by side are one list in the order of their items.
            let key = |content: Vec<Content>| {
                let mut all: Vec<String> =
                    unproven(content).iter().map(|part| format!("{part:?}")).collect();
                all.sort();
                all
            };
            prop_assert_eq!(key(found.content), key(response.content.clone()));
            prop_assert_eq!(&found.stop, &response.stop);
            prop_assert_eq!(found.usage, response.usage);
        }
    }

    #[test]
    fn an_answer_of_this_dialect_survives_a_client_of_anthropics(
        dice in dice(),
        sizes in sizes(),
    ) {
        // Streamed to a client that knows nothing of items, and back in its next request.
        let answer = decode_response(wire_golden_responses::RESPONSE.as_bytes()).unwrap();
        let mut encoder = distiq_llm::wire::anthropic::StreamEncoder::new();
        let events = events(&answer, |_| false, Dice(dice.into_iter()));
        let bytes: String = events.iter().map(|event| encoder.encode(event)).collect();
        let found = wire_golden_anthropic::read(bytes.as_bytes(), &sizes).unwrap();
        let request = distiq_base::Request {
            messages: vec![found.into_message()],
            ..Default::default()
        };
        let input = &encode_request(&request, &Quirks::openai())["input"];
        let expected: Value = serde_json::from_str(wire_golden_responses::RESPONSE).unwrap();
        for field in ["id", "summary", "encrypted_content"] {
            prop_assert_eq!(&input[0][field], &expected["output"][0][field]);
        }
        prop_assert_eq!(&input[1]["content"][0]["text"], "Looking.");
        prop_assert_eq!(&input[2]["arguments"], "{\"path\":\"a.rs\"}");
    }

    #[test]
    fn another_vendors_answer_survives_a_client_of_this_dialect(response in response()) {
        // The client sends the items of one answer back in its next request.
        let answer = encode_answer(&response, &Asked::default());
        let body = json!({ "model": "m", "input": answer["output"] }).to_string();
        let request = decode_request(body.as_bytes()).unwrap();
        let content: Vec<Content> =
            request.messages.into_iter().flat_map(|message| message.content).collect();
        prop_assert_eq!(known(content), known(response.content));
    }
}

#[test]
fn a_cut_anywhere_is_a_cut() {
    let stream = wire_golden_responses::STREAM;
    for end in 0..stream.len() {
        let found = wire_golden_responses::read(&stream.as_bytes()[..end], &[4096]);
        assert_eq!(found, Err(WireError::Truncated), "at {end}");
    }
    let body = wire_golden_responses::RESPONSE;
    for end in 0..body.len() {
        let found = decode_response(&body.as_bytes()[..end]);
        assert_eq!(found, Err(WireError::Truncated), "at {end}");
    }
    let after = format!("{stream}event: error\ndata: {{\"error\":{{}}}}\n\ndata: x\n\n");
    assert!(wire_golden_responses::read(after.as_bytes(), &[4096]).is_ok());
}

fn feed(events: &[Value]) -> Result<Vec<StreamEvent>, WireError> {
    let mut decoder = StreamDecoder::new();
    let mut out = Vec::new();
    for event in events {
        out.extend(decoder.feed(&SseEvent { event: None, data: event.to_string() })?);
    }
    Ok(out)
}

fn added(index: u64, kind: &str) -> Value {
    json!({"type": "response.output_item.added", "output_index": index,
        "item": {"type": kind, "id": "i", "call_id": "c", "name": "n"}})
}

#[test]
fn events_out_of_order_are_refused() {
    let arguments =
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"});
    let part = json!({"type": "response.content_part.added", "output_index": 0,
        "content_index": 0, "part": {"type": "output_text"}});
    let text = json!({"type": "response.output_text.delta", "output_index": 0,
        "content_index": 0, "delta": "a"});
    let mut closed = part.clone();
    closed["type"] = json!("response.content_part.done");
    for events in [
        vec![arguments.clone()],
        vec![part.clone()],
        vec![added(0, "message"), added(0, "message")],
        vec![added(0, "message"), part, text.clone(), closed, text],
        vec![json!({"type": "response.output_item.added", "item": {"type": "message"}})],
        vec![json!({"type": "response.output_item.added", "output_index": 0,
            "item": {"type": "function_call"}})],
    ] {
        let found = feed(&events);
        assert!(matches!(found, Err(WireError::Malformed { .. })), "{events:?}: {found:?}");
    }
    // An answer that is whole by its own word, with half a call in it, is not.
    let status = |status: &str, output: Value| {
        json!({"type": format!("response.{status}"), "response": {"status": status,
            "incomplete_details": {"reason": "max_output_tokens"}, "output": output}})
    };
    let half = [added(0, "function_call"), arguments.clone()];
    let end = |event: Value| feed(&[half[0].clone(), half[1].clone(), event]);
    let found = end(status("completed", json!([])));
    assert!(matches!(found, Err(WireError::Malformed { .. })), "{found:?}");
    assert!(end(status("incomplete", json!([]))).is_ok());
    let whole = json!([{"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}]);
    let events = end(status("completed", whole)).unwrap();
    let rest = Delta::Arguments { json: "}".into() };
    assert!(events.contains(&StreamEvent::BlockDelta { index: 0, delta: rest }), "{events:?}");
    // An answer that fails in the middle of a call is a failure, whatever came.
    let failed = json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": "server_error", "message": "x"}}});
    let found = feed(&[added(0, "function_call"), arguments, failed]);
    assert!(matches!(found, Err(WireError::Vendor(_))), "{found:?}");
}

#[test]
fn items_and_parts_without_end_are_refused() {
    let most = u64::try_from(MAX_ANSWER_BLOCKS).unwrap();
    let items: Vec<Value> = (0..=most).map(|index| added(index, "local_shell_call")).collect();
    assert!(matches!(feed(&items), Err(WireError::TooLarge { .. })));
    let part = |kind: &str, index: u64| json!({"type": kind, "output_index": 0, "content_index": index, "summary_index": index});
    for (kind, event) in [
        ("message", "response.content_part.added"),
        ("reasoning", "response.reasoning_summary_part.added"),
    ] {
        let parts = (0..=most).map(|index| part(event, index));
        let events: Vec<Value> = std::iter::once(added(0, kind)).chain(parts).collect();
        assert!(matches!(feed(&events), Err(WireError::TooLarge { .. })), "{kind}");
    }
    let many = vec![json!({"role": "user", "content": []}); 100_001];
    let body = json!({ "model": "m", "input": many }).to_string();
    assert!(matches!(decode_request(body.as_bytes()), Err(WireError::TooLarge { .. })));
}

fn sample() -> Vec<StreamEvent> {
    let call = BlockStart::ToolCall { id: "c".into(), name: "read".into() };
    vec![
        StreamEvent::Start { id: "resp_1".into(), model: "m".into() },
        StreamEvent::BlockStart { index: 0, block: BlockStart::Text },
        StreamEvent::BlockDelta { index: 0, delta: Delta::Text { text: "hi".into() } },
        StreamEvent::BlockStop { index: 0 },
        StreamEvent::BlockStart { index: 1, block: call },
        StreamEvent::BlockDelta { index: 1, delta: Delta::Arguments { json: "{\"p\"".into() } },
    ]
}

#[test]
fn the_stream_to_the_byte() {
    let asked = decode_request(br#"{"model":"m","input":"a","store":false,"metadata":{"k":"v"}}"#);
    let mut encoder = StreamEncoder::new(Asked::of(&asked.unwrap(), 9));
    let mut frames: Vec<String> = sample().iter().map(|event| encoder.encode(event)).collect();
    let response = |status: &str, output: &str, incomplete: &str| {
        format!(
            "{{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":9,\"status\":\"{status}\",\
             \"background\":false,\"error\":null,\"incomplete_details\":{incomplete},\
             \"instructions\":null,\"max_output_tokens\":null,\"model\":\"m\",\"output\":{output},\
             \"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":\
             {{\"effort\":null,\"summary\":null}},\"store\":false,\"temperature\":null,\"text\":\
             {{\"format\":{{\"type\":\"text\"}}}},\"tool_choice\":\"auto\",\"tools\":[],\
             \"top_p\":null,\"truncation\":\"disabled\",\"usage\":null,\"metadata\":{{\"k\":\"v\"}}}}"
        )
    };
    let begun = response("in_progress", "[]", "null");
    assert_eq!(
        frames[0],
        format!(
            "event: response.created\ndata: {{\"type\":\"response.created\",\"sequence_number\":0,\
             \"response\":{begun}}}\n\nevent: response.in_progress\ndata: {{\"type\":\
             \"response.in_progress\",\"sequence_number\":1,\"response\":{begun}}}\n\n"
        )
    );
    let id = "msg_";
    assert!(frames[1].starts_with(&format!(
        "event: response.output_item.added\ndata: {{\"type\":\"response.output_item.added\",\
         \"sequence_number\":2,\"output_index\":0,\"item\":{{\"id\":\"{id}"
    )));
    assert!(frames[2].starts_with("event: response.output_text.delta\n"));
    assert!(
        frames[2].ends_with(
            "\"output_index\":0,\"content_index\":0,\"delta\":\"hi\",\"logprobs\":[]}\n\n"
        )
    );
    assert_eq!(frames[3], "", "an item is done when the next thing happens");
    assert!(frames[4].starts_with("event: response.output_text.done\n"));
    assert!(frames[4].contains("event: response.output_item.done\n"));
    // A limit cuts the call: it is told as cut, and so is the answer.
    frames.clear();
    for event in [
        StreamEvent::BlockStop { index: 1 },
        StreamEvent::Stop { reason: StopReason::MaxTokens },
        StreamEvent::End,
    ] {
        frames.push(encoder.encode(&event));
    }
    let end = frames.concat();
    assert!(end.contains("\"arguments\":\"{\\\"p\\\"\",\"status\":\"incomplete\""), "{end}");
    assert!(end.contains("event: response.incomplete\n") && !end.contains("response.completed"));
    assert!(end.contains("\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"));
    assert_eq!(encoder.encode(&StreamEvent::End), "");
}

#[test]
fn a_failed_stream_never_looks_whole() {
    for events in 0..=sample().len() {
        let mut encoder = StreamEncoder::new(Asked::default());
        let mut bytes: String =
            sample()[..events].iter().map(|event| encoder.encode(event)).collect();
        bytes.push_str(&encoder.error(Overloaded, "busy"));
        bytes.push_str(&encoder.encode(&StreamEvent::End));
        bytes.push_str(&encoder.error(Overloaded, "again"));
        assert!(!bytes.contains("response.completed") && !bytes.contains("response.incomplete"));
        assert_eq!(bytes.contains("event: response.failed\n"), events > 0);
        // The vendor's clients raise an error at a field of this name.
        let (_, last) = bytes.rsplit_once("data: ").unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!((&last["type"], &last["error"]["message"]), (&json!("error"), &json!("busy")));
        assert!(encoder.whole().is_none());
        match wire_golden_responses::read(bytes.as_bytes(), &[99]) {
            Err(WireError::Vendor(error)) => assert_eq!(error.message, "busy"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn reasoning_that_the_vendor_stores_keeps_the_names_behind_it() {
    let items = json!([
        {"role": "user", "content": "a"},
        {"id": "rs_1", "type": "reasoning", "summary": []},
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "b"}]},
        {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "c",
            "name": "n", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "r"},
    ]);
    let encode = |store: bool| {
        let body = json!({ "model": "m", "store": store, "input": items }).to_string();
        let request = decode_request(body.as_bytes()).unwrap();
        encode_request(&request, &Quirks::openai())["input"].clone()
    };
    let stored = encode(true);
    for (found, sent) in (1..5).map(|at| (&stored[at], &items[at])) {
        assert_eq!(found, sent);
    }
    // Elsewhere the name of what is not stored is refused.
    assert_eq!(encode(false)[1]["id"], "msg_1");
}

#[test]
fn a_block_of_what_is_kept_is_no_item_of_a_client() {
    let kept = json!({"type": "distiq.kept", "fields": {"id": "x", "phase": "y"}});
    let items = [kept.clone(), json!({"role": "user", "content": "a"}), kept];
    let body = json!({ "model": "m", "input": items }).to_string();
    let request = decode_request(body.as_bytes()).unwrap();
    let found = encode_request(&request, &Quirks::openai());
    assert!(!found.to_string().contains("distiq"), "{found}");
    let response = Response {
        id: "r".into(),
        model: "m".into(),
        content: vec![
            Content::Other {
                dialect: Dialect::Responses,
                json: json!({"type": "distiq.kept",
                "parts": [{"type": "refusal"}]}),
            },
            Content::text("No."),
        ],
        stop: StopReason::Refusal,
        usage: None,
    };
    let body = encode_response(&response);
    assert_eq!(body["status"], "completed");
    assert_eq!(body["output"][0]["content"][0], json!({"type": "refusal", "refusal": "No."}));
    assert_eq!(decode_response(body.to_string().as_bytes()).unwrap(), response);
}
