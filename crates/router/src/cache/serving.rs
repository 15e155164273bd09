//! A request and the cache: what is found for it, and what is kept of its answer.

use std::sync::Arc;

use distiq_base::{Assembler, BlockStart, Content, Delta, Request, StopReason, StreamEvent};

use super::{Asked, CacheUse, Found, Kept, ResponseCache, Verdict};
use crate::receipt::Receipt;
use crate::router::{Desk, Purpose};

/// Bytes of one piece of an answer that is given again.
const PIECE: usize = 1_024;

/// What the cache has to do with a request.
pub(crate) struct Serving {
    cache: Arc<ResponseCache>,
    asked: Asked,
    used: CacheUse,
    heard: Assembler,
}

impl Serving {
    /// Returns it where the request asks for the cache and such requests may be answered by it.
    pub fn of(desk: &Desk, request: &Request, purpose: &Purpose) -> Option<Self> {
        let used = purpose.cache.clone()?;
        let cache = desk.cache()?;
        let owner = purpose.key.as_ref().map_or_else(String::new, |key| {
            key.owner
                .as_ref()
                .map_or_else(|| format!("key {}", key.id), |owner| format!("of {owner}"))
        });
        match Asked::read(request, &owner, &used.model, purpose.project.as_deref()) {
            Some(asked) => Some(Self { cache, asked, used, heard: Assembler::default() }),
            None => {
                used.told.tell(Verdict::Bypass, None);
                None
            }
        }
    }

    /// Finds an answer, and tells what came of it.
    pub fn find(&self, now_ms: i64) -> Option<Found> {
        let found = self.cache.find(&self.asked, now_ms);
        match &found {
            Some(found) => self.used.told.tell(found.verdict, Some(&found.id)),
            None => self.used.told.tell(Verdict::Miss, None),
        }
        found
    }

    /// Takes a step of the answer in.
    pub fn note(&mut self, event: &StreamEvent) {
        self.heard.push(event);
    }

    /// Forgets an attempt that failed.
    pub fn restart(&mut self) {
        self.heard = Assembler::default();
    }

    /// Keeps the answer, where it is whole, a text and the asked model's own.
    pub fn keep(self, receipt: &Receipt, now_ms: i64) {
        let is_sound = receipt.complete && receipt.error.is_none() && receipt.fallbacks == 0;
        if !is_sound || !self.heard.is_complete() {
            return;
        }
        let response = self.heard.into_response();
        if !matches!(response.stop, StopReason::EndTurn | StopReason::StopSequence) {
            return;
        }
        let mut texts = Vec::new();
        for content in response.content {
            match content {
                Content::Text { text } => texts.push(text),
                Content::Thinking { .. } | Content::RedactedThinking { .. } => {}
                _ => return,
            }
        }
        let usage = receipt.usage;
        let answer = Kept { model: receipt.model.clone(), texts, usage, cost: receipt.cost };
        self.cache.keep(&self.asked, &answer, now_ms);
    }
}

/// Returns a kept answer as it came once, without its end mark.
pub(crate) fn replay(answer: &Kept) -> Vec<StreamEvent> {
    let mut events = vec![StreamEvent::Start { id: String::new(), model: answer.model.clone() }];
    for (index, text) in answer.texts.iter().enumerate() {
        events.push(StreamEvent::BlockStart { index, block: BlockStart::Text });
        for piece in pieces(text) {
            let delta = Delta::Text { text: piece.to_owned() };
            events.push(StreamEvent::BlockDelta { index, delta });
        }
        events.push(StreamEvent::BlockStop { index });
    }
    let usage = distiq_base::Usage { cost: None, ..answer.usage };
    events.push(StreamEvent::Usage { usage });
    events.push(StreamEvent::Stop { reason: StopReason::EndTurn });
    events
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = (PIECE..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}
