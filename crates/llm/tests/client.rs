//! Tests of the crate from outside.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "suite/prices.rs"]
mod prices;
#[path = "suite/provider.rs"]
mod provider;
#[path = "suite/server.rs"]
mod server;
