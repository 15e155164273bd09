//! OpenAI's prompt cache: automatic, exact prefixes of at least 1,024 tokens.
//!
//! Before GPT-5.6 (and for other names) any earlier prompt of the same key is matched byte for
//! byte and the hit is cut down to a multiple of 128 tokens; writes are free and not reported.
//! From GPT-5.6 on, entries end at breakpoints (the end of the prompt, and explicit ones), match
//! whole, and what is written is reported as `cache_write_tokens`.

use distiq_base::Usage;
use serde_json::Value;

use super::models::has_cache_breakpoints;
use super::prompt::{Counter, Prompt, Segment};
use crate::canonical::text;

/// The shortest prefix that is cached.
pub const MIN_TOKENS: u64 = 1_024;

/// The grain of a hit before GPT-5.6.
pub const STEP_TOKENS: u64 = 128;

/// Breakpoints that a lookup considers, newest first.
pub const LATEST_BREAKPOINTS: usize = 80;

const IDLE_MS: i64 = 5 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const BREAKPOINT_MS: i64 = 30 * 60 * 1000;
const LONG_BREAKPOINT_MS: i64 = 12 * 60 * 60 * 1000;

/// The entries of all keys, oldest first.
#[derive(Debug, Default)]
pub struct OpenaiCache {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Owner, model and routing key.
    room: String,
    blocks: Vec<Block>,
    /// Whether it matches only as a whole (GPT-5.6 and later).
    whole: bool,
    life_ms: i64,
    expires_ms: i64,
}

#[derive(Clone, Debug)]
struct Block {
    identity: blake3::Hash,
    text: String,
}

/// Entries that become readable when the answer begins.
#[derive(Clone, Debug, Default)]
pub struct Pending(Vec<Entry>);

impl OpenaiCache {
    /// Counts a prompt by class and tells what it would write; refreshes what it reads.
    pub fn look_up(
        &mut self,
        key: &str,
        body: &Value,
        prompt: Prompt,
        counter: &mut Counter,
        now_ms: i64,
    ) -> (Usage, Pending) {
        let model = text(body, "model");
        let room = format!("{key}\0{model}\0{}", text(body, "prompt_cache_key"));
        self.entries.retain(|entry| entry.expires_ms > now_ms);
        if has_cache_breakpoints(model) {
            self.by_breakpoints(&room, body, &prompt, now_ms)
        } else {
            self.by_bytes(&room, body, &prompt, counter, now_ms)
        }
    }

    /// Makes what a request wrote readable.
    pub fn keep(&mut self, pending: &Pending, now_ms: i64) {
        for entry in &pending.0 {
            let entry = Entry { expires_ms: now_ms + entry.life_ms, ..entry.clone() };
            // An older prompt that this one begins with adds nothing where any prefix matches.
            self.entries
                .retain(|old| old.room != entry.room || old.whole || !begins_with(&entry, old));
            self.entries.push(entry);
        }
    }

    fn by_bytes(
        &mut self,
        room: &str,
        body: &Value,
        prompt: &Prompt,
        counter: &mut Counter,
        now_ms: i64,
    ) -> (Usage, Pending) {
        let mut best = 0;
        for entry in self.entries.iter_mut().filter(|entry| entry.room == room) {
            let common = common_tokens(&entry.blocks, &prompt.segments, counter);
            let hit = common / STEP_TOKENS * STEP_TOKENS;
            if hit >= MIN_TOKENS {
                entry.expires_ms = now_ms + entry.life_ms;
                best = best.max(hit);
            }
        }
        let total = prompt.tokens();
        let usage = Usage { input: total - best.min(total), cache_read: best, ..Usage::default() };
        let day = text(body, "prompt_cache_retention") == "24h";
        let life_ms = if day { DAY_MS } else { IDLE_MS };
        let long_enough = total >= MIN_TOKENS;
        let entry = || Entry {
            room: room.to_owned(),
            blocks: prompt.segments.iter().map(Block::with_text).collect(),
            whole: false,
            life_ms,
            expires_ms: 0,
        };
        (usage, Pending(long_enough.then(entry).into_iter().collect()))
    }

    fn by_breakpoints(
        &mut self,
        room: &str,
        body: &Value,
        prompt: &Prompt,
        now_ms: i64,
    ) -> (Usage, Pending) {
        let mut read = 0;
        let latest = self.entries.iter_mut().rev().filter(|entry| entry.room == room);
        for entry in latest.take(LATEST_BREAKPOINTS) {
            if begins_with_blocks(&prompt.segments, &entry.blocks) {
                entry.expires_ms = now_ms + entry.life_ms;
                read = read.max(tokens_of(prompt, entry.blocks.len()));
            }
        }
        let mut pending = Pending::default();
        let mut end = read;
        for (length, life_ms) in breakpoints(body, prompt) {
            let tokens = tokens_of(prompt, length);
            if tokens > end && tokens >= MIN_TOKENS {
                end = tokens;
                pending.0.push(Entry {
                    room: room.to_owned(),
                    blocks: prompt.segments.iter().take(length).map(Block::hashed).collect(),
                    whole: true,
                    life_ms,
                    expires_ms: 0,
                });
            }
        }
        let usage = Usage {
            input: prompt.tokens() - end,
            cache_read: read,
            cache_write: end - read,
            ..Usage::default()
        };
        (usage, pending)
    }
}

impl Block {
    fn hashed(segment: &Segment) -> Self {
        Self { identity: blake3::hash(segment.identity.as_bytes()), text: String::new() }
    }

    fn with_text(segment: &Segment) -> Self {
        Self { text: segment.text.clone(), ..Self::hashed(segment) }
    }
}

/// Returns where entries end, as numbers of blocks, in order: the latest three explicit
/// breakpoints and, unless only those are wanted, the end of the prompt.
fn breakpoints(body: &Value, prompt: &Prompt) -> Vec<(usize, i64)> {
    let mut ends: Vec<(usize, i64)> = prompt
        .segments
        .iter()
        .enumerate()
        .filter_map(|(at, segment)| {
            let mark = segment.mark.as_ref()?;
            let long = text(mark, "ttl") == "12h";
            Some((at + 1, if long { LONG_BREAKPOINT_MS } else { BREAKPOINT_MS }))
        })
        .collect();
    let options = body.get("prompt_cache_options").unwrap_or(&Value::Null);
    if text(options, "mode") != "explicit" {
        ends.drain(..ends.len().saturating_sub(3));
        ends.push((prompt.segments.len(), BREAKPOINT_MS));
    }
    ends
}

fn tokens_of(prompt: &Prompt, blocks: usize) -> u64 {
    prompt.segments.iter().take(blocks).map(|segment| segment.tokens).sum()
}

fn begins_with_blocks(segments: &[Segment], blocks: &[Block]) -> bool {
    blocks.len() <= segments.len()
        && blocks
            .iter()
            .zip(segments)
            .all(|(old, new)| old.identity == blake3::hash(new.identity.as_bytes()))
}

fn begins_with(entry: &Entry, old: &Entry) -> bool {
    old.blocks.len() <= entry.blocks.len()
        && old.blocks.iter().zip(&entry.blocks).all(|(old, new)| old.identity == new.identity)
}

/// Returns the tokens of the longest common beginning, to the byte in the first block that differs.
fn common_tokens(old: &[Block], new: &[Segment], counter: &mut Counter) -> u64 {
    let mut tokens = 0;
    for (old, new) in old.iter().zip(new) {
        if old.identity == blake3::hash(new.identity.as_bytes()) {
            tokens += new.tokens;
            continue;
        }
        let bytes = old.text.bytes().zip(new.text.bytes()).take_while(|(a, b)| a == b).count();
        let same = new.text.get(..new.text.floor_char_boundary(bytes)).unwrap_or_default();
        return tokens + counter.count(same);
    }
    tokens
}
