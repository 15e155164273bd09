//! What the crate promises, from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod estimate;
mod prices;
mod provider;
mod provider_native;
mod server;
mod tls;
mod wire_errors;
mod wire_faults;
mod wire_golden_anthropic;
mod wire_golden_gemini;
mod wire_golden_ollama;
mod wire_golden_openai;
mod wire_golden_responses;
mod wire_native;
mod wire_plain;
mod wire_prefix;
mod wire_requests;
mod wire_responses;
mod wire_sse;
mod wire_streams;
