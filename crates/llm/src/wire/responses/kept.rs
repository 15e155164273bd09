//! Fields of an item that the vocabulary has no place for: they stand in a block before the item's
//! own blocks and go back onto it.

use distiq_base::{Content, Dialect};
use serde_json::{Map, Value};

use crate::wire::field;

/// The `type` of such a block; no item of the vendor's has it.
const TYPE: &str = "distiq.kept";

/// Fields of an item's parts, one map a part; trailing empty ones are left out.
const PARTS: &str = "parts";

/// Says that the call or result is one of a custom tool.
const CUSTOM: &str = "custom";

/// What is kept of an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    /// The item's own fields.
    pub fields: Map<String, Value>,
    /// Those of its parts, by position.
    pub parts: Vec<Map<String, Value>>,
    /// It is a call of a custom tool, or the result of one.
    pub custom: bool,
}

impl Kept {
    /// Returns the block; `None` where there is nothing to keep.
    pub(super) fn block(mut self) -> Option<Value> {
        while self.parts.last().is_some_and(Map::is_empty) {
            self.parts.pop();
        }
        if self == Self::default() {
            return None;
        }
        let mut json = Map::new();
        json.insert("type".into(), TYPE.into());
        if self.custom {
            json.insert(CUSTOM.into(), true.into());
        }
        if !self.fields.is_empty() {
            json.insert("fields".into(), self.fields.into());
        }
        if !self.parts.is_empty() {
            let parts: Vec<Value> = self.parts.into_iter().map(Value::Object).collect();
            json.insert(PARTS.into(), parts.into());
        }
        Some(Value::Object(json))
    }

    /// Returns the content that holds the block.
    pub(super) fn content(self) -> Option<Content> {
        Some(Content::Other { dialect: Dialect::Responses, json: self.block()? })
    }

    /// Reads a block; `None` where it is another one.
    pub(super) fn read(json: &Value) -> Option<Self> {
        if field::text(json, "type") != Some(TYPE) {
            return None;
        }
        let object = |json: &Value| json.as_object().cloned().unwrap_or_default();
        Some(Self {
            fields: json.get("fields").map(object).unwrap_or_default(),
            parts: field::items(json, PARTS).iter().map(object).collect(),
            custom: field::flag(json, CUSTOM) == Some(true),
        })
    }

    /// Lays the kept fields over an item that lacks them.
    pub(super) fn put(&self, item: &mut Map<String, Value>) {
        for (key, value) in &self.fields {
            item.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if item.contains_key("id") && !item.contains_key("status") {
            item.insert("status".into(), "completed".into());
        }
    }

    /// Returns what is kept of the part with this index.
    pub(super) fn part(&self, index: usize) -> Option<&Map<String, Value>> {
        self.parts.get(index)
    }
}

/// Returns an item's fields besides `known` ones; nulls, empty lists and the usual status tell
/// nothing, and the id only matters `with_id`.
pub(super) fn fields(item: &Value, known: &[&str], with_id: WithId) -> Map<String, Value> {
    let tells = |key: &str, value: &Value| match (key, value) {
        (_, Value::Null) => false,
        (_, Value::Array(list)) if list.is_empty() => false,
        ("id", _) => with_id == WithId::Yes,
        ("status", Value::String(status)) => status != "completed" && status != "in_progress",
        _ => !known.contains(&key),
    };
    let fields = item.as_object().into_iter().flatten();
    fields
        .filter(|(key, value)| tells(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether the ids of items matter: where the vendor stores reasoning and is only told its id, it
/// finds what must follow by id too. Elsewhere ids mean nothing to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WithId {
    /// They do.
    Yes,
    /// They do not.
    #[default]
    No,
}
