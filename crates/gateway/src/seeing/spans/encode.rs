//! Spans as OTLP writes them (opentelemetry-proto 1.8), in protobuf and in JSON.

use serde_json::{Value, json};

use super::context::hex;

/// Who did the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Server = 2,
    Client = 3,
}

/// A span that is over.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub trace: [u8; 16],
    pub id: [u8; 8],
    pub parent: Option<[u8; 8]>,
    pub state: String,
    pub name: String,
    pub kind: Kind,
    pub start_ns: u64,
    pub end_ns: u64,
    pub fields: Vec<(&'static str, Field)>,
    pub has_failed: bool,
}

/// A field's value.
#[derive(Clone, Debug)]
pub(super) enum Field {
    Text(String),
    Bool(bool),
    Int(u64),
    Float(f64),
    Texts(Vec<String>),
}

const SCOPE: &str = "distiq.gateway";
/// The status code of a failure.
const FAILED: u64 = 2;

/// Writes a batch in protobuf.
pub(super) fn protobuf(resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let mut from = Message::default();
    for (name, value) in resource {
        from.message(1, &pair(name, &Field::Text(value.clone())));
    }
    let mut scope = Message::default();
    scope.text(1, SCOPE);
    scope.text(2, env!("CARGO_PKG_VERSION"));
    let mut of_scope = Message::default();
    of_scope.message(1, &scope);
    for one in spans {
        of_scope.message(2, &span(one));
    }
    let mut of_resource = Message::default();
    of_resource.message(1, &from);
    of_resource.message(2, &of_scope);
    let mut all = Message::default();
    all.message(1, &of_resource);
    all.0
}

fn span(span: &Span) -> Message {
    let mut message = Message::default();
    message.bytes(1, &span.trace);
    message.bytes(2, &span.id);
    message.text(3, &span.state);
    message.bytes(4, span.parent.as_ref().map_or(&[], |parent| parent.as_slice()));
    message.text(5, &span.name);
    message.number(6, span.kind as u64);
    message.fixed(7, span.start_ns);
    message.fixed(8, span.end_ns);
    for (name, value) in &span.fields {
        message.message(9, &pair(name, value));
    }
    if span.has_failed {
        let mut status = Message::default();
        status.number(3, FAILED);
        message.message(15, &status);
    }
    message
}

fn pair(name: &str, field: &Field) -> Message {
    let mut pair = Message::default();
    pair.text(1, name);
    pair.message(2, &any(field));
    pair
}

fn any(field: &Field) -> Message {
    let mut value = Message::default();
    match field {
        Field::Text(text) => value.one_of_bytes(1, text.as_bytes()),
        Field::Bool(yes) => value.one_of_number(2, u64::from(*yes)),
        Field::Int(number) => value.one_of_number(3, *number),
        Field::Float(number) => value.fixed(4, number.to_bits()),
        Field::Texts(texts) => {
            let mut list = Message::default();
            for text in texts {
                list.message(1, &any(&Field::Text(text.clone())));
            }
            value.message(5, &list);
        }
    }
    value
}

/// A protobuf message as it is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn one_of_bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn one_of_number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.one_of_bytes(field, bytes);
        }
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn number(&mut self, field: u64, number: u64) {
        self.one_of_number(field, number);
    }

    fn fixed(&mut self, field: u64, bits: u64) {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&bits.to_le_bytes());
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.one_of_bytes(field, &message.0);
    }
}

/// Writes a batch in JSON.
pub(super) fn json(resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let from: Vec<Value> = resource
        .iter()
        .map(|(name, value)| json!({ "key": name, "value": { "stringValue": value } }))
        .collect();
    let spans: Vec<Value> = spans.iter().map(json_span).collect();
    let scope = json!({ "name": SCOPE, "version": env!("CARGO_PKG_VERSION") });
    let of_scope = json!({ "scope": scope, "spans": spans });
    let all = json!({
        "resourceSpans": [{ "resource": { "attributes": from }, "scopeSpans": [of_scope] }]
    });
    all.to_string().into_bytes()
}

fn json_span(span: &Span) -> Value {
    let fields: Vec<Value> = span
        .fields
        .iter()
        .map(|(name, field)| json!({ "key": name, "value": json_any(field) }))
        .collect();
    json!({
        "traceId": hex(&span.trace),
        "spanId": hex(&span.id),
        "traceState": span.state,
        "parentSpanId": span.parent.map(|parent| hex(&parent)).unwrap_or_default(),
        "name": span.name,
        "kind": span.kind as u64,
        // Numbers of 64 bits are texts in protobuf's JSON.
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.to_string(),
        "attributes": fields,
        "status": if span.has_failed { json!({ "code": FAILED }) } else { json!({}) },
    })
}

fn json_any(field: &Field) -> Value {
    match field {
        Field::Text(text) => json!({ "stringValue": text }),
        Field::Bool(yes) => json!({ "boolValue": yes }),
        Field::Int(number) => json!({ "intValue": number.to_string() }),
        Field::Float(number) => json!({ "doubleValue": number }),
        Field::Texts(texts) => {
            let values: Vec<Value> =
                texts.iter().map(|text| json!({ "stringValue": text })).collect();
            json!({ "arrayValue": { "values": values } })
        }
    }
}
