//! Settings in layers; later wins, and every value knows where it came from.
//!
//! The layers are the defaults, the user's file, the project's `.distiq.toml` (which may tighten
//! and not loosen), the environment and the flags.

mod keys;
mod kind;
mod layer;
mod rules;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use keys::{KEYS, Key, Layering, canonical, find, parts};
pub use kind::{Kind, Value};
pub use settings::{
    CacheAnswers, CacheSettings, CheckpointSettings, EconomySettings, LimitSettings,
    ProviderSettings, RetrySettings, RouteSettings, Sandbox, SandboxBackend, SandboxNetwork,
    SandboxRules, Settings, TimeoutSettings,
};

pub use rules::{MAX_RULES, RULES_KEY, Rule, RulePattern, RuleVerdict};

use crate::env;
use layer::Leaf;

/// The name of the project's file, in its root.
pub const PROJECT_FILE: &str = ".distiq.toml";

/// The largest settings file that is read.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where settings are looked for.
pub struct Sources<'a> {
    /// The user's file; may not exist.
    pub user: Option<&'a Path>,
    /// The project's file; may not exist.
    pub project: Option<&'a Path>,
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Flags given: the flag as written, its key, its text.
    pub flags: &'a [(&'static str, &'static str, String)],
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file.
    File {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// 1-based column in characters.
        column: usize,
    },
    /// An environment variable.
    Env(&'static str),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line, column } => {
                write!(f, "{} line {line}, column {column}", path.display())
            }
            Origin::Env(name) => write!(f, "environment `{name}`"),
            Origin::Flag(name) => write!(f, "flag `{name}`"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// All layers, joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    entries: BTreeMap<String, Entry>,
    /// The rules that hold: the user's, and the project's as far as they count.
    pub rules: Vec<Rule>,
    /// What the project's file asked for and did not get.
    pub notices: Vec<String>,
    /// Whether the project's file asked for something that only counts when it is trusted.
    pub wants_trust: bool,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("Cannot read the settings in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A file is larger than [`MAX_FILE_BYTES`].
    #[error("{} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file is no TOML.
    #[error("Bad TOML in {origin}: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What was found or expected.
        message: String,
    },
    /// No such key.
    #[error("Unknown setting `{key}` in {origin}")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A value does not fit its key.
    #[error("Bad value for `{key}` in {origin}: found {found}, expected {expected}")]
    WrongValue {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// What fits.
        expected: String,
    },
}

impl ConfigError {
    /// Says what to do about it.
    pub fn hint(&self) -> String {
        match self {
            ConfigError::Read { .. } => "Make the file readable, or move it away".to_owned(),
            ConfigError::TooLarge { .. } => "Settings are a few lines; move it away".to_owned(),
            ConfigError::Syntax { .. } => "Mend that line; text values stand in quotes".to_owned(),
            ConfigError::UnknownKey { nearest: Some(nearest), .. } => {
                format!("Did you mean `{nearest}`?")
            }
            ConfigError::UnknownKey { nearest: None, .. } => {
                "`distiq config --explain` lists all settings".to_owned()
            }
            ConfigError::WrongValue { key, expected, .. } => format!("Set `{key}` to {expected}"),
        }
    }
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// The first file, variable or flag that is not right.
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        Self::load_trusting(sources, &|_| false)
    }

    /// Reads all layers; `trusts` tells of the project's file, by its text, whether it may also loosen.
    ///
    /// # Errors
    /// The first file, variable or flag that is not right.
    pub fn load_trusting(
        sources: &Sources<'_>,
        trusts: &dyn Fn(&str) -> bool,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::defaults();
        if let Some(path) = sources.user {
            let layer = layer::read(path)?;
            layer.leaves.into_iter().for_each(|leaf| config.set(leaf));
            config.rules.extend(layer.rules);
        }
        if let Some(path) = sources.project {
            let layer = layer::read(path)?;
            let trusted = layer.text.as_deref().is_some_and(trusts);
            layer.leaves.into_iter().for_each(|leaf| config.tighten(leaf, trusted));
            layer.rules.into_iter().for_each(|rule| config.add_rule(rule, trusted));
        }
        for variable in env::ALL {
            let text = variable.key.and_then(|key| Some((key, (sources.env)(variable.name)?)));
            if let Some((key, text)) = text.filter(|(_, text)| !text.is_empty()) {
                config.set(layer::text(key, &text, Origin::Env(variable.name))?);
            }
        }
        for (flag, key, text) in sources.flags {
            config.set(layer::text(key, text, Origin::Flag(flag))?);
        }
        config.notices.extend(config.unfinished_routes());
        Ok(config)
    }

    /// Names the user's routes that no request can take.
    fn unfinished_routes(&self) -> Vec<String> {
        let routes = self.settings().routes.examples;
        let missing = routes.iter().filter_map(|(name, (to, utterances))| {
            let field = match (to.is_empty(), utterances.is_empty()) {
                (true, _) => "to",
                (_, true) => "utterances",
                _ => return None,
            };
            Some(format!("No request takes the route `{name}`: it has no `{field}`"))
        });
        missing.collect()
    }

    fn defaults() -> Self {
        let entries = KEYS.iter().filter_map(|key| {
            let value = key.kind.parse(key.default?)?;
            Some((key.name.to_owned(), Entry { value, origin: Origin::Default }))
        });
        Self { entries: entries.collect(), ..Self::default() }
    }

    fn set(&mut self, leaf: Leaf) {
        self.entries.insert(leaf.key, Entry { value: leaf.value, origin: leaf.origin });
    }

    /// Takes a value of the project's file, as far as its key lets the project decide.
    fn tighten(&mut self, leaf: Leaf, trusted: bool) {
        let refusal = match leaf.spec.layering {
            Layering::Project => None,
            Layering::User => Some("a project may not set it"),
            Layering::Tighten => self
                .entries
                .get(&leaf.key)
                .is_some_and(|entry| !trusted && leaf.value.is_looser_than(&entry.value))
                .then_some("a project may tighten it, not loosen it, until you trust it with `distiq trust`"),
        };
        self.wants_trust |= refusal.is_some() && leaf.spec.layering == Layering::Tighten;
        match refusal {
            None => self.set(leaf),
            Some(why) => {
                self.notices.push(format!("Ignored `{}` in {}: {why}", leaf.key, leaf.origin))
            }
        }
    }

    /// Takes a rule of the project's file; one that allows something counts only when it is trusted.
    fn add_rule(&mut self, rule: Rule, trusted: bool) {
        if trusted || rule.verdict != RuleVerdict::Allow {
            self.rules.push(rule);
            return;
        }
        self.wants_trust = true;
        self.notices.push(format!(
            "Ignored a rule in {}: a project may not allow anything until you trust it with `distiq trust`",
            rule.origin
        ));
    }

    /// Returns a key's value and origin.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(keys::canonical(key))
    }

    /// Returns all values, sorted by key.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// Returns the values, typed.
    pub fn settings(&self) -> Settings {
        Settings::from_config(self)
    }
}

/// Checks that `text` is a value for `key`, as `config set` does before it writes.
///
/// # Errors
/// [`ConfigError::UnknownKey`] or [`ConfigError::WrongValue`].
pub fn check(key: &str, text: &str, flag: &'static str) -> Result<Value, ConfigError> {
    layer::text(key, text, Origin::Flag(flag)).map(|leaf| leaf.value)
}

#[cfg(test)]
mod tests;
