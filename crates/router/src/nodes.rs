//! The nodes of a provider: which one a request goes to, and which ones are known not to answer.
//!
//! Choosing takes the node's own locks for a moment each and no other; with one node it is a load.

mod balance;
mod breaker;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use distiq_llm::{ProviderError, ProviderErrorKind as Kind};
use serde::Serialize;

pub use balance::Balance;
use balance::{Load, Turns};
pub use breaker::{Breaker, BreakerState};

use crate::upstream::{NodeSet, Upstream};

/// How long a node is left alone after a refusal for which the vendor names no time.
const COOL_DOWN_MS: i64 = 1_000;
/// The longest that a vendor's word keeps a node away.
const LONGEST_COOL_DOWN_MS: i64 = 10 * 60 * 1_000;
/// Most models of a node whose cool-down is remembered.
const MAX_COOLING: usize = 256;

/// The nodes of one provider.
#[derive(Debug)]
pub(crate) struct Pool {
    balance: Balance,
    nodes: Vec<Node>,
    turns: Turns,
    health_path: Option<String>,
}

/// One address of a provider.
struct Node {
    name: String,
    weight: u32,
    upstream: Arc<dyn Upstream>,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    failures: AtomicU64,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    breaker: Breaker,
    /// Until when a model is not to be asked for here.
    cooling: HashMap<String, i64>,
}

/// What choosing came to.
#[derive(Debug)]
pub(crate) enum Chosen {
    /// This one.
    Ready(Flight),
    /// None before this moment.
    NotBefore(i64),
}

/// A request under way at a node; dropping it without a word on its end counts for nothing.
#[derive(Debug)]
pub(crate) struct Flight {
    pool: Arc<Pool>,
    index: usize,
    is_probe: bool,
    is_told: bool,
}

/// What is known of a node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeStatus {
    /// The provider.
    pub provider: String,
    /// The node: its address.
    pub node: String,
    /// Whether it is asked.
    pub state: BreakerState,
    /// Requests under way.
    pub in_flight: usize,
    /// Requests so far.
    pub requests: u64,
    /// Those that failed by the node's fault.
    pub failures: u64,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Node {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the moment from which it may be asked for the model.
    fn ready_at(&self, model: &str, now_ms: i64) -> i64 {
        let health = self.health();
        let cool = health.cooling.get(model).copied().unwrap_or(i64::MIN);
        health.breaker.ready_at(now_ms).max(cool)
    }
}

impl Health {
    fn cool(&mut self, model: &str, until_ms: i64, now_ms: i64) {
        if self.cooling.len() >= MAX_COOLING {
            self.cooling.retain(|_, until| *until > now_ms);
        }
        if self.cooling.len() < MAX_COOLING {
            let until = self.cooling.entry(model.to_owned()).or_insert(until_ms);
            *until = (*until).max(until_ms);
        }
    }
}

impl Pool {
    pub fn new(set: NodeSet) -> Self {
        let nodes = set.nodes.into_iter().map(|spec| Node {
            name: spec.name,
            weight: spec.weight.max(1),
            upstream: spec.upstream,
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            health: Mutex::default(),
        });
        let (nodes, turns) = (nodes.collect(), Turns::default());
        Self { balance: set.balance, nodes, turns, health_path: set.health_path }
    }

    /// Chooses a node for a request for `model`; `avoid` is taken only where no other is ready.
    pub fn choose(
        self: &Arc<Self>,
        model: &str,
        prefix: u64,
        avoid: Option<usize>,
        now_ms: i64,
    ) -> Chosen {
        // Most providers have one.
        if let [only] = &*self.nodes {
            let at_ms = only.ready_at(model, now_ms);
            let flight = (at_ms <= now_ms).then(|| self.board(0, now_ms)).flatten();
            return flight.map_or(Chosen::NotBefore(at_ms), Chosen::Ready);
        }
        let ready_at: Vec<i64> =
            self.nodes.iter().map(|node| node.ready_at(model, now_ms)).collect();
        let is_ready = |index: usize| ready_at.get(index).is_some_and(|at| *at <= now_ms);
        let mut ready: Vec<usize> =
            (0..self.nodes.len()).filter(|i| is_ready(*i) && Some(*i) != avoid).collect();
        if ready.is_empty() {
            ready.extend(avoid.filter(|index| is_ready(*index)));
        }
        while !ready.is_empty() {
            let loads: Vec<Load<'_>> = ready.iter().filter_map(|index| self.load(*index)).collect();
            let Some(index) = balance::pick(self.balance, &loads, prefix, &self.turns) else {
                break;
            };
            if let Some(flight) = self.board(index, now_ms) {
                return Chosen::Ready(flight);
            }
            // Somebody else took the one probe.
            ready.retain(|other| *other != index);
        }
        Chosen::NotBefore(ready_at.into_iter().min().unwrap_or(now_ms))
    }

    fn load(&self, index: usize) -> Option<Load<'_>> {
        let node = self.nodes.get(index)?;
        let in_flight = node.in_flight.load(Ordering::Relaxed);
        Some(Load { index, name: &node.name, weight: node.weight, in_flight })
    }

    /// Begins a request at a node, unless it is on trial and somebody else tries it.
    fn board(self: &Arc<Self>, index: usize, now_ms: i64) -> Option<Flight> {
        let is_probe = self.nodes.get(index)?.health().breaker.enter(now_ms)?;
        Some(self.take_off(index, is_probe))
    }

    fn take_off(self: &Arc<Self>, index: usize, is_probe: bool) -> Flight {
        if let Some(node) = self.nodes.get(index) {
            node.in_flight.fetch_add(1, Ordering::Relaxed);
            node.requests.fetch_add(1, Ordering::Relaxed);
        }
        Flight { pool: Arc::clone(self), index, is_probe, is_told: false }
    }

    /// Takes the node that is ready first, ready or not.
    pub fn soonest(self: &Arc<Self>, model: &str, now_ms: i64) -> Flight {
        let at = |index: &usize| self.nodes.get(*index).map(|node| node.ready_at(model, now_ms));
        let index = (0..self.nodes.len()).min_by_key(at).unwrap_or(0);
        self.take_off(index, false)
    }

    /// Returns the dialect that the nodes are spoken to in.
    pub fn dialect(&self) -> Option<distiq_base::Dialect> {
        self.nodes.first().map(|node| node.upstream.dialect())
    }

    /// Tells whether the prompt's beginning has a say in the choice.
    pub fn goes_by_prefix(&self) -> bool {
        self.balance == Balance::Prefix && self.nodes.len() > 1
    }

    /// Returns what is known of each node.
    pub fn status(&self, provider: &str) -> Vec<NodeStatus> {
        let status = |node: &Node| NodeStatus {
            provider: provider.to_owned(),
            node: node.name.clone(),
            state: node.health().breaker.state(),
            in_flight: node.in_flight.load(Ordering::Relaxed),
            requests: node.requests.load(Ordering::Relaxed),
            failures: node.failures.load(Ordering::Relaxed),
        };
        self.nodes.iter().map(status).collect()
    }

    /// Asks all nodes whether they are well, where they can tell.
    pub async fn check(&self, now_ms: impl Fn() -> i64) {
        let Some(path) = &self.health_path else { return };
        let checks =
            self.nodes.iter().map(|node| async move { (node, node.upstream.check(path).await) });
        for (node, found) in futures::future::join_all(checks).await {
            match found {
                Ok(()) => node.health().breaker.well(now_ms()),
                Err(_) => node.health().breaker.sick(now_ms()),
            }
        }
    }
}

impl Flight {
    /// Returns the node's place.
    pub const fn index(&self) -> usize {
        self.index
    }

    fn node(&self) -> Option<&Node> {
        self.pool.nodes.get(self.index)
    }

    /// Returns the way to the model.
    pub fn upstream(&self) -> Option<Arc<dyn Upstream>> {
        self.node().map(|node| Arc::clone(&node.upstream))
    }

    /// Returns the node's name, where its provider has several.
    pub fn name(&self) -> Option<&str> {
        (self.pool.nodes.len() > 1).then(|| self.node().map(|node| node.name.as_str())).flatten()
    }

    /// Tells whether another node is ready for the model.
    pub fn has_other(&self, model: &str, now_ms: i64) -> bool {
        let others = self.pool.nodes.iter().enumerate().filter(|(index, _)| *index != self.index);
        others.into_iter().any(|(_, node)| node.ready_at(model, now_ms) <= now_ms)
    }

    /// Takes in that the node answered, and until when its vendor says that a limit is empty.
    pub fn answered(&mut self, model: &str, now_ms: i64) {
        self.is_told = true;
        let Some(node) = self.node() else { return };
        let until = node.upstream.take_exhausted_until();
        let mut health = node.health();
        health.breaker.succeed(now_ms);
        if let Some(until) = until {
            let until_ms = until.as_millisecond().min(now_ms + LONGEST_COOL_DOWN_MS);
            health.cool(model, until_ms, now_ms);
        }
    }

    /// Takes in how the node failed.
    pub fn failed(&mut self, model: &str, error: &ProviderError, now_ms: i64) {
        self.is_told = true;
        let Some(node) = self.node() else { return };
        let until = node.upstream.take_exhausted_until();
        let mut health = node.health();
        match error.kind {
            Kind::Server
            | Kind::Timeout(_)
            | Kind::Connect
            | Kind::Tls
            | Kind::Truncated
            | Kind::Malformed
            | Kind::NotTheApi
            | Kind::Redirect => {
                node.failures.fetch_add(1, Ordering::Relaxed);
                health.breaker.fail(now_ms);
            }
            Kind::RateLimited | Kind::Overloaded => {
                health.breaker.release();
                let asked = error.retry_after.map(|wait| millis(wait).saturating_add(now_ms));
                let until = until.map(|until| until.as_millisecond());
                let until_ms = asked.max(until).unwrap_or(now_ms + COOL_DOWN_MS);
                health.cool(model, until_ms.min(now_ms + LONGEST_COOL_DOWN_MS), now_ms);
            }
            // It answers; the request or the key is at fault.
            _ => health.breaker.succeed(now_ms),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(node) = self.node() else { return };
        node.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.is_probe && !self.is_told {
            node.health().breaker.release();
        }
    }
}

fn millis(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}
