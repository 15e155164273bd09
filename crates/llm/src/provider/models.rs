//! The models that a provider offers.

use std::time::Duration;

use distiq_base::Dialect;
use reqwest::Method;
use serde_json::Value;
use tokio::time::timeout;

use super::Provider;
use super::exchange::Exchange;
use super::http::{describe, late};
use super::reading::MAX_BODY_BYTES;
use crate::error::{Phase, ProviderError, ProviderErrorKind as Kind};
use crate::wire::{gemini, ollama};

/// Most pages of a list that are followed.
const MOST_PAGES: usize = 20;

/// A model as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelListing {
    /// The id on the wire.
    pub id: String,
    /// Its name for people, where the provider has one.
    pub display_name: Option<String>,
    /// The longest prompt in tokens, where the provider tells.
    pub context_tokens: Option<u64>,
    /// The longest answer in tokens, where the provider tells.
    pub max_output_tokens: Option<u64>,
}

impl Provider {
    /// Asks the provider for its models, in its order.
    ///
    /// # Errors
    /// As for a request; also where the answer is no list of models.
    pub async fn list_models(&self) -> Result<Vec<ModelListing>, ProviderError> {
        let no_list = || {
            let message = "The answer is no list of models";
            self.fail(ProviderError::new(Kind::NotTheApi, message))
        };
        let (path, query) = match self.dialect() {
            Dialect::Anthropic => ("v1/models", Some("limit=1000")),
            Dialect::Openai | Dialect::Responses => ("models", None),
            Dialect::Gemini => return self.list_pages().await,
            Dialect::Ollama => {
                let body = self.fetch("api/tags", None).await?;
                return ollama::decode_tags(&body).map_err(|_| no_list());
            }
        };
        let body = self.fetch(path, query).await?;
        listings(&body).ok_or_else(no_list)
    }

    /// Follows the pages of Gemini's list.
    async fn list_pages(&self) -> Result<Vec<ModelListing>, ProviderError> {
        let mut all = Vec::new();
        let mut query = "pageSize=1000".to_owned();
        for _ in 0..MOST_PAGES {
            let body = self.fetch("models", Some(&query)).await?;
            let (models, next) = gemini::decode_models(&body).map_err(|_| {
                let message = "The answer is no list of models";
                self.fail(ProviderError::new(Kind::NotTheApi, message))
            })?;
            all.extend(models);
            let Some(next) = next else { break };
            let token: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            query = format!("pageSize=1000&pageToken={token}");
        }
        Ok(all)
    }

    /// Asks for a small document and reads it whole.
    pub(super) async fn fetch(
        &self,
        path: &str,
        query: Option<&str>,
    ) -> Result<Vec<u8>, ProviderError> {
        let mut url = self.url(path);
        url.set_query(query);
        let response = self.exchange(Method::GET, url, None).await?;
        self.read_whole(response).await
    }

    /// Reads a body to its end.
    pub(super) async fn read_whole(
        &self,
        mut response: Exchange,
    ) -> Result<Vec<u8>, ProviderError> {
        let idle = Duration::from_millis(self.config.timeouts.idle_ms);
        let mut body = Vec::new();
        loop {
            match timeout(idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() <= MAX_BODY_BYTES => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Ok(Some(_))) => {
                    let message = format!("The answer is over {MAX_BODY_BYTES} bytes long");
                    return Err(self.fail(ProviderError::new(Kind::Malformed, message)));
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(self.fail(describe(error, Kind::Truncated))),
                Err(_) => return Err(self.fail(late(Phase::Idle, idle))),
            }
        }
        Ok(body)
    }
}

/// Reads `{"data": [{"id": …}]}`, or the bare array of Together.
fn listings(body: &[u8]) -> Option<Vec<ModelListing>> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let list = json.get("data").unwrap_or(&json).as_array()?;
    let number =
        |model: &Value, keys: &[&str]| keys.iter().find_map(|key| model.get(*key)?.as_u64());
    let listing = |model: &Value| {
        Some(ModelListing {
            id: model.get("id")?.as_str()?.to_owned(),
            display_name: ["display_name", "name"]
                .iter()
                .find_map(|key| model.get(*key)?.as_str())
                .map(str::to_owned),
            context_tokens: number(
                model,
                &["max_input_tokens", "context_length", "max_model_len", "context_window"],
            ),
            max_output_tokens: number(model, &["max_tokens", "max_completion_tokens"]),
        })
    };
    Some(list.iter().filter_map(listing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_vendors_lists() {
        let listing = |id: &str| ModelListing {
            id: id.into(),
            display_name: None,
            context_tokens: None,
            max_output_tokens: None,
        };
        let anthropic = br#"{"data":[{"id":"a","type":"model","display_name":"A",
            "max_input_tokens":200000,"max_tokens":64000}],"has_more":false}"#;
        let expected = ModelListing {
            display_name: Some("A".into()),
            context_tokens: Some(200_000),
            max_output_tokens: Some(64_000),
            ..listing("a")
        };
        assert_eq!(listings(anthropic), Some(vec![expected]));
        let openai = br#"{"object":"list","data":[{"id":"b","object":"model"},{"no":"id"}]}"#;
        assert_eq!(listings(openai), Some(vec![listing("b")]));
        let vllm = br#"[{"id":"c","max_model_len":8192}]"#;
        let expected = ModelListing { context_tokens: Some(8192), ..listing("c") };
        assert_eq!(listings(vllm), Some(vec![expected]));
        assert_eq!(listings(b"<html>"), None);
        assert_eq!(listings(b"{}"), None);
    }
}
