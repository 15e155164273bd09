//! Ollama's models: how large a window to ask for, and what to do where one is missing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use distiq_base::{Dialect, Request};
use serde_json::json;

use super::Provider;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::estimate::Estimator;
use crate::wire::ollama;

/// Most models remembered of one server.
const MAX_REMEMBERED: usize = 1_000;

/// What is known of a server's models.
#[derive(Debug, Default)]
pub(super) struct Windows {
    estimator: Estimator,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The longest that the model can have.
    most: Option<u64>,
    /// What was asked for last; a smaller one would load the model anew for nothing.
    asked: u64,
}

impl Provider {
    /// Returns the window for a request; `None` where the request sets its own.
    pub(super) async fn window(&self, request: &Request) -> Option<u64> {
        if let Some((Dialect::Ollama, extra)) = &request.extra
            && extra.get("options").is_some_and(|options| options.get("num_ctx").is_some())
        {
            return None;
        }
        let known = match self.known(&request.model) {
            Some(known) => known,
            None => self.look_up(&request.model).await,
        };
        let prompt = self.windows.estimator.estimate(&request.model, request);
        let need = ollama::context_for(prompt, request.max_tokens, known.most);
        let asked = need.max(known.asked);
        self.remember(&request.model, Known { asked, ..known });
        Some(asked)
    }

    fn known(&self, model: &str) -> Option<Known> {
        self.windows.known.lock().unwrap_or_else(PoisonError::into_inner).get(model).copied()
    }

    fn remember(&self, model: &str, new: Known) {
        let mut models = self.windows.known.lock().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MAX_REMEMBERED && !models.contains_key(model) {
            models.clear();
        }
        let known = models.entry(model.to_owned()).or_default();
        *known = Known { most: new.most, asked: new.asked.max(known.asked) };
    }

    /// Asks the server about a model; where it does not tell, the request itself will.
    async fn look_up(&self, model: &str) -> Known {
        let body = json!({ "model": model }).to_string();
        let Ok(response) = self.post("api/show", None, body.as_bytes()).await else {
            return Known::default();
        };
        let body = self.read_whole(response).await.unwrap_or_default();
        match ollama::decode_show(&body) {
            Ok(shown) => {
                Known { most: shown.context_tokens, asked: shown.num_ctx.unwrap_or_default() }
            }
            Err(_) => Known::default(),
        }
    }

    /// Tells the version of an Ollama server, which shows that one runs there.
    ///
    /// # Errors
    /// Where nobody answers, or somebody else.
    pub async fn version(&self) -> Result<String, ProviderError> {
        let body = self.fetch("api/version", None).await?;
        ollama::decode_version(&body).map_err(|_| {
            self.fail(ProviderError::new(Kind::NotTheApi, "The answer is no version of Ollama"))
        })
    }

    /// Says what to do about a failure that only this server's user can mend.
    pub(super) fn advise(&self, mut error: ProviderError, model: &str) -> ProviderError {
        if self.config.dialect != Dialect::Ollama {
            return error;
        }
        let advice = match error.kind {
            Kind::UnknownModel => format!("get it with `ollama pull {model}`"),
            Kind::Connect if self.is_loopback() => {
                "is Ollama running? `ollama serve` starts it".to_owned()
            }
            _ => return error,
        };
        error.message = format!("{}; {advice}", error.message);
        error
    }
}
