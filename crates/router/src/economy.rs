//! Prompt economy: what is decided about a prompt so that vendors bill less for it. Pure.
//!
//! - [`compaction`] says when a history is made shorter.
//! - [`keep_alive`] says when a cache is read only to keep it alive.
//! - [`lifetimes`] knows how long caches live, and which lifetime pays.
//! - [`marks`] places cache marks for the longest reads.
//! - [`prefix_target`] says how long a prompt's fixed part should be.
//! - [`pruning`] says when old results of tools are left out.
//! - [`switch`] makes a request fit another model than the one before.
//! - [`shared_prefix`] holds a request's body against the one before it.

pub mod compaction;
pub mod keep_alive;
pub mod lifetimes;
mod marks;
mod prefix;
pub mod pruning;
mod shared;
pub mod switch;

pub use lifetimes::{Pace, Rhythm};
pub use marks::{CacheRules, marks};
pub use prefix::{PrefixCosts, prefix_target};
pub use shared::{PrefixBreak, shared_prefix};
