//! LambdaMART (Burges 2010): trees that push, for every question, wanted rows above the others, each
//! pair weighed by what swapping it would change in NDCG. The same rows and seed give the same bytes.

use std::ops::Range;

use distiq_ml::{Split, Tree, Trees};

use crate::bench::retrieval::random::Random;

/// Bins of a feature's values.
const BINS: usize = 64;
const THREADS: usize = 4;

/// What the trainer is told.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub trees: usize,
    pub leaves: usize,
    pub rate: f32,
    /// The fewest rows of a leaf.
    pub rows: u32,
    /// The weight of a leaf's pull towards 0.
    pub ridge: f32,
    /// The first feature that trees may look at.
    pub first: usize,
    /// The share of those from there on that each tree may look at.
    pub feature_share: f32,
    /// The share of questions each tree is fitted to.
    pub question_share: f32,
    pub seed: u64,
}

/// The rows of one question stand together.
#[derive(Default)]
pub struct Rows {
    pub features: usize,
    /// Row after row.
    pub values: Vec<f32>,
    /// What finding a row is worth; 0 for most.
    pub gains: Vec<f32>,
    pub questions: Vec<Range<usize>>,
    /// How much each question counts.
    pub weights: Vec<f32>,
    /// What was said of each row before; empty for 0.
    pub scores: Vec<f32>,
}

impl Rows {
    fn value(&self, row: usize, feature: usize) -> f32 {
        self.values.get(row * self.features + feature).copied().unwrap_or(0.0)
    }

    /// Returns a row.
    pub fn row(&self, row: usize) -> &[f32] {
        self.values.get(row * self.features..(row + 1) * self.features).unwrap_or_default()
    }
}

/// The values of every feature, each as the number of its bin.
struct Binned {
    /// For each feature the greatest value of each bin but the last.
    edges: Vec<Vec<f32>>,
    /// Feature after feature.
    bins: Vec<Vec<u8>>,
}

impl Binned {
    fn new(rows: &Rows) -> Self {
        let count = rows.gains.len();
        let mut binned = Self { edges: Vec::new(), bins: Vec::new() };
        for feature in 0..rows.features {
            let mut values: Vec<f32> = (0..count).map(|row| rows.value(row, feature)).collect();
            let all = values.clone();
            values.sort_by(f32::total_cmp);
            let mut edges: Vec<f32> =
                (1..BINS).filter_map(|bin| values.get(bin * count / BINS).copied()).collect();
            // Most values of many features are 0: the others share the bins that are left.
            let other: Vec<f32> = values.iter().copied().filter(|value| *value != 0.0).collect();
            edges.extend((0..BINS).filter_map(|bin| other.get(bin * other.len() / BINS).copied()));
            edges.sort_by(f32::total_cmp);
            edges.dedup();
            if edges.last() == values.last() {
                edges.pop();
            }
            let bin = |value: f32| edges.partition_point(|edge| *edge < value);
            binned.bins.push(
                all.iter().map(|value| u8::try_from(bin(*value)).unwrap_or(u8::MAX)).collect(),
            );
            binned.edges.push(edges);
        }
        binned
    }
}

/// Sums over the rows of a bin.
#[derive(Clone, Copy, Default)]
struct Sum {
    gradient: f64,
    curvature: f64,
    rows: u32,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.rows += other.rows;
    }

    fn without(self, other: Sum) -> Sum {
        Sum {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    fn worth(self, ridge: f64) -> f64 {
        self.gradient * self.gradient / (self.curvature + ridge)
    }
}

/// A way to cut a leaf in two.
#[derive(Clone, Copy)]
struct Cut {
    gain: f64,
    feature: usize,
    bin: usize,
}

struct Leaf {
    rows: Vec<u32>,
    /// The sums of every bin of every feature that the tree may look at.
    sums: Vec<Vec<Sum>>,
    best: Option<Cut>,
    sum: Sum,
    /// The split it hangs on, and whether on its right side.
    place: Option<(usize, bool)>,
}

/// Fits trees; `each` is told the model after every tree and may stop the fitting.
pub fn fit(rows: &Rows, settings: Settings, mut each: impl FnMut(&Trees) -> bool) -> Trees {
    let binned = Binned::new(rows);
    let mut scores = rows.scores.clone();
    scores.resize(rows.gains.len(), 0.0);
    let mut random = Random::named(settings.seed, "boost");
    let mut trees =
        Trees { features: u16::try_from(rows.features).unwrap_or(0), trees: Vec::new() };
    for _ in 0..settings.trees {
        let chosen: Vec<bool> =
            rows.questions.iter().map(|_| random.share() < settings.question_share).collect();
        let features: Vec<usize> = (settings.first..rows.features)
            .filter(|_| random.share() < settings.feature_share)
            .collect();
        let slopes = slopes(rows, &scores, &chosen);
        let tree = grow(&binned, &slopes, rows, &chosen, &features, settings);
        add(&tree, rows, &mut scores);
        trees.trees.push(tree);
        if !each(&trees) {
            break;
        }
    }
    trees
}

/// Adds what a tree says to the score of each row.
fn add(tree: &Tree, rows: &Rows, scores: &mut [f32]) {
    let share = scores.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        for (part, scores) in scores.chunks_mut(share).enumerate() {
            scope.spawn(move || {
                for (at, score) in scores.iter_mut().enumerate() {
                    *score += tree.value(rows.row(part * share + at));
                }
            });
        }
    });
}

/// Returns gradient and curvature of each row.
fn slopes(rows: &Rows, scores: &[f32], chosen: &[bool]) -> Vec<(f32, f32)> {
    let mut slopes = vec![(0.0, 0.0); scores.len()];
    for ((question, weight), _) in
        rows.questions.iter().zip(&rows.weights).zip(chosen).filter(|(_, chosen)| **chosen)
    {
        let (Some(scores), Some(gains), Some(slopes)) = (
            scores.get(question.clone()),
            rows.gains.get(question.clone()),
            slopes.get_mut(question.clone()),
        ) else {
            continue;
        };
        let mut order: Vec<usize> = (0..scores.len()).collect();
        let score = |at: usize| scores.get(at).copied().unwrap_or(0.0);
        order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        let mut discount = vec![0.0_f32; scores.len()];
        for (rank, at) in order.iter().enumerate() {
            if let Some(place) = discount.get_mut(*at) {
                *place = 1.0 / f32::log2(rank as f32 + 2.0);
            }
        }
        let mut wanted: Vec<f32> = gains.iter().copied().filter(|gain| *gain > 0.0).collect();
        wanted.sort_by(|a, b| b.total_cmp(a));
        let ideal: f32 =
            wanted.iter().enumerate().map(|(rank, gain)| gain / f32::log2(rank as f32 + 2.0)).sum();
        for (i, gain) in gains.iter().enumerate().filter(|(_, gain)| **gain > 0.0) {
            for (j, other) in gains.iter().enumerate().filter(|(_, other)| *other < gain) {
                let (Some(high), Some(low)) = (discount.get(i), discount.get(j)) else { continue };
                let change = weight * (gain - other) * (high - low).abs() / ideal;
                let doubt = 1.0 / (1.0 + f32::exp(score(i) - score(j)));
                let (push, curve) = (change * doubt, change * doubt * (1.0 - doubt));
                if let Some(slope) = slopes.get_mut(i) {
                    *slope = (slope.0 + push, slope.1 + curve);
                }
                if let Some(slope) = slopes.get_mut(j) {
                    *slope = (slope.0 - push, slope.1 + curve);
                }
            }
        }
    }
    slopes
}

/// Grows one tree, always cutting the leaf that gains most.
fn grow(
    binned: &Binned,
    slopes: &[(f32, f32)],
    rows: &Rows,
    chosen: &[bool],
    features: &[usize],
    settings: Settings,
) -> Tree {
    let all: Vec<u32> = rows
        .questions
        .iter()
        .zip(chosen)
        .filter(|(_, chosen)| **chosen)
        .flat_map(|(question, _)| question.clone())
        .filter_map(|row| u32::try_from(row).ok())
        .collect();
    let mut tree = Tree::default();
    let sums = bin_sums(binned, slopes, &all, features);
    let mut leaves = vec![leaf(binned, all, sums, None, features, settings)];
    while leaves.len() < settings.leaves {
        let gain = |leaf: &Leaf| leaf.best.map_or(0.0, |cut| cut.gain);
        let best = leaves
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| gain(a).total_cmp(&gain(b)))
            .filter(|(_, leaf)| gain(leaf) > 0.0);
        let Some((at, _)) = best else { break };
        let old = leaves.swap_remove(at);
        let Some(cut) = old.best else { break };
        let index = tree.splits.len();
        attach(&mut tree, old.place, i16::try_from(index).unwrap_or(0));
        let threshold = binned.edges.get(cut.feature).and_then(|edges| edges.get(cut.bin));
        tree.splits.push(Split {
            feature: u16::try_from(cut.feature).unwrap_or(0),
            threshold: threshold.copied().unwrap_or(0.0),
            left: 0,
            right: 0,
        });
        let bins = binned.bins.get(cut.feature).map(Vec::as_slice).unwrap_or_default();
        let is_left = |row: &u32| {
            let row = usize::try_from(*row).unwrap_or(0);
            bins.get(row).is_some_and(|bin| usize::from(*bin) <= cut.bin)
        };
        let (left, right): (Vec<u32>, Vec<u32>) = old.rows.into_iter().partition(is_left);
        // The sums of the larger side are what the smaller one leaves of those of both.
        let smaller = if left.len() <= right.len() { &left } else { &right };
        let of_smaller = bin_sums(binned, slopes, smaller, features);
        let of_larger = without(&old.sums, &of_smaller);
        let (of_left, of_right) = if left.len() <= right.len() {
            (of_smaller, of_larger)
        } else {
            (of_larger, of_smaller)
        };
        for (rows, sums, is_right) in [(left, of_left, false), (right, of_right, true)] {
            let place = Some((index, is_right));
            leaves.push(leaf(binned, rows, sums, place, features, settings));
        }
    }
    for (number, leaf) in leaves.iter().enumerate() {
        let value = leaf.sum.gradient / (leaf.sum.curvature + f64::from(settings.ridge));
        tree.leaves.push(settings.rate * value as f32);
        attach(&mut tree, leaf.place, -1 - i16::try_from(number).unwrap_or(0));
    }
    tree
}

fn attach(tree: &mut Tree, place: Option<(usize, bool)>, child: i16) {
    let Some((split, is_right)) = place else { return };
    if let Some(split) = tree.splits.get_mut(split) {
        *(if is_right { &mut split.right } else { &mut split.left }) = child;
    }
}

/// Returns a leaf with the best way to cut it.
fn leaf(
    binned: &Binned,
    rows: Vec<u32>,
    sums: Vec<Vec<Sum>>,
    place: Option<(usize, bool)>,
    features: &[usize],
    settings: Settings,
) -> Leaf {
    let mut sum = Sum::default();
    for part in sums.first().into_iter().flatten() {
        sum.add(*part);
    }
    let cuts = features.iter().zip(&sums).filter_map(|(feature, sums)| {
        best_cut(binned.edges.get(*feature)?.len(), sums, sum, *feature, settings)
    });
    Leaf { best: first_best(cuts), rows, sums, sum, place }
}

/// Sums up the rows of every bin, feature by feature.
fn bin_sums(
    binned: &Binned,
    slopes: &[(f32, f32)],
    rows: &[u32],
    features: &[usize],
) -> Vec<Vec<Sum>> {
    let of_rows: Vec<Sum> = rows.iter().map(|row| slope(slopes, *row)).collect();
    let one = |feature: &usize| {
        let bins = binned.bins.get(*feature).map(Vec::as_slice).unwrap_or_default();
        let mut sums = vec![Sum::default(); 256];
        for (row, slope) in rows.iter().zip(&of_rows) {
            let bin = usize::try_from(*row).ok().and_then(|row| bins.get(row)).copied();
            if let Some(sum) = bin.and_then(|bin| sums.get_mut(usize::from(bin))) {
                sum.add(*slope);
            }
        }
        sums
    };
    let share = features.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let one = &one;
        let works: Vec<_> = features
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        works.into_iter().flat_map(|work| work.join().unwrap_or_default()).collect()
    })
}

/// Takes sums out of others.
fn without(all: &[Vec<Sum>], part: &[Vec<Sum>]) -> Vec<Vec<Sum>> {
    let pairs = all.iter().zip(part);
    pairs.map(|(all, part)| all.iter().zip(part).map(|(a, b)| a.without(*b)).collect()).collect()
}

/// The greatest gain; of equal ones the first, so that threads change nothing.
fn first_best(cuts: impl Iterator<Item = Cut>) -> Option<Cut> {
    cuts.fold(None, |best: Option<Cut>, cut| match best {
        Some(best) if best.gain >= cut.gain => Some(best),
        _ => Some(cut),
    })
}

fn slope(slopes: &[(f32, f32)], row: u32) -> Sum {
    let (gradient, curvature) =
        usize::try_from(row).ok().and_then(|row| slopes.get(row)).copied().unwrap_or_default();
    Sum { gradient: f64::from(gradient), curvature: f64::from(curvature), rows: 1 }
}

fn best_cut(
    edges: usize,
    sums: &[Sum],
    sum: Sum,
    feature: usize,
    settings: Settings,
) -> Option<Cut> {
    let ridge = f64::from(settings.ridge);
    let mut left = Sum::default();
    let mut best: Option<Cut> = None;
    for (bin, part) in sums.iter().enumerate().take(edges) {
        left.add(*part);
        let right = sum.without(left);
        if left.rows < settings.rows || right.rows < settings.rows {
            continue;
        }
        let gain = left.worth(ridge) + right.worth(ridge) - sum.worth(ridge);
        if gain > 1e-9 && best.is_none_or(|best| gain > best.gain) {
            best = Some(Cut { gain, feature, bin });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_wanted_rows_is_learned_and_noise_is_not() {
        let mut random = Random::named(1, "test");
        let mut rows = Rows { features: 3, ..Rows::default() };
        for question in 0..200 {
            let wanted = random.below(10);
            for row in 0..10 {
                // Wanted rows have a high first value and a low second one.
                let noise = random.share();
                let hit = if row == wanted { 1.0 } else { 0.0 };
                rows.values.extend([hit + noise * 0.8, random.share() - hit * 0.5, random.share()]);
                rows.gains.push(hit);
            }
            rows.questions.push(question * 10..question * 10 + 10);
            rows.weights.push(1.0);
        }
        let settings = Settings {
            trees: 40,
            leaves: 4,
            rate: 0.2,
            rows: 20,
            ridge: 1.0,
            first: 0,
            feature_share: 1.0,
            question_share: 0.8,
            seed: 7,
        };
        let trees = fit(&rows, settings, |_| true);
        let is_first = |question: &Range<usize>| {
            let score = |row: &usize| trees.score(rows.row(*row));
            let best = question.clone().max_by(|a, b| score(a).total_cmp(&score(b)));
            best.is_some_and(|best| rows.gains[best] > 0.0)
        };
        let right = rows.questions.iter().filter(|question| is_first(question)).count();
        assert!(right > 170, "{right} of 200");
        assert_eq!(trees.write(), fit(&rows, settings, |_| true).write(), "the same bytes");
        assert_eq!(Trees::read(&trees.write()).as_ref(), Ok(&trees));
    }
}
