//! A gateway's setup from the settings, at the start and at each reload.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::config::ProviderSettings;
use distiq_gateway::{Setup, Source};
use distiq_llm::Registry;
use distiq_llm::retry::Policy;
use distiq_router::{Ledger, Limits, Router, RouterConfig, Table};

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::World;
use crate::{answers, providers, terminal};

/// The longest that a request waits because its vendor asks for it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often nodes are asked whether they are well.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// A provider's address, as `--upstream` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    name: Option<String>,
    url: String,
}

impl FromStr for Upstream {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let named = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty() && !name.contains([':', '/', '?']));
        let (name, url) = named.map_or((None, text), |(name, url)| (Some(name.to_owned()), url));
        Ok(Self { name, url: url.trim_end_matches('/').to_owned() })
    }
}

impl Upstream {
    /// Returns the variables that it stands in the place of.
    fn variables(&self) -> Vec<(String, String)> {
        match &self.name {
            Some(name) => {
                let variable = format!("{}_BASE_URL", name.to_ascii_uppercase());
                // These are spoken to in their own dialects, whose addresses end before the version.
                let url = match name.as_str() {
                    "anthropic" | "gemini" | "ollama" => self.url.clone(),
                    _ => self.with_version(),
                };
                vec![(variable, url)]
            }
            None => vec![
                ("ANTHROPIC_BASE_URL".to_owned(), self.url.clone()),
                ("OPENAI_BASE_URL".to_owned(), self.with_version()),
            ],
        }
    }

    /// Returns the address with `/v1`, where it has no path of its own.
    fn with_version(&self) -> String {
        let after = self.url.split_once("://").map_or(self.url.as_str(), |(_, after)| after);
        match after.contains('/') {
            true => self.url.clone(),
            false => format!("{}/v1", self.url),
        }
    }
}

/// Reads the settings as the command's own start did.
pub struct FromSettings {
    pub global: Global,
    pub config: Option<PathBuf>,
    pub upstreams: Vec<Upstream>,
    pub ledger: Arc<Ledger>,
    pub user_file: PathBuf,
    pub project_file: PathBuf,
}

impl FromSettings {
    fn read(&self) -> Result<Setup, Failure> {
        let mut world = World::open_with(&self.global, &[], self.config.as_deref())?;
        let variables: Vec<(String, String)> =
            self.upstreams.iter().flat_map(Upstream::variables).collect();
        let vendors = Registry::from_settings(&world.settings, &|_| None);
        let vendors: Vec<String> = vendors.known().into_iter().map(str::to_owned).collect();
        for upstream in &self.upstreams {
            if let Some(name) = upstream.name.as_ref().filter(|name| !vendors.contains(name)) {
                let base_url = Some(upstream.with_version());
                let own = ProviderSettings { base_url, ..ProviderSettings::default() };
                world.settings.providers.insert(name.clone(), own);
            } else if let Some(own) =
                upstream.name.as_ref().and_then(|name| world.settings.providers.get_mut(name))
            {
                own.base_url = Some(upstream.url.clone());
            }
        }
        let instead = |name: &str| {
            let last = variables.iter().rev().find(|(variable, _)| variable == name);
            last.map(|(_, url)| url.clone())
        };
        let registry = Arc::new(providers::registry_at(&world, &instead)?);
        let catalogue = Arc::new(providers::catalogue(&world)?);
        let settings = &world.settings;
        let router = Router::new(RouterConfig {
            premium: providers::premium(settings, &registry, &catalogue),
            registry: Arc::clone(&registry) as _,
            catalogue: Arc::clone(&catalogue),
            ledger: Arc::clone(&self.ledger),
            limits: Limits {
                session: None,
                day: settings.limits.day,
                month: settings.limits.month,
                run: None,
                alert_share: settings.limits.alert_share,
                ..Limits::default()
            },
            run: None,
            // A client of the gateway waits by itself, and is told for how long.
            retry: Policy { longest_wait: LONGEST_WAIT, ..Policy::from_settings(&settings.retry) },
            clock: Clock::System,
        });
        router.watch_nodes(CHECK_EVERY);
        answers::serve(&world, &router);
        let mut table = Table::new(settings, &registry, Arc::clone(&catalogue));
        table.takes_unknown = self.upstreams.iter().any(|upstream| upstream.name.is_none());
        Ok(Setup { router: Arc::new(router), registry, catalogue, table })
    }
}

impl Source for FromSettings {
    fn load(&self) -> Result<Setup, String> {
        self.read().map_err(|failure| match failure.hint {
            Some(hint) => format!("{} ({hint})", failure.message),
            None => failure.message,
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        let user = self.config.clone().unwrap_or_else(|| self.user_file.clone());
        vec![user, self.project_file.clone()]
    }

    fn reloaded(&self, result: Result<&(), &str>) {
        match result {
            Ok(()) => terminal::say("note: the settings were read again"),
            Err(problem) => {
                terminal::say(&format!("warning: the old settings stay in force: {problem}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_named_or_serves_both_dialects() {
        let variables = |text: &str| text.parse::<Upstream>().unwrap().variables();
        let pair = |name: &str, url: &str| (name.to_owned(), url.to_owned());
        assert_eq!(
            variables("http://127.0.0.1:1/"),
            [
                pair("ANTHROPIC_BASE_URL", "http://127.0.0.1:1"),
                pair("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
            ]
        );
        assert_eq!(
            variables("openai=http://h/api?x=1"),
            [pair("OPENAI_BASE_URL", "http://h/api?x=1")]
        );
        assert_eq!(variables("http://h/a?x=1")[0], pair("ANTHROPIC_BASE_URL", "http://h/a?x=1"));
        for (name, variable) in [
            ("anthropic", "ANTHROPIC_BASE_URL"),
            ("gemini", "GEMINI_BASE_URL"),
            ("ollama", "OLLAMA_BASE_URL"),
        ] {
            assert_eq!(variables(&format!("{name}=http://h")), [pair(variable, "http://h")]);
        }
    }
}
