//! Test doubles: a vendor's server that follows a script, a model driven by hand, a clean place to
//! run the built program in, real source trees.
//!
//! The door is [`ScriptedModel`]: a server on loopback that speaks every vendor's dialect over real HTTP,
//! says what its [`Script`] says, counts tokens and cache reads by the vendors' rules, refuses what
//! they refuse, breaks what a [`Fault`] names, and holds every request against the
//! [`invariants`].
//!
//! ```
//! use distiq_testkit::{Answer, Fault, Script, ScriptedModel};
//! use serde_json::json;
//!
//! let script = Script::steps([
//!     Answer::text("Looking.").and_call("read", json!({"path": "src/lib.rs"})).into(),
//!     Answer::text("Done.").after_faults([Fault::Status { status: 529 }]),
//! ] as [distiq_testkit::Step; 2]);
//! let model = ScriptedModel::start(script).unwrap();
//! // ANTHROPIC_BASE_URL, or OPENAI_BASE_URL, of the program under test:
//! assert!(model.base_url_anthropic().starts_with("http://127.0.0.1:"));
//! assert!(model.base_url_openai().ends_with("/v1"));
//! // After the run:
//! model.check();
//! assert_eq!(model.requests().len(), 0);
//! ```
//!
//! This crate must never know the agent, the tools, the router or the ledger, and nothing but tests,
//! the commands `demo`, `simulate` and `eval`, and the measurements of `xtask` may know it.

pub mod canonical;
mod env;
pub mod fake;
pub mod fault;
pub mod fuzz;
pub mod http;
pub mod invariants;
pub mod pdf;
pub mod script;
mod server;
mod source_tree;
pub mod vendor;

pub use env::{Output, Running, TestEnv};
pub use fake::{Answering, Call, Driver, FakeModel, FakeStream};
pub use fault::{Fault, RetryAfter};
pub use invariants::{Sessions, Violation};
pub use script::{Answer, AtEnd, Count, Script, ScriptError, Step};
pub use server::{Captured, Options, Outcome, ScriptedModel};
pub use source_tree::{Archive, SourceTree};
