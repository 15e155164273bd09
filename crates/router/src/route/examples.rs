//! Routes of the user's own: requests that are said like their utterances go where they say.

use std::fmt;
use std::sync::Arc;

use distiq_base::Dialect;
use distiq_base::config::RouteSettings;
use distiq_ml::{TextEmbedder, cosine};

use super::{Forecast, Inputs, Route, RouteError, Table, Tier};
use crate::classify::own_words;

/// From here on two requests are said alike. Of the prompts of `data/prompts`, told by families of one meaning,
/// hardly any of another family comes so near that is not a translation of it.
const ALIKE: f32 = 0.6;
/// Most routes, and most utterances of one; what is beyond is not read.
const MOST_ROUTES: usize = 64;
const MOST_UTTERANCES: usize = 64;

/// The user's routes, ready to be compared.
#[derive(Clone, Default)]
pub struct Examples(Arc<[Example]>);

struct Example {
    name: String,
    to: String,
    utterances: Vec<(String, Vec<f32>)>,
}

/// A route that fits a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<'e> {
    /// The route's name.
    pub name: &'e str,
    /// Where it goes.
    pub to: &'e str,
    /// The utterance that the request is most like.
    pub utterance: &'e str,
    /// How alike, 1 being the same.
    pub likeness: f32,
}

impl fmt::Display for Fit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fit { name, to, utterance, likeness } = self;
        write!(f, "route `{name}` to `{to}`: like \u{201c}{utterance}\u{201d} ({likeness:.2})")
    }
}

impl fmt::Debug for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|example| &example.name)).finish()
    }
}

impl Examples {
    /// Reads the user's routes; one without an end or without utterances is none.
    pub fn new(settings: &RouteSettings) -> Self {
        let routes = settings.examples.iter();
        let routes =
            routes.filter(|(_, (to, utterances))| !to.is_empty() && !utterances.is_empty());
        let embedder = TextEmbedder::default();
        let read = |(name, (to, utterances)): (&String, &(String, Vec<String>))| Example {
            name: name.clone(),
            to: to.clone(),
            utterances: utterances
                .iter()
                .take(MOST_UTTERANCES)
                .map(|text| (text.clone(), embedder.embed(text)))
                .collect(),
        };
        Self(routes.take(MOST_ROUTES).map(read).collect())
    }

    /// Returns the route that fits the user's own words best, if one fits.
    pub fn find(&self, words: &str) -> Option<Fit<'_>> {
        let vector = TextEmbedder::default().embed(words);
        let fits = self.0.iter().flat_map(|example| {
            example.utterances.iter().map(|(utterance, other)| Fit {
                name: &example.name,
                to: &example.to,
                utterance,
                likeness: cosine(&vector, other),
            })
        });
        let fits = fits.filter(|fit| fit.likeness >= ALIKE);
        fits.max_by(|a, b| a.likeness.total_cmp(&b.likeness))
    }
}

impl Table {
    /// Returns the ways of a name that leaves the tier open, for what the user says: by the user's own routes,
    /// else by how hard the request is; and the tier that it is then held to be of.
    ///
    /// # Errors
    /// Where nobody is set up.
    pub fn open(
        &self,
        name: &str,
        dialect: Option<Dialect>,
        prompt: &str,
        inputs: &Inputs,
    ) -> Result<(Tier, Route), RouteError> {
        let (tier, risk) = inputs.tier();
        let mut passed_over = None;
        if let Some(fit) = self.fit(prompt) {
            match self.resolve(fit.to, dialect) {
                Ok(mut route) => {
                    route.name = "auto";
                    route.reasons.push(fit.to_string());
                    let of = route.candidates.first().and_then(|way| way.tier);
                    return Ok((of.unwrap_or(tier), route));
                }
                Err(error) => passed_over = Some(format!("passed over {fit}: {error}")),
            }
        }
        let mut route = self.resolve_at(name, dialect, tier)?;
        route.reasons.push(inputs.verdict.told());
        route.reasons.extend(passed_over.into_iter().chain(risk));
        Ok((tier, route))
    }

    /// Tells where a prompt would go: as [`Table::forecast`], but for the user's own routes.
    pub fn forecast_for(&self, prompt: &str, inputs: &Inputs) -> Forecast {
        let mut forecast = self.forecast(inputs);
        let Some(fit) = self.fit(prompt) else { return forecast };
        forecast.reasons.push(fit.to_string());
        let tier = fit.to.strip_prefix("auto:").and_then(Tier::parse);
        match (self.resolve(fit.to, None), tier) {
            (Ok(Route { candidates, .. }), _) if !candidates.is_empty() => {
                let way = candidates.into_iter().next();
                forecast.tier = way.as_ref().and_then(|way| way.tier).unwrap_or(forecast.tier);
                let label = inputs.verdict.label;
                let cost = |way| self.expected_cost(way, label, inputs.at);
                forecast.expected_cost = way.as_ref().and_then(cost);
                forecast.model = way;
            }
            (_, Some(tier)) => return self.forecast_at(tier, forecast.reasons, inputs),
            (Err(error), None) => forecast.reasons.push(format!("passed over it: {error}")),
            (Ok(_), None) => {}
        }
        forecast
    }

    fn fit(&self, prompt: &str) -> Option<Fit<'_>> {
        if self.examples.0.is_empty() { None } else { self.examples.find(&own_words(prompt)) }
    }
}
