//! The ranker's hits and the nearest ones by an embedder from outside, in one order.

use std::collections::HashMap;

use crate::error::IndexError;
use crate::search::{Hit, Query, Tests, is_test};
use crate::snapshot::Snapshot;

/// So many of the nearest chunks may come in by their vectors alone.
const NEAREST: usize = 100;
/// What the vectors count beside 1 of the ranker: with MiniLM MRR@10 is .611 without, .638 with .3, .627 with .6.
const WEIGHT: f32 = 0.3;

/// Puts hits of the ranker, best first, in one order with what lies near the request; where there are no vectors, or the
/// request gets none, the hits stay as they are.
pub(crate) fn blend(
    snapshot: &Snapshot,
    query: &Query<'_>,
    mut hits: Vec<Hit>,
    limit: usize,
) -> Result<Vec<Hit>, IndexError> {
    let Some(outside) = snapshot.meaning().outside() else { return Ok(hits) };
    // Words answer where the embedder cannot be reached.
    let mut near = match outside.nearest(snapshot, query.text()) {
        Ok(near) if !near.is_empty() => near,
        Ok(_) | Err(IndexError::Embed(_)) => {
            hits.truncate(limit);
            return Ok(hits);
        }
        Err(error) => return Err(error),
    };
    let cosines: HashMap<u32, f32> = near.iter().copied().collect();
    near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    near.truncate(NEAREST);
    let cosine_range = range(near.iter().map(|(_, cosine)| *cosine));
    let score_range = range(hits.iter().take(NEAREST).map(|hit| hit.score));
    let known: Vec<u32> = hits.iter().map(|hit| hit.number).collect();
    for (number, _) in near.iter().filter(|(number, _)| !known.contains(number)) {
        let is_wanted = query.tests == Tests::Include || !is_test(snapshot.file_of(*number)?.path);
        if is_wanted {
            hits.push(snapshot.hit(*number, score_range.0, Vec::new())?);
        }
    }
    for hit in &mut hits {
        let cosine = cosines.get(&hit.number).copied().unwrap_or(0.0);
        let nearness = share(cosine, cosine_range);
        if nearness > 0.0 {
            hit.reasons.push(format!("meaning {cosine:.2}"));
        }
        let weight = WEIGHT;
        hit.score = share(hit.score, score_range) + weight * nearness;
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(limit);
    Ok(hits)
}

/// Returns the least and the greatest of some numbers.
fn range(numbers: impl Iterator<Item = f32>) -> (f32, f32) {
    numbers.fold((f32::MAX, f32::MIN), |(least, greatest), n| (least.min(n), greatest.max(n)))
}

/// Returns where a number lies in a range: 0 at its beginning and before, 1 at its end.
fn share(number: f32, (least, greatest): (f32, f32)) -> f32 {
    if greatest > least { ((number - least) / (greatest - least)).clamp(0.0, 1.0) } else { 0.0 }
}
