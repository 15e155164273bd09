//! Streamed answers, outwards.

use distiq_base::{BlockStart, Dialect, StopReason, StreamEvent, Usage};
use serde_json::{Map, Value, json};

use crate::error::ProviderErrorKind;
use crate::wire::responses::asked::{Answer, Asked};
use crate::wire::responses::kept::Kept;
use crate::wire::responses::{failure, parts, reasoning, response};
use crate::wire::sse::frame;

use item::Item;

mod item;

/// Writes a stream of events that ends in `response.completed` or `response.incomplete`.
///
/// An item is reported done when the next thing happens, so that one which a limit cut is reported
/// as such.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    asked: Asked,
    id: String,
    model: String,
    begun: bool,
    ended: bool,
    /// Items that grow, by the index of their block.
    open: Vec<(usize, Item)>,
    /// The item whose block has stopped last.
    stopped: Option<Item>,
    /// What is kept of the item that comes.
    kept: Kept,
    stop: Option<StopReason>,
    refused: bool,
    usage: Option<Usage>,
    whole: Option<Value>,
    wire: Wire,
}

/// What has been written.
#[derive(Debug, Default)]
struct Wire {
    out: String,
    sequence: u64,
    /// The items so far, by their index; null while they grow.
    output: Vec<Value>,
}

impl Wire {
    /// Writes one event, whose JSON begins with its name as the vendor's does.
    fn send(&mut self, name: &str, fields: Value) {
        let mut json = Map::new();
        json.insert("type".into(), name.into());
        json.insert("sequence_number".into(), self.sequence.into());
        if let Value::Object(fields) = fields {
            json.extend(fields);
        }
        self.sequence += 1;
        self.out.push_str(&frame(Some(name), &Value::Object(json).to_string()));
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }
}

impl StreamEncoder {
    /// Starts at the beginning of an answer to what was asked.
    pub fn new(asked: Asked) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Returns the bytes that this event adds; none for what the dialect lacks.
    pub fn encode(&mut self, event: &StreamEvent) -> String {
        if self.ended {
            return String::new();
        }
        match event {
            StreamEvent::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.begin();
            }
            StreamEvent::BlockStart { index, block } => self.start_block(*index, block),
            StreamEvent::BlockDelta { index, delta } => {
                let open = self.open.iter_mut().rev().find(|(block, _)| block == index);
                if let Some((_, item)) = open {
                    item.grow(delta, &mut self.wire);
                }
            }
            StreamEvent::BlockStop { index } => {
                let at = self.open.iter().rposition(|(block, _)| block == index);
                if let Some(at) = at {
                    self.settle("completed");
                    self.stopped = Some(self.open.remove(at).1);
                }
            }
            StreamEvent::Usage { usage } => self.usage = Some(*usage),
            StreamEvent::Stop { reason } => self.stop = Some(reason.clone()),
            StreamEvent::End => self.end(),
        }
        self.wire.take()
    }

    /// Returns the bytes that tell a client that the answer failed: the answer's own end, and an
    /// error, at which the vendor's clients raise one. Nothing follows them.
    pub fn error(&mut self, kind: ProviderErrorKind, message: &str) -> String {
        if self.ended {
            return String::new();
        }
        self.ended = true;
        let (_, body) = failure::encode_error(kind, message);
        let error = body.get("error").cloned().unwrap_or_default();
        if self.begun {
            let code = match kind {
                ProviderErrorKind::RateLimited => "rate_limit_exceeded",
                ProviderErrorKind::InvalidRequest => "invalid_prompt",
                ProviderErrorKind::ContextTooLong => "context_length_exceeded",
                _ => "server_error",
            };
            let failed = json!({ "code": code, "message": message });
            let whole: Vec<Value> =
                self.wire.output.iter().filter(|item| !item.is_null()).cloned().collect();
            let response = self.response("failed", None, Some(&failed), &whole);
            self.wire.send("response.failed", json!({ "response": response }));
        }
        let fields = json!({
            "code": error.get("code"),
            "message": message,
            "param": null,
            "error": error,
        });
        self.wire.send("error", fields);
        self.wire.take()
    }

    /// Returns the whole answer once its end is written: what `GET /responses/{id}` tells of it.
    pub const fn whole(&self) -> Option<&Value> {
        self.whole.as_ref()
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let response = self.response("in_progress", None, None, &[]);
        self.wire.send("response.created", json!({ "response": response }));
        self.wire.send("response.in_progress", json!({ "response": response }));
    }

    fn response(
        &self,
        status: &'static str,
        incomplete: Option<&'static str>,
        error: Option<&Value>,
        output: &[Value],
    ) -> Value {
        self.asked.response(&Answer {
            id: &self.id,
            model: &self.model,
            status,
            incomplete,
            error,
            output,
            usage: self.usage.filter(|_| status != "in_progress"),
        })
    }

    fn start_block(&mut self, index: usize, block: &BlockStart) {
        self.begin();
        self.settle("completed");
        if let BlockStart::Other { dialect: Dialect::Responses, json } = block
            && let Some(kept) = Kept::read(json)
        {
            self.kept = kept;
            return;
        }
        let kept = std::mem::take(&mut self.kept);
        let item = match block {
            BlockStart::Text => {
                self.refused |= kept.refuses();
                Item::text(kept, &self.id, &mut self.wire)
            }
            BlockStart::Thinking => Item::thinking(),
            BlockStart::RedactedThinking { data } => {
                let id = item::name("rs", &self.id, &self.wire);
                Item::whole(reasoning::encode_redacted(data, &id), &mut self.wire)
            }
            BlockStart::ToolCall { id, name } => {
                let custom = kept.custom || self.asked.is_custom(name);
                Item::call(kept, item::Called { id, name, custom }, &self.id, &mut self.wire)
            }
            BlockStart::Other { dialect: Dialect::Responses, json } if !parts::is_part(json) => {
                Item::whole(json.clone(), &mut self.wire)
            }
            BlockStart::Other { .. } => return,
        };
        let item = item.naming(&self.id);
        self.open.push((index, item));
    }

    /// Reports the item that has stopped as done.
    fn settle(&mut self, status: &'static str) {
        if let Some(item) = self.stopped.take() {
            item.finish(status, &mut self.wire);
        }
    }

    fn end(&mut self) {
        self.begin();
        let stop = self.stop.take().unwrap_or(StopReason::EndTurn);
        let (status, incomplete) = response::encode_stop(&stop, self.refused);
        let cut = incomplete == Some("max_output_tokens");
        let last = if cut { "incomplete" } else { "completed" };
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.settle("completed");
        }
        for (_, item) in open {
            item.finish(last, &mut self.wire);
        }
        self.settle(last);
        self.ended = true;
        let output = std::mem::take(&mut self.wire.output);
        let response = self.response(status, incomplete, None, &output);
        let name = match status {
            "incomplete" => "response.incomplete",
            _ => "response.completed",
        };
        self.wire.send(name, json!({ "response": response }));
        self.whole = Some(response);
    }
}
