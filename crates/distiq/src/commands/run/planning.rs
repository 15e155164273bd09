//! Whether a run is planned first, by whom, and who carries the plan out.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use distiq_agent::{PlanConfig, Rung};
use distiq_base::plan::MAX_PLAN_BYTES;
use distiq_base::{ErrorKind, Plan};
use distiq_router::classify::Classifier;
use distiq_router::{Candidate, Inputs, Table, Task};

use super::Options;
use crate::ask::TerminalAsk;
use crate::failure::Failure;
use crate::providers::{self, Choice};
use crate::world::World;

/// When a run is planned first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// In any case
    Always,
    /// In any case, and that is all
    Only,
    /// Where the whole is likely to cost less
    Auto,
    /// Never
    Off,
}

/// Returns how the run is planned; where it is, the choice becomes who carries the plan out.
pub fn config(
    world: &World,
    options: &Options,
    table: &Table,
    choice: &mut Choice,
    wanted: Option<&str>,
) -> Result<Option<PlanConfig>, Failure> {
    let usual = if world.settings.economy.plans { When::Auto } else { When::Off };
    let when = options.plan.unwrap_or(usual);
    let ask = Arc::new(TerminalAsk::default());
    let given = options.plan_file.as_deref().map(read).transpose()?;
    let none = PlanConfig {
        given: None,
        planners: Vec::new(),
        only: when == When::Only,
        is_asked: when != When::Auto || options.plan_file.is_some(),
        reasons: Vec::new(),
        without: None,
        ask,
    };
    if given.is_some() {
        let reasons = vec!["given by the user".to_owned()];
        return Ok(Some(PlanConfig { given, reasons, ..none }));
    }
    if when == When::Off {
        return Ok(None);
    }
    let verdict = Classifier::builtin().classify(wanted.unwrap_or_default());
    let at = jiff::Timestamp::now();
    let label = Inputs { verdict: &verdict, policy: table.policy, at }.care();
    let chosen = choice.chosen.as_ref();
    let decision = chosen.and_then(|chosen| providers::plan(table, chosen, label, at));
    if when == When::Auto && !decision.as_ref().is_some_and(|decision| decision.pays) {
        return Ok(None);
    }
    let task = table
        .task(Task::Plan)
        .map_err(|error| Failure::of(ErrorKind::Config, &error).with_hint(error.hint()))?;
    let named = task.and_then(|route| route.candidates.into_iter().next());
    let rung = |way: Candidate| Rung {
        max_output_tokens: providers::longest_answer(&table.catalogue, &way.provider, &way.model),
        way,
    };
    let own = Candidate::new(&choice.provider, &choice.model);
    let first = named.or_else(|| decision.as_ref().map(|decision| decision.planner.clone()));
    let first = first.unwrap_or_else(|| own.clone());
    // Without a policy there is no tier above: the same model is asked once more.
    let above = match &decision {
        Some(decision) => decision.above.clone(),
        None => Some(first.clone()),
    };
    let mut reasons = vec![match when {
        When::Auto if label != verdict.label => {
            format!("the request is {} and may be harder", verdict.label)
        }
        When::Auto => format!("the request is {label}"),
        _ => "asked for by `--plan`".to_owned(),
    }];
    reasons.extend(decision.iter().flat_map(|decision| decision.reasons.clone()));
    let planners = std::iter::once(first).chain(above).map(rung).collect();
    let without = decision
        .filter(|_| when != When::Only)
        .and_then(|decision| providers::carry_out(table, decision, choice, label));
    Ok(Some(PlanConfig { planners, reasons, without, ..none }))
}

/// Returns what is asked for where the user gives a plan and no words.
pub fn words(path: &Path) -> Result<String, Failure> {
    Ok(format!("Carry out the plan: {}", read(path)?.summary.trim()))
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_PLAN_BYTES as u64 + 1).read_to_string(&mut text))
        .map_err(|error| Failure::io(format!("Cannot read {}", path.display()), &error))?;
    Plan::parse(&text).map_err(|why| {
        let message = format!("{} cannot be carried out: {why}", path.display());
        Failure::new(ErrorKind::Usage, message).with_hint(
            "`distiq run --plan=only PROMPT` prints a plan, `distiq schema plan` its shape",
        )
    })
}
