//! Tells a slip of the pen from a line that says something else.
//!
//! A slip leaves a word that nothing else uses; another number, name or operator is another line,
//! however few characters it differs in.

use std::collections::HashMap;

use super::inline::{Hunk, hunks};
use super::page::{is_word, words_of};

type Words<'a> = HashMap<&'a str, u32>;

/// Short words that stand for each other's opposite or neighbour in many programs.
const FAMILIAR: &str = "abs add all and any arg args asc assert async await back base begin big bin bit bool both bottom \
    break buf but byte call case cast catch char check class clear close cmp code col column cond const copy cos count cur \
    data date day dec def del delete desc dest dev diff dim dir div do doc done down drop dst dump each edit elem else end \
    enc entry enum env eq error even exec exit exp fail false field file fill find first fix flag flip float floor flush \
    fmt fn for form free from front full func ge get give go good group gt half hash head height here hi hide high hit host \
    hour id if in inc index info init inner input insert int is item iter join key kind last le left len length less let \
    lhs line link list lo load local lock log long look loop low lower lt main make map mask match max mean mem merge meta \
    mid min mod mode more move mul mut name ne near neg new next nil no node none nor not now null num obj odd off offset \
    old on one only open or order out outer output over own pad page pair param parse part pass path peek place point pop \
    pos post pow pre prev print push put query range rank rate raw read real recv ref rem remove rest ret rev rhs right \
    root round row run same save scan seek self send seq set shift show sin size skip sleep slice sort source split src \
    start stat state step stop str string sub sum super swap tail tan target test text this time tmp to token top trim true \
    try two type uint undo unit unlock unset up upper use user val value var vec view void wait walk warn was when while \
    width with word work wrap write xor year yes yield zero";

/// Words of one or two letters that no variable is called by.
const SHORT_KEYWORDS: &str = "if in is as or do fn go of to be by an at it we";

/// Letters that make another name of a name, before or behind it.
const BEFORE: &str = "_xnm";
const BEHIND: &str = "_sdrxyabz";

/// Tells whether `want` is `have` with slips of the pen; both are one line, folded.
pub(super) fn is_typo(want: &str, have: &str, words: &Words<'_>) -> bool {
    hunks(want, have).iter().all(|hunk| is_slip(&whole_words(hunk, want, have), words))
}

/// A difference, widened to whole words.
struct Change<'a> {
    want: &'a str,
    have: &'a str,
    /// What follows it in the file.
    after: &'a str,
}

/// Widens a difference to the words that it lies in.
fn whole_words<'a>(hunk: &Hunk<'a>, want: &'a str, have: &'a str) -> Change<'a> {
    let word = |c: &char| is_word(*c);
    let before = want.get(..hunk.base.start).unwrap_or_default();
    let after = want.get(hunk.base.end..).unwrap_or_default();
    let mut left: usize = before.chars().rev().take_while(word).map(char::len_utf8).sum();
    let mut right: usize = after.chars().take_while(word).map(char::len_utf8).sum();
    let gone = want.get(hunk.base.clone()).unwrap_or_default();
    let parts_words = left > 0 && right > 0 && (gone.is_empty() || hunk.text.is_empty());
    if !parts_words && !gone.contains(is_word) && !hunk.text.contains(is_word) {
        (left, right) = (0, 0);
    }
    let widen = |text: &'a str, start: usize, end: usize| {
        text.get(start - left..end + right).unwrap_or_default()
    };
    Change {
        want: widen(want, hunk.base.start, hunk.base.end),
        have: widen(have, hunk.at, hunk.at + hunk.text.len()),
        after: after.get(right..).unwrap_or_default(),
    }
}

fn is_slip(change: &Change<'_>, words: &Words<'_>) -> bool {
    let Change { want, have, after } = change;
    if differs_in_digits(want, have) || is_number(want) && is_number(have) {
        return false;
    }
    let spoken = |text: &str| text.chars().any(char::is_alphanumeric);
    if !spoken(want) && !spoken(have) {
        let (want, have) = (want.trim(), have.trim());
        return want == have || !is_operator_change(want, have);
    }
    let wanted: Vec<&str> =
        words_of(want).filter(|word| !words_of(have).any(|w| w == *word)).collect();
    let there: Vec<&str> =
        words_of(have).filter(|word| !words_of(want).any(|w| w == *word)).collect();
    // A word that a stray mark splits.
    let joined = want.split(|c| !is_word(c)).collect::<String>();
    if wanted.len() > 1 && there.as_slice() == [joined.as_str()] {
        return true;
    }
    if wanted.iter().any(|word| is_known(word, words)) {
        return false;
    }
    match (wanted.as_slice(), there.as_slice()) {
        ([], [gone]) => !is_string_prefix(gone, after),
        ([want], [have]) => is_slip_of_word(want, have, words),
        _ => true,
    }
}

/// Tells whether nothing but digits differs.
fn differs_in_digits(want: &str, have: &str) -> bool {
    let rest = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    want != have && rest(want) == rest(have)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | '_' | '.' | 'u' | 'l' | 'o'))
}

/// Tells whether one operator became another one, or came or went before a value.
fn is_operator_change(want: &str, have: &str) -> bool {
    const ALIKE: [&[&str]; 6] = [
        &["<", ">", "<=", ">=", "==", "!=", "===", "!==", "=", "<>", ":=", "~="],
        &["+", "-", "*", "/", "%", "**", "//"],
        &["+=", "-=", "*=", "/=", "%=", "=", "|=", "&=", "^="],
        &["&&", "||", "&", "|", "^"],
        &["<<", ">>", "<", ">"],
        &["", "!", "-", "&", "*", "~", "+", "?", "@", "=", "<", ">"],
    ];
    ALIKE.iter().any(|alike| alike.contains(&want) && alike.contains(&have))
}

fn is_known(word: &str, words: &Words<'_>) -> bool {
    words.contains_key(word) || FAMILIAR.split_whitespace().any(|known| known == word)
}

/// Tells of the letters before a string that change its meaning, as in `f"…"`.
fn is_string_prefix(word: &str, after: &str) -> bool {
    word.len() <= 2 && after.starts_with(['"', '\''])
}

fn is_slip_of_word(want: &str, have: &str, words: &Words<'_>) -> bool {
    let keyword = SHORT_KEYWORDS.split_whitespace().any(|keyword| keyword == have);
    if want.len() <= 2 && have.len() <= 2 && !keyword {
        return false;
    }
    let bare = |word: &str| word.replace('_', "").to_lowercase();
    if bare(want) == bare(have) {
        return false;
    }
    let (wanted, there) = (parts(want), parts(have));
    if wanted.len() == there.len() {
        let mut differing = wanted.iter().zip(&there).filter(|(want, have)| want != have);
        let other_part = |want: &str, have: &str| {
            want.len() <= 2 && have.len() <= 2 && there.len() > 1
                || FAMILIAR.split_whitespace().any(|known| known == want.to_lowercase())
        };
        if differing.any(|(want, have)| other_part(want, have)) {
            return false;
        }
    }
    !is_variant(want, have, words)
}

/// Tells whether one word is the other with a letter before or behind it that makes a name of a name.
fn is_variant(want: &str, have: &str, words: &Words<'_>) -> bool {
    let (long, short) = if want.len() > have.len() { (want, have) } else { (have, want) };
    let affix = long.strip_prefix(short).map(|affix| (affix, BEHIND));
    let affix = affix.or_else(|| long.strip_suffix(short).map(|affix| (affix, BEFORE)));
    let Some((affix, letters)) = affix else { return false };
    // A name that is in use elsewhere and its plural, which is nowhere.
    let settled = words.get(have).is_some_and(|count| *count > 1) && !affix.contains(['s', '_']);
    affix.chars().all(|c| letters.contains(c)) && !settled
}

/// Splits a name at `_` and where capitals begin.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in word.split('_').filter(|part| !part.is_empty()) {
        let mut start = 0;
        let mut lower = false;
        for (at, c) in part.char_indices() {
            if c.is_uppercase() && lower {
                parts.push(part.get(start..at).unwrap_or_default());
                start = at;
            }
            lower = !c.is_uppercase();
        }
        parts.push(part.get(start..).unwrap_or_default());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "let total = compute(items, count); if x { left } fn compute() { counter += total }";

    fn words() -> Words<'static> {
        let mut words = Words::new();
        words_of(FILE).for_each(|word| *words.entry(word).or_insert(0) += 1);
        words
    }

    #[test]
    fn slips() {
        for (want, have) in [
            ("let totol = 1", "let total = 1"),
            ("letx = 1", "let x = 1"),
            ("foo(bar", "foo(bar)"),
            ("q(bar)", "(bar)"),
            ("compute(item;s)", "compute(items)"),
            ("co7nter += 1", "counter += 1"),
            ("ompute()", "compute()"),
            ("kf x {", "if x {"),
            ("a - > b", "a -> b"),
        ] {
            assert!(is_typo(want, have, &words()), "{want} | {have}");
        }
    }

    #[test]
    fn other_lines() {
        for (want, have) in [
            ("x = 10", "x = 20"),
            ("x = 1", "x = 10"),
            ("parse_v1()", "parse_v2()"),
            ("a < b", "a > b"),
            ("a < b", "a <= b"),
            ("!a", "a"),
            ("i + 1", "j + 1"),
            ("row_a", "row_b"),
            ("compute(count)", "compute(counter)"),
            ("get_x()", "set_x()"),
            ("0xff", "0xfe"),
            ("f(\"a\")", "f(f\"a\")"),
            ("item", "items"),
            ("_thing", "thing"),
            ("Thing", "thing"),
            ("x1", "x2"),
        ] {
            assert!(!is_typo(want, have, &words()), "{want} | {have}");
        }
    }
}
