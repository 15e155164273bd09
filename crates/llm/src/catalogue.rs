//! What models cost and how large their windows are.
//!
//! The built-in rows are a dated data file; the user's own file adds rows and replaces whole models.
//! An unknown model has no price, which is not a price of zero.

mod hours;
mod model;
mod money;
mod names;
mod rows;

use std::path::{Path, PathBuf};

use distiq_base::{Money, Price, Usage};
use jiff::{SignedDuration, Timestamp};

pub use hours::PeakHours;
pub use model::{
    Capabilities, Factor, Factors, ModelInfo, ModelKind, OffPeak, PriceRow, Prices, Tier,
};

const BUILTIN: &str = include_str!("../data/prices.toml");
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// How long a request can run past the moment at which its worst case was computed.
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_hours(1);

/// Prices and limits of models.
#[derive(Clone, Debug)]
pub struct Catalogue {
    as_of: String,
    models: Vec<ModelInfo>,
    local: ModelInfo,
}

/// What besides its tokens sets a request's price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceContext {
    /// When the request was sent.
    pub at: Timestamp,
    /// Whether it went through the vendor's batch interface.
    pub batch: bool,
    /// The service tier, as the vendor names it (`flex`, `priority`, …).
    pub service_tier: Option<String>,
    /// The speed, as the vendor names it (`fast`).
    pub speed: Option<String>,
    /// Where it had to run, as the vendor names it (`us`).
    pub geo: Option<String>,
}

impl PriceContext {
    /// Makes the context of a plain request.
    pub fn at(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }
}

/// Why a price file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceFileError {
    /// The file cannot be read.
    #[error("Cannot read the price file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is longer than a price file can be.
    #[error("The price file `{}` is {bytes} bytes long; at most {MAX_FILE_BYTES} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A row is wrong.
    #[error("`{}` line {line}: {message}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was found and what was expected.
        message: String,
    },
}

impl Catalogue {
    /// Returns the built-in rows.
    pub fn builtin() -> Self {
        // A test holds the data file against the parser, so there is no error left to report here.
        let file = rows::parse(BUILTIN).unwrap_or_default();
        Self { as_of: file.as_of, models: file.models, local: ModelInfo::local() }
    }

    /// Returns the built-in rows with those of the user's file over them; no file changes nothing.
    ///
    /// # Errors
    /// Where the file cannot be read or a row is wrong.
    pub fn with_user_file(path: &Path) -> Result<Self, PriceFileError> {
        let mut catalogue = Self::builtin();
        let read = |source| PriceFileError::Read { path: path.to_owned(), source };
        let bytes = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(catalogue),
            Err(error) => return Err(read(error)),
        };
        if bytes > MAX_FILE_BYTES {
            return Err(PriceFileError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let file = rows::parse(&text).map_err(|error| PriceFileError::Row {
            path: path.to_owned(),
            line: error.line,
            message: error.message,
        })?;
        for model in file.models {
            catalogue.insert(model);
        }
        Ok(catalogue)
    }

    /// Returns the day on which the built-in rows were read from the vendors.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// Returns all models, by vendor.
    pub fn models(&self) -> &[ModelInfo] {
        &self.models
    }

    /// Adds a model, in the place of one with the same provider and id.
    ///
    /// Limits that the new one does not tell are kept from the old one.
    pub fn insert(&mut self, mut model: ModelInfo) {
        let same = |m: &&mut ModelInfo| m.provider == model.provider && m.id == model.id;
        match self.models.iter_mut().find(same) {
            Some(old) => {
                model.inherit(old);
                *old = model;
            }
            None => self.models.push(model),
        }
    }

    /// Gives a model a price of the user's own, as `--price IN/OUT` does; it holds at all times.
    pub fn set_price(&mut self, provider: &str, model: &str, prices: Prices) {
        let known = self.find(provider, model).cloned();
        let mut info = known.unwrap_or_else(|| ModelInfo::unknown(provider, model));
        provider.clone_into(&mut info.provider);
        model.clone_into(&mut info.id);
        info.aliases.clear();
        info.factors = Factors::default();
        info.rows = vec![PriceRow::always(prices)];
        self.insert(info);
    }

    /// Returns what is known of a model of a provider.
    ///
    /// The id counts first as it stands, then as an alias, then without its date or `-latest`
    /// (`gpt-5.2-2026-01-01`), then without its maker's name (`anthropic/claude-…`). Providers that
    /// the catalogue does not know get their makers' list prices for models that only their makers
    /// serve; local servers cost nothing.
    pub fn find(&self, provider: &str, model: &str) -> Option<&ModelInfo> {
        if let Some(found) = names::resolve(&self.models, provider, model) {
            return Some(found);
        }
        names::is_local(provider).then_some(&self.local)
    }

    /// Returns what a request cost, rounded once to nano-dollars, half to even.
    ///
    /// `None` where no price is known.
    pub fn price(
        &self,
        provider: &str,
        model: &str,
        usage: &Usage,
        context: &PriceContext,
    ) -> Option<Money> {
        let info = self.find(provider, model)?;
        let prices = info.row(context.at)?.prices(context.at, usage.prompt());
        Some(money::total(&prices, usage, &info.factors.of(context)))
    }

    /// Returns the most that a request can cost: the whole prompt in the dearest class it can be
    /// billed in, and the longest answer, within the hour after `context.at`.
    ///
    /// `None` where no price is known.
    pub fn worst_case(
        &self,
        provider: &str,
        model: &str,
        prompt_tokens: u64,
        max_output: u64,
        context: &PriceContext,
    ) -> Option<Money> {
        let info = self.find(provider, model)?;
        let factors = info.factors.at_worst(context);
        let until = context.at.saturating_add(LONGEST_REQUEST).unwrap_or(Timestamp::MAX);
        info.rows
            .iter()
            .filter(|row| row.overlaps(context.at, until))
            .map(|row| money::worst(row, prompt_tokens, max_output, &factors))
            .max()
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
