//! Servers that refuse a field which others need: which quirks send the request without it.
//!
//! Compatible servers name the field in their words alone, so this is the one place that reads them;
//! at worst a refused request is refused once more.

use distiq_base::Dialect;

use crate::error::{ProviderError, ProviderErrorKind};
use crate::wire::Quirks;

/// Returns quirks that leave out or rename what `error` refuses by name, or `None` where nothing
/// can be changed about it.
pub(super) fn without_refused(
    quirks: &Quirks,
    dialect: Dialect,
    error: &ProviderError,
) -> Option<Quirks> {
    let refused = error.kind == ProviderErrorKind::InvalidRequest
        && matches!(error.status, Some(400 | 422))
        && dialect != Dialect::Anthropic;
    if !refused {
        return None;
    }
    let mut better = quirks.clone();
    let names = |field: &str| error.message.contains(field);
    if dialect == Dialect::Responses {
        if names("prompt_cache_key") {
            better.prompt_cache_key = false;
        } else if names("reasoning.summary") || names("reasoning summaries") {
            better.reasoning_summary = false;
        } else if names("reasoning.effort") || names("ncrypted content is not supported") {
            better.reasoning_effort = false;
        }
    } else if dialect == Dialect::Gemini {
        better.schema_subset |= names("JsonSchema") || names("_json_schema");
    } else if dialect == Dialect::Ollama {
        better.think &= !names("support thinking");
    } else if names("stream_options") || names("include_usage") {
        better.stream_options = false;
    } else if names("prompt_cache_key") {
        better.prompt_cache_key = false;
    } else if names("max_tokens") && quirks.max_tokens_field == "max_tokens" {
        // OpenAI's own words name both: "Unsupported parameter: 'max_tokens' is not supported with
        // this model. Use 'max_completion_tokens' instead." A limit that is too large is not meant.
        let renamed = names("max_completion_tokens");
        better.max_tokens_field = if renamed { "max_completion_tokens" } else { "max_tokens" };
    } else if names("max_completion_tokens") && !names("at most") {
        better.max_tokens_field = "max_tokens";
    } else if names("developer") {
        better.developer_role = false;
    } else if names("reasoning_effort") {
        better.reasoning_effort = false;
    } else if names("strict") {
        better.strict_tools = false;
    }
    (better != *quirks).then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_refused_and_gives_up_on_the_rest() {
        let check = |from: Quirks, message: &str, expected: Option<Quirks>| {
            let mut error = ProviderError::new(ProviderErrorKind::InvalidRequest, message);
            error.status = Some(400);
            assert_eq!(without_refused(&from, Dialect::Openai, &error), expected, "{message}");
            assert_eq!(without_refused(&from, Dialect::Anthropic, &error), None);
            error.kind = ProviderErrorKind::ContextTooLong;
            assert_eq!(without_refused(&from, Dialect::Openai, &error), None);
        };
        let plain = Quirks::default;
        let openai = Quirks::openai;
        check(
            plain(),
            "Unknown field `stream_options`",
            Some(Quirks { stream_options: false, ..plain() }),
        );
        check(
            plain(),
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
             'max_completion_tokens' instead.",
            Some(Quirks { max_tokens_field: "max_completion_tokens", ..plain() }),
        );
        check(
            openai(),
            "Unrecognized request argument supplied: max_completion_tokens",
            Some(Quirks { max_tokens_field: "max_tokens", ..openai() }),
        );
        check(
            openai(),
            "Unexpected message role: developer",
            Some(Quirks { developer_role: false, ..openai() }),
        );
        check(plain(), "max_tokens is too large: 999999", None);
        check(plain(), "prompt_cache_key is not known", None);
        check(plain(), "messages[0] is wrong", None);
        let other = |dialect: Dialect, message: &str| {
            let mut error = ProviderError::new(ProviderErrorKind::InvalidRequest, message);
            error.status = Some(400);
            without_refused(&plain(), dialect, &error)
        };
        assert_eq!(
            other(Dialect::Ollama, "\"gemma3\" does not support thinking"),
            Some(Quirks { think: false, ..plain() })
        );
        let message = "Invalid JSON payload received. Unknown name \"parametersJsonSchema\"";
        assert_eq!(
            other(Dialect::Gemini, message),
            Some(Quirks { schema_subset: true, ..plain() })
        );
        assert_eq!(other(Dialect::Ollama, "\"gemma3\" does not support tools"), None);
        let mut error = ProviderError::new(
            ProviderErrorKind::InvalidRequest,
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
        );
        error.status = Some(400);
        let better = Quirks { reasoning_effort: false, ..openai() };
        assert_eq!(without_refused(&openai(), Dialect::Responses, &error), Some(better));
        error.message = "Item 'rs_1' of type 'reasoning' was provided without its required \
                         following item."
            .into();
        assert_eq!(without_refused(&openai(), Dialect::Responses, &error), None);
    }
}
