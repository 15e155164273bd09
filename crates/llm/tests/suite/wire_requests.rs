//! Requests through both dialects and back, as far as each can say them.

use distiq_base::{
    CacheMark, CachePlan, CacheTtl, Content, Dialect, DocumentSource, Effort, ImageSource,
    MarkPlace, Message, OutputFormat, Request, Role, Scope, SystemBlock, ThinkingMode, ToolChoice,
    ToolDef,
};
use distiq_llm::wire::{PartMarks, Quirks, anthropic, openai};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Map, json};

use crate::wire_streams::{anthropic_answer_block, call, id, object, words};

fn image() -> impl Strategy<Value = Content> {
    let source = prop_oneof![
        "[A-Za-z0-9+/]{4,8}"
            .prop_map(|data| ImageSource::Base64 { media_type: "image/png".into(), data }),
        "https://[a-z]{1,9}/x.png".prop_map(|url| ImageSource::Url { url }),
    ];
    source.prop_map(|source| Content::Image { source })
}

fn document(source: DocumentSource, title: Option<String>) -> Content {
    Content::Document { source, title, extra: Map::new() }
}

fn texts() -> impl Strategy<Value = Vec<Content>> {
    prop::collection::vec(words().prop_map(Content::text), 0..3)
}

fn tool() -> impl Strategy<Value = ToolDef> {
    (id(), prop_oneof![Just(String::new()), words()], object(), any::<bool>()).prop_map(
        |(name, description, schema, strict)| {
            let strict = strict.then(|| ("strict".to_owned(), true.into()));
            ToolDef { name, description, schema, extra: strict.into_iter().collect() }
        },
    )
}

fn choice() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![Just(ToolChoice::Auto), Just(ToolChoice::Required), id().prop_map(ToolChoice::Tool),]
}

/// What both dialects say alike.
fn common() -> impl Strategy<Value = Request> {
    let system = prop::collection::vec(words().prop_map(|text| SystemBlock { text }), 0..3);
    let tools = prop::collection::vec(tool(), 0..3);
    let numbers = (1u64..1 << 50, prop::option::of(0u8..32), prop::option::of(0u8..16));
    let stop = prop::collection::vec(words(), 0..3);
    (id(), system, tools, prop::option::of(choice()), any::<bool>(), numbers, stop, any::<bool>())
        .prop_map(|(model, system, tools, choice, one_only, numbers, stop, stream)| {
            let tool_choice = choice.filter(|_| !tools.is_empty());
            let (max_tokens, temperature, top_p) = numbers;
            Request {
                model,
                system,
                parallel_tool_calls: tool_choice.as_ref().filter(|_| one_only).map(|_| false),
                tool_choice,
                tools,
                max_tokens: Some(max_tokens),
                temperature: temperature.map(|n| f64::from(n) / 16.0),
                top_p: top_p.map(|n| f64::from(n) / 16.0),
                stop,
                stream,
                ..Request::default()
            }
        })
}

fn anthropic_message() -> impl Strategy<Value = Message> {
    let result_content =
        prop::collection::vec(prop_oneof![words().prop_map(Content::text), image()], 0..3);
    let result = (id(), result_content, any::<bool>()).prop_map(|(call_id, content, is_error)| {
        Content::ToolResult { call_id, content, is_error }
    });
    let document = prop_oneof![
        words().prop_map(|text| document(DocumentSource::Text { text }, None)),
        ("[A-Za-z0-9+/]{4,8}", words()).prop_map(|(data, title)| {
            let media_type = "application/pdf".into();
            document(DocumentSource::Base64 { media_type, data }, Some(title))
        }),
        words().prop_map(|file| Content::Other {
            dialect: Dialect::Anthropic,
            json: json!({"type": "document", "source": {"type": "file", "file_id": file}}),
        }),
    ];
    let said = prop_oneof![words().prop_map(Content::text), image(), document];
    let user = (prop::collection::vec(result, 0..3), prop::collection::vec(said, 0..3)).prop_map(
        |(results, said)| Message {
            role: Role::User,
            content: results.into_iter().chain(said).collect(),
        },
    );
    let assistant = prop::collection::vec(anthropic_answer_block(), 0..5)
        .prop_map(|content| Message { role: Role::Assistant, content });
    let system = texts().prop_map(|content| Message { role: Role::System, content });
    prop_oneof![3 => user, 3 => assistant, 1 => system]
        .prop_filter("a message says something", |message| !message.content.is_empty())
}

fn places(request: &Request, fits: impl Fn(&Content) -> bool) -> Vec<MarkPlace> {
    let system = (0..request.system.len()).map(MarkPlace::System);
    let blocks = request.messages.iter().enumerate().flat_map(|(message, m)| {
        let fitting = m.content.iter().enumerate().filter(|(_, content)| fits(content));
        fitting.map(move |(block, _)| MarkPlace::Block { message, block }).collect::<Vec<_>>()
    });
    system.chain(blocks).collect()
}

/// Puts up to four marks on a request, the long-lived first.
fn with_marks(request: Request, places: Vec<MarkPlace>) -> impl Strategy<Value = Request> {
    let most = places.len().min(4);
    (subsequence(places, 0..=most), 0usize..5).prop_map(move |(places, long)| {
        let marks = places.into_iter().enumerate().map(|(i, place)| CacheMark {
            place,
            ttl: if i < long { CacheTtl::Long } else { CacheTtl::Short },
        });
        let mut request = request.clone();
        request.cache.marks = marks.collect();
        request
    })
}

fn anthropic_request() -> impl Strategy<Value = Request> {
    let thinking = prop_oneof![
        Just(ThinkingMode::Disabled),
        Just(ThinkingMode::Adaptive),
        (1024u64..99999).prop_map(ThinkingMode::Budget),
    ];
    let effort = prop_oneof![
        Just(Effort::Low),
        Just(Effort::Medium),
        Just(Effort::High),
        Just(Effort::Xhigh),
        Just(Effort::Max),
    ];
    let output = object().prop_map(|schema| OutputFormat::JsonSchema {
        name: "output".into(),
        schema,
        strict: None,
    });
    (
        common(),
        prop::collection::vec(anthropic_message(), 0..6),
        prop::option::of(thinking),
        prop::option::of(effort),
        prop::option::of(output),
        any::<bool>(),
    )
        .prop_flat_map(|(request, messages, thinking, effort, output, extra)| {
            let mut request = Request { messages, thinking, effort, output, ..request };
            let native = extra || request.tools.iter().any(|tool| !tool.extra.is_empty());
            let fields = json!({"metadata": {"user_id": "u"}, "top_k": 4});
            let fields = if extra { fields.as_object().cloned().unwrap() } else { Map::new() };
            request.extra = native.then_some((Dialect::Anthropic, fields));
            let mut places = places(&request, |content| {
                !matches!(content, Content::Thinking { .. } | Content::RedactedThinking { .. })
            });
            places.splice(..0, (0..request.tools.len()).map(MarkPlace::Tool));
            with_marks(request, places)
        })
}

fn openai_turn() -> impl Strategy<Value = Vec<Message>> {
    let said = prop::collection::vec(prop_oneof![words().prop_map(Content::text), image()], 1..4)
        .prop_map(|content| vec![Message { role: Role::User, content }]);
    let note = prop::collection::vec(words().prop_map(Content::text), 1..3)
        .prop_map(|content| vec![Message { role: Role::System, content }]);
    let plain = texts()
        .prop_filter("a message says something", |content| !content.is_empty())
        .prop_map(|content| vec![Message { role: Role::Assistant, content }]);
    let result = (id(), texts()).prop_map(|(call_id, content)| Content::ToolResult {
        call_id,
        content,
        is_error: false,
    });
    let thinking =
        prop::option::of(words().prop_map(|text| Content::Thinking { text, signature: None }));
    let work = (
        thinking,
        texts(),
        prop::collection::vec(call(), 1..4),
        prop::collection::vec(result, 1..4),
    )
        .prop_map(|(thinking, texts, calls, results)| {
            let content = thinking.into_iter().chain(texts).chain(calls).collect();
            vec![
                Message { role: Role::Assistant, content },
                Message { role: Role::User, content: results },
            ]
        });
    prop_oneof![2 => said, 1 => note, 1 => plain, 3 => work]
}

fn openai_request(marks: bool) -> impl Strategy<Value = Request> {
    let effort = prop_oneof![
        Just(Effort::None),
        Just(Effort::Minimal),
        Just(Effort::Low),
        Just(Effort::Xhigh),
        Just(Effort::Max),
    ];
    let output = prop_oneof![
        Just(OutputFormat::JsonObject),
        (id(), object(), prop::option::of(any::<bool>())).prop_map(|(name, schema, strict)| {
            OutputFormat::JsonSchema { name, schema, strict }
        }),
    ];
    let thinking = prop_oneof![Just(ThinkingMode::Disabled), Just(ThinkingMode::Adaptive)];
    (
        common(),
        prop::collection::vec(openai_turn(), 0..5),
        prop::option::of(thinking),
        prop::option::of(effort),
        prop::option::of(output),
        prop::option::of(id()),
    )
        .prop_flat_map(move |(request, turns, thinking, effort, output, key)| {
            // The conversation begins with the user: a note before it is the system prompt.
            let messages = std::iter::once(Message::user("begin"))
                .chain(turns.into_iter().flatten())
                .collect();
            let native = request.tools.iter().any(|tool| !tool.extra.is_empty());
            let request = Request {
                messages,
                thinking,
                effort,
                output,
                cache: CachePlan { key, marks: Vec::new() },
                extra: native.then(|| (Dialect::Openai, Map::new())),
                scope: Scope::default(),
                ..request
            };
            let mut places = places(&request, |content| match content {
                Content::Text { .. } | Content::Image { .. } => true,
                Content::ToolResult { content, .. } => !content.is_empty(),
                _ => false,
            });
            places.retain(|_| marks);
            with_marks(request, places)
        })
}

fn openai_quirks() -> Quirks {
    Quirks {
        // A stream's options are the client's, and stay in `extra`.
        stream_options: false,
        replay_reasoning: true,
        thinking_field: true,
        ..Quirks::openai()
    }
}

proptest! {
    #[test]
    fn anthropic_both_ways(request in anthropic_request()) {
        let body = anthropic::encode_request(&request, &Quirks::default()).to_string();
        prop_assert_eq!(anthropic::decode_request(body.as_bytes()).unwrap(), request);
    }

    #[test]
    fn openai_both_ways(request in openai_request(false)) {
        let body = openai::encode_request(&request, &openai_quirks()).to_string();
        prop_assert_eq!(openai::decode_request(body.as_bytes()).unwrap(), request);
    }

    #[test]
    fn openai_marks_both_ways(request in openai_request(true), breakpoint in any::<bool>()) {
        let part_marks = if breakpoint { PartMarks::Breakpoint } else { PartMarks::CacheControl };
        let quirks = Quirks { part_marks, ..openai_quirks() };
        let body = openai::encode_request(&request, &quirks).to_string();
        prop_assert_eq!(openai::decode_request(body.as_bytes()).unwrap(), request);
    }

    #[test]
    fn a_request_crosses_dialects(request in openai_request(false)) {
        // Read as one dialect, sent in the other and back: no word, call or result is lost.
        let body = anthropic::encode_request(&request, &Quirks::default()).to_string();
        let found = anthropic::decode_request(body.as_bytes()).unwrap();
        let kept = |messages: &[Message]| -> Vec<Message> {
            let unsigned = |c: &Content| matches!(c, Content::Thinking { .. });
            let messages = messages.iter().map(|m| Message {
                role: m.role,
                content: m.content.iter().filter(|c| !unsigned(c)).cloned().collect(),
            });
            messages.collect()
        };
        prop_assert_eq!(found.messages, kept(&request.messages));
        prop_assert_eq!(found.system, request.system);
    }
}
