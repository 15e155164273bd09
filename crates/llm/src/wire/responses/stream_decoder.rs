//! Streamed answers, inwards.

use std::collections::HashMap;

use distiq_base::{BlockStart, Delta, StopReason, StreamEvent};
use serde_json::{Value, json};

use crate::wire::responses::response::{self, End};
use crate::wire::responses::{failure, usage};
use crate::wire::sse::SseEvent;
use crate::wire::{MAX_ANSWER_BLOCKS, MAX_ANSWER_BYTES, WireError, field, plain};

use item::Item;

mod item;

/// Reads a stream of events that ends in `response.completed` or `response.incomplete`; unknown
/// events are passed over.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    begun: bool,
    ended: bool,
    end: End,
    /// Items that are not done, by the vendor's index.
    open: HashMap<u64, Item>,
    /// How many items are.
    done: usize,
    /// The places of items whose server names them by their ids alone (llama.cpp, 2026-11).
    by_id: HashMap<String, u64>,
    /// Behind the last place that came.
    next_place: u64,
    ids_matter: bool,
    out: Output,
}

/// Events on their way out, within the limits of an answer.
#[derive(Debug, Default)]
struct Output {
    events: Vec<StreamEvent>,
    next_index: usize,
    bytes: usize,
}

impl StreamDecoder {
    /// Starts at the beginning of an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// [`WireError::Vendor`] for an `error` event and for an answer that failed,
    /// [`WireError::Malformed`] for what is no event of this dialect, [`WireError::TooLarge`] past
    /// the limits of an answer. No error is a whole answer, and the rest of the stream is of no use.
    pub fn feed(&mut self, event: &SseEvent) -> Result<Vec<StreamEvent>, WireError> {
        let data = event.data.trim();
        // Servers of other dialects end so; here it ends nothing.
        if self.ended || data.is_empty() || data == "[DONE]" {
            return Ok(Vec::new());
        }
        if let Some(piece) = plain::read::<plain::ItemDelta<'_>>(data).filter(|p| p.is_text())
            && let Some(item) = self.open.get_mut(&piece.output_index)
        {
            item.say(piece.content_index, &piece.delta, &mut self.out)?;
            return Ok(std::mem::take(&mut self.out.events));
        }
        let json: Value = serde_json::from_str(data)
            .map_err(|error| WireError::malformed("event", error.to_string()))?;
        let name = field::text(&json, "type").or(event.event.as_deref()).unwrap_or_default();
        if name == "error" || field::present(&json, "error").is_some() {
            return Err(failure::of_answer(&json).into());
        }
        let response = json.get("response").unwrap_or(&Value::Null);
        match name {
            "response.created" | "response.in_progress" | "response.queued" => self.begin(response),
            "response.output_item.added" => self.add(&json)?,
            "response.output_item.done" => self.finish_item(&json)?,
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => self.end(response)?,
            _ => self.grow(name, &json)?,
        }
        Ok(std::mem::take(&mut self.out.events))
    }

    /// Closes the stream when its bytes are over.
    ///
    /// # Errors
    /// [`WireError::Truncated`] unless the end has come.
    pub fn finish(&mut self) -> Result<Vec<StreamEvent>, WireError> {
        if self.ended { Ok(Vec::new()) } else { Err(WireError::Truncated) }
    }

    fn begin(&mut self, response: &Value) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.out.events.push(StreamEvent::Start {
            id: field::text(response, "id").unwrap_or_default().to_owned(),
            model: field::text(response, "model").unwrap_or_default().to_owned(),
        });
    }

    fn add(&mut self, json: &Value) -> Result<(), WireError> {
        let place = self.place(json)?;
        self.begin(&Value::Null);
        if self.open.contains_key(&place) {
            return Err(WireError::malformed("response.output_item.added", "came twice"));
        }
        if self.open.len().saturating_add(self.done) >= MAX_ANSWER_BLOCKS {
            return Err(too_many());
        }
        let item = field::present(json, "item").unwrap_or(&Value::Null);
        let item = Item::begin(item, self.ids_matter, &mut self.out)?;
        self.end.has_calls |= item.is_call();
        self.open.insert(place, item);
        Ok(())
    }

    /// Passes an event on to its item; some servers send pieces of a text whose item they never
    /// named.
    fn grow(&mut self, name: &str, json: &Value) -> Result<(), WireError> {
        let Some(name) = name.strip_prefix("response.") else { return Ok(()) };
        if !item::GROWS.contains(&name) {
            return Ok(());
        }
        let place = self.place(json)?;
        if !self.open.contains_key(&place) {
            if !matches!(name, "output_text.delta" | "refusal.delta") {
                return Err(WireError::malformed(name, "of an item that is not open"));
            }
            self.add(&json!({ "output_index": place, "item": { "type": "message" } }))?;
        }
        self.end.refused |= name.starts_with("refusal.");
        match self.open.get_mut(&place) {
            Some(item) => item.grow(name, json, &mut self.out),
            None => Ok(()),
        }
    }

    fn finish_item(&mut self, json: &Value) -> Result<(), WireError> {
        let place = self.place(json)?;
        if !self.open.contains_key(&place) {
            self.add(json)?;
        }
        let item = field::present(json, "item").unwrap_or(&Value::Null);
        let Some(open) = self.open.remove(&place) else { return Ok(()) };
        self.done += 1;
        self.by_id.retain(|_, open| *open != place);
        self.ids_matter |= open.finish(Some(item), &mut self.out)?;
        Ok(())
    }

    /// Returns the place of the item that an event is about: the vendor's index, else that of its id.
    fn place(&mut self, json: &Value) -> Result<u64, WireError> {
        let place = match field::present(json, "output_index") {
            Some(_) => field::count(json, "output_index")
                .ok_or_else(|| WireError::malformed("output_index", "expected a count"))?,
            None => {
                let of_item = json.get("item").and_then(|item| field::text(item, "id"));
                let id = of_item.or_else(|| field::text(json, "item_id"));
                let id = id.ok_or_else(|| {
                    WireError::malformed("output_index", "expected a count, or the item's id")
                })?;
                if self.by_id.len() >= MAX_ANSWER_BLOCKS {
                    return Err(too_many());
                }
                *self.by_id.entry(id.to_owned()).or_insert(self.next_place)
            }
        };
        self.next_place = self.next_place.max(place.saturating_add(1));
        Ok(place)
    }

    fn end(&mut self, response: &Value) -> Result<(), WireError> {
        // The reason first, as a failure is one whatever has come.
        let stop = response::decode_stop(response, self.end)?;
        let cut = !matches!(stop, StopReason::EndTurn | StopReason::ToolUse);
        self.begin(response);
        let mut open: Vec<(u64, Item)> = self.open.drain().collect();
        open.sort_by_key(|(place, _)| *place);
        for (place, item) in open {
            let whole = usize::try_from(place)
                .ok()
                .and_then(|place| field::items(response, "output").get(place));
            if whole.is_none() && !cut {
                // Half a call must not pass for one because the vendor says that all is well.
                return Err(WireError::malformed("response.completed", "an item is not done"));
            }
            item.finish(whole, &mut self.out)?;
            self.done += 1;
        }
        if self.done == 0 {
            // A server that tells all at the end.
            for (place, item) in field::items(response, "output").iter().enumerate() {
                self.finish_item(&json!({ "output_index": place, "item": item }))?;
            }
        }
        let reason = response::decode_stop(response, self.end)?;
        if let Some(usage) = response.get("usage").and_then(usage::decode) {
            self.out.events.push(StreamEvent::Usage { usage });
        }
        self.ended = true;
        self.out.events.push(StreamEvent::Stop { reason });
        self.out.events.push(StreamEvent::End);
        Ok(())
    }
}

impl Output {
    fn open(&mut self, block: BlockStart) -> Result<usize, WireError> {
        let index = self.next_index;
        if index >= MAX_ANSWER_BLOCKS {
            return Err(too_many());
        }
        self.next_index += 1;
        self.events.push(StreamEvent::BlockStart { index, block });
        Ok(index)
    }

    /// Passes a piece on unless it is empty.
    fn grow(&mut self, index: usize, delta: Delta) -> Result<(), WireError> {
        let (Delta::Text { text: piece }
        | Delta::Thinking { text: piece }
        | Delta::Signature { signature: piece }
        | Delta::Arguments { json: piece }) = &delta;
        if piece.is_empty() {
            return Ok(());
        }
        self.spend(piece.len())?;
        self.events.push(StreamEvent::BlockDelta { index, delta });
        Ok(())
    }

    fn stop(&mut self, index: usize) {
        self.events.push(StreamEvent::BlockStop { index });
    }

    fn spend(&mut self, bytes: usize) -> Result<(), WireError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_ANSWER_BYTES {
            return Err(WireError::TooLarge { what: "the answer", limit: MAX_ANSWER_BYTES });
        }
        Ok(())
    }
}

const fn too_many() -> WireError {
    WireError::TooLarge { what: "the number of blocks", limit: MAX_ANSWER_BLOCKS }
}
