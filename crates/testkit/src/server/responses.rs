//! What only the Responses dialect has: conversations that the vendor keeps, and proof of reasoning.

use std::collections::HashMap;

use distiq_base::{Content, Request};
use distiq_llm::wire::responses::{PageQuery, Stored, reasoning_signature};
use serde_json::{Map, Value};

use crate::canonical::{elements, text};
use crate::http::HttpRequest;
use crate::vendor::Refusal;

/// The answers that the vendor keeps, by id.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<String, Stored>);

impl Answers {
    /// Returns a body with the conversation that it goes on from.
    pub(super) fn join(&self, body: &Value) -> Result<Value, Refusal> {
        let id = text(body, "previous_response_id");
        let Some(body) = body.as_object().filter(|_| !id.is_empty()) else {
            return Ok(body.clone());
        };
        let stored = self.0.get(id).ok_or_else(|| Refusal {
            code: Some("previous_response_not_found".into()),
            ..Refusal::invalid(format!("Previous response with id '{id}' not found."))
        })?;
        let joined: Map<String, Value> =
            stored.join(body).map_err(|error| Refusal::invalid(error.to_string()))?;
        Ok(Value::Object(joined))
    }

    /// Keeps an answer, unless the request says otherwise.
    pub(super) fn keep(&mut self, body: &Value, answer: Value) {
        if body.get("store").and_then(Value::as_bool) != Some(false) {
            let id = text(&answer, "id").to_owned();
            self.0.insert(id, Stored::of(body, answer));
        }
    }

    /// Answers `GET` and `DELETE` below `/v1/responses/`; `None` for another path.
    pub(super) fn side_door(&mut self, request: &HttpRequest) -> Option<Result<Value, Refusal>> {
        let path = request.path.strip_prefix("/v1/responses/")?;
        let (id, list) = match path.split_once('/') {
            Some((id, "input_items")) => (id, true),
            Some(_) => return None,
            None => (path, false),
        };
        let missing = || {
            let message = format!("Response with id '{id}' not found.");
            Refusal::new(404, "invalid_request_error", message)
        };
        Some(match (request.method.as_str(), list) {
            ("GET", true) => self.0.get(id).ok_or_else(missing).and_then(|stored| {
                let page = stored.input_items(&page(&request.query));
                page.map_err(|error| Refusal::invalid(error.to_string()))
            }),
            ("GET", false) => {
                self.0.get(id).map(|stored| stored.response.clone()).ok_or_else(missing)
            }
            ("DELETE", false) => self.0.remove(id).map(|_| Stored::deleted(id)).ok_or_else(missing),
            _ => return None,
        })
    }
}

fn page(query: &str) -> PageQuery {
    let mut page = PageQuery::default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "limit" => page.limit = value.parse().ok(),
            "order" => page.order = Some(value.to_owned()),
            "after" => page.after = Some(value.to_owned()),
            _ => {}
        }
    }
    page
}

/// Makes thinking the vendor's own: named, and encrypted where the request asks for that.
pub(super) fn sign(content: &mut [Content], request: &Request, answer: &str) {
    let extra = request.extra.as_ref().map(|(_, extra)| extra);
    let include = extra.and_then(|extra| extra.get("include"));
    let encrypted = elements(include).any(|name| name == "reasoning.encrypted_content");
    for (number, part) in content.iter_mut().enumerate() {
        if let Content::Thinking { signature, .. } = part {
            let data = signature.take().unwrap_or_else(|| format!("gAAAAscripted{number}"));
            let data = if encrypted { data.as_str() } else { "" };
            let id =
                format!("rs_scripted_{}_{number}", answer.trim_start_matches("resp_scripted_"));
            *signature = Some(reasoning_signature(&id, data));
        }
    }
}
