//! Trees laid out so that many rows go through them at once.
//!
//! C. Lucchese et al., "QuickScorer: a Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees"
//! (SIGIR 2015), with several rows side by side. A tree is the set of its leaves; each split that a row fails takes those
//! on its left out, and the leftmost of what is left is the row's leaf. Splits are looked at by their features, with
//! thresholds rising, so that none is looked at behind the first that all rows pass.

use crate::trees::Tree;

/// How many rows go side by side.
const LANES: usize = 8;
/// Most leaves of a tree.
const MOST_LEAVES: usize = u32::BITS as usize;

/// Trees, for many rows.
#[derive(Clone, Debug)]
pub struct Forest {
    /// By feature, by rising thresholds.
    splits: Vec<Vec<Test>>,
    /// By tree, from the left.
    leaves: Vec<[f32; MOST_LEAVES]>,
}

/// What a split means for its tree.
#[derive(Clone, Copy, Debug)]
struct Test {
    threshold: f32,
    tree: u32,
    /// The leaves that are left where a row's value is above the threshold.
    kept: u32,
}

impl Forest {
    /// Lays trees out; `None` where one has more than 32 leaves.
    pub fn new(trees: &[Tree]) -> Option<Self> {
        let mut counts = Vec::new();
        for split in trees.iter().flat_map(|tree| &tree.splits) {
            let feature = usize::from(split.feature);
            if counts.len() <= feature {
                counts.resize(feature + 1, 0);
            }
            if let Some(count) = counts.get_mut(feature) {
                *count += 1;
            }
        }
        let splits = counts.into_iter().map(Vec::with_capacity).collect();
        let mut forest = Self { splits, leaves: Vec::with_capacity(trees.len()) };
        let mut order = Vec::with_capacity(MOST_LEAVES);
        for (number, tree) in (0..).zip(trees) {
            let root = if tree.splits.is_empty() { -1 } else { 0 };
            order.clear();
            forest.add(number, tree, root, &mut order)?;
            let mut leaves = [0.0; MOST_LEAVES];
            leaves.get_mut(..order.len())?.copy_from_slice(&order);
            forest.leaves.push(leaves);
        }
        for splits in &mut forest.splits {
            // The order of equal ones makes no difference.
            splits.sort_unstable_by(|a, b| a.threshold.total_cmp(&b.threshold));
        }
        Some(forest)
    }

    /// Takes in what hangs below a child, and adds its leaves to `order`.
    fn add(&mut self, number: u32, tree: &Tree, child: i16, order: &mut Vec<f32>) -> Option<()> {
        let Ok(at) = usize::try_from(child) else {
            let leaf = tree.leaves.get(usize::try_from(-1 - i32::from(child)).ok()?)?;
            order.push(*leaf);
            return (order.len() <= MOST_LEAVES).then_some(());
        };
        let split = tree.splits.get(at)?;
        let before = order.len();
        self.add(number, tree, split.left, order)?;
        let kept = !(below(order.len()) & !below(before));
        let test = Test { threshold: split.threshold, tree: number, kept };
        self.splits.get_mut(usize::from(split.feature))?.push(test);
        self.add(number, tree, split.right, order)
    }

    /// Returns for each row the sum of what the trees say of it, added up in their order; a value that a row lacks counts
    /// as 0.
    pub fn scores(&self, rows: &[&[f32]]) -> Vec<f32> {
        let mut left = vec![[0; LANES]; self.leaves.len()];
        rows.chunks(LANES)
            .flat_map(|rows| self.side_by_side(rows, &mut left).into_iter().take(rows.len()))
            .collect()
    }

    fn side_by_side(&self, rows: &[&[f32]], left: &mut [[u32; LANES]]) -> [f32; LANES] {
        left.fill([u32::MAX; LANES]);
        for (feature, splits) in self.splits.iter().enumerate() {
            let mut values = [0.0; LANES];
            for (value, row) in values.iter_mut().zip(rows) {
                *value = row.get(feature).copied().unwrap_or(0.0);
            }
            for split in splits {
                // What is no number goes right, as in a tree.
                let fails = values.map(|value| if value <= split.threshold { 0 } else { u32::MAX });
                if fails.iter().fold(0, |any, fails| any | fails) == 0 {
                    break;
                }
                let Some(left) = left.get_mut(split.tree as usize) else { continue };
                for (left, fails) in left.iter_mut().zip(fails) {
                    *left &= split.kept | !fails;
                }
            }
        }
        // As `Iterator::sum` begins.
        let mut sums = [-0.0; LANES];
        for (leaves, left) in self.leaves.iter().zip(left) {
            for (sum, left) in sums.iter_mut().zip(left) {
                *sum += leaves.get(left.trailing_zeros() as usize).copied().unwrap_or(0.0);
            }
        }
        sums
    }
}

/// Returns the set of the first `count` leaves.
fn below(count: usize) -> u32 {
    u32::try_from((1_u64 << count.min(MOST_LEAVES)) - 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trees::Split;

    /// Numbers that come out the same each time.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(self.0 >> 33).unwrap() % end
        }

        /// Few different ones, so that values meet thresholds.
        fn value(&mut self) -> f32 {
            let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-40];
            if self.below(40) == 0 {
                return odd[self.below(odd.len())];
            }
            f32::from(u8::try_from(self.below(16)).unwrap()) / 4.0 - 2.0
        }

        fn tree(&mut self, leaves: usize) -> Tree {
            let mut tree = Tree { splits: Vec::new(), leaves: vec![self.value().clamp(-2.0, 2.0)] };
            // A leaf becomes a split with two.
            while tree.leaves.len() < leaves {
                let at = i16::try_from(self.below(tree.leaves.len())).unwrap();
                let new = i16::try_from(tree.leaves.len()).unwrap();
                let split = i16::try_from(tree.splits.len()).unwrap();
                for parent in &mut tree.splits {
                    for child in [&mut parent.left, &mut parent.right] {
                        if *child == -1 - at {
                            *child = split;
                        }
                    }
                }
                let feature = u16::try_from(self.below(5)).unwrap();
                let threshold = f32::from(u8::try_from(self.below(16)).unwrap()) / 4.0 - 2.0;
                tree.splits.push(Split { feature, threshold, left: -1 - at, right: -1 - new });
                tree.leaves.push(f32::from(u16::try_from(self.below(9_999)).unwrap()) / 777.0);
            }
            tree
        }
    }

    #[test]
    fn rows_side_by_side_get_what_each_tree_says_of_each() {
        let mut numbers = Numbers(7);
        for round in 0..60 {
            let trees: Vec<Tree> =
                (0..numbers.below(30)).map(|at| numbers.tree([1, 2, 20, 32][at % 4])).collect();
            let forest = Forest::new(&trees).unwrap();
            // Also rows that are too short, and too long.
            let rows: Vec<Vec<f32>> = (0..numbers.below(30))
                .map(|_| (0..3 + numbers.below(4)).map(|_| numbers.value()).collect())
                .collect();
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let expected: Vec<f32> =
                rows.iter().map(|row| trees.iter().map(|tree| tree.value(row)).sum()).collect();
            let bits =
                |scores: &[f32]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&forest.scores(&rows)), bits(&expected), "round {round}");
        }
        assert!(Forest::new(&[numbers.tree(33)]).is_none());
    }
}
