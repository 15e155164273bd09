//! Conversations that a server keeps, so that a request may go on from an answer by its id.
//!
//! Only the shape: where they lie, how many and how long, is the caller's.

use distiq_base::{Dialect, Request};
use serde_json::{Map, Value, json};

use crate::wire::responses::asked::item_id;
use crate::wire::{WireError, field};

/// Most items on a page of `GET /responses/{id}/input_items`.
const MAX_PAGE_ITEMS: usize = 100;

/// An answer with the conversation that led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// All items before the answer, each with an id.
    pub input: Vec<Value>,
    /// The answer: the body of `GET /responses/{id}`.
    pub response: Value,
}

/// Which items `GET /responses/{id}/input_items` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Most items, 20 where it is left out.
    pub limit: Option<usize>,
    /// `asc` or `desc`, which is the default.
    pub order: Option<String>,
    /// The item behind which the page begins.
    pub after: Option<String>,
}

impl Stored {
    /// Keeps an answer and the request that led to it, whose conversation is joined already.
    pub fn of(request: &Value, response: Value) -> Self {
        // Other names than those of the answer's own items.
        let seed = format!("{}/input", field::text(&response, "id").unwrap_or_default());
        let items = match request.get("input") {
            Some(Value::String(text)) => vec![json!({
                "type": "message",
                "role": "user",
                "content": [{ "type": "input_text", "text": text }],
            })],
            Some(Value::Array(items)) => items.clone(),
            _ => Vec::new(),
        };
        let named = items.into_iter().enumerate().map(|(index, item)| name(item, &seed, index));
        Self { input: named.collect(), response }
    }

    /// Returns the answer's items.
    pub fn output(&self) -> &[Value] {
        field::items(&self.response, "output")
    }

    /// Returns roughly how many bytes it holds in memory.
    pub fn bytes(&self) -> usize {
        self.input.iter().map(bytes).sum::<usize>() + bytes(&self.response)
    }

    /// Puts the conversation before the input of a request that goes on from it; references to its
    /// items become the items. Instructions are not carried over: the request's own stand, or none.
    ///
    /// `previous_response_id` stays, since the answer repeats it; what is sent on must lack it, see
    /// [`stand_alone`].
    ///
    /// # Errors
    /// [`WireError::Malformed`] where the request's input is neither a text nor items.
    pub fn join(&self, request: &Map<String, Value>) -> Result<Map<String, Value>, WireError> {
        let own = match request.get("input") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => vec![json!({
                "type": "message",
                "role": "user",
                "content": [{ "type": "input_text", "text": text }],
            })],
            Some(Value::Array(items)) => items.clone(),
            Some(_) => {
                return Err(WireError::malformed("input", "expected a text or an array of items"));
            }
        };
        let mut items: Vec<Value> = self.input.iter().chain(self.output()).cloned().collect();
        let before = items.len();
        for item in own {
            let known = items.iter().take(before);
            // What is referred to stands in the conversation already.
            let there =
                is_reference(&item) && known.into_iter().any(|k| k.get("id") == item.get("id"));
            if !there {
                items.push(item);
            }
        }
        let mut joined = request.clone();
        joined.insert("input".into(), items.into());
        Ok(joined)
    }

    /// Returns the body of `GET /responses/{id}/input_items`.
    ///
    /// # Errors
    /// [`WireError::Malformed`] where the query is none that the vendor knows.
    pub fn input_items(&self, query: &PageQuery) -> Result<Value, WireError> {
        let limit = query.limit.unwrap_or(20);
        if !(1..=MAX_PAGE_ITEMS).contains(&limit) {
            return Err(WireError::malformed("limit", "expected a count from 1 to 100"));
        }
        let mut items: Vec<&Value> = self.input.iter().collect();
        match query.order.as_deref() {
            None | Some("desc") => items.reverse(),
            Some("asc") => {}
            Some(_) => return Err(WireError::malformed("order", "expected asc or desc")),
        }
        let id = |item: &Value| field::text(item, "id").map(str::to_owned);
        let from = match &query.after {
            None => 0,
            Some(after) => {
                let at = items.iter().position(|item| id(item).as_ref() == Some(after));
                at.ok_or_else(|| WireError::malformed("after", "names no item of this list"))? + 1
            }
        };
        let page: Vec<&Value> = items.iter().skip(from).take(limit).copied().collect();
        Ok(json!({
            "object": "list",
            "data": page,
            "first_id": page.first().and_then(|item| id(item)),
            "last_id": page.last().and_then(|item| id(item)),
            "has_more": from + page.len() < items.len(),
        }))
    }

    /// Returns the body of the answer to `DELETE /responses/{id}`.
    pub fn deleted(id: &str) -> Value {
        json!({ "id": id, "object": "response", "deleted": true })
    }
}

/// Makes a request, whose conversation was joined, one that stands alone.
pub fn stand_alone(request: &mut Request) {
    if let Some((Dialect::Responses, extra)) = &mut request.extra {
        extra.shift_remove("previous_response_id");
    }
}

fn is_reference(item: &Value) -> bool {
    matches!(field::text(item, "type"), Some("item_reference"))
        || (item.get("type").is_none() && item.get("role").is_none() && item.get("id").is_some())
}

/// Gives an item the type and id that a list of items shows.
fn name(item: Value, seed: &str, index: usize) -> Value {
    let Value::Object(mut item) = item else { return item };
    if !item.contains_key("type") && item.contains_key("role") {
        item.insert("type".into(), "message".into());
    }
    let prefix = match item.get("type").and_then(Value::as_str).unwrap_or_default() {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        _ => "item",
    };
    if item.get("id").is_none_or(Value::is_null) {
        item.insert("id".into(), item_id(prefix, seed, index).into());
    }
    if let Some(Value::String(text)) = item.get("content")
        && prefix == "msg"
    {
        let output = item.get("role").is_some_and(|role| role == "assistant");
        let kind = if output { "output_text" } else { "input_text" };
        let part = json!([{ "type": kind, "text": text }]);
        item.insert("content".into(), part);
    }
    Value::Object(item)
}

fn bytes(json: &Value) -> usize {
    match json {
        Value::String(text) => text.len() + 32,
        Value::Array(list) => list.iter().map(bytes).sum::<usize>() + 32,
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + 64 + bytes(value)).sum(),
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Stored {
        let request = json!({ "model": "m", "input": [
            { "role": "user", "content": "a" },
            { "type": "message", "id": "msg_b", "role": "assistant", "content": [] },
            { "type": "function_call_output", "call_id": "c", "output": "r" },
        ]});
        let output = [json!({ "type": "message", "id": "msg_z", "role": "assistant",
            "content": [{ "type": "output_text", "text": "z", "annotations": [] }] })];
        Stored::of(&request, json!({ "id": "resp_1", "object": "response", "output": output }))
    }

    #[test]
    fn a_request_goes_on_from_all_that_was_said() {
        let request = json!({
            "model": "m", "previous_response_id": "resp_1", "store": true,
            "input": [{ "type": "item_reference", "id": "msg_z" }, { "id": "msg_b" },
                { "role": "user", "content": "next" }],
        });
        let joined = stored().join(request.as_object().unwrap()).unwrap();
        let said: Vec<String> = field::items(&Value::Object(joined.clone()), "input")
            .iter()
            .map(|item| item.get("id").unwrap_or(&item["content"]).as_str().unwrap().to_owned())
            .collect();
        assert_eq!(said.len(), 5);
        assert_eq!(
            (&said[1], &said[3], &said[4]),
            (&"msg_b".into(), &"msg_z".into(), &"next".into())
        );
        let body = Value::Object(joined).to_string();
        let mut request = crate::wire::responses::decode_request(body.as_bytes()).unwrap();
        let asked = crate::wire::responses::Asked::of(&request, 0);
        assert_eq!(asked.fields["previous_response_id"], "resp_1");
        super::stand_alone(&mut request);
        let sent = crate::wire::responses::encode_request(&request, &crate::wire::Quirks::openai());
        assert!(sent.get("previous_response_id").is_none() && sent["store"] == true);
        assert_eq!(request.messages.len(), 5, "{:?}", request.messages);
    }

    #[test]
    fn items_are_listed_by_page() {
        let stored = stored();
        let ids = |query: &PageQuery| {
            let page = stored.input_items(query).unwrap();
            let ids: Vec<String> = field::items(&page, "data")
                .iter()
                .map(|item| item["id"].as_str().unwrap().get(..3).unwrap().to_owned())
                .collect();
            (ids.join(" "), page["has_more"].as_bool().unwrap())
        };
        let all = PageQuery::default();
        assert_eq!(ids(&all), ("fco msg msg".into(), false));
        let first = PageQuery { limit: Some(2), order: Some("asc".into()), after: None };
        assert_eq!(ids(&first), ("msg msg".into(), true));
        let rest = PageQuery { after: Some("msg_b".into()), ..first };
        assert_eq!(ids(&rest), ("fco".into(), false));
        for bad in [
            PageQuery { limit: Some(0), ..all.clone() },
            PageQuery { order: Some("up".into()), ..all.clone() },
            PageQuery { after: Some("msg_x".into()), ..all.clone() },
        ] {
            assert!(stored.input_items(&bad).is_err());
        }
        assert!(stored.bytes() > 100);
    }
}
