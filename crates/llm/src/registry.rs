//! Which providers there are, by the environment and the settings, and which one is meant.

mod vendors;

use std::fmt;
use std::sync::{Arc, OnceLock};

use distiq_base::config::{ProviderSettings, Settings};
use distiq_base::{Dialect, ErrorKind, Secret};
use url::Url;

use crate::provider::{Provider, ProviderConfig, ProviderSetupError, Timeouts, is_loopback};
use vendors::{VENDORS, Vendor};

/// Looks a variable of the environment up; empty ones count as absent.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Local servers read long prompts slowly, so unless the user says otherwise they get longer.
const LOCAL_FIRST_BYTE_MS: u64 = 600_000;

/// The providers that can be named.
pub struct Registry {
    entries: Vec<Entry>,
    chosen: Option<String>,
}

struct Entry {
    name: String,
    model: Option<String>,
    /// Whether it may be taken without being named.
    offered: bool,
    config: Result<ProviderConfig, RegistryError>,
    provider: OnceLock<Arc<Provider>>,
    own: ProviderSettings,
    nodes: OnceLock<Vec<(Arc<Provider>, u32)>>,
    /// The vendor's path that answers while it is well.
    health_path: Option<&'static str>,
}

/// What a provider offers, as far as the settings tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// How it is spoken to; `None` where it cannot be used.
    pub dialect: Option<Dialect>,
    /// Why it cannot be used, where it cannot.
    pub problem: Option<RegistryError>,
    /// The model where none is named.
    pub model: Option<String>,
    /// Models that the settings say it offers.
    pub models: Vec<String>,
    /// Whether it is asked for models that nobody knows.
    pub takes_unknown: bool,
    /// Whether it may be taken without being named.
    pub is_offered: bool,
}

/// Why no provider can be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Nobody knows the name.
    #[error("Unknown provider `{name}`")]
    UnknownProvider {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Its key is not set.
    #[error("No key for the provider `{provider}`: `{variable}` is not set")]
    MissingKey {
        /// The provider.
        provider: String,
        /// The environment variable.
        variable: String,
    },
    /// No provider has a key.
    #[error("No provider has a key")]
    NoProvider,
    /// A provider of the user's own has no address.
    #[error("The provider `{provider}` has no address")]
    NoBaseUrl {
        /// The provider.
        provider: String,
    },
    /// Its address, its key or a header cannot be used.
    #[error(transparent)]
    Setup(#[from] ProviderSetupError),
}

impl RegistryError {
    /// Returns the kind, which sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Config
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownProvider { known, .. } => {
                format!("Known are {}; others go under `[providers.NAME]`", known.join(", "))
            }
            Self::MissingKey { variable, .. } => {
                format!("Set `{variable}`; a server on this machine needs no key")
            }
            Self::NoProvider => "Set `ANTHROPIC_API_KEY` or `OPENAI_API_KEY`, or name a local \
                                 server, such as `--provider ollama`; `distiq setup` helps"
                .to_owned(),
            Self::NoBaseUrl { provider } => {
                format!("Set `base_url` under `[providers.{provider}]`")
            }
            Self::Setup(_) => "Correct it in the config file or the environment".to_owned(),
        }
    }
}

impl Registry {
    /// Finds the providers; contacts nobody and reads nothing but what it is given.
    ///
    /// A vendor's base URL comes from `NAME_BASE_URL`, else from `[providers.NAME]`, else it is the
    /// vendor's own.
    pub fn from_settings(settings: &Settings, env: Env<'_>) -> Self {
        let env = |name: &str| {
            env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let none = ProviderSettings::default();
        let own = |name: &str| settings.providers.get(name);
        let vendors = VENDORS.iter().map(|vendor| {
            let own = own(vendor.name);
            let config = vendor_config(vendor, own.unwrap_or(&none), settings, &env);
            Entry {
                name: vendor.name.to_owned(),
                model: own.and_then(|own| own.model.clone()).or(vendor.model.map(str::to_owned)),
                offered: (!vendor.local || own.is_some()) && config.is_ok(),
                config,
                own: own.cloned().unwrap_or_default(),
                health_path: vendors::health_path(vendor.name),
                ..Entry::empty()
            }
        });
        let is_vendor = |name: &str| VENDORS.iter().any(|vendor| vendor.name == name);
        let others = settings.providers.iter().filter(|(name, _)| !is_vendor(name));
        let others = others.map(|(name, own)| {
            let config = own_config(name, own, settings, &env);
            Entry {
                name: name.clone(),
                model: own.model.clone(),
                offered: config.is_ok(),
                config,
                own: own.clone(),
                ..Entry::empty()
            }
        });
        Self { entries: vendors.chain(others).collect(), chosen: settings.provider.clone() }
    }

    /// Adds a provider, in the place of one with the same name.
    pub fn insert(&mut self, config: ProviderConfig, model: Option<String>) {
        self.entries.retain(|entry| entry.name != config.name);
        self.entries.push(Entry {
            name: config.name.clone(),
            model,
            offered: true,
            config: Ok(config),
            ..Entry::empty()
        });
    }

    /// Returns a provider by name; its client is made at the first call and shared.
    ///
    /// # Errors
    /// Where the name is unknown, or the provider's key or address is missing or unusable.
    pub fn get(&self, name: &str) -> Result<Arc<Provider>, RegistryError> {
        let entry = self.entry(name)?;
        if let Some(provider) = entry.provider.get() {
            return Ok(Arc::clone(provider));
        }
        let provider = Arc::new(Provider::new(entry.config.clone()?)?);
        Ok(Arc::clone(entry.provider.get_or_init(|| provider)))
    }

    /// Returns the nodes of a provider with their weights: one for each of its addresses, or the
    /// one that [`Registry::get`] returns.
    ///
    /// # Errors
    /// As [`Registry::get`].
    pub fn nodes(&self, name: &str) -> Result<Vec<(Arc<Provider>, u32)>, RegistryError> {
        let entry = self.entry(name)?;
        if entry.own.nodes.is_empty() {
            return Ok(vec![(self.get(name)?, 1)]);
        }
        if let Some(nodes) = entry.nodes.get() {
            return Ok(nodes.clone());
        }
        let config = entry.config.clone()?;
        let node = |(url, weight): &(String, u32)| {
            let config = ProviderConfig { base_url: url.clone(), ..config.clone() };
            Ok((Arc::new(Provider::new(config)?), *weight))
        };
        let nodes = entry.own.nodes.iter().map(node).collect::<Result<Vec<_>, RegistryError>>()?;
        Ok(entry.nodes.get_or_init(|| nodes).clone())
    }

    /// Returns how requests are spread over a provider's nodes, where the settings say so.
    pub fn balance(&self, name: &str) -> Option<&str> {
        self.entry(name).ok()?.own.balance.as_deref()
    }

    /// Returns the path, from the root of its address, at which a provider's node answers while it
    /// is well.
    pub fn health_path(&self, name: &str) -> Option<&str> {
        let entry = self.entry(name).ok()?;
        entry.own.health_path.as_deref().or(entry.health_path)
    }

    /// Returns what every provider offers, in the order in which one is chosen.
    pub fn offers(&self) -> Vec<Offer> {
        let chosen = self.chosen.as_deref().map(vendors::canonical);
        let offer = |entry: &Entry| Offer {
            name: entry.name.clone(),
            dialect: entry.config.as_ref().ok().map(|config| config.dialect),
            problem: entry.config.as_ref().err().cloned(),
            model: entry.model.clone(),
            models: entry.own.models.clone(),
            takes_unknown: entry.own.takes_unknown,
            is_offered: entry.offered,
        };
        let mut offers: Vec<Offer> = self.entries.iter().map(offer).collect();
        offers.sort_by_key(|offer| Some(offer.name.as_str()) != chosen);
        offers
    }

    /// Returns the names of the providers that have what they need, vendors first.
    pub fn names(&self) -> Vec<&str> {
        let usable = self.entries.iter().filter(|entry| entry.config.is_ok());
        usable.map(|entry| entry.name.as_str()).collect()
    }

    /// Returns the names of all providers, usable or not.
    pub fn known(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    /// Returns the name of the provider to use where none is named: the settings' choice, else the
    /// first that has a key, Anthropic and OpenAI before the others. Local servers count only where
    /// the settings mention them.
    ///
    /// # Errors
    /// Where the chosen one is unknown or lacks its key, or none has a key.
    pub fn default_provider(&self) -> Result<&str, RegistryError> {
        if let Some(name) = &self.chosen {
            let entry = self.entry(name)?;
            return entry.config.as_ref().map(|_| entry.name.as_str()).map_err(Clone::clone);
        }
        let first = self.entries.iter().find(|entry| entry.offered);
        first.map(|entry| entry.name.as_str()).ok_or(RegistryError::NoProvider)
    }

    /// Returns the model to use at a provider where none is named.
    pub fn default_model(&self, provider: &str) -> Option<&str> {
        self.entry(provider).ok()?.model.as_deref()
    }

    /// Returns the names of all environment variables that may hold a key, for those who start
    /// other programs.
    pub fn key_variables(settings: &Settings) -> Vec<String> {
        let vendors = VENDORS.iter().flat_map(|vendor| vendor.key_env).copied().map(str::to_owned);
        let own = settings.providers.values().filter_map(|own| own.key_env.clone());
        let mut names: Vec<String> = vendors.chain(own).collect();
        names.sort();
        names.dedup();
        names
    }

    fn entry(&self, name: &str) -> Result<&Entry, RegistryError> {
        let name = vendors::canonical(name);
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known = self.known().into_iter().map(str::to_owned).collect();
            RegistryError::UnknownProvider { name: name.to_owned(), known }
        })
    }
}

/// Returns what paying a vendor costs on top of what it bills, in thousandths.
pub fn fee_permille(provider: &str) -> u16 {
    vendors::fee_permille(vendors::canonical(provider))
}

impl Entry {
    fn empty() -> Self {
        Self {
            name: String::new(),
            model: None,
            offered: false,
            config: Err(RegistryError::NoProvider),
            provider: OnceLock::new(),
            own: ProviderSettings::default(),
            nodes: OnceLock::new(),
            health_path: None,
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("names", &self.names()).finish_non_exhaustive()
    }
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn vendor_config(
    vendor: &Vendor,
    own: &ProviderSettings,
    settings: &Settings,
    env: Lookup<'_>,
) -> Result<ProviderConfig, RegistryError> {
    let variable = format!("{}_BASE_URL", vendor.name.to_ascii_uppercase());
    let base_url = env(&variable).or_else(|| own_url(own)).or_else(|| match vendor.name {
        "ollama" => env("OLLAMA_HOST").map(|host| vendors::ollama_host(&host)),
        _ => None,
    });
    let base_url = base_url.unwrap_or_else(|| match (own.dialect, vendor.compatible_url) {
        (Some(Dialect::Openai), Some(url)) => url.to_owned(),
        _ => vendor.base_url.to_owned(),
    });
    let variables: Vec<&str> = match &own.key_env {
        Some(variable) => vec![variable],
        None => vendor.key_env.to_vec(),
    };
    let key = variables.iter().find_map(|variable| env(variable));
    if let (None, false, Some(variable)) =
        (&key, vendor.local || on_loopback(&base_url), variables.first())
    {
        let (provider, variable) = (vendor.name.to_owned(), (*variable).to_owned());
        return Err(RegistryError::MissingKey { provider, variable });
    }
    let mut timeouts = timeouts(settings);
    if vendor.local {
        lengthen(&mut timeouts);
    }
    Ok(ProviderConfig {
        dialect: own.dialect.unwrap_or_else(|| vendor.dialect_at(&base_url)),
        quirks: (vendor.quirks)(&base_url),
        timeouts,
        ..plain_config(vendor.name, base_url, key, own, settings)
    })
}

fn own_config(
    name: &str,
    own: &ProviderSettings,
    settings: &Settings,
    env: Lookup<'_>,
) -> Result<ProviderConfig, RegistryError> {
    let provider = || name.to_owned();
    let base_url = own_url(own).ok_or_else(|| RegistryError::NoBaseUrl { provider: provider() })?;
    let key = own.key_env.as_deref().and_then(env);
    if let (None, Some(variable), false) = (&key, &own.key_env, on_loopback(&base_url)) {
        let (provider, variable) = (provider(), variable.clone());
        return Err(RegistryError::MissingKey { provider, variable });
    }
    Ok(plain_config(name, base_url, key, own, settings))
}

/// Returns a provider's address: of several nodes, the first one's.
fn own_url(own: &ProviderSettings) -> Option<String> {
    own.base_url.clone().or_else(|| own.nodes.first().map(|(url, _)| url.clone()))
}

fn plain_config(
    name: &str,
    base_url: String,
    key: Option<String>,
    own: &ProviderSettings,
    settings: &Settings,
) -> ProviderConfig {
    ProviderConfig {
        name: name.to_owned(),
        dialect: own.dialect.unwrap_or(Dialect::Openai),
        base_url,
        key: key.map(Secret::new),
        headers: own.headers.iter().map(|(n, v)| (n.clone(), Secret::new(v.clone()))).collect(),
        quirks: vendors::plain(""),
        timeouts: timeouts(settings),
        ca_file: settings.ca_file.clone(),
    }
}

fn timeouts(settings: &Settings) -> Timeouts {
    Timeouts {
        head_ms: settings.timeouts.head_ms,
        first_byte_ms: settings.timeouts.first_byte_ms,
        idle_ms: settings.timeouts.idle_ms,
    }
}

/// Gives a local server more time, where the user left the waits as they are.
fn lengthen(timeouts: &mut Timeouts) {
    let default = Timeouts::default();
    for (wait, usual) in [
        (&mut timeouts.head_ms, default.head_ms),
        (&mut timeouts.first_byte_ms, default.first_byte_ms),
    ] {
        if *wait == usual {
            *wait = LOCAL_FIRST_BYTE_MS;
        }
    }
}

fn on_loopback(base_url: &str) -> bool {
    Url::parse(base_url).is_ok_and(|url| is_loopback(&url))
}

#[cfg(test)]
mod tests {
    use distiq_base::config::{Config, Sources};

    use super::*;
    use crate::catalogue::Catalogue;

    /// Finds the providers by a config file's text and an environment.
    fn registry(config: &str, env: &[(&str, &str)]) -> Registry {
        let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let sources = Sources { user: Some(file.path()), project: None, env: &env, flags: &[] };
        Registry::from_settings(&Config::load(&sources).unwrap().settings(), &env)
    }

    fn chosen(registry: &Registry) -> Result<&str, RegistryError> {
        registry.default_provider()
    }

    #[test]
    fn the_choice_goes_by_setting_then_anthropic_then_openai_then_the_table() {
        let check = |config, env: &[(&str, &str)], expected: &str| {
            assert_eq!(chosen(&registry(config, env)), Ok(expected), "{config} {env:?}");
        };
        let (anthropic, openai) = (("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o"));
        check("", &[openai, anthropic], "anthropic");
        check("", &[openai, ("GROQ_API_KEY", "g")], "openai");
        check("", &[("MOONSHOT_API_KEY", "m"), ("GROQ_API_KEY", "g")], "groq");
        check("provider = \"openai\"", &[openai, anthropic], "openai");
        check("provider = \"openai\"", &[openai, anthropic, ("DISTIQ_PROVIDER", "anthropic")], {
            "anthropic"
        });
        check("provider = \"google\"", &[("GOOGLE_API_KEY", "g")], "gemini");
        check("provider = \"ollama\"", &[anthropic], "ollama");
        check("[providers.ollama]\nmodel = \"qwen3\"", &[], "ollama");
        check("[providers.corp]\nbase_url = \"https://corp/v1\"", &[], "corp");
        check("", &[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")], "openai");
        check("", &[("ANTHROPIC_BASE_URL", "http://localhost:9"), openai], "anthropic");
        check("", &[("ANTHROPIC_API_KEY", " \n"), openai], "openai");
        assert_eq!(chosen(&registry("", &[])), Err(RegistryError::NoProvider));
    }

    #[test]
    fn says_which_variable_is_missing_and_which_names_there_are() {
        let missing = registry("provider = \"deepseek\"", &[("OPENAI_API_KEY", "o")]);
        let error = chosen(&missing).unwrap_err();
        assert_eq!(
            error.to_string(),
            "No key for the provider `deepseek`: `DEEPSEEK_API_KEY` is not set"
        );
        let error =
            registry("", &[("OPENAI_BASE_URL", "https://corp/v1")]).get("openai").unwrap_err();
        assert!(error.to_string().contains("`OPENAI_API_KEY`"), "{error}");
        let own = "[providers.corp]\nbase_url = \"https://corp/v1\"\nkey_env = \"CORP_KEY\"\n\
                   [providers.bare]\nmodel = \"m\"\n";
        let error = registry(own, &[]).get("corp").unwrap_err();
        assert!(error.to_string().contains("`CORP_KEY`"), "{error}");
        let error = registry(own, &[]).get("bare").unwrap_err();
        assert_eq!(error, RegistryError::NoBaseUrl { provider: "bare".into() });
        let error = registry(own, &[]).get("opnai").unwrap_err();
        assert!(error.hint().starts_with("Known are anthropic, openai, "), "{}", error.hint());
        assert!(error.hint().contains("corp"), "{}", error.hint());
        assert_eq!(error.kind(), ErrorKind::Config);
    }

    #[test]
    fn addresses_keys_and_dialects_come_from_the_environment_before_the_file() {
        let config = "[providers.openai]\nbase_url = \"https://file/v1\"\nkey_env = \"MINE\"\n\
                      [providers.corp]\ndialect = \"anthropic\"\nbase_url = \"https://corp/\"\n\
                      [providers.corp.headers]\nx-team = \"blue\"\n";
        let env = [("MINE", "key-1"), ("OPENAI_BASE_URL", "https://env/v1")];
        let both = registry(config, &env);
        let openai = both.get("openai").unwrap();
        assert_eq!(openai.base_url(), "https://env/v1");
        assert!(Arc::ptr_eq(&openai, &both.get("openai").unwrap()), "one client a provider");
        let file = registry(config, &env[..1]);
        assert_eq!(file.get("openai").unwrap().base_url(), "https://file/v1");
        let corp = both.get("corp").unwrap();
        assert_eq!((corp.dialect(), corp.is_loopback()), (Dialect::Anthropic, false));
        let items = "[providers.openai]\ndialect = \"responses\"\n";
        let items = registry(items, &[("OPENAI_API_KEY", "o")]).get("openai").unwrap();
        assert_eq!(items.dialect(), Dialect::Responses);
        assert_eq!(items.base_url(), "https://api.openai.com/v1");
        assert_eq!(both.names(), ["openai", "ollama", "lm_studio", "llamacpp", "vllm", "corp"]);
        assert!(both.known().contains(&"anthropic"));
        assert!(!format!("{both:?}").contains("key-1"));
    }

    #[test]
    fn gemini_and_ollama_are_spoken_to_natively_unless_their_other_door_is_meant() {
        let check = |config: &str, env: &[(&str, &str)], name: &str, expected: (Dialect, &str)| {
            let registry = registry(config, env);
            let provider = registry.get(name).unwrap();
            assert_eq!((provider.dialect(), provider.base_url()), expected, "{config} {env:?}");
        };
        let (gemini, ollama, openai) = (Dialect::Gemini, Dialect::Ollama, Dialect::Openai);
        let key = ("GEMINI_API_KEY", "g");
        let own = "https://generativelanguage.googleapis.com";
        let compatible = "https://generativelanguage.googleapis.com/v1beta/openai";
        check("", &[key], "gemini", (gemini, own));
        check("", &[key, ("GEMINI_BASE_URL", compatible)], "gemini", (openai, compatible));
        check("[providers.gemini]\ndialect = \"openai\"", &[key], "google", (openai, compatible));
        check("", &[], "ollama", (ollama, "http://localhost:11434"));
        let v1 = "http://box:11434/v1";
        check("", &[("OLLAMA_BASE_URL", v1)], "ollama", (openai, v1));
        for (host, url) in [
            ("box", "http://box:11434"),
            ("0.0.0.0:99", "http://127.0.0.1:99"),
            (":99", "http://127.0.0.1:99"),
            ("https://box/", "https://box"),
        ] {
            check("", &[("OLLAMA_HOST", host)], "ollama", (ollama, url));
        }
        let proxy = "[providers.corp]\ndialect = \"gemini\"\nbase_url = \"https://corp\"";
        check(proxy, &[], "corp", (gemini, "https://corp"));
    }

    #[test]
    fn waits_are_the_users_and_longer_for_local_servers() {
        let timeouts = |config: &str, name: &str| {
            let registry = registry(config, &[("ANTHROPIC_API_KEY", "a")]);
            registry.entry(name).unwrap().config.clone().unwrap().timeouts
        };
        assert_eq!(timeouts("", "anthropic"), Timeouts::default());
        assert_eq!(timeouts("", "ollama").first_byte_ms, 600_000);
        let short = "[timeouts]\nhead_ms = 5\nfirst_byte_ms = 6\nidle_ms = 7\n";
        let expected = Timeouts { head_ms: 5, first_byte_ms: 6, idle_ms: 7 };
        assert_eq!(timeouts(short, "anthropic"), expected);
        assert_eq!(timeouts(short, "ollama"), expected);
    }

    #[test]
    fn every_vendor_has_a_usable_address_and_a_priced_default_model() {
        let catalogue = Catalogue::builtin();
        for vendor in VENDORS {
            let url = Url::parse(vendor.base_url).unwrap();
            assert_eq!(is_loopback(&url), vendor.local, "{}", vendor.name);
            assert_eq!(vendor.key_env.is_empty(), vendor.local, "{}", vendor.name);
            let Some(model) = vendor.model else { continue };
            let info = catalogue.find(vendor.name, model).unwrap_or_else(|| panic!("{model}"));
            assert!(info.caps.tools && info.retires.is_none(), "{model}");
        }
        let settings =
            Config::load(&Sources { user: None, project: None, env: &|_| None, flags: &[] });
        let variables = Registry::key_variables(&settings.unwrap().settings());
        for variable in distiq_base::env::ALL {
            let is_key = variable.name.ends_with("_API_KEY");
            assert_eq!(variables.iter().any(|v| v == variable.name), is_key, "{}", variable.name);
        }
    }

    #[test]
    fn what_stands_in_for_openai_is_spoken_to_with_care() {
        let quirks = |base_url: &str| {
            let env = [("OPENAI_API_KEY", "o"), ("OPENAI_BASE_URL", base_url)];
            registry("", &env).entry("openai").unwrap().config.clone().unwrap().quirks
        };
        assert_eq!(quirks("https://api.openai.com/v1"), crate::wire::Quirks::openai());
        assert_eq!(quirks("https://eu.api.openai.com/v1"), crate::wire::Quirks::openai());
        for other in ["http://127.0.0.1:9/v1", "https://notopenai.com/v1"] {
            let quirks = quirks(other);
            assert_eq!((quirks.max_tokens_field, quirks.developer_role), ("max_tokens", false));
            assert!(quirks.prompt_cache_key);
        }
    }
}
