//! What a vendor's server does with a request before any model sees it: refuse it, count it, cache it.
//!
//! Written from the vendors' documentation as of November 2026 and from nothing of Distiq's own
//! code, so that it can disagree with it.

pub mod anthropic_cache;
pub mod anthropic_rules;
pub mod models;
pub mod native_cache;
pub mod native_rules;
pub mod openai_cache;
pub mod openai_rules;
pub mod prompt;
pub mod responses_rules;

use distiq_base::clock::Clock;
use distiq_base::{CountTokens, Dialect, Usage};
use serde_json::{Value, json};

use anthropic_cache::AnthropicCache;
use native_cache::GeminiCache;
use openai_cache::OpenaiCache;
use prompt::{Counter, Prompt};

/// A vendor's refusal, as its error body says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error's `type`.
    pub kind: String,
    /// The error's finer code, where there is one.
    pub code: Option<String>,
    /// The text.
    pub message: String,
}

impl Refusal {
    /// Makes a 400 `invalid_request_error`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    /// Makes a refusal without a finer code.
    pub fn new(status: u16, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, kind: kind.into(), code: None, message: message.into() }
    }

    /// Returns the error body in the dialect's shape.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Value {
        match dialect {
            Dialect::Anthropic => {
                let mut error = json!({"type": self.kind, "message": self.message});
                if let (Some(code), Some(fields)) = (&self.code, error.as_object_mut()) {
                    fields.insert("details".into(), json!({"error_code": code}));
                }
                json!({"type": "error", "error": error, "request_id": request_id})
            }
            Dialect::Gemini => json!({"error": {
                "code": self.status, "message": self.message, "status": self.kind,
            }}),
            Dialect::Ollama => json!({"error": self.message}),
            Dialect::Openai | Dialect::Responses => {
                json!({"error": {
                    "message": self.message, "type": self.kind, "param": null, "code": self.code,
                }})
            }
        }
    }
}

/// The counts of a prompt, and what the cache keeps once the answer has begun.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// The prompt's tokens by class; `output` is 0.
    pub usage: Usage,
    entries: Entries,
}

#[derive(Clone, Debug, Default)]
enum Entries {
    #[default]
    None,
    Anthropic(anthropic_cache::Pending),
    Openai(openai_cache::Pending),
    Gemini(native_cache::Pending),
}

/// Counts prompts and remembers the cached ones, for both vendors.
pub struct Vendors {
    counter: Counter,
    clock: Clock,
    anthropic: AnthropicCache,
    openai: OpenaiCache,
    gemini: GeminiCache,
}

impl Vendors {
    /// Makes empty caches.
    pub fn new(tokens: &'static dyn CountTokens, clock: Clock) -> Self {
        Self {
            counter: Counter::new(tokens),
            clock,
            anthropic: AnthropicCache::default(),
            openai: OpenaiCache::default(),
            gemini: GeminiCache::default(),
        }
    }

    /// Counts a valid request's prompt for the owner of `key`; caches are separate by key.
    ///
    /// What was read is refreshed at once; what is new can be read only after [`Vendors::keep`].
    pub fn count(&mut self, dialect: Dialect, key: &str, body: &Value) -> Counted {
        let now_ms = self.clock.now_ms();
        match dialect {
            Dialect::Anthropic => {
                let prompt = Prompt::anthropic(body, &mut self.counter);
                let (usage, pending) = self.anthropic.look_up(key, body, &prompt, now_ms);
                Counted { usage, entries: Entries::Anthropic(pending) }
            }
            Dialect::Gemini => {
                let prompt = Prompt::gemini(body, &mut self.counter);
                let (usage, pending) = self.gemini.look_up(key, body, &prompt);
                Counted { usage, entries: Entries::Gemini(pending) }
            }
            Dialect::Ollama => {
                let input = Prompt::ollama(body, &mut self.counter).tokens();
                Counted { usage: Usage { input, ..Usage::default() }, entries: Entries::None }
            }
            Dialect::Openai | Dialect::Responses => {
                let prompt = match dialect {
                    Dialect::Responses => Prompt::responses(body, &mut self.counter),
                    _ => Prompt::openai(body, &mut self.counter),
                };
                let (usage, pending) =
                    self.openai.look_up(key, body, prompt, &mut self.counter, now_ms);
                Counted { usage, entries: Entries::Openai(pending) }
            }
        }
    }

    /// Keeps what a request writes to the cache; called when its answer begins.
    pub fn keep(&mut self, counted: &Counted) {
        let now_ms = self.clock.now_ms();
        match &counted.entries {
            Entries::None => {}
            Entries::Anthropic(pending) => self.anthropic.keep(pending, now_ms),
            Entries::Openai(pending) => self.openai.keep(pending, now_ms),
            Entries::Gemini(pending) => self.gemini.keep(pending),
        }
    }

    /// Returns the number of tokens of a text.
    pub fn tokens(&mut self, text: &str) -> u64 {
        self.counter.count(text)
    }
}

/// Returns why a vendor would refuse the body, if it would.
pub fn refuse(dialect: Dialect, body: &Value) -> Option<Refusal> {
    let verdict = match dialect {
        Dialect::Anthropic => anthropic_rules::check(body),
        Dialect::Responses => responses_rules::check(body),
        Dialect::Openai => openai_rules::check(body),
        Dialect::Gemini => native_rules::gemini(body),
        Dialect::Ollama => native_rules::ollama(body),
    };
    verdict.err()
}
