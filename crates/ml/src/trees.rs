//! Boosted regression trees: small, quick to walk, kept as a few kilobytes in the binary.
//!
//! A model's bytes: `DQTR`, the version, the number of features, the number of trees, then each tree as
//! its number of splits, its splits and its leaves; little-endian, one leaf more than splits. A split is
//! a feature, a threshold and two children: a row goes left where its value is at most the threshold. A
//! child at or above zero is a split further on, one below zero the leaf `-1 - child`.

use thiserror::Error;

const MAGIC: &[u8; 4] = b"DQTR";
/// The version of the bytes' layout.
const VERSION: u16 = 1;

/// Why bytes are no trees.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TreesError {
    /// They end early, or begin with something else.
    #[error("The bytes hold no trees")]
    Malformed,
    /// They were written by another version.
    #[error("The trees have version {0}, not {VERSION}")]
    Version(u16),
}

/// A choice between two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// Which of a row's values is looked at.
    pub feature: u16,
    /// The greatest value that goes left.
    pub threshold: f32,
    /// Where smaller values go.
    pub left: i16,
    /// Where greater values go.
    pub right: i16,
}

/// One tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Parents before their children.
    pub splits: Vec<Split>,
    /// One more than splits.
    pub leaves: Vec<f32>,
}

/// A sum of trees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trees {
    /// How many values a row has.
    pub features: u16,
    /// The trees.
    pub trees: Vec<Tree>,
}

impl Tree {
    /// Returns what the tree says of a row; a value that the row lacks counts as 0.
    pub fn value(&self, row: &[f32]) -> f32 {
        // A tree without splits is its one leaf. Children stand behind their parents, so this ends.
        let mut at = if self.splits.is_empty() { -1 } else { 0_i16 };
        while let Some(split) = usize::try_from(at).ok().and_then(|at| self.splits.get(at)) {
            let value = row.get(usize::from(split.feature)).copied().unwrap_or(0.0);
            at = if value <= split.threshold { split.left } else { split.right };
        }
        usize::try_from(-1 - i32::from(at))
            .ok()
            .and_then(|leaf| self.leaves.get(leaf))
            .copied()
            .unwrap_or(0.0)
    }

    /// Whether every way through the tree goes on or ends at a leaf.
    fn is_sound(&self, features: u16) -> bool {
        let is_child = |at: usize, child: i16| match usize::try_from(child) {
            Ok(child) => child > at && child < self.splits.len(),
            Err(_) => {
                usize::try_from(-1 - i32::from(child)).is_ok_and(|leaf| leaf < self.leaves.len())
            }
        };
        self.splits.iter().enumerate().all(|(at, split)| {
            split.feature < features
                && split.threshold.is_finite()
                && is_child(at, split.left)
                && is_child(at, split.right)
        }) && self.leaves.iter().all(|leaf| leaf.is_finite())
    }
}

impl Trees {
    /// Returns the sum of what the trees say of a row.
    pub fn score(&self, row: &[f32]) -> f32 {
        self.trees.iter().map(|tree| tree.value(row)).sum()
    }

    /// Reads a model.
    ///
    /// # Errors
    /// When the bytes are cut, damaged or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, TreesError> {
        let mut bytes = Bytes(bytes);
        if bytes.take::<4>()? != *MAGIC {
            return Err(TreesError::Malformed);
        }
        let version = bytes.short()?;
        if version != VERSION {
            return Err(TreesError::Version(version));
        }
        let features = bytes.short()?;
        let count = bytes.short()?;
        let mut trees = Vec::new();
        for _ in 0..count {
            let splits = bytes.short()?;
            let tree = Tree {
                splits: (0..splits).map(|_| bytes.split()).collect::<Result<_, _>>()?,
                leaves: (0..=splits).map(|_| bytes.float()).collect::<Result<_, _>>()?,
            };
            if !tree.is_sound(features) {
                return Err(TreesError::Malformed);
            }
            trees.push(tree);
        }
        if bytes.0.is_empty() { Ok(Self { features, trees }) } else { Err(TreesError::Malformed) }
    }

    /// Returns the model's bytes.
    pub fn write(&self) -> Vec<u8> {
        let short = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(self.features.to_le_bytes());
        out.extend(short(self.trees.len()));
        for tree in &self.trees {
            out.extend(short(tree.splits.len()));
            for split in &tree.splits {
                out.extend(split.feature.to_le_bytes());
                out.extend(split.threshold.to_le_bytes());
                out.extend(split.left.to_le_bytes());
                out.extend(split.right.to_le_bytes());
            }
            for leaf in &tree.leaves {
                out.extend(leaf.to_le_bytes());
            }
        }
        out
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TreesError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(TreesError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    fn short(&mut self) -> Result<u16, TreesError> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn float(&mut self) -> Result<f32, TreesError> {
        Ok(f32::from_le_bytes(self.take()?))
    }

    fn split(&mut self) -> Result<Split, TreesError> {
        Ok(Split {
            feature: self.short()?,
            threshold: self.float()?,
            left: i16::from_le_bytes(self.take()?),
            right: i16::from_le_bytes(self.take()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Trees {
        let split = |feature, threshold, left, right| Split { feature, threshold, left, right };
        let tree = Tree {
            splits: vec![split(0, 1.0, -1, 1), split(1, 5.0, -2, -3)],
            leaves: vec![1.0, 2.0, 4.0],
        };
        Trees { features: 2, trees: vec![tree, Tree { splits: vec![], leaves: vec![0.5] }] }
    }

    #[test]
    fn a_row_goes_its_way_through_every_tree() {
        let trees = model();
        for (row, expected) in
            [([0.0, 9.0], 1.5), ([1.0, 9.0], 1.5), ([2.0, 5.0], 2.5), ([2.0, 6.0], 4.5)]
        {
            assert!((trees.score(&row) - expected).abs() < 1e-6, "{row:?}");
        }
        assert!((trees.score(&[]) - 1.5).abs() < 1e-6, "a row that is too short counts as zeros");
    }

    #[test]
    fn bytes_are_read_back_and_damage_is_refused() {
        let bytes = model().write();
        assert_eq!(Trees::read(&bytes), Ok(model()));
        for cut in 0..bytes.len() {
            assert!(Trees::read(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut newer = bytes.clone();
        newer[4] = 9;
        assert_eq!(Trees::read(&newer), Err(TreesError::Version(9)));
        // Every single damaged byte gives an error or a model that still ends.
        for at in 0..bytes.len() {
            for value in [0, 1, 127, 128, 255] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                if let Ok(trees) = Trees::read(&damaged) {
                    let _ = trees.score(&[2.0, 6.0]);
                }
            }
        }
    }
}
