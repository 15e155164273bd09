//! The text as it grows, counted block by block.

use distiq_base::CountTokens;

use crate::{Context, Item};

/// Blocks of whole lines. Each begins with no blank, so that no token spans two of them.
pub(crate) struct Pack<'a> {
    counter: &'a dyn CountTokens,
    blocks: Vec<Block>,
    used: u64,
}

struct Block {
    items: Vec<Item>,
    text: String,
}

impl<'a> Pack<'a> {
    pub fn new(counter: &'a dyn CountTokens) -> Self {
        Self { counter, blocks: Vec::new(), used: 0 }
    }

    /// Returns how many tokens the blocks have.
    pub fn used(&self) -> u64 {
        self.used
    }

    pub fn count(&self, text: &str) -> u64 {
        self.counter.count(text)
    }

    /// Adds a block where all of it stays within `most` tokens, and tells whether it did.
    pub fn add(&mut self, items: Vec<Item>, text: String, most: u64) -> bool {
        let used = self.used.saturating_add(self.counter.count(&text));
        if used > most {
            return false;
        }
        self.used = used;
        self.blocks.push(Block { items, text });
        true
    }

    /// Returns what was added.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.blocks.iter().flat_map(|block| &block.items)
    }

    /// Returns the paths of what was added.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.items().map(|item| item.path.as_str())
    }

    /// Tells whether what begins at a line is named already.
    pub fn names(&self, path: &str, line: u32) -> bool {
        self.items().any(|item| item.path == path && item.start_line == line)
    }

    /// Tells whether lines are shown whole already.
    pub fn shows(&self, path: &str, start_line: u32, end_line: u32) -> bool {
        self.items().any(|item| {
            item.shape == crate::Shape::Code
                && item.path == path
                && item.start_line <= start_line
                && end_line <= item.end_line
        })
    }

    /// Returns what was packed, at most `most` tokens as counted in one piece.
    pub fn finish(mut self, most: u64) -> Context {
        loop {
            let text: String = self.blocks.iter().map(|block| block.text.as_str()).collect();
            let tokens_used = self.counter.count(&text);
            if tokens_used <= most || self.blocks.pop().is_none() {
                let items = self.blocks.into_iter().flat_map(|block| block.items).collect();
                return Context { tokens_used, items, text };
            }
        }
    }
}
