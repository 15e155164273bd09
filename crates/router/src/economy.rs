//! Prompt economy: what is decided about a prompt so that vendors bill less for it. Pure.
//!
//! - [`marks`] places cache marks for the longest reads.
//! - [`prefix_target`] says how long a prompt's fixed part should be.
//! - [`switch`] makes a request fit another model than the one before.
//! - [`shared_prefix`] holds a request's body against the one before it.

mod marks;
mod prefix;
mod shared;
pub mod switch;

pub use marks::{CacheRules, marks};
pub use prefix::{PrefixCosts, prefix_target};
pub use shared::{PrefixBreak, shared_prefix};
