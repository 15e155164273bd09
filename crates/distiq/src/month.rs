//! A month of requests, run through the product's own pipeline against the scripted server.
//!
//! Nothing of the pipeline is modelled here: the classifier, the routes, the agent with its tools, its answers
//! without a model, caches and compaction, the router and its ledger are the real ones, and so are the bytes that
//! go to the server and the rules of the vendors' caches there. Made up are the requests ([`Mix`],
//! [`schedule`]), what the model says, whether that was right, and the clock.

mod baseline;
mod cast;
mod dice;
mod mix;
mod project;
mod result;
mod run;
mod schedule;
mod setup;
mod stage;

pub use mix::{DEFAULT_MIX, Mix, assumptions};
pub use result::Month;
pub use run::run;
pub use setup::{Setup, Switches};
