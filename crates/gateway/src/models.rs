//! The models that a caller can name.

use distiq_base::Dialect;
use distiq_llm::provider::ModelListing;
use distiq_llm::wire::{gemini, ollama};
use distiq_llm::{ModelInfo, ProviderErrorKind as Kind};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::Caller;
use crate::refusal::Refusal;
use crate::shared::Shared;

/// The version of Ollama's API that the gateway speaks.
const OLLAMA_VERSION: &str = "0.12.0";

/// A model under the name that a caller writes.
struct Listed {
    id: String,
    provider: String,
    context_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
}

/// Lists the models of the providers that can be used, as the dialect lists its own.
pub(crate) fn list(shared: &Shared, caller: &Caller, dialect: Dialect) -> Value {
    let data: Vec<Value> = all(shared, caller).iter().map(|one| item(one, dialect)).collect();
    match dialect {
        Dialect::Anthropic => {
            let id = |item: Option<&Value>| item.and_then(|item| item.get("id").cloned());
            let (first, last) = (id(data.first()), id(data.last()));
            json!({ "data": data, "has_more": false, "first_id": first, "last_id": last })
        }
        Dialect::Gemini => gemini::encode_models(
            &all(shared, caller).iter().map(listing).collect::<Vec<_>>(),
            None,
        ),
        Dialect::Ollama => {
            let all: Vec<ModelListing> = all(shared, caller).iter().map(listing).collect();
            ollama::encode_tags(&all, &Timestamp::now().to_string())
        }
        Dialect::Openai | Dialect::Responses => json!({ "object": "list", "data": data }),
    }
}

/// Tells of one model as Ollama does.
pub(crate) fn show(shared: &Shared, caller: &Caller, body: &[u8]) -> Result<Value, Refusal> {
    let asked: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("The body is not JSON: {error}")))?;
    let named = ["model", "name"].iter().find_map(|key| asked.get(key)?.as_str());
    let found = find(shared, caller, named.unwrap_or_default())?;
    Ok(ollama::encode_show(&listing(&found), &["completion", "tools"]))
}

/// Tells that no model is loaded: what runs elsewhere needs no loading.
pub(crate) fn loaded() -> Value {
    json!({ "models": [] })
}

/// Tells a version as Ollama does; its clients ask whether the server is new enough.
pub(crate) fn version() -> Value {
    ollama::encode_version(OLLAMA_VERSION)
}

fn listing(one: &Listed) -> ModelListing {
    ModelListing {
        id: one.id.clone(),
        display_name: None,
        context_tokens: one.context_tokens,
        max_output_tokens: one.max_output_tokens,
    }
}

/// Tells of one model.
pub(crate) fn one(
    shared: &Shared,
    caller: &Caller,
    dialect: Dialect,
    id: &str,
) -> Result<Value, Refusal> {
    find(shared, caller, id).map(|one| item(&one, dialect))
}

fn find(shared: &Shared, caller: &Caller, id: &str) -> Result<Listed, Refusal> {
    let full = |one: &Listed| format!("{}/{}", one.provider, one.id) == id;
    let mut all = all(shared, caller);
    let at = all.iter().position(|one| one.id == id).or_else(|| all.iter().position(full));
    at.map(|at| all.swap_remove(at)).ok_or_else(|| {
        Refusal::new(Kind::UnknownModel, format!("No model `{}` is offered here", shown(id)))
    })
}

fn shown(id: &str) -> String {
    id.chars().take(200).collect()
}

fn all(shared: &Shared, caller: &Caller) -> Vec<Listed> {
    let setup = shared.setup();
    let usable = setup.registry.names();
    let now = Timestamp::now();
    let listed = |model: &ModelInfo| Listed {
        id: model.id.clone(),
        provider: model.provider.clone(),
        context_tokens: model.context_tokens,
        max_output_tokens: model.max_output_tokens,
    };
    let may = |one: &Listed| match caller.key() {
        Some(key) => key.allows(&[&one.id, &format!("{}/{}", one.provider, one.id)]),
        None => true,
    };
    let named = |name: String| Listed {
        id: name,
        provider: "distiq".to_owned(),
        context_tokens: None,
        max_output_tokens: None,
    };
    let names = setup.table.names().into_keys().map(named);
    let models = setup.catalogue.models().iter();
    let offered = models.filter(|m| usable.contains(&m.provider.as_str()) && !m.is_retired(now));
    offered.map(listed).chain(names).filter(may).collect()
}

fn item(one: &Listed, dialect: Dialect) -> Value {
    match dialect {
        Dialect::Anthropic => json!({
            "type": "model",
            "id": one.id,
            "display_name": one.id,
            "created_at": "1970-01-01T00:00:00Z",
            "max_input_tokens": one.context_tokens,
            "max_tokens": one.max_output_tokens,
        }),
        Dialect::Gemini => gemini::encode_model(&listing(one)),
        _ => json!({
            "id": one.id,
            "object": "model",
            "created": 0,
            "owned_by": one.provider,
            "context_length": one.context_tokens,
        }),
    }
}
