//! The events that nearly all of a stream consists of, each a piece of text and nothing else, and
//! whole answers that are one text, read without building a tree.
//!
//! What holds anything unknown is none of them: its decoder then reads all of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

/// Reads one; `None` where it may be anything else.
pub(crate) fn read<'a, T: Deserialize<'a>>(data: &'a str) -> Option<T> {
    serde_json::from_str(data).ok()
}

/// Reads a whole answer; `None` where it may be anything else.
pub(crate) fn read_whole<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// A chunk of OpenAI's chat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
pub(crate) struct Chunk {
    #[serde(default)]
    id: IgnoredAny,
    #[serde(default)]
    object: IgnoredAny,
    #[serde(default)]
    created: IgnoredAny,
    #[serde(default)]
    model: IgnoredAny,
    #[serde(default)]
    provider: IgnoredAny,
    #[serde(default)]
    service_tier: IgnoredAny,
    #[serde(default)]
    system_fingerprint: IgnoredAny,
    #[serde(default)]
    obfuscation: IgnoredAny,
    choices: [Choice; 1],
    #[serde(default)]
    usage: (),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct Choice {
    index: u64,
    delta: ChatDelta,
    #[serde(default)]
    logprobs: IgnoredAny,
    #[serde(default)]
    finish_reason: (),
    #[serde(default)]
    native_finish_reason: (),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct ChatDelta {
    #[serde(default)]
    role: IgnoredAny,
    content: String,
    #[serde(default)]
    refusal: (),
    #[serde(default)]
    function_call: (),
    #[serde(default)]
    tool_calls: (),
    #[serde(default)]
    reasoning: (),
    #[serde(default)]
    reasoning_content: (),
}

impl Chunk {
    /// Returns the text of the first choice.
    pub fn into_text(self) -> Option<String> {
        let [choice] = self.choices;
        (choice.index == 0).then_some(choice.delta.content)
    }
}

/// A whole answer of OpenAI's chat that is one text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
pub(crate) struct Completion<'a> {
    pub id: String,
    #[serde(default)]
    object: IgnoredAny,
    #[serde(default)]
    created: IgnoredAny,
    pub model: String,
    #[serde(default)]
    service_tier: IgnoredAny,
    #[serde(default)]
    system_fingerprint: IgnoredAny,
    choices: [WholeChoice; 1],
    #[serde(borrow)]
    pub usage: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct WholeChoice {
    #[serde(default)]
    index: IgnoredAny,
    message: ChatMessage,
    finish_reason: String,
    #[serde(default)]
    logprobs: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct ChatMessage {
    #[serde(default)]
    role: IgnoredAny,
    content: String,
    #[serde(default)]
    annotations: [(); 0],
    #[serde(default)]
    refusal: (),
    #[serde(default)]
    audio: (),
    #[serde(default)]
    function_call: (),
    #[serde(default)]
    tool_calls: (),
}

impl Completion<'_> {
    /// Returns the text and the finish reason, where there is a text.
    pub fn take_text(&mut self) -> Option<(String, String)> {
        let [choice] = &mut self.choices;
        let text = std::mem::take(&mut choice.message.content);
        (!text.is_empty()).then(|| (text, std::mem::take(&mut choice.finish_reason)))
    }
}

/// A whole answer of Anthropic's that is one text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
pub(crate) struct Message<'a> {
    pub id: String,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    role: IgnoredAny,
    pub model: String,
    content: [TextBlock<'a>; 1],
    pub stop_reason: String,
    #[serde(default)]
    stop_sequence: IgnoredAny,
    pub usage: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct TextBlock<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: String,
    #[serde(default)]
    citations: (),
}

impl Message<'_> {
    /// Returns the text, where there is one.
    pub fn take_text(&mut self) -> Option<String> {
        let [block] = &mut self.content;
        let is_text = self.kind == "message" && block.kind == "text" && !block.text.is_empty();
        is_text.then(|| std::mem::take(&mut block.text))
    }
}

/// A `content_block_delta` of Anthropic's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockDelta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    pub index: u64,
    #[serde(borrow)]
    delta: Piece<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
}

impl BlockDelta<'_> {
    /// Returns the kind of the piece and the piece.
    pub fn into_piece(self) -> Option<(&'static str, String)> {
        let Piece { kind, text, thinking, partial_json } = self.delta;
        if self.kind != "content_block_delta" {
            return None;
        }
        match (&*kind, text, thinking, partial_json) {
            ("text_delta", Some(text), None, None) => Some(("text_delta", text)),
            ("thinking_delta", None, Some(text), None) => Some(("thinking_delta", text)),
            ("input_json_delta", None, None, Some(text)) => Some(("input_json_delta", text)),
            _ => None,
        }
    }
}

/// An event of OpenAI's Responses that makes an item longer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
pub(crate) struct ItemDelta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    item_id: IgnoredAny,
    #[serde(default)]
    sequence_number: IgnoredAny,
    #[serde(default)]
    logprobs: IgnoredAny,
    #[serde(default)]
    obfuscation: IgnoredAny,
    pub output_index: u64,
    #[serde(default)]
    pub content_index: u64,
    pub delta: String,
}

impl ItemDelta<'_> {
    /// Tells whether it is a piece of an answer's text.
    pub fn is_text(&self) -> bool {
        self.kind == "response.output_text.delta"
    }
}

/// A line of Ollama's chat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
pub(crate) struct Line {
    #[serde(default)]
    model: IgnoredAny,
    #[serde(default)]
    created_at: IgnoredAny,
    message: LineMessage,
    done: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "fields that may be there, and tell nothing")]
struct LineMessage {
    #[serde(default)]
    role: IgnoredAny,
    content: String,
    #[serde(default)]
    images: (),
}

impl Line {
    /// Returns its text, where the answer goes on after it.
    pub fn into_text(self) -> Option<String> {
        (!self.done).then_some(self.message.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_piece_of_text_is_plain() {
        let chunk = |text: &str| read::<Chunk>(text).and_then(Chunk::into_text);
        let plain = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","service_tier":null,
            "choices":[{"index":0,"delta":{"role":"assistant","content":"a\n"},"logprobs":null,"finish_reason":null}],
            "usage":null}"#;
        assert_eq!(chunk(plain).as_deref(), Some("a\n"));
        for (from, to) in [
            ("\"content\":\"a\\n\"", "\"tool_calls\":[]"),
            ("\"content\":\"a\\n\"", "\"content\":[]"),
            ("\"content\":\"a\\n\"", "\"content\":\"a\",\"reasoning\":\"b\""),
            ("\"content\":\"a\\n\"", "\"content\":\"a\",\"content\":\"b\""),
            ("\"finish_reason\":null", "\"finish_reason\":\"stop\""),
            ("\"usage\":null", "\"usage\":{}"),
            ("\"usage\":null", "\"error\":{}"),
            ("\"index\":0", "\"index\":1"),
            ("\"choices\":[", "\"choices\":[1,"),
            ("null}],", "null}],}"),
        ] {
            assert!(plain.contains(from), "{from}");
            assert_eq!(chunk(&plain.replacen(from, to, 1)), None, "{to}");
        }

        let block = |text: &str| read::<BlockDelta<'_>>(text).and_then(BlockDelta::into_piece);
        let plain =
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}"#;
        assert_eq!(block(plain), Some(("text_delta", "a".into())));
        for (from, to) in [
            ("\"text\":", "\"thinking\":"),
            ("_block_delta", "_block_start"),
            ("\"a\"", "\"a\",\"x\":1"),
            ("text_delta", "citations_delta"),
            ("\"index\":1,", ""),
        ] {
            assert_eq!(block(&plain.replacen(from, to, 1)), None, "{to}");
        }

        let line = |text: &str| read::<Line>(text).and_then(Line::into_text);
        let plain = r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":"a"},"done":false}"#;
        assert_eq!(line(plain).as_deref(), Some("a"));
        for (from, to) in [("false", "true"), ("\"a\"", "\"a\",\"thinking\":\"b\"")] {
            assert_eq!(line(&plain.replacen(from, to, 1)), None, "{to}");
        }
    }
}
