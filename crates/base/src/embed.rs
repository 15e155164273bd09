//! Embeddings: texts to vectors, in no vendor's dialect.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ErrorKind;
use crate::message::Dialect;

/// For what a text is embedded; some models want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedRole {
    /// To look for something.
    Query,
    /// To be found.
    Passage,
}

/// Why texts got no vectors.
#[derive(Debug)]
pub struct EmbedError {
    /// What kind; sets the exit code.
    pub kind: ErrorKind,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl EmbedError {
    /// Makes the error of an embedder that was asked, and failed.
    pub fn asked(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: ErrorKind::Provider, source: source.into() }
    }

    /// Makes the error of an embedder that cannot be asked as it is set up.
    pub fn set_up(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: ErrorKind::Config, source: source.into() }
    }
}

impl std::fmt::Display for EmbedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("No vectors could be made")
    }
}

impl std::error::Error for EmbedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Turns texts into vectors: texts that mean alike lie near each other.
pub trait Embed: Send + Sync + std::fmt::Debug {
    /// Names the embedder, with all that decides its vectors: those of different names are never compared.
    fn id(&self) -> &str;

    /// Whether it runs in this process: what it is asked costs nothing and goes nowhere.
    fn is_local(&self) -> bool {
        false
    }

    /// Returns a vector of length one for each text, in their order and all of one length. The call may take
    /// long, and blocks.
    ///
    /// # Errors
    /// When the embedder lies elsewhere and cannot be reached, or refuses.
    fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// Tells how well passages fit a request by reading each together with it.
pub trait Rerank: Send + Sync + std::fmt::Debug {
    /// Returns a score for each passage, in their order; greater is better, and scores of different requests cannot be
    /// compared. Where there are none, the order stays as it is. The call may take long, and blocks.
    ///
    /// # Errors
    /// When the model cannot be read.
    fn scores(&self, request: &str, passages: &[&str]) -> Result<Vec<f32>, RerankError>;
}

/// Why passages got no scores.
#[derive(Debug)]
pub struct RerankError(pub Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for RerankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("No places could be read together with the request")
    }
}

impl std::error::Error for RerankError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// Texts to be turned into vectors in one call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbedRequest {
    /// The model's id as its vendor knows it.
    pub model: String,
    /// What is embedded; each gives one vector, in this order.
    pub input: Vec<EmbedInput>,
    /// The length of the vectors, where the model can shorten them.
    pub dimensions: Option<u64>,
    /// How the asker wants the vectors written.
    pub encoding: EmbedEncoding,
    /// Fields of one dialect that have no counterpart here; sent back only in that dialect.
    pub extra: Option<(Dialect, Map<String, Value>)>,
}

/// One text to embed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbedInput {
    /// As text.
    Text(String),
    /// As ids of the model's own tokenizer; a vendor that takes only texts cannot read it.
    Tokens(Vec<u32>),
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbedEncoding {
    /// As arrays of numbers.
    #[default]
    Float,
    /// As base64 of their 32-bit floats, little-endian.
    Base64,
}

/// The vectors of one call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EmbedResponse {
    /// The model that answered.
    pub model: String,
    /// One vector for each input, in its order.
    pub vectors: Vec<Vec<f32>>,
    /// Prompt tokens, where the vendor told them.
    pub tokens: Option<u64>,
}
