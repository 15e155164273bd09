//! The settings, typed, for those who act on them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::kind::{Kind, Value};
use super::{Config, Entry};
use crate::event::Mode;
use crate::message::Dialect;
use crate::money::Money;

/// All settings; what has no default and nobody set is `None`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // Each is documented once, in the table of keys.
pub struct Settings {
    pub provider: Option<String>,
    pub model: Option<String>,
    pub mode: Mode,
    pub max_cost: Option<Money>,
    pub max_turns: u32,
    pub max_time_s: Option<u64>,
    pub limits: LimitSettings,
    pub policy: String,
    pub providers: BTreeMap<String, ProviderSettings>,
    pub routes: RouteSettings,
    pub timeouts: TimeoutSettings,
    pub retry: RetrySettings,
    pub prices: Option<PathBuf>,
    pub tz: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub embedder: Option<String>,
    /// The folder of the model that reads a request and a place together.
    pub reranker: Option<PathBuf>,
    /// Whether ranking looks at past commits.
    pub history: bool,
    /// The folder of the model that chooses words to leave out.
    pub compression_model: Option<PathBuf>,
    pub sandbox: Sandbox,
    pub sandbox_rules: SandboxRules,
    pub checkpoints: CheckpointSettings,
    /// What saves money.
    pub economy: EconomySettings,
    pub gateway: GatewaySettings,
    pub cache: CacheSettings,
    pub plain: bool,
}

/// Money limits.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct LimitSettings {
    pub session: Option<Money>,
    pub day: Option<Money>,
    pub month: Option<Money>,
    pub project_day: Option<Money>,
    pub project_month: Option<Money>,
    pub alert_share: f64,
}

/// A provider of the user's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ProviderSettings {
    pub dialect: Option<Dialect>,
    pub base_url: Option<String>,
    pub key_env: Option<String>,
    pub model: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
    pub takes_unknown: bool,
    /// Addresses and weights.
    pub nodes: Vec<(String, u32)>,
    pub balance: Option<String>,
    pub health_path: Option<String>,
}

/// Which models names stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RouteSettings {
    /// Models by the tier's name.
    pub tiers: BTreeMap<String, Vec<String>>,
    pub aliases: BTreeMap<String, String>,
    pub fallbacks: BTreeMap<String, Vec<String>>,
    /// The user's own routes by their names: where to, and what is said.
    pub examples: BTreeMap<String, (String, Vec<String>)>,
    /// Models by the task's name.
    pub tasks: BTreeMap<String, String>,
}

/// How long to wait, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TimeoutSettings {
    pub head_ms: u64,
    pub first_byte_ms: u64,
    pub idle_ms: u64,
}

/// What is kept for `undo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CheckpointSettings {
    pub enabled: bool,
    pub max_mb: u64,
    pub max_days: u64,
}

/// How the gateway is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GatewaySettings {
    pub hosts: Vec<String>,
    pub max_body_mb: u64,
    pub drain_s: u64,
    pub access_log: Option<String>,
    pub access_log_mb: u64,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
}

/// Which answers are given again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CacheSettings {
    pub answers: CacheAnswers,
    pub semantic: bool,
    pub ttl_s: u64,
    pub max_mb: u64,
    pub max_entries: u64,
}

/// Who is given an answer of before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheAnswers {
    /// Nobody.
    Off,
    /// Who asks for it.
    #[default]
    Asked,
    /// Everybody.
    On,
}

/// How often and how soon to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RetrySettings {
    pub attempts: u32,
    pub base_ms: u64,
    pub max_delay_ms: u64,
}

/// Whether commands run in a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// Where one can be had.
    #[default]
    Auto,
    /// Or not at all.
    Require,
    /// No.
    Off,
}

/// What a sandbox is made of, and what it lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Each is documented once, in the table of keys.
pub struct SandboxRules {
    pub backend: SandboxBackend,
    pub image: Option<String>,
    pub network: SandboxNetwork,
    pub hosts: Vec<String>,
    /// May begin with `~`.
    pub read: Vec<PathBuf>,
    /// May begin with `~`.
    pub write: Vec<PathBuf>,
}

/// What holds commands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxBackend {
    /// The kernel's own means.
    #[default]
    Native,
    /// bubblewrap.
    Bubblewrap,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// What commands reach beyond loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxNetwork {
    /// Nothing.
    #[default]
    Off,
    /// The listed hosts.
    Hosts,
    /// Everything.
    On,
}

/// What saves money; each can be switched off alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EconomySettings {
    /// Whether long conversations are made shorter.
    pub compaction: bool,
    /// Whether old results of tools are left out.
    pub pruning: bool,
    /// Whether plain questions are answered without a model.
    pub local_answers: bool,
    /// Whether a question is answered by the answer of an earlier run that still holds.
    pub kept_answers: bool,
    /// Whether vendors are told what to keep in their prompt caches.
    pub prompt_cache: bool,
    /// Whether they may be told to keep it for an hour.
    pub long_cache: bool,
    /// Whether they are kept alive while a turn waits.
    pub keep_alive: bool,
    /// The longest prompt and answer together, where less than the model takes.
    pub window_tokens: Option<u64>,
    /// Whether a stronger model goes on from an answer that one cannot be sure of.
    pub escalation: bool,
    /// Whether it may only say what is wrong, where that is likely to cost less.
    pub corrections: bool,
    /// How sure one must be of an answer, from 0 to 1.
    pub confidence: f64,
    /// Whether a cheap model is asked about the answer, too.
    pub self_check: bool,
    /// After how many milliseconds a question without tools goes to a second model, too.
    pub race_ms: Option<u64>,
    /// Most that the second may cost.
    pub race_cap: Option<Money>,
    /// Whether runs are planned where the whole is likely to cost less.
    pub plans: bool,
}

impl Default for EconomySettings {
    fn default() -> Self {
        Self {
            compaction: true,
            pruning: true,
            local_answers: true,
            kept_answers: true,
            prompt_cache: true,
            long_cache: true,
            keep_alive: true,
            window_tokens: None,
            escalation: true,
            corrections: true,
            confidence: 0.85,
            self_check: false,
            race_ms: None,
            race_cap: None,
            plans: false,
        }
    }
}

impl Settings {
    pub(super) fn from_config(config: &Config) -> Self {
        let values = Values(config);
        Self {
            provider: values.text("provider"),
            model: values.text("model"),
            mode: match values.value("mode") {
                Some(Value::Mode(mode)) => *mode,
                _ => Mode::default(),
            },
            max_cost: values.money("max_cost"),
            max_turns: values.small("max_turns"),
            max_time_s: values.integer("max_time_s"),
            limits: LimitSettings {
                session: values.money("limits.session"),
                day: values.money("limits.day"),
                month: values.money("limits.month"),
                project_day: values.money("limits.project_day"),
                project_month: values.money("limits.project_month"),
                alert_share: match values.value("limits.alert_share") {
                    Some(Value::Share(share)) => *share,
                    _ => 1.0,
                },
            },
            policy: values.text("policy").unwrap_or_default(),
            providers: providers(config),
            routes: routes(config),
            timeouts: TimeoutSettings {
                head_ms: values.integer("timeouts.head_ms").unwrap_or_default(),
                first_byte_ms: values.integer("timeouts.first_byte_ms").unwrap_or_default(),
                idle_ms: values.integer("timeouts.idle_ms").unwrap_or_default(),
            },
            retry: RetrySettings {
                attempts: values.small("retry.attempts"),
                base_ms: values.integer("retry.base_ms").unwrap_or_default(),
                max_delay_ms: values.integer("retry.max_delay_ms").unwrap_or_default(),
            },
            prices: values.text("prices").map(PathBuf::from),
            tz: values.text("tz"),
            ca_file: values.text("ca_file").map(PathBuf::from),
            embedder: values.text("index.embedder"),
            reranker: values.text("index.reranker").map(PathBuf::from),
            history: values.value("index.history") == Some(&Value::Bool(true)),
            compression_model: values.text("compression.model").map(PathBuf::from),
            sandbox: match values.text("sandbox").as_deref() {
                Some("require") => Sandbox::Require,
                Some("off") => Sandbox::Off,
                _ => Sandbox::Auto,
            },
            sandbox_rules: sandbox_rules(&values),
            economy: EconomySettings {
                compaction: values.value("economy.compaction") == Some(&Value::Bool(true)),
                pruning: values.value("economy.pruning") == Some(&Value::Bool(true)),
                local_answers: values.value("economy.local_answers") == Some(&Value::Bool(true)),
                kept_answers: values.value("economy.kept_answers") == Some(&Value::Bool(true)),
                prompt_cache: values.value("economy.prompt_cache") == Some(&Value::Bool(true)),
                long_cache: values.value("economy.long_cache") == Some(&Value::Bool(true)),
                keep_alive: values.value("economy.keep_alive") == Some(&Value::Bool(true)),
                window_tokens: values.integer("economy.window_tokens"),
                escalation: values.value("economy.escalation") == Some(&Value::Bool(true)),
                corrections: values.value("economy.corrections") == Some(&Value::Bool(true)),
                confidence: match values.value("economy.confidence") {
                    Some(Value::Share(share)) => *share,
                    _ => EconomySettings::default().confidence,
                },
                self_check: values.value("economy.self_check") == Some(&Value::Bool(true)),
                race_ms: values.integer("economy.race_ms"),
                race_cap: values.money("economy.race_cap"),
                plans: values.text("economy.plan").as_deref() == Some("auto"),
            },
            checkpoints: CheckpointSettings {
                enabled: values.value("checkpoints.enabled") == Some(&Value::Bool(true)),
                max_mb: values.integer("checkpoints.max_mb").unwrap_or_default(),
                max_days: values.integer("checkpoints.max_days").unwrap_or_default(),
            },
            gateway: GatewaySettings {
                hosts: values.list("gateway.hosts"),
                max_body_mb: values.integer("gateway.max_body_mb").unwrap_or_default(),
                drain_s: values.integer("gateway.drain_s").unwrap_or_default(),
                access_log: values.text("gateway.access_log"),
                access_log_mb: values.integer("gateway.access_log_mb").unwrap_or_default(),
                tls_certificate: values.text("gateway.tls_certificate").map(PathBuf::from),
                tls_key: values.text("gateway.tls_key").map(PathBuf::from),
            },
            cache: CacheSettings {
                answers: match values.text("cache.answers").as_deref() {
                    Some("off") => CacheAnswers::Off,
                    Some("on") => CacheAnswers::On,
                    _ => CacheAnswers::Asked,
                },
                semantic: values.value("cache.semantic") == Some(&Value::Bool(true)),
                ttl_s: values.integer("cache.ttl_s").unwrap_or_default(),
                max_mb: values.integer("cache.max_mb").unwrap_or_default(),
                max_entries: values.integer("cache.max_entries").unwrap_or_default(),
            },
            plain: values.value("plain") == Some(&Value::Bool(true)),
        }
    }
}

struct Values<'a>(&'a Config);

impl<'a> Values<'a> {
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).map(|entry| &entry.value)
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text.clone()),
            Some(Value::Rung(_, name)) => Some((*name).to_owned()),
            _ => None,
        }
    }

    fn paths(&self, key: &str) -> Vec<PathBuf> {
        self.list(key).into_iter().map(PathBuf::from).collect()
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    fn money(&self, key: &str) -> Option<Money> {
        match self.value(key) {
            Some(Value::Money(money)) => Some(*money),
            _ => None,
        }
    }

    fn integer(&self, key: &str) -> Option<u64> {
        match self.value(key) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    fn small(&self, key: &str) -> u32 {
        self.integer(key).and_then(|number| number.try_into().ok()).unwrap_or(u32::MAX)
    }
}

fn sandbox_rules(values: &Values<'_>) -> SandboxRules {
    SandboxRules {
        backend: match values.text("sandbox.backend").as_deref() {
            Some("bubblewrap") => SandboxBackend::Bubblewrap,
            Some("docker") => SandboxBackend::Docker,
            Some("podman") => SandboxBackend::Podman,
            _ => SandboxBackend::Native,
        },
        image: values.text("sandbox.image"),
        network: match values.text("sandbox.network").as_deref() {
            Some("on") => SandboxNetwork::On,
            Some("hosts") => SandboxNetwork::Hosts,
            _ => SandboxNetwork::Off,
        },
        hosts: values.list("sandbox.hosts"),
        read: values.paths("sandbox.read"),
        write: values.paths("sandbox.write"),
    }
}

fn providers(config: &Config) -> BTreeMap<String, ProviderSettings> {
    let mut providers = BTreeMap::<String, ProviderSettings>::new();
    for (key, Entry { value, .. }) in config.entries() {
        let Some((name, field)) = key.strip_prefix("providers.").and_then(|k| k.split_once('.'))
        else {
            continue;
        };
        let provider = providers.entry(name.to_owned()).or_default();
        let text = value.to_string();
        match field {
            "dialect" if text == "anthropic" => provider.dialect = Some(Dialect::Anthropic),
            "dialect" if text == "responses" => provider.dialect = Some(Dialect::Responses),
            "dialect" if text == "gemini" => provider.dialect = Some(Dialect::Gemini),
            "dialect" if text == "ollama" => provider.dialect = Some(Dialect::Ollama),
            "dialect" => provider.dialect = Some(Dialect::Openai),
            "base_url" => provider.base_url = Some(text),
            "key_env" => provider.key_env = Some(text),
            "model" => provider.model = Some(text),
            "models" => provider.models = value.texts().to_vec(),
            "takes_unknown" => provider.takes_unknown = *value == Value::Bool(true),
            "nodes" => {
                provider.nodes = value.texts().iter().filter_map(|node| Kind::node(node)).collect();
            }
            "balance" => provider.balance = Some(text),
            "health_path" => provider.health_path = Some(text),
            field => {
                if let Some(header) = field.strip_prefix("headers.") {
                    provider.headers.insert(header.to_owned(), text);
                }
            }
        }
    }
    providers
}

fn routes(config: &Config) -> RouteSettings {
    let mut routes = RouteSettings::default();
    for (key, Entry { value, .. }) in config.entries() {
        let Some((table, name)) = key.split_once('.') else { continue };
        let (name, list) = (name.to_owned(), value.texts().to_vec());
        match table {
            "tiers" => drop(routes.tiers.insert(name, list)),
            "fallbacks" => drop(routes.fallbacks.insert(name, list)),
            "aliases" => drop(routes.aliases.insert(name, value.to_string())),
            "tasks" => drop(routes.tasks.insert(name, value.to_string())),
            "routes" => {
                let Some((name, field)) = name.rsplit_once('.') else { continue };
                let (to, utterances) = routes.examples.entry(name.to_owned()).or_default();
                match field {
                    "to" => *to = value.to_string(),
                    _ => *utterances = list,
                }
            }
            _ => {}
        }
    }
    routes
}
