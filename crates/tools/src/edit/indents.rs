//! How the old text's indentation stands to the file's, so that new lines can follow.

use std::collections::HashMap;

/// Widths of a tab that are tried, the likely ones first.
const TABS: [usize; 6] = [4, 8, 2, 3, 6, 1];

/// What makes an old text's indentation the file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indents {
    rule: Rule,
    /// What each indentation of the old text is in the file.
    known: HashMap<String, String>,
    /// Lines (from 0) whose indentation is a little off the others'.
    pub(super) outliers: Vec<usize>,
    /// Whether only the first line lacks its indentation: the old text begins within the line.
    pub(super) first_is_bare: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// The same blanks.
    Same,
    /// The same columns up to a shift, where a tab has so many.
    Columns { tab: usize, shift: isize, style: Style },
    /// A step of the old text is another number of columns in the file: `at` both begin.
    Steps { tab: usize, old: usize, new: usize, at: (usize, usize), style: Style },
}

impl Rule {
    const fn keeps_columns(&self) -> bool {
        matches!(self, Rule::Same | Rule::Columns { shift: 0, .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Tabs,
    Spaces,
}

/// What the fit may overlook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlook {
    /// Nothing.
    Nothing,
    /// One or two wrong blanks in so many lines.
    Lines(usize),
}

/// Most wrong blanks of one line.
const MOST_WRONG: usize = 2;

impl Indents {
    /// Finds what makes the first of each pair the second; `None` where nothing does for all lines.
    ///
    /// `hints` are indentations of the new text: where several widths of a tab would do, one that
    /// divides them is likelier. `tabs` tells whether the file indents with tabs where the pairs do not.
    pub(super) fn fit(
        pairs: &[(&str, &str)],
        hints: &[&str],
        tabs: bool,
        overlook: Overlook,
    ) -> Option<Self> {
        let style = style_of(pairs.iter().map(|(_, have)| *have), tabs);
        let found = exact_rule(pairs, hints, style).map(|rule| (rule, Vec::new(), false));
        let found = found.or_else(|| {
            // An old text that begins with the first word of its first line.
            let (first, rest) = pairs.split_first()?;
            let bare = first.0.is_empty() && !first.1.is_empty() && !rest.is_empty();
            let rule =
                exact_rule(rest, hints, style).filter(|rule| bare && rule.keeps_columns())?;
            Some((rule, Vec::new(), true))
        });
        let found = found.or_else(|| {
            let Overlook::Lines(most) = overlook else { return None };
            let (rule, outliers) = rule_of_most(pairs, hints, style, most)?;
            Some((rule, outliers, false))
        });
        let (rule, outliers, first_is_bare) = found?;
        let mut known = HashMap::new();
        for (line, (want, have)) in pairs.iter().enumerate() {
            if !(outliers.contains(&line) || first_is_bare && line == 0) {
                known.insert((*want).to_owned(), (*have).to_owned());
            }
        }
        Some(Self { rule, known, outliers, first_is_bare })
    }

    /// Tells whether nothing needs to be done.
    pub(super) fn is_same(&self) -> bool {
        self.rule == Rule::Same
    }

    /// Returns the file's indentation for one of the old text's frame; `None` left of its margin.
    pub(super) fn map(&self, indent: &str) -> Option<String> {
        if let Some(known) = self.known.get(indent) {
            return Some(known.clone());
        }
        match self.rule {
            Rule::Same => Some(indent.to_owned()),
            Rule::Columns { tab, shift, style } => {
                let columns = columns(indent, tab).checked_add_signed(shift)?;
                Some(blanks(columns, tab, style))
            }
            Rule::Steps { tab, old, new, at, style } => {
                let from = columns(indent, tab);
                let steps = |columns: usize| (columns / old, columns % old);
                let columns = if from >= at.0 {
                    let (steps, rest) = steps(from - at.0);
                    at.1 + steps * new + rest.min(new)
                } else {
                    at.1.checked_sub(steps(at.0 - from).0 * new)?
                };
                Some(blanks(columns, tab, style))
            }
        }
    }

    /// Says what was done.
    pub(super) fn note(&self) -> Option<String> {
        let (want, have) = self.known.iter().find(|(want, have)| want != have)?;
        let (tabs_wanted, tabs_there) = (want.contains('\t'), have.contains('\t'));
        if tabs_wanted != tabs_there && !(want.is_empty() || have.is_empty()) {
            return Some(format!(
                "re-indented with {}",
                if tabs_there { "tabs" } else { "spaces" }
            ));
        }
        let (sign, blanks) = match have.chars().count().checked_sub(want.chars().count()) {
            Some(more) => ('+', more),
            None => ('-', want.chars().count() - have.chars().count()),
        };
        let unit = match (tabs_wanted || tabs_there, blanks) {
            (false, _) => "",
            (true, 1) => " tab",
            (true, _) => " tabs",
        };
        match self.rule {
            Rule::Steps { old, new, .. } => Some(format!("re-indented {old} to {new}")),
            _ => Some(format!("re-indented by {sign}{blanks}{unit}")),
        }
    }
}

fn style_of<'a>(indents: impl Iterator<Item = &'a str> + Clone, tabs: bool) -> Style {
    let has_tabs = indents.clone().any(|indent| indent.contains('\t'));
    let has_any = indents.clone().any(|indent| !indent.is_empty());
    if has_tabs || (tabs && !has_any) { Style::Tabs } else { Style::Spaces }
}

/// Finds the rule that holds for all pairs.
fn exact_rule(pairs: &[(&str, &str)], hints: &[&str], style: Style) -> Option<Rule> {
    if pairs.iter().all(|(want, have)| want == have) {
        return Some(Rule::Same);
    }
    let mut best: Option<((bool, bool), Rule)> = None;
    for tab in TABS {
        let Some(shift) = shift_of(pairs, tab) else { continue };
        let divides = hints.iter().all(|hint| columns(hint, tab).is_multiple_of(tab));
        // No shift beats one, and among those a width that the new text's steps follow.
        let rank = (shift == 0, divides);
        if best.as_ref().is_none_or(|(before, _)| rank > *before) {
            best = Some((rank, Rule::Columns { tab, shift, style }));
        }
    }
    best.map(|(_, rule)| rule).or_else(|| TABS.iter().find_map(|tab| steps_of(pairs, *tab, style)))
}

fn shift_of(pairs: &[(&str, &str)], tab: usize) -> Option<isize> {
    let mut shifts = pairs.iter().map(|pair| shift(pair, tab));
    let first = shifts.next()?;
    shifts.all(|shift| shift == first).then_some(first)
}

fn shift((want, have): &(&str, &str), tab: usize) -> isize {
    columns(have, tab).cast_signed() - columns(want, tab).cast_signed()
}

/// Finds a rule by which each step of the old text is a step of the file of another width.
fn steps_of(pairs: &[(&str, &str)], tab: usize, style: Style) -> Option<Rule> {
    let points: Vec<(usize, usize)> =
        pairs.iter().map(|(want, have)| (columns(want, tab), columns(have, tab))).collect();
    let (low, high) = (*points.iter().min()?, *points.iter().max()?);
    let (old, new) = (high.0.checked_sub(low.0)?, high.1.checked_sub(low.1)?);
    let divisor = divisor(old, new);
    if old == 0 || new == 0 || divisor == 0 {
        return None;
    }
    let on_line = |(want, have): &(usize, usize)| {
        (have.checked_sub(low.1).zip(want.checked_sub(low.0)))
            .is_some_and(|(have, want)| have * old == want * new)
    };
    let (old, new) = (old / divisor, new / divisor);
    // Steps that no editor has are two texts that only look alike.
    let likely = old.max(new).is_multiple_of(old.min(new)) && old.max(new) / old.min(new) <= 8;
    (likely && points.iter().all(on_line)).then_some(Rule::Steps { tab, old, new, at: low, style })
}

const fn divisor(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Finds the rule that holds for all but `most` lines, which are a blank or two off.
fn rule_of_most(
    pairs: &[(&str, &str)],
    hints: &[&str],
    style: Style,
    most: usize,
) -> Option<(Rule, Vec<usize>)> {
    for tab in TABS {
        let mut counts: HashMap<isize, usize> = HashMap::new();
        pairs.iter().for_each(|pair| *counts.entry(shift(pair, tab)).or_insert(0) += 1);
        let usual = *counts.iter().max_by_key(|(shift, count)| (**count, -shift.abs()))?.0;
        let off = |pair: &(&str, &str)| shift(pair, tab) != usual;
        let outliers: Vec<usize> =
            pairs.iter().enumerate().filter(|(_, pair)| off(pair)).map(|(line, _)| line).collect();
        let small = |line: &usize| {
            pairs.get(*line).is_some_and(|pair| wrong_blanks(pair, tab, usual) <= MOST_WRONG)
        };
        if outliers.len() > most || outliers.len() * 2 >= pairs.len() || !outliers.iter().all(small)
        {
            continue;
        }
        let regular: Vec<(&str, &str)> = pairs.iter().filter(|pair| !off(pair)).copied().collect();
        return Some((exact_rule(&regular, hints, style)?, outliers));
    }
    None
}

/// Returns how many blanks too many or too few a line begins with.
fn wrong_blanks(pair: &(&str, &str), tab: usize, usual: isize) -> usize {
    let off = shift(pair, tab).abs_diff(usual);
    if pair.0.contains('\t') || pair.1.contains('\t') { off.div_ceil(tab) } else { off }
}

/// Returns the column at which a line with these blanks begins to say something.
pub(super) fn columns(indent: &str, tab: usize) -> usize {
    indent.chars().fold(0, |at, c| if c == '\t' { at / tab * tab + tab } else { at + 1 })
}

fn blanks(columns: usize, tab: usize, style: Style) -> String {
    match style {
        Style::Tabs => "\t".repeat(columns / tab) + &" ".repeat(columns % tab),
        Style::Spaces => " ".repeat(columns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)], hints: &[&str], from: &str, expected: Option<&str>) {
        let indents = Indents::fit(pairs, hints, false, Overlook::Nothing);
        let mapped = indents.and_then(|indents| indents.map(from));
        assert_eq!(mapped.as_deref(), expected, "{pairs:?} {from:?}");
    }

    #[test]
    fn maps_what_it_knows_and_what_it_does_not() {
        check(&[("  ", "    "), ("    ", "      ")], &[], "      ", Some("        "));
        check(&[("    ", "\t")], &[], "        ", Some("\t\t"));
        check(&[("  ", "\t")], &["    "], "    ", Some("\t\t"));
        check(&[("    ", "\t\t")], &["        "], "        ", Some("\t\t\t\t"));
        check(&[("\t", "    "), ("\t\t", "        ")], &[], "\t\t\t", Some("            "));
        check(&[("  ", "    "), ("    ", "        ")], &[], "      ", Some("            "));
        check(&[("    ", ""), ("        ", "    ")], &[], "", None);
        check(&[("    ", ""), ("     ", "    ")], &[], "", None);
        check(&[("", "        "), ("    ", "    ")], &[], "    ", Some("    "));
    }

    #[test]
    fn overlooks_a_blank_or_two() {
        let pairs = [("    ", "    "), ("   ", "    "), ("    ", "    ")];
        assert_eq!(Indents::fit(&pairs, &[], false, Overlook::Nothing), None);
        let indents = Indents::fit(&pairs, &[], false, Overlook::Lines(1)).unwrap();
        assert_eq!((indents.outliers.as_slice(), indents.is_same()), ([1].as_slice(), true));
        let far = [("    ", "    "), ("", "    "), ("    ", "    ")];
        assert_eq!(Indents::fit(&far, &[], false, Overlook::Lines(1)), None);
    }
}
