//! What `auto` stands for, for one request of a conversation.

use distiq_base::{Dialect, Request};

use super::{Inputs, Route, RouteError, Standing, SwitchInputs, Table, What, decide};
use crate::classify::{Classifier, newest_text};
use crate::economy::switch::prefix_hash;
use crate::router::Router;

impl Router {
    /// Returns the ways of a name for a request. Where the name leaves the tier open, how hard the user's
    /// newest words are decides it; a conversation under way stays where a switch would cost more.
    ///
    /// # Errors
    /// Where the name stands for nothing that can be asked.
    pub fn choose(
        &self,
        table: &Table,
        name: &str,
        dialect: Option<Dialect>,
        request: &Request,
    ) -> Result<Route, RouteError> {
        let text = newest_text(request).filter(|_| table.is_open(name));
        let Some(text) = text else { return table.resolve(name, dialect) };
        let verdict = Classifier::builtin().classify(&text);
        let at = self.desk.config.clock.now();
        let inputs = Inputs { verdict: &verdict, policy: table.policy, at };
        let (tier, mut route) = table.open(name, dialect, &text, &inputs)?;
        let Some(way) = route.candidates.first().cloned() else { return Ok(route) };
        let conversation = prefix_hash(request);
        let wanted = Standing { tier: way.tier.unwrap_or(tier), way };
        let Some(now) = self.desk.stays.find(conversation) else {
            self.desk.stays.keep(conversation, wanted);
            return Ok(route);
        };
        let history_tokens = self.desk.estimator.estimate(&now.way.model, request);
        let label = verdict.label;
        let inputs = SwitchInputs { now: &now, wanted: &wanted, label, history_tokens, at };
        let decision = decide(&inputs, &table.catalogue);
        route.reasons.extend(decision.reasons);
        match decision.what {
            What::Switch => self.desk.stays.keep(conversation, wanted),
            // A model that is no longer set up has no ways to stay on.
            What::Stay if now.way != wanted.way => {
                if let Ok(stays) = table.resolve_at(name, dialect, now.tier)
                    && stays.candidates.first() == Some(&now.way)
                {
                    route.candidates = stays.candidates;
                }
            }
            What::Stay => {}
        }
        Ok(route)
    }
}
