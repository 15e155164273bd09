//! Which of several nodes a request goes to. Pure, but for the turns that are counted.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How requests are spread over nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// In turns, by weight.
    Weighted,
    /// To the one with the fewest requests under way, by weight.
    LeastLoaded,
    /// To the one whose cache holds the prompt's beginning, unless it has far more to do than the
    /// others.
    Prefix,
}

impl Balance {
    /// Reads the name used in settings.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "round-robin" => Balance::RoundRobin,
            "weighted" => Balance::Weighted,
            "least-loaded" => Balance::LeastLoaded,
            "prefix" => Balance::Prefix,
            _ => return None,
        })
    }
}

/// A node that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<'a> {
    pub index: usize,
    pub name: &'a str,
    pub weight: u32,
    pub in_flight: usize,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    count: AtomicUsize,
    /// What each node is owed, by its place (nginx's smooth weighted round robin).
    owed: Mutex<Vec<i64>>,
}

impl Turns {
    fn next(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// Returns the place of the chosen node; `None` only where there is none.
pub(super) fn pick(
    balance: Balance,
    nodes: &[Load<'_>],
    prefix: u64,
    turns: &Turns,
) -> Option<usize> {
    match nodes {
        [] => return None,
        [only] => return Some(only.index),
        _ => {}
    }
    match balance {
        Balance::RoundRobin => nodes.get(turns.next() % nodes.len()).map(|node| node.index),
        Balance::Weighted => weighted(nodes, turns),
        Balance::LeastLoaded => least_loaded(nodes, turns),
        Balance::Prefix => by_prefix(nodes, prefix),
    }
}

fn weighted(nodes: &[Load<'_>], turns: &Turns) -> Option<usize> {
    let mut owed = turns.owed.lock().unwrap_or_else(PoisonError::into_inner);
    let places = nodes.iter().map(|node| node.index + 1).max()?;
    if owed.len() < places {
        owed.resize(places, 0);
    }
    let total: i64 = nodes.iter().map(|node| i64::from(node.weight)).sum();
    for node in nodes {
        if let Some(owed) = owed.get_mut(node.index) {
            *owed += i64::from(node.weight);
        }
    }
    let owed_to = |node: &&Load<'_>| owed.get(node.index).copied();
    // The last of equals would be taken; the first is what people expect.
    let chosen = nodes.iter().rev().max_by_key(owed_to)?.index;
    if let Some(owed) = owed.get_mut(chosen) {
        *owed -= total;
    }
    Some(chosen)
}

fn least_loaded(nodes: &[Load<'_>], turns: &Turns) -> Option<usize> {
    let start = turns.next() % nodes.len();
    let rotated = nodes.iter().cycle().skip(start).take(nodes.len());
    // Compared as fractions: load of one by the weight of the other.
    rotated
        .min_by(|a, b| {
            let load = |node: &Load<'_>, by: &Load<'_>| {
                (node.in_flight as u64 + 1).saturating_mul(u64::from(by.weight))
            };
            load(a, b).cmp(&load(b, a))
        })
        .map(|node| node.index)
}

/// Rendezvous hashing, bounded: each node draws a lot from the prefix and its name, so that a node
/// that leaves or returns moves only its own prefixes; one with over a quarter more than its share
/// under way is passed over.
fn by_prefix(nodes: &[Load<'_>], prefix: u64) -> Option<usize> {
    let weights: u64 = nodes.iter().map(|node| u64::from(node.weight)).sum();
    let under_way: u64 = nodes.iter().map(|node| node.in_flight as u64).sum();
    let has_room = |node: &Load<'_>| {
        let share = (under_way + 1).saturating_mul(u64::from(node.weight)).saturating_mul(5);
        (node.in_flight as u64) < share.div_ceil(weights.saturating_mul(4).max(1))
    };
    let lot = |node: &&Load<'_>| {
        let mut hasher = std::hash::DefaultHasher::new();
        (prefix, node.name).hash(&mut hasher);
        let unit = ((hasher.finish() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -f64::from(node.weight) / unit.ln()
    };
    let best = |nodes: &mut dyn Iterator<Item = &Load<'_>>| {
        nodes.max_by(|a, b| lot(a).total_cmp(&lot(b))).map(|node| node.index)
    };
    best(&mut nodes.iter().filter(|node| has_room(node))).or_else(|| best(&mut nodes.iter()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn nodes(weights: &[u32]) -> Vec<Load<'static>> {
        const NAMES: [&str; 5] = ["http://a", "http://b", "http://c", "http://d", "http://e"];
        let load = |(index, weight): (usize, &u32)| Load {
            index,
            name: NAMES[index],
            weight: *weight,
            in_flight: 0,
        };
        weights.iter().enumerate().map(load).collect()
    }

    fn counts(balance: Balance, nodes: &[Load<'_>], picks: u64) -> Vec<usize> {
        let turns = Turns::default();
        let mut counts = vec![0; nodes.len()];
        (0..picks).for_each(|n| counts[pick(balance, nodes, n, &turns).unwrap()] += 1);
        counts
    }

    #[test]
    fn takes_turns_by_weight() {
        assert_eq!(counts(Balance::RoundRobin, &nodes(&[1, 9, 1]), 300), [100, 100, 100]);
        assert_eq!(counts(Balance::Weighted, &nodes(&[5, 1, 4]), 1_000), [500, 100, 400]);
        let turns = Turns::default();
        let nodes = nodes(&[5, 1, 1]);
        let picks: Vec<_> =
            (0..7).filter_map(|_| pick(Balance::Weighted, &nodes, 0, &turns)).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0], "spread, not in runs");
    }

    #[test]
    fn the_least_loaded_counts_weight_in() {
        let mut three = nodes(&[1, 1, 2]);
        assert_eq!(counts(Balance::LeastLoaded, &three[..2], 100), [50, 50]);
        (three[0].in_flight, three[1].in_flight, three[2].in_flight) = (3, 2, 4);
        // 4 and 3 to one, 5 to two.
        assert_eq!(pick(Balance::LeastLoaded, &three, 0, &Turns::default()), Some(2));
        three[2].in_flight = 8;
        assert_eq!(pick(Balance::LeastLoaded, &three, 0, &Turns::default()), Some(1));
    }

    #[test]
    fn a_prefix_stays_and_a_node_that_leaves_moves_only_its_own() {
        let five = nodes(&[1, 1, 1, 1, 1]);
        let turns = Turns::default();
        let place = |nodes: &[Load<'_>], prefix| pick(Balance::Prefix, nodes, prefix, &turns);
        let before: HashMap<u64, _> = (0..5_000).map(|n| (n, place(&five, n))).collect();
        let counts = counts(Balance::Prefix, &five, 5_000);
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        for (prefix, node) in &before {
            assert_eq!(place(&five, *prefix), *node);
            let after = place(&five[1..], *prefix);
            assert!(*node == Some(0) || after == *node, "{prefix}");
        }
        let weighted = super::tests::counts(Balance::Prefix, &nodes(&[3, 1]), 8_000);
        assert!((5_700..6_300).contains(&weighted[0]), "{weighted:?}");
    }

    #[test]
    fn one_hot_prefix_does_not_bury_its_node() {
        let mut five = nodes(&[1, 1, 1, 1, 1]);
        for _ in 0..100 {
            let chosen = pick(Balance::Prefix, &five, 7, &Turns::default()).unwrap();
            five[chosen].in_flight += 1;
        }
        let most = five.iter().map(|node| node.in_flight).max();
        assert!(most <= Some(26), "{five:?}");
    }
}
