//! Messages: what is said to a model and by it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A vendor's wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions, and what is compatible with it.
    Openai,
    /// OpenAI Responses.
    Responses,
    /// Gemini generateContent.
    Gemini,
    /// Ollama's own API (NDJSON).
    Ollama,
}

impl Dialect {
    /// Returns the name used in config and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::Anthropic => "anthropic",
            Dialect::Openai => "openai",
            Dialect::Responses => "responses",
            Dialect::Gemini => "gemini",
            Dialect::Ollama => "ollama",
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions in the middle of a conversation.
    System,
    /// The user, or results of tools.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub content: Vec<Content>,
}

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// Where its bytes are.
        source: ImageSource,
    },
    /// A document, such as a PDF.
    Document {
        /// Where its content is.
        source: DocumentSource,
        /// Its title or file name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Other fields of an Anthropic block (`citations`, `context`); sent in that dialect only.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        extra: Map<String, Value>,
    },
    /// A model's reasoning; replayed unchanged and in order.
    Thinking {
        /// The reasoning as shown (may be empty where the vendor hides it).
        text: String,
        /// The vendor's proof, where it gives one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Reasoning that the vendor encrypted; replayed unchanged.
    RedactedThinking {
        /// Opaque data.
        data: String,
    },
    /// A model's call of a tool.
    ToolCall {
        /// The call's id, unique in the conversation.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments as JSON text, as the model wrote it (not always valid).
        arguments: String,
    },
    /// The result of a tool call; stands in the user message after the call.
    ToolResult {
        /// The id of the call.
        call_id: String,
        /// Text, images and documents.
        content: Vec<Content>,
        /// Whether the call failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    /// A block of one dialect that has no counterpart here; replayed verbatim there, left out elsewhere.
    Other {
        /// The dialect that knows it.
        dialect: Dialect,
        /// The block.
        json: Value,
    },
}

/// Where a picture's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ImageSource {
    /// In the message.
    Base64 {
        /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
        media_type: String,
        /// Standard base64 with padding.
        data: String,
    },
    /// At an address that the vendor fetches.
    Url {
        /// The address.
        url: String,
    },
}

/// Where a document's content is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DocumentSource {
    /// In the message, as bytes.
    Base64 {
        /// Such as `application/pdf`.
        media_type: String,
        /// Standard base64 with padding.
        data: String,
    },
    /// In the message, as plain text.
    Text {
        /// The text.
        text: String,
    },
    /// At an address that the vendor fetches.
    Url {
        /// The address.
        url: String,
    },
}

impl Message {
    /// Makes a user message of one text.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, content: vec![Content::text(text)] }
    }

    /// Makes an assistant message of one text.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: vec![Content::text(text)] }
    }

    /// Returns the text parts, joined.
    pub fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|c| match c {
                Content::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Returns the tool calls as (id, name, arguments), in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.content.iter().filter_map(|c| match c {
            Content::ToolCall { id, name, arguments } => {
                Some((id.as_str(), name.as_str(), arguments.as_str()))
            }
            _ => None,
        })
    }
}

impl Content {
    /// Makes a text part.
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text { text: text.into() }
    }

    /// Makes a tool result of one text.
    pub fn tool_result(
        call_id: impl Into<String>,
        text: impl Into<String>,
        is_error: bool,
    ) -> Self {
        Content::ToolResult {
            call_id: call_id.into(),
            content: vec![Content::text(text)],
            is_error,
        }
    }
}
