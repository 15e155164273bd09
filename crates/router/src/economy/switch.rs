//! What changes in a request that goes to another model than the one before. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use distiq_base::{Content, ImageSource, Message, Request, Role, ThinkingMode};

use crate::route::Candidate;
use crate::router::Purpose;

/// Most bytes of a prompt's beginning that tell conversations apart.
const MAX_PREFIX: usize = 64 << 10;

/// Holds a conversation to the model that signed its thinking, where that is one of the ways and no
/// model was named; else leaves that thinking out. Returns what was changed.
pub fn pin(
    request: &mut Request,
    purpose: &mut Purpose,
    signed_by: Option<Candidate>,
) -> Vec<String> {
    let Some(signed_by) = signed_by else { return Vec::new() };
    let is =
        |provider: &str, model: &str| signed_by.provider == provider && signed_by.model == model;
    if is(&purpose.provider, &request.model) {
        return Vec::new();
    }
    let place = purpose.fallbacks.iter().position(|way| is(&way.provider, &way.model));
    let Some(place) = place.filter(|_| purpose.route == "auto") else {
        let model = request.model.clone();
        return adapt(request, &model);
    };
    let chosen = purpose.fallbacks.remove(place);
    let before = Candidate {
        provider: std::mem::replace(&mut purpose.provider, chosen.provider),
        model: std::mem::replace(&mut request.model, chosen.model),
        tier: std::mem::replace(&mut purpose.tier, chosen.tier),
    };
    purpose.fallbacks.insert(0, before);
    vec![format!("stayed with {signed_by}, which signed the thinking of this conversation")]
}

/// Tells whether reasoning is signed or encrypted, and so bound to the model that it is of.
pub fn is_bound(content: &Content) -> bool {
    match content {
        Content::Thinking { signature, .. } => signature.is_some(),
        Content::RedactedThinking { .. } => true,
        Content::Other { json, .. } => {
            ["encrypted_content", "signature", "reasoning_details", "thoughtSignature"]
                .iter()
                .any(|key| json.get(key).is_some_and(|value| !value.is_null()))
        }
        _ => false,
    }
}

/// Makes a request fit another model: reasoning that the one before signed or encrypted is bound to
/// it and would be refused, so it is left out. Returns what was changed.
pub fn adapt(request: &mut Request, model: &str) -> Vec<String> {
    model.clone_into(&mut request.model);
    let mut blocks = 0;
    for message in &mut request.messages {
        let before = message.content.len();
        message.content.retain(|content| !is_bound(content));
        blocks += before - message.content.len();
    }
    if blocks == 0 {
        return Vec::new();
    }
    request.messages.retain(|message| !message.content.is_empty());
    // The marks count blocks that are gone; the vendor's cache is another one anyway.
    request.cache.marks.clear();
    let mut notes =
        vec![format!("left out {blocks} blocks of reasoning that another model signed")];
    if is_within_tools(&request.messages)
        && matches!(request.thinking, Some(ThinkingMode::Budget(_)))
    {
        // Older models refuse to think on behind calls that were made without their thinking.
        request.thinking = None;
        notes.push("thinking is off until the tools' results are answered".to_owned());
    }
    notes
}

/// Tells whether the conversation stands at results of tools.
fn is_within_tools(messages: &[Message]) -> bool {
    let last = messages.iter().rev().find(|message| message.role == Role::User);
    last.is_some_and(|message| {
        message.content.iter().any(|content| matches!(content, Content::ToolResult { .. }))
    })
}

/// Returns what tells a conversation's prompt from others: its system prompt, its tools and its
/// first message, which stay while it grows.
pub fn prefix_hash(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut left = MAX_PREFIX;
    let mut take = |text: &str| {
        let mut end = text.len().min(left);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.get(..end).unwrap_or_default().hash(&mut hasher);
        left -= end;
    };
    request.system.iter().for_each(|block| take(&block.text));
    for tool in &request.tools {
        take(&tool.name);
        take(&tool.description);
    }
    for content in request.messages.first().into_iter().flat_map(|message| &message.content) {
        match content {
            Content::Text { text } => take(text),
            Content::Image { source: ImageSource::Base64 { data, .. } } => take(data),
            Content::Image { source: ImageSource::Url { url } } => take(url),
            _ => {}
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use distiq_base::{Dialect, RequestKind};
    use serde_json::json;

    use super::*;

    fn signed(text: &str) -> Content {
        Content::Thinking { text: text.into(), signature: Some("s".into()) }
    }

    fn call() -> Content {
        Content::ToolCall { id: "c".into(), name: "read".into(), arguments: "{}".into() }
    }

    fn conversation() -> Request {
        let assistant = |content| Message { role: Role::Assistant, content };
        let result = Content::ToolResult { call_id: "c".into(), content: vec![], is_error: false };
        Request {
            model: "a".into(),
            thinking: Some(ThinkingMode::Budget(2_000)),
            messages: vec![
                Message::user("hi"),
                assistant(vec![Content::RedactedThinking { data: "d".into() }]),
                Message::user("go on"),
                assistant(vec![
                    signed("hm"),
                    Content::Thinking { text: "plain".into(), signature: None },
                    Content::Other {
                        dialect: Dialect::Openai,
                        json: json!({"type": "reasoning", "encrypted_content": "x"}),
                    },
                    Content::Other { dialect: Dialect::Openai, json: json!({"type": "audio"}) },
                    call(),
                ]),
                Message { role: Role::User, content: vec![result] },
            ],
            ..Request::default()
        }
    }

    #[test]
    fn another_model_gets_no_reasoning_that_it_would_refuse() {
        let mut request = conversation();
        let notes = adapt(&mut request, "b");
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert_eq!((request.model.as_str(), request.messages.len()), ("b", 4));
        assert_eq!(request.thinking, None);
        let left = &request.messages[2].content;
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(matches!(&left[0], Content::Thinking { text, .. } if text == "plain"));
        let again = request.clone();
        assert_eq!(adapt(&mut request, "b"), Vec::<String>::new());
        assert_eq!(request, again);
    }

    #[test]
    fn a_conversation_stays_with_the_model_that_signed_it_where_none_is_named() {
        let purpose = |route| Purpose {
            route,
            fallbacks: vec![Candidate::new("p", "b"), Candidate::new("p", "c")],
            ..Purpose::new(RequestKind::Gateway, "p")
        };
        let pinned = Some(Candidate::new("p", "c"));
        let (mut request, mut auto) = (conversation(), purpose("auto"));
        pin(&mut request, &mut auto, pinned.clone());
        let ways: Vec<_> = auto.fallbacks.iter().map(|way| way.model.as_str()).collect();
        assert_eq!((request.model.as_str(), ways), ("c", vec!["a", "b"]));
        assert_eq!(request.messages, conversation().messages);
        let (mut request, mut named) = (conversation(), purpose("fixed"));
        pin(&mut request, &mut named, pinned);
        assert_eq!((request.model.as_str(), request.messages.len()), ("a", 4));
        let (mut request, mut own) = (conversation(), purpose("fixed"));
        pin(&mut request, &mut own, Some(Candidate::new("p", "a")));
        pin(&mut request, &mut own, None);
        assert_eq!(request, conversation());
    }

    #[test]
    fn a_conversation_keeps_its_hash_as_it_grows() {
        let mut request = conversation();
        let hash = prefix_hash(&request);
        request.messages.push(Message::user("more"));
        assert_eq!(prefix_hash(&request), hash);
        request.messages[0] = Message::user("hi!");
        assert_ne!(prefix_hash(&request), hash);
        request.messages[0] = Message::user("é".repeat(MAX_PREFIX));
        prefix_hash(&request);
    }
}
