//! How near chunks are to a request, by the vectors of an embedder from outside.

use std::collections::HashMap;

use crate::error::IndexError;
use crate::rank::{Extension, Row, Signal};
use crate::snapshot::Snapshot;

/// So many of the nearest chunks are told from each other.
const TOLD: usize = 1000;
/// So many of the nearest may come in by their vectors alone.
const FOUND: usize = 100;
/// So many are worth the second look.
const STRONG: usize = 30;

/// What is told of a candidate. Embedders differ in how far apart they put texts, so that cosines are told by their place
/// between the nearest chunk's and the hundredth's.
pub(crate) const NEAR: [&str; 6] =
    ["near", "near_rank", "file_near", "file_near_rank", "file_near_chunks", "query_near_tenth"];

/// The nearest chunks of a request.
pub(crate) struct Near {
    /// Each one's cosine and place.
    chunks: HashMap<(usize, u32), (f32, usize)>,
    /// By file: the best cosine, the file's place, and how many of the [`FOUND`] it holds.
    files: HashMap<(usize, usize), (f32, usize, usize)>,
    found: Vec<(usize, u32)>,
    /// The cosines of the first, the tenth and the last of the found.
    first: f32,
    tenth: f32,
    last: f32,
}

impl Near {
    /// Finds them; `None` where there are no vectors, or none for the request.
    pub fn new(
        snapshot: &Snapshot,
        text: &str,
        may_cost: bool,
    ) -> Result<Option<Self>, IndexError> {
        let outside = snapshot.meaning().outside();
        let Some(outside) = outside.filter(|outside| may_cost || outside.is_local()) else {
            return Ok(None);
        };
        // Words answer where the embedder cannot be reached.
        let mut near = match outside.nearest(snapshot, text) {
            Ok(near) if !near.is_empty() => near,
            Ok(_) | Err(IndexError::Embed(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let by_cosine = |a: &(u32, f32), b: &(u32, f32)| {
            b.1.total_cmp(&a.1).then_with(|| snapshot.in_order(a.0, b.0))
        };
        if near.len() > TOLD {
            near.select_nth_unstable_by(TOLD - 1, by_cosine);
            near.truncate(TOLD);
        }
        near.sort_unstable_by(by_cosine);
        let cosine = |at: usize| near.get(at).or(near.last()).map_or(0.0, |(_, cosine)| *cosine);
        let (first, tenth, last) = (cosine(0), cosine(9), cosine(FOUND - 1));
        let mut own = Self {
            chunks: HashMap::with_capacity(near.len()),
            files: HashMap::new(),
            found: Vec::with_capacity(FOUND),
            first,
            tenth,
            last,
        };
        for (rank, (number, cosine)) in near.into_iter().enumerate() {
            let Some((shard, part, chunk)) = snapshot.place_of(number) else { continue };
            own.chunks.insert((shard, chunk), (cosine, rank));
            let others = own.files.len();
            let file = own.files.entry((shard, part.segment.file_of(chunk)));
            let file = file.or_insert((cosine, others, 0));
            if rank < FOUND {
                file.2 += 1;
                own.found.push((shard, chunk));
            }
        }
        Ok(Some(own))
    }

    /// Returns where a cosine stands: 1 is the nearest chunk's, 0 the hundredth's.
    fn share(&self, cosine: f32) -> f32 {
        ((cosine - self.last) / (self.first - self.last).max(1e-6)).max(-1.0)
    }
}

impl Signal for Near {
    fn extension(&self) -> Option<Extension> {
        Some(Extension::Vectors)
    }

    fn found(&self) -> &[(usize, u32)] {
        &self.found
    }

    fn values(&self, row: &Row) -> Vec<f32> {
        let log = |count: usize| f32::ln(1.0 + count as f32);
        let at = row.candidate;
        let (near, rank) = self
            .chunks
            .get(&(at.shard, at.chunk))
            .map_or((-1.0, TOLD), |(cosine, rank)| (self.share(*cosine), *rank));
        let (file, file_rank, count) = self
            .files
            .get(&(at.shard, at.file))
            .map_or((-1.0, TOLD, 0), |(cosine, rank, count)| (self.share(*cosine), *rank, *count));
        vec![near, log(rank), file, log(file_rank), log(count), self.share(self.tenth)]
    }

    fn is_strong(&self, row: &Row) -> bool {
        let at = row.candidate;
        self.chunks.get(&(at.shard, at.chunk)).is_some_and(|(_, rank)| *rank < STRONG)
    }

    fn reason(&self, row: &Row) -> Option<String> {
        let at = row.candidate;
        let (cosine, rank) = self.chunks.get(&(at.shard, at.chunk))?;
        (*rank < FOUND).then(|| format!("meaning {cosine:.2}"))
    }
}
