//! `distiq stats`

use distiq_agent::sessions;
use distiq_router::{Escalations, GroupBy, Metrics, RowFilter, Totals};
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
use crate::{ledger, output};

/// Arguments of `stats`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    json: JsonFlag,
}

/// Tells how much Distiq was used, and how well it went.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let zone = world.zone();
    let filter = RowFilter::default();
    let (mut totals, mut models, mut metrics, mut since) =
        (Totals::default(), Vec::new(), Metrics::default(), None);
    let mut escalations = Escalations::default();
    if let Some(ledger) = ledger::open_existing(&world)? {
        totals =
            ledger.totals(&filter, GroupBy::All, &zone)?.into_iter().next().unwrap_or_default();
        models = ledger.totals(&filter, GroupBy::Model, &zone)?;
        metrics = ledger.metrics(&filter)?;
        since = ledger.first_at()?;
        escalations = ledger.escalations(&filter)?;
    }
    let sessions = sessions::newest_first(&world.home.sessions()).count();
    if args.json.json {
        output::json_line(&json!({
            "since": since,
            "sessions": sessions,
            "requests": totals.requests,
            "failed": totals.failed,
            "usage": totals.usage,
            "cost_nanousd": totals.cost_nanousd,
            "saved_prompt_cache_nanousd": totals.saved_prompt_cache_nanousd,
            "saved": totals.saved,
            "cache_read_share": metrics.cache_read_share,
            "success_rate": metrics.success_rate,
            "p50_ms": metrics.p50_ms,
            "models": models,
            "escalations": escalations,
        }));
        return Ok(());
    }
    let since = since.map_or_else(
        || "never".to_owned(),
        |since| since.to_zoned(zone).strftime("%Y-%m-%d").to_string(),
    );
    let share = |share: Option<f64>| {
        share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
    };
    for (name, value) in [
        ("used since", since),
        ("sessions", sessions.to_string()),
        ("requests", format!("{} ({} failed or cancelled)", totals.requests, totals.failed)),
        (
            "tokens in",
            format!("{}, {} from cache", totals.usage.prompt(), share(metrics.cache_read_share)),
        ),
        ("tokens out", totals.usage.output.to_string()),
        ("success", share(metrics.success_rate)),
        ("cost", totals.cost_nanousd.to_string()),
        ("saved by vendors' caches", totals.saved_prompt_cache_nanousd.to_string()),
    ] {
        output::text(&format!("{name:25} {value}"));
    }
    for model in models {
        output::text(&format!(
            "  {:23} {}, {} requests",
            model.name, model.cost_nanousd, model.requests
        ));
    }
    if escalations.answers > 0 {
        output::text(&told(&escalations));
    }
    Ok(())
}

/// Tells how often a stronger model went on, and from whom.
pub fn told(escalations: &Escalations) -> String {
    let rate = escalations.rate.unwrap_or(0.0) * 100.0;
    let mut text = format!(
        "{:25} {} of {} ({rate:.0} %)",
        "escalated answers", escalations.escalated, escalations.answers
    );
    if escalations.corrected > 0 {
        let corrected = escalations.corrected;
        text.push_str(&format!("\n  told what to do         {corrected}"));
    }
    for model in &escalations.models {
        let name = format!("{}/{}", model.provider, model.model);
        text.push_str(&format!(
            "\n  {name:23} {} of {} ({:.0} %), {:.2} sure on average",
            model.escalated,
            model.answers,
            model.rate * 100.0,
            model.mean_confidence
        ));
    }
    let reasons: Vec<String> =
        escalations.reasons.iter().map(|why| format!("{} {}", why.name, why.count)).collect();
    if !reasons.is_empty() {
        text.push_str(&format!("\n  because of              {}", reasons.join(", ")));
    }
    text
}
