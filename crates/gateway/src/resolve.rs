//! Which providers and models a caller means.

use std::sync::Arc;

use distiq_base::{Dialect, Request};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::{Candidate, Route, RouteError};

use crate::call::Caller;
use crate::keys::Key;
use crate::refusal::Refusal;
use crate::setup::Setup;

/// Finds the ways of a model's name that the caller may use.
pub(crate) fn resolve(
    setup: &Setup,
    caller: &Caller,
    dialect: Dialect,
    name: &str,
) -> Result<Route, Refusal> {
    if name.is_empty() {
        return Err(Refusal::invalid("`model` is required, a text"));
    }
    allowed(caller, name, setup.table.resolve(name, Some(dialect)).map_err(refuse)?)
}

/// Does as [`resolve`], where what the request says may decide.
pub(crate) fn resolve_for(
    setup: &Setup,
    caller: &Caller,
    dialect: Dialect,
    name: &str,
    request: &Request,
) -> Result<Route, Refusal> {
    let route = setup.router.choose(&setup.table, name, Some(dialect), request).map_err(refuse)?;
    allowed(caller, name, route)
}

/// Returns a route that the caller's key may take.
fn allowed(caller: &Caller, name: &str, route: Route) -> Result<Route, Refusal> {
    if route.candidates.first().is_some_and(|first| !may_use(caller, name, first)) {
        let name: String = name.chars().take(200).collect();
        let message = format!("This key may not use the model `{name}`");
        return Err(Refusal::new(Kind::Permission, message));
    }
    Ok(route)
}

/// Tells whether the caller's key may take a way that a name stands for.
pub(crate) fn may_use(caller: &Caller, name: &str, way: &Candidate) -> bool {
    let allows =
        |key: &Arc<Key>| key.models.is_empty() || key.allows(&[name, &way.model, &way.to_string()]);
    caller.key().is_none_or(allows)
}

/// Returns the dialect of the way that is tried first.
pub(crate) fn first_dialect(setup: &Setup, route: &Route) -> Option<Dialect> {
    let Candidate { provider, .. } = route.candidates.first()?;
    setup.registry.get(provider).ok().map(|provider| provider.dialect())
}

fn refuse(error: RouteError) -> Refusal {
    let message = format!("{error}. {}", error.hint());
    match error {
        RouteError::UnknownTier { .. } => Refusal::invalid(message),
        RouteError::Loop { .. } => Refusal::new(Kind::Server, message),
        RouteError::Unknown { .. } | RouteError::NotSetUp { .. } => {
            Refusal::new(Kind::UnknownModel, message)
        }
    }
}
