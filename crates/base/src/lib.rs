//! Distiq's vocabulary: what every other crate speaks, and nothing that acts.
//!
//! The door is the types themselves: [`Message`] and [`Request`] go to a model, [`StreamEvent`]s
//! come back, [`Usage`] and [`Money`] tell what it cost, [`Event`] is what a session's log holds,
//! and the ports ([`SyntaxCheck`], [`CountTokens`], [`Ask`]) join crates that must not know each
//! other.
//!
//! ```
//! use distiq_base::{Message, Money, Request};
//!
//! let request = Request { model: "claude-sonnet-4-5".into(), ..Request::default() };
//! assert!(request.messages.is_empty());
//! assert_eq!(Money::from_nanos(1_500_000_000).to_string(), "$1.50");
//! assert_eq!(Message::user("hi").text(), "hi");
//! ```
//!
//! This crate must never know an async runtime, a network, a database or a terminal.

pub mod atomic;
pub mod carried;
pub mod clock;
pub mod config;
pub mod embed;
pub mod env;
pub mod error;
pub mod event;
pub mod ids;
pub mod kill;
pub mod message;
pub mod money;
pub mod nearest;
pub mod paths;
pub mod plan;
pub mod ports;
pub mod request;
pub mod secret;
pub mod secret_files;
pub mod stream;
pub mod usage;

pub use carried::{Carried, PrunedResult, TouchedFile};
pub use embed::{
    Embed, EmbedEncoding, EmbedError, EmbedInput, EmbedRequest, EmbedResponse, EmbedRole, Rerank,
    RerankError,
};
pub use error::ErrorKind;
pub use event::{Event, Failure, Mode, Op, Record, TurnStatus};
pub use ids::{RequestId, SessionId};
pub use message::{Content, Dialect, DocumentSource, ImageSource, Message, Role};
pub use money::{Money, Price};
pub use plan::{Complexity, Plan, PlannedChange};
pub use ports::{
    Answer, Ask, CodeAnswer, CodeIndex, CodeQuestion, CodeView, CountTokens, DocumentError,
    Question, ReadDocument, SyntaxCheck, SyntaxError,
};
pub use request::{
    CacheMark, CachePlan, CacheTtl, Effort, MarkPlace, OutputFormat, Request, RequestKind, Scope,
    SystemBlock, ThinkingMode, ToolChoice, ToolDef,
};
pub use secret::Secret;
pub use stream::{Assembler, BlockStart, Delta, Response, StopReason, StreamEvent};
pub use usage::Usage;
