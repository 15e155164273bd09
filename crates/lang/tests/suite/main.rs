//! Distiq's languages, tested through their doors.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod bash_oracle;
mod outline;
mod random;
mod shell;
mod source;
mod syntax;
