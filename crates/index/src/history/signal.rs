//! The past as a signal of the ranker.

use super::look::Look;
use crate::rank::{Extension, Row, Signal};
use crate::snapshot::Snapshot;

/// So many of the files that similar commits changed come in by that alone, and are worth the second look.
const FOUND: usize = 10;

/// What the past says of a request's candidates.
#[derive(Debug)]
pub(crate) struct OfPast<'a> {
    look: Look<'a>,
    /// Shard and place of the files that similar commits changed, the likeliest first.
    found: Vec<(usize, usize)>,
    reads_as_change: bool,
}

impl<'a> OfPast<'a> {
    /// Looks for the terms of a request; `None` where no past is known, or it says nothing of them.
    pub fn new(
        snapshot: &'a Snapshot,
        terms: &[(String, f32)],
        reads_as_change: bool,
    ) -> Option<Self> {
        let look = snapshot.history()?.look(terms)?;
        let likely: Vec<&str> = look.files().take(FOUND).collect();
        let mut found: Vec<(usize, (usize, usize))> = Vec::new();
        for (shard, part) in snapshot.parts().iter().enumerate() {
            let files = part.segment.files().iter().zip(&part.lives).enumerate();
            for (file, (entry, _)) in files.filter(|(_, (_, lives))| **lives) {
                if let Some(rank) = likely.iter().position(|path| *path == entry.path) {
                    found.push((rank, (shard, file)));
                }
            }
        }
        found.sort_unstable();
        let found = found.into_iter().map(|(_, place)| place).collect();
        Some(Self { look, found, reads_as_change })
    }
}

impl Signal for OfPast<'_> {
    fn extension(&self) -> Option<Extension> {
        Some(Extension::Past)
    }

    fn files(&self) -> &[(usize, usize)] {
        &self.found
    }

    fn values(&self, row: &Row) -> Vec<f32> {
        self.look.values(&row.path, self.reads_as_change)
    }

    fn is_strong(&self, row: &Row) -> bool {
        // The chunk that its file came in by.
        row.is_best_of_file() && self.found.contains(&(row.candidate.shard, row.candidate.file))
    }

    fn reason(&self, row: &Row) -> Option<String> {
        let is_likely = self.found.contains(&(row.candidate.shard, row.candidate.file));
        is_likely.then(|| "changed with similar commits".to_owned())
    }
}
