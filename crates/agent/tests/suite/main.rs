//! The agent against a model whose every event the tests decide.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // Tests.

mod compacting;
mod escalating;
mod keeping_warm;
mod local;
mod planning;
mod prefix;
mod prompt;
mod pruning;
mod support;
mod turns;

use std::path::Path;

use distiq_base::{Record, SessionId};

/// Reads a session's log.
fn log_of(sessions: &Path, id: &SessionId) -> Vec<Record> {
    distiq_agent::sessions::records(sessions, id).unwrap()
}
