//! Answers through both dialects, whole and streamed, cut and interleaved at random.

use distiq_base::{BlockStart, Content, Delta, Dialect, Response, StopReason, StreamEvent, Usage};
use distiq_llm::wire::{Quirks, anthropic, openai};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::{wire_golden_anthropic, wire_golden_openai};

pub fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~]{1,24}",
        2 => "[\\PC\\n\\r\\t\\x00\u{2028}🦀]{1,12}",
        1 => Just("data: [DONE]\n\n".to_owned()),
    ]
}

pub fn id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,20}"
}

pub fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((words(), inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    });
    prop::collection::vec((words(), value), 0..4)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

/// Arguments as a model writes them: mostly an object, sometimes broken.
pub fn arguments() -> impl Strategy<Value = String> {
    let broken = words().prop_filter("an object or blank", |text| {
        !text.trim().is_empty() && !matches!(serde_json::from_str(text), Ok(Value::Object(_)))
    });
    prop_oneof![4 => object().prop_map(|object| object.to_string()), 1 => broken]
}

pub fn call() -> impl Strategy<Value = Content> {
    (id(), id(), arguments()).prop_map(|(id, name, arguments)| Content::ToolCall {
        id,
        name,
        arguments,
    })
}

pub fn usage(long_writes: bool) -> impl Strategy<Value = Usage> {
    (0u64..1 << 40, 0u64..1 << 40, 0u64..1 << 40, 0u64..1 << 40, 1u64..1 << 40, 0u64..9).prop_map(
        move |(input, cache_read, cache_write, long, output, reasoning)| Usage {
            input,
            cache_read,
            cache_write,
            cache_write_long: if long_writes { long } else { 0 },
            output,
            reasoning: reasoning.min(output),
            cost: None,
        },
    )
}

pub fn anthropic_answer_block() -> impl Strategy<Value = Content> {
    prop_oneof![
        3 => words().prop_map(Content::text),
        2 => (words(), "[A-Za-z0-9+/=]{1,20}").prop_map(|(text, signature)| {
            Content::Thinking { text, signature: Some(signature) }
        }),
        1 => "[a-z]{1,9}".prop_map(|data| Content::RedactedThinking { data }),
        3 => call(),
        1 => (id(), object()).prop_map(|(id, input)| Content::Other {
            dialect: Dialect::Anthropic,
            json: json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": input}),
        }),
    ]
}

fn anthropic_response() -> impl Strategy<Value = Response> {
    let unsigned = words().prop_map(|text| Content::Thinking { text, signature: None });
    let block = prop_oneof![8 => anthropic_answer_block(), 1 => unsigned];
    let stop = prop_oneof![
        Just(StopReason::EndTurn),
        Just(StopReason::ToolUse),
        Just(StopReason::MaxTokens),
        Just(StopReason::Refusal),
        Just(StopReason::PauseTurn),
        "x_[a-z]{3}".prop_map(StopReason::Other),
    ];
    (id(), words(), prop::collection::vec(block, 0..8), stop, usage(true)).prop_map(
        |(id, model, content, stop, usage)| Response {
            id,
            model,
            content,
            stop,
            usage: Some(usage),
        },
    )
}

fn openai_response() -> impl Strategy<Value = Response> {
    let details = object().prop_map(|detail| Content::Other {
        dialect: Dialect::Openai,
        json: json!({"type": "reasoning_details", "reasoning_details": [detail]}),
    });
    let thinking = words().prop_map(|text| Content::Thinking { text, signature: None });
    let parts = (
        prop::option::of(thinking),
        prop::option::of(words().prop_map(Content::text)),
        prop::collection::vec(call(), 0..5),
        prop::option::weighted(0.2, details),
    );
    let cut = prop_oneof![
        4 => Just(None),
        1 => Just(Some(StopReason::MaxTokens)),
        1 => Just(Some(StopReason::Refusal)),
    ];
    (id(), words(), parts, cut, prop::option::of(usage(false))).prop_map(
        |(id, model, (thinking, text, calls, details), cut, usage)| {
            let natural = if calls.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse };
            let content = thinking.into_iter().chain(text).chain(calls).chain(details).collect();
            Response { id, model, content, stop: cut.unwrap_or(natural), usage }
        },
    )
}

/// Random choices, used up in turn.
pub struct Dice(pub std::vec::IntoIter<Index>);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0.next().map_or(0, |index| index.index(sides.max(1)))
    }
}

pub fn dice() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 40)
}

/// Cuts a text into pieces at character boundaries, some of them empty.
fn cut(text: &str, dice: &mut Dice) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        if dice.roll(4) == 1 {
            pieces.push(String::new());
        }
        pieces.last_mut().unwrap().push(c);
    }
    pieces
}

/// Returns the events of one block.
fn block_events(index: usize, content: &Content, dice: &mut Dice) -> Vec<StreamEvent> {
    let (block, deltas): (_, Vec<Delta>) = match content {
        Content::Text { text } => {
            let pieces = cut(text, dice).into_iter();
            (BlockStart::Text, pieces.map(|text| Delta::Text { text }).collect())
        }
        Content::Thinking { text, signature } => {
            let pieces = cut(text, dice).into_iter().map(|text| Delta::Thinking { text });
            let signature = signature.iter().flat_map(|text| cut(text, dice));
            let signature: Vec<_> =
                signature.map(|signature| Delta::Signature { signature }).collect();
            (BlockStart::Thinking, pieces.chain(signature).collect())
        }
        Content::RedactedThinking { data } => {
            (BlockStart::RedactedThinking { data: data.clone() }, Vec::new())
        }
        Content::ToolCall { id, name, arguments } => {
            let pieces = cut(arguments, dice).into_iter().map(|json| Delta::Arguments { json });
            (BlockStart::ToolCall { id: id.clone(), name: name.clone() }, pieces.collect())
        }
        Content::Other { dialect, json } => {
            (BlockStart::Other { dialect: *dialect, json: json.clone() }, Vec::new())
        }
        other => panic!("no block of an answer: {other:?}"),
    };
    let start = StreamEvent::BlockStart { index, block };
    let deltas = deltas.into_iter().map(|delta| StreamEvent::BlockDelta { index, delta });
    std::iter::once(start)
        .chain(deltas)
        .chain(std::iter::once(StreamEvent::BlockStop { index }))
        .collect()
}

/// Returns an answer's events; blocks for which `side_by_side` holds overlap at random.
pub fn events(
    response: &Response,
    side_by_side: impl Fn(&Content) -> bool,
    mut dice: Dice,
) -> Vec<StreamEvent> {
    let mut out =
        vec![StreamEvent::Start { id: response.id.clone(), model: response.model.clone() }];
    if let Some(usage) = response.usage {
        // What is known at the start: the prompt.
        out.push(StreamEvent::Usage { usage: Usage { output: 1, reasoning: 0, ..usage } });
    }
    let mut open: Vec<std::vec::IntoIter<StreamEvent>> = Vec::new();
    for (index, content) in response.content.iter().enumerate() {
        let mut queue = block_events(index, content, &mut dice).into_iter();
        if side_by_side(content) {
            out.extend(queue.next());
            open.push(queue);
            for _ in 0..dice.roll(6) {
                let chosen = dice.roll(open.len());
                out.extend(open[chosen].next());
            }
        } else {
            out.extend(open.drain(..).flatten());
            out.extend(queue);
        }
    }
    out.extend(open.into_iter().flatten());
    out.push(StreamEvent::Stop { reason: response.stop.clone() });
    if let Some(usage) = response.usage {
        out.push(StreamEvent::Usage { usage });
    }
    out.push(StreamEvent::End);
    out
}

pub fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..200, 1..20)
}

proptest! {
    #[test]
    fn anthropic_whole(response in anthropic_response()) {
        let body = anthropic::encode_response(&response).to_string();
        prop_assert_eq!(anthropic::decode_response(body.as_bytes()).unwrap(), response);
    }

    #[test]
    fn openai_whole(response in openai_response()) {
        let body = openai::encode_response(&response).to_string();
        prop_assert_eq!(openai::decode_response(body.as_bytes()).unwrap(), response);
    }

    #[test]
    fn anthropic_streamed(response in anthropic_response(), dice in dice(), sizes in sizes()) {
        let mut encoder = anthropic::StreamEncoder::new();
        let events = events(&response, |_| true, Dice(dice.into_iter()));
        let bytes: String = events.iter().map(|event| encoder.encode(event)).collect();
        check_order(&bytes);
        let found = wire_golden_anthropic::read(bytes.as_bytes(), &sizes).unwrap();
        prop_assert_eq!(found, response);
    }

    #[test]
    fn openai_streamed(
        response in openai_response(),
        dice in dice(),
        sizes in sizes(),
        created in 0i64..1 << 33,
    ) {
        let options = openai::StreamOptions { include_usage: response.usage.is_some(), created };
        let mut encoder = openai::StreamEncoder::new(options);
        let calls = |content: &Content| matches!(content, Content::ToolCall { .. });
        let events = events(&response, calls, Dice(dice.into_iter()));
        let bytes: String = events.iter().map(|event| encoder.encode(event)).collect();
        let found =
            wire_golden_openai::read(bytes.as_bytes(), &sizes, &Quirks::default()).unwrap();
        prop_assert_eq!(found, response);
    }

    #[test]
    fn an_answer_crosses_dialects(response in openai_response(), dice in dice()) {
        // Through Anthropic's form and back: no word and no call is lost.
        let mut encoder = anthropic::StreamEncoder::new();
        let calls = |content: &Content| matches!(content, Content::ToolCall { .. });
        let events = events(&response, calls, Dice(dice.into_iter()));
        let bytes: String = events.iter().map(|event| encoder.encode(event)).collect();
        let found = wire_golden_anthropic::read(bytes.as_bytes(), &[64]).unwrap();
        let known = |c: &Content| !matches!(c, Content::Other { .. });
        let expected: Vec<_> = response.content.into_iter().filter(known).collect();
        prop_assert_eq!(found.content, expected);
        prop_assert_eq!(found.stop, response.stop);
    }
}

/// Holds a stream against the vendor's order: one block at a time, indices from 0, one start, one
/// end, and the name of each event in its JSON.
fn check_order(bytes: &str) {
    let mut open: Option<u64> = None;
    let mut next = 0;
    let mut names = Vec::new();
    for frame in bytes.split_terminator("\n\n") {
        let (event, data) = frame.split_once('\n').unwrap();
        let json: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let name = event.strip_prefix("event: ").unwrap();
        assert_eq!(json["type"], name);
        let index = json["index"].as_u64();
        match name {
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(next)));
                open = index;
                next += 1;
            }
            "content_block_delta" => assert_eq!(open, index),
            "content_block_stop" => assert_eq!(open.take(), index),
            _ => names.push(name.to_owned()),
        }
    }
    assert_eq!(names, ["message_start", "message_delta", "message_stop"]);
    assert_eq!(open, None);
}

fn sample() -> Vec<StreamEvent> {
    let call = |index, id: &str| StreamEvent::BlockStart {
        index,
        block: BlockStart::ToolCall { id: id.into(), name: "read".into() },
    };
    let json = |index, json: &str| StreamEvent::BlockDelta {
        index,
        delta: Delta::Arguments { json: json.into() },
    };
    vec![
        StreamEvent::Start { id: "msg_1".into(), model: "m".into() },
        StreamEvent::BlockStart { index: 0, block: BlockStart::Text },
        StreamEvent::BlockDelta { index: 0, delta: Delta::Text { text: "hi".into() } },
        StreamEvent::BlockStop { index: 0 },
        call(1, "a"),
        call(2, "b"),
        json(2, "{}"),
        json(1, "{\"x\":1}"),
        StreamEvent::BlockStop { index: 2 },
        StreamEvent::BlockStop { index: 1 },
        StreamEvent::Stop { reason: StopReason::ToolUse },
        StreamEvent::Usage {
            usage: Usage { input: 7, cache_read: 2, output: 5, ..Usage::default() },
        },
        StreamEvent::End,
    ]
}

#[test]
fn anthropics_stream_to_the_byte() {
    let mut encoder = anthropic::StreamEncoder::new();
    let bytes: String = sample().iter().map(|event| encoder.encode(event)).collect();
    let usage = |input: u64, read: u64, output: u64| {
        format!(
            "{{\"input_tokens\":{input},\"cache_creation_input_tokens\":0,\
             \"cache_read_input_tokens\":{read},\"cache_creation\":\
             {{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0}},\
             \"output_tokens\":{output},\"output_tokens_details\":{{\"thinking_tokens\":0}}}}"
        )
    };
    let expected = [
        format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_1\",\
             \"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\
             \"stop_reason\":null,\"stop_sequence\":null,\"usage\":{}}}}}",
            usage(0, 0, 0)
        ),
        r#"event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.into(),
        r#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#.into(),
        r#"event: content_block_stop
data: {"type":"content_block_stop","index":0}"#.into(),
        r#"event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"read","input":{}}}"#.into(),
        r#"event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}}"#.into(),
        r#"event: content_block_stop
data: {"type":"content_block_stop","index":1}"#.into(),
        r#"event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"b","name":"read","input":{}}}"#.into(),
        r#"event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#.into(),
        r#"event: content_block_stop
data: {"type":"content_block_stop","index":2}"#.into(),
        format!(
            "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":\
             {{\"stop_reason\":\"tool_use\",\"stop_sequence\":null}},\"usage\":{}}}",
            usage(7, 2, 5)
        ),
        "event: message_stop\ndata: {\"type\":\"message_stop\"}".into(),
    ];
    let frames: Vec<_> = bytes.split_terminator("\n\n").collect();
    assert_eq!(frames, expected);
}

#[test]
fn openais_stream_to_the_byte() {
    let stream = |include_usage| {
        let options = openai::StreamOptions { include_usage, created: 9 };
        let mut encoder = openai::StreamEncoder::new(options);
        sample().iter().map(|event| encoder.encode(event)).collect::<String>()
    };
    let chunk = |delta: &str, finish: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"msg_1\",\"object\":\"chat.completion.chunk\",\"created\":9,\
             \"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
             \"finish_reason\":{finish}}}]{usage}}}\n\n"
        )
    };
    let expected = |usage: &str| {
        [
            (r#"{"role":"assistant","content":""}"#, "null"),
            (r#"{"content":"hi"}"#, "null"),
            (r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"read","arguments":""}}]}"#, "null"),
            (r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"read","arguments":""}}]}"#, "null"),
            (r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#, "null"),
            (r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}"#, "null"),
            ("{}", "\"tool_calls\""),
        ]
        .map(|(delta, finish)| chunk(delta, finish, usage))
        .concat()
    };
    assert_eq!(stream(false), format!("{}data: [DONE]\n\n", expected("")));
    let last = "data: {\"id\":\"msg_1\",\"object\":\"chat.completion.chunk\",\"created\":9,\
        \"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\
        \"total_tokens\":14,\"prompt_tokens_details\":{\"cached_tokens\":2,\
        \"cache_write_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n";
    assert_eq!(stream(true), format!("{}{last}data: [DONE]\n\n", expected(",\"usage\":null")));
}

#[test]
fn a_failed_stream_never_looks_whole() {
    use distiq_llm::ProviderErrorKind::Overloaded;
    let mut encoder = anthropic::StreamEncoder::new();
    let mut bytes: String = sample()[..4].iter().map(|event| encoder.encode(event)).collect();
    bytes.push_str(&encoder.error(Overloaded, "busy"));
    bytes.push_str(&encoder.encode(&StreamEvent::End));
    assert!(bytes.contains("event: error\n") && !bytes.contains("message_stop"));
    assert!(wire_golden_anthropic::read(bytes.as_bytes(), &[99]).is_err());

    let mut encoder = openai::StreamEncoder::new(openai::StreamOptions::default());
    let mut bytes: String = sample()[..4].iter().map(|event| encoder.encode(event)).collect();
    bytes.push_str(&encoder.error(Overloaded, "busy"));
    bytes.push_str(&encoder.encode(&StreamEvent::End));
    assert!(!bytes.contains("[DONE]") && !bytes.contains("\"finish_reason\":\""));
    assert!(wire_golden_openai::read(bytes.as_bytes(), &[99], &Quirks::default()).is_err());
}
