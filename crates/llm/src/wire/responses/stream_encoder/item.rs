//! One item of an answer that is written as a stream.

use distiq_base::Delta;
use serde_json::{Value, json};

use super::Wire;
use crate::wire::responses::asked::item_id;
use crate::wire::responses::encode_items::call_item;
use crate::wire::responses::kept::Kept;
use crate::wire::responses::{reasoning, response, tools};

/// An item that grows.
#[derive(Debug)]
pub(super) struct Item {
    /// Its index on the wire.
    at: usize,
    id: String,
    kept: Kept,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Text { text: String, refusal: bool },
    Thinking { answer: String, begun: bool, text: String, signature: String },
    Call { call_id: String, name: String, arguments: String, custom: bool },
    Whole { json: Value },
}

/// A call as its first event tells it.
pub(super) struct Called<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// The tool takes free text.
    pub custom: bool,
}

/// Returns the id of the item that comes next.
pub(super) fn name(prefix: &str, answer: &str, wire: &Wire) -> String {
    item_id(prefix, answer, wire.output.len())
}

/// Takes the next index on the wire and tells that an item begins there.
fn add(item: Value, wire: &mut Wire) -> usize {
    let at = wire.output.len();
    wire.output.push(Value::Null);
    wire.send("response.output_item.added", json!({ "output_index": at, "item": item }));
    at
}

impl Item {
    pub(super) fn text(kept: Kept, answer: &str, wire: &mut Wire) -> Self {
        let place = response::Place { answer, index: wire.output.len(), status: "in_progress" };
        let id = kept.id("msg", place);
        let item = response::message_item(&id, &kept, "in_progress", Vec::new());
        let at = add(Value::Object(item), wire);
        let refusal = kept.refuses();
        let part = response::text_part("", refusal);
        let fields = json!({ "item_id": id, "output_index": at, "content_index": 0, "part": part });
        wire.send("response.content_part.added", fields);
        Self { at, id, kept, shape: Shape::Text { text: String::new(), refusal } }
    }

    /// Thinking begins on the wire with its first piece, which may tell the item's id.
    pub(super) fn thinking() -> Self {
        let shape = Shape::Thinking {
            answer: String::new(),
            begun: false,
            text: String::new(),
            signature: String::new(),
        };
        Self { at: 0, id: String::new(), kept: Kept::default(), shape }
    }

    /// Remembers the answer's id, from which an item that is not named yet takes its own.
    pub(super) fn naming(mut self, id: &str) -> Self {
        if let Shape::Thinking { answer, .. } = &mut self.shape {
            id.clone_into(answer);
        }
        self
    }

    pub(super) fn call(kept: Kept, called: Called<'_>, answer: &str, wire: &mut Wire) -> Self {
        let place = response::Place { answer, index: wire.output.len(), status: "in_progress" };
        let id = kept.id(if called.custom { "ctc" } else { "fc" }, place);
        let mut call = call_item(called.custom, called.id, called.name, "{}");
        let empty = if called.custom { "input" } else { "arguments" };
        call.insert(empty.into(), "".into());
        let item = response::finish_call(call, &id, &kept, "in_progress");
        let at = add(Value::Object(item), wire);
        let shape = Shape::Call {
            call_id: called.id.to_owned(),
            name: called.name.to_owned(),
            arguments: String::new(),
            custom: called.custom,
        };
        Self { at, id, kept, shape }
    }

    /// An item that came whole.
    pub(super) fn whole(json: Value, wire: &mut Wire) -> Self {
        let at = add(json.clone(), wire);
        Self { at, id: String::new(), kept: Kept::default(), shape: Shape::Whole { json } }
    }

    pub(super) fn grow(&mut self, delta: &Delta, wire: &mut Wire) {
        let fields = |id: &str, at: usize, delta: &str| json!({ "item_id": id, "output_index": at, "delta": delta });
        match (&mut self.shape, delta) {
            (Shape::Text { text, refusal }, Delta::Text { text: more }) => {
                text.push_str(more);
                let mut json = json!({ "item_id": self.id, "output_index": self.at,
                    "content_index": 0, "delta": more });
                let name = if *refusal { "response.refusal.delta" } else { TEXT_DELTA };
                if let (false, Some(json)) = (*refusal, json.as_object_mut()) {
                    json.insert("logprobs".into(), json!([]));
                }
                wire.send(name, json);
            }
            (Shape::Call { arguments, custom, .. }, Delta::Arguments { json }) => {
                arguments.push_str(json);
                // Free text inside JSON is told once it is whole.
                if !*custom {
                    let fields = fields(&self.id, self.at, json);
                    wire.send("response.function_call_arguments.delta", fields);
                }
            }
            (Shape::Thinking { signature, .. }, Delta::Signature { signature: more }) => {
                signature.push_str(more);
                self.begin_thinking(wire);
            }
            (Shape::Thinking { .. }, Delta::Thinking { text: more }) if !more.is_empty() => {
                self.begin_thinking(wire);
                self.think(more, wire);
            }
            _ => {}
        }
    }

    fn begin_thinking(&mut self, wire: &mut Wire) {
        let Shape::Thinking { answer, begun, signature, .. } = &mut self.shape else { return };
        if std::mem::replace(begun, true) {
            return;
        }
        let own = reasoning::id_of(signature).map(str::to_owned);
        self.id = own.unwrap_or_else(|| name("rs", answer, wire));
        let item = json!({ "id": self.id, "type": "reasoning", "summary": [] });
        self.at = add(item, wire);
    }

    fn think(&mut self, more: &str, wire: &mut Wire) {
        let Shape::Thinking { text, .. } = &mut self.shape else { return };
        let place = |rest: Value| {
            let mut json =
                json!({ "item_id": self.id, "output_index": self.at, "summary_index": 0 });
            if let (Some(json), Value::Object(rest)) = (json.as_object_mut(), rest) {
                json.extend(rest);
            }
            json
        };
        if text.is_empty() {
            let part = json!({ "type": "summary_text", "text": "" });
            wire.send("response.reasoning_summary_part.added", place(json!({ "part": part })));
        }
        text.push_str(more);
        wire.send("response.reasoning_summary_text.delta", place(json!({ "delta": more })));
    }

    /// Tells that the item is done.
    pub(super) fn finish(mut self, status: &'static str, wire: &mut Wire) {
        self.begin_thinking(wire);
        let (at, id) = (self.at, self.id.as_str());
        let item = match &self.shape {
            Shape::Whole { json } => json.clone(),
            Shape::Text { text, refusal } => {
                let part = response::text_part(text, *refusal);
                let place = json!({ "item_id": id, "output_index": at, "content_index": 0 });
                let (name, rest) = match refusal {
                    true => ("response.refusal.done", json!({ "refusal": text })),
                    false => (TEXT_DONE, json!({ "text": text, "logprobs": [] })),
                };
                wire.send(name, joined(&place, rest));
                wire.send("response.content_part.done", joined(&place, json!({ "part": part })));
                let item = response::message_item(id, &self.kept, status, vec![part]);
                Value::Object(item)
            }
            Shape::Thinking { text, signature, .. } => {
                if !text.is_empty() {
                    let place = json!({ "item_id": id, "output_index": at, "summary_index": 0 });
                    let done = joined(&place, json!({ "text": text }));
                    wire.send("response.reasoning_summary_text.done", done);
                    let part = json!({ "type": "summary_text", "text": text });
                    let done = joined(&place, json!({ "part": part }));
                    wire.send("response.reasoning_summary_part.done", done);
                }
                let signature = Some(signature.as_str()).filter(|signature| !signature.is_empty());
                let mut item = reasoning::encode_for_client(text, signature, id);
                // The id as it was told when the item began, whatever the signature says since.
                if let Some(item) = item.as_object_mut() {
                    item.insert("id".into(), id.into());
                }
                item
            }
            Shape::Call { call_id, name, arguments, custom } => {
                let call = call_item(*custom, call_id, name, arguments);
                let place = json!({ "item_id": id, "output_index": at });
                if *custom {
                    let input = tools::arguments_to_input(arguments);
                    let delta = joined(&place, json!({ "delta": input }));
                    wire.send("response.custom_tool_call_input.delta", delta);
                    let done = joined(&place, json!({ "input": input }));
                    wire.send("response.custom_tool_call_input.done", done);
                } else {
                    let whole = call.get("arguments").cloned().unwrap_or_default();
                    let done = joined(&place, json!({ "name": name, "arguments": whole }));
                    wire.send("response.function_call_arguments.done", done);
                }
                Value::Object(response::finish_call(call, id, &self.kept, status))
            }
        };
        wire.send("response.output_item.done", json!({ "output_index": at, "item": item }));
        if let Some(place) = wire.output.get_mut(at) {
            *place = item;
        }
    }
}

const TEXT_DELTA: &str = "response.output_text.delta";
const TEXT_DONE: &str = "response.output_text.done";

fn joined(place: &Value, rest: Value) -> Value {
    let mut json = place.clone();
    if let (Some(json), Value::Object(rest)) = (json.as_object_mut(), rest) {
        json.extend(rest);
    }
    json
}
