//! Finds a place by likeness: nearly all lines are right, a few have a wrong character or two.

use super::block::Block;
use super::distance::{at_least, distance};
use super::fold::{fold, same};
use super::indents::Overlook;
use super::page::{Page, sketch};
use super::places::{Place, Unsure, fit, repeated};
use super::typo::{self, Verdict};

/// Most wrong characters of a line.
const MOST_WRONG: usize = 2;

/// Every so many lines one may be wrong.
const LINES_PER_WRONG: usize = 5;

/// Letters and digits that an old text must have to be known by likeness; one line alone needs more.
const LEAST_TELLING: usize = 12;
const LEAST_TELLING_ALONE: usize = 20;

/// Distances of a line beyond this are all the same: another line.
const FAR: usize = 12;

/// A place and how far each line is from the wanted one.
struct Scored {
    first: usize,
    lines: Vec<usize>,
}

impl Scored {
    fn total(&self) -> usize {
        self.lines.iter().sum()
    }

    fn wrong(&self) -> usize {
        self.lines.iter().filter(|distance| **distance > 0).count()
    }
}

/// Finds the only place that is like `want` and beats every other one clearly.
pub(super) fn find(page: &Page<'_>, want: &Block<'_>, hints: &[&str]) -> Result<Place, Unsure> {
    let lines = want.solid.len();
    let with_blank_ones = lines + want.solid.iter().map(|line| line.gap).sum::<usize>();
    let allowed = with_blank_ones.div_ceil(LINES_PER_WRONG);
    let telling = want.solid.iter().flat_map(|line| line.body.chars());
    let telling = telling.filter(|c| c.is_alphanumeric()).count();
    let least = if lines == 1 { LEAST_TELLING_ALONE } else { LEAST_TELLING };
    if telling < least {
        return Err(Unsure::Nowhere);
    }
    let most = allowed * MOST_WRONG;
    let mut scored = score(page, want, rivals_up_to(most));
    scored.sort_by_key(|place| (place.total(), place.first));
    let Some((best, rivals)) = scored.split_first() else { return Err(Unsure::Nowhere) };
    let few = best.wrong() <= allowed && best.lines.iter().all(|distance| *distance <= MOST_WRONG);
    if !few || !all_typos(page, want, best) {
        return Err(Unsure::Nowhere);
    }
    let near: Vec<usize> =
        rivals.iter().filter(|rival| !beats(best, rival)).map(|rival| rival.first).collect();
    if !near.is_empty() {
        return Err(Unsure::Alike([vec![best.first], near].concat()));
    }
    if let Some(other) = repeated(page, want, best.first) {
        return Err(Unsure::Alike(vec![best.first, other]));
    }
    let overlook = Overlook::Lines(allowed);
    let indents = fit(page, want, best.first, hints, overlook).ok_or(Unsure::Nowhere)?;
    let typos = (best.lines.iter().enumerate())
        .filter(|(line, distance)| **distance > 0 || indents.outliers.contains(line))
        .count();
    if typos > allowed {
        return Err(Unsure::Nowhere);
    }
    Ok(Place { first: best.first, indents: Some(indents), typos })
}

/// Returns how far a place must be looked at that may be too near to one with `total` wrong characters.
const fn rivals_up_to(total: usize) -> usize {
    4 * total + 6
}

/// Tells whether a place is the likelier one beyond doubt.
fn beats(best: &Scored, rival: &Scored) -> bool {
    let (total, other) = (best.total(), rival.total());
    // Every line speaks for the best place, and one that is right there is wrong at the rival.
    let no_line_against = best.lines.iter().zip(&rival.lines).all(|(best, rival)| best <= rival);
    let line_for =
        best.lines.iter().zip(&rival.lines).any(|(best, rival)| *best == 0 && *rival > 0);
    match best.lines.len() {
        _ if !no_line_against => other > rivals_up_to(total),
        1 => other >= 2 * total + 4,
        2 => other >= 2 * total + 2,
        _ => line_for || other >= 2 * total + 2,
    }
}

/// Tells whether the lines that differ are slips of the pen, not other lines.
fn all_typos(page: &Page<'_>, want: &Block<'_>, place: &Scored) -> bool {
    let wrong = place.lines.iter().enumerate().filter(|(_, distance)| **distance > 0);
    let verdicts: Vec<Verdict> = wrong
        .filter_map(|(i, _)| {
            let line = want.solid.get(i)?;
            let have = page.line(place.first + i);
            Some(typo::judge(&fold(line.body), &fold(have.body), page.words()))
        })
        .collect();
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|v| wanted(v)).count();
    let clear = count(|verdict| *verdict == Verdict::Slip);
    let others = count(|verdict| *verdict > Verdict::Unclear);
    others == 0 && 2 * clear >= verdicts.len()
}

/// Returns the places that are within `limit` wrong characters.
fn score(page: &Page<'_>, want: &Block<'_>, limit: usize) -> Vec<Scored> {
    let wanted: Vec<(u128, String)> = (want.solid.iter())
        .map(|line| {
            let text = fold(line.body).into_owned();
            (sketch(&text), text)
        })
        .collect();
    let near = |window: &[u128]| {
        let mut sum = 0;
        let mut lines = wanted.iter().zip(window);
        lines.all(|((want, _), have)| {
            sum += at_least(*want, *have).min(FAR);
            sum <= limit
        })
    };
    let windows = page.sketches().windows(wanted.len().max(1)).enumerate();
    windows
        .filter(|(_, window)| near(window))
        .filter_map(|(first, _)| {
            let mut sum = 0;
            let mut lines = Vec::with_capacity(wanted.len());
            for (i, (_, text)) in wanted.iter().enumerate() {
                let have = page.line(first + i).body;
                let apart = if same(text, have) { 0 } else { distance(text, &fold(have), FAR - 1) };
                sum += apart;
                if sum > limit {
                    return None;
                }
                lines.push(apart);
            }
            Some(Scored { first, lines })
        })
        .collect()
}
