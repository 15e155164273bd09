//! What the catalogue tells of one model.

use std::str::FromStr;

use distiq_base::{Money, Price};
use jiff::Timestamp;
use jiff::civil::Date;

use super::PriceContext;
use super::hours::PeakHours;

/// What is known of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The provider's name.
    pub provider: String,
    /// The id on the wire; `*` for whatever a local server runs.
    pub id: String,
    /// Other ids of the same model.
    pub aliases: Vec<String>,
    /// What it is for.
    pub kind: ModelKind,
    /// The longest prompt in tokens.
    pub context_tokens: Option<u64>,
    /// The longest answer in tokens.
    pub max_output_tokens: Option<u64>,
    /// The shortest prefix in tokens that the vendor caches.
    pub cache_min_tokens: Option<u64>,
    /// What it can do.
    pub caps: Capabilities,
    /// The length of an embedding.
    pub dims: Option<u32>,
    /// The day from which the vendor no longer serves it.
    pub retires: Option<Date>,
    /// Whether the figures come from secondary sources only.
    pub unverified: bool,
    /// Surcharges and discounts.
    pub factors: Factors,
    /// Prices, each for its time.
    pub rows: Vec<PriceRow>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelKind {
    /// Answers.
    #[default]
    Chat,
    /// Vectors.
    Embedding,
}

/// What a model can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It calls tools.
    pub tools: bool,
    /// It sees pictures.
    pub vision: bool,
    /// Its vendor caches prompts.
    pub cache: bool,
    /// It thinks before it answers.
    pub reasoning: bool,
}

/// Prices that hold for a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceRow {
    /// When they begin to hold.
    pub from: Option<Timestamp>,
    /// When they no longer hold.
    pub to: Option<Timestamp>,
    /// The prices of a request below every tier.
    pub base: Prices,
    /// Prices of requests with long prompts, by rising `over`.
    pub tiers: Vec<Tier>,
    /// Prices of the vendor's quiet hours, in place of `base`.
    pub off_peak: Option<OffPeak>,
}

/// Prices of the whole request once its prompt is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The prompt, cached tokens included, must have more tokens than this.
    pub over: u64,
    /// The prices.
    pub prices: Prices,
}

/// Prices outside the vendor's busy hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffPeak {
    /// The busy hours.
    pub peak: PeakHours,
    /// The prices.
    pub prices: Prices,
}

/// Prices by class of token; a class without a price of its own costs what input costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Prompt tokens that no cache knew.
    pub input: Price,
    /// Answer tokens, reasoning included.
    pub output: Price,
    /// Prompt tokens read from the cache.
    pub cache_read: Option<Price>,
    /// Prompt tokens written with the default lifetime.
    pub cache_write: Option<Price>,
    /// Prompt tokens written with the long lifetime.
    pub cache_write_long: Option<Price>,
}

/// Factors on all prices of a model, by what asks for them; absent ones are 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Factors {
    /// The batch interface.
    pub batch: Option<Factor>,
    /// Where the request has to run, `us`.
    pub us: Option<Factor>,
    /// The speed `fast`.
    pub fast: Option<Factor>,
    /// The service tier `flex`.
    pub flex: Option<Factor>,
    /// The service tier `priority`, also called `fast`.
    pub priority: Option<Factor>,
    /// The service tier `ultrafast`.
    pub ultrafast: Option<Factor>,
}

/// An exact factor in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(pub u64);

impl Factor {
    /// The factor 1.
    pub const ONE: Factor = Factor(1_000_000);
}

impl Factors {
    /// Returns the factors that a request's context asks for.
    pub fn of(&self, context: &PriceContext) -> Vec<Factor> {
        let batch = self.batch.filter(|_| context.batch);
        let geo = self.us.filter(|_| context.geo.as_deref() == Some("us"));
        let speed = self.fast.filter(|_| context.speed.as_deref() == Some("fast"));
        let tier = match context.service_tier.as_deref() {
            Some("flex") => self.flex,
            Some("priority" | "fast") => self.priority,
            Some("ultrafast") => self.ultrafast,
            _ => None,
        };
        [batch, geo, speed, tier].into_iter().flatten().collect()
    }

    /// Returns the factors that a request's context asks for, without a discount that the vendor may
    /// refuse (a flex request can end up on the standard tier).
    pub(super) fn at_worst(&self, context: &PriceContext) -> Vec<Factor> {
        let flex = self.flex.map(|flex| Factor(flex.0.max(Factor::ONE.0)));
        Factors { flex, ..*self }.of(context)
    }
}

impl PriceRow {
    /// Makes a row that holds at all times.
    pub fn always(prices: Prices) -> Self {
        Self { base: prices, ..Self::default() }
    }

    /// Returns the prices of a request sent at `at` with so many prompt tokens.
    pub fn prices(&self, at: Timestamp, prompt_tokens: u64) -> Prices {
        if let Some(tier) = self.tiers.iter().rev().find(|tier| prompt_tokens > tier.over) {
            return tier.prices;
        }
        match &self.off_peak {
            Some(quiet) if !quiet.peak.contains(at) => quiet.prices,
            _ => self.base,
        }
    }

    /// Tells whether the row holds at some moment of `from..=to`.
    pub(super) fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from.is_none_or(|start| start <= to) && self.to.is_none_or(|end| from < end)
    }
}

impl Prices {
    /// Returns the price of a token read from the cache.
    pub fn read(&self) -> Price {
        self.cache_read.unwrap_or(self.input)
    }

    /// Returns the price of a token written to the cache with the default lifetime.
    pub fn write(&self) -> Price {
        self.cache_write.unwrap_or(self.input)
    }

    /// Returns the price of a token written to the cache with the long lifetime.
    pub fn write_long(&self) -> Price {
        self.cache_write_long.unwrap_or(self.input)
    }
}

impl ModelInfo {
    /// Returns the prices that hold at a moment, the first of several.
    pub fn row(&self, at: Timestamp) -> Option<&PriceRow> {
        self.rows.iter().find(|row| row.overlaps(at, at))
    }

    /// Tells whether the vendor no longer serves the model.
    pub fn is_retired(&self, at: Timestamp) -> bool {
        let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        self.retires.is_some_and(|day| day <= today)
    }

    /// Returns a model of which nothing is known.
    pub(super) fn unknown(provider: &str, id: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            id: id.to_owned(),
            aliases: Vec::new(),
            kind: ModelKind::Chat,
            context_tokens: None,
            max_output_tokens: None,
            cache_min_tokens: None,
            caps: Capabilities::default(),
            dims: None,
            retires: None,
            unverified: false,
            factors: Factors::default(),
            rows: Vec::new(),
        }
    }

    /// Returns whatever a local server runs: free, and its limits only the server knows.
    pub(super) fn local() -> Self {
        let free = PriceRow::always(Prices::default());
        let caps = Capabilities { tools: true, ..Capabilities::default() };
        Self { rows: vec![free], caps, ..Self::unknown("local", "*") }
    }

    /// Takes over the limits of an older entry that this one does not tell.
    pub(super) fn inherit(&mut self, old: &ModelInfo) {
        self.context_tokens = self.context_tokens.or(old.context_tokens);
        self.max_output_tokens = self.max_output_tokens.or(old.max_output_tokens);
        self.cache_min_tokens = self.cache_min_tokens.or(old.cache_min_tokens);
        self.dims = self.dims.or(old.dims);
        if self.caps == Capabilities::default() {
            self.caps = old.caps;
        }
        if self.aliases.is_empty() {
            self.aliases.clone_from(&old.aliases);
        }
    }
}

/// Tells why a text is no pair of prices.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no price: write dollars per million tokens as `IN/OUT`, such as `3/15`, or `IN/OUT/READ/WRITE`"
)]
pub struct ParsePricesError(String);

impl FromStr for Prices {
    type Err = ParsePricesError;

    /// Reads `IN/OUT`, `IN/OUT/READ` or `IN/OUT/READ/WRITE` in dollars per million tokens.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParsePricesError(text.to_owned());
        let prices: Vec<Price> = text
            .split('/')
            .map(|part| part.parse().map(|money: Money| Price(money.nanos())))
            .collect::<Result<_, _>>()
            .map_err(|_| fail())?;
        let (&[input, output], rest) = prices.split_first_chunk().ok_or_else(fail)?;
        if rest.len() > 2 {
            return Err(fail());
        }
        let cache_read = rest.first().copied();
        Ok(Self { input, output, cache_read, cache_write: rest.get(1).copied(), ..Self::default() })
    }
}
