//! What holds for every request of a session, whatever the script: calls are paired with results,
//! nothing before the newest messages changes, nothing is unbounded, no secret leaves.

use std::fmt;
use std::fmt::Write as _;

use distiq_base::Dialect;
use serde_json::Value;

use crate::canonical::{Canonical, blocks, count_marks, elements, text};
use crate::server::Captured;

/// The largest body that is in order.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The largest text of one tool result that is in order; pictures are not counted.
pub const MAX_TOOL_RESULT_BYTES: usize = 64 * 1024;

/// Which requests belong to one session, so that each must begin with the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sessions {
    /// All of them are one.
    #[default]
    One,
    /// Those with the same `prompt_cache_key`; without one, with the same first message.
    ByCacheKey,
    /// Those with the same first message.
    ByFirstMessage,
    /// All are one that may fork: each begins with any earlier one.
    Forked,
    /// They have nothing to do with each other.
    Unrelated,
}

/// What is held against the requests.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Which requests belong together.
    pub sessions: Sessions,
    /// Texts that must not occur; keys of the auth headers are looked for always.
    pub secrets: Vec<String>,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The request's number, from 0.
    pub request: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}: {}", self.request, self.what)
    }
}

/// Returns every broken rule, in the order of the requests.
pub fn check(captured: &[Captured], rules: &Rules) -> Vec<Violation> {
    let mut found = Vec::new();
    let prompts: Vec<Canonical> = captured.iter().map(|c| Canonical::of(&c.json)).collect();
    for (at, (request, prompt)) in captured.iter().zip(&prompts).enumerate() {
        let mut report = |what: String| found.push(Violation { request: request.number, what });
        alone(request, rules).into_iter().for_each(&mut report);
        let earlier: Vec<(&Captured, &Canonical)> =
            captured.iter().zip(&prompts).take(at).collect();
        let of_session: Vec<(&Captured, &Canonical)> = earlier
            .into_iter()
            .filter(|(before, before_prompt)| {
                before.dialect == request.dialect
                    && belongs(rules.sessions, (*before, *before_prompt), (request, prompt))
            })
            .collect();
        if let Some(what) = follows(rules.sessions, &of_session, prompt) {
            report(what);
        }
        if let Some((before, _)) = of_session.last()
            && text(&before.json, "prompt_cache_key") != text(&request.json, "prompt_cache_key")
        {
            report(format!(
                "its prompt_cache_key is not that of request {}: {:?}, not {:?}",
                before.number,
                text(&request.json, "prompt_cache_key"),
                text(&before.json, "prompt_cache_key"),
            ));
        }
    }
    found
}

/// Checks what a request shows by itself.
fn alone(request: &Captured, rules: &Rules) -> Vec<String> {
    let mut found = Vec::new();
    if request.json.is_null() {
        found.push("its body is not JSON".to_owned());
    }
    if let Some(refusal) = &request.refusal {
        found.push(format!("the vendor refuses it ({}): {}", refusal.status, refusal.message));
    }
    if request.body.len() > MAX_BODY_BYTES {
        found.push(format!("its body has {} bytes, over {MAX_BODY_BYTES}", request.body.len()));
    }
    let marks = count_marks(&request.json);
    if marks > 4 {
        found.push(format!("it has {marks} cache marks, over 4"));
    }
    for (place, length) in tool_results(request) {
        if length > MAX_TOOL_RESULT_BYTES {
            found.push(format!(
                "the tool result at {place} has {length} bytes, over {MAX_TOOL_RESULT_BYTES}"
            ));
        }
    }
    found.extend(leaks(request, rules));
    found
}

/// Returns the tool results of a request: where each is, and its text's length.
fn tool_results(request: &Captured) -> Vec<(String, usize)> {
    let length = |content: Option<&Value>| {
        blocks(content).iter().map(|block| text(block, "text").len()).sum::<usize>()
    };
    let mut found = Vec::new();
    for (number, item) in elements(request.json.get("input")).enumerate() {
        if text(item, "type").ends_with("_output") {
            found.push((format!("input[{number}]"), length(item.get("output"))));
        }
    }
    for (number, message) in elements(request.json.get("messages")).enumerate() {
        let place = format!("messages[{number}]");
        match request.dialect {
            Dialect::Openai if text(message, "role") == "tool" => {
                found.push((place, length(message.get("content"))));
            }
            Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {}
            Dialect::Anthropic => {
                let results = elements(message.get("content"))
                    .filter(|block| text(block, "type") == "tool_result");
                found.extend(results.map(|block| (place.clone(), length(block.get("content")))));
            }
        }
    }
    found
}

/// Finds secrets outside the header that is meant for them.
fn leaks(request: &Captured, rules: &Rules) -> Vec<String> {
    let is_auth = |name: &str| matches!(name, "x-api-key" | "x-goog-api-key" | "authorization");
    let keys = request
        .headers
        .iter()
        .filter(|(name, _)| is_auth(name))
        .map(|(_, value)| value.trim_start_matches("Bearer ").to_owned())
        .filter(|key| key.len() >= 8);
    let secrets: Vec<String> = rules.secrets.iter().cloned().chain(keys).collect();
    let body = String::from_utf8_lossy(&request.body);
    let mut found = Vec::new();
    for (number, secret) in secrets.iter().enumerate().filter(|(_, secret)| !secret.is_empty()) {
        let escaped = Value::String(secret.clone()).to_string();
        let quoted = escaped.trim_matches('"');
        if body.contains(secret) || body.contains(quoted) || request.path.contains(secret) {
            found.push(format!("secret number {number} is in its body or path"));
        }
        for (name, value) in &request.headers {
            if value.contains(secret) && !is_auth(name) {
                found.push(format!("secret number {number} is in its header {name}"));
            }
        }
    }
    found
}

type Seen<'a> = (&'a Captured, &'a Canonical);

fn belongs(sessions: Sessions, before: Seen<'_>, request: Seen<'_>) -> bool {
    let same_first = || {
        let first = |prompt: &Canonical, request: &Captured| {
            let system = usize::from(request.dialect == Dialect::Openai && has_system(request));
            prompt.messages.get(system).cloned()
        };
        first(before.1, before.0) == first(request.1, request.0)
    };
    match sessions {
        Sessions::One | Sessions::Forked => true,
        Sessions::Unrelated => false,
        Sessions::ByFirstMessage => same_first(),
        Sessions::ByCacheKey => {
            let key = |seen: Seen<'_>| text(&seen.0.json, "prompt_cache_key").to_owned();
            match (key(before), key(request)) {
                (a, b) if a.is_empty() && b.is_empty() => same_first(),
                (a, b) => a == b,
            }
        }
    }
}

fn has_system(request: &Captured) -> bool {
    elements(request.json.get("messages"))
        .next()
        .is_some_and(|first| matches!(text(first, "role"), "system" | "developer"))
}

/// Returns how a request fails to begin with what came before it.
fn follows(sessions: Sessions, earlier: &[Seen<'_>], prompt: &Canonical) -> Option<String> {
    let (last, last_prompt) = earlier.last()?;
    if sessions == Sessions::Forked
        && earlier.iter().any(|(_, before)| difference(before, prompt).is_none())
    {
        return None;
    }
    let what = difference(last_prompt, prompt)?;
    Some(format!("it does not begin with request {}: {what}", last.number))
}

/// Returns the first place where a prompt does not go on from an earlier one.
pub fn difference(before: &Canonical, after: &Canonical) -> Option<String> {
    let whole = [("tools", &before.tools, &after.tools), ("system", &before.system, &after.system)];
    for (name, before, after) in whole {
        if let Some(what) = first_difference(name, before, after) {
            return Some(what);
        }
        if after.len() > before.len() {
            return Some(format!("{name} has {} elements, not {}", after.len(), before.len()));
        }
    }
    first_difference("messages", &before.messages, &after.messages)
}

fn first_difference(name: &str, before: &[String], after: &[String]) -> Option<String> {
    for (at, old) in before.iter().enumerate() {
        let Some(new) = after.get(at) else {
            return Some(format!("{name}[{at}] is gone: {}", around(old, 0)));
        };
        if old != new {
            let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
            return Some(format!(
                "{name}[{at}] differs from byte {same} on: it was {}, it is {}",
                around(old, same),
                around(new, same)
            ));
        }
    }
    None
}

/// Returns the text around a byte, with the byte's place marked.
fn around(text: &str, at: usize) -> String {
    let from = text.floor_char_boundary(at.saturating_sub(40));
    let at = text.floor_char_boundary(at.min(text.len()));
    let until = text.floor_char_boundary((at + 40).min(text.len()));
    let part = |from: usize, until: usize| text.get(from..until).unwrap_or_default();
    let mut shown = String::from("`");
    let dots = |cut: bool| if cut { "…" } else { "" };
    let _ = write!(
        shown,
        "{}{}▸{}{}`",
        dots(from > 0),
        part(from, at),
        part(at, until),
        dots(until < text.len())
    );
    shown
}
