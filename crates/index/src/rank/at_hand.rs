//! What whoever asks is at work on, as a signal of the ranker: files that are open, and those edited since the last commit.

use std::collections::HashMap;

use super::{Extension, Row, Signal};
use crate::snapshot::Snapshot;

/// What counts for a file that is at hand where a change is told of, in the ranker's points: on 819 messages of commits of 45
/// repositories, before which their authors had changed other files within 8 hours, these being at hand, MRR rises from .655 to
/// .667 and R@10 from .771 to .790. Twice as much would find a little more; what is told of there is surer to be about the same
/// files than what a user asks.
const OF_A_CHANGE: f32 = 1.0;
/// What counts elsewhere: no measurement tells it, and less does less harm.
const ELSEWHERE: f32 = 0.5;

const OPEN: &str = "open";
const EDITED: &str = "edited since the last commit";

/// The files at hand.
#[derive(Debug)]
pub(super) struct AtHand {
    /// Why, by shard and place.
    files: HashMap<(usize, usize), &'static str>,
    points: f32,
}

impl AtHand {
    /// Looks for the files; `None` where none is at hand.
    pub fn new(snapshot: &Snapshot, open: &[String], is_change: bool) -> Option<Self> {
        let edited = snapshot.edited();
        let mut why: HashMap<&str, &'static str> = HashMap::new();
        why.extend(edited.iter().map(|path| (path.as_str(), EDITED)));
        why.extend(open.iter().map(|path| (path.as_str(), OPEN)));
        if why.is_empty() {
            return None;
        }
        let mut files = HashMap::new();
        for (shard, part) in snapshot.parts().iter().enumerate() {
            let entries = part.segment.files().iter().zip(&part.lives).enumerate();
            for (place, (entry, _)) in entries.filter(|(_, (_, lives))| **lives) {
                if let Some(why) = why.get(entry.path.as_str()) {
                    files.insert((shard, place), *why);
                }
            }
        }
        let points = if is_change { OF_A_CHANGE } else { ELSEWHERE };
        (!files.is_empty()).then_some(Self { files, points })
    }

    fn why(&self, row: &Row) -> Option<&'static str> {
        self.files.get(&(row.candidate.shard, row.candidate.file)).copied()
    }
}

impl Signal for AtHand {
    fn extension(&self) -> Option<Extension> {
        None
    }

    fn values(&self, row: &Row) -> Vec<f32> {
        self.why(row).map(|_| self.points).into_iter().collect()
    }

    fn is_strong(&self, row: &Row) -> bool {
        row.is_best_of_file() && self.why(row).is_some()
    }

    fn reason(&self, row: &Row) -> Option<String> {
        self.why(row).map(str::to_owned)
    }
}
