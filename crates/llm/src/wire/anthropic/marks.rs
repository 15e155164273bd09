//! Cache marks that the vendor accepts: at most four, the long-lived first, never on thinking.

use std::collections::BTreeMap;

use distiq_base::{CacheTtl, Content, Dialect, MarkPlace, Request};
use serde_json::{Map, Value, json};

const MOST_MARKS: usize = 4;

/// The marks of one request, by place.
pub(super) struct Marks(BTreeMap<MarkPlace, CacheTtl>);

impl Marks {
    /// Takes the plan's marks that can stand where they are; of too many, the last in prompt order.
    pub(super) fn of(request: &Request, native: bool) -> Self {
        let mut marks: BTreeMap<_, _> = request
            .cache
            .marks
            .iter()
            .filter(|mark| fits(request, mark.place, native))
            .map(|mark| (mark.place, mark.ttl))
            .collect();
        // The automatic mark of the top level takes one of the four.
        let automatic = request.extra.as_ref().is_some_and(|(dialect, extra)| {
            *dialect == Dialect::Anthropic && extra.contains_key("cache_control")
        });
        while marks.len() > MOST_MARKS - usize::from(automatic) {
            marks.pop_first();
        }
        let mut short = false;
        for ttl in marks.values_mut() {
            short |= *ttl == CacheTtl::Short;
            if short {
                *ttl = CacheTtl::Short;
            }
        }
        Self(marks)
    }

    /// Writes the mark of this place, where there is one.
    pub(super) fn put(&self, place: MarkPlace, block: &mut Map<String, Value>) {
        if let Some(ttl) = self.0.get(&place) {
            let mark = match ttl {
                CacheTtl::Short => json!({ "type": "ephemeral" }),
                CacheTtl::Long => json!({ "type": "ephemeral", "ttl": "1h" }),
            };
            block.insert("cache_control".into(), mark);
        }
    }
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
                    Content::Image { .. } | Content::ToolCall { .. } | Content::ToolResult { .. },
                ) => true,
                Some(Content::Other { dialect, .. }) => *dialect == Dialect::Anthropic,
                Some(Content::Thinking { .. } | Content::RedactedThinking { .. }) | None => false,
            }
        }
    }
}
