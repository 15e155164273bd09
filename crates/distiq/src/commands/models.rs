//! `distiq models`

use distiq_base::{ErrorKind, Price};
use distiq_llm::{Catalogue, ModelInfo, Registry};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
use crate::{output, providers};

/// Arguments of `models`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    #[command(flatten)]
    json: JsonFlag,
}

/// Lists the providers and the models whose prices are known.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let registry = providers::registry(&world)?;
    let catalogue = providers::catalogue(&world)?;
    let usable = registry.names();
    let default = registry.default_provider().ok();
    let wanted = |name: &str| args.provider.as_deref().is_none_or(|wanted| wanted == name);
    let now = Timestamp::now();
    let models: Vec<&ModelInfo> =
        catalogue.models().iter().filter(|model| wanted(&model.provider)).collect();
    if let Some(name) = args.provider.as_deref() {
        registry.known().contains(&name).then_some(()).ok_or_else(|| unknown(name, &registry))?;
    }
    if args.json.json {
        let providers: Vec<Value> = registry
            .known()
            .into_iter()
            .filter(|name| wanted(name))
            .map(|name| {
                json!({
                    "name": name,
                    "usable": usable.contains(&name),
                    "default": default == Some(name),
                    "default_model": registry.default_model(name),
                })
            })
            .collect();
        let models: Vec<Value> = models.iter().map(|model| model_json(model, now)).collect();
        output::json_line(&json!({
            "prices_as_of": catalogue.as_of(), "providers": providers, "models": models,
        }));
        return Ok(());
    }
    for name in registry.known().into_iter().filter(|name| wanted(name)) {
        let state = if usable.contains(&name) { "ready" } else { "no key" };
        let mark = if default == Some(name) { ", used by default" } else { "" };
        let model = registry.default_model(name).unwrap_or("name a model");
        output::text(&format!("{name:12} {state}{mark}; {model}"));
    }
    list(&catalogue, &models, now);
    Ok(())
}

fn unknown(name: &str, registry: &Registry) -> Failure {
    Failure::new(ErrorKind::Config, format!("No provider `{name}`"))
        .with_hint(format!("There are {}", registry.known().join(", ")))
}

fn list(catalogue: &Catalogue, models: &[&ModelInfo], now: Timestamp) {
    output::text(&format!(
        "\nPrices in dollars per million tokens, as of {}:\n\n{:12} {:36} {:>9} {:>9} {:>9} {:>10}",
        catalogue.as_of(),
        "provider",
        "model",
        "input",
        "cached",
        "output",
        "context"
    ));
    for model in models {
        let prices = model.row(now).map(|row| row.prices(now, 0));
        let dollars = |price: Option<Price>| {
            price.map_or_else(|| "-".to_owned(), |price| format!("{:.3}", price.0 as f64 / 1e9))
        };
        output::text(&format!(
            "{:12} {:36} {:>9} {:>9} {:>9} {:>10}",
            model.provider,
            model.id,
            dollars(prices.map(|prices| prices.input)),
            dollars(prices.map(|prices| prices.read())),
            dollars(prices.map(|prices| prices.output)),
            model.context_tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string()),
        ));
    }
}

/// Shows a model with the prices of a short prompt sent now, in nano-dollars per million tokens.
fn model_json(model: &ModelInfo, now: Timestamp) -> Value {
    let prices = model.row(now).map(|row| row.prices(now, 0));
    json!({
        "provider": model.provider,
        "id": model.id,
        "aliases": model.aliases,
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "cache_min_tokens": model.cache_min_tokens,
        "retired": model.is_retired(now),
        "unverified": model.unverified,
        "prices_nanousd_per_mtok": prices.map(|prices| json!({
            "input": prices.input,
            "cache_read": prices.read(),
            "cache_write": prices.write(),
            "cache_write_long": prices.write_long(),
            "output": prices.output,
        })),
    })
}
