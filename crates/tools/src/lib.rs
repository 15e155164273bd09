//! Distiq's hands: files, search, edits, commands and git, each bounded and each behind a permission.
//!
//! The door is [`Toolbox`]: [`Toolbox::definitions`] is what a model is shown, [`Toolbox::call`] runs
//! a call and always returns an [`Outcome`]. The edit engine ([`engine`]) and the permission rules ([`permission::decide`]) are
//! functions of their arguments and can be used alone.
//!
//! ```
//! use distiq_tools::engine::{self, Edit, Tolerance};
//!
//! let edit = Edit::Replace { search: "one".into(), replace: "two".into() };
//! let edited = engine::apply("one\n", &[edit.clone()], Tolerance::Exact).unwrap();
//! assert_eq!(edited.text, "two\n");
//! assert!(engine::apply("one one\n", &[edit], Tolerance::Exact).is_err());
//! ```
//!
//! This crate must never know a model, a provider, a session's log, or where the user sits.

mod attributes;
mod batch;
mod bench;
mod edit;
mod fields;
mod files;
mod find;
mod folder;
mod git;
pub mod journal;
mod lock;
mod measure;
mod more;
mod outcome;
mod outputs;
mod page;
pub mod permission;
mod place;
mod read;
pub mod sandbox;
mod search;
mod session;
mod shell;
mod stale;
mod test_runner;
mod toolbox;
mod watch;
mod write;

pub use edit::{engine, hunk, patch};
pub use lock::ProjectLock;
pub use outcome::{Asked, Closest, Outcome, Refusal, RefusalKind};
pub use page::{Page, Parameter};
pub use shell::supervisor::{SUPERVISE, supervise};
pub use toolbox::{Call, ToolError, Toolbox, ToolboxConfig, definitions, pages};
pub use watch::{Touched, Watch};
