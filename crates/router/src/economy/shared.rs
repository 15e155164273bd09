//! Whether a request begins with the one before it, as vendors' caches see it.

use serde_json::Value;

/// Where a request stops being the continuation of the one before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The prompt's prefix changed at `{at}`")]
pub struct PrefixBreak {
    /// The first part that differs, such as `tools` or `messages[3]`.
    pub at: String,
}

/// Holds two bodies of one dialect against each other: `later` must have the same tools and
/// system prompt byte for byte, key order included, and begin with all messages of `earlier`.
///
/// Cache marks do not count: moving them changes nothing for the vendor.
///
/// # Errors
/// The first part that differs.
pub fn shared_prefix(earlier: &Value, later: &Value) -> Result<(), PrefixBreak> {
    let differs = |at: String| Err(PrefixBreak { at });
    for part in ["tools", "system"] {
        if canonical(earlier.get(part)) != canonical(later.get(part)) {
            return differs(part.to_owned());
        }
    }
    let messages = |body: &Value| body.get("messages").and_then(Value::as_array).cloned();
    let later = messages(later).unwrap_or_default();
    for (index, message) in messages(earlier).unwrap_or_default().iter().enumerate() {
        let same = later.get(index).is_some_and(|l| canonical(Some(message)) == canonical(Some(l)));
        if !same {
            return differs(format!("messages[{index}]"));
        }
    }
    Ok(())
}

/// Returns the bytes of a part without the marks on its blocks.
fn canonical(part: Option<&Value>) -> Option<String> {
    let mut part = part?.clone();
    unmark(&mut part);
    if let Some(blocks) = part.get_mut("content") {
        unmark(blocks);
    }
    Some(part.to_string())
}

/// Takes the marks off a list of blocks. A tool's input or schema may hold a key of that name;
/// it is data and stays.
fn unmark(blocks: &mut Value) {
    for block in blocks.as_array_mut().into_iter().flatten() {
        if let Some(block) = block.as_object_mut() {
            block.shift_remove("cache_control");
            if let Some(inner) = block.get_mut("content") {
                unmark(inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_may_move_and_nothing_else() {
        let mark = json!({"type": "ephemeral"});
        let earlier = json!({
            "tools": [{"name": "a", "input_schema": {"type": "object", "cache_control": 1}}],
            "system": [{"type": "text", "text": "s", "cache_control": mark}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "u", "cache_control": mark}]},
            ],
        });
        let later = json!({
            "tools": [{"name": "a", "input_schema": {"type": "object", "cache_control": 1},
                       "cache_control": mark}],
            "system": [{"type": "text", "text": "s"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "u"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
            ],
        });
        assert_eq!(shared_prefix(&earlier, &later), Ok(()));
        let check = |pointer: &str, value: Value, at: &str| {
            let mut changed = later.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert_eq!(shared_prefix(&earlier, &changed), Err(PrefixBreak { at: at.into() }));
        };
        check("/system/0/text", json!("s, 2026-11-21"), "system");
        check("/tools/0/input_schema/cache_control", json!(2), "tools");
        check("/messages/0/content/0", json!({"text": "u", "type": "text"}), "messages[0]");
        check("/messages", json!([]), "messages[0]");
    }
}
