//! What any bytes may be thrown at: each decoder as a plain function that must neither panic nor hang,
//! and whose output stays in proportion to its input.
//!
//! The suites drive them with stored corpora (`tests/fuzz/TARGET/`) and with mutations of these; `cargo
//! xtask fuzz` drives the same functions by coverage.

mod answers;
mod mutate;
mod requests;
mod settings;
mod streams;

pub use mutate::{mutate, seeds};

/// A decoder that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name, and that of its corpus.
    pub name: &'static str,
    /// Takes the bytes; a panic is a defect.
    pub run: fn(&[u8]),
}

/// All targets of the crates that this one may know; the gateway, `index`, `lang` and `pdf` have their own.
pub const TARGETS: &[Target] = &[
    Target { name: "anthropic-request", run: requests::anthropic },
    Target { name: "openai-request", run: requests::openai },
    Target { name: "responses-request", run: requests::responses },
    Target { name: "gemini-request", run: requests::gemini },
    Target { name: "ollama-request", run: requests::ollama },
    Target { name: "anthropic-answer", run: answers::anthropic },
    Target { name: "openai-answer", run: answers::openai },
    Target { name: "responses-answer", run: answers::responses },
    Target { name: "gemini-answer", run: answers::gemini },
    Target { name: "ollama-answer", run: answers::ollama },
    Target { name: "anthropic-stream", run: streams::anthropic },
    Target { name: "openai-stream", run: streams::openai },
    Target { name: "responses-stream", run: streams::responses },
    Target { name: "gemini-stream", run: streams::gemini },
    Target { name: "ollama-stream", run: streams::ollama },
    Target { name: "frames", run: streams::frames },
    Target { name: "settings", run: settings::settings },
    Target { name: "prices", run: settings::prices },
];
