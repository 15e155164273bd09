//! The few fields of a body that decide its way, read without building the rest.

use distiq_router::Fields;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// What a body's top level says about its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The model, where it is a text.
    pub model: Option<String>,
    /// Whether the answer is to come as a stream; `None` where it does not say.
    pub stream: Option<bool>,
    /// The answer that a request to OpenAI's Responses goes on from.
    pub previous: Option<String>,
    /// Whether it has `input` and no `messages`, as the Responses API has it.
    pub has_items: bool,
}

impl Head {
    /// Reads a body's head and holds the rest to be JSON.
    ///
    /// A field that stands twice is refused: vendors differ in which one they take, so a limit would
    /// be held against one and the other be sent.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        Self::read_with_fields(body).map(|(head, _)| head)
    }

    /// Does as [`Head::read`], and tells where the body's fields stand.
    pub fn read_with_fields(body: &[u8]) -> Result<(Self, Fields), Refusal> {
        let text = std::str::from_utf8(body).map_err(|error| {
            Refusal::invalid(format!("The body is not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let fields = Fields::read(text).map_err(|error| {
            Refusal::invalid(format!("The body is not a JSON object as expected here: {error}"))
        })?;
        let head = Self {
            model: value(text, &fields, "model"),
            stream: value(text, &fields, "stream"),
            previous: value(text, &fields, "previous_response_id"),
            has_items: fields.place("input").is_some() && fields.place("messages").is_none(),
        };
        Ok((head, fields))
    }
}

/// Returns a field's value, where it is of this type: the dialect's codec says what is wrong with another.
fn value<T: DeserializeOwned>(text: &str, fields: &Fields, name: &str) -> Option<T> {
    serde_json::from_str(text.get(fields.place(name)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_and_what_is_no_request_is_refused() {
        let read = |body: &[u8]| Head::read(body).map_err(|refusal| refusal.message);
        let head =
            |model: &str, stream| Head { model: Some(model.into()), stream, ..Head::default() };
        assert_eq!(read(br#"{"model":"a","stream":true,"x":[1]}"#), Ok(head("a", Some(true))));
        assert_eq!(read(br#"{"mo\u0064el":"\u0061"}"#), Ok(head("a", None)));
        assert_eq!(read(br#"{"model":3,"stream":"yes"}"#), Ok(Head::default()));
        let fails = |body: &[u8], word: &str| {
            let message = read(body).unwrap_err();
            assert!(message.contains(word), "{message}");
        };
        fails(br#"{"model":"a","model":"b"}"#, "`model` stands twice");
        fails(br#"{"model":"a","mo\u0064el":"b"}"#, "`model` stands twice");
        fails(b"[]", "JSON object");
        fails(b"", "JSON object");
        fails(br#"{"model":"a"} {}"#, "trailing");
        fails(b"{\"model\":\"\xff\"}", "not UTF-8 at byte 10");
        // Read without recursion; the codec that builds it has its own limit.
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(deep.as_bytes()), Ok(Head::default()));
    }
}
