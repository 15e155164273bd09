//! The ledger's rows, as callers see them.

use std::borrow::Cow;

use distiq_base::{Money, RequestId, RequestKind, Scope, SessionId, Usage};
use jiff::Timestamp;
use serde::Serialize;

use super::limits::WorstCase;

/// What is known before a request is sent.
#[derive(Clone, Debug)]
pub struct OpenRow {
    /// The request.
    pub id: RequestId,
    /// The session it belongs to.
    pub session: Option<SessionId>,
    /// The project it is for.
    pub project: Option<String>,
    /// The run it belongs to.
    pub run: Option<String>,
    /// The gateway key it came with.
    pub key: Option<String>,
    /// Whose key that is.
    pub owner: Option<String>,
    /// The dialect that the caller speaks.
    pub client: Option<String>,
    /// What it is for.
    pub kind: RequestKind,
    /// The provider's name.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The tier of the model, where a policy chose one.
    pub tier: Option<String>,
    /// How the model was chosen.
    pub route: String,
    /// Why it was chosen.
    pub reasons: Vec<String>,
    /// Hashes of the project state it depends on.
    pub scope: Scope,
    /// The most it can cost; `None` where the model has no known price.
    pub worst: Option<WorstCase>,
    /// The longest answer wanted, in tokens.
    pub wanted_tokens: u64,
    /// What it will probably cost: counted if this process dies before it knows better.
    pub estimate: Option<Money>,
}

impl OpenRow {
    /// Makes the row of a new request; the rest is empty, unpriced and up to 32,000 tokens long.
    pub fn new(kind: RequestKind, provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            id: RequestId::generate(),
            session: None,
            project: None,
            run: None,
            key: None,
            owner: None,
            client: None,
            kind,
            provider: provider.into(),
            model: model.into(),
            tier: None,
            route: "fixed".into(),
            reasons: Vec::new(),
            scope: Scope::default(),
            worst: None,
            wanted_tokens: 32_000,
            estimate: None,
        }
    }
}

/// An open row as it is kept: what is known of the request, when it was sent and what is set aside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opening<'a> {
    pub id: &'a str,
    pub at_ms: i64,
    pub session: Option<&'a str>,
    pub project: Option<&'a str>,
    pub run: Option<&'a str>,
    pub key: Option<&'a str>,
    pub owner: Option<&'a str>,
    pub client: Option<&'a str>,
    pub kind: &'a str,
    pub provider: &'a str,
    pub model: &'a str,
    pub tier: Option<&'a str>,
    pub route: &'a str,
    /// A list of texts in JSON, and so is the next.
    pub reasons: Cow<'a, str>,
    pub scope: Cow<'a, str>,
    pub reserved: Option<Money>,
    pub estimate: Option<Money>,
}

impl<'a> Opening<'a> {
    pub fn new(row: &'a OpenRow, at: Timestamp, reserved: Option<Money>) -> Self {
        Self {
            id: row.id.as_str(),
            at_ms: at.as_millisecond(),
            session: row.session.as_ref().map(SessionId::as_str),
            project: row.project.as_deref(),
            run: row.run.as_deref(),
            key: row.key.as_deref(),
            owner: row.owner.as_deref(),
            client: row.client.as_deref(),
            kind: row.kind.as_str(),
            provider: &row.provider,
            model: &row.model,
            tier: row.tier.as_deref(),
            route: &row.route,
            reasons: json(&row.reasons),
            scope: json(&row.scope.0),
            reserved,
            estimate: row.estimate,
        }
    }
}

fn json(texts: &[String]) -> Cow<'static, str> {
    match texts {
        [] => Cow::Borrowed("[]"),
        // Texts always have a form in JSON.
        _ => Cow::Owned(serde_json::to_string(texts).unwrap_or_else(|_| "[]".to_owned())),
    }
}

/// Money set aside for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The longest answer that the limits cover, at most what was wanted.
    pub max_tokens: u64,
    /// How much is set aside; `None` where the model has no known price.
    pub reserved: Option<Money>,
}

impl Reservation {
    /// Adds what earlier attempts cost.
    pub(crate) fn with(self, already: Money) -> Self {
        Self { reserved: self.reserved.map(|reserved| reserved.plus(already)), ..self }
    }
}

/// What is known while an answer comes; kept in case the process dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tokens so far.
    pub usage: Usage,
    /// Their cost.
    pub cost: Option<Money>,
}

/// What is known when a request is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinalRow {
    /// Its tokens.
    pub usage: Usage,
    /// Its cost; `None` where the model has no known price.
    pub cost: Option<Money>,
    /// Whether usage and cost are our estimate, because the vendor did not tell.
    pub estimated: bool,
    /// What was saved, and against what.
    pub savings: Savings,
    /// From sending to the end.
    pub latency_ms: u64,
    /// From sending to the first token.
    pub first_token_ms: Option<u64>,
    /// How often it was sent.
    pub attempts: u32,
    /// How often another model or provider was gone to.
    pub fallbacks: u32,
    /// The node that was asked last, where its provider has several.
    pub node: Option<String>,
    /// The HTTP status of the last answer, where one came.
    pub status: Option<u16>,
    /// Why the answer ended.
    pub stop: Option<String>,
    /// The kind of failure, such as `rate_limited` or `cancelled`.
    pub error: Option<String>,
}

/// What a request would have cost otherwise, and what each mechanism saved. `None` is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Savings {
    /// On the premium model, without any optimization.
    pub baseline_premium: Option<Money>,
    /// In a plain append-only loop with the vendor's cache.
    pub baseline_append_only: Option<Money>,
    pub route: Option<Money>,
    pub prompt_cache: Option<Money>,
    pub response_cache: Option<Money>,
    pub compression: Option<Money>,
    pub zero_token: Option<Money>,
    pub context: Option<Money>,
}

/// How far a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Sent, not over.
    Open,
    /// Over, with the vendor's count.
    Final,
    /// Over, with our estimate.
    Estimated,
}

impl RowState {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "open" => RowState::Open,
            "final" => RowState::Final,
            _ => RowState::Estimated,
        }
    }
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct RequestRow {
    pub id: RequestId,
    /// When it was sent.
    pub at: Timestamp,
    pub session: Option<SessionId>,
    pub project: Option<String>,
    pub run: Option<String>,
    pub key: Option<String>,
    /// Whose key that is.
    pub owner: Option<String>,
    /// The dialect that the caller spoke.
    pub client: Option<String>,
    /// What it was for: `execute`, `summarize`, ….
    pub kind: String,
    pub provider: String,
    pub model: String,
    pub tier: Option<String>,
    pub route: String,
    pub reasons: Vec<String>,
    pub scope: Scope,
    pub usage: Usage,
    /// `None` where the model has no known price.
    pub cost_nanousd: Option<Money>,
    pub reserved_nanousd: Option<Money>,
    pub savings: Savings,
    pub latency_ms: Option<u64>,
    pub first_token_ms: Option<u64>,
    pub attempts: u32,
    /// How often another model or provider was gone to.
    pub fallbacks: u32,
    /// The node that was asked last, where its provider has several.
    pub node: Option<String>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    pub stop: Option<String>,
    pub state: RowState,
    /// The kind of failure, where it failed.
    pub error: Option<String>,
}
