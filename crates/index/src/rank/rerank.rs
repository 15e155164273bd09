//! The best places in order anew, by a model that reads each together with the request.

use distiq_base::Rerank;

use super::features::Row;
use crate::error::IndexError;
use crate::snapshot::Snapshot;
use crate::vector::text_of;

/// So many places are read; each takes tens of milliseconds of a core.
const READ: usize = 10;

/// Puts the best of some rows, best first, in order anew. Both the ranker and the model have half the say: scores of models differ in
/// their range, so that each counts by its place between the least and the greatest of the ten.
pub(super) fn rerank(
    snapshot: &Snapshot,
    reranker: &dyn Rerank,
    request: &str,
    rows: &mut [Row],
) -> Result<(), IndexError> {
    let read = rows.len().min(READ);
    let Some(rows) = rows.get_mut(..read).filter(|rows| rows.len() > 1) else { return Ok(()) };
    let texts: Vec<String> = rows
        .iter()
        .map(|row| {
            let text = snapshot.text(&row.path).unwrap_or_default();
            text_of(&row.path, &row.chunk, &text.lines().collect::<Vec<_>>())
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let said = reranker.scores(request, &texts)?;
    if said.len() != rows.len() || said.iter().any(|score| !score.is_finite()) {
        return Ok(());
    }
    let points: Vec<f32> = rows.iter().map(|row| row.points).collect();
    let sums = shares(&points).into_iter().zip(shares(&said)).map(|(own, other)| own + other);
    for ((row, sum), said) in rows.iter_mut().zip(sums).zip(&said) {
        row.points = sum;
        row.reasons.more.push(format!("read together {said:.2}"));
    }
    rows.sort_by(|a, b| b.points.total_cmp(&a.points));
    // They keep the points of their places, so that scores still fall to those behind.
    for (row, points) in rows.iter_mut().zip(points) {
        row.points = points;
    }
    Ok(())
}

/// Returns where each number lies between the least and the greatest of them: 0 to 1.
fn shares(numbers: &[f32]) -> Vec<f32> {
    let least = numbers.iter().copied().fold(f32::INFINITY, f32::min);
    let greatest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = (greatest - least).max(1e-6);
    numbers.iter().map(|number| (number - least) / range).collect()
}
