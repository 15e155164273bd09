//! Whether a request is worth a plan, who makes it and who carries it out, by what the whole is likely to cost. Pure.
//!
//! The chances are set by hand, not measured: how likely a model of a tier does work of a kind right, and how
//! much of the way to its planner's a plan takes it. Work that fails is done again one tier up.

use distiq_base::{Money, Usage};
use distiq_llm::{Catalogue, PriceContext};
use jiff::Timestamp;

use crate::classify::Label;
use crate::route::{Candidate, Table, Tier, expected_cost};

/// What a planner reads and writes.
const PLAN: Usage = Usage {
    input: 6_000,
    cache_read: 0,
    cache_write: 0,
    cache_write_long: 0,
    output: 1_500,
    reasoning: 0,
    cost: None,
};
/// The part of the work that is left where somebody has looked before, in percent.
const WORK_LEFT: i64 = 75;
/// How far a plan takes a model to its planner's chance.
const TAKES: f64 = 0.7;
/// How far a plan of a model that is no stronger takes it to certainty.
const OWN_PLAN: f64 = 0.1;
/// With a smaller chance a model cannot do it.
const CAN: f64 = 0.5;

/// What is known when it is decided whether to plan.
#[derive(Clone, Debug)]
pub struct PlanInputs<'a> {
    /// How hard the request is.
    pub label: Label,
    /// The models that there are, the cheapest tier first, each with its tier.
    pub ways: &'a [Candidate],
    /// The tier that would do the work without a plan.
    pub tier: Tier,
    /// When; prices have dates and hours.
    pub at: Timestamp,
}

/// Whether a plan is made, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanDecision {
    /// Whether the whole is likely to cost less with a plan.
    pub pays: bool,
    /// Who plans.
    pub planner: Candidate,
    /// Who plans where that one's plan is unclear.
    pub above: Option<Candidate>,
    /// Who carries the plan out.
    pub executor: Candidate,
    /// What the whole is likely to cost with a plan; `None` where a price is unknown.
    pub with_plan: Option<Money>,
    /// And without.
    pub without: Option<Money>,
    /// Why.
    pub reasons: Vec<String>,
}

/// Decides whether to plan; `None` where there is no model.
pub fn decide(inputs: &PlanInputs<'_>, catalogue: &Catalogue) -> Option<PlanDecision> {
    let PlanInputs { label, ways, .. } = *inputs;
    let direct =
        ways.iter().position(|way| tier(way) >= inputs.tier).unwrap_or(ways.len().checked_sub(1)?);
    let strong = ways.iter().rposition(|way| tier(way) <= Tier::Premium).unwrap_or(0);
    let planner = if label == Label::Complex { strong } else { 0 };
    let of = |at: usize| ways.get(at).cloned();
    let desk = Desk { inputs, catalogue };
    let without = desk.whole(direct, None);
    let able = (0..=direct).filter(|at| desk.chance(*at, Some(planner)) >= CAN);
    let costs = able.map(|at| (desk.whole(at, Some(planner)), at));
    // Where a price is unknown, nobody is cheaper than who would do it anyway.
    let best = costs.filter(|(cost, _)| cost.is_some()).min();
    let (with_plan, executor) = best.unwrap_or((None, direct));
    let with_plan = with_plan.zip(desk.price(planner, &PLAN)).map(|(work, plan)| work.plus(plan));
    let pays = label != Label::Simple
        && with_plan.zip(without).is_some_and(|(with_plan, without)| with_plan < without);
    let reason = match (label, with_plan, without) {
        (Label::Simple, ..) => "a simple request needs no plan".to_owned(),
        (_, Some(with_plan), Some(without)) => {
            format!("with a plan the whole is likely to cost {with_plan}, without {without}")
        }
        _ => "a price is unknown".to_owned(),
    };
    Some(PlanDecision {
        pays,
        planner: of(planner)?,
        above: of(planner + 1).filter(|way| tier(way) <= Tier::Reasoning),
        executor: of(executor)?,
        with_plan,
        without,
        reasons: vec![reason],
    })
}

fn tier(way: &Candidate) -> Tier {
    way.tier.unwrap_or(Tier::Balanced)
}

struct Desk<'a> {
    inputs: &'a PlanInputs<'a>,
    catalogue: &'a Catalogue,
}

impl Desk<'_> {
    /// Returns how likely a model does the work right, with somebody's plan or without one.
    fn chance(&self, at: usize, planner: Option<usize>) -> f64 {
        let of = |at: usize| {
            self.inputs.ways.get(at).map_or(0.0, |way| chance(tier(way), self.inputs.label))
        };
        planner.map_or_else(|| of(at), |planner| with_plan(of(at), of(planner)))
    }

    /// Returns what the work is likely to cost that begins at a model and goes up where it fails.
    fn whole(&self, from: usize, planner: Option<usize>) -> Option<Money> {
        let (mut sum, mut reached) = (0.0, 1.0);
        for at in from..self.inputs.ways.len() {
            let way = self.inputs.ways.get(at)?;
            let work = expected_cost(self.catalogue, way, self.inputs.label, self.inputs.at)?;
            let left = if planner.is_some() { WORK_LEFT } else { 100 };
            sum += reached * (work.nanos() * left / 100) as f64;
            reached *= 1.0 - self.chance(at, planner);
        }
        Some(Money::from_nanos(sum as i64))
    }

    fn price(&self, at: usize, usage: &Usage) -> Option<Money> {
        let way = self.inputs.ways.get(at)?;
        let context = PriceContext::at(self.inputs.at);
        self.catalogue.price(&way.provider, &way.model, usage, &context)
    }
}

/// Returns how likely a model does work right with a plan, from its own chance without one and its planner's.
pub fn with_plan(own: f64, planner: f64) -> f64 {
    if planner > own { own + (planner - own) * TAKES } else { own + (1.0 - own) * OWN_PLAN }
}

/// Returns how likely a model of a tier does work of a kind right.
pub const fn chance(tier: Tier, label: Label) -> f64 {
    let [simple, medium, complex] = match tier {
        Tier::Zero | Tier::Local | Tier::Free => [0.85, 0.5, 0.15],
        Tier::Budget => [0.95, 0.75, 0.35],
        Tier::Balanced => [0.98, 0.9, 0.65],
        Tier::Premium => [0.99, 0.95, 0.85],
        Tier::Reasoning => [0.99, 0.97, 0.9],
    };
    match label {
        Label::Simple => simple,
        Label::Medium => medium,
        Label::Complex => complex,
    }
}

impl Table {
    /// Returns the models that may plan and carry out, the cheapest tier first: that of the cheapest tier and
    /// those above it.
    pub fn ways(&self, at: Timestamp) -> Vec<Candidate> {
        let cheapest = self.tier(Tier::Budget, "auto").ok();
        let Some(first) = cheapest.and_then(|route| route.candidates.into_iter().next()) else {
            return Vec::new();
        };
        let mut ways = self.ladder(&first, Tier::Budget, at);
        ways.insert(0, first);
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(models: &[(&str, Tier)]) -> Vec<Candidate> {
        let way = |(model, tier): &(&str, Tier)| Candidate {
            tier: Some(*tier),
            ..Candidate::new("anthropic", *model)
        };
        models.iter().map(way).collect()
    }

    fn decided(label: Label, tier: Tier, ways: &[Candidate]) -> Option<PlanDecision> {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        decide(&PlanInputs { label, ways, tier, at }, &Catalogue::builtin())
    }

    #[test]
    fn a_plan_is_made_where_the_whole_costs_less_with_it() {
        let all = ways(&[
            ("claude-haiku-5-5", Tier::Budget),
            ("claude-sonnet-5-5", Tier::Balanced),
            ("claude-opus-5-5", Tier::Premium),
        ]);
        let simple = decided(Label::Simple, Tier::Budget, &all).unwrap();
        assert!(!simple.pays, "{simple:?}");
        let medium = decided(Label::Medium, Tier::Balanced, &all).unwrap();
        assert_eq!((medium.pays, medium.planner.model.as_str()), (true, "claude-haiku-5-5"));
        assert_eq!(medium.above.unwrap().model, "claude-sonnet-5-5");
        let complex = decided(Label::Complex, Tier::Premium, &all).unwrap();
        assert_eq!((complex.pays, complex.planner.model.as_str()), (true, "claude-opus-5-5"));
        assert!(complex.executor.tier < Some(Tier::Premium), "{complex:?}");
        assert!(complex.with_plan < complex.without && complex.above.is_none());
        // One model alone plans for itself, which costs a little more than it spares, or less.
        let alone = ways(&[("claude-opus-5-5", Tier::Premium)]);
        let complex = decided(Label::Complex, Tier::Premium, &alone).unwrap();
        assert_eq!((complex.executor, complex.above), (alone[0].clone(), None));
    }

    #[test]
    fn without_prices_or_models_nothing_is_planned() {
        let unknown = ways(&[("nobody-knows", Tier::Budget), ("nor-this", Tier::Premium)]);
        let decision = decided(Label::Complex, Tier::Premium, &unknown).unwrap();
        assert_eq!((decision.pays, decision.executor), (false, unknown[1].clone()));
        assert_eq!(decided(Label::Complex, Tier::Premium, &[]), None);
    }
}
