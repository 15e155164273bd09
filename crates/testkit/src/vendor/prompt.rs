//! A body rendered the way a vendor's cache walks it: tools, then system, then messages.

use std::collections::HashMap;

use distiq_base::CountTokens;
use serde_json::Value;

use crate::canonical::{blocks, elements, is_set, text};

/// What every picture counts as; vendors go by its size, which a script need not know.
pub const IMAGE_TOKENS: u64 = 1_000;

/// What a message costs beside its words (the role and its frame).
pub const MESSAGE_TOKENS: u64 = 3;

/// One block of a rendered prompt.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where it stands.
    pub part: Part,
    /// What must be equal for a cache to match, byte for byte.
    pub identity: String,
    /// What is counted.
    pub text: String,
    /// Its tokens.
    pub tokens: u64,
    /// The cache mark on it, as sent.
    pub mark: Option<Value>,
    /// Whether a mark may stand on it (thinking and empty text cannot).
    pub can_mark: bool,
}

/// A part of a prompt, in the order of rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Part {
    Tools,
    System,
    Messages,
}

/// A rendered prompt.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// Its blocks, in order.
    pub segments: Vec<Segment>,
}

/// Counts tokens and remembers long texts, since a session sends them again and again.
pub struct Counter {
    tokens: &'static dyn CountTokens,
    known: HashMap<blake3::Hash, u64>,
}

/// Texts shorter than this are counted anew.
const REMEMBERED_BYTES: usize = 256;

/// Beyond so many remembered texts the counter forgets them all.
const REMEMBERED_TEXTS: usize = 100_000;

impl Counter {
    /// Makes a counter.
    pub fn new(tokens: &'static dyn CountTokens) -> Self {
        Self { tokens, known: HashMap::new() }
    }

    /// Returns the number of tokens of a text.
    pub fn count(&mut self, text: &str) -> u64 {
        if text.len() < REMEMBERED_BYTES {
            return self.tokens.count(text);
        }
        if self.known.len() > REMEMBERED_TEXTS {
            self.known.clear();
        }
        let tokens = self.tokens;
        *self.known.entry(blake3::hash(text.as_bytes())).or_insert_with(|| tokens.count(text))
    }
}

impl Prompt {
    /// Renders a body of Anthropic's dialect.
    pub fn anthropic(body: &Value, counter: &mut Counter) -> Self {
        let mut prompt = Prompt::default();
        for tool in elements(body.get("tools")) {
            let identity = blocks_of_one(tool).to_string();
            prompt.push(Part::Tools, "", identity.clone(), identity, mark(tool), counter);
        }
        prompt.content(Part::System, "system", body.get("system"), counter);
        for message in elements(body.get("messages")) {
            let start = prompt.segments.len();
            prompt.content(Part::Messages, text(message, "role"), message.get("content"), counter);
            prompt.frame(start);
        }
        prompt
    }

    /// Renders a body of OpenAI's dialect.
    pub fn openai(body: &Value, counter: &mut Counter) -> Self {
        let mut prompt = Prompt::default();
        for tool in elements(body.get("tools")) {
            let identity = tool.to_string();
            prompt.push(Part::Tools, "", identity.clone(), identity, None, counter);
        }
        for message in elements(body.get("messages")) {
            let start = prompt.segments.len();
            let role = match text(message, "tool_call_id") {
                "" => text(message, "role").to_owned(),
                id => format!("{} {id}", text(message, "role")),
            };
            prompt.content(Part::Messages, &role, message.get("content"), counter);
            for field in ["reasoning_content", "reasoning", "refusal"] {
                let words = text(message, field).to_owned();
                if !words.is_empty() {
                    prompt.push(Part::Messages, field, words.clone(), words, None, counter);
                }
            }
            for call in elements(message.get("tool_calls")) {
                let function = call.get("function").unwrap_or(&Value::Null);
                let words = format!("{} {}", text(function, "name"), text(function, "arguments"));
                let identity = call.to_string();
                prompt.push(Part::Messages, &role, identity, words, None, counter);
            }
            prompt.frame(start);
        }
        prompt
    }

    /// Renders a body of the Responses dialect.
    pub fn responses(body: &Value, counter: &mut Counter) -> Self {
        let mut prompt = Prompt::default();
        for tool in elements(body.get("tools")) {
            let identity = tool.to_string();
            prompt.push(Part::Tools, "", identity.clone(), identity, None, counter);
        }
        let instructions = text(body, "instructions").to_owned();
        if !instructions.is_empty() {
            let words = instructions.clone();
            prompt.push(Part::System, "instructions", instructions, words, None, counter);
        }
        if let Some(Value::String(_)) = body.get("input") {
            prompt.content(Part::Messages, "user", body.get("input"), counter);
            prompt.frame(0);
        }
        for item in elements(body.get("input")) {
            let start = prompt.segments.len();
            match text(item, "type") {
                "" | "message" => {
                    let role = text(item, "role");
                    prompt.content(Part::Messages, role, item.get("content"), counter);
                }
                kind if kind.ends_with("_output") => {
                    let role = format!("{kind} {}", text(item, "call_id"));
                    prompt.content(Part::Messages, &role, item.get("output"), counter);
                }
                kind => {
                    let words = ["name", "arguments", "input"].map(|field| text(item, field));
                    let words = match kind {
                        "reasoning" => {
                            elements(item.get("summary")).map(|s| text(s, "text")).collect()
                        }
                        _ => words.join(" "),
                    };
                    prompt.push(Part::Messages, kind, item.to_string(), words, None, counter);
                }
            }
            prompt.frame(start);
        }
        prompt
    }

    /// Returns the tokens of the whole prompt.
    pub fn tokens(&self) -> u64 {
        self.segments.iter().map(|segment| segment.tokens).sum()
    }

    /// Tells whether a picture stands anywhere in the messages.
    pub fn has_images(&self) -> bool {
        self.segments.iter().any(|s| {
            s.part == Part::Messages && s.tokens >= IMAGE_TOKENS && {
                s.identity.contains(r#""type":"image""#)
                    || s.identity.contains(r#""type":"image_url""#)
                    || s.identity.contains(r#""type":"input_image""#)
            }
        })
    }

    fn content(&mut self, part: Part, role: &str, content: Option<&Value>, counter: &mut Counter) {
        let marks: Vec<Option<Value>> = elements(content).map(mark).collect();
        for (at, block) in blocks(content).iter().enumerate() {
            let (words, images) = words(block);
            let mark = marks.get(at).cloned().flatten();
            self.push(part, role, block.to_string(), words, mark, counter);
            if let Some(segment) = self.segments.last_mut() {
                segment.tokens += images * IMAGE_TOKENS;
                segment.can_mark = match text(block, "type") {
                    "thinking" | "redacted_thinking" => false,
                    "text" => !text(block, "text").is_empty(),
                    _ => true,
                };
            }
        }
    }

    pub(super) fn push(
        &mut self,
        part: Part,
        role: &str,
        identity: String,
        text: String,
        mark: Option<Value>,
        counter: &mut Counter,
    ) {
        let tokens = counter.count(&text);
        let identity = format!("{role}\0{identity}");
        self.segments.push(Segment { part, identity, text, tokens, mark, can_mark: true });
    }

    /// Adds the price of a picture to the last block.
    pub(super) fn add_image(&mut self) {
        if let Some(last) = self.segments.last_mut() {
            last.tokens += IMAGE_TOKENS;
        }
    }

    /// Adds the price of a message's frame to its first block.
    pub(super) fn frame(&mut self, start: usize) {
        if let Some(first) = self.segments.get_mut(start) {
            first.tokens += MESSAGE_TOKENS;
        }
    }
}

fn mark(block: &Value) -> Option<Value> {
    ["cache_control", "prompt_cache_breakpoint"]
        .iter()
        .find_map(|field| block.get(field).filter(|mark| is_set(Some(mark))).cloned())
}

fn blocks_of_one(tool: &Value) -> Value {
    let list = Value::Array(vec![tool.clone()]);
    blocks(Some(&list)).into_iter().next().unwrap_or(Value::Null)
}

/// Returns what is counted of a block: its words, and the number of its pictures.
fn words(block: &Value) -> (String, u64) {
    match text(block, "type") {
        "text" | "input_text" | "output_text" => (text(block, "text").to_owned(), 0),
        "image" | "image_url" | "input_image" => (String::new(), 1),
        "thinking" => (text(block, "thinking").to_owned(), 0),
        "redacted_thinking" => (text(block, "data").to_owned(), 0),
        "tool_use" => {
            let input = block.get("input").map(Value::to_string).unwrap_or_default();
            (format!("{} {input}", text(block, "name")), 0)
        }
        "tool_result" => {
            let mut result = (String::new(), 0);
            for inner in blocks(block.get("content")) {
                let (words, images) = words(&inner);
                result.0.push_str(&words);
                result.1 += images;
            }
            result
        }
        _ => (block.to_string(), 0),
    }
}
