//! How Gemini and Ollama count prompts, and Gemini's implicit cache: exact prefixes of earlier
//! prompts, from a least length on, reported in `cachedContentTokenCount`.

use distiq_base::Usage;
use serde_json::Value;

use super::prompt::{Counter, Part, Prompt};
use crate::canonical::{elements, text};

/// The most prompts that are remembered.
const MOST_ENTRIES: usize = 1_000;

/// Earlier prompts by owner and model, as the identities of their blocks.
#[derive(Debug, Default)]
pub struct GeminiCache {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    room: String,
    blocks: Vec<String>,
}

/// A prompt that becomes readable when its answer begins.
#[derive(Clone, Debug, Default)]
pub struct Pending(Option<Entry>);

impl GeminiCache {
    /// Counts a prompt by class and tells what it would write.
    pub fn look_up(&mut self, key: &str, body: &Value, prompt: &Prompt) -> (Usage, Pending) {
        let model = text(body, "model");
        let room = format!("{key}\0{model}");
        let least = if model.starts_with("gemini-2.5") { 2_048 } else { 4_096 };
        let tokens_of = |entry: &Entry| -> u64 {
            let pairs = entry.blocks.iter().zip(&prompt.segments);
            pairs
                .take_while(|(known, segment)| **known == segment.identity)
                .map(|(_, segment)| segment.tokens)
                .sum()
        };
        let best = self
            .entries
            .iter()
            .filter(|entry| entry.room == room)
            .map(tokens_of)
            .max()
            .filter(|tokens| *tokens >= least)
            .unwrap_or(0);
        let usage = Usage { input: prompt.tokens() - best, cache_read: best, ..Usage::default() };
        let blocks = prompt.segments.iter().map(|segment| segment.identity.clone()).collect();
        (usage, Pending(Some(Entry { room, blocks })))
    }

    /// Makes what a request wrote readable.
    pub fn keep(&mut self, pending: &Pending) {
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.clear();
        }
        self.entries.extend(pending.0.clone());
    }
}

impl Prompt {
    /// Renders a body of Gemini's dialect.
    pub fn gemini(body: &Value, counter: &mut Counter) -> Self {
        let mut prompt = Prompt::default();
        for tool in elements(body.get("tools")) {
            let words = tool.to_string();
            prompt.push(Part::Tools, "", words.clone(), words, None, counter);
        }
        let system = body.get("systemInstruction").and_then(|system| system.get("parts"));
        prompt.gemini_parts(Part::System, "system", system, counter);
        for content in elements(body.get("contents")) {
            let start = prompt.segments.len();
            let role = text(content, "role");
            prompt.gemini_parts(Part::Messages, role, content.get("parts"), counter);
            prompt.frame(start);
        }
        prompt
    }

    fn gemini_parts(
        &mut self,
        part: Part,
        role: &str,
        parts: Option<&Value>,
        counter: &mut Counter,
    ) {
        for json in elements(parts) {
            let media = json.get("inlineData").or_else(|| json.get("fileData")).is_some();
            let words = match json.get("text").and_then(Value::as_str) {
                _ if media => String::new(),
                Some(text) => text.to_owned(),
                None => json.to_string(),
            };
            self.push(part, role, json.to_string(), words, None, counter);
            if media {
                self.add_image();
            }
        }
    }

    /// Renders a body of Ollama's dialect, of chat or generate.
    pub fn ollama(body: &Value, counter: &mut Counter) -> Self {
        let mut prompt = Prompt::default();
        for tool in elements(body.get("tools")) {
            let words = tool.to_string();
            prompt.push(Part::Tools, "", words.clone(), words, None, counter);
        }
        for field in ["system", "prompt"] {
            let words = text(body, field).to_owned();
            if !words.is_empty() {
                prompt.push(Part::Messages, field, words.clone(), words, None, counter);
            }
        }
        let messages = elements(body.get("messages"));
        for message in messages {
            let start = prompt.segments.len();
            let calls = message.get("tool_calls").map(Value::to_string).unwrap_or_default();
            let words = format!("{}{}{calls}", text(message, "thinking"), text(message, "content"));
            prompt.push(
                Part::Messages,
                text(message, "role"),
                message.to_string(),
                words,
                None,
                counter,
            );
            elements(message.get("images")).for_each(|_| prompt.add_image());
            prompt.frame(start);
        }
        elements(body.get("images")).for_each(|_| prompt.add_image());
        prompt
    }
}
