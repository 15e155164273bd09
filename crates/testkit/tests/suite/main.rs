//! The scripted model over real HTTP, the vendors' rules, and what a test can rely on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod cache;
mod client;
mod dialects;
mod env;
mod faults;
mod fuzz;
mod invariants;
mod litellm;
mod native;
mod rules;
mod source_tree;
