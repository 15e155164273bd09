//! Endpoints that are not understood: passed to the vendor whose path it is, where it is set up.

use distiq_base::Dialect;
use distiq_llm::ProviderErrorKind as Kind;
use hyper::Response;

use crate::body::Out;
use crate::chat::{Asked, take_rate};
use crate::head::Head;
use crate::pass;
use crate::refusal::Refusal;

/// Passes a request on, as it is.
///
/// Such endpoints reach the vendor's account (files, batches, fine-tunes), so a key that is held to
/// some models may not use them.
pub(crate) async fn answer(asked: Asked<'_>) -> Result<Response<Out>, Refusal> {
    let path = asked.call.uri.path();
    let unknown = || {
        let path: String = path.chars().take(200).collect();
        Refusal::with_status(404, format!("No endpoint `{path}`"))
    };
    let (provider, below) = vendor(asked.codec.dialect(), path).ok_or_else(unknown)?;
    // A path that climbs would leave the vendor's API.
    let climbs = below.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    let speaks = asked.shared.setup().registry.get(provider).map(|found| found.dialect());
    if climbs || below.contains('%') || speaks.ok() != Some(asked.codec.dialect()) {
        return Err(unknown());
    }
    if asked.caller.key().is_some_and(|key| !key.models.is_empty()) {
        let message = "A key that is held to some models may use the known endpoints alone";
        return Err(Refusal::new(Kind::Permission, message));
    }
    let model = Head::read(&asked.body).ok().and_then(|head| head.model);
    let tab = take_rate(&asked)?;
    pass::unknown(&asked, provider.to_owned(), below, model, tab).await
}

/// Returns the vendor of a path, and the path below its base URL.
fn vendor(dialect: Dialect, path: &str) -> Option<(&'static str, String)> {
    let below = path.strip_prefix("/v1/").map(str::to_owned);
    match dialect {
        Dialect::Anthropic => Some(("anthropic", format!("v1/{}", below?))),
        Dialect::Openai | Dialect::Responses => Some(("openai", below?)),
        Dialect::Gemini => Some(("gemini", path.strip_prefix("/v1beta/")?.to_owned())),
        Dialect::Ollama => Some(("ollama", path.strip_prefix('/')?.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_their_vendors_base() {
        let some = |name, path: &str| Some((name, path.to_owned()));
        assert_eq!(vendor(Dialect::Anthropic, "/v1/files/f"), some("anthropic", "v1/files/f"));
        assert_eq!(vendor(Dialect::Openai, "/v1/completions"), some("openai", "completions"));
        assert_eq!(vendor(Dialect::Openai, "/metrics"), None);
    }
}
