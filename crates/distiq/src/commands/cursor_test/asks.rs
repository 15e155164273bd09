//! What Cursor asks a model for, once each.

use distiq_base::{
    Assembler, Content, Message, Request, Response, Role, StopReason, ToolChoice, ToolDef,
};
use distiq_llm::Provider;
use distiq_llm::provider::{RawReply, RawRequest};
use futures::StreamExt;
use serde_json::json;

use super::told;

/// Most bytes of an answer that are read.
const MOST_BYTES: usize = 4 << 20;
const MOST_TOKENS: u64 = 2000;
const TOOL: &str = "read_file";

/// A streamed answer.
pub(super) async fn chat(gateway: &Provider, model: &str) -> Result<String, String> {
    let (answer, pieces) = ask(gateway, request(model)).await?;
    let text: usize = answer
        .content
        .iter()
        .map(|part| match part {
            Content::Text { text } => text.chars().count(),
            _ => 0,
        })
        .sum();
    if text == 0 {
        return Err("the answer has no text".to_owned());
    }
    let usage = answer.usage.map_or_else(
        || "without a count of tokens".to_owned(),
        |usage| format!("{} tokens in, {} out", usage.prompt(), usage.output),
    );
    Ok(format!("{text} characters in {pieces} pieces, {usage}"))
}

/// A streamed call of a tool.
pub(super) async fn tools(gateway: &Provider, model: &str) -> Result<String, String> {
    let path = json!({ "type": "object", "properties": { "path": { "type": "string" } }, "required": ["path"] });
    let mut asked = request(model);
    asked.tools = vec![ToolDef {
        name: TOOL.into(),
        description: "Reads a file".into(),
        schema: path,
        extra: serde_json::Map::new(),
    }];
    asked.tool_choice = Some(ToolChoice::Tool(TOOL.into()));
    asked.messages = vec![user("Read the file main.rs with the tool.")];
    let (answer, _) = ask(gateway, asked).await?;
    let call = answer.content.iter().find_map(|part| match part {
        Content::ToolCall { name, arguments, .. } => Some((name, arguments)),
        _ => None,
    });
    match call {
        None => Err(format!("the model called no tool (it ended with {:?})", answer.stop)),
        Some((_, arguments)) if serde_json::from_str::<serde_json::Value>(arguments).is_err() => {
            Err("the arguments of the call are no JSON".to_owned())
        }
        Some((name, _)) => Ok(format!("the model calls `{name}`")),
    }
}

/// What Cursor's agent sends: a body of the Responses API, answered as Chat Completions.
pub(super) async fn agent(gateway: &Provider, model: &str) -> Result<String, String> {
    let body = json!({
        "model": model,
        "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "Answer with one word." }] }],
        "stream": true,
        "max_output_tokens": MOST_TOKENS,
        "include": ["reasoning.encrypted_content"],
        "stream_options": { "include_usage": true },
        "tools": [{ "type": "function", "name": TOOL, "parameters": { "type": "object", "properties": {} } }],
    });
    let request = RawRequest {
        path: "chat/completions".into(),
        body: body.to_string().into_bytes().into(),
        ..RawRequest::default()
    };
    let mut answer = match gateway.forward(&request).await.map_err(|error| told(&error))? {
        RawReply::Answer(answer) => answer,
        RawReply::Refusal(refusal) => return Err(told(&refusal.error)),
    };
    let mut text = Vec::new();
    while let Some(bytes) = answer.body.next().await {
        text.extend_from_slice(&bytes.map_err(|error| told(&error))?);
        if text.len() > MOST_BYTES {
            return Err("the answer has no end".to_owned());
        }
    }
    let text = String::from_utf8_lossy(&text);
    match text.contains("\"chat.completion.chunk\"") && text.trim_end().ends_with("data: [DONE]") {
        true => Ok("bodies of the Responses API are answered as Chat Completions".to_owned()),
        false => Err("a body of the Responses API is not answered as Chat Completions".to_owned()),
    }
}

fn request(model: &str) -> Request {
    Request {
        model: model.to_owned(),
        messages: vec![user("Answer with one word.")],
        max_tokens: Some(MOST_TOKENS),
        stream: true,
        ..Request::default()
    }
}

fn user(text: &str) -> Message {
    Message { role: Role::User, content: vec![Content::text(text)] }
}

/// Sends a request, and returns the answer with the number of its events.
async fn ask(gateway: &Provider, request: Request) -> Result<(Response, usize), String> {
    let mut stream = gateway.stream(&request).await.map_err(|error| told(&error))?;
    let (mut assembler, mut pieces) = (Assembler::default(), 0);
    while let Some(event) = stream.next().await {
        assembler.push(&event.map_err(|error| told(&error))?);
        pieces += 1;
    }
    if !assembler.is_complete() {
        return Err("the answer was cut off before its end".to_owned());
    }
    let answer = assembler.into_response();
    match answer.stop {
        StopReason::Refusal => Err("the model refused to answer".to_owned()),
        _ => Ok((answer, pieces)),
    }
}
