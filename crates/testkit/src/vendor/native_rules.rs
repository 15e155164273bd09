//! What Gemini's and Ollama's servers refuse, with their own words where they are known.

use serde_json::Value;

use super::Refusal;
use crate::canonical::{elements, is_set, text};

type Verdict = Result<(), Refusal>;

/// The fields of a request to Gemini.
const FIELDS: [&str; 14] = [
    "model",
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "toolConfig",
    "tool_config",
    "generationConfig",
    "generation_config",
    "safetySettings",
    "cachedContent",
    "labels",
    "serviceTier",
    "continuationToken",
];

/// Keywords that `parameters` and `responseSchema` do not know.
const NO_KEYWORDS: [&str; 9] = [
    "$schema",
    "additionalProperties",
    "$ref",
    "$defs",
    "oneOf",
    "allOf",
    "const",
    "patternProperties",
    "exclusiveMinimum",
];

/// Tells whether a model of Gemini's signs its calls and wants that back (3 and later).
pub fn signs(model: &str) -> bool {
    let version = model.strip_prefix("gemini-").and_then(|rest| rest.chars().next());
    version.is_some_and(|digit| ('3'..='9').contains(&digit))
}

/// Refuses what Gemini refuses; the model stands in `model`.
///
/// # Errors
/// The first rule that is broken.
pub fn gemini(body: &Value) -> Verdict {
    let Some(fields) = body.as_object() else {
        return invalid("Invalid JSON payload received. Expected an object.");
    };
    if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return invalid(format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
        ));
    }
    if elements(body.get("contents")).next().is_none() {
        return invalid("* GenerateContentRequest.contents: contents is not specified\n");
    }
    if is_set(body.get("cachedContent"))
        && ["systemInstruction", "tools", "toolConfig"].iter().any(|f| is_set(body.get(*f)))
    {
        return invalid(
            "CachedContent can not be used with GenerateContent request setting \
             system_instruction, tools or tool_config.",
        );
    }
    settings(body)?;
    declarations(body)?;
    contents(body)?;
    signatures(body)
}

fn settings(body: &Value) -> Verdict {
    let config = body.get("generationConfig").unwrap_or(&Value::Null);
    if elements(config.get("stopSequences")).count() > 5 {
        return invalid("The number of stop sequences must be at most 5.");
    }
    let thinking = config.get("thinkingConfig").unwrap_or(&Value::Null);
    if is_set(thinking.get("thinkingBudget")) && is_set(thinking.get("thinkingLevel")) {
        return invalid("You can only set one of thinking budget and thinking level.");
    }
    if is_set(thinking.get("thinkingLevel")) && text(body, "model").starts_with("gemini-2") {
        return invalid("Thinking level is not supported for this model.");
    }
    subset(config.get("responseSchema"), "generation_config.response_schema")
}

fn declarations(body: &Value) -> Verdict {
    let functions =
        elements(body.get("tools")).flat_map(|tool| elements(tool.get("functionDeclarations")));
    for (at, function) in functions.enumerate() {
        let name = text(function, "name");
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        if !begins || name.len() > 128 || !name.chars().all(fits) {
            return invalid(format!(
                "* GenerateContentRequest.tools[0].function_declarations[{at}].name: Invalid \
                 function name. Must start with a letter or an underscore."
            ));
        }
        if is_set(function.get("parameters")) && is_set(function.get("parametersJsonSchema")) {
            return invalid("parameters and parameters_json_schema are mutually exclusive.");
        }
        let place = format!("tools[0].function_declarations[{at}].parameters");
        subset(function.get("parameters"), &place)?;
    }
    Ok(())
}

/// Refuses keywords outside the OpenAPI subset.
fn subset(schema: Option<&Value>, place: &str) -> Verdict {
    let Some(fields) = schema.and_then(Value::as_object) else { return Ok(()) };
    if let Some(name) = fields.keys().find(|name| NO_KEYWORDS.contains(&name.as_str())) {
        return invalid(format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find \
             field."
        ));
    }
    let properties = fields.get("properties").and_then(Value::as_object);
    for inner in properties.into_iter().flat_map(|map| map.values()) {
        subset(Some(inner), place)?;
    }
    subset(fields.get("items"), place)?;
    elements(fields.get("anyOf")).try_for_each(|inner| subset(Some(inner), place))
}

fn contents(body: &Value) -> Verdict {
    let mut before: Option<(&str, usize)> = None;
    for (at, content) in elements(body.get("contents")).enumerate() {
        let role = text(content, "role");
        if !matches!(role, "" | "user" | "model" | "function") {
            return invalid("Please use a valid role: user, model.");
        }
        let parts: Vec<&Value> = elements(content.get("parts")).collect();
        if parts.is_empty() {
            return invalid(format!(
                "* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
            ));
        }
        for (number, part) in parts.iter().enumerate() {
            check_part(part, at, number)?;
        }
        let count = |key: &str| parts.iter().filter(|part| is_set(part.get(key))).count();
        let (calls, results) = (count("functionCall"), count("functionResponse"));
        let asked = before.map_or(0, |(_, calls)| calls);
        if results != asked {
            return invalid(
                "Please ensure that the number of function response parts is equal to the number \
                 of function call parts of the function call turn.",
            );
        }
        if calls > 0 && before.is_none_or(|(role, _)| role == "model") {
            return invalid(
                "Please ensure that function call turn comes immediately after a user turn or \
                 after a function response turn.",
            );
        }
        before = Some((role, calls));
    }
    match before {
        Some((_, calls)) if calls > 0 => invalid(
            "Please ensure that the number of function response parts is equal to the number of \
             function call parts of the function call turn.",
        ),
        _ => Ok(()),
    }
}

fn check_part(part: &Value, at: usize, number: usize) -> Verdict {
    let kinds = [
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
        "toolResponse",
        "inline_data",
        "file_data",
        "function_call",
        "function_response",
    ];
    let found = kinds.iter().filter(|kind| is_set(part.get(**kind))).count();
    if found != 1 {
        return invalid(format!(
            "* GenerateContentRequest.contents[{at}].parts[{number}].data: required oneof field \
             'data' must have one initialized field"
        ));
    }
    let is_object = |outer: &str, inner: &str| {
        part.get(outer).is_none_or(|o| o.get(inner).is_none_or(Value::is_object))
    };
    if !is_object("functionCall", "args") || !is_object("functionResponse", "response") {
        return invalid(
            "Invalid value at 'contents[0].parts[0]' (type.googleapis.com/google.protobuf.Struct)",
        );
    }
    if is_set(part.get("functionResponse"))
        && text(part.get("functionResponse").unwrap_or(part), "name").is_empty()
    {
        return invalid(format!(
            "* GenerateContentRequest.contents[{at}].parts[{number}].function_response.name: Name \
             cannot be empty."
        ));
    }
    Ok(())
}

/// The first call of each step of the current turn must bring its signature.
fn signatures(body: &Value) -> Verdict {
    if !signs(text(body, "model")) {
        return Ok(());
    }
    let contents: Vec<&Value> = elements(body.get("contents")).collect();
    let asks = |content: &Value| {
        text(content, "role") != "model"
            && elements(content.get("parts")).any(|part| !is_set(part.get("functionResponse")))
    };
    let turn = contents.iter().rposition(|content| asks(content)).unwrap_or(0);
    for (at, content) in contents.iter().enumerate().skip(turn) {
        let first = elements(content.get("parts")).find(|part| is_set(part.get("functionCall")));
        let Some(part) = first else { continue };
        if text(part, "thoughtSignature").is_empty() {
            let name = text(part.get("functionCall").unwrap_or(part), "name");
            return invalid(format!(
                "Function call `{name}` in the {at}. content block is missing a \
                 `thought_signature`."
            ));
        }
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Verdict {
    Err(Refusal::new(400, "INVALID_ARGUMENT", message))
}

/// Refuses what Ollama refuses, at `/api/chat` and `/api/generate` alike.
///
/// # Errors
/// The first rule that is broken.
pub fn ollama(body: &Value) -> Verdict {
    if !body.is_object() {
        return refuse("json: cannot unmarshal value into Go value of type api.ChatRequest");
    }
    if text(body, "model").is_empty() {
        return refuse("model is required");
    }
    match body.get("think") {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(level) if ["high", "medium", "low", "max"].iter().any(|l| level == l) => {}
        Some(other) => {
            return refuse(format!(
                "invalid think value: {other} (must be \"high\", \"medium\", \"low\", \"max\", \
                 true, or false)"
            ));
        }
    }
    match body.get("format") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(Value::String(name)) if name.is_empty() || name == "json" => {}
        Some(other) => {
            return refuse(format!(
                "invalid format: {other}; expected \"json\" or a valid JSON Schema object"
            ));
        }
    }
    images(body)?;
    elements(body.get("messages")).try_for_each(|message| {
        let role = text(message, "role");
        if !matches!(role, "system" | "user" | "assistant" | "tool") {
            return refuse(format!(
                "invalid role: {role}, must be one of [system user assistant tool]"
            ));
        }
        if message.get("content").is_some_and(|content| !content.is_string()) {
            return refuse(
                "json: cannot unmarshal array into Go struct field ChatRequest.messages.content \
                 of type string",
            );
        }
        for call in elements(message.get("tool_calls")) {
            let arguments = call.get("function").and_then(|function| function.get("arguments"));
            if !arguments.is_some_and(Value::is_object) {
                return refuse(
                    "json: cannot unmarshal string into Go struct field \
                     .messages.tool_calls.function.arguments of type \
                     api.ToolCallFunctionArguments",
                );
            }
        }
        images(message)
    })
}

fn images(holder: &Value) -> Verdict {
    let is_base64 = |image: &Value| {
        image.as_str().is_some_and(|data| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
            !data.is_empty() && data.bytes().all(plain)
        })
    };
    match elements(holder.get("images")).all(is_base64) {
        true => Ok(()),
        false => refuse("illegal base64 data at input byte 4"),
    }
}

fn refuse(message: impl Into<String>) -> Verdict {
    Err(Refusal::new(400, "", message))
}
