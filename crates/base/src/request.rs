//! A request to a model, in no vendor's dialect.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::{Dialect, Message};

/// Everything that is asked of a model in one call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The model's id as its vendor knows it.
    pub model: String,
    /// System prompt, in blocks.
    pub system: Vec<SystemBlock>,
    /// Tools the model may call.
    pub tools: Vec<ToolDef>,
    /// Whether it may, must or must not call one.
    pub tool_choice: Option<ToolChoice>,
    /// `Some(false)` forbids several calls in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Most answer tokens, reasoning included.
    pub max_tokens: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Sampling temperature; never set by Distiq itself.
    pub temperature: Option<f64>,
    /// Nucleus sampling; never set by Distiq itself.
    pub top_p: Option<f64>,
    /// How hard to think.
    pub effort: Option<Effort>,
    /// Whether to think.
    pub thinking: Option<ThinkingMode>,
    /// The shape of the answer.
    pub output: Option<OutputFormat>,
    /// Whether the answer comes as a stream.
    pub stream: bool,
    /// Marks and keys for the vendor's prompt cache.
    pub cache: CachePlan,
    /// Hashes of the project state that the request depends on; never sent.
    pub scope: Scope,
    /// Fields of one dialect that have no counterpart here; sent back only in that dialect.
    pub extra: Option<(Dialect, Map<String, Value>)>,
    /// Headers that go with it, such as a trace's; no part of it otherwise.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
}

/// A part of the system prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemBlock {
    /// The text.
    pub text: String,
}

/// A tool's definition as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDef {
    /// The name, `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of the arguments (an object).
    pub schema: Value,
    /// Other fields of the dialect it was decoded from (`strict`, `type` of a vendor tool, …).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// Whether the model calls a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// At least one.
    Required,
    /// None.
    None,
    /// This one.
    Tool(String),
}

/// How hard a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// Whether a model thinks before it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingMode {
    /// No.
    Disabled,
    /// As the model sees fit.
    Adaptive,
    /// Up to so many tokens.
    Budget(u64),
}

/// The shape of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// The schema.
        schema: Value,
        /// Whether the vendor must enforce it.
        strict: Option<bool>,
    },
}

/// What the vendor's prompt cache is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CachePlan {
    /// Where a prefix ends that will be read again, in prompt order.
    pub marks: Vec<CacheMark>,
    /// Routes requests of one session to one cache (OpenAI `prompt_cache_key`).
    pub key: Option<String>,
}

/// The end of a prefix worth caching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheMark {
    /// Which block ends the prefix.
    pub place: MarkPlace,
    /// How long it is to live.
    pub ttl: CacheTtl,
}

/// A block that a cache mark can stand on; indices count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkPlace {
    /// The tool definition with this index.
    Tool(usize),
    /// The system block with this index.
    System(usize),
    /// A content block of a message.
    Block {
        /// Index into `messages`.
        message: usize,
        /// Index into its `content`.
        block: usize,
    },
}

/// How long a cached prefix lives after its last use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheTtl {
    /// The vendor's default (Anthropic 5 minutes).
    #[default]
    Short,
    /// The long one (Anthropic 1 hour).
    Long,
}

/// Hashes (hex) of the project state that an answer depends on, so that a changed file invalidates it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(pub Vec<String>);

/// What a request is for, in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RequestKind {
    Plan,
    Execute,
    Summarize,
    Classify,
    Embed,
    Gateway,
    /// Asked only so that a vendor's cache lives on.
    KeepAlive,
}

impl RequestKind {
    /// Returns the name used in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestKind::Plan => "plan",
            RequestKind::Execute => "execute",
            RequestKind::Summarize => "summarize",
            RequestKind::Classify => "classify",
            RequestKind::Embed => "embed",
            RequestKind::Gateway => "gateway",
            RequestKind::KeepAlive => "keep_alive",
        }
    }
}
