//! Vectors of the little that changed since they were made, for a search to find it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Key, NONE, Outside, Wanted, is_complete, living};
use crate::error::IndexError;
use crate::refresh::Control;
use crate::snapshot::{Part, Snapshot};
use crate::vector::Rows;

/// Most chunks that are embedded before a search: some edited files. More are [`Outside::embed`]'s.
const MOST: usize = 64;
/// Most chunks whose texts are read for that, beside as many as were embedded and are no more: what is missing may be all of a
/// large project.
const TEXTS: usize = 4096;
/// How long the embedder may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Texts that are given to the embedder at once, so that a look at the clock never comes late.
const BATCH: usize = 4;

/// The vectors of a part as far as they are there without the embedder, and what is left for it.
struct Begun<'a> {
    part: &'a Part,
    rows: Rows,
    rest: Vec<Wanted>,
}

impl Outside {
    /// Takes over vectors of texts that were embedded before and, where the embedder runs in this process and no more than
    /// [`MOST`] chunks are left, makes theirs. Where another process makes vectors, or so much is missing that none of that would do,
    /// nothing happens. Ends
    /// early where the caller gives up, or the embedder fails: what is there serves.
    pub fn embed_changes(
        &self,
        snapshot: &Snapshot,
        control: &Control<'_>,
    ) -> Result<(), IndexError> {
        self.ready()?;
        let missing = self.missing(snapshot);
        if missing == 0 {
            return Ok(());
        }
        let begin = Instant::now();
        let Ok(_turn) = self.place.lock_vectors() else { return Ok(()) };
        let known = self.known()?;
        let used = self.used(snapshot);
        let spare = known.keys().filter(|key| !used.contains(*key)).count();
        if missing > TEXTS.saturating_add(spare) {
            return Ok(());
        }
        let mut all = Vec::new();
        for part in snapshot.parts() {
            let rows = self.rows(part);
            if !is_complete(part, &rows) {
                let (rows, rest) = self.begun(snapshot, part, &rows, &known)?;
                all.push(Begun { part, rows, rest });
            }
        }
        let left: usize = all.iter().map(|begun| begun.rest.len()).sum();
        let is_over = || left > MOST || begin.elapsed() > PATIENCE || control.is_cancelled();
        let mut has_failed = false;
        for Begun { part, rows, rest } in &mut all {
            for batch in rest.chunks(BATCH) {
                if has_failed || !self.is_local() || is_over() {
                    break;
                }
                has_failed = self.embed_batch(batch, rows).is_err();
            }
            self.keep(part, rows)?;
        }
        Ok(())
    }

    /// Tells how many living chunks have no vector.
    fn missing(&self, snapshot: &Snapshot) -> usize {
        let of = |part: &Part| living(part, &self.rows(part)).filter(|key| *key == NONE).count();
        snapshot.parts().iter().map(of).sum()
    }

    /// Returns the keys of all living chunks that have a vector.
    fn used(&self, snapshot: &Snapshot) -> HashSet<Key> {
        let parts = snapshot.parts().iter();
        parts.flat_map(|part| living(part, &self.rows(part)).collect::<Vec<_>>()).collect()
    }
}
