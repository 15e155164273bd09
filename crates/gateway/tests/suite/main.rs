//! The gateway as its clients meet it: over sockets, before scripted vendors.

// A helper of a test may fail the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod bad_http;
mod errors;
mod fuzz;
mod kept;
mod keys;
mod matrix;
mod passing;
mod raw_vendor;
mod seeing;
mod stopping;
mod support;
mod tls;
