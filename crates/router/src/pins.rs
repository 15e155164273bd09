//! Which model signed which thinking, so that a conversation goes back to it.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use distiq_base::{Content, Request};

use crate::route::Candidate;

/// Most signatures that are remembered; a conversation's last one is what counts.
const MAX_PINS: usize = 10_000;

/// Signatures, as hashes, and who made them.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by: HashMap<u64, Candidate>,
    order: VecDeque<u64>,
}

impl Pins {
    /// Remembers who signed.
    pub fn keep(&self, proof: &str, candidate: &Candidate) {
        let hash = hash(proof);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by.insert(hash, candidate.clone()).is_none() {
            kept.order.push_back(hash);
        }
        if kept.order.len() > MAX_PINS
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by.remove(&oldest);
        }
    }

    /// Returns who signed the last signed thinking of a conversation, where that is remembered.
    pub fn find(&self, request: &Request) -> Option<Candidate> {
        let contents =
            request.messages.iter().rev().flat_map(|message| message.content.iter().rev());
        let proof = contents.into_iter().find_map(|content| match content {
            Content::Thinking { signature: Some(proof), .. } => Some(proof),
            Content::RedactedThinking { data } => Some(data),
            _ => None,
        })?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by.get(&hash(proof)).cloned()
    }
}

fn hash(proof: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    proof.hash(&mut hasher);
    hasher.finish()
}
