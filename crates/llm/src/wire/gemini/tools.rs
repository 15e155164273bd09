//! Tools and the choice among them, both ways.

use distiq_base::{Request, ToolChoice, ToolDef};
use serde_json::{Map, Value, json};

use crate::wire::gemini::schema;
use crate::wire::{Quirks, WireError, field};

/// Writes `tools`; functions that follow each other share an entry.
pub(super) fn encode(request: &Request, native: bool, quirks: &Quirks) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    let mut functions: Vec<Value> = Vec::new();
    let close = |functions: &mut Vec<Value>, out: &mut Vec<Value>| {
        if !functions.is_empty() {
            out.push(json!({ "functionDeclarations": std::mem::take(functions) }));
        }
    };
    for tool in &request.tools {
        if is_hosted(tool, native) {
            close(&mut functions, &mut out);
            out.push(Value::Object(tool.extra.clone()));
        } else if !is_foreign(tool, native) {
            functions.push(encode_function(tool, native, quirks));
        }
    }
    close(&mut functions, &mut out);
    out
}

/// Tells whether a tool is one that the vendor runs.
fn is_hosted(tool: &ToolDef, native: bool) -> bool {
    native && tool.schema.is_null() && tool.extra.contains_key(&tool.name)
}

/// Tells whether a tool is one that another vendor runs.
pub(super) fn is_foreign(tool: &ToolDef, native: bool) -> bool {
    !native && tool.schema.is_null() && !tool.extra.is_empty()
}

fn encode_function(tool: &ToolDef, native: bool, quirks: &Quirks) -> Value {
    let mut json = Map::new();
    json.insert("name".into(), tool.name.as_str().into());
    if !tool.description.is_empty() {
        json.insert("description".into(), tool.description.as_str().into());
    }
    if !tool.schema.is_null() {
        if quirks.schema_subset {
            json.insert("parameters".into(), schema::reduce(&tool.schema));
        } else {
            json.insert("parametersJsonSchema".into(), schema::plain(&tool.schema));
        }
    }
    if native {
        field::fill(&mut json, &tool.extra);
    }
    Value::Object(json)
}

/// Writes `toolConfig`.
pub(super) fn encode_choice(choice: &ToolChoice) -> Value {
    let config = match choice {
        ToolChoice::Auto => json!({ "mode": "AUTO" }),
        ToolChoice::Required => json!({ "mode": "ANY" }),
        ToolChoice::None => json!({ "mode": "NONE" }),
        ToolChoice::Tool(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    json!({ "functionCallingConfig": config })
}

/// Reads `tools`.
pub(super) fn decode(tools: Option<&Value>) -> Result<Vec<ToolDef>, WireError> {
    let entries = match tools {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        Some(_) => return Err(WireError::malformed("tools", "expected an array")),
    };
    let mut out = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let fields = entry
            .as_object()
            .ok_or_else(|| WireError::malformed(format!("tools[{index}]"), "expected an object"))?;
        for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            if key == "functionDeclarations" {
                for (place, function) in value.as_array().into_iter().flatten().enumerate() {
                    let at = format!("tools[{index}].functionDeclarations[{place}]");
                    out.push(decode_function(function, &at)?);
                }
            } else {
                out.push(ToolDef {
                    name: key.clone(),
                    description: String::new(),
                    schema: Value::Null,
                    extra: Map::from_iter([(key.clone(), value.clone())]),
                });
            }
        }
    }
    Ok(out)
}

fn decode_function(function: &Value, at: &str) -> Result<ToolDef, WireError> {
    let name = field::text(function, "name")
        .ok_or_else(|| WireError::malformed(format!("{at}.name"), "is required"))?;
    let schema = match field::present(function, "parametersJsonSchema") {
        Some(schema) => schema.clone(),
        None => field::present(function, "parameters").map(schema::expand).unwrap_or_default(),
    };
    let ours = ["name", "description", "parameters", "parametersJsonSchema"];
    let extra = function.as_object().into_iter().flatten();
    Ok(ToolDef {
        name: name.to_owned(),
        description: field::text(function, "description").unwrap_or_default().to_owned(),
        schema,
        extra: extra
            .filter(|(key, value)| !ours.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    })
}

/// Takes the choice out of `toolConfig`, as far as the vocabulary holds it.
pub(super) fn decode_choice(config: &mut Map<String, Value>) -> Option<ToolChoice> {
    let inner = config.get_mut("functionCallingConfig")?.as_object_mut()?;
    let names: Vec<String> = inner
        .get("allowedFunctionNames")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let mode = inner.get("mode").and_then(Value::as_str).unwrap_or("AUTO").to_ascii_uppercase();
    let choice = match (mode.as_str(), names.as_slice()) {
        ("ANY", [only]) => ToolChoice::Tool(only.clone()),
        // Several names stay beside it, for this dialect.
        ("ANY", _) => ToolChoice::Required,
        ("NONE", _) => ToolChoice::None,
        ("AUTO", _) => ToolChoice::Auto,
        // Validated calls: the model calls as it likes, and the mode stays for this dialect.
        ("VALIDATED", _) => return Some(ToolChoice::Auto),
        _ => return None,
    };
    inner.shift_remove("mode");
    if matches!(choice, ToolChoice::Tool(_)) {
        inner.shift_remove("allowedFunctionNames");
    }
    if inner.is_empty() {
        config.shift_remove("functionCallingConfig");
    }
    Some(choice)
}
