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

use distiq_base::{Money, Usage};
use jiff::{SignedDuration, Timestamp};

use names::Names;

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
    names: Names,
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
        let names = Names::of(&file.models);
        Self { as_of: file.as_of, models: file.models, names, local: ModelInfo::local() }
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
            catalogue.put(model);
        }
        catalogue.names = Names::of(&catalogue.models);
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
    pub fn insert(&mut self, model: ModelInfo) {
        self.put(model);
        self.names = Names::of(&self.models);
    }

    fn put(&mut self, mut model: ModelInfo) {
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
        if let Some(place) = self.names.resolve(provider, model) {
            return self.models.get(place);
        }
        names::is_local(provider, model).then_some(&self.local)
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

#[cfg(test)]
mod tests {
    use distiq_base::Price;

    use super::*;

    fn at(text: &str) -> PriceContext {
        PriceContext::at(text.parse().unwrap())
    }

    fn nanos(money: Option<Money>) -> Option<i64> {
        money.map(Money::nanos)
    }

    #[test]
    fn the_users_file_replaces_prices_and_keeps_limits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.toml");
        let missing = Catalogue::with_user_file(&path).unwrap();
        assert_eq!(missing.models(), Catalogue::builtin().models());

        std::fs::write(
            &path,
            "[[models]]\nprovider = \"anthropic\"\nid = \"claude-opus-5\"\nin = 1\nout = 2\n\
             [[models]]\nprovider = \"corp\"\nid = \"own\"\nin = 3\nout = 4\n",
        )
        .unwrap();
        let catalogue = Catalogue::with_user_file(&path).unwrap();
        let opus = catalogue.find("anthropic", "claude-opus-5").unwrap();
        assert_eq!((opus.rows.len(), opus.rows[0].base.input), (1, Price(1_000_000_000)));
        assert_eq!(opus.context_tokens, Some(1_000_000));
        assert_eq!(opus.cache_min_tokens, Some(512));
        let usage = Usage { input: 10, output: 1, ..Usage::default() };
        let price = |provider, model| {
            nanos(catalogue.price(provider, model, &usage, &at("2026-11-21T00:00:00Z")))
        };
        assert_eq!(price("corp", "own"), Some(34_000));
        assert_eq!(price("corp", "other"), None);

        std::fs::write(&path, "[[models]]\nprovider = 3\n").unwrap();
        let error = Catalogue::with_user_file(&path).unwrap_err().to_string();
        assert!(error.ends_with("prices.toml` line 2: `provider` must be a text"), "{error}");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(
            Catalogue::with_user_file(&path),
            Err(PriceFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::InvalidData
        ));
    }

    #[test]
    fn a_price_on_the_command_line_holds_for_its_model_alone() {
        let mut catalogue = Catalogue::builtin();
        catalogue.set_price("openai", "qwen-local", "0.5/1".parse().unwrap());
        catalogue.set_price("openai", "gpt-5.5", "5/30/1/2".parse().unwrap());
        let context = at("2026-11-21T00:00:00Z");
        let usage = Usage { input: 300_000, cache_write: 1, ..Usage::default() };
        let price = |model| nanos(catalogue.price("openai", model, &usage, &context));
        assert_eq!(price("qwen-local"), Some(150_000_500));
        assert_eq!(price("gpt-5.5"), Some(1_500_002_000), "no tiers in the user's price");
        assert_eq!(price("gpt-5.4"), Some(1_500_005_000));
        assert_eq!(catalogue.find("openai", "gpt-5.5").unwrap().context_tokens, Some(1_050_000));
        for bad in ["3", "3/", "a/b", "1/2/3/4/5", "-1/2", ""] {
            assert!(bad.parse::<Prices>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_worst_case_is_dear_enough() {
        let catalogue = Catalogue::builtin();
        let worst = |provider, model, prompt, output, when| {
            nanos(catalogue.worst_case(provider, model, prompt, output, &at(when)))
        };
        let noon = "2026-11-21T12:00:00Z";
        // Sonnet 5.5: all of the prompt could be written for an hour at $4.
        assert_eq!(worst("anthropic", "claude-sonnet-5-5", 1_000, 10, noon), Some(4_100_000));
        // Haiku 5.5 from 100,001 tokens on.
        assert_eq!(worst("anthropic", "claude-haiku-5-5", 100_000, 0, noon), Some(20_000_000));
        assert_eq!(worst("anthropic", "claude-haiku-5-5", 100_001, 0, noon), Some(100_001_000));
        // DeepSeek on a Saturday: still the busy hours' price.
        assert_eq!(worst("deepseek", "deepseek-flash", 1_000, 0, noon), Some(300_000));
        // Argon in the last hour before its price doubles.
        let argon = |when| worst("gemini", "gemini-4-argon", 1_000, 0, when);
        assert_eq!(argon("2026-11-30T22:59:59Z"), Some(2_000_000));
        assert_eq!(argon("2026-11-30T23:30:00Z"), Some(4_000_000));
        assert_eq!(argon("2026-12-01T00:00:00Z"), Some(4_000_000));
        assert_eq!(worst("ollama", "qwen3", 1_000, 1_000, noon), Some(0));
        assert_eq!(worst("anthropic", "unheard-of", 1, 1, noon), None);
        let flex = PriceContext { service_tier: Some("flex".into()), batch: true, ..at(noon) };
        let worst = catalogue.worst_case("openai", "gpt-5.2", 1_000, 0, &flex);
        assert_eq!(nanos(worst), Some(875_000), "batch is certain, flex is not");
    }

    #[test]
    fn retirement_counts_by_day() {
        let catalogue = Catalogue::builtin();
        let sonnet = catalogue.find("anthropic", "claude-sonnet-4-5").unwrap();
        assert!(!sonnet.is_retired("2026-11-29T23:59:59Z".parse().unwrap()));
        assert!(sonnet.is_retired("2026-11-30T00:00:00Z".parse().unwrap()));
        assert!(catalogue.find("anthropic", "claude-fable-5-2").unwrap().unverified);
    }
}
