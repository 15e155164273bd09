//! Traces by OpenTelemetry: for each request to a model one span of the gateway's work and, below
//! it, one of the vendor's by the GenAI conventions, sent by OTLP over HTTP.
//!
//! The format is a dozen small messages, so it is written here, in protobuf or JSON: OpenTelemetry's
//! own crates would bring a second HTTP stack's worth of code for it. Contents are never sent.

mod context;
mod encode;
mod exporter;
mod made;
mod settings;

pub(crate) use context::{Trace, TraceContext};
pub(crate) use exporter::Exporter;
pub use settings::{Protocol, SpanSettings, SpanSettingsError};
