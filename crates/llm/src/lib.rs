//! Distiq's way to models: what is said on the wire, by whom, and what it costs.
//!
//! Doors: [`Registry`] finds the providers in the settings and the environment, a [`Provider`] sends
//! one request and streams its answer, [`retry::Policy`] decides whether to try again, the
//! [`Catalogue`] knows prices and limits, an [`Estimator`] counts prompts without a tokenizer. Each
//! dialect is a module in [`wire`]: pure functions between Distiq's vocabulary and a vendor's bytes,
//! both ways.
//!
//! ```
//! use distiq_base::{Message, Request};
//! use distiq_llm::wire::{Quirks, anthropic};
//!
//! let request = Request {
//!     model: "claude-haiku-4-5".into(),
//!     messages: vec![Message::user("hi")],
//!     ..Request::default()
//! };
//! let body = anthropic::encode_request(&request, &Quirks::default());
//! assert_eq!(body["messages"][0]["content"][0]["text"], "hi");
//! ```
//!
//! This crate must never know the ledger, the tools or the terminal.

pub mod catalogue;
pub mod error;
pub mod estimate;
pub mod provider;
pub mod registry;
pub mod retry;
pub mod wire;

pub use catalogue::{Catalogue, ModelInfo, PriceContext, Prices};
pub use error::{Phase, ProviderError, ProviderErrorKind};
pub use estimate::Estimator;
pub use provider::{ModelStream, Provider, ProviderConfig, Timeouts};
pub use registry::{Registry, RegistryError};
