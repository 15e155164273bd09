//! Tool arguments picked from earlier results: `{"$result": {"after": "…", "until": "…"}}`.

use distiq_base::Content;
use serde_json::Value;

use super::{Answer, ScriptError};

/// Fills the places in an answer's tool arguments that stand for a piece of a tool result.
pub(super) fn fill(answer: &mut Answer, results: &[String]) -> Result<(), ScriptError> {
    for content in &mut answer.content {
        let Content::ToolCall { arguments, .. } = content else { continue };
        if !arguments.contains("\"$result\"") {
            continue;
        }
        if let Ok(mut input) = serde_json::from_str::<Value>(arguments) {
            replace(&mut input, results)?;
            *arguments = input.to_string();
        }
    }
    Ok(())
}

fn replace(value: &mut Value, results: &[String]) -> Result<(), ScriptError> {
    if let Some(place) = value.get("$result") {
        let piece = pick(place, results).ok_or_else(|| ScriptError::NoPiece {
            place: place.to_string(),
            found: results.join("\n"),
        })?;
        *value = Value::String(piece);
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| replace(item, results)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| replace(field, results)),
        _ => Ok(()),
    }
}

/// Returns the text between two marks, in the first result that has it; a missing mark is the edge.
fn pick(place: &Value, results: &[String]) -> Option<String> {
    let mark = |name| place.get(name).and_then(Value::as_str).unwrap_or_default();
    results.iter().find_map(|result| {
        let rest = match mark("after") {
            "" => result.as_str(),
            after => result.split_once(after)?.1,
        };
        Some(match mark("until") {
            "" => rest.to_owned(),
            until => rest.split_once(until)?.0.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(input: Value, results: &[&str]) -> Result<String, ScriptError> {
        let mut answer = Answer::call("read", input);
        let results: Vec<String> = results.iter().map(|&r| r.to_owned()).collect();
        fill(&mut answer, &results)?;
        match answer.content.remove(0) {
            Content::ToolCall { arguments, .. } => Ok(arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_are_picked_from_results() {
        let place = json!({"path": {"$result": {"after": "in ", "until": ":"}}, "n": [1]});
        let found = filled(place.clone(), &["nothing", "found in src/a.rs:12"]).unwrap();
        assert_eq!(found, r#"{"path":"src/a.rs","n":[1]}"#);
        assert!(matches!(filled(place, &["nothing"]), Err(ScriptError::NoPiece { .. })));
        assert_eq!(filled(json!({"a": {"$result": {}}}), &["all"]).unwrap(), r#"{"a":"all"}"#);
    }
}
