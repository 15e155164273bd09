//! Requests, inwards.

use distiq_base::{
    CacheMark, CachePlan, Content, Dialect, Effort, MarkPlace, Message, OutputFormat, Request,
    Role, Scope, SystemBlock, ThinkingMode, ToolChoice, ToolDef,
};
use serde_json::{Map, Value};

use crate::wire::openai::content::{self, Marked};
use crate::wire::{MAX_REQUEST_BLOCKS, WireError, field};

/// Fields that the vocabulary holds; all others are kept in [`Request::extra`].
const KNOWN: [&str; 11] = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "stream",
    "tools",
    "parallel_tool_calls",
    "prompt_cache_key",
];

/// Reads the body of `POST /chat/completions`.
///
/// # Errors
/// [`WireError::Malformed`] tells the field and what was expected there.
pub fn decode_request(body: &[u8]) -> Result<Request, WireError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::malformed("body", error.to_string()))?;
    let object =
        json.as_object().ok_or_else(|| WireError::malformed("body", "expected a JSON object"))?;
    let mut extra: Map<String, Value> = object
        .iter()
        .filter(|(key, value)| !KNOWN.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut cache = CachePlan {
        key: field::typed(&json, "prompt_cache_key", "a text", Value::as_str)?.map(str::to_owned),
        marks: Vec::new(),
    };
    let (system, messages) = decode_messages(&json, &mut cache)?;
    let tools = decode_tools(&json)?;
    let tool_choice = decode_choice(&mut extra);
    let effort = decode_effort(&mut extra);
    let thinking = decode_thinking(&mut extra);
    let output = decode_output(&mut extra);
    let count = |key| field::typed(&json, key, "a count", Value::as_u64);
    let native = !extra.is_empty() || tools.iter().any(|tool| !tool.extra.is_empty());
    Ok(Request {
        headers: Vec::new(),
        model: field::typed(&json, "model", "a text", Value::as_str)?
            .ok_or_else(|| WireError::malformed("model", "is required"))?
            .to_owned(),
        system,
        tools,
        tool_choice,
        parallel_tool_calls: field::typed(
            &json,
            "parallel_tool_calls",
            "true or false",
            Value::as_bool,
        )?,
        messages,
        max_tokens: count("max_completion_tokens")?.or(count("max_tokens")?),
        stop: decode_stop(&json)?,
        temperature: field::typed(&json, "temperature", "a number", Value::as_f64)?,
        top_p: field::typed(&json, "top_p", "a number", Value::as_f64)?,
        effort,
        thinking,
        output,
        stream: field::typed(&json, "stream", "true or false", Value::as_bool)?.unwrap_or(false),
        cache,
        scope: Scope::default(),
        extra: native.then_some((Dialect::Openai, extra)),
    })
}

/// Tells whether the client asked for usage at the end of its stream (`stream_options`).
pub fn wants_usage(request: &Request) -> bool {
    let Some((Dialect::Openai, extra)) = &request.extra else { return false };
    extra.get("stream_options").and_then(|o| field::flag(o, "include_usage")) == Some(true)
}

/// Gathers messages; blocks are counted, so that a body cannot hold them without end.
#[derive(Default)]
struct Gathered {
    system: Vec<SystemBlock>,
    messages: Vec<Message>,
    marks: Vec<CacheMark>,
    /// The last message is made of tool messages, which the next one joins.
    in_results: bool,
    blocks: usize,
}

fn decode_messages(
    json: &Value,
    cache: &mut CachePlan,
) -> Result<(Vec<SystemBlock>, Vec<Message>), WireError> {
    let messages = field::typed(json, "messages", "an array", Value::as_array)?
        .ok_or_else(|| WireError::malformed("messages", "is required"))?;
    let mut gathered = Gathered::default();
    for (index, message) in messages.iter().enumerate() {
        gathered.take(message, &format!("messages[{index}]"))?;
    }
    cache.marks = gathered.marks;
    Ok((gathered.system, gathered.messages))
}

impl Gathered {
    fn take(&mut self, message: &Value, at: &str) -> Result<(), WireError> {
        let role = field::text(message, "role").unwrap_or_default();
        let content = message.get("content").unwrap_or(&Value::Null);
        let in_results = std::mem::take(&mut self.in_results);
        match role {
            "system" | "developer" if self.messages.is_empty() => {
                for (part, ttl) in content::decode_all(content, &format!("{at}.content"))? {
                    let Content::Text { text } = part else { continue };
                    if let Some(ttl) = ttl {
                        let place = MarkPlace::System(self.system.len());
                        self.marks.push(CacheMark { place, ttl });
                    }
                    self.system.push(SystemBlock { text });
                }
                Ok(())
            }
            "system" | "developer" => {
                let parts = content::decode_all(content, &format!("{at}.content"))?;
                self.push(Role::System, parts, at)
            }
            "user" => {
                let parts = content::decode_all(content, &format!("{at}.content"))?;
                self.push(Role::User, parts, at)
            }
            "assistant" => {
                let parts = content::decode_assistant(message, at, None)?;
                self.push(Role::Assistant, parts, at)
            }
            "tool" => {
                let result = decode_result(message, content, at)?;
                self.in_results = true;
                if in_results {
                    self.append(vec![result], at)
                } else {
                    self.push(Role::User, vec![result], at)
                }
            }
            _ => Err(WireError::malformed(
                format!("{at}.role"),
                "expected system, developer, user, assistant or tool",
            )),
        }
    }

    fn push(&mut self, role: Role, parts: Vec<Marked>, at: &str) -> Result<(), WireError> {
        self.messages.push(Message { role, content: Vec::with_capacity(parts.len()) });
        self.append(parts, at)
    }

    fn append(&mut self, parts: Vec<Marked>, at: &str) -> Result<(), WireError> {
        self.blocks = self.blocks.saturating_add(parts.len());
        if self.blocks > MAX_REQUEST_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of parts",
                limit: MAX_REQUEST_BLOCKS,
            });
        }
        let index = self.messages.len().saturating_sub(1);
        let Some(message) = self.messages.last_mut() else {
            return Err(WireError::malformed(at, "has no message to join"));
        };
        for (part, ttl) in parts {
            if let Some(ttl) = ttl {
                let place = MarkPlace::Block { message: index, block: message.content.len() };
                self.marks.push(CacheMark { place, ttl });
            }
            message.content.push(part);
        }
        Ok(())
    }
}

fn decode_result(message: &Value, content: &Value, at: &str) -> Result<Marked, WireError> {
    let id = field::text(message, "tool_call_id")
        .ok_or_else(|| WireError::malformed(format!("{at}.tool_call_id"), "is required"))?;
    let parts = content::decode_all(content, &format!("{at}.content"))?;
    let mark = parts.iter().rev().find_map(|(_, mark)| *mark);
    let result = Content::ToolResult {
        call_id: id.to_owned(),
        content: parts.into_iter().map(|(part, _)| part).collect(),
        is_error: false,
    };
    Ok((result, mark))
}

fn decode_tools(json: &Value) -> Result<Vec<ToolDef>, WireError> {
    let tools = field::typed(json, "tools", "an array", Value::as_array)?;
    let mut out = Vec::new();
    for (index, tool) in tools.into_iter().flatten().enumerate() {
        let kind = field::text(tool, "type").unwrap_or("function");
        let inner = field::present(tool, kind).unwrap_or(tool);
        let name = field::text(inner, "name");
        if kind != "function" {
            // A tool of the vendor's own making is kept whole.
            out.push(ToolDef {
                name: name.unwrap_or(kind).to_owned(),
                description: field::text(inner, "description").unwrap_or_default().to_owned(),
                schema: Value::Null,
                extra: tool.as_object().cloned().unwrap_or_default(),
            });
            continue;
        }
        let name = name.ok_or_else(|| {
            WireError::malformed(format!("tools[{index}].function.name"), "is required")
        })?;
        let ours = ["name", "description", "parameters"];
        let fields = inner.as_object().into_iter().flatten();
        out.push(ToolDef {
            name: name.to_owned(),
            description: field::text(inner, "description").unwrap_or_default().to_owned(),
            schema: inner.get("parameters").cloned().unwrap_or(Value::Null),
            extra: fields
                .filter(|(key, value)| !ours.contains(&key.as_str()) && !value.is_null())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        });
    }
    Ok(out)
}

fn decode_stop(json: &Value) -> Result<Vec<String>, WireError> {
    let texts = match field::present(json, "stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![text.clone()]),
        Some(Value::Array(texts)) => texts.iter().map(|t| t.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    texts.ok_or_else(|| WireError::malformed("stop", "expected a text or texts"))
}

/// Takes `tool_choice` out of `extra`, as far as the vocabulary holds it.
fn decode_choice(extra: &mut Map<String, Value>) -> Option<ToolChoice> {
    let choice = match extra.get("tool_choice")? {
        Value::String(name) => match name.as_str() {
            "auto" => ToolChoice::Auto,
            // The second name is Mistral's.
            "required" | "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            _ => return None,
        },
        choice => {
            let function = choice.get("function")?;
            ToolChoice::Tool(field::text(function, "name")?.to_owned())
        }
    };
    extra.shift_remove("tool_choice");
    Some(choice)
}

fn decode_effort(extra: &mut Map<String, Value>) -> Option<Effort> {
    let effort = match extra.get("reasoning_effort")?.as_str()? {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::Xhigh,
        "max" => Effort::Max,
        _ => return None,
    };
    extra.shift_remove("reasoning_effort");
    Some(effort)
}

fn decode_thinking(extra: &mut Map<String, Value>) -> Option<ThinkingMode> {
    let mode = match field::text(extra.get("thinking")?, "type")? {
        "enabled" => ThinkingMode::Adaptive,
        "disabled" => ThinkingMode::Disabled,
        _ => return None,
    };
    extra.shift_remove("thinking");
    Some(mode)
}

fn decode_output(extra: &mut Map<String, Value>) -> Option<OutputFormat> {
    let format = extra.get("response_format")?;
    let output = match field::text(format, "type")? {
        "text" => None,
        "json_object" => Some(OutputFormat::JsonObject),
        "json_schema" => {
            let inner = format.get("json_schema")?;
            Some(OutputFormat::JsonSchema {
                name: field::text(inner, "name").unwrap_or("output").to_owned(),
                schema: inner.get("schema").cloned().unwrap_or(Value::Null),
                strict: field::flag(inner, "strict"),
            })
        }
        _ => return None,
    };
    extra.shift_remove("response_format");
    output
}
