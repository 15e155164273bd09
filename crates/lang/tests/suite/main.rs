//! Distiq's languages, tested through their doors.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]

mod bash_oracle;
mod fuzz;
mod outline;
mod random;
mod shell;
mod sizes;
mod source;
mod syntax;
