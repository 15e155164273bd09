//! One item of a streamed answer.

use distiq_base::{BlockStart, Delta, Dialect};
use serde_json::{Map, Value, json};

use super::Output;
use crate::wire::responses::kept::{self, Kept, WithId};
use crate::wire::responses::reasoning::{self, GAP, Kind, Shape};
use crate::wire::{MAX_ANSWER_BLOCKS, WireError, field};

/// The events that belong to an item, less their `response.`; others tell nothing that is needed.
pub(super) const GROWS: [&str; 15] = [
    "content_part.added",
    "content_part.done",
    "output_text.delta",
    "output_text.done",
    "refusal.delta",
    "refusal.done",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "custom_tool_call_input.delta",
    "custom_tool_call_input.done",
    "reasoning_summary_part.added",
    "reasoning_summary_text.delta",
    "reasoning_summary_text.done",
    "reasoning_text.delta",
    "reasoning_text.done",
];

/// An item that is not done.
#[derive(Debug)]
pub(super) enum Item {
    /// Each of its parts is a block.
    Message { fields: Map<String, Value>, pieces: Vec<Piece> },
    Call {
        piece: Piece,
        /// Its input is free text, which is written as arguments.
        custom: bool,
    },
    /// Its parts are one block.
    Reasoning {
        block: usize,
        pieces: Vec<Piece>,
        /// The signature has begun, with the item's id.
        named: bool,
    },
    /// An item of another kind, which comes when it is whole.
    Held,
}

/// A part that grows.
#[derive(Debug)]
pub(super) struct Piece {
    place: u64,
    kind: Kind,
    block: usize,
    /// How much of its text has come.
    came: usize,
    open: bool,
}

impl Item {
    /// Begins an item; `ids_matter` tells whether the vendor will look for them.
    pub(super) fn begin(
        item: &Value,
        ids_matter: bool,
        out: &mut Output,
    ) -> Result<Self, WireError> {
        let with_id = if ids_matter { WithId::Yes } else { WithId::No };
        let own = |key| field::text(item, key).unwrap_or_default().to_owned();
        match field::text(item, "type").unwrap_or_default() {
            "message" => {
                let fields = kept::fields(item, &["type", "role", "content"], with_id);
                Ok(Self::Message { fields, pieces: Vec::new() })
            }
            "reasoning" => {
                let block = out.open(BlockStart::Thinking)?;
                let id = field::text(item, "id");
                if let Some(id) = id {
                    out.grow(block, Delta::Signature { signature: reasoning::head(id) })?;
                }
                Ok(Self::Reasoning { block, pieces: Vec::new(), named: id.is_some() })
            }
            kind @ ("function_call" | "custom_tool_call") => {
                let custom = kind == "custom_tool_call";
                let known = ["type", "call_id", "name", "arguments", "input"];
                let fields = kept::fields(item, &known, with_id);
                put_kept(Kept { fields, custom, ..Kept::default() }, out)?;
                let id = field::text(item, "call_id").filter(|id| !id.is_empty());
                let id = id.map_or_else(|| own("id"), str::to_owned);
                if id.is_empty() {
                    return Err(WireError::malformed("item.call_id", "is required"));
                }
                let block = out.open(BlockStart::ToolCall { id, name: own("name") })?;
                if custom {
                    // The end of the input closes what begins here.
                    out.grow(block, Delta::Arguments { json: "{\"input\":\"".into() })?;
                }
                let piece = Piece { place: 0, kind: Kind::Content, block, came: 0, open: true };
                Ok(Self::Call { piece, custom })
            }
            _ => Ok(Self::Held),
        }
    }

    pub(super) const fn is_call(&self) -> bool {
        matches!(self, Self::Call { .. })
    }

    /// Takes a piece of a part's text in.
    pub(super) fn say(&mut self, part: u64, text: &str, out: &mut Output) -> Result<(), WireError> {
        self.text(part, false, out)?.map_or(Ok(()), |piece| piece.say(text, out))
    }

    /// Takes an event of [`GROWS`] in.
    pub(super) fn grow(
        &mut self,
        name: &str,
        json: &Value,
        out: &mut Output,
    ) -> Result<(), WireError> {
        let part = field::count(json, "content_index").unwrap_or(0);
        let summary = field::count(json, "summary_index").unwrap_or(0);
        let text = |key| field::text(json, key).unwrap_or_default();
        match name {
            "content_part.added" => {
                if let Self::Message { .. } = self {
                    let kind = json.get("part").and_then(|part| field::text(part, "type"));
                    self.text(part, kind == Some("refusal"), out)?;
                }
                Ok(())
            }
            "content_part.done" => {
                if let Self::Message { pieces, .. } = self {
                    pieces.iter_mut().filter(|piece| piece.place == part).for_each(|piece| {
                        piece.stop(out);
                    });
                }
                Ok(())
            }
            "reasoning_summary_part.added" => self.thought(Kind::Summary, summary, out).map(|_| ()),
            "output_text.delta" => self.say(part, text("delta"), out),
            "refusal.delta" => {
                self.text(part, true, out)?.map_or(Ok(()), |p| p.say(text("delta"), out))
            }
            "output_text.done" => {
                self.text(part, false, out)?.map_or(Ok(()), |p| p.rest(text("text"), out))
            }
            "refusal.done" => {
                self.text(part, true, out)?.map_or(Ok(()), |p| p.rest(text("refusal"), out))
            }
            "reasoning_summary_text.delta" => {
                let piece = self.thought(Kind::Summary, summary, out)?;
                piece.map_or(Ok(()), |piece| piece.think(text("delta"), out))
            }
            "reasoning_summary_text.done" => {
                let piece = self.thought(Kind::Summary, summary, out)?;
                piece.map_or(Ok(()), |piece| piece.think_rest(text("text"), out))
            }
            "reasoning_text.delta" => {
                let piece = self.thought(Kind::Content, part, out)?;
                piece.map_or(Ok(()), |piece| piece.think(text("delta"), out))
            }
            "reasoning_text.done" => {
                let piece = self.thought(Kind::Content, part, out)?;
                piece.map_or(Ok(()), |piece| piece.think_rest(text("text"), out))
            }
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                self.argue(text("delta"), out)
            }
            "function_call_arguments.done" => self.argue_rest(text("arguments"), out),
            "custom_tool_call_input.done" => self.argue_rest(text("input"), out),
            _ => Ok(()),
        }
    }

    /// Returns the part of a message with this index, begun where it is new.
    fn text(
        &mut self,
        place: u64,
        refusal: bool,
        out: &mut Output,
    ) -> Result<Option<&mut Piece>, WireError> {
        let Self::Message { fields, pieces } = self else { return Ok(None) };
        if let Some(at) = pieces.iter().rposition(|piece| piece.place == place) {
            return Ok(pieces.get_mut(at));
        }
        let mut kept = Kept::default();
        if pieces.is_empty() {
            kept.fields = std::mem::take(fields);
        }
        if refusal {
            let kind: Map<_, _> = [("type".to_owned(), json!("refusal"))].into_iter().collect();
            kept.parts.push(kind);
        }
        put_kept(kept, out)?;
        let block = out.open(BlockStart::Text)?;
        pieces.push(Piece { place, kind: Kind::Content, block, came: 0, open: true });
        Ok(pieces.last_mut())
    }

    /// Returns a text of a reasoning item, begun where it is new.
    fn thought(
        &mut self,
        kind: Kind,
        place: u64,
        out: &mut Output,
    ) -> Result<Option<&mut Piece>, WireError> {
        let Self::Reasoning { block, pieces, .. } = self else { return Ok(None) };
        let known = pieces.iter().rposition(|piece| (piece.kind, piece.place) == (kind, place));
        if let Some(at) = known {
            return Ok(pieces.get_mut(at));
        }
        if pieces.len() >= MAX_ANSWER_BLOCKS {
            return Err(super::too_many());
        }
        if !pieces.is_empty() {
            out.grow(*block, Delta::Thinking { text: GAP.to_owned() })?;
        }
        pieces.push(Piece { place, kind, block: *block, came: 0, open: true });
        Ok(pieces.last_mut())
    }

    fn argue(&mut self, text: &str, out: &mut Output) -> Result<(), WireError> {
        let Self::Call { piece, custom } = self else { return Ok(()) };
        piece.came += text.len();
        let json = if *custom { escaped(text) } else { text.to_owned() };
        out.grow(piece.block, Delta::Arguments { json })
    }

    fn argue_rest(&mut self, whole: &str, out: &mut Output) -> Result<(), WireError> {
        let Self::Call { piece, .. } = self else { return Ok(()) };
        let rest = whole.get(piece.came..).unwrap_or_default().to_owned();
        self.argue(&rest, out)
    }

    /// Ends an item with its whole self, where the vendor tells it, and returns whether ids matter
    /// from here on.
    pub(super) fn finish(
        mut self,
        whole: Option<&Value>,
        out: &mut Output,
    ) -> Result<bool, WireError> {
        let Some(item) = whole else {
            self.stop(out)?;
            return Ok(false);
        };
        for (index, part) in field::items(item, "content").iter().enumerate() {
            let place = u64::try_from(index).unwrap_or(u64::MAX);
            let (text, refusal) = match field::text(part, "refusal") {
                Some(text) => (text, true),
                None => (field::text(part, "text").unwrap_or_default(), false),
            };
            if let Some(piece) = self.text(place, refusal, out)? {
                piece.rest(text, out)?;
            }
        }
        match &mut self {
            Self::Message { .. } => {}
            Self::Call { custom, .. } => {
                let key = if *custom { "input" } else { "arguments" };
                self.argue_rest(field::text(item, key).unwrap_or_default(), out)?;
            }
            Self::Reasoning { .. } => return self.finish_reasoning(item, out),
            Self::Held => {
                let json = item.clone();
                out.spend(size(&json))?;
                let block = out.open(BlockStart::Other { dialect: Dialect::Responses, json })?;
                out.stop(block);
                return Ok(false);
            }
        }
        self.stop(out)?;
        Ok(false)
    }

    fn finish_reasoning(mut self, item: &Value, out: &mut Output) -> Result<bool, WireError> {
        let (mut summaries, mut contents) = (0, 0);
        for (kind, text) in reasoning::texts(item) {
            let next = if kind == Kind::Summary { &mut summaries } else { &mut contents };
            let place = *next;
            *next += 1;
            if let Some(piece) = self.thought(kind, place, out)? {
                piece.think_rest(text, out)?;
            }
        }
        if let Self::Reasoning { block, pieces, named } = &self {
            let encrypted = field::text(item, "encrypted_content").unwrap_or_default();
            let id = field::text(item, "id");
            let shape = Shape(pieces.iter().map(|piece| (piece.kind, piece.came)).collect());
            let head = if *named { String::new() } else { reasoning::head(id.unwrap_or_default()) };
            if *named || id.is_some() || !encrypted.is_empty() {
                let signature = head + &reasoning::tail(&shape, encrypted);
                out.grow(*block, Delta::Signature { signature })?;
            }
        }
        self.stop(out)?;
        Ok(reasoning::is_reference(item))
    }

    /// Closes the item's blocks.
    fn stop(&mut self, out: &mut Output) -> Result<(), WireError> {
        match self {
            Self::Message { pieces, .. } => {
                pieces.iter_mut().for_each(|piece| piece.stop(out));
            }
            Self::Call { piece, custom } => {
                if *custom {
                    out.grow(piece.block, Delta::Arguments { json: "\"}".into() })?;
                }
                piece.stop(out);
            }
            Self::Reasoning { block, .. } => out.stop(*block),
            Self::Held => {}
        }
        Ok(())
    }
}

impl Piece {
    fn say(&mut self, text: &str, out: &mut Output) -> Result<(), WireError> {
        if !self.open {
            return Err(WireError::malformed("output_text", "of a part that is done"));
        }
        self.came += text.len();
        out.grow(self.block, Delta::Text { text: text.to_owned() })
    }

    /// Says what of a whole text has not come in pieces.
    fn rest(&mut self, whole: &str, out: &mut Output) -> Result<(), WireError> {
        match whole.get(self.came..) {
            Some(rest) if self.open => self.say(rest, out),
            _ => Ok(()),
        }
    }

    fn think(&mut self, text: &str, out: &mut Output) -> Result<(), WireError> {
        self.came += text.len();
        out.grow(self.block, Delta::Thinking { text: text.to_owned() })
    }

    fn think_rest(&mut self, whole: &str, out: &mut Output) -> Result<(), WireError> {
        self.think(whole.get(self.came..).unwrap_or_default(), out)
    }

    fn stop(&mut self, out: &mut Output) {
        if std::mem::take(&mut self.open) {
            out.stop(self.block);
        }
    }
}

fn put_kept(kept: Kept, out: &mut Output) -> Result<(), WireError> {
    let Some(json) = kept.block() else { return Ok(()) };
    out.spend(size(&json))?;
    let block = out.open(BlockStart::Other { dialect: Dialect::Responses, json })?;
    out.stop(block);
    Ok(())
}

/// Returns roughly how many bytes a value holds.
fn size(json: &Value) -> usize {
    match json {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum::<usize>() + 8,
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + size(value)).sum::<usize>(),
        _ => 8,
    }
}

/// Returns a text as it stands inside a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}
