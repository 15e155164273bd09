//! `distiq simulate`

mod replay;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use distiq_base::ErrorKind;
use distiq_llm::Catalogue;
use distiq_router::Policy;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::month::{self, DEFAULT_MIX, Mix, Month, Setup, Switches};
use crate::world::World;
use crate::{output, providers, terminal};

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub options: Options,
    /// How models are chosen [default: the setting `policy`, `balanced` where that is `fixed`, and the others beside it]
    #[arg(long, value_name = "POLICY", value_parser = ["cheapest", "balanced", "best"])]
    policy: Option<String>,
    /// Print the mix of the program, as a file to begin with
    #[arg(long, conflicts_with_all = ["mix", "replay"])]
    print_mix: bool,
    /// Do not simulate: tell what your own requests would have cost under the policy
    #[arg(long, conflicts_with_all = ["mix", "requests", "seed"])]
    replay: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// What a month is made of.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What the month is made of [default: the mix of the program]
    #[arg(long, value_name = "FILE")]
    mix: Option<PathBuf>,
    /// Prices in the place of those of the settings
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Another number of requests; the costs are those of so many
    #[arg(long, value_name = "N")]
    requests: Option<u32>,
    /// Another month of the same mix
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

impl Options {
    /// Reads all that a month needs.
    pub fn setup(&self, world: &World, policy: Policy) -> Result<Setup, Failure> {
        let mut mix = Mix::load(self.mix.as_deref())?;
        if let Some(requests) = self.requests {
            mix = mix.with_requests(requests)?;
        }
        let catalogue = Arc::new(self.catalogue(world)?);
        let settings = world.settings.clone();
        let switches = Switches::default();
        Ok(Setup { mix, settings, catalogue, policy, seed: self.seed, switches })
    }

    fn catalogue(&self, world: &World) -> Result<Catalogue, Failure> {
        let Some(path) = &self.prices else { return providers::catalogue(world) };
        if !path.exists() {
            let message = format!("No price file at {}", path.display());
            return Err(Failure::new(ErrorKind::Usage, message).with_hint("Name one that is there"));
        }
        Catalogue::with_user_file(path).map_err(|error| {
            Failure::of(ErrorKind::Usage, &error).with_hint(format!("Mend {}", path.display()))
        })
    }
}

/// Runs a month, or goes over the user's own requests.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    if args.print_mix {
        output::raw(DEFAULT_MIX);
        return Ok(());
    }
    let world = World::open(global, &[])?;
    let named = args.policy.as_deref().and_then(Policy::parse);
    let policy = named.unwrap_or_else(|| usual(&world));
    if args.replay {
        let catalogue = Arc::new(args.options.catalogue(&world)?);
        return replay::run(&world, policy, catalogue, args.json.json);
    }
    let setup = args.options.setup(&world, policy)?;
    let mut months = Vec::new();
    for policy in policies(policy, named.is_some()) {
        if !args.json.json {
            terminal::say(&format!("note: a month under the policy {} …", policy.as_str()));
        }
        months.push((policy, month::run(&Setup { policy, ..setup.clone() })?));
    }
    match args.json.json {
        true => output::json_line(&show::json(&setup, &months)),
        false => output::text(&show::text(&setup, &months)),
    }
    Ok(())
}

/// Returns the policy of the settings.
pub fn usual(world: &World) -> Policy {
    match Policy::parse(&world.settings.policy).unwrap_or_default() {
        Policy::Fixed => Policy::Balanced,
        policy => policy,
    }
}

/// Returns the policies to run: the wanted one first.
fn policies(first: Policy, alone: bool) -> Vec<Policy> {
    let others = [Policy::Cheapest, Policy::Balanced, Policy::Best];
    let others = others.into_iter().filter(|policy| *policy != first && !alone);
    std::iter::once(first).chain(others).collect()
}

/// What was run, the wanted policy first.
type Months = [(Policy, Month)];
