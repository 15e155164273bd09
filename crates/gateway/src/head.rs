//! The few fields of a body that decide its way, read without building the rest.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

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
        let text = std::str::from_utf8(body).map_err(|error| {
            Refusal::invalid(format!("The body is not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let head = reader.deserialize_map(HeadVisitor).and_then(|head| reader.end().map(|()| head));
        head.map_err(|error| {
            Refusal::invalid(format!("The body is not a JSON object as expected here: {error}"))
        })
    }
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        let mut seen: Vec<std::borrow::Cow<'de, str>> = Vec::with_capacity(16);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let key = key.0;
            if seen.contains(&key) {
                return Err(serde::de::Error::custom(format!("`{key}` stands twice")));
            }
            match key.as_ref() {
                "model" => head.model = map.next_value::<Maybe<String>>()?.0,
                "stream" => head.stream = map.next_value::<Maybe<bool>>()?.0,
                "previous_response_id" => head.previous = map.next_value::<Maybe<String>>()?.0,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if seen.len() >= MAX_FIELDS {
                return Err(serde::de::Error::custom(format!("more than {MAX_FIELDS} fields")));
            }
            seen.push(key);
        }
        let has = |name: &str| seen.iter().any(|key| key == name);
        head.has_items = has("input") && !has("messages");
        Ok(head)
    }
}

/// Most fields at a body's top level; the largest dialect knows about 40.
const MAX_FIELDS: usize = 500;

/// A text, borrowed where it holds no escapes.
struct Text<'a>(std::borrow::Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A value of this type, or `None` of any other: the dialect's codec says what is wrong with it.
struct Maybe<T>(Option<T>);

impl<'de, T: TryFromValue> serde::Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(T::from_value(value)))
    }
}

trait TryFromValue: Sized {
    fn from_value(value: serde_json::Value) -> Option<Self>;
}

impl TryFromValue for String {
    fn from_value(value: serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl TryFromValue for bool {
    fn from_value(value: serde_json::Value) -> Option<Self> {
        value.as_bool()
    }
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
