//! Pieces of text are read by a shorter way; both ways come to the same.

use std::collections::VecDeque;

use distiq_base::{Dialect, StreamEvent};
use distiq_llm::provider::AnswerReader;
use distiq_llm::wire::Quirks;

const OPENAI: &str = r#"{"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}
{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}
{"id":"c","choices":[{"index":0,"delta":{"content":"a\u00e9\n"},"logprobs":null,"finish_reason":null}],"usage":null}
{"id":"c","choices":[{"index":1,"delta":{"content":"another choice"},"finish_reason":null}]}
{"id":"c","choices":[{"index":0,"delta":{"content":"b"},"finish_reason":null}]}
{"id":"c","choices":[{"index":0,"delta":{"content":"c"},"finish_reason":"stop"}]}
{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

const ANTHROPIC: &str = r#"{"type":"message_start","message":{"id":"m","model":"x","usage":{"input_tokens":3}}}
{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}
{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}
{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}
{"type":"content_block_stop","index":0}
{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}
{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\u00e9"}}
{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"no call"}}
{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":""}}
{"type":"content_block_stop","index":1}
{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"n","input":{"w":1}}}
{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}
{"type":"content_block_stop","index":2}
{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"t","name":"n","input":{}}}
{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}
{"type":"content_block_stop","index":3}
{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}
{"type":"message_stop"}"#;

const RESPONSES: &str = r#"{"type":"response.created","response":{"id":"r","model":"m"}}
{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"unnamed"}
{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":" a\u00e9","logprobs":[],"sequence_number":4}
{"type":"response.output_text.delta","output_index":0,"content_index":1,"item_id":"i","delta":"b"}
{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"unnamed a\u00e9"},{"type":"output_text","text":"b"}]}}
{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":3,"output_tokens":2}}}"#;

const OLLAMA: &str = r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}
{"model":"m","created_at":"t","message":{"role":"assistant","content":"a\u00e9"},"done":false}
{"model":"m","created_at":"t","message":{"role":"assistant","content":"b","images":null},"done":false}
{"model":"m","created_at":"t","message":{"role":"assistant","content":"c"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}"#;

fn read(dialect: Dialect, lines: &[String]) -> Vec<StreamEvent> {
    let mut body: String = lines
        .iter()
        .map(|line| match dialect {
            Dialect::Ollama => format!("{line}\n"),
            _ => format!("data: {line}\n\n"),
        })
        .collect();
    if dialect == Dialect::Openai {
        body.push_str("data: [DONE]\n\n");
    }
    let mut reader = AnswerReader::new(dialect, &Quirks::default());
    let mut events = VecDeque::new();
    reader.push(body.as_bytes(), &mut events).unwrap();
    reader.end(&mut events).unwrap();
    events.into()
}

#[test]
fn a_field_that_nobody_knows_changes_nothing() {
    for (dialect, stream, texts) in [
        (Dialect::Openai, OPENAI, 4),
        (Dialect::Anthropic, ANTHROPIC, 4),
        (Dialect::Responses, RESPONSES, 3),
        (Dialect::Ollama, OLLAMA, 4),
    ] {
        let plain: Vec<String> = stream.lines().map(str::to_owned).collect();
        let odd: Vec<String> = plain.iter().map(|l| l.replacen('{', "{\"odd\":1,", 1)).collect();
        let events = read(dialect, &plain);
        assert_eq!(events, read(dialect, &odd), "{dialect:?}");
        let pieces = events.iter().filter(|e| matches!(e, StreamEvent::BlockDelta { .. })).count();
        assert!(pieces >= texts, "{dialect:?} {events:?}");
    }
}

const WHOLE: [(Dialect, &str); 2] = [
    (
        Dialect::Openai,
        r#"{"id":"c","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a\u00e9","refusal":null,"annotations":[]},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"id":"m","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"a\u00e9"}],"stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":2}}"#,
    ),
];

#[test]
fn a_whole_answer_of_one_text_is_read_alike_as_well() {
    let read = |dialect, body: &str| {
        let mut reader = AnswerReader::new(dialect, &Quirks::default());
        let mut events = VecDeque::new();
        reader.push(body.as_bytes(), &mut events).unwrap();
        reader.end(&mut events).unwrap();
        events
    };
    for (dialect, body) in WHOLE {
        for (from, to) in
            [("", ""), ("length", "stop"), ("max_tokens", "refusal"), ("a\\u00e9", "")]
        {
            let body = body.replacen(from, to, 1);
            let odd = body.replacen('{', "{\"odd\":1,", 1);
            assert_eq!(read(dialect, &body), read(dialect, &odd), "{body}");
        }
    }
}
