//! Distiq's agent.
pub mod history;
pub mod log;
pub mod memory;
pub mod sessions;
