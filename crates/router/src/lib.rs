//! The one door to a model: every call is budgeted, sent, recorded and accounted for.
//!
//! The door is [`Router::send`]: a request and its [`Purpose`] go in, a [`Reply`] of
//! [`RouterEvent`]s comes back and ends with a [`Receipt`]. Behind it stand [`Ledger`], which knows
//! what every request cost and holds the limits, and [`economy`], which decides how a prompt is laid
//! out for the vendors' caches.
//!
//! ```
//! use distiq_base::RequestKind;
//! use distiq_router::{FinalRow, GroupBy, Ledger, Limits, OpenRow, RowFilter};
//! use jiff::tz::TimeZone;
//!
//! # let folder = tempfile::tempdir().unwrap();
//! let ledger = Ledger::open(&folder.path().join("ledger.db"))?;
//! let row = OpenRow::new(RequestKind::Execute, "anthropic", "claude-sonnet-4-5");
//! let id = row.id.clone();
//! ledger.reserve_blocking(row, &Limits::default())?;
//! ledger.finish_blocking(&id, FinalRow::default(), &Limits::default())?;
//! let all = ledger.totals(&RowFilter::default(), GroupBy::All, &TimeZone::UTC)?;
//! assert_eq!(all[0].requests, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate must never know a session's log, a tool, a terminal or a vendor's wire format.

pub mod cache;
pub mod classify;
pub mod compress;
pub mod corpus;
pub mod course;
pub mod economy;
pub mod escalate;
pub mod forward;
pub mod ledger;
pub mod nodes;
mod pins;
pub mod planning;
pub mod race;
mod receipt;
mod route;
mod router;
mod savings;
mod send;
mod ticket;
mod upstream;

pub use cache::{
    CacheOptions, CacheSlot, CacheStats, CacheUse, Found, Kept, ResponseCache, Verdict,
};
pub use forward::{
    Broken, Call, Fields, ForwardBody, ForwardStream, Forwarded, Reads, ReceiptHandle, Refused,
};
pub use ledger::answers::{Escalations, Judged, ModelEscalations};
pub use ledger::limits::{Alert, BudgetError, LimitScope, Limits, WorstCase};
pub use ledger::metrics::{DayMetrics, Metrics, TierShare};
pub use ledger::outcomes::{Count, Outcomes, Waits};
pub use ledger::query::{GroupBy, RowFilter, Saved, Totals};
pub use ledger::rows::{FinalRow, OpenRow, Progress, RequestRow, Reservation, RowState, Savings};
pub use ledger::{Ledger, LedgerError, LedgerOptions};
pub use nodes::{Balance, NodeStatus};
pub use race::Race;
pub use receipt::{Receipt, RouterEvent, SendError};
pub use route::{
    Candidate, Decision, Difficulty, Examples, Forecast, Inputs, Policy, Route, RouteError,
    Standing, SwitchInputs, Table, Task, Tier, What, decide,
};
pub use router::{KeyUse, PromptCaching, Purpose, Router, RouterConfig};
pub use savings::{LeftOut, Outcome, Pricing, Source, savings};
pub use send::Reply;
pub use ticket::ReceiptSlot;
pub use upstream::{EventStream, NodeSet, NodeSpec, RawTraits, Upstream, Upstreams};
