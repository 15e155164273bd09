//! What a model's name stands for. Pure: the table is made from the settings, and nobody is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use distiq_base::config::{EconomySettings, RouteSettings, Settings};
use distiq_base::{Dialect, Money};
use distiq_llm::registry::Offer;
use distiq_llm::{Catalogue, Registry};

use super::{Candidate, Examples, Policy, Route, Tier};

/// Most aliases from a name to what it stands for.
const MAX_ALIASES: usize = 8;
/// Most ways of one route.
const MAX_CANDIDATES: usize = 16;

/// The ways that there are, and the names for them.
#[derive(Clone, Debug)]
pub struct Table {
    /// The providers, the one to prefer first.
    pub offers: Vec<Offer>,
    /// Tiers, aliases, fall-backs and tasks.
    pub routes: RouteSettings,
    /// The user's own routes.
    pub examples: Examples,
    /// How `auto` is chosen.
    pub policy: Policy,
    /// How long the model that a policy chose has for itself before the best tier's is asked, too, and the most that
    /// this may cost; `None` where none is raced.
    pub race: Option<(Duration, Money)>,
    /// The models that are known.
    pub catalogue: Arc<Catalogue>,
    /// Whether models that nobody knows go, as they are, to the provider whose name is the caller's
    /// dialect.
    pub takes_unknown: bool,
}

/// Why a name stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nobody offers it.
    #[error("No provider that is set up offers the model `{name}`")]
    Unknown {
        /// The name, cut where it is very long.
        name: String,
        /// The providers that are set up.
        providers: Vec<String>,
    },
    /// Its provider cannot be used.
    #[error("The model `{name}` cannot be asked: {problem}")]
    NotSetUp {
        /// The name.
        name: String,
        /// Why not.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// An alias leads back to itself.
    #[error("The alias `{name}` leads nowhere: {}", chain.join(" → "))]
    Loop {
        /// The alias.
        name: String,
        /// What it led to.
        chain: Vec<String>,
    },
    /// No such tier.
    #[error("`{name}` names no tier")]
    UnknownTier {
        /// The name.
        name: String,
    },
}

impl RouteError {
    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            RouteError::Unknown { providers, .. } if providers.is_empty() => {
                "Set a provider up first: `distiq setup`".into()
            }
            RouteError::Unknown { providers, .. } => {
                format!("Write `PROVIDER/MODEL`, the providers being {}", providers.join(", "))
            }
            RouteError::NotSetUp { hint, .. } => hint.clone(),
            RouteError::Loop { .. } => "Mend it under `[aliases]`".into(),
            RouteError::UnknownTier { .. } => {
                "Write `auto`, or `auto:` with local, free, budget, balanced, premium or reasoning"
                    .into()
            }
        }
    }
}

/// What another model may be set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Task {
    Plan,
    Execute,
    Summarize,
    Embed,
    Vision,
}

impl Task {
    /// Returns the name used in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Task::Plan => "plan",
            Task::Execute => "execute",
            Task::Summarize => "summarize",
            Task::Embed => "embed",
            Task::Vision => "vision",
        }
    }
}

impl Table {
    /// Makes the table of the settings and the providers that they make.
    pub fn new(settings: &Settings, registry: &Registry, catalogue: Arc<Catalogue>) -> Self {
        let EconomySettings { race_ms, race_cap, .. } = settings.economy;
        Self {
            offers: registry.offers(),
            examples: Examples::new(&settings.routes),
            routes: settings.routes.clone(),
            policy: Policy::parse(&settings.policy).unwrap_or_default(),
            race: race_ms.map(Duration::from_millis).zip(race_cap),
            catalogue,
            takes_unknown: false,
        }
    }

    /// Returns the ways that a name stands for, where `dialect` is how the caller speaks: of equal
    /// ways, one that needs no translation comes first.
    ///
    /// An alias counts first, then `auto`, then `PROVIDER/MODEL`, then a provider's own list of
    /// models, then the catalogue, then providers that take any name.
    ///
    /// # Errors
    /// Where it stands for nothing that can be asked.
    pub fn resolve(&self, name: &str, dialect: Option<Dialect>) -> Result<Route, RouteError> {
        self.resolve_at(name, dialect, self.policy.tier())
    }

    /// Tells whether a name leaves the choice of a tier open: it is `auto`, or stands for it.
    pub fn is_open(&self, name: &str) -> bool {
        self.follow(name).is_ok_and(|(target, _)| target == "auto")
    }

    /// Does as [`Table::resolve`], where `auto` is a tier that was chosen for the request.
    ///
    /// # Errors
    /// Where it stands for nothing that can be asked.
    pub fn resolve_at(
        &self,
        name: &str,
        dialect: Option<Dialect>,
        open: Tier,
    ) -> Result<Route, RouteError> {
        let (target, mut reasons) = self.follow(name)?;
        let is_alias = !reasons.is_empty();
        let mut route = match target.strip_prefix("auto") {
            Some("") => self.tier(open, &target)?,
            Some(tier) if tier.starts_with(':') => {
                let tier = Tier::parse(tier.trim_start_matches(':'));
                let tier = tier.filter(|tier| Tier::ASKED.contains(tier));
                let unknown = || RouteError::UnknownTier { name: cut(&target) };
                self.tier(tier.ok_or_else(unknown)?, &target)?
            }
            _ => self.named(&target, dialect)?,
        };
        reasons.append(&mut route.reasons);
        route.reasons = reasons;
        if is_alias && route.name != "auto" {
            route.name = "alias";
        }
        self.add_fallbacks(&mut route, name, &target, dialect);
        Ok(route)
    }

    /// Returns the way that the settings name for a task, if they do.
    ///
    /// # Errors
    /// Where it stands for nothing that can be asked.
    pub fn task(&self, task: Task) -> Result<Option<Route>, RouteError> {
        let name = self.routes.tasks.get(task.as_str());
        name.map(|name| self.resolve(name, None)).transpose()
    }

    /// Follows aliases to a name that is none.
    fn follow(&self, name: &str) -> Result<(String, Vec<String>), RouteError> {
        let (mut target, mut reasons, mut chain) = (name, Vec::new(), Vec::new());
        while let Some(next) = self.routes.aliases.get(target) {
            // An alias of a model by its own name only adds a provider or fall-backs.
            if next == target {
                break;
            }
            chain.push(target.to_owned());
            if chain.len() > MAX_ALIASES || chain.contains(next) {
                chain.push(next.clone());
                return Err(RouteError::Loop { name: name.to_owned(), chain });
            }
            reasons.push(format!("`{target}` is an alias of `{next}`"));
            target = next;
        }
        Ok((target.to_owned(), reasons))
    }

    /// Returns the models of a tier, set up or not, as `PROVIDER/MODEL`.
    pub fn models(&self, tier: Tier) -> &[String] {
        // Only users set the former name.
        let former = tier.former().and_then(|name| self.routes.tiers.get(name));
        former
            .or_else(|| self.routes.tiers.get(tier.as_str()))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Returns the ways of a tier.
    ///
    /// # Errors
    /// Where nobody is set up.
    pub fn tier(&self, tier: Tier, name: &str) -> Result<Route, RouteError> {
        let models = self.models(tier);
        let mut reasons = vec![format!("`{name}` is the tier {tier}")];
        let mut candidates = Vec::new();
        for model in models {
            match self.named(model, None) {
                Ok(route) => candidates.extend(route.candidates),
                Err(_) => reasons.push(format!("passed over {model}: it is not set up")),
            }
        }
        if candidates.is_empty() {
            // A tier of models that nobody has is no reason to refuse.
            let usable = self.usable().filter(|offer| offer.is_offered);
            let model = |offer: &Offer| Some(Candidate::new(&offer.name, offer.model.clone()?));
            candidates.extend(usable.into_iter().find_map(model));
            reasons.push("no model of the tier is set up: the usual one is taken".to_owned());
        }
        if candidates.is_empty() {
            return Err(self.unknown(name));
        }
        candidates.iter_mut().for_each(|candidate| candidate.tier = Some(tier));
        Ok(Route { name: "auto", candidates: distinct(candidates), reasons })
    }

    /// Finds who offers a model.
    fn named(&self, name: &str, dialect: Option<Dialect>) -> Result<Route, RouteError> {
        let route = |label, candidates| Route {
            name: label,
            candidates,
            reasons: vec![["`", short(name), "` was named"].concat()],
        };
        if let Some(candidate) = self.prefixed(name) {
            return Ok(route("named", vec![candidate]));
        }
        let mut found: Vec<&Offer> =
            self.usable().filter(|offer| self.lists(offer, name)).collect();
        if !found.is_empty() {
            let is_listed = |offer: &Offer| offer.models.iter().any(|model| model == name);
            found.sort_by_key(|offer| (!is_listed(offer), !speaks(offer, dialect)));
            // Others that offer the same are no fall-back of their own accord: they may cost more.
            let first = found.into_iter().take(1);
            return Ok(route("named", first.map(|o| Candidate::new(&o.name, name)).collect()));
        }
        if let Some(offer) = self.taker(dialect) {
            return Ok(route("upstream", vec![Candidate::new(&offer.name, name)]));
        }
        if let Some(error) = self.not_set_up(name) {
            return Err(error);
        }
        match self.only() {
            Some(offer) => Ok(route("only provider", vec![Candidate::new(&offer.name, name)])),
            None => Err(self.unknown(name)),
        }
    }

    /// Reads `PROVIDER/MODEL`.
    fn prefixed(&self, name: &str) -> Option<Candidate> {
        let (provider, model) = name.split_once('/').filter(|(_, model)| !model.is_empty())?;
        let offer = self.usable().find(|offer| offer.name == provider)?;
        Some(Candidate::new(&offer.name, model))
    }

    fn usable(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter(|offer| offer.problem.is_none())
    }

    /// Tells whether the settings or the catalogue say that a provider has a model.
    fn lists(&self, offer: &Offer, name: &str) -> bool {
        // Of a local server the catalogue knows a price for anything.
        let known = || {
            let info = self.catalogue.find(&offer.name, name);
            info.is_some_and(|info| info.provider == offer.name)
        };
        self.is_set(offer, name) || (offer.is_offered && known())
    }

    fn is_set(&self, offer: &Offer, name: &str) -> bool {
        let is_own = offer.is_offered && offer.model.as_deref() == Some(name);
        is_own || offer.models.iter().any(|model| model == name)
    }

    /// Returns who is asked for models that nobody knows.
    fn taker(&self, dialect: Option<Dialect>) -> Option<&Offer> {
        let mut takers: Vec<&Offer> = self.usable().filter(|offer| offer.takes_unknown).collect();
        takers.sort_by_key(|offer| !speaks(offer, dialect));
        let by_dialect = || {
            let name = if dialect == Some(Dialect::Anthropic) { "anthropic" } else { "openai" };
            self.usable().find(|offer| self.takes_unknown && offer.name == name)
        };
        takers.first().copied().or_else(by_dialect)
    }

    /// Returns the provider, where there is but one.
    fn only(&self) -> Option<&Offer> {
        let mut offered = self.usable().filter(|offer| offer.is_offered);
        offered.next().filter(|_| offered.next().is_none())
    }

    /// Says why the one that has the model cannot be asked.
    fn not_set_up(&self, name: &str) -> Option<RouteError> {
        let prefix = name.split_once('/').map(|(provider, _)| provider);
        let lacks = |offer: &&Offer| {
            let maker = self.catalogue.find(&offer.name, name);
            prefix == Some(&offer.name) || maker.is_some_and(|info| info.provider == offer.name)
        };
        let offer = self.offers.iter().filter(|offer| offer.problem.is_some()).find(lacks)?;
        let problem = offer.problem.as_ref()?;
        let (name, hint) = (cut(name), problem.hint());
        Some(RouteError::NotSetUp { name, problem: problem.to_string(), hint })
    }

    fn unknown(&self, name: &str) -> RouteError {
        let offered = self.usable().filter(|offer| offer.is_offered);
        let providers = offered.map(|offer| offer.name.clone()).collect();
        RouteError::Unknown { name: cut(name), providers }
    }

    /// Adds what the settings name behind the first choice.
    fn add_fallbacks(&self, route: &mut Route, name: &str, target: &str, dialect: Option<Dialect>) {
        // Most tables have none, and each request asks.
        let Some(first) = route.candidates.first().filter(|_| !self.routes.fallbacks.is_empty())
        else {
            route.candidates = distinct(std::mem::take(&mut route.candidates));
            return;
        };
        let first = first.clone();
        let names = [name, target, &first.to_string(), &first.model, &first.provider, "*"];
        let list = names.iter().find_map(|name| self.routes.fallbacks.get(*name));
        for fallback in list.into_iter().flatten() {
            let found = self.follow(fallback).and_then(|(target, _)| {
                match target.strip_prefix("auto").map(|tier| tier.trim_start_matches(':')) {
                    Some("") => self.tier(self.policy.tier(), &target),
                    Some(tier) if Tier::parse(tier).is_some() => {
                        self.tier(Tier::parse(tier).unwrap_or(Tier::Balanced), &target)
                    }
                    _ => self.named(&target, dialect),
                }
            });
            match found {
                Ok(found) => route.candidates.extend(found.candidates),
                Err(error) => route.reasons.push(format!("passed over {fallback}: {error}")),
            }
        }
        route.candidates = distinct(std::mem::take(&mut route.candidates));
    }
}

/// Tells whether a provider is spoken to as the caller speaks.
fn speaks(offer: &Offer, dialect: Option<Dialect>) -> bool {
    dialect.is_some() && offer.dialect == dialect
}

/// Leaves out what stands further to the front.
fn distinct(candidates: Vec<Candidate>) -> Vec<Candidate> {
    if candidates.len() < 2 {
        return candidates;
    }
    let mut seen = BTreeSet::new();
    let is_new = |way: &Candidate| seen.insert((way.provider.clone(), way.model.clone()));
    candidates.into_iter().filter(is_new).take(MAX_CANDIDATES).collect()
}

fn cut(name: &str) -> String {
    short(name).to_owned()
}

/// Returns a name's first 200 letters.
fn short(name: &str) -> &str {
    if name.len() <= 200 {
        return name;
    }
    let end = name.char_indices().nth(200).map_or(name.len(), |(end, _)| end);
    name.get(..end).unwrap_or(name)
}

/// Names that stand for something, beside the models themselves: aliases and `auto`.
impl Table {
    /// Returns the names that may be asked for beside models, with what they stand for.
    pub fn names(&self) -> BTreeMap<String, String> {
        let mut names: BTreeMap<String, String> = self.routes.aliases.clone();
        names.insert("auto".into(), self.policy.tier().to_string());
        for tier in Tier::ASKED {
            names.insert(format!("auto:{tier}"), tier.to_string());
            if let Some(former) = tier.former() {
                names.insert(format!("auto:{former}"), tier.to_string());
            }
        }
        names
    }
}
