//! Definitions of tools and the choice of one, both ways.

use distiq_base::{ToolChoice, ToolDef};
use serde_json::{Map, Value, json};

use crate::wire::{WireError, arguments, field};

/// The one argument by which a custom tool is called elsewhere.
const INPUT: &str = "input";

/// Reads `tools`.
pub(super) fn decode(json: &Value) -> Result<Vec<ToolDef>, WireError> {
    let tools = field::typed(json, "tools", "an array", Value::as_array)?;
    let tools = tools.into_iter().flatten().enumerate();
    tools.map(|(index, tool)| decode_tool(tool, index)).collect()
}

fn decode_tool(tool: &Value, index: usize) -> Result<ToolDef, WireError> {
    let kind = field::text(tool, "type").unwrap_or("function");
    let name = field::text(tool, "name");
    let need = || {
        let name =
            name.ok_or_else(|| WireError::malformed(format!("tools[{index}].name"), "is required"));
        name.map(str::to_owned)
    };
    let rest = |known: &[&str]| -> Map<String, Value> {
        let fields = tool.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| !known.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let description = field::text(tool, "description").unwrap_or_default().to_owned();
    Ok(match kind {
        "function" => ToolDef {
            name: need()?,
            description,
            schema: field::present(tool, "parameters").cloned().unwrap_or_else(no_arguments),
            extra: rest(&["type", "name", "description", "parameters"]),
        },
        "custom" => ToolDef {
            name: need()?,
            description,
            schema: text_argument(tool),
            extra: rest(&["name", "description"]),
        },
        // A tool of the vendor's own making is kept whole.
        _ => ToolDef {
            name: name.unwrap_or(kind).to_owned(),
            description,
            schema: Value::Null,
            extra: rest(&[]),
        },
    })
}

fn no_arguments() -> Value {
    json!({ "type": "object", "properties": {} })
}

/// Returns the schema of a custom tool for vendors that know only JSON; a grammar is told in words.
fn text_argument(tool: &Value) -> Value {
    let grammar = tool.get("format").filter(|format| format["type"] == "grammar");
    let mut input = json!({ "type": "string" });
    if let (Some(definition), Some(input)) =
        (grammar.and_then(|format| field::text(format, "definition")), input.as_object_mut())
    {
        let syntax = grammar.and_then(|format| field::text(format, "syntax")).unwrap_or("lark");
        let told = format!("Text that follows this {syntax} grammar:\n{definition}");
        input.insert("description".into(), told.into());
    }
    json!({
        "type": "object",
        "properties": { INPUT: input },
        "required": [INPUT],
        "additionalProperties": false,
    })
}

/// Tells whether a tool takes free text.
pub(in crate::wire) fn is_custom(tool: &ToolDef) -> bool {
    tool.extra.get("type").is_some_and(|kind| kind == "custom") && !tool.schema.is_null()
}

/// Returns a custom tool's input as the arguments that stand for it.
pub(super) fn input_to_arguments(input: &str) -> String {
    json!({ INPUT: input }).to_string()
}

/// Returns the custom tool's input in arguments; those of any other shape go as they are.
pub(in crate::wire) fn arguments_to_input(arguments: &str) -> String {
    let object = arguments::to_object(arguments);
    match object.get(INPUT) {
        Some(Value::String(input)) => input.clone(),
        _ => arguments.to_owned(),
    }
}

/// Writes a tool's definition; a vendor's own tool of another dialect is `None`.
///
/// A tool that says nothing of `strict` is strict to this vendor, which no other dialect means.
pub(super) fn encode(tool: &ToolDef, native: bool) -> Option<Value> {
    if tool.schema.is_null() && tool.extra.contains_key("type") {
        return native.then(|| Value::Object(tool.extra.clone()));
    }
    let custom = native && is_custom(tool);
    let mut json = Map::new();
    json.insert("type".into(), if custom { "custom".into() } else { "function".into() });
    json.insert("name".into(), tool.name.as_str().into());
    if !tool.description.is_empty() {
        json.insert("description".into(), tool.description.as_str().into());
    }
    if !custom {
        let schema = if tool.schema.is_null() { no_arguments() } else { tool.schema.clone() };
        json.insert("parameters".into(), schema);
    }
    if native {
        field::fill(&mut json, &tool.extra);
    } else {
        let strict = tool.extra.get("strict").and_then(Value::as_bool).unwrap_or(false);
        json.insert("strict".into(), strict.into());
    }
    Some(Value::Object(json))
}

/// Takes `tool_choice` out of `extra`, as far as the vocabulary holds it. A choice among some tools
/// stays there too, since elsewhere only its mode is known.
pub(super) fn decode_choice(extra: &mut Map<String, Value>) -> Option<ToolChoice> {
    let mode = |name: &str| match name {
        "auto" => Some(ToolChoice::Auto),
        "required" => Some(ToolChoice::Required),
        "none" => Some(ToolChoice::None),
        _ => None,
    };
    let choice = match extra.get("tool_choice")? {
        Value::String(name) => mode(name)?,
        choice => match field::text(choice, "type")? {
            "function" | "custom" => ToolChoice::Tool(field::text(choice, "name")?.to_owned()),
            "allowed_tools" => return mode(field::text(choice, "mode")?),
            _ => return None,
        },
    };
    extra.shift_remove("tool_choice");
    Some(choice)
}

/// Writes the choice.
pub(super) fn encode_choice(choice: &ToolChoice, tools: &[ToolDef], native: bool) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Tool(name) => {
            let custom = native && tools.iter().any(|tool| tool.name == *name && is_custom(tool));
            json!({ "type": if custom { "custom" } else { "function" }, "name": name })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_tool_comes_back_as_it_was() {
        let tools = json!([
            {"type": "function", "name": "read", "description": "Reads.",
                "parameters": {"type": "object"}, "strict": true},
            {"type": "function", "name": "now", "parameters": {"type": "object"}, "strict": null},
            {"type": "custom", "name": "apply_patch", "description": "Patches.",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
            {"type": "web_search", "search_context_size": "low"},
            {"type": "mcp", "server_label": "d", "server_url": "https://x"},
        ]);
        let decoded = decode(&json!({ "tools": tools })).unwrap();
        let again: Vec<Value> = decoded.iter().filter_map(|tool| encode(tool, true)).collect();
        assert_eq!(Value::Array(again), tools);
        let foreign: Vec<Value> = decoded.iter().filter_map(|tool| encode(tool, false)).collect();
        let names: Vec<_> = foreign.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["read", "now", "apply_patch"]);
        assert!(foreign[2]["parameters"]["properties"]["input"]["description"].is_string());
        assert_eq!((&foreign[0]["strict"], &foreign[1]["strict"]), (&json!(true), &json!(false)));
    }

    #[test]
    fn every_choice_comes_back_as_it_was() {
        let tools = decode(&json!({"tools": [{"type": "custom", "name": "p"}]})).unwrap();
        let check = |choice: Value, expected: Option<ToolChoice>| {
            let mut extra = Map::new();
            extra.insert("tool_choice".into(), choice.clone());
            let decoded = decode_choice(&mut extra);
            assert_eq!(decoded, expected, "{choice}");
            let kept = extra.get("tool_choice").cloned();
            let again = kept.or(decoded.map(|choice| encode_choice(&choice, &tools, true)));
            assert_eq!(again, Some(choice));
        };
        check(json!("auto"), Some(ToolChoice::Auto));
        check(json!("none"), Some(ToolChoice::None));
        check(json!("required"), Some(ToolChoice::Required));
        check(json!({"type": "function", "name": "f"}), Some(ToolChoice::Tool("f".into())));
        check(json!({"type": "custom", "name": "p"}), Some(ToolChoice::Tool("p".into())));
        let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [
            {"type": "function", "name": "f"}]});
        check(allowed, Some(ToolChoice::Required));
        check(json!({"type": "web_search"}), None);
        check(json!({"type": "mcp", "server_label": "d", "name": "n"}), None);
    }

    #[test]
    fn free_text_survives_as_an_argument() {
        for input in ["*** Begin Patch\n\"é\"\n", ""] {
            assert_eq!(arguments_to_input(&input_to_arguments(input)), input);
        }
        assert_eq!(arguments_to_input("not json"), "not json");
        assert_eq!(arguments_to_input("{\"input\":7}"), "{\"input\":7}");
    }
}
