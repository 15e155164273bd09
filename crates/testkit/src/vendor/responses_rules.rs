//! What OpenAI's server refuses of `POST /responses`, with its own words where they are known.

use std::collections::HashSet;

use serde_json::Value;

use super::Refusal;
use super::models::{gpt_version, has_cache_breakpoints};
use crate::canonical::{elements, is_set, text};

type Verdict = Result<(), Refusal>;

/// Fields of the vendor's other dialect, and what stands for them here.
const MOVED: [(&str, &str); 7] = [
    ("messages", "input"),
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("verbosity", "text.verbosity"),
    ("functions", "tools"),
];

/// Tools of the vendor's own making, and groups of tools.
const HOSTED: [&str; 14] = [
    "web_search",
    "web_search_preview",
    "file_search",
    "mcp",
    "code_interpreter",
    "image_generation",
    "shell",
    "local_shell",
    "apply_patch",
    "computer",
    "computer_use_preview",
    "tool_search",
    "programmatic_tool_calling",
    "namespace",
];

/// Refuses what the vendor refuses; a conversation that it stores stands in `input` already.
///
/// # Errors
/// The first rule that is broken.
pub fn check(body: &Value) -> Verdict {
    if !body.is_object() {
        return refuse("We could not parse the JSON body of your request.");
    }
    if text(body, "model").is_empty() {
        return coded("missing_required_parameter", "Missing required parameter: 'model'.");
    }
    settings(body)?;
    tools(body)?;
    cache(body)?;
    match body.get("input") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(items)) => conversation(body, items),
        _ if is_set(body.get("prompt")) || is_set(body.get("conversation")) => Ok(()),
        _ => coded("missing_required_parameter", "Missing required parameter: 'input'."),
    }
}

fn settings(body: &Value) -> Verdict {
    for (old, new) in MOVED {
        if is_set(body.get(old)) {
            let message = format!(
                "Unsupported parameter: '{old}'. In the Responses API, this parameter has moved to \
                 '{new}'."
            );
            return coded("unsupported_parameter", message);
        }
    }
    for unknown in ["stop", "n", "seed", "logprobs", "frequency_penalty", "presence_penalty"] {
        if is_set(body.get(unknown)) {
            return coded("unknown_parameter", format!("Unknown parameter: '{unknown}'."));
        }
    }
    if let Some(tokens) = body.get("max_output_tokens").and_then(Value::as_u64)
        && tokens < 16
    {
        let message = format!(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but \
             got {tokens} instead."
        );
        return coded("integer_below_min_value", message);
    }
    let reasons = gpt_version(text(body, "model")).is_some_and(|version| version >= (5, 0));
    let effort = text(body.get("reasoning").unwrap_or(&Value::Null), "effort");
    if let Some(field) = ["temperature", "top_p"].iter().find(|field| is_set(body.get(**field)))
        && reasons
        && effort != "none"
    {
        let message = format!("Unsupported parameter: '{field}' is not supported with this model.");
        return coded("unsupported_parameter", message);
    }
    Ok(())
}

fn tools(body: &Value) -> Verdict {
    let mut names = Vec::new();
    for (at, tool) in elements(body.get("tools")).enumerate() {
        let kind = text(tool, "type");
        if HOSTED.contains(&kind) {
            names.push(kind);
            continue;
        }
        if !matches!(kind, "function" | "custom") {
            return coded(
                "invalid_value",
                format!("Invalid value: '{kind}' for 'tools[{at}].type'."),
            );
        }
        let name = text(tool, "name");
        if name.is_empty() {
            let message = format!("Missing required parameter: 'tools[{at}].name'.");
            return coded("missing_required_parameter", message);
        }
        let fits = name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !fits {
            return refuse(format!(
                "Invalid 'tools[{at}].name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
            ));
        }
        names.push(name);
    }
    let Some(choice) = body.get("tool_choice").filter(|c| is_set(Some(c))) else { return Ok(()) };
    match choice {
        Value::String(choice) if ["none", "auto", "required"].contains(&choice.as_str()) => Ok(()),
        Value::Object(_) if matches!(text(choice, "type"), "allowed_tools" | "mcp") => Ok(()),
        Value::Object(_) => {
            let kind = text(choice, "type");
            let wanted = if text(choice, "name").is_empty() { kind } else { text(choice, "name") };
            if names.contains(&wanted) {
                return Ok(());
            }
            refuse(format!("Tool choice '{wanted}' not found in 'tools' parameter."))
        }
        other => refuse(format!("Invalid value: {other} for 'tool_choice'.")),
    }
}

fn cache(body: &Value) -> Verdict {
    let lists = ["content", "output"];
    let items = || elements(body.get("input"));
    let parts = items().flat_map(|item| lists.iter().flat_map(|list| elements(item.get(*list))));
    let marks = parts.filter(|part| is_set(part.get("prompt_cache_breakpoint"))).count();
    let model = text(body, "model");
    let wanted = marks > 0 || is_set(body.get("prompt_cache_options"));
    if wanted && gpt_version(model).is_some() && !has_cache_breakpoints(model) {
        let message = "'prompt_cache_options' and 'prompt_cache_breakpoint' are not supported with this model.";
        return coded("unsupported_parameter", message);
    }
    if marks > 4 {
        return refuse("A maximum of 4 prompt cache breakpoints may be provided.");
    }
    Ok(())
}

fn conversation(body: &Value, items: &[Value]) -> Verdict {
    let stored = body.get("store").and_then(Value::as_bool).unwrap_or(true);
    let mut called: HashSet<&str> = HashSet::new();
    let mut answered: HashSet<&str> = HashSet::new();
    for (at, item) in items.iter().enumerate() {
        let kind = match text(item, "type") {
            "" if item.get("role").is_some() => "message",
            "" => "item_reference",
            kind => kind,
        };
        match kind {
            "message" => message(at, item)?,
            "function_call" | "custom_tool_call" => {
                call(at, kind, item)?;
                called.insert(text(item, "call_id"));
            }
            "function_call_output" | "custom_tool_call_output" => {
                let id = text(item, "call_id");
                if !called.contains(id) {
                    return refuse(format!(
                        "No tool call found for function call output with call_id {id}."
                    ));
                }
                if !matches!(item.get("output"), Some(Value::String(_) | Value::Array(_))) {
                    let message = format!("Missing required parameter: 'input[{at}].output'.");
                    return coded("missing_required_parameter", message);
                }
                answered.insert(id);
            }
            "reasoning" => reasoning(at, item, items.get(at + 1), stored)?,
            "item_reference" if !stored => return Err(not_found(text(item, "id"))),
            _ => {}
        }
    }
    let calls = items.iter().map(|item| (text(item, "type"), text(item, "call_id")));
    let open = calls
        .filter(|(kind, _)| matches!(*kind, "function_call" | "custom_tool_call"))
        .find(|(_, id)| !answered.contains(id));
    match open {
        Some((_, id)) => refuse(format!("No tool output found for function call {id}.")),
        None => Ok(()),
    }
}

fn message(at: usize, item: &Value) -> Verdict {
    let role = text(item, "role");
    let kinds: &[&str] = match role {
        "assistant" => &["output_text", "refusal"],
        "user" | "system" | "developer" => &["input_text", "input_image", "input_file"],
        _ => {
            let message = format!("Invalid value: '{role}' for 'input[{at}].role'.");
            return coded("invalid_value", message);
        }
    };
    match item.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().try_for_each(|part| {
            let kind = text(part, "type");
            if kinds.contains(&kind) {
                return Ok(());
            }
            let message =
                format!("Invalid value: '{kind}'. Supported values are: '{}'.", kinds.join("', '"));
            coded("invalid_value", message)
        }),
        _ => {
            let message = format!("Missing required parameter: 'input[{at}].content'.");
            coded("missing_required_parameter", message)
        }
    }
}

fn call(at: usize, kind: &str, item: &Value) -> Verdict {
    let content = if kind == "function_call" { "arguments" } else { "input" };
    for field in ["call_id", "name", content] {
        let there = item.get(field).is_some_and(Value::is_string);
        if !there || (field != content && text(item, field).is_empty()) {
            let message = format!("Missing required parameter: 'input[{at}].{field}'.");
            return coded("missing_required_parameter", message);
        }
    }
    if text(item, "call_id").len() > 64 {
        let message = format!(
            "Invalid 'input[{at}].call_id': string too long. Expected a string with maximum length \
             64, but got a string with length {} instead.",
            text(item, "call_id").len()
        );
        return coded("string_above_max_length", message);
    }
    Ok(())
}

fn reasoning(at: usize, item: &Value, next: Option<&Value>, stored: bool) -> Verdict {
    let id = text(item, "id");
    if !item.get("summary").is_some_and(Value::is_array) {
        let message = format!("Missing required parameter: 'input[{at}].summary'.");
        return coded("missing_required_parameter", message);
    }
    if text(item, "encrypted_content").is_empty() && !stored {
        return Err(not_found(id));
    }
    let followed = next.is_some_and(|next| {
        !text(next, "type").ends_with("_output")
            && !matches!(text(next, "role"), "user" | "developer")
    });
    if followed {
        return Ok(());
    }
    refuse(format!(
        "Item '{id}' of type 'reasoning' was provided without its required following item."
    ))
}

fn not_found(id: &str) -> Refusal {
    Refusal::new(
        404,
        "invalid_request_error",
        format!(
            "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try \
             again with `store` set to true, or remove this item from your input."
        ),
    )
}

fn coded(code: &str, message: impl Into<String>) -> Verdict {
    Err(Refusal { code: Some(code.to_owned()), ..Refusal::invalid(message) })
}

fn refuse(message: impl Into<String>) -> Verdict {
    Err(Refusal::invalid(message))
}
