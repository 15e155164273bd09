//! What OpenAI's server refuses, with its own words where they are known.
//!
//! Rules that only OpenAI's own models have (no `max_tokens`, no sampling while they reason, cache
//! breakpoints) go by the model's name, so that a script can also play a compatible server.

use serde_json::Value;

use super::Refusal;
use super::models::{gpt_version, has_cache_breakpoints};
use crate::canonical::{elements, is_set, text};

type Verdict = Result<(), Refusal>;

/// Refuses what the vendor refuses.
///
/// # Errors
/// The first rule that is broken.
pub fn check(body: &Value) -> Verdict {
    if !body.is_object() {
        return refuse("We could not parse the JSON body of your request.");
    }
    if text(body, "model").is_empty() {
        return refuse("you must provide a model parameter");
    }
    settings(body)?;
    model_rules(body)?;
    tools(body)?;
    cache(body)?;
    messages(body)
}

fn settings(body: &Value) -> Verdict {
    let streams = body.get("stream").and_then(Value::as_bool).unwrap_or_default();
    if is_set(body.get("stream_options")) && !streams {
        return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    if is_set(body.get("max_tokens")) && is_set(body.get("max_completion_tokens")) {
        return refuse(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        );
    }
    if elements(body.get("stop")).count() > 4 {
        return refuse("Invalid 'stop': array too long. Expected an array with maximum length 4.");
    }
    Ok(())
}

fn model_rules(body: &Value) -> Verdict {
    let model = text(body, "model");
    if gpt_version(model).is_none_or(|version| version < (5, 0)) {
        return Ok(());
    }
    if is_set(body.get("max_tokens")) {
        return Err(coded(
            "unsupported_parameter",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
             'max_completion_tokens' instead.",
        ));
    }
    let sampling = ["temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs"];
    if let Some(field) = sampling.iter().find(|field| is_set(body.get(**field)))
        && text(body, "reasoning_effort") != "none"
    {
        let message = format!("Unsupported parameter: '{field}' is not supported with this model.");
        return Err(coded("unsupported_parameter", message));
    }
    Ok(())
}

fn tools(body: &Value) -> Verdict {
    let tools: Vec<&Value> = elements(body.get("tools")).collect();
    if tools.is_empty() && is_set(body.get("tools")) {
        return refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.");
    }
    let mut names = Vec::new();
    for (at, tool) in tools.iter().enumerate() {
        let kind = text(tool, "type");
        if !matches!(kind, "function" | "custom") {
            return refuse(format!(
                "Invalid value: '{kind}'. Supported values are: 'function' and 'custom'."
            ));
        }
        let name = text(tool.get(kind).unwrap_or(&Value::Null), "name");
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !fits {
            return refuse(format!(
                "Invalid 'tools[{at}].function.name': string does not match pattern '^[a-zA-Z0-9_-]{{1,64}}$'."
            ));
        }
        names.push(name);
    }
    let Some(choice) = body.get("tool_choice").filter(|c| is_set(Some(c))) else { return Ok(()) };
    if names.is_empty() {
        return refuse("'tool_choice' is only allowed when 'tools' are specified.");
    }
    match choice {
        Value::String(choice) if ["none", "auto", "required"].contains(&choice.as_str()) => Ok(()),
        Value::Object(_) if text(choice, "type") == "allowed_tools" => Ok(()),
        Value::Object(_) => {
            let wanted = text(choice.get(text(choice, "type")).unwrap_or(&Value::Null), "name");
            if names.contains(&wanted) {
                return Ok(());
            }
            refuse(format!("Tool choice '{wanted}' not found in 'tools' parameter."))
        }
        other => refuse(format!("Invalid value: {other} for 'tool_choice'.")),
    }
}

fn cache(body: &Value) -> Verdict {
    let parts = elements(body.get("messages")).flat_map(|m| elements(m.get("content")));
    let marks = parts.filter(|part| is_set(part.get("prompt_cache_breakpoint"))).count();
    let options = is_set(body.get("prompt_cache_options"));
    let model = text(body, "model");
    if (marks > 0 || options) && gpt_version(model).is_some() && !has_cache_breakpoints(model) {
        let message = "'prompt_cache_options' and 'prompt_cache_breakpoint' are not supported with this model.";
        return Err(coded("unsupported_parameter", message));
    }
    if marks > 4 {
        return refuse("A maximum of 4 prompt cache breakpoints may be provided.");
    }
    Ok(())
}

fn messages(body: &Value) -> Verdict {
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        return refuse("Missing required parameter: 'messages'.");
    };
    if messages.is_empty() {
        return refuse("Invalid 'messages': empty array. Expected an array with minimum length 1.");
    }
    let mut open: Vec<&str> = Vec::new();
    let mut called = false;
    for (at, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        if role == "tool" {
            let id = text(message, "tool_call_id");
            if !called {
                return refuse(
                    "Invalid parameter: messages with role 'tool' must be a response to a \
                     preceeding message with 'tool_calls'.",
                );
            }
            let Some(place) = open.iter().position(|open| *open == id) else {
                return refuse(format!(
                    "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message."
                ));
            };
            open.remove(place);
        } else if !open.is_empty() {
            return refuse(unanswered(&open));
        } else {
            called = false;
        }
        if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
            return refuse(format!("Invalid value: '{role}' for 'messages[{at}].role'."));
        }
        content(at, role, message)?;
        for call in elements(message.get("tool_calls")) {
            one_call(at, call)?;
            open.push(text(call, "id"));
            called = true;
        }
    }
    if open.is_empty() { Ok(()) } else { refuse(unanswered(&open)) }
}

fn content(at: usize, role: &str, message: &Value) -> Verdict {
    let calls = elements(message.get("tool_calls")).count();
    if calls == 0 && is_set(message.get("tool_calls")) {
        return refuse(format!("Invalid 'messages[{at}].tool_calls': empty array."));
    }
    match message.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) if parts.is_empty() => {
            refuse(format!("Invalid 'messages[{at}].content': empty array."))
        }
        Some(Value::Array(parts)) => parts.iter().try_for_each(|part| one_part(at, role, part)),
        None | Some(Value::Null)
            if role == "assistant" && (calls > 0 || is_set(message.get("refusal"))) =>
        {
            Ok(())
        }
        _ => refuse(format!(
            "Invalid type for 'messages[{at}].content': expected a string or an array."
        )),
    }
}

fn one_part(at: usize, role: &str, part: &Value) -> Verdict {
    let kind = text(part, "type");
    match (kind, role) {
        ("text", _) if part.get("text").is_some_and(Value::is_string) => Ok(()),
        ("refusal", "assistant") => Ok(()),
        ("image_url", "user") => {
            let url = text(part.get("image_url").unwrap_or(&Value::Null), "url");
            if url.starts_with("http") || url.starts_with("data:image/") {
                return Ok(());
            }
            refuse(format!(
                "Invalid 'messages[{at}].content': 'image_url.url' must be a URL or a data URL."
            ))
        }
        ("input_audio" | "file", "user") => Ok(()),
        _ => refuse(format!(
            "Invalid value: '{kind}' for 'messages[{at}].content[].type' of a '{role}' message."
        )),
    }
}

fn one_call(at: usize, call: &Value) -> Verdict {
    let function = call.get("function").unwrap_or(&Value::Null);
    let whole = !text(call, "id").is_empty()
        && text(call, "type") == "function"
        && !text(function, "name").is_empty()
        && function.get("arguments").is_some_and(Value::is_string);
    if whole || text(call, "type") == "custom" {
        return Ok(());
    }
    refuse(format!(
        "Invalid 'messages[{at}].tool_calls': needs 'id', 'type', 'function.name' and 'function.arguments' as strings."
    ))
}

fn unanswered(open: &[&str]) -> String {
    format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to \
         each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    )
}

fn coded(code: &str, message: impl Into<String>) -> Refusal {
    Refusal { code: Some(code.to_owned()), ..Refusal::invalid(message) }
}

fn refuse(message: impl Into<String>) -> Verdict {
    Err(Refusal::invalid(message))
}
