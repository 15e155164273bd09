//! Token counts by the class in which vendors bill them.

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Tokens of one request; the classes do not overlap, except `reasoning`, which is part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens that no cache knew, billed at the full input price.
    pub input: u64,
    /// Prompt tokens read from the vendor's cache.
    pub cache_read: u64,
    /// Prompt tokens written to the cache with the default lifetime (5 minutes; OpenAI 30).
    pub cache_write: u64,
    /// Prompt tokens written with the long lifetime (1 hour; OpenAI 12).
    pub cache_write_long: u64,
    /// Answer tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, where the vendor tells.
    pub reasoning: u64,
    /// What the vendor says that it cost, where it is one whose word is taken; never a sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
}

impl Usage {
    /// Returns all prompt tokens, whatever their class; price tiers go by this.
    pub const fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_long)
    }

    /// Adds another request's tokens; what a vendor said of either's cost is no longer true.
    pub const fn add(&mut self, other: &Usage) {
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.cache_write_long = self.cache_write_long.saturating_add(other.cache_write_long);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
        self.cost = None;
    }

    /// Tells whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Usage::default()
    }
}
