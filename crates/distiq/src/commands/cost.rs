//! `distiq cost`

use distiq_agent::sessions;
use distiq_base::{Money, SessionId};
use distiq_router::{Escalations, GroupBy, Ledger, RowFilter, Saved, Totals};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::ledger::{self, Period};
use crate::output;
use crate::world::World;

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only today
    #[arg(long, conflicts_with = "month")]
    today: bool,
    /// Only this month
    #[arg(long)]
    month: bool,
    /// Only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Tell what was saved, by which means, and against what
    #[arg(long)]
    saved: bool,
    /// Tell providers, models, kinds, projects and days apart
    #[arg(long)]
    breakdown: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// By what a breakdown tells costs apart.
const PARTS: &[(&str, GroupBy)] = &[
    ("provider", GroupBy::Provider),
    ("model", GroupBy::Model),
    ("kind", GroupBy::Kind),
    ("project", GroupBy::Project),
    ("day", GroupBy::Day),
];

/// Tells what was spent.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let zone = world.zone();
    let ledger = ledger::open_existing(&world)?;
    let period = match (args.today, args.month) {
        (true, _) => Period::Today,
        (_, true) => Period::Month,
        _ => Period::All,
    };
    let session = args.session.as_deref().map(|text| session(&world, text)).transpose()?;
    let filter = RowFilter { session: session.clone(), ..period.filter(&ledger::now(&zone)) };
    let book = Book { ledger: ledger.as_deref(), zone: &zone };
    let total = book.total(&filter)?;
    if args.json.json {
        let mut parts = Map::new();
        for (name, by) in PARTS {
            parts.insert((*name).to_owned(), json!(book.groups(&filter, *by)?));
        }
        output::json_line(&json!({
            "period": period.name(),
            "session_id": session,
            "cost_nanousd": total.cost_nanousd,
            "priced": total.unpriced == 0,
            "totals": without_name(&total),
            "breakdown": parts,
            "escalations": book.escalations(&filter)?,
        }));
        return Ok(());
    }
    if session.is_some() || period != Period::All {
        output::text(&line(session.as_ref().map_or(period.name(), SessionId::as_str), &total));
    } else {
        let now = ledger::now(&zone);
        for (period, limit) in [
            (Period::Today, world.settings.limits.day),
            (Period::Month, world.settings.limits.month),
            (Period::All, None),
        ] {
            let total = book.total(&period.filter(&now))?;
            output::text(&format!("{}{}", line(period.name(), &total), of_limit(limit)));
        }
    }
    if args.saved {
        output::text(&waterfall(&total.saved));
    }
    if args.breakdown {
        for (name, by) in PARTS {
            output::text(&format!("\nby {name}"));
            for group in book.groups(&filter, *by)? {
                let name = if group.name.is_empty() { "(none)" } else { &group.name };
                output::text(&format!("  {}", line(name, &group)));
            }
        }
        let escalations = book.escalations(&filter)?;
        if escalations.answers > 0 {
            output::text(&format!("\n{}", super::stats::told(&escalations)));
        }
    }
    Ok(())
}

/// Finds a session by its id or a part of it; one without a log may still be on the ledger.
fn session(world: &World, text: &str) -> Result<SessionId, Failure> {
    sessions::find(&world.home.sessions(), text).or_else(|error| {
        SessionId::parse(text).filter(|id| id.as_str().len() == 36).ok_or_else(|| error.into())
    })
}

/// The ledger and the zone it is read in; without a ledger, nothing was spent.
struct Book<'a> {
    ledger: Option<&'a Ledger>,
    zone: &'a TimeZone,
}

impl Book<'_> {
    fn total(&self, filter: &RowFilter) -> Result<Totals, Failure> {
        Ok(self.groups(filter, GroupBy::All)?.into_iter().next().unwrap_or_default())
    }

    fn escalations(&self, filter: &RowFilter) -> Result<Escalations, Failure> {
        Ok(match self.ledger {
            Some(ledger) => ledger.escalations(filter)?,
            None => Escalations::default(),
        })
    }

    fn groups(&self, filter: &RowFilter, by: GroupBy) -> Result<Vec<Totals>, Failure> {
        Ok(match self.ledger {
            Some(ledger) => ledger.totals(filter, by, self.zone)?,
            None => Vec::new(),
        })
    }
}

fn without_name(total: &Totals) -> Value {
    let mut value = json!(total);
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("name");
    }
    value
}

fn line(name: &str, total: &Totals) -> String {
    let mut line = format!(
        "{name:28} {:>10}  {} {}, {} tokens in ({} from cache), {} out",
        total.cost_nanousd.to_string(),
        total.requests,
        if total.requests == 1 { "request" } else { "requests" },
        total.usage.prompt(),
        total.usage.cache_read,
        total.usage.output,
    );
    if total.unpriced > 0 {
        line.push_str(&format!("; {} without a known price", total.unpriced));
    }
    if total.estimated > 0 {
        line.push_str(&format!("; {} estimated", total.estimated));
    }
    line
}

/// Shows what was saved: first against a plain loop with the vendor's cache, which is what another tool
/// would cost, then step by step from the dearest way.
fn waterfall(saved: &Saved) -> String {
    const WIDTH: i64 = 30;
    if saved.requests == 0 {
        return "\nNothing is known to be saved yet: there is no request with a known price"
            .to_owned();
    }
    let whole = saved.baseline_premium_nanousd;
    let bar = |money: Money| {
        let length =
            i128::from(money.nanos().max(0)) * i128::from(WIDTH) / i128::from(whole.nanos().max(1));
        "█".repeat(usize::try_from(length).unwrap_or(0))
    };
    let row = |name: &str, money: Money, left: Money| {
        format!("\n{name:46} {:>12}  {}", money.to_string(), bar(left)).trim_end().to_owned()
    };
    let plain = saved.baseline_append_only_nanousd;
    let mut text = format!(
        "\na plain loop with the vendor's cache would cost {plain}; paid was {}{}",
        saved.paid_nanousd,
        less(saved.paid_nanousd, plain)
    );
    text.push_str(&row("\nthe same model or the premium one, uncached", whole, whole));
    let mut left = whole;
    for (name, part) in saved.parts() {
        left = left.minus(part);
        if part != Money::ZERO {
            text.push_str(&row(&format!("  {name}"), Money::ZERO.minus(part), left));
        }
    }
    text.push_str(&row("paid", saved.paid_nanousd, left));
    text
}

fn less(paid: Money, plain: Money) -> String {
    let part = i128::from(plain.minus(paid).nanos()) * 100;
    match part.checked_div(i128::from(plain.nanos())) {
        Some(percent) if percent > 0 => format!(", {percent} % less"),
        Some(percent) if percent < 0 => format!(", {} % more", -percent),
        _ => String::new(),
    }
}

fn of_limit(limit: Option<Money>) -> String {
    limit.map(|limit| format!("; limit {limit}")).unwrap_or_default()
}
