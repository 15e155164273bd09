//! Which provider and model a caller means.

use distiq_base::Dialect;
use distiq_llm::ProviderErrorKind as Kind;

use crate::refusal::Refusal;
use crate::setup::Setup;

/// A provider and a model of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The provider's name.
    pub provider: String,
    /// The model's id as the provider knows it.
    pub model: String,
    /// How it was chosen.
    pub route: &'static str,
}

/// Finds the target of a model's name.
pub(crate) fn resolve(setup: &Setup, dialect: Dialect, name: &str) -> Result<Target, Refusal> {
    let usable = setup.registry.names();
    let target = |provider: &str, model: &str, route| {
        Ok(Target { provider: provider.to_owned(), model: model.to_owned(), route })
    };
    if name.is_empty() {
        return Err(Refusal::invalid("`model` is required"));
    }
    if let Some((provider, model)) = name.split_once('/')
        && usable.contains(&provider)
        && !model.is_empty()
    {
        return target(provider, model, "named");
    }
    let knows = |provider: &&&str| {
        // A provider whose every model has one price is found for any name.
        let found = setup.catalogue.find(provider, name);
        found.is_some_and(|model| model.id == name || model.aliases.iter().any(|a| a == name))
    };
    if let Some(provider) = usable.iter().find(knows) {
        return target(provider, name, "named");
    }
    let of_dialect = match dialect {
        Dialect::Anthropic => "anthropic",
        _ => "openai",
    };
    if setup.takes_unknown && usable.contains(&of_dialect) {
        return target(of_dialect, name, "upstream");
    }
    if let Ok(provider) = setup.registry.default_provider()
        && !name.contains('/')
        && usable.len() == 1
    {
        return target(provider, name, "only provider");
    }
    Err(Refusal::new(
        Kind::UnknownModel,
        format!(
            "No provider that is set up offers the model `{}`; write `PROVIDER/MODEL`, the \
             providers being {}",
            name.chars().take(200).collect::<String>(),
            usable.join(", ")
        ),
    ))
}
