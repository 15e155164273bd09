//! Which providers and models a caller means.

use distiq_base::Dialect;
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::{Candidate, Route, RouteError};

use crate::call::Caller;
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
    let route = setup.table.resolve(name, Some(dialect)).map_err(refuse)?;
    if let (Some(key), Some(first)) = (caller.key(), route.candidates.first())
        && !key.allows(&[name, &first.model, &first.to_string()])
    {
        let name: String = name.chars().take(200).collect();
        let message = format!("This key may not use the model `{name}`");
        return Err(Refusal::new(Kind::Permission, message));
    }
    Ok(route)
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
