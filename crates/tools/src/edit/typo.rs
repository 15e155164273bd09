//! Tells a slip of the pen from a line that says something else.
//!
//! A slip leaves a word that nothing else uses; another number, name or operator is another line,
//! however few characters it differs in.

use std::collections::HashMap;

use super::distance::distance;
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

/// What a line is to another one that differs in a character or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It is that line, with slips of the pen.
    Slip,
    /// It may be, where slips elsewhere show that the writer makes them.
    Unclear,
    /// It says something else, unless a slip beside it tells otherwise.
    Other,
    /// It has another number or another known word.
    Apart,
}

/// Judges a wanted line against the one that is there; both folded.
pub(super) fn judge(want: &str, have: &str, words: &Words<'_>) -> Verdict {
    let hunks = hunks(want, have);
    let verdicts: Vec<Verdict> =
        hunks.iter().map(|hunk| judge_change(&whole_words(hunk, want, have), words)).collect();
    if verdicts.contains(&Verdict::Apart) {
        return Verdict::Apart;
    }
    // One slip that is clear explains the line; another line would differ in one word only.
    verdicts.into_iter().min().unwrap_or(Verdict::Slip)
}

/// A difference, widened to whole words.
struct Change<'a> {
    want: &'a str,
    have: &'a str,
    /// What stands around it.
    before: &'a str,
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
        before: before.get(..before.len() - left).unwrap_or_default(),
        after: after.get(right..).unwrap_or_default(),
    }
}

fn judge_change(change: &Change<'_>, words: &Words<'_>) -> Verdict {
    let Change { want, have, .. } = change;
    let slip_if = |slip: bool| if slip { Verdict::Slip } else { Verdict::Other };
    if differs_in_digits(want, have) || is_number(want) && is_number(have) {
        return Verdict::Apart;
    }
    let spoken = |text: &str| text.chars().any(char::is_alphanumeric);
    if !spoken(want) && !spoken(have) {
        return slip_if(!is_operator_change(change));
    }
    let only_in = |text: &'_ str, other: &str| -> Vec<String> {
        let words = words_of(text).filter(|word| !words_of(other).any(|w| w == *word));
        words.map(str::to_owned).collect()
    };
    let (wanted, there) = (only_in(want, have), only_in(have, want));
    match (wanted.as_slice(), there.as_slice()) {
        ([], [gone]) => slip_if(
            *have == gone.as_str()
                && !is_string_prefix(gone, change.after)
                && !stands_alone(change),
        ),
        // A letter where a mark or nothing was; as an argument it may be meant.
        (_, []) => slip_if(!stands_alone(change)),
        ([want], [have]) => judge_word(want, have, words),
        // A word that a stray mark splits, with another slip at most.
        (_, [have]) if distance(&wanted.concat(), have, 1) <= 1 => Verdict::Slip,
        _ => slip_if(!wanted.iter().any(|word| is_known(word, words))),
    }
}

/// Tells whether a change is all that stands between brackets or commas.
fn stands_alone(change: &Change<'_>) -> bool {
    let is_all = |text: &str| {
        text.is_empty() || text.starts_with(',') || text.chars().all(|c| is_word(c) || c == ' ')
    };
    is_all(change.have)
        && is_all(change.want)
        && change.before.trim_end().ends_with(['(', '[', '{', ','])
        && change.after.trim_start().starts_with([')', ']', '}', ','])
}

/// Tells whether two texts have other digits, and not because one of them was garbled.
fn differs_in_digits(want: &str, have: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (wanted, there) = (digits(want), digits(have));
    if wanted == there {
        return false;
    }
    // A digit within a word that has none.
    let within = there.is_empty()
        && want.starts_with(char::is_alphabetic)
        && want.ends_with(char::is_alphabetic);
    // A letter for a digit.
    let mut differing = want.chars().zip(have.chars()).filter(|(a, b)| a != b);
    let garbled = want.chars().count() == have.chars().count()
        && differing.all(|(a, b)| a.is_alphabetic() && b.is_ascii_digit());
    !within && !garbled
}

fn is_number(text: &str) -> bool {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = hex.unwrap_or(text);
    let is_digit = |c: char| {
        c.is_ascii_digit() || matches!(c, '_' | '.') || hex.is_some() && c.is_ascii_hexdigit()
    };
    text.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(is_digit)
}

/// Tells whether one operator became another one, or came or went before a value.
fn is_operator_change(change: &Change<'_>) -> bool {
    const ALIKE: [&[&str]; 6] = [
        &["<", ">", "<=", ">=", "==", "!=", "===", "!==", "=", "<>", ":=", "~="],
        &["+", "-", "*", "/", "%", "**", "//"],
        &["+=", "-=", "*=", "/=", "%=", "=", "|=", "&=", "^="],
        &["&&", "||", "&", "|", "^"],
        &["<<", ">>", "<", ">"],
        &["->", "=>", "::", ":", "."],
    ];
    const BEFORE_A_VALUE: [&str; 8] = ["!", "-", "&", "*", "~", "+", "@", "&&"];
    let operator = |c: char| "+-*/%<>=!&|^~:@?".contains(c);
    let behind = change.before.len() - change.before.trim_end_matches(operator).len();
    let left = change.before.get(change.before.len() - behind..).unwrap_or_default();
    let right = change.after.len() - change.after.trim_start_matches(operator).len();
    let right = change.after.get(..right).unwrap_or_default();
    let whole = |part: &str| format!("{left}{}{right}", part.trim());
    let (want, have) = (whole(change.want), whole(change.have));
    if want == have {
        return false;
    }
    let alike = |alike: &&[&str]| alike.contains(&want.as_str()) && alike.contains(&have.as_str());
    let one = format!("{want}{have}");
    let came = want.is_empty() || have.is_empty();
    let before = change.before.trim_end();
    let value_before = before.ends_with(|c| is_word(c) || matches!(c, ')' | ']' | '"' | '\''));
    ALIKE.iter().any(alike)
        || came && one == "?"
        || came && BEFORE_A_VALUE.contains(&one.as_str()) && !value_before
}

fn is_known(word: &str, words: &Words<'_>) -> bool {
    words.contains_key(word) || FAMILIAR.split_whitespace().any(|known| known == word)
}

/// Tells of the letters before a string that change its meaning, as in `f"…"`.
fn is_string_prefix(word: &str, after: &str) -> bool {
    word.len() <= 2 && after.starts_with(['"', '\''])
}

fn judge_word(want: &str, have: &str, words: &Words<'_>) -> Verdict {
    // A letter that fell off leaves a short word that may be another one by chance.
    let cut_short = want.len() <= 2 && have.len() > 2;
    let bare = |word: &str| word.trim_matches('_').to_lowercase();
    let other_case = want.to_lowercase() == have.to_lowercase();
    let edges = |word: &str| (word.starts_with('_'), word.ends_with('_'));
    let other_edge = bare(want) == bare(have) && edges(want) != edges(have);
    if is_known(want, words) && !cut_short {
        return Verdict::Apart;
    }
    if other_edge || other_case {
        return Verdict::Other;
    }
    let (wanted, there) = (parts(want), parts(have));
    let mut differing = wanted.iter().zip(&there).filter(|(want, have)| want != have);
    let same_parts = wanted.len() == there.len() && there.len() > 1;
    let familiar = |word: &str| FAMILIAR.split_whitespace().any(|known| known == word);
    let other_part =
        |(want, have): (&&str, &&str)| is_other_short(want, have) || familiar(&want.to_lowercase());
    if is_other_short(want, have)
        || same_parts && differing.any(other_part)
        || is_variant(want, have, words)
    {
        return Verdict::Unclear;
    }
    if may_be_another(want, have, words) { Verdict::Other } else { Verdict::Slip }
}

/// Tells whether a garbled word is as near to another one of the file as to the one that is there, which
/// nothing else uses.
fn may_be_another(want: &str, have: &str, words: &Words<'_>) -> bool {
    if words.get(have).is_some_and(|count| *count > 1) {
        return false;
    }
    let apart = distance(want, have, 2);
    words.keys().any(|word| {
        *word != have
            && word.len().abs_diff(want.len()) <= apart
            && distance(want, word, apart) <= apart
    })
}

/// Tells whether two words of a letter or two are names of their own, as `i` and `j`.
fn is_other_short(want: &str, have: &str) -> bool {
    let keyword = SHORT_KEYWORDS.split_whitespace().any(|keyword| keyword == have);
    let garbled_number = is_number(have) && (have.len() > 1 || !is_number(want));
    let swapped = want.chars().rev().eq(have.chars());
    let replaced = want.len() <= 2 && want.len() == have.len();
    replaced && !keyword && !garbled_number && !swapped
}

/// Tells whether one word is the other with a letter before or behind it that makes a name of a name.
fn is_variant(want: &str, have: &str, words: &Words<'_>) -> bool {
    let affix = |long: &str, short: &str, before: &str, behind: &str| {
        let all = |affix: &str, letters: &str| affix.chars().all(|c| letters.contains(c));
        long.strip_prefix(short).is_some_and(|affix| all(affix, behind))
            || long.strip_suffix(short).is_some_and(|affix| all(affix, before))
    };
    // A name that is in use elsewhere, and one like it that is nowhere.
    if words.get(have).is_some_and(|count| *count > 2) {
        return false;
    }
    affix(want, have, "_x", "_xs") || affix(have, want, BEFORE, BEHIND)
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
            ("co7unter += 1", "counter += 1"),
            ("ompute()", "compute()"),
            ("kf x {", "if x {"),
            ("a - > b", "a -> b"),
            ("a > b", "a -> b"),
            ("esl;f.x", "self.x"),
            ("compute(co.nter)", "compute(counter)"),
            ("orelse(x)", "or_else(x)"),
            ("e x", ", x"),
            ("f&(x)", "f(x)"),
        ] {
            assert_eq!(judge(want, have, &words()), Verdict::Slip, "{want} | {have}");
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
            ("a = b", "a == b"),
            ("f()", "f()?"),
            ("(&a)", "(a)"),
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
            ("f(n)", "f()"),
            ("x = 1_22", "x = 1_229"),
            ("countexr", "countear"),
            ("cases:", "case 6:"),
            ("an untrusted input", "an untrusted_2 input"),
            ("i686-windots", "i786-windows"),
        ] {
            assert_ne!(judge(want, have, &words()), Verdict::Slip, "{want} | {have}");
        }
    }
}
