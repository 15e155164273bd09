//! The gateway's metrics, in Prometheus' text format.
//!
//! They are plain numbers behind one lock, taken once a request, when it is over: with every fact at
//! hand there is nothing to gain from a lock-free cell for each series, and no dependency is needed.
//! Names follow Prometheus' conventions (base units, `_total`), histograms the steps that
//! OpenTelemetry's GenAI conventions advise (2026-11).

mod histogram;
mod names;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use distiq_base::Dialect;
use distiq_router::{NodeStatus, Receipt};

use super::{Denial, Record, process};
use histogram::{COST_USD, DURATION_S, FIRST_TOKEN_S, Histogram};
use names::{Name, Names};
pub(super) use text::{CONTENT_TYPE, Page};

/// Models that have series of their own; those after them are `other`.
const MOST_MODELS: usize = 100;
/// Providers that have.
const MOST_PROVIDERS: usize = 50;
/// Combinations of labels of one metric; what would be more is counted under `other` alone.
const MOST_SERIES: usize = 2_000;

/// All metrics.
#[derive(Default)]
pub(crate) struct Metrics {
    state: Mutex<State>,
    in_flight: [AtomicI64; DIALECTS.len() + 1],
    log_lines_lost: AtomicU64,
    spans_lost: AtomicU64,
}

/// The dialects that callers speak, in the order of their gauges; what follows is everything else.
const DIALECTS: [Dialect; 5] =
    [Dialect::Anthropic, Dialect::Openai, Dialect::Responses, Dialect::Gemini, Dialect::Ollama];

struct State {
    models: Names,
    providers: Names,
    http: BTreeMap<(&'static str, u16), u64>,
    denials: BTreeMap<Denial, u64>,
    requests: BTreeMap<RequestLabels, u64>,
    routes: BTreeMap<RouteLabels, Route>,
    providers_seen: BTreeMap<Name, Provider>,
    durations: BTreeMap<(&'static str, Name), Histogram>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RequestLabels {
    dialect: &'static str,
    provider: Name,
    model: Name,
    tier: &'static str,
    status: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RouteLabels {
    provider: Name,
    model: Name,
    tier: &'static str,
}

/// What the requests of one route came to.
#[derive(Default)]
struct Route {
    /// Uncached input, cache reads, cache writes, output.
    tokens: [u64; TOKEN_KINDS.len()],
    reasoning: u64,
    cost_nanousd: i64,
    unpriced: u64,
}

const TOKEN_KINDS: [&str; 4] = ["input", "cache_read", "cache_write", "output"];

#[derive(Default)]
struct Provider {
    attempts: u64,
    retries: u64,
    fallbacks: u64,
    cost: Histogram<{ COST_USD.len() }>,
    first_token: Histogram<{ FIRST_TOKEN_S.len() }>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            models: Names::with_room(MOST_MODELS),
            providers: Names::with_room(MOST_PROVIDERS),
            http: BTreeMap::new(),
            denials: BTreeMap::new(),
            requests: BTreeMap::new(),
            routes: BTreeMap::new(),
            providers_seen: BTreeMap::new(),
            durations: BTreeMap::new(),
        }
    }
}

impl Metrics {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gauge(&self, dialect: Dialect) -> &AtomicI64 {
        let [rest, dialects @ ..] = &self.in_flight;
        let place = DIALECTS.iter().position(|one| *one == dialect);
        place.and_then(|place| dialects.get(place)).unwrap_or(rest)
    }

    /// A request begins.
    pub fn begin(&self, dialect: Dialect) {
        self.gauge(dialect).fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub fn end(&self, dialect: Dialect) {
        self.gauge(dialect).fetch_sub(1, Ordering::Relaxed);
    }

    /// A line of the access log could not be written.
    pub fn log_line_lost(&self) {
        self.log_lines_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// So many spans could not be sent.
    pub fn spans_lost(&self, count: u64) {
        self.spans_lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns how many requests were turned away, by why.
    pub fn denials(&self) -> Vec<(&'static str, u64)> {
        self.state().denials.iter().map(|(denial, count)| (denial.as_str(), *count)).collect()
    }

    /// Takes in a request that is over.
    pub fn record(&self, record: &Record) {
        let mut state = self.state();
        *state.http.entry((record.endpoint, record.status)).or_default() += 1;
        if let Some(denial) = record.denial {
            *state.denials.entry(denial).or_default() += 1;
        }
        if let Some(receipt) = &record.receipt {
            state.settle(record.dialect.as_str(), receipt, record.began.elapsed().as_secs_f64());
        }
    }

    /// Writes all metrics.
    pub fn text(&self, nodes: &[NodeStatus]) -> String {
        let mut page = Page::default();
        page.family("distiq_build_info", "gauge", "The version that runs");
        page.sample("", &[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
        self.state().write(&mut page);
        self.write_gauges(&mut page);
        write_nodes(&mut page, nodes);
        process::write(&mut page);
        page.finish()
    }

    fn write_gauges(&self, page: &mut Page) {
        page.family("distiq_requests_in_flight", "gauge", "Requests to models under way");
        for dialect in DIALECTS {
            let count = self.gauge(dialect).load(Ordering::Relaxed).max(0);
            page.sample("", &[("dialect", dialect.as_str())], count);
        }
        for (name, help, count) in [
            (
                "distiq_access_log_lines_lost_total",
                "Lines of the access log that could not be written",
                &self.log_lines_lost,
            ),
            ("distiq_spans_lost_total", "Spans that could not be sent", &self.spans_lost),
        ] {
            page.family(name, "counter", help);
            page.sample("", &[], count.load(Ordering::Relaxed));
        }
    }
}

impl State {
    fn settle(&mut self, dialect: &'static str, receipt: &Receipt, took_s: f64) {
        let route = RouteLabels {
            provider: self.providers.get(&receipt.provider),
            model: self.models.get(&receipt.model),
            tier: receipt.tier.map_or("", |tier| tier.as_str()),
        };
        let status = receipt.error.as_ref().map_or("ok", |error| error.code());
        let labels = |route: RouteLabels| {
            let RouteLabels { provider, model, tier } = route;
            RequestLabels { dialect, provider, model, tier, status }
        };
        let full =
            self.requests.len() >= MOST_SERIES && !self.requests.contains_key(&labels(route));
        let other = RouteLabels { provider: Name::OTHER, model: Name::OTHER, tier: "" };
        let route = if full { other } else { route };
        *self.requests.entry(labels(route)).or_default() += 1;
        self.routes.entry(route).or_default().add(receipt);
        self.durations.entry((dialect, route.provider)).or_default().observe(&DURATION_S, took_s);
        let provider = self.providers_seen.entry(route.provider).or_default();
        let attempts = u64::from(receipt.attempts);
        let fallbacks = u64::from(receipt.fallbacks);
        provider.attempts += attempts;
        provider.retries += attempts.saturating_sub(1 + fallbacks);
        provider.fallbacks += fallbacks;
        if let Some(cost) = receipt.cost {
            provider.cost.observe(&COST_USD, cost.nanos() as f64 / 1e9);
        }
        if let Some(first_ms) = receipt.first_token_ms {
            provider.first_token.observe(&FIRST_TOKEN_S, first_ms as f64 / 1e3);
        }
    }

    fn write(&self, page: &mut Page) {
        page.family("distiq_http_requests_total", "counter", "Answers by endpoint and status");
        for ((endpoint, status), count) in &self.http {
            let code = status.to_string();
            page.sample("", &[("endpoint", endpoint), ("code", &code)], *count);
        }
        page.family(
            "distiq_denied_requests_total",
            "counter",
            "Requests that were turned away before they could cost anything, by why",
        );
        for denial in Denial::ALL {
            let count = self.denials.get(&denial).copied().unwrap_or_default();
            page.sample("", &[("reason", denial.as_str())], count);
        }
        self.write_requests(page);
        self.write_routes(page);
        self.write_providers(page);
    }

    fn write_requests(&self, page: &mut Page) {
        page.family(
            "distiq_requests_total",
            "counter",
            "Requests to models that are over, by how they ended",
        );
        for (labels, count) in &self.requests {
            let labels = [
                ("dialect", labels.dialect),
                ("provider", self.providers.text(labels.provider)),
                ("model", self.models.text(labels.model)),
                ("tier", labels.tier),
                ("status", labels.status),
            ];
            page.sample("", &labels, *count);
        }
        page.family(
            "distiq_request_duration_seconds",
            "histogram",
            "From a request's head to the last byte of its answer",
        );
        for ((dialect, provider), histogram) in &self.durations {
            let labels = [("dialect", *dialect), ("provider", self.providers.text(*provider))];
            page.histogram(&labels, &DURATION_S, histogram);
        }
    }

    fn write_routes(&self, page: &mut Page) {
        let labels = |labels: &RouteLabels| {
            [
                ("provider", self.providers.text(labels.provider)),
                ("model", self.models.text(labels.model)),
                ("tier", labels.tier),
            ]
        };
        page.family(
            "distiq_tokens_total",
            "counter",
            "Tokens by kind; the kinds add up to all that were billed",
        );
        for (route, sums) in &self.routes {
            let [provider, model, tier] = labels(route);
            for (kind, count) in TOKEN_KINDS.iter().zip(sums.tokens) {
                page.sample("", &[provider, model, tier, ("kind", kind)], count);
            }
        }
        page.family(
            "distiq_reasoning_tokens_total",
            "counter",
            "The part of the output tokens that was reasoning, where the vendor tells",
        );
        for (route, sums) in &self.routes {
            page.sample("", &labels(route), sums.reasoning);
        }
        page.family("distiq_cost_usd_total", "counter", "Cost of the requests with a known price");
        for (route, sums) in &self.routes {
            page.sample("", &labels(route), sums.cost_nanousd.max(0) as f64 / 1e9);
        }
        page.family(
            "distiq_unpriced_requests_total",
            "counter",
            "Requests to models without a known price",
        );
        for (route, sums) in &self.routes {
            page.sample("", &labels(route), sums.unpriced);
        }
    }

    fn write_providers(&self, page: &mut Page) {
        let label = |name: &Name| [("provider", self.providers.text(*name))];
        type Count = fn(&Provider) -> u64;
        let counts: [(&str, &str, Count); 3] = [
            (
                "distiq_upstream_attempts_total",
                "How often requests were sent to a vendor",
                |provider| provider.attempts,
            ),
            (
                "distiq_upstream_retries_total",
                "Attempts after the first at the same model",
                |provider| provider.retries,
            ),
            (
                "distiq_fallbacks_total",
                "How often another model or provider was gone to; counted where that ended",
                |provider| provider.fallbacks,
            ),
        ];
        for (name, help, count) in counts {
            page.family(name, "counter", help);
            for (provider, sums) in &self.providers_seen {
                page.sample("", &label(provider), count(sums));
            }
        }
        page.family(
            "distiq_time_to_first_token_seconds",
            "histogram",
            "From the first sending to the first piece of the answer",
        );
        for (provider, sums) in &self.providers_seen {
            page.histogram(&label(provider), &FIRST_TOKEN_S, &sums.first_token);
        }
        page.family("distiq_request_cost_usd", "histogram", "Cost of one request");
        for (provider, sums) in &self.providers_seen {
            page.histogram(&label(provider), &COST_USD, &sums.cost);
        }
    }
}

impl Route {
    fn add(&mut self, receipt: &Receipt) {
        let usage = &receipt.usage;
        let writes = usage.cache_write.saturating_add(usage.cache_write_long);
        let counts = [usage.input, usage.cache_read, writes, usage.output];
        for (sum, count) in self.tokens.iter_mut().zip(counts) {
            *sum = sum.saturating_add(count);
        }
        self.reasoning = self.reasoning.saturating_add(usage.reasoning);
        match receipt.cost {
            Some(cost) => self.cost_nanousd = self.cost_nanousd.saturating_add(cost.nanos()),
            None => self.unpriced += 1,
        }
    }
}

fn write_nodes(page: &mut Page, nodes: &[NodeStatus]) {
    let labels =
        |node: &NodeStatus| [("provider", node.provider.clone()), ("node", node.node.clone())];
    type Count = fn(&NodeStatus) -> u64;
    let counts: [(&str, &str, &str, Count); 3] = [
        ("distiq_node_requests_total", "counter", "Attempts at a node", |node| node.requests),
        (
            "distiq_node_failures_total",
            "counter",
            "Attempts that failed by the node's fault",
            |node| node.failures,
        ),
        ("distiq_node_in_flight", "gauge", "Attempts under way at a node", |node| {
            node.in_flight as u64
        }),
    ];
    for (name, kind, help, count) in counts {
        page.family(name, kind, help);
        for node in nodes {
            let [provider, name] = labels(node);
            let labels = [(provider.0, provider.1.as_str()), (name.0, name.1.as_str())];
            page.sample("", &labels, count(node));
        }
    }
    page.family(
        "distiq_node_breaker_state",
        "gauge",
        "1 for the state that a node's circuit breaker is in",
    );
    for node in nodes {
        for state in ["closed", "open", "half_open"] {
            let labels = [
                ("provider", node.provider.as_str()),
                ("node", node.node.as_str()),
                ("state", state),
            ];
            page.sample("", &labels, u64::from(node.state.as_str() == state));
        }
    }
}
