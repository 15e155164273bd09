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
    let wanted: Vec<&str> =
        wanted.iter().skip(skipped).take(MOST_WANTED).map(|line| line.trim()).collect();
    if wanted.is_empty() || lines.len() == 0 {
        return Vec::new();
    }
    let weights: Vec<f64> = wanted.iter().map(|line| line.len().min(40) as f64 + 1.0).collect();
    let total: f64 = weights.iter().sum();
    let mut scored: Vec<(f64, usize)> = (0..lines.len())
        .filter_map(|start| {
            let score: f64 = wanted
                .iter()
                .zip(&weights)
                .enumerate()
                .map(|(i, (want, weight))| weight * likeness(want, lines.get(start + i).trim()))
                .sum();
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
fn show(lines: &Lines<'_>, wanted: &[&str], start: usize, most: usize) -> Closest {
    let differs = wanted
        .iter()
        .enumerate()
        .position(|(i, want)| *want != lines.get(start + i).trim())
        .unwrap_or(0);
    let from = start + differs.saturating_sub(most / 2);
    let end = (start + wanted.len()).min(from + most).min(lines.len());
    let text: Vec<&str> = (from..end).map(|line| lines.get(line)).collect();
    Closest { start_line: from + 1, end_line: end, text: text.join("\n") }
}

/// Returns how like two lines are: by what they share at both ends.
fn likeness(wanted: &str, have: &str) -> f64 {
    if wanted == have {
        return 1.0;
    }
    let longest = wanted.len().max(have.len());
    let shortest = wanted.len().min(have.len());
    if shortest * 3 < longest {
        return 0.0;
    }
    let head = wanted.bytes().zip(have.bytes()).take_while(|(a, b)| a == b).count();
    let tail = wanted.bytes().rev().zip(have.bytes().rev()).take_while(|(a, b)| a == b).count();
    let shared = head + tail.min(shortest - head);
    let share = shared as f64 / longest as f64;
    if share < 0.4 { 0.0 } else { share * 0.9 }
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
