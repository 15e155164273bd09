//! Distiq's agent: it takes a request, works with a model and tools until it is done, and keeps
//! everything that happened in the session's log.
//!
//! The door is [`Workbench`]: start or resume a session, submit an [`Op`](distiq_base::Op), receive
//! [`Record`](distiq_base::Record)s that are in the log already. [`sessions`] lists, finds and searches
//! what is on disk, [`export`] shows it, [`history`] is what a model has heard so far.
//!
//! ```
//! use distiq_agent::sessions;
//! use distiq_base::SessionId;
//!
//! let id = SessionId::parse("019a0000-0000-7000-8000-000000000000").unwrap();
//! let path = sessions::path_of(std::path::Path::new("/data/sessions"), &id);
//! assert_eq!(path.to_str().unwrap(), format!("/data/sessions/2025/10/{id}.jsonl"));
//! ```
//!
//! This crate must never know a terminal, an HTTP server or a vendor's dialect.

pub mod checkpoint;
mod code;
mod compact;
mod confidence;
pub mod export;
mod facts;
pub mod history;
mod journal;
mod local;
pub mod log;
pub mod memory;
pub mod prompt;
pub mod sessions;
pub mod sources;
mod turn;
pub mod workbench;

pub use code::ProjectCode;
pub use local::needs_no_model;
pub use turn::TurnError;
pub use workbench::{
    AgentError, CheckAnswer, Chosen, CompactionConfig, Config, EscalationConfig, KeptAnswers,
    PlanConfig, Rung, TurnLimits, Workbench,
};
