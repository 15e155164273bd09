//! Cut, broken and hostile input: an error, never a whole answer that is not, never a panic.

use distiq_base::{Delta, Response, StreamEvent};
use distiq_llm::wire::sse::{SseDecoder, SseEvent};
use distiq_llm::wire::{MAX_ANSWER_BLOCKS, Quirks, WireError, anthropic, openai, responses};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::{wire_golden_anthropic, wire_golden_openai, wire_golden_responses};

fn read_anthropic(bytes: &[u8]) -> Result<Response, WireError> {
    wire_golden_anthropic::read(bytes, &[bytes.len().max(1)])
}

fn read_openai(bytes: &[u8]) -> Result<Response, WireError> {
    wire_golden_openai::read(bytes, &[bytes.len().max(1)], &Quirks::default())
}

#[test]
fn a_cut_anywhere_is_a_cut() {
    for end in 0..wire_golden_anthropic::STREAM.len() {
        let bytes = &wire_golden_anthropic::STREAM.as_bytes()[..end];
        assert_eq!(read_anthropic(bytes), Err(WireError::Truncated), "at {end}");
    }
    for end in 0..wire_golden_openai::STREAM.len() {
        let bytes = &wire_golden_openai::STREAM.as_bytes()[..end];
        assert_eq!(read_openai(bytes), Err(WireError::Truncated), "at {end}");
    }
    let lenient = Quirks { lenient_end: true, ..Quirks::default() };
    let stream = wire_golden_openai::STREAM;
    let finished = stream.find("\"finish_reason\":\"").unwrap();
    for end in 0..finished {
        let found = wire_golden_openai::read(&stream.as_bytes()[..end], &[4096], &lenient);
        assert_eq!(found, Err(WireError::Truncated), "at {end}");
    }
    for body in [wire_golden_anthropic::RESPONSE, wire_golden_openai::RESPONSE] {
        for end in 0..body.len() {
            let bytes = &body.as_bytes()[..end];
            assert_eq!(anthropic::decode_response(bytes), Err(WireError::Truncated), "at {end}");
            assert_eq!(openai::decode_response(bytes), Err(WireError::Truncated), "at {end}");
        }
    }
}

#[test]
fn what_follows_the_end_is_passed_over() {
    let with =
        |stream: &str| format!("{stream}event: error\ndata: {{\"error\":{{}}}}\n\ndata: x\n\n");
    assert!(read_anthropic(with(wire_golden_anthropic::STREAM).as_bytes()).is_ok());
    assert!(read_openai(with(wire_golden_openai::STREAM).as_bytes()).is_ok());
}

fn feed_anthropic(events: &[Value]) -> Result<Vec<StreamEvent>, WireError> {
    let mut decoder = anthropic::StreamDecoder::new();
    let mut out = Vec::new();
    for event in events {
        out.extend(decoder.feed(&SseEvent { event: None, data: event.to_string() })?);
    }
    Ok(out)
}

#[test]
fn events_out_of_order_are_refused() {
    let start = json!({"type": "message_start", "message": {"id": "m", "model": "x"}});
    let open = |index: u64| {
        json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "text", "text": ""}})
    };
    let grow = |index: u64| {
        json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "text_delta", "text": "a"}})
    };
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    for events in [
        vec![open(0)],
        vec![json!({"type": "message_stop"})],
        vec![start.clone(), grow(0)],
        vec![start.clone(), stop(0)],
        vec![start.clone(), open(0), open(0)],
        vec![start.clone(), open(0), stop(0), grow(0)],
        vec![start.clone(), json!({"type": "content_block_start"})],
        vec![start.clone(), json!({"type": "content_block_start", "index": 0})],
    ] {
        let found = feed_anthropic(&events);
        assert!(matches!(found, Err(WireError::Malformed { .. })), "{events:?}: {found:?}");
    }
    // Tolerated: a second start, unknown events and deltas, a block that was never stopped.
    let odd = json!({"type": "content_block_delta", "index": 7, "delta": {"type": "odd_delta"}});
    let end = json!({"type": "message_stop"});
    let events =
        feed_anthropic(&[start.clone(), start, json!({"type": "odd"}), open(7), odd, end]).unwrap();
    assert_eq!(events.len(), 4, "{events:?}");
}

#[test]
fn an_error_event_is_the_vendors_error() {
    let stream = wire_golden_anthropic::STREAM;
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\
        \"message\":\"Overloaded\"}}\n\n";
    let (head, _) = stream.split_once("event: message_delta").unwrap();
    match read_anthropic(format!("{head}{error}").as_bytes()) {
        Err(WireError::Vendor(error)) => {
            assert_eq!(error.kind, distiq_llm::ProviderErrorKind::Overloaded);
            assert_eq!(error.message, "Overloaded");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_without_end_are_refused() {
    let mut events = vec![json!({"type": "message_start", "message": {}})];
    events.extend((0..=MAX_ANSWER_BLOCKS).map(|index| {
        json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "text", "text": ""}})
    }));
    assert!(matches!(feed_anthropic(&events), Err(WireError::TooLarge { .. })));

    let mut decoder = openai::StreamDecoder::new();
    let found = (0..=MAX_ANSWER_BLOCKS).try_for_each(|index| {
        let call = json!({"index": index, "id": "x", "function": {"name": "n"}});
        let data = json!({"choices": [{"delta": {"tool_calls": [call]}}]}).to_string();
        decoder.feed(&SseEvent { event: None, data }).map(drop)
    });
    assert!(matches!(found, Err(WireError::TooLarge { .. })));
}

#[test]
fn a_long_stream_of_arguments_costs_as_much_as_its_bytes() {
    // Each piece goes out once, as it came; quadratic work would not end within any patience.
    let piece = "x".repeat(64);
    let grow = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": piece}});
    let call = |kind: &str| {
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": kind, "id": "t", "name": "n", "input": {}}})
    };
    for kind in ["tool_use", "server_tool_use"] {
        let mut decoder = anthropic::StreamDecoder::new();
        let mut feed =
            |json: &Value| decoder.feed(&SseEvent { event: None, data: json.to_string() }).unwrap();
        feed(&json!({"type": "message_start", "message": {}}));
        feed(&call(kind));
        for _ in 0..100_000 {
            let delta = Delta::Arguments { json: piece.clone() };
            let expected = StreamEvent::BlockDelta { index: 0, delta };
            let found = feed(&grow);
            match kind {
                "tool_use" => assert_eq!(found, [expected]),
                _ => assert_eq!(found, []),
            }
        }
        assert!(!feed(&json!({"type": "content_block_stop", "index": 0})).is_empty());
    }
}

/// What is done to a byte sequence.
#[derive(Clone, Debug)]
pub enum Mutation {
    Flip(Index, u8),
    Cut(Index, Index),
    Repeat(Index, Index),
    Insert(Index, &'static str),
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    let pieces = prop::sample::select(vec![
        "null",
        "-1",
        "1e400",
        "\"\"",
        "[]",
        "{}",
        "\n\n",
        "\u{FEFF}",
        "99999999999999999999",
        ",",
        "\"type\":\"error\",",
        "\"index\":5,",
        "data: {}\n\n",
        "data: 7\n\n",
        "\\ud800",
    ]);
    prop_oneof![
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Mutation::Cut(a, b)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Mutation::Repeat(a, b)),
        3 => (any::<Index>(), pieces).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
    ]
}

pub fn mutate(bytes: &str, mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = bytes.as_bytes().to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let span = |a: &Index, b: &Index| {
            let start = a.index(bytes.len());
            start..(start + b.index(400)).min(bytes.len())
        };
        match mutation {
            Mutation::Flip(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] ^= byte;
            }
            Mutation::Cut(a, b) => drop(bytes.drain(span(a, b))),
            Mutation::Repeat(a, b) => {
                let span = span(a, b);
                let piece = bytes[span.clone()].to_vec();
                bytes.splice(span.start..span.start, piece);
            }
            Mutation::Insert(at, piece) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

/// Feeds everything to every decoder; results are of no interest, only that there are any.
fn feed_all(bytes: &[u8]) {
    let events = SseDecoder::new().push(bytes).unwrap();
    let mut first = anthropic::StreamDecoder::new();
    let mut second = openai::StreamDecoder::new();
    let mut third = responses::StreamDecoder::new();
    let mut encoder = anthropic::StreamEncoder::new();
    let mut items = responses::StreamEncoder::new(responses::Asked::default());
    let mut other = openai::StreamEncoder::new(openai::StreamOptions::default());
    for event in &events {
        for event in first.feed(event).unwrap_or_default() {
            encoder.encode(&event);
            other.encode(&event);
        }
        for event in second.feed(event).unwrap_or_default() {
            items.encode(&event);
        }
        for event in third.feed(event).unwrap_or_default() {
            encoder.encode(&event);
            items.encode(&event);
            other.encode(&event);
        }
    }
    let _ = (first.finish(), second.finish(), third.finish());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn broken_streams_never_panic(mutations in prop::collection::vec(mutation(), 1..6)) {
        feed_all(&mutate(wire_golden_anthropic::STREAM, &mutations));
        feed_all(&mutate(wire_golden_openai::STREAM, &mutations));
        feed_all(&mutate(wire_golden_responses::STREAM, &mutations));
    }

    #[test]
    fn broken_bodies_never_panic(mutations in prop::collection::vec(mutation(), 1..6)) {
        for body in [
            wire_golden_anthropic::RESPONSE,
            wire_golden_openai::RESPONSE,
            wire_golden_responses::RESPONSE,
            wire_golden_responses::REQUEST,
            REQUEST,
        ] {
            let bytes = mutate(body, &mutations);
            let _ = anthropic::decode_response(&bytes);
            let _ = openai::decode_response(&bytes);
            let _ = responses::decode_response(&bytes);
            let _ = openai::decode_embed_request(&bytes);
            let _ = openai::decode_embed_response(&bytes);
            let _ = openai::decode_models(&bytes);
            let requests = [
                anthropic::decode_request(&bytes),
                openai::decode_request(&bytes),
                responses::decode_request(&bytes),
            ];
            for request in requests.into_iter().flatten() {
                anthropic::encode_request(&request, &Quirks::default());
                openai::encode_request(&request, &Quirks::openai());
                responses::encode_request(&request, &Quirks::openai());
            }
        }
    }
}

const REQUEST: &str = r#"{"model":"m","max_tokens":5,"stream":true,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
  "messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,xx"}}]},
    {"role":"assistant","content":"b","tool_calls":[{"id":"c","type":"function","function":{"name":"n","arguments":"{}"}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"r"}]}]}],
  "tools":[{"name":"n","type":"function","function":{"name":"n"},"input_schema":{"type":"object"}}],
  "tool_choice":{"type":"tool","name":"n"},"thinking":{"type":"enabled","budget_tokens":2000},"output_config":{"effort":"low"}}"#;
