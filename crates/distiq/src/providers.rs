//! Providers and prices, joined from the settings, the environment and the stored keys.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use distiq_agent::{Chosen, EscalationConfig, Rung};
use distiq_base::config::{EconomySettings, Settings};
use distiq_base::{ErrorKind, Money, Price};
use distiq_llm::{Catalogue, ModelInfo, Prices, Registry, RegistryError};
use distiq_router::classify::{Classifier, Label};
use distiq_router::planning::{PlanDecision, PlanInputs, decide};
use distiq_router::{Candidate, Inputs, Policy, Table, Task, Tier};

use crate::failure::Failure;
use crate::keys;
use crate::world::{World, env};

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Failure::of(error.kind(), &error).with_hint(error.hint())
    }
}

/// Finds the providers; contacts nobody.
pub fn registry(world: &World) -> Result<Registry, Failure> {
    registry_at(world, &|_| None)
}

/// Does as [`registry`], with some variables set otherwise than in the environment.
pub fn registry_at(
    world: &World,
    instead: &dyn Fn(&str) -> Option<String>,
) -> Result<Registry, Failure> {
    let keys = keys::read(&world.home)?;
    let stored = |name: &str| Some(keys.get(name)?.expose().to_owned());
    let lookup = |name: &str| instead(name).or_else(|| env(name)).or_else(|| stored(name));
    Ok(Registry::from_settings(&world.settings, &lookup))
}

/// Reads the prices, with the user's own over the built-in ones.
pub fn catalogue(world: &World) -> Result<Catalogue, Failure> {
    match &world.settings.prices {
        None => Ok(Catalogue::builtin()),
        // Without it every price in it would be missing in silence.
        Some(path) if !path.exists() => {
            let message = format!("No price file at {}", path.display());
            Err(Failure::new(ErrorKind::Config, message).with_hint("Write it, or unset `prices`"))
        }
        Some(path) => Catalogue::with_user_file(path).map_err(|error| {
            Failure::of(ErrorKind::Config, &error)
                .with_hint(format!("Mend {}, or unset `prices`", path.display()))
        }),
    }
}

/// The longest answer that is asked for, where the model can do more.
const MAX_OUTPUT_TOKENS: u64 = 32_000;

/// A provider and a model of it.
pub struct Choice {
    /// The provider's name.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// How it was chosen, where that was by the request.
    pub chosen: Option<Chosen>,
}

/// Returns what names stand for.
pub fn table(world: &World, registry: &Registry) -> Result<Table, Failure> {
    Ok(Table::new(&world.settings, registry, Arc::new(catalogue(world)?)))
}

/// Returns the model that savings are held against where none is named: the first of the best tier.
pub fn premium(
    settings: &Settings,
    registry: &Registry,
    catalogue: &Arc<Catalogue>,
) -> Option<Candidate> {
    let table = Table::new(settings, registry, Arc::clone(catalogue));
    table.resolve("auto:best", None).ok()?.candidates.into_iter().next()
}

/// Returns the model that summarizes: the one that the settings name, else the cheapest of the same
/// vendor, since nobody else is to see what the conversation holds.
pub fn summarizer(table: &Table, choice: &Choice) -> Result<Option<Candidate>, Failure> {
    let named = table
        .task(Task::Summarize)
        .map_err(|error| Failure::of(ErrorKind::Config, &error).with_hint(error.hint()))?;
    let cheap = || table.resolve("auto:cheap", None).ok().into_iter();
    let same = |way: &Candidate| way.provider == choice.provider;
    Ok(match named {
        Some(route) => route.candidates.into_iter().next(),
        None => cheap().flat_map(|route| route.candidates).find(same),
    })
}

/// Chooses as the settings say.
pub fn choose(world: &World, registry: &Registry) -> Result<Choice, Failure> {
    choose_for(world, registry, None)
}

/// Tells whether a policy chooses the model: none is named and the policy is not `fixed`, or it is `auto`.
pub fn is_open(world: &World, table: &Table) -> bool {
    let settings = &world.settings;
    match &settings.model {
        Some(name) => table.is_open(name),
        None => {
            let is_told = settings.provider.is_some()
                || settings.routes.tasks.contains_key(Task::Execute.as_str());
            table.policy != Policy::Fixed && !is_told
        }
    }
}

/// Tells how a session's model was chosen, where a policy does: it is one of a tier.
pub fn stays(table: &Table, choice: &Choice) -> Option<Chosen> {
    let name = format!("{}/{}", choice.provider, choice.model);
    let tier = Tier::ASKED.into_iter().find(|tier| table.models(*tier).contains(&name))?;
    let reasons = vec![format!("the session stays with its model, of the tier {tier}")];
    Some(Chosen { tier, reasons })
}

/// Returns when and how a stronger model goes on; `None` where a model is named or nobody is there.
pub fn escalation(
    settings: &EconomySettings,
    table: &Table,
    choice: &Choice,
    cheap: Option<&Candidate>,
) -> Option<EscalationConfig> {
    let chosen = choice.chosen.as_ref()?;
    let from = Candidate::new(&choice.provider, &choice.model);
    let ladder = table.ladder(&from, chosen.tier, jiff::Timestamp::now()).into_iter();
    let rung = |way: Candidate| Rung {
        max_output_tokens: longest_answer(&table.catalogue, &way.provider, &way.model),
        way,
    };
    Some(EscalationConfig {
        threshold: settings.confidence,
        corrections: settings.corrections,
        ladder: ladder.map(rung).collect(),
        self_check: cheap.filter(|_| settings.self_check).cloned(),
    })
}

/// Returns whether a request that a policy chose a model for is worth a plan, and who makes it.
pub fn plan(
    table: &Table,
    chosen: &Chosen,
    label: Label,
    at: jiff::Timestamp,
) -> Option<PlanDecision> {
    let ways = table.ways(at);
    let tier = chosen.tier.max(Tier::Budget);
    decide(&PlanInputs { label, ways: &ways, tier, at }, &table.catalogue)
}

/// Has a plan carried out by who is likely to do so at the least cost: the choice becomes that one. Returns who does
/// the work where no plan comes, and why; `None` where that is the same.
pub fn carry_out(
    table: &Table,
    decision: PlanDecision,
    choice: &mut Choice,
    label: Label,
) -> Option<(Rung, Vec<String>)> {
    let chosen = choice.chosen.as_ref()?;
    let executor = decision.executor;
    let tier = executor.tier.unwrap_or(chosen.tier);
    if table.policy == Policy::Best || tier >= chosen.tier {
        return None;
    }
    let own =
        Candidate { tier: Some(chosen.tier), ..Candidate::new(&choice.provider, &choice.model) };
    let max_output_tokens = longest_answer(&table.catalogue, &own.provider, &own.model);
    let without = (Rung { way: own, max_output_tokens }, chosen.reasons.clone());
    let reasons = vec![format!("carries out a plan: the request is {label}, the tier {tier}")];
    (choice.provider, choice.model) = (executor.provider, executor.model);
    choice.chosen = Some(Chosen { tier, reasons });
    Some(without)
}

/// Returns the longest answer that a model is asked for.
pub fn longest_answer(catalogue: &Catalogue, provider: &str, model: &str) -> u64 {
    let known = catalogue.find(provider, model).and_then(|model| model.max_output_tokens);
    known.unwrap_or(MAX_OUTPUT_TOKENS).min(MAX_OUTPUT_TOKENS)
}

/// Chooses for what the user wants: where no model is named and the policy is not `fixed`, or the model
/// is `auto`, how hard the request is decides.
pub fn choose_for(
    world: &World,
    registry: &Registry,
    prompt: Option<&str>,
) -> Result<Choice, Failure> {
    let settings = &world.settings;
    let table = table(world, registry)?;
    let is_open = is_open(world, &table);
    if let (true, Some(prompt)) = (is_open, prompt) {
        let verdict = Classifier::builtin().classify(prompt);
        let at = jiff::Timestamp::now();
        let inputs = Inputs { verdict: &verdict, policy: table.policy, at };
        let name = settings.model.as_deref().unwrap_or("auto");
        // Without any provider the usual way below says what to do.
        if let Ok((tier, route)) = table.open(name, None, prompt, &inputs)
            && let Some(way) = route.candidates.into_iter().next()
        {
            let mut reasons = route.reasons;
            reasons.push(format!("policy {}: the tier {tier}", table.policy.as_str()));
            let chosen = Some(Chosen { tier, reasons });
            return Ok(Choice { provider: way.provider, model: way.model, chosen });
        }
    }
    let task = settings.routes.tasks.get(Task::Execute.as_str());
    let name = match &settings.model {
        Some(name) if settings.routes.aliases.contains_key(name) => Some(name),
        Some(name) if name == "auto" || name.starts_with("auto:") => Some(name),
        None if settings.provider.is_none() => task,
        _ => None,
    };
    if let Some(name) = name {
        let route = table
            .resolve(name, None)
            .map_err(|error| Failure::of(ErrorKind::Config, &error).with_hint(error.hint()))?;
        if let Some(Candidate { provider, model, .. }) = route.candidates.into_iter().next() {
            return Ok(Choice { provider, model, chosen: None });
        }
    }
    let provider = registry.default_provider().map_err(|error| match error {
        RegistryError::NoProvider => no_key(),
        error => error.into(),
    })?;
    let model = world.settings.model.as_deref().or_else(|| registry.default_model(provider));
    let Some(model) = model else {
        let message = format!("No model named, and `{provider}` has no default one");
        return Err(Failure::new(ErrorKind::Config, message).with_hint(
            "Name one with `--model`, or `distiq config set model ID`; `distiq models` lists them",
        ));
    };
    Ok(Choice { provider: provider.to_owned(), model: model.to_owned(), chosen: None })
}

/// Reads a price such as `3/15`: dollars per million tokens of input and output.
///
/// What the cache costs keeps its share of the model's list price; without one it costs what the input does.
pub fn price(text: &str, known: Option<&ModelInfo>) -> Result<Prices, Failure> {
    let wrong = || {
        Failure::new(ErrorKind::Usage, format!("`{text}` is no price"))
            .with_hint("Write dollars per million tokens, input and output, such as `--price 3/15`")
    };
    let (input, output) = text.split_once('/').ok_or_else(wrong)?;
    let dollars =
        |text: &str| text.parse::<Money>().map(|money| Price(money.nanos())).map_err(|_| wrong());
    let (input, output) = (dollars(input)?, dollars(output)?);
    let list = known.and_then(|model| model.rows.last()).map(|row| row.base).unwrap_or_default();
    let share = |of: Option<Price>| {
        let nanos = i128::from(of?.0) * i128::from(input.0);
        i64::try_from(nanos.checked_div(i128::from(list.input.0))?).ok().map(Price)
    };
    Ok(Prices {
        input,
        output,
        cache_read: share(list.cache_read),
        cache_write: share(list.cache_write),
        cache_write_long: share(list.cache_write_long),
    })
}

/// Servers that people run on their own machine, by their usual port.
const LOCAL: &[(u16, &str)] = &[(11434, "ollama"), (8080, "llamacpp"), (1234, "lm_studio")];

/// The longest wait for a local server; loopback answers at once or not at all.
const LOCAL_WAIT: Duration = Duration::from_millis(50);

/// Says, in three lines, how to begin without a key.
fn no_key() -> Failure {
    let listening: Vec<String> = LOCAL
        .iter()
        .filter(|(port, _)| {
            let address = SocketAddr::from(([127, 0, 0, 1], *port));
            TcpStream::connect_timeout(&address, LOCAL_WAIT).is_ok()
        })
        .map(|(port, name)| format!("`--provider {name} --model ID` (port {port})"))
        .collect();
    let local = if listening.is_empty() {
        "none found on ports 11434, 8080, 1234".to_owned()
    } else {
        format!("listening: {}", listening.join(", "))
    };
    Failure::new(ErrorKind::Config, "No provider has a key").with_hint(format!(
        "With a vendor's key: `distiq setup` stores it, or set `ANTHROPIC_API_KEY` or \
         `OPENAI_API_KEY`\nWith a server on this machine: {local}\nWithout either: `distiq demo` \
         shows the whole way with a scripted model"
    ))
}
