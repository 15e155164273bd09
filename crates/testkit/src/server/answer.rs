//! From a script's answer to the dialect's events, in pieces as a vendor sends them.

use distiq_base::{
    BlockStart, Content, Delta, Dialect, Request, Response, StopReason, StreamEvent, Usage,
};
use distiq_llm::wire::{anthropic, openai, responses};
use serde_json::Value;

use super::native::Form;
use crate::script::Answer;

/// Bytes of tool arguments in one piece.
const ARGUMENT_PIECE_BYTES: usize = 17;

/// Bytes of text in one piece, at least; it ends behind a space.
const TEXT_PIECE_BYTES: usize = 9;

/// When every answer of OpenAI's dialects says that it began.
const CREATED: i64 = 1_767_225_600;

/// Ids of answers and calls, unique within a server.
#[derive(Debug, Default)]
pub(super) struct Ids {
    answers: u32,
    calls: u32,
}

impl Ids {
    /// Returns the next answer's id.
    pub(super) fn answer(&mut self, dialect: Dialect) -> String {
        self.answers += 1;
        match dialect {
            Dialect::Anthropic => format!("msg_scripted_{:04}", self.answers),
            Dialect::Responses => format!("resp_scripted_{:04}", self.answers),
            Dialect::Gemini => format!("gemini-scripted-{:04}", self.answers),
            Dialect::Ollama => String::new(),
            Dialect::Openai => {
                format!("chatcmpl-scripted-{:04}", self.answers)
            }
        }
    }

    /// Gives an id to every tool call that has none.
    pub(super) fn name_calls(&mut self, answer: &mut Answer, dialect: Dialect) {
        for content in &mut answer.content {
            if let Content::ToolCall { id, .. } = content
                && id.is_empty()
                && dialect != Dialect::Gemini
            {
                self.calls += 1;
                *id = match dialect {
                    Dialect::Anthropic => format!("toolu_scripted_{:04}", self.calls),
                    Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
                        format!("call_scripted_{:04}", self.calls)
                    }
                };
            }
        }
    }
}

/// Cuts the arguments of the last tool call in the middle; adds a call where there is none.
pub(super) fn truncate_arguments(answer: &mut Answer) {
    let has_call = answer.content.iter().any(|c| matches!(c, Content::ToolCall { .. }));
    if !has_call {
        *answer = std::mem::take(answer).and_call("read", serde_json::json!({"path": "src/a.rs"}));
    }
    for content in answer.content.iter_mut().rev() {
        if let Content::ToolCall { arguments, .. } = content {
            let half = arguments.floor_char_boundary(arguments.len() / 2);
            arguments.truncate(half);
            break;
        }
    }
}

/// Returns the tokens of an answer, and how many of them are thinking.
pub(super) fn count(content: &[Content], tokens: &mut dyn FnMut(&str) -> u64) -> (u64, u64) {
    let mut output = 0;
    let mut thinking = 0;
    for part in content {
        match part {
            Content::Text { text } => output += tokens(text),
            Content::Thinking { text, .. } => thinking += tokens(text),
            Content::RedactedThinking { data } => thinking += tokens(data),
            Content::ToolCall { name, arguments, .. } => {
                output += tokens(name) + tokens(arguments);
            }
            Content::Image { .. }
            | Content::Document { .. }
            | Content::ToolResult { .. }
            | Content::Other { .. } => {}
        }
    }
    (output + thinking, thinking)
}

/// Cuts an answer to the request's limit, as a vendor does: in the middle of whatever comes then.
pub(super) fn limit(answer: &mut Answer, most: u64, tokens: &mut dyn FnMut(&str) -> u64) {
    if count(&answer.content, tokens).0 <= most {
        return;
    }
    let mut left = most;
    let mut kept = Vec::new();
    for mut part in std::mem::take(&mut answer.content) {
        let (cost, _) = count(std::slice::from_ref(&part), tokens);
        if cost <= left {
            left -= cost;
            kept.push(part);
            continue;
        }
        let name_cost = match &part {
            Content::ToolCall { name, .. } => tokens(name),
            _ => 0,
        };
        if let Content::Text { text }
        | Content::Thinking { text, .. }
        | Content::ToolCall { arguments: text, .. } = &mut part
            && name_cost < left
        {
            shorten(text, left - name_cost, tokens);
            kept.push(part);
        }
        break;
    }
    answer.content = kept;
    answer.stop = Some(StopReason::MaxTokens);
}

/// Cuts a text to so many tokens.
fn shorten(text: &mut String, most: u64, tokens: &mut dyn FnMut(&str) -> u64) {
    let (mut fits, mut too_long) = (0, text.len());
    while too_long - fits > 1 {
        let middle = text.floor_char_boundary(usize::midpoint(fits, too_long));
        if middle <= fits {
            break;
        }
        if tokens(text.get(..middle).unwrap_or_default()) <= most {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    text.truncate(fits);
}

/// What an answer may depend on of its request.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub request: &'a Request,
    /// How Gemini and Ollama are asked to write it.
    pub form: Option<Form>,
}

impl Asked<'_> {
    fn of_responses(self) -> responses::Asked {
        responses::Asked::of(self.request, CREATED)
    }
}

/// Returns an answer as whole bytes.
pub(super) fn whole(dialect: Dialect, response: &Response, asked: Asked<'_>) -> Value {
    let mut body = match dialect {
        Dialect::Anthropic => anthropic::encode_response(response),
        Dialect::Responses => responses::encode_answer(response, &asked.of_responses()),
        Dialect::Openai => openai::encode_response(response),
        Dialect::Gemini | Dialect::Ollama => {
            return asked.form.map_or(Value::Null, |form| form.whole(response));
        }
    };
    if response.usage.is_none()
        && let Some(fields) = body.as_object_mut()
    {
        fields.shift_remove("usage");
    }
    body
}

/// Returns an answer as the frames of a stream, the end mark last.
pub(super) fn frames(dialect: Dialect, response: &Response, asked: Asked<'_>) -> Vec<String> {
    let events = events(response);
    let bytes: String = match dialect {
        Dialect::Anthropic => {
            let mut encoder = anthropic::StreamEncoder::new();
            events.iter().map(|event| encoder.encode(event)).collect()
        }
        Dialect::Responses => {
            let mut encoder = responses::StreamEncoder::new(asked.of_responses());
            events.iter().map(|event| encoder.encode(event)).collect()
        }
        Dialect::Gemini | Dialect::Ollama => {
            return asked.form.map(|form| form.frames(&events)).unwrap_or_default();
        }
        Dialect::Openai => {
            let include_usage = openai::wants_usage(asked.request);
            let options = openai::StreamOptions { include_usage, created: CREATED };
            let mut encoder = openai::StreamEncoder::new(options);
            events.iter().map(|event| encoder.encode(event)).collect()
        }
    };
    let mut frames: Vec<String> = bytes.split_inclusive("\n\n").map(str::to_owned).collect();
    if response.usage.is_none() {
        frames = frames.iter().map(|frame| without_usage(frame)).collect();
    }
    if dialect == Dialect::Anthropic {
        let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
        frames.insert(2.min(frames.len()), ping.to_owned());
    }
    frames
}

/// Returns the events of an answer, texts and arguments in small pieces.
fn events(response: &Response) -> Vec<StreamEvent> {
    let mut events =
        vec![StreamEvent::Start { id: response.id.clone(), model: response.model.clone() }];
    let usage = |usage: Usage| StreamEvent::Usage { usage };
    // The vendor knows the prompt's count at the start and the answer's at the end.
    let early = response.usage.map(|usage| Usage { output: 1, reasoning: 0, ..usage });
    events.extend(early.map(usage));
    for (index, content) in response.content.iter().enumerate() {
        let Some((block, deltas)) = block(content) else { continue };
        events.push(StreamEvent::BlockStart { index, block });
        events.extend(deltas.into_iter().map(|delta| StreamEvent::BlockDelta { index, delta }));
        events.push(StreamEvent::BlockStop { index });
    }
    events.extend(response.usage.map(usage));
    events.push(StreamEvent::Stop { reason: response.stop.clone() });
    events.push(StreamEvent::End);
    events
}

fn is_named(delta: &Delta) -> bool {
    matches!(delta, Delta::Signature { signature } if signature.starts_with("responses:"))
}

fn block(content: &Content) -> Option<(BlockStart, Vec<Delta>)> {
    Some(match content {
        Content::Text { text } => {
            let deltas = text_pieces(text).map(|text| Delta::Text { text }).collect();
            (BlockStart::Text, deltas)
        }
        Content::Thinking { text, signature } => {
            let mut deltas: Vec<Delta> =
                text_pieces(text).map(|text| Delta::Thinking { text }).collect();
            let signature = signature.clone().map(|signature| Delta::Signature { signature });
            // OpenAI names an item when it begins, Anthropic signs it when it ends.
            let at = if signature.as_ref().is_some_and(is_named) { 0 } else { deltas.len() };
            deltas.splice(at..at, signature);
            (BlockStart::Thinking, deltas)
        }
        Content::RedactedThinking { data } => {
            (BlockStart::RedactedThinking { data: data.clone() }, Vec::new())
        }
        Content::ToolCall { id, name, arguments } => {
            let start = BlockStart::ToolCall { id: id.clone(), name: name.clone() };
            let pieces = pieces(arguments, |text| text.floor_char_boundary(ARGUMENT_PIECE_BYTES));
            (start, pieces.map(|json| Delta::Arguments { json }).collect())
        }
        Content::Other { dialect, json } => {
            (BlockStart::Other { dialect: *dialect, json: json.clone() }, Vec::new())
        }
        Content::Image { .. } | Content::Document { .. } | Content::ToolResult { .. } => {
            return None;
        }
    })
}

fn text_pieces(text: &str) -> impl Iterator<Item = String> + '_ {
    pieces(text, |text| {
        let start = text.floor_char_boundary(TEXT_PIECE_BYTES);
        let space = text.get(start..).and_then(|rest| rest.find(' '));
        // A text without spaces must not become one piece.
        match space {
            Some(space) if space < 64 => start + space + 1,
            _ => text.floor_char_boundary(TEXT_PIECE_BYTES * 2),
        }
    })
}

/// Cuts a text where `end` says; a piece is never empty, except of an empty text, which has none.
fn pieces(mut text: &str, end: impl Fn(&str) -> usize) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let first = text.chars().next()?;
        let at = end(text).max(first.len_utf8());
        let (piece, rest) = text.split_at_checked(at).unwrap_or((text, ""));
        text = rest;
        Some(piece.to_owned())
    })
}

fn without_usage(frame: &str) -> String {
    let Some((head, data)) = frame.split_once("data: ") else { return frame.to_owned() };
    let Ok(mut json) = serde_json::from_str::<Value>(data.trim_end()) else {
        return frame.to_owned();
    };
    for holder in ["message", "response"] {
        let message = json.get_mut(holder).and_then(Value::as_object_mut);
        message.map(|fields| fields.shift_remove("usage"));
    }
    json.as_object_mut().map(|fields| fields.shift_remove("usage"));
    format!("{head}data: {json}\n\n")
}
