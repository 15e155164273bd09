//! Files that change together by their names: a test and what it tests, a header and its source.

use std::collections::HashMap;

use super::recall::FileLook;
use super::scores::lists;
use super::shelf::Shelf;
use crate::search::{belong_together, stem};
use crate::segment::{Damaged, Postings, STEM};

/// So many of the best files bring in their twins.
pub(super) const BEST: usize = 12;
/// A name that more files share, such as `index` or `mod`, makes no twins.
const MOST: usize = 8;

/// Returns shard and place of the twins of some files, the best of which come first.
pub(super) fn of_best(
    shelf: &Shelf<'_>,
    files: &[(usize, usize, f32)],
) -> Result<Vec<(usize, usize)>, Damaged> {
    let mut twins = Vec::new();
    for (shard, file, _) in files.iter().take(BEST) {
        let Some(stem) = path(shelf, *shard, *file).map(stem).filter(|stem| !stem.is_empty())
        else {
            continue;
        };
        let mut called = Vec::new();
        for (shard, (list, view)) in
            lists(shelf, &format!("{STEM}{stem}"))?.iter().zip(&shelf.shards).enumerate()
        {
            let files = Postings::new(list).filter_map(|file| usize::try_from(file.document).ok());
            let live = files.filter(|file| view.live.get(*file) == Some(&true));
            called.extend(live.take(MOST + 1).map(|file| (shard, file)));
        }
        if called.len() <= MOST {
            twins.extend(called.into_iter().filter(|twin| twin != &(*shard, *file)));
        }
    }
    // In an order that does not depend on how the index was made.
    twins.sort_by(|a, b| shelf.files_in_order(*a, *b));
    twins.dedup();
    Ok(twins)
}

/// Tells each of some files how its best twin among them stands.
pub(super) fn tell<'a>(
    shelf: &Shelf<'_>,
    looks: impl Iterator<Item = (&'a (usize, usize), &'a mut FileLook)>,
) {
    let mut by_stem: HashMap<String, Vec<(&str, &mut FileLook)>> = HashMap::new();
    for ((shard, file), look) in looks {
        let path = path(shelf, *shard, *file).unwrap_or_default();
        let stem = stem(path);
        if !stem.is_empty() {
            by_stem.entry(stem).or_default().push((path, look));
        }
    }
    for mut twins in by_stem.into_values().filter(|twins| (2..=MOST).contains(&twins.len())) {
        let mut ranks: Vec<(usize, f32, &str)> =
            twins.iter().map(|(path, look)| (look.rank, look.score, *path)).collect();
        ranks.sort_by_key(|(rank, ..)| *rank);
        let count = ranks.len() - 1;
        for (path, look) in &mut twins {
            let best = ranks.iter().find(|(rank, ..)| *rank != look.rank);
            let before = ranks.iter().take_while(|(rank, ..)| *rank < look.rank.min(BEST));
            let belongs = before.into_iter().any(|(.., other)| belong_together(path, other));
            look.twin =
                best.map(|(rank, score, _)| Twin { rank: *rank, score: *score, count, belongs });
        }
    }
}

/// The best twin of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twin {
    /// Its place among the files, from 0.
    pub rank: usize,
    pub score: f32,
    /// How many twins there are.
    pub count: usize,
    /// Whether one that stands before it, and among the best, belongs to it by its folder, too.
    pub belongs: bool,
}

fn path<'a>(shelf: &Shelf<'a>, shard: usize, file: usize) -> Option<&'a str> {
    let segment = shelf.shards.get(shard)?.segment;
    Some(segment.files().get(file)?.path.as_str())
}
