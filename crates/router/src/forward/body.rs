//! A JSON body in which a few fields are found, and changed without touching the rest.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use distiq_base::Dialect;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The fields that hold the longest answer at the top of a body.
const LONGEST: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/// Most fields of an object whose fields may not stand twice; the largest dialect knows about 40.
const MAX_FIELDS: usize = 500;

/// Where the values of a JSON object's fields stand in its text.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Range<usize>)>);

/// What becomes of a field that stands twice.
#[derive(Clone, Copy)]
enum Twice {
    Refused,
    Kept,
}

impl Fields {
    /// Reads an object of at most 500 fields, each of which stands once; the values are held to be JSON and not built.
    ///
    /// # Errors
    /// Where the text is no such object.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        read(text, Twice::Refused)
    }

    /// Returns where a field's value stands.
    pub fn place(&self, name: &str) -> Option<Range<usize>> {
        // Of several fields of one name, parsers take the last.
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, place)| place.clone())
    }
}

/// A body and where its top-level fields are.
#[derive(Clone, Debug)]
pub(super) struct Body {
    bytes: Bytes,
    /// Empty where the body is no JSON object.
    fields: Fields,
    edits: Vec<Edit>,
}

/// A place and what stands there instead.
#[derive(Clone, Debug)]
struct Edit {
    place: Range<usize>,
    text: String,
}

impl Body {
    /// Takes a body; `known` are its fields, where somebody has read them already.
    pub fn new(bytes: Bytes, known: Option<Fields>) -> Self {
        let fields = || read(std::str::from_utf8(&bytes).ok()?, Twice::Kept).ok();
        let fields = known.or_else(fields).unwrap_or_default();
        Self { bytes, fields, edits: Vec::new() }
    }

    /// Returns the body as it came.
    pub const fn original(&self) -> &Bytes {
        &self.bytes
    }

    fn place(&self, name: &str) -> Option<Range<usize>> {
        self.fields.place(name)
    }

    /// Returns a field's value as it is written.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.bytes.get(self.place(name)?)
    }

    /// Returns a field's value.
    pub fn get(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(self.bytes.get(self.place(name)?)?).ok()
    }

    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.place(name).is_some_and(|place| self.bytes.get(place) == Some(b"true"))
    }

    /// Tells whether the conversation holds reasoning that its model signed or encrypted.
    pub fn holds_signed_reasoning(&self) -> bool {
        ["\"signature\"", "\"redacted_thinking\"", "\"encrypted_content\"", "\"thoughtSignature\""]
            .iter()
            .any(|word| memchr::memmem::find(&self.bytes, word.as_bytes()).is_some())
    }

    /// Returns the longest answer that is asked for.
    pub fn longest_answer(&self, dialect: Dialect) -> Option<u64> {
        match nested(dialect) {
            Some((outer, inner)) => self.get(outer)?.get(inner)?.as_u64(),
            None => LONGEST.iter().find_map(|name| self.get(name)?.as_u64()),
        }
    }

    /// Sets the longest answer; `usual` is the field where none is in the body yet.
    pub fn limit_answer(&mut self, dialect: Dialect, usual: &str, tokens: u64) {
        if let Some((outer, inner)) = nested(dialect) {
            let mut object = match self.get(outer) {
                Some(Value::Object(object)) => object,
                _ => Map::new(),
            };
            object.insert(inner.to_owned(), json!(tokens));
            return self.set(outer, &Value::Object(object));
        }
        let name = LONGEST.into_iter().find(|name| self.place(name).is_some()).unwrap_or(usual);
        self.set(name, &json!(tokens));
    }

    /// Names another model.
    pub fn rename(&mut self, model: &str) {
        if self.place("model").is_some() && self.text("model").as_deref() != Some(model) {
            self.set("model", &json!(model));
        }
    }

    /// Asks for the usage of an OpenAI stream, unless the caller does; tells whether it was added.
    pub fn ask_usage(&mut self) -> bool {
        if !self.is_true("stream") {
            return false;
        }
        let mut options = match self.get("stream_options") {
            Some(Value::Object(options)) => options,
            _ => Map::new(),
        };
        if options.get("include_usage") == Some(&Value::Bool(true)) {
            return false;
        }
        options.insert("include_usage".into(), Value::Bool(true));
        self.set("stream_options", &Value::Object(options));
        true
    }

    fn set(&mut self, name: &str, value: &Value) {
        if self.fields.0.is_empty() {
            return;
        }
        let value = value.to_string();
        let places: Vec<_> = self.fields.0.iter().filter(|(field, _)| field == name).collect();
        let edits: Vec<Edit> = match places.is_empty() {
            false => places
                .into_iter()
                .map(|(_, place)| Edit { place: place.clone(), text: value.clone() })
                .collect(),
            true => {
                let end = self.bytes.iter().rposition(|byte| *byte == b'}').unwrap_or_default();
                vec![Edit { place: end..end, text: format!(",{}:{value}", json!(name)) }]
            }
        };
        self.edits.retain(|edit| {
            !edits.iter().any(|new| new.place == edit.place && !new.place.is_empty())
        });
        self.edits.extend(edits);
    }

    /// Returns the body with its changes; without any, the very bytes that came.
    pub fn bytes(&self) -> Bytes {
        if self.edits.is_empty() {
            return self.bytes.clone();
        }
        let mut edits: Vec<&Edit> = self.edits.iter().collect();
        edits.sort_by_key(|edit| (edit.place.start, edit.place.end));
        let mut out = Vec::with_capacity(self.bytes.len() + 64);
        let mut from = 0;
        for Edit { place, text } in edits {
            out.extend_from_slice(self.bytes.get(from..place.start).unwrap_or_default());
            out.extend_from_slice(text.as_bytes());
            from = place.end;
        }
        out.extend_from_slice(self.bytes.get(from..).unwrap_or_default());
        out.into()
    }

    /// Forgets the changes.
    pub fn reset(&mut self) {
        self.edits.clear();
    }
}

/// Returns the object and its field that hold the longest answer, where that is not at the top.
const fn nested(dialect: Dialect) -> Option<(&'static str, &'static str)> {
    match dialect {
        Dialect::Gemini => Some(("generationConfig", "maxOutputTokens")),
        Dialect::Ollama => Some(("options", "num_predict")),
        Dialect::Anthropic | Dialect::Openai | Dialect::Responses => None,
    }
}

/// Finds the top-level fields of an object.
fn read(text: &str, twice: Twice) -> Result<Fields, serde_json::Error> {
    struct Object<'a>(&'a str, Twice);

    impl<'de> Visitor<'de> for Object<'de> {
        type Value = Fields;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
            let Object(text, twice) = self;
            let mut fields: Vec<(String, Range<usize>)> = Vec::with_capacity(8);
            while let Some(name) = map.next_key::<String>()? {
                if matches!(twice, Twice::Refused) {
                    if fields.iter().any(|(field, _)| *field == name) {
                        return Err(A::Error::custom(format!("`{name}` stands twice")));
                    }
                    if fields.len() >= MAX_FIELDS {
                        return Err(A::Error::custom(format!("more than {MAX_FIELDS} fields")));
                    }
                }
                let raw = map.next_value::<&'de RawValue>()?.get();
                let start = (raw.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
                fields.push((name, start..start + raw.len()));
            }
            Ok(Fields(fields))
        }
    }

    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json.deserialize_map(Object(text, twice))?;
    json.end()?;
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::new(Bytes::copy_from_slice(text.as_bytes()), None)
    }

    fn text(body: &Body) -> String {
        String::from_utf8(body.bytes().to_vec()).unwrap()
    }

    #[test]
    fn changes_a_field_and_not_a_byte_beside_it() {
        const BEFORE: &str = "{ \"a\" : 1.50 , \"model\":\"x\\u0041\", \"messages\": [ {\"model\":\"n\"} ], \"é\":null }\n";
        let mut b = body(BEFORE);
        assert_eq!(b.text("model").as_deref(), Some("xA"));
        b.rename("xA");
        assert_eq!(b.bytes(), *b.original());
        b.rename("y/\"z");
        assert_eq!(text(&b), BEFORE.replace("\"x\\u0041\"", "\"y/\\\"z\""));
        b.limit_answer(Dialect::Openai, "max_tokens", 9);
        assert!(text(&b).ends_with("\"é\":null ,\"max_tokens\":9}\n"), "{}", text(&b));
        b.reset();
        assert_eq!(text(&b), BEFORE);
        let mut known = Body::new(b.bytes(), Some(Fields::read(BEFORE).unwrap()));
        known.rename("y");
        assert_eq!(text(&known), BEFORE.replace("\"x\\u0041\"", "\"y\""));
    }

    #[test]
    fn duplicate_fields_are_all_changed() {
        let mut b = body(r#"{"model":"a","max_tokens":5,"model":"b"}"#);
        assert_eq!(b.text("model").as_deref(), Some("b"));
        b.rename("c");
        b.limit_answer(Dialect::Anthropic, "max_tokens", 3);
        assert_eq!(text(&b), r#"{"model":"c","max_tokens":3,"model":"c"}"#);
    }

    #[test]
    fn usage_is_asked_for_once_and_only_of_streams() {
        let check = |before: &str, after: Option<&str>| {
            let mut b = body(before);
            assert_eq!(b.ask_usage(), after.is_some(), "{before}");
            assert_eq!(text(&b), after.unwrap_or(before));
        };
        check(r#"{"model":"a"}"#, None);
        check(r#"{"stream":false}"#, None);
        check(
            r#"{"stream":true}"#,
            Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        );
        check(
            r#"{"stream":true,"stream_options":{"include_usage":false,"x":1},"n":1}"#,
            Some(r#"{"stream":true,"stream_options":{"include_usage":true,"x":1},"n":1}"#),
        );
        check(
            r#"{"stream_options":null,"stream":true}"#,
            Some(r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        );
        check(r#"{"stream":true,"stream_options":{"include_usage":true}}"#, None);
    }

    #[test]
    fn the_longest_answer_is_where_each_dialect_has_it() {
        let check = |dialect, before: &str, found: Option<u64>, after: &str| {
            let mut b = body(before);
            assert_eq!(b.longest_answer(dialect), found);
            b.limit_answer(dialect, "max_tokens", 7);
            assert_eq!(text(&b), after);
        };
        check(Dialect::Openai, r#"{"n":1}"#, None, r#"{"n":1,"max_tokens":7}"#);
        check(
            Dialect::Openai,
            r#"{"max_completion_tokens":50}"#,
            Some(50),
            r#"{"max_completion_tokens":7}"#,
        );
        check(
            Dialect::Gemini,
            r#"{"generationConfig":{"topK":1,"maxOutputTokens":50}}"#,
            Some(50),
            r#"{"generationConfig":{"topK":1,"maxOutputTokens":7}}"#,
        );
        check(Dialect::Ollama, r#"{"a":1}"#, None, r#"{"a":1,"options":{"num_predict":7}}"#);
    }

    #[test]
    fn what_is_no_object_stays_as_it_is() {
        for before in ["", "[]", "{", "{\"a\":1} x", "--boundary", "null"] {
            let mut b = body(before);
            b.rename("m");
            b.limit_answer(Dialect::Openai, "max_tokens", 1);
            assert!(!b.ask_usage());
            assert_eq!(text(&b), before);
        }
        let mut b = Body::new(Bytes::from_static(b"{\"a\":\"\xff\"}"), None);
        b.rename("m");
        assert_eq!(&b.bytes()[..], b"{\"a\":\"\xff\"}");
    }
}
