//! What a request asks for that its target's dialect cannot say: told to the caller, never in silence.

use std::collections::BTreeSet;

use distiq_base::{Content, Dialect, Request};

/// Most names that the header tells.
const MOST_NAMES: usize = 20;

/// Returns the names of what is left out on the way to a target, for `x-distiq-dropped`.
pub(crate) fn dropped(request: &Request, target: Dialect) -> Option<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    if let Some((dialect, extra)) = &request.extra
        && *dialect != target
    {
        let silent = |name: &&String| !HARMLESS.contains(&name.as_str());
        names.extend(extra.keys().filter(silent).filter_map(|name| plain(name)));
    }
    for message in &request.messages {
        for part in &message.content {
            if let Content::Other { dialect, json } = part
                && *dialect != target
            {
                let kind = json.get("type").and_then(serde_json::Value::as_str).unwrap_or("block");
                names.extend(plain(kind).map(|kind| format!("content:{kind}")));
            }
        }
    }
    (!names.is_empty()).then(|| names.into_iter().take(MOST_NAMES).collect::<Vec<_>>().join(", "))
}

/// Fields that say nothing to a model, or that the gateway itself heeds.
const HARMLESS: &[&str] = &["stream_options", "user", "metadata", "store", "safety_identifier"];

fn plain(name: &str) -> Option<String> {
    let is_plain = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    is_plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use distiq_llm::wire::openai;

    use super::*;

    #[test]
    fn what_the_target_cannot_say_is_named() {
        let body = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"seed":1,
            "logit_bias":{},"stream_options":{"include_usage":true}}"#;
        let request = openai::decode_request(body).unwrap();
        assert_eq!(dropped(&request, Dialect::Anthropic).unwrap(), "logit_bias, seed");
        assert_eq!(dropped(&request, Dialect::Openai), None);
    }
}
