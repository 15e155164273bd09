//! Keeping segments few and free of what is dead.

use std::collections::HashSet;
use std::fs;
use std::io::BufWriter;

use super::{Index, ROOM};
use crate::documents::{KEPT, file_name};
use crate::error::IndexError;
use crate::place::{Turn, Writing};
use crate::segment::{Input, merge};
use crate::snapshot::Part;
use crate::table;

/// Most segments that are left side by side.
const MAX_SEGMENTS: usize = 10;
/// How many are left where there were more.
const FEW_SEGMENTS: usize = 5;
/// Most chunks of a segment that others are merged into.
const MAX_CHUNKS: u32 = 400_000;

impl Index {
    /// Merges segments where there are many or much of one is dead, and removes files that nobody names.
    pub(super) fn tidy(&self, turn: &Turn) -> Result<(), IndexError> {
        let snapshot = self.snapshot()?;
        let rows = self.db.read(table::segments)?;
        let mut order: Vec<usize> = (0..snapshot.parts().len()).collect();
        order.sort_by_key(|at| snapshot.parts().get(*at).map(live_chunks));
        let surplus = match order.len() > MAX_SEGMENTS {
            true => order.len() - FEW_SEGMENTS + 1,
            false => 0,
        };
        let mut chosen: Vec<usize> = order.iter().copied().take(surplus).collect();
        let is_stale = |at: &&usize| snapshot.parts().get(**at).is_some_and(is_stale);
        chosen.extend(order.iter().skip(surplus).filter(is_stale));
        chosen.retain(|at| {
            snapshot.parts().get(*at).is_some_and(|part| live_chunks(part) <= MAX_CHUNKS)
        });
        chosen.sort_unstable();
        let parts: Vec<&Part> = chosen.iter().filter_map(|at| snapshot.parts().get(*at)).collect();
        let ids: Vec<i64> =
            chosen.iter().filter_map(|at| rows.get(*at)).map(|row| row.id).collect();
        if !parts.iter().all(|part| is_dead(part)) {
            self.merge(&parts, &ids, turn)?;
        } else if !ids.is_empty() {
            self.db.write(|tx| table::drop_segments(tx, &ids))?;
        }
        self.sweep()
    }

    fn merge(&self, parts: &[&Part], ids: &[i64], turn: &Turn) -> Result<(), IndexError> {
        let inputs: Vec<Input<'_>> =
            parts.iter().map(|part| Input { segment: &part.segment, lives: &part.lives }).collect();
        let paths: Vec<String> = parts
            .iter()
            .flat_map(|part| part.segment.files().iter().zip(&part.lives))
            .filter(|(_, lives)| **lives)
            .map(|(file, _)| file.path.clone())
            .collect();
        let name = self.write_segment(|file| {
            merge(&inputs, BufWriter::with_capacity(ROOM, Writing { file, turn }))
        })?;
        self.db.write(|tx| table::replace(tx, ids, &name, &paths))?;
        Ok(())
    }

    /// Removes segments' files that the table does not name.
    fn sweep(&self) -> Result<(), IndexError> {
        let rows = self.db.read(table::segments)?;
        let is_named = |name: &str| rows.iter().any(|row| row.name == name);
        self.open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .retain(|name, _| is_named(name));
        let folder = &self.place.folder;
        let kept: HashSet<String> = match self.documents {
            Some(_) => table::files(&self.db)?.iter().map(|row| file_name(&row.path)).collect(),
            None => HashSet::new(),
        };
        let entries = fs::read_dir(folder).map_err(|error| IndexError::io(folder, error))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(KEPT) && !kept.contains(name) {
                let _ = fs::remove_file(entry.path());
            }
            // Those of an embedder from outside were dear; they go when they were made use of.
            let segment = match name.strip_suffix(".vec") {
                Some(stem) if stem.contains('.') => continue,
                Some(stem) => format!("{stem}.seg"),
                None => name.to_owned(),
            };
            if segment.ends_with(".seg") && !is_named(&segment) {
                // The next tidying tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

fn live_chunks(part: &Part) -> u32 {
    let files = part.segment.files().iter().zip(&part.lives);
    files.filter(|(_, lives)| **lives).map(|(file, _)| file.chunks).sum()
}

/// Tells whether nothing of a segment lives.
fn is_dead(part: &Part) -> bool {
    part.lives.iter().all(|lives| !lives)
}

/// Tells whether three tenths of a segment's files are dead.
fn is_stale(part: &Part) -> bool {
    let dead = part.lives.iter().filter(|lives| !**lives).count();
    dead * 10 >= part.lives.len() * 3 && dead > 0
}
