//! The gateway: any client's dialect in, any provider out, on one port.
//!
//! The door is [`Gateway::bind`] and then [`Gateway::serve`]. A request is a row of the endpoint table:
//! its key, limits and body are checked, its dialect's codec reads it, the
//! [`Router`](distiq_router::Router) answers it, and the same codec writes the answer as it comes.
//! [`Keys`] holds who may ask, and how much.
//!
//! Nothing stands between the router's stream and the client's socket: the body of an answer *is* the
//! router's reply, polled when the socket takes more. So a slow client slows its vendor down, a client
//! that leaves drops the reply, and no queue can grow.
//!
//! ```
//! use distiq_gateway::{Keys, NewKey};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! let keys = Keys::open(&folder.path().join("gateway.db"))?;
//! let made = keys.create(&NewKey { owner: "ann".into(), ..NewKey::default() })?;
//! assert!(keys.find(made.secret.expose()).is_some());
//! keys.revoke(&made.key.id)?;
//! assert!(keys.find(made.secret.expose()).is_none());
//! # Ok::<(), distiq_gateway::KeyError>(())
//! ```
//!
//! This crate must never know a session, a tool or a vendor's bytes: those are `llm::wire`'s.

mod admin;
mod answer;
mod batch;
mod body;
mod call;
mod chat;
mod completions;
mod count;
mod dialect;
mod embed;
mod endpoint;
mod facts;
mod fuzzed;
mod gateway;
mod guard;
mod head;
mod health;
mod kept;
mod keys;
mod listen;
mod models;
mod pass;
mod refusal;
mod resolve;
mod seeing;
mod setup;
mod shared;
mod silence;
mod stream;
mod tls;
mod unknown;

#[doc(hidden)]
pub use fuzzed::fuzzed;
pub use gateway::{Gateway, GatewayError, Handle};
pub use keys::{Key, KeyError, Keys, Made, NewKey};
pub use seeing::{
    AccessLog, AccessLogError, AccessLogTo, Protocol, SeeingOptions, SpanSettings,
    SpanSettingsError,
};
pub use setup::{Access, Bounds, Options, Setup, Source};
pub use tls::TlsFiles;
