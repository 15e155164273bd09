//! What prompt caches live on: the same request gives the same bytes, and appending changes none.

use distiq_base::{
    CacheMark, CacheTtl, Content, Dialect, ImageSource, MarkPlace, Message, Request, Role,
    SystemBlock,
};
use distiq_llm::wire::{PartMarks, Quirks, anthropic, gemini, ollama, openai, responses};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::wire_streams::{call, words};

/// Any content, also what a dialect cannot say.
fn content() -> impl Strategy<Value = Content> {
    let text = prop_oneof![4 => words(), 1 => Just(String::new())];
    let image = Just(Content::Image { source: ImageSource::Url { url: "https://x/y".into() } });
    let part = prop_oneof![text.clone().prop_map(Content::text), image.clone()];
    let result = ("call_[0-9:]{1,2}", prop::collection::vec(part, 0..3), any::<bool>()).prop_map(
        |(call_id, content, is_error)| Content::ToolResult { call_id, content, is_error },
    );
    let dialects = [Dialect::Anthropic, Dialect::Openai, Dialect::Responses];
    let kinds = ["novelty", "distiq.kept", "input_audio", "item_reference"];
    let other = (prop::sample::select(dialects.to_vec()), prop::sample::select(kinds.to_vec()))
        .prop_map(|(dialect, kind)| Content::Other {
            dialect,
            json: json!({"type": kind, "fields": {"phase": "p"}, "custom": true}),
        });
    let signature = prop_oneof!["[a-z]{1,5}", "responses:[a-z]{0,2}:(s1)?:[a-z]{0,2}"];
    prop_oneof![
        4 => text.clone().prop_map(Content::text),
        1 => image,
        3 => result,
        3 => call(),
        1 => (text, prop::option::of(signature))
            .prop_map(|(text, signature)| Content::Thinking { text, signature }),
        1 => "[a-z]{1,5}".prop_map(|data| Content::RedactedThinking { data }),
        1 => other,
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let role =
        prop_oneof![3 => Just(Role::User), 3 => Just(Role::Assistant), 1 => Just(Role::System)];
    (role, prop::collection::vec(content(), 0..5))
        .prop_map(|(role, content)| Message { role, content })
}

fn marks() -> impl Strategy<Value = Vec<CacheMark>> {
    let place = prop_oneof![
        (0usize..3).prop_map(MarkPlace::System),
        (0usize..8, 0usize..5).prop_map(|(message, block)| MarkPlace::Block { message, block }),
    ];
    let ttl = prop_oneof![Just(CacheTtl::Short), Just(CacheTtl::Long)];
    prop::collection::vec((place, ttl).prop_map(|(place, ttl)| CacheMark { place, ttl }), 0..7)
}

fn request() -> impl Strategy<Value = Request> {
    (prop::collection::vec(message(), 0..6), marks()).prop_map(|(messages, marks)| {
        let mut request = Request {
            model: "m".into(),
            system: vec![SystemBlock { text: "s".into() }, SystemBlock { text: "t".into() }],
            messages,
            ..Request::default()
        };
        request.cache.marks = marks;
        request
    })
}

fn unmark(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.shift_remove("cache_control");
            map.shift_remove("prompt_cache_breakpoint");
            map.values_mut().for_each(unmark);
        }
        Value::Array(items) => items.iter_mut().for_each(unmark),
        _ => {}
    }
}

fn count_marks(value: &Value) -> usize {
    match value {
        Value::Object(map) => {
            usize::from(map.contains_key("cache_control"))
                + usize::from(map.contains_key("prompt_cache_breakpoint"))
                + map.values().map(count_marks).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(count_marks).sum(),
        _ => 0,
    }
}

type Encode = fn(&Request, &Quirks) -> Value;

fn codecs() -> Vec<(Encode, Quirks)> {
    let marked = Quirks { part_marks: PartMarks::CacheControl, ..Quirks::default() };
    let breakpoints = Quirks { part_marks: PartMarks::Breakpoint, ..Quirks::openai() };
    vec![
        (anthropic::encode_request, Quirks::default()),
        (openai::encode_request, Quirks::default()),
        (openai::encode_request, Quirks::openai()),
        (openai::encode_request, marked),
        (gemini::encode_request, Quirks::default()),
        (ollama::encode_request, Quirks::default()),
        (responses::encode_request, Quirks::default()),
        (responses::encode_request, Quirks::openai()),
        (responses::encode_request, breakpoints),
    ]
}

proptest! {
    #[test]
    fn appending_keeps_every_earlier_byte(
        request in request(),
        answer in prop::collection::vec(content(), 0..4),
        more in prop::collection::vec(message(), 0..4),
        other_marks in marks(),
    ) {
        let mut longer = request.clone();
        longer.messages.push(Message { role: Role::Assistant, content: answer });
        longer.messages.extend(more);
        longer.cache.marks = other_marks;
        for (encode, quirks) in codecs() {
            let mut before = encode(&request, &quirks);
            prop_assert_eq!(before.to_string(), encode(&request, &quirks).to_string());
            prop_assert!(count_marks(&before) <= 4);
            let mut after = encode(&longer, &quirks);
            unmark(&mut before);
            unmark(&mut after);
            let (mut before, after) = (before.to_string(), after.to_string());
            prop_assert!(before.ends_with("]}"), "messages come last");
            before.truncate(before.len() - "]}".len());
            prop_assert!(after.starts_with(&before), "{before}\n{after}");
        }
    }
}
