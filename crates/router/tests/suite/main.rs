//! The router through its doors: the ledger's promises, alone and between processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod budgets;
mod caching;
mod compressing;
mod falling;
mod forwarding;
mod journal;
mod ledger;
mod pairs;
mod played;
mod racing;
mod routes;
mod sending;
mod support;
