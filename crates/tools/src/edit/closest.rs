//! Finds the lines that an edit may have meant.

use super::lines::Lines;
use crate::outcome::Closest;

/// Most lines of the old text that are compared; the rest adds cost, not knowledge.
const MOST_WANTED: usize = 40;

/// Lines shown of the best place, and of the second.
const SHOWN: [usize; 2] = [8, 4];

/// A place is worth showing from this share of likeness on.
const LEAST: f64 = 0.4;

/// Returns the one or two places most like `wanted`, best first.
pub(super) fn find(lines: &Lines<'_>, wanted: &[&str]) -> Vec<Closest> {
    let skipped = wanted.iter().take_while(|line| line.trim().is_empty()).count();
    let wanted: Vec<Sketch<'_>> =
        wanted.iter().skip(skipped).take(MOST_WANTED).map(|line| Sketch::new(line)).collect();
    if wanted.is_empty() || lines.len() == 0 {
        return Vec::new();
    }
    let weights: Vec<f64> =
        wanted.iter().map(|line| line.text.len().min(40) as f64 + 1.0).collect();
    let total: f64 = weights.iter().sum();
    let have: Vec<Sketch<'_>> = (0..lines.len()).map(|line| Sketch::new(lines.get(line))).collect();
    let mut scored: Vec<(f64, usize)> = (0..lines.len())
        .filter_map(|start| {
            let below = have.iter().skip(start);
            let likeness = wanted.iter().zip(below).zip(&weights);
            let score: f64 =
                likeness.map(|((want, have), weight)| weight * want.likeness(have)).sum();
            (score / total >= LEAST).then_some((score / total, start))
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let Some(&(best, first)) = scored.first() else { return Vec::new() };
    let second = scored
        .iter()
        .find(|(score, start)| start.abs_diff(first) >= wanted.len() && *score >= best * 0.8);
    let places = std::iter::once(first).chain(second.map(|(_, start)| *start));
    places.zip(SHOWN).map(|(start, most)| show(lines, &wanted, start, most)).collect()
}

/// Shows the place around the first line that differs.
fn show(lines: &Lines<'_>, wanted: &[Sketch<'_>], start: usize, most: usize) -> Closest {
    let differs = wanted
        .iter()
        .enumerate()
        .position(|(i, want)| want.text != lines.get(start + i).trim())
        .unwrap_or(0);
    let from = start + differs.saturating_sub(most / 2);
    let end = (start + wanted.len()).min(from + most).min(lines.len());
    let text: Vec<&str> = (from..end).map(|line| lines.get(line)).collect();
    Closest { start_line: from + 1, end_line: end, text: text.join("\n") }
}

/// A line made small: its text, and which pairs of characters it has.
struct Sketch<'a> {
    text: &'a str,
    pairs: u128,
}

impl<'a> Sketch<'a> {
    fn new(line: &'a str) -> Self {
        let text = line.trim();
        let bytes = text.as_bytes().iter();
        let pairs = bytes.clone().zip(bytes.skip(1)).fold(0, |pairs, (a, b)| {
            // Any spread over the 128 places will do.
            pairs | 1_u128 << ((u32::from(*a) * 31 + u32::from(*b) * 7) % 127)
        });
        Self { text, pairs }
    }

    /// Returns how like two lines are: 1 the same, 0 nothing shared to speak of.
    fn likeness(&self, other: &Sketch<'_>) -> f64 {
        if self.text == other.text {
            return 1.0;
        }
        let shared = (self.pairs & other.pairs).count_ones();
        let all = (self.pairs | other.pairs).count_ones().max(1);
        let share = f64::from(shared) / f64::from(all);
        if share < 0.3 { 0.0 } else { share * 0.95 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_lines_around_the_difference() {
        let text =
            "fn a() {\n    one();\n}\n\nfn b() {\n    let total = add(1, 2);\n    two();\n}\n";
        let lines = Lines::new(text);
        let found = find(&lines, &["    let total = add(1, 3);", "    two();"]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start_line, found[0].end_line), (6, 7));
        assert_eq!(found[0].text, "    let total = add(1, 2);\n    two();");
        assert!(find(&lines, &["something else entirely, in words"]).is_empty());
        assert!(find(&Lines::new(""), &["x"]).is_empty());
    }
}
