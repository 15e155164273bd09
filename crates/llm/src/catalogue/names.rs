//! Which entry of the catalogue a provider's model id means.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

/// Where the models are, by provider and name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Map<Map<usize>>);

type Map<T> = HashMap<String, T, BuildHasherDefault<Short>>;

/// Hashes short names eight bytes at a time (multiply and rotate, as FxHash does). A request asks for its prices a dozen
/// times; only the catalogue adds names, so nobody can make them collide.
#[derive(Default)]
struct Short(u64);

impl Hasher for Short {
    fn write(&mut self, bytes: &[u8]) {
        let mut mix = |word: u64| {
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        };
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
        mix(rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        // The table goes by the upper bits and the lowest alike.
        self.0 ^ (self.0 >> 32)
    }
}

impl Names {
    /// Collects the names; a model's id counts before another's alias, and the first of equals.
    pub(super) fn of(models: &[ModelInfo]) -> Self {
        let mut names = Self::default();
        for (place, model) in models.iter().enumerate() {
            names.add(model, &model.id, place);
        }
        for (place, model) in models.iter().enumerate() {
            model.aliases.iter().for_each(|alias| names.add(model, alias, place));
        }
        names
    }

    fn add(&mut self, model: &ModelInfo, name: &str, place: usize) {
        let of = match self.0.get_mut(&model.provider) {
            Some(of) => of,
            None => self.0.entry(model.provider.clone()).or_default(),
        };
        of.entry(name.to_owned()).or_insert(place);
    }

    /// Finds the model.
    pub(super) fn resolve(&self, provider: &str, model: &str) -> Option<usize> {
        let provider = canonical(provider);
        if let Some(found) = self.within(provider, model) {
            return Some(found);
        }
        let (maker, name) = match model.split_once('/') {
            Some((maker, name)) => (Some(canonical(maker)), name),
            None => (None, model),
        };
        if maker == Some(provider) {
            return self.within(provider, name);
        }
        if LOCAL.contains(&provider) || VENDORS.contains(&provider) {
            return None;
        }
        SOLE_MAKERS
            .iter()
            .filter(|sole| maker.is_none_or(|maker| maker == **sole))
            .find_map(|sole| self.within(sole, name))
    }

    /// Finds a model of one provider: by its id, by an alias, then both without date or `-latest`.
    fn within(&self, provider: &str, model: &str) -> Option<usize> {
        let of = self.0.get(provider)?;
        let exact = |name: &str| of.get(name).copied();
        exact(model).or_else(|| exact(undated(model)?)).or_else(|| {
            // Resellers write Anthropic's versions with a dot: `claude-sonnet-4.5`.
            let dashed = (provider == "anthropic" && model.contains('.'))
                .then(|| model.replace('.', "-"))?;
            exact(&dashed).or_else(|| exact(undated(&dashed)?))
        })
    }
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
