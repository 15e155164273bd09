//! Which entry of the catalogue a provider's model id means.

use super::model::ModelInfo;

/// Servers on the user's own machines.
const LOCAL: [&str; 5] = ["ollama", "lm_studio", "lmstudio", "llamacpp", "vllm"];

/// Vendors whose model ids mean their own models at their own prices; whoever is not among them is
/// taken for a reseller.
const VENDORS: [&str; 10] = [
    "anthropic",
    "openai",
    "gemini",
    "deepseek",
    "xai",
    "moonshot",
    "zai",
    "mistral",
    "groq",
    "together",
];

/// Vendors whose models a reseller passes on at the list price.
const SOLE_MAKERS: [&str; 4] = ["anthropic", "openai", "gemini", "xai"];

/// Tells whether a model runs on the user's own machines; Ollama passes some on to its cloud.
pub(super) fn is_local(provider: &str, model: &str) -> bool {
    LOCAL.contains(&provider) && !model.ends_with(":cloud") && !model.ends_with("-cloud")
}

/// Finds the entry.
pub(super) fn resolve<'a>(
    models: &'a [ModelInfo],
    provider: &str,
    model: &str,
) -> Option<&'a ModelInfo> {
    let provider = canonical(provider);
    if let Some(found) = within(models, provider, model) {
        return Some(found);
    }
    let (maker, name) = match model.split_once('/') {
        Some((maker, name)) => (Some(canonical(maker)), name),
        None => (None, model),
    };
    if maker == Some(provider) {
        return within(models, provider, name);
    }
    if LOCAL.contains(&provider) || VENDORS.contains(&provider) {
        return None;
    }
    SOLE_MAKERS
        .iter()
        .filter(|sole| maker.is_none_or(|maker| maker == **sole))
        .find_map(|sole| within(models, sole, name))
}

/// Finds a model of one provider: by its id, by an alias, then both without date or `-latest`.
fn within<'a>(models: &'a [ModelInfo], provider: &str, model: &str) -> Option<&'a ModelInfo> {
    let exact = |name: &str| {
        let of = |m: &&ModelInfo| m.provider == provider;
        let by_id = models.iter().filter(of).find(|m| m.id == name);
        by_id.or_else(|| models.iter().filter(of).find(|m| m.aliases.iter().any(|a| a == name)))
    };
    exact(model).or_else(|| exact(undated(model)?)).or_else(|| {
        // Resellers write Anthropic's versions with a dot: `claude-sonnet-4.5`.
        let dashed =
            (provider == "anthropic" && model.contains('.')).then(|| model.replace('.', "-"))?;
        exact(&dashed).or_else(|| exact(undated(&dashed)?))
    })
}

/// Returns the name that the catalogue uses for a vendor.
fn canonical(provider: &str) -> &str {
    match provider {
        "google" => "gemini",
        "x-ai" => "xai",
        "z-ai" => "zai",
        "moonshotai" => "moonshot",
        "mistralai" => "mistral",
        "qwen" => "dashscope",
        other => other,
    }
}

/// Cuts `-20250929`, `-2026-01-01`, `@20250929` or `-latest` off a model id.
fn undated(model: &str) -> Option<&str> {
    if let Some(family) = model.strip_suffix("-latest") {
        return Some(family);
    }
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let (family, last) = model.rsplit_once(['-', '@'])?;
    if digits(last, 8) {
        return Some(family);
    }
    let (family, month) = family.rsplit_once('-')?;
    let (family, year) = family.rsplit_once('-')?;
    (digits(last, 2) && digits(month, 2) && digits(year, 4)).then_some(family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn cuts_dates_only() {
        let check = |id, family| assert_eq!(undated(id), family, "{id}");
        check("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5"));
        check("claude-opus-4-6@20260205", Some("claude-opus-4-6"));
        check("gpt-5.2-2026-01-01", Some("gpt-5.2"));
        check("claude-sonnet-5-latest", Some("claude-sonnet-5"));
        check("claude-sonnet-4-5", None);
        check("gpt-5.2-26-01-01", None);
        check("o3", None);
        check("", None);
    }

    #[test]
    fn finds_what_an_id_means_and_nothing_else() {
        let catalogue = Catalogue::builtin();
        let check = |provider, model, expected: Option<(&str, &str)>| {
            let found = catalogue.find(provider, model).map(|m| (&*m.provider, &*m.id));
            assert_eq!(found, expected, "{provider} {model}");
        };
        check("anthropic", "claude-opus-5-5", Some(("anthropic", "claude-opus-5-5")));
        check("anthropic", "claude-sonnet-4-5-20250929", Some(("anthropic", "claude-sonnet-4-5")));
        check("anthropic", "claude-mythos-5-1", Some(("anthropic", "claude-fable-5-1")));
        check("anthropic", "anthropic/claude-opus-5", Some(("anthropic", "claude-opus-5")));
        check("anthropic", "claude-opus-4-7", None);
        check("anthropic", "claude-opus-5-mini", None);
        check("openai", "gpt-5.2-2026-01-01", Some(("openai", "gpt-5.2")));
        check("openai", "claude-opus-5", None);
        check("openai", "gpt-5.2-preview", None);
        check("mistral", "mistral-medium-latest", Some(("mistral", "mistral-medium-latest")));
        check("mistral", "mistral-large-4-latest", Some(("mistral", "mistral-large-4")));
        check("groq", "openai/gpt-oss-20b", Some(("groq", "openai/gpt-oss-20b")));
        check("groq", "openai/gpt-5.2", None);
        check("google", "gemini-4-argon", Some(("gemini", "gemini-4-argon")));
        check(
            "openrouter",
            "anthropic/claude-sonnet-4.5",
            Some(("anthropic", "claude-sonnet-4-5")),
        );
        check("openrouter", "x-ai/grok-4.7", Some(("xai", "grok-4.7")));
        check("openrouter", "anthropic/claude-sonnet-4.5:free", None);
        check("openrouter", "z-ai/glm-5.3", None);
        check("openrouter", "openai/gpt-oss-120b", None);
        check("my-proxy", "gpt-5.2", Some(("openai", "gpt-5.2")));
        check("my-proxy", "llama-4", None);
        check("ollama", "qwen3:8b", Some(("local", "*")));
        check("ollama", "gpt-5.2", Some(("local", "*")));
        check("ollama", "gpt-oss:120b-cloud", None);
        check("vllm", "claude-opus-5", Some(("local", "*")));
    }
}
