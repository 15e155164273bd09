//! The user's own ledger and logs under another policy.
//!
//! Each request that is on the ledger is priced as it would be at the model that the policy would have chosen for
//! the words that its session began with, with the tokens that it had. A gateway's requests have no log: those that a
//! policy chose the model of are taken for what their row says.

use std::collections::HashMap;
use std::sync::Arc;

use distiq_agent::sessions;
use distiq_base::{Content, Event, Money, Role, SessionId, Usage};
use distiq_llm::{Catalogue, PriceContext};
use distiq_router::classify::Classifier;
use distiq_router::{Candidate, Difficulty, Inputs, Policy, RequestRow, RowFilter, Table, Tier};
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::world::World;
use crate::{ledger, output, providers};

/// Most requests that are gone over, the newest ones.
const MOST: u32 = 200_000;

/// What this cannot know.
const UNKNOWN: [&str; 6] = [
    "whether another model would have done the work, with as many requests and tokens",
    "how other models count tokens: the counts are those of the model that was asked",
    "what another vendor would have read from its cache: the tokens are split as they were",
    "what was said where no log of the session is kept and no policy chose the model: such requests stay at their model and cost what they did",
    "whether a plan would have been made, or a stronger model gone on: plans cost what they did, and who went on is asked again, at the policy's tier where that is higher",
    "what was asked before the newest 200,000 requests",
];

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    /// Requests to models that are on the ledger with a price.
    requests: u64,
    /// Of these, those for which the policy would have chosen a model.
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
    let mut desk = Desk { world, policy, table, catalogue, sessions: HashMap::new() };
    let mut all = Replayed::default();
    // The oldest first: what a session began at tells who went on from whom.
    for row in rows.iter().rev().filter(|row| row.provider != "local") {
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
    sessions: HashMap<SessionId, Begun>,
}

/// How a session began.
struct Begun {
    /// Where its first words go to; `None` where they are not known.
    way: Option<Way>,
    /// The tier that its first request went to.
    tier: Option<Tier>,
}

/// Where a request would have gone.
#[derive(Clone)]
struct Way {
    tier: Tier,
    to: Candidate,
}

impl Desk<'_> {
    fn take(&mut self, row: &RequestRow, all: &mut Replayed) {
        let Some(paid) = row.cost_nanousd else {
            all.unpriced += 1;
            return;
        };
        let way = self.way(row);
        let replayed = match &way {
            Some(way) => match self.price(&way.to, &row.usage, row) {
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
        let name = way.map_or("as it was", |way| way.tier.as_str());
        let moved = all.tiers.entry(name.to_owned()).or_default();
        moved.requests += 1;
        moved.cost_nanousd = moved.cost_nanousd.plus(paid);
        moved.replayed_nanousd = moved.replayed_nanousd.plus(replayed);
    }

    /// Returns where a request would have gone; `None` where it stays at its model.
    fn way(&mut self, row: &RequestRow) -> Option<Way> {
        let tier = row.tier.as_deref().and_then(Tier::parse);
        match (row.kind.as_str(), &row.session) {
            ("execute", Some(session)) => {
                if !self.sessions.contains_key(session) {
                    let words = first_words(self.world, session);
                    let way = words.and_then(|words| self.way_of_words(&words, row));
                    self.sessions.insert(session.clone(), Begun { way, tier });
                }
                let begun = self.sessions.get(session)?;
                // Later words would not have changed the model, and who went on from a weaker one did so for a reason.
                let went_on = tier > begun.tier && begun.tier.is_some();
                begun.way.clone().filter(|way| !went_on || Some(way.tier) > tier)
            }
            // Nobody logs what a gateway's clients say; what a policy took it for is on its row.
            ("gateway", _) => {
                self.way_of_tier(Difficulty::told_in(&row.reasons)?.tier(self.policy))
            }
            // Plans, summaries and the like have models of their own.
            _ => None,
        }
    }

    fn way_of_words(&self, words: &str, row: &RequestRow) -> Option<Way> {
        let verdict = Classifier::builtin().classify(words);
        let inputs = Inputs { verdict: &verdict, policy: self.policy, at: row.at };
        let Ok((tier, route)) = self.table.open("auto", None, words, &inputs) else {
            return self.way_of_tier(inputs.tier().0);
        };
        let to = route.candidates.into_iter().next()?;
        Some(Way { tier, to })
    }

    /// Returns the first model of a tier, whether its provider is set up or not.
    fn way_of_tier(&self, tier: Tier) -> Option<Way> {
        let route = self.table.tier(tier, "auto").ok();
        let set_up = route.and_then(|route| route.candidates.into_iter().next());
        let usual = || {
            let (provider, model) = self.table.models(tier).first()?.split_once('/')?;
            Some(Candidate::new(provider, model))
        };
        Some(Way { tier, to: set_up.or_else(usual)? })
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
