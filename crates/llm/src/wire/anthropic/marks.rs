//! Cache marks, both ways.

use distiq_base::{CacheTtl, Content, Dialect, MarkPlace, Request};
use serde_json::{Map, Value, json};

use crate::wire::field;
use crate::wire::marks::{MOST_MARKS, Marks};

/// Chooses the marks that the vendor takes; `native` tells whether tools keep their own fields.
pub(super) fn choose(request: &Request, native: bool) -> Marks {
    // The automatic mark of the top level takes one of the four.
    let automatic = request.extra.as_ref().is_some_and(|(dialect, extra)| {
        *dialect == Dialect::Anthropic && extra.contains_key("cache_control")
    });
    let most = MOST_MARKS - usize::from(automatic);
    Marks::of(request, most, |place| fits(request, place, native))
}

fn fits(request: &Request, place: MarkPlace, native: bool) -> bool {
    match place {
        // A mark on a deferred tool is an error.
        MarkPlace::Tool(index) => request.tools.get(index).is_some_and(|tool| {
            (native || !tool.schema.is_null())
                && tool.extra.get("defer_loading") != Some(&Value::Bool(true))
        }),
        MarkPlace::System(index) => request.system.get(index).is_some_and(|s| !s.text.is_empty()),
        MarkPlace::Block { message, block } => {
            let message = request.messages.get(message);
            match message.and_then(|message| message.content.get(block)) {
                Some(Content::Text { text }) => !text.is_empty(),
                Some(
                    Content::Image { .. }
                    | Content::Document { .. }
                    | Content::ToolCall { .. }
                    | Content::ToolResult { .. },
                ) => true,
                Some(Content::Other { dialect, .. }) => *dialect == Dialect::Anthropic,
                Some(Content::Thinking { .. } | Content::RedactedThinking { .. }) | None => false,
            }
        }
    }
}

/// Writes the mark of this place, where there is one.
pub(super) fn put(marks: &Marks, place: MarkPlace, block: &mut Map<String, Value>) {
    if let Some(ttl) = marks.at(place) {
        block.insert("cache_control".into(), encode(ttl));
    }
}

/// Returns the value of `cache_control`.
pub(crate) fn encode(ttl: CacheTtl) -> Value {
    match ttl {
        CacheTtl::Short => json!({ "type": "ephemeral" }),
        CacheTtl::Long => json!({ "type": "ephemeral", "ttl": "1h" }),
    }
}

/// Reads the mark on a block, a system block or a tool.
pub(crate) fn decode(block: &Value) -> Option<CacheTtl> {
    let mark = field::present(block, "cache_control")?;
    Some(match field::text(mark, "ttl") {
        Some("1h") => CacheTtl::Long,
        _ => CacheTtl::Short,
    })
}
