//! The user's own ledger and logs under another policy.
//!
//! Each request that is on the ledger is priced as it would be at the model that the policy would have chosen for
//! the words that the user said, with the tokens that it had.

use std::collections::HashMap;
use std::sync::Arc;

use distiq_agent::sessions;
use distiq_base::{Content, Event, Money, Role, SessionId, Usage};
use distiq_llm::{Catalogue, PriceContext};
use distiq_router::classify::{Classifier, Label};
use distiq_router::{Candidate, Inputs, Policy, RequestRow, RowFilter, Table, Tier};
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::world::World;
use crate::{ledger, output, providers};

/// Most requests that are gone over, the newest first.
const MOST: u32 = 1_000_000;

/// What this cannot know.
const UNKNOWN: [&str; 4] = [
    "whether another model would have done the work, with as many requests and tokens",
    "how other models count tokens: the counts are those of the model that was asked",
    "what another vendor would have read from its cache: the tokens are split as they were",
    "what was said where no log of the session is kept: such requests stay at their model and cost what they did",
];

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    /// Requests to models that are on the ledger with a price.
    requests: u64,
    /// Of these, those whose words are known, and that were judged.
    judged: u64,
    /// Requests without a known price, then or under the policy; they are left out.
    unpriced: u64,
    cost_nanousd: Money,
    replayed_nanousd: Money,
    tiers: std::collections::BTreeMap<String, Moved>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Moved {
    requests: u64,
    cost_nanousd: Money,
    replayed_nanousd: Money,
}

/// Goes over the user's ledger.
pub fn run(
    world: &World,
    policy: Policy,
    catalogue: Arc<Catalogue>,
    is_json: bool,
) -> Result<(), Failure> {
    let registry = providers::registry(world)?;
    let table = Table::new(&world.settings, &registry, Arc::clone(&catalogue));
    let rows = match ledger::open_existing(world)? {
        Some(ledger) => ledger.requests(&RowFilter::default(), MOST)?,
        None => Vec::new(),
    };
    let mut desk = Desk { world, policy, table, catalogue, said: HashMap::new() };
    let mut all = Replayed::default();
    for row in rows.iter().filter(|row| row.provider != "local") {
        desk.take(row, &mut all);
    }
    if is_json {
        output::json_line(&json!({
            "simulated": false,
            "policy": policy.as_str(),
            "replay": all,
            "unknown": UNKNOWN,
        }));
        return Ok(());
    }
    show(policy, &all);
    Ok(())
}

struct Desk<'a> {
    world: &'a World,
    policy: Policy,
    table: Table,
    catalogue: Arc<Catalogue>,
    /// What the user began each session with.
    said: HashMap<SessionId, Option<Label>>,
}

impl Desk<'_> {
    fn take(&mut self, row: &RequestRow, all: &mut Replayed) {
        let Some(paid) = row.cost_nanousd else {
            all.unpriced += 1;
            return;
        };
        let tier = row.session.clone().and_then(|session| self.tier(&session, row));
        let way = tier.and_then(|tier| self.way(tier));
        let replayed = match &way {
            Some(way) => match self.price(way, &row.usage, row) {
                Some(cost) => cost,
                None => {
                    all.unpriced += 1;
                    return;
                }
            },
            None => paid,
        };
        all.requests += 1;
        all.judged += u64::from(way.is_some());
        all.cost_nanousd = all.cost_nanousd.plus(paid);
        all.replayed_nanousd = all.replayed_nanousd.plus(replayed);
        let name = tier.filter(|_| way.is_some()).map_or("as it was", Tier::as_str);
        let moved = all.tiers.entry(name.to_owned()).or_default();
        moved.requests += 1;
        moved.cost_nanousd = moved.cost_nanousd.plus(paid);
        moved.replayed_nanousd = moved.replayed_nanousd.plus(replayed);
    }

    /// Returns the tier that a session's first words go to; later words would not have changed its model.
    fn tier(&mut self, session: &SessionId, row: &RequestRow) -> Option<Tier> {
        // Summaries have a model of their own.
        if row.kind != "execute" {
            return None;
        }
        if !self.said.contains_key(session) {
            let label = first_words(self.world, session).map(|text| self.judge(&text, row));
            self.said.insert(session.clone(), label.flatten());
        }
        let label = self.said.get(session).copied().flatten()?;
        Some(self.policy.tier_for(label))
    }

    fn judge(&self, text: &str, row: &RequestRow) -> Option<Label> {
        let verdict = Classifier::builtin().classify(text);
        let (tier, _) = Inputs { verdict: &verdict, policy: self.policy, at: row.at }.tier();
        // The tier may be above that of the label, because it may be harder than it seems.
        let same = |label: &Label| self.policy.tier_for(*label) == tier;
        Label::ALL.into_iter().find(same).or(Some(verdict.label))
    }

    /// Returns the first model of a tier, whether its provider is set up or not.
    fn way(&self, tier: Tier) -> Option<Candidate> {
        let set_up = self.table.tier(tier, "auto").ok();
        let set_up = set_up
            .and_then(|route| route.candidates.into_iter().find(|way| way.tier == Some(tier)));
        set_up.or_else(|| {
            let (provider, model) = self.table.models(tier).first()?.split_once('/')?;
            Some(Candidate::new(provider, model))
        })
    }

    fn price(&self, way: &Candidate, usage: &Usage, row: &RequestRow) -> Option<Money> {
        let usage = Usage { cost: None, ..*usage };
        self.catalogue.price(&way.provider, &way.model, &usage, &PriceContext::at(row.at))
    }
}

/// Returns what the user said first in a session, where its log is still there.
fn first_words(world: &World, session: &SessionId) -> Option<String> {
    let records = sessions::records(&world.home.sessions(), session).ok()?;
    let message = records.into_iter().find_map(|record| match record.event {
        Event::Message { message } if message.role == Role::User => Some(message),
        _ => None,
    })?;
    message.content.into_iter().find_map(|content| match content {
        Content::Text { text } => Some(text),
        _ => None,
    })
}

fn show(policy: Policy, all: &Replayed) {
    if all.requests == 0 {
        output::text(
            "Your ledger has no request with a known price: there is nothing to go over yet.",
        );
        return;
    }
    output::text(&format!(
        "Your {} requests cost {}; under the policy {} they would have cost {}.\n",
        all.requests,
        all.cost_nanousd,
        policy.as_str(),
        all.replayed_nanousd
    ));
    for (tier, moved) in &all.tiers {
        output::text(&format!(
            "  {tier:<10} {:>10} -> {:>10}  {} requests",
            moved.cost_nanousd.to_string(),
            moved.replayed_nanousd.to_string(),
            moved.requests
        ));
    }
    if all.unpriced > 0 {
        output::text(&format!("  {} requests without a known price are left out", all.unpriced));
    }
    output::text("\nNot known");
    for line in UNKNOWN {
        output::text(&format!("- {line}"));
    }
}
