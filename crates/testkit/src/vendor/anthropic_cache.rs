//! Anthropic's prompt cache: explicit marks, cumulative hashes, a look-back of 20 blocks.
//!
//! Rules as documented in November 2026: an entry is made only at a mark, only past what was read,
//! and only when the prefix has the model's minimum; each mark looks for an entry at its own block
//! and at the 19 before it; `input_tokens` is what stands behind the last mark.

use std::collections::HashMap;

use distiq_base::Usage;
use serde_json::Value;

use super::models::Claude;
use super::prompt::{Part, Prompt};
use crate::canonical::{is_set, text};

/// Blocks that a mark looks at, its own included.
pub const LOOK_BACK_BLOCKS: usize = 20;

const SHORT_MS: i64 = 5 * 60 * 1000;
const LONG_MS: i64 = 60 * 60 * 1000;

/// The entries of all keys.
#[derive(Debug, Default)]
pub struct AnthropicCache {
    entries: HashMap<blake3::Hash, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    life_ms: i64,
    expires_ms: i64,
}

/// Entries that become readable when the answer begins.
#[derive(Clone, Debug, Default)]
pub struct Pending(Vec<(blake3::Hash, i64)>);

/// A block of the prompt with everything before it.
struct Step {
    hash: blake3::Hash,
    tokens: u64,
    life_ms: Option<i64>,
}

impl AnthropicCache {
    /// Counts a prompt by class and tells what it would write; refreshes what it reads.
    pub fn look_up(
        &mut self,
        key: &str,
        body: &Value,
        prompt: &Prompt,
        now_ms: i64,
    ) -> (Usage, Pending) {
        let min_tokens = Claude::parse(text(body, "model")).cache_min_tokens();
        let steps = walk(key, body, prompt);
        let total = steps.last().map_or(0, |step| step.tokens);
        let marked: Vec<(usize, &Step, i64)> = steps
            .iter()
            .enumerate()
            .filter_map(|(at, step)| step.life_ms.map(|life_ms| (at, step, life_ms)))
            .filter(|(_, step, _)| step.tokens >= min_tokens)
            .collect();
        let mut read = 0;
        for (at, ..) in &marked {
            let from = (at + 1).saturating_sub(LOOK_BACK_BLOCKS);
            let window = steps.get(from..=*at).unwrap_or_default();
            let hit = window.iter().rev().find(|step| self.refresh(&step.hash, now_ms));
            read = read.max(hit.map_or(0, |step| step.tokens));
        }
        let mut usage = Usage { cache_read: read, ..Usage::default() };
        let mut end = read;
        let mut pending = Pending::default();
        for (_, step, life_ms) in &marked {
            if step.tokens <= end {
                continue;
            }
            let written = step.tokens - end;
            if *life_ms == LONG_MS {
                usage.cache_write_long += written;
            } else {
                usage.cache_write += written;
            }
            end = step.tokens;
            pending.0.push((step.hash, *life_ms));
        }
        usage.input = total - end;
        (usage, pending)
    }

    /// Makes what a request wrote readable.
    pub fn keep(&mut self, pending: &Pending, now_ms: i64) {
        for (hash, life_ms) in &pending.0 {
            let entry = Entry { life_ms: *life_ms, expires_ms: now_ms + life_ms };
            self.entries.insert(*hash, entry);
        }
    }

    fn refresh(&mut self, hash: &blake3::Hash, now_ms: i64) -> bool {
        match self.entries.get_mut(hash) {
            Some(entry) if entry.expires_ms > now_ms => {
                entry.expires_ms = now_ms + entry.life_ms;
                true
            }
            _ => false,
        }
    }
}

fn walk(key: &str, body: &Value, prompt: &Prompt) -> Vec<Step> {
    let automatic = body.get("cache_control").filter(|mark| is_set(Some(mark)));
    let last = prompt.segments.iter().rposition(|segment| segment.can_mark);
    let mut hasher = blake3::Hasher::new();
    let mut feed = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
        hasher.finalize()
    };
    feed(key);
    feed(text(body, "model"));
    let mut part = Part::Tools;
    let mut tokens = 0;
    let mut steps = Vec::with_capacity(prompt.segments.len());
    for (at, segment) in prompt.segments.iter().enumerate() {
        while part < segment.part {
            part = if part == Part::Tools { Part::System } else { Part::Messages };
            feed(&settings(body, prompt, part));
        }
        tokens += segment.tokens;
        let automatic = automatic.filter(|_| Some(at) == last);
        let life_ms = segment.mark.as_ref().or(automatic).map(life_ms);
        steps.push(Step { hash: feed(&segment.identity), tokens, life_ms });
    }
    steps
}

/// Returns the settings whose change loses a part and what follows it.
fn settings(body: &Value, prompt: &Prompt, part: Part) -> String {
    let field = |name| body.get(name).unwrap_or(&Value::Null).to_string();
    match part {
        Part::Tools => String::new(),
        Part::System => field("speed"),
        Part::Messages => {
            format!("{} {} {}", field("tool_choice"), field("thinking"), prompt.has_images())
        }
    }
}

fn life_ms(mark: &Value) -> i64 {
    if text(mark, "ttl") == "1h" { LONG_MS } else { SHORT_MS }
}
