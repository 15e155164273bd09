//! `distiq metrics`

use distiq_router::{DayMetrics, Metrics, RowFilter};
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
use crate::{ledger, output};

/// Arguments of `metrics`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One row a local day
    #[arg(long)]
    daily: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// Tells how requests went.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let ledger = ledger::open_existing(&world)?;
    let filter = RowFilter::default();
    if args.daily {
        let days = match &ledger {
            Some(ledger) => ledger.daily_metrics(&filter, &world.zone())?,
            None => Vec::new(),
        };
        show_days(&days, args.json.json);
        return Ok(());
    }
    let metrics = match &ledger {
        Some(ledger) => ledger.metrics(&filter)?,
        None => Metrics::default(),
    };
    if args.json.json {
        output::json_line(&metrics);
    } else {
        output::text(HEADING);
        output::text(&row("all", &metrics));
        tiers(&metrics);
    }
    Ok(())
}

fn show_days(days: &[DayMetrics], is_json: bool) {
    if is_json {
        output::json_line(&json!({ "days": days }));
        return;
    }
    output::text(HEADING);
    for day in days {
        output::text(&row(&day.day, &day.metrics));
        tiers(&day.metrics);
    }
}

const HEADING: &str =
    "day         requests  success      p50      p95      p99    first  cached        cost";

fn row(name: &str, metrics: &Metrics) -> String {
    format!(
        "{name:10}  {:>8}  {:>7}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>10}",
        metrics.requests,
        percent(metrics.success_rate),
        ms(metrics.p50_ms),
        ms(metrics.p95_ms),
        ms(metrics.p99_ms),
        ms(metrics.first_token_p50_ms),
        percent(metrics.cache_read_share),
        metrics.cost_nanousd.to_string(),
    )
}

/// Shows the shares of tiers, where a policy chose any.
fn tiers(metrics: &Metrics) {
    for tier in metrics.tiers.iter().filter(|tier| !tier.tier.is_empty()) {
        let share = percent(Some(tier.share));
        output::text(&format!("  tier {}: {} requests, {share}", tier.tier, tier.requests));
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

fn ms(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}
