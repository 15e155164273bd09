//! `distiq route`

use std::time::Instant;

use distiq_llm::Registry;
use distiq_router::classify::{Classifier, Verdict};
use distiq_router::{Forecast, Inputs, Policy, Table};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::World;
use crate::{output, providers, rows};

/// The longest row of `--jsonl`: a prompt of 4 MB, with JSON's escapes.
const MAX_ROW_BYTES: usize = 8 << 20;

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The request
    #[arg(value_name = "PROMPT", trailing_var_arg = true, required_unless_present = "jsonl")]
    prompt: Vec<String>,
    /// How models are chosen [default: the setting `policy`, `balanced` where that is `fixed`]
    #[arg(long, value_name = "POLICY", value_parser = ["cheapest", "balanced", "best"])]
    policy: Option<String>,
    /// Print JSON; `distiq schema route` prints its shape
    #[arg(long)]
    json: bool,
    /// Read rows `{id, text}` from standard input and print a row for each
    #[arg(long, conflicts_with_all = ["json", "prompt"])]
    jsonl: bool,
}

/// What is needed to tell where requests go.
struct Desk {
    table: Table,
    policy: Policy,
    at: Timestamp,
}

impl Desk {
    fn open(global: &Global, args: &Args) -> Result<Self, Failure> {
        let world = World::open(global, &[])?;
        world.say_notices();
        let registry: Registry = providers::registry(&world)?;
        let table = providers::table(&world, &registry)?;
        let named = args.policy.as_deref().and_then(Policy::parse);
        let policy = named.unwrap_or(table.policy);
        Ok(Self { table, policy, at: Timestamp::now() })
    }

    /// Decides, and tells in how many microseconds.
    fn decide(&self, prompt: &str) -> (Verdict, Forecast, u64) {
        let classifier = Classifier::builtin();
        let begin = Instant::now();
        let verdict = classifier.classify(prompt);
        let us = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let inputs = Inputs { verdict: &verdict, policy: self.policy, at: self.at };
        let forecast = self.table.forecast_for(prompt, &inputs);
        (verdict, forecast, us)
    }

    fn row(&self, prompt: &str) -> Value {
        let (verdict, forecast, us) = self.decide(prompt);
        let [simple, medium, complex] = verdict.probabilities.map(rounded);
        json!({
            "label": verdict.label,
            "confidence": rounded(verdict.confidence),
            "tier": forecast.tier,
            "model": forecast.model.map(|model| model.to_string()),
            "reasons": forecast.reasons,
            "expected_cost_nanousd": forecast.expected_cost.map(|cost| cost.nanos()),
            "us": us,
            "probabilities": { "simple": simple, "medium": medium, "complex": complex },
        })
    }
}

fn rounded(share: f32) -> f64 {
    (f64::from(share) * 10_000.0).round() / 10_000.0
}

/// Tells where a request would go, and why; asks no model.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let desk = Desk::open(global, args)?;
    if args.jsonl {
        return rows::answer_long(MAX_ROW_BYTES, "{\"id\": …, \"text\": \"…\"}", |row| {
            let mut answer = desk.row(row.text("text")?);
            if let Some(answer) = answer.as_object_mut() {
                answer.shift_insert(0, "id".to_owned(), json!(row.id));
            }
            Ok(answer)
        });
    }
    let prompt = args.prompt.join(" ");
    if args.json {
        output::json_line(&desk.row(&prompt));
        return Ok(());
    }
    let (verdict, forecast, us) = desk.decide(&prompt);
    let sure = (f64::from(verdict.confidence) * 100.0).round();
    output::text(&format!("{} ({sure} % sure, {us} µs)", verdict.label));
    let model = forecast.model.map_or_else(|| "no model is set up".to_owned(), |m| m.to_string());
    output::text(&format!("tier {}: {model}", forecast.tier));
    if let Some(cost) = forecast.expected_cost {
        output::text(&format!("likely to cost {cost} with all its requests"));
    }
    forecast.reasons.iter().for_each(|reason| output::text(&format!("  {reason}")));
    Ok(())
}
