//! The committed prompts and questions, for those who judge or simulate with them.
//!
//! The prompts are those that the classifier was fitted to and, a third of the template families, those
//! that it never saw. The questions are those that the cache of answers is judged by: for each, the ways
//! to ask the same and those that ask something else.

use std::collections::HashMap;

use serde::Deserialize;

use crate::classify::Label;

const PROMPTS: &str = include_str!("../data/prompts/prompts.jsonl");
const QUESTIONS: [&str; 3] = [
    include_str!("../tests/pairs/code.txt"),
    include_str!("../tests/pairs/general.txt"),
    include_str!("../tests/pairs/more.txt"),
];
const SLOTS: &str = include_str!("../tests/pairs/slots.txt");
/// How many fillings of its slots each question has.
const FILLINGS: usize = 4;

/// A labelled prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its words.
    pub text: String,
    /// How much work it is; written before any rule.
    pub label: Label,
    /// Its language, as `en`.
    pub language: String,
    /// Whether the classifier never saw its template family.
    pub is_held_out: bool,
}

/// A question with the ways to ask it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Its language, as `en`.
    pub language: String,
    /// Ways to ask the same; at least two.
    pub same: Vec<String>,
    /// What asks something else in much the same words.
    pub other: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    language: String,
    label: Label,
    split: String,
    text: String,
}

/// Returns the committed prompts.
pub fn prompts() -> Vec<Prompt> {
    let rows = PROMPTS.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok());
    rows.map(|Row { language, label, split, text }| Prompt {
        text,
        label,
        language,
        is_held_out: split == "held",
    })
    .collect()
}

/// Returns the committed questions, each with its slots filled in several ways.
pub fn questions() -> Vec<Asking> {
    let slots = slots();
    let lines = QUESTIONS.iter().flat_map(|file| file.lines()).enumerate();
    lines.flat_map(|(at, line)| asked(line, at, &slots)).collect()
}

fn slots() -> HashMap<&'static str, Vec<&'static str>> {
    let pair = |line: &'static str| line.split_once(" = ");
    let values = |text: &'static str| text.split('|').map(str::trim).collect();
    SLOTS.lines().filter_map(pair).map(|(name, text)| (name, values(text))).collect()
}

fn asked(line: &str, at: usize, slots: &HashMap<&str, Vec<&str>>) -> Vec<Asking> {
    let mut parts = line.split('|');
    let Some((language, base)) = parts.next().and_then(|first| first.split_once(' ')) else {
        return Vec::new();
    };
    let (mut same, mut other) = (vec![base.trim()], Vec::new());
    for part in parts {
        match part.strip_prefix('+') {
            Some(text) => same.push(text.trim()),
            None => other.push(part.trim_start_matches(['-', '~']).trim()),
        }
    }
    let fillings = if base.contains('{') { FILLINGS } else { 1 };
    let filled = |texts: &[&str], turn| texts.iter().map(|text| fill(text, turn, slots)).collect();
    (0..fillings)
        .map(|turn| Asking {
            language: language.to_owned(),
            same: filled(&same, turn + at / 2),
            other: filled(&other, turn + at / 2),
        })
        .filter(|asking| asking.same.len() > 1)
        .collect()
}

fn fill(text: &str, turn: usize, slots: &HashMap<&str, Vec<&str>>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let values = slots.get(name).map(Vec::as_slice).unwrap_or_default();
        out.push_str(values.get(turn % values.len().max(1)).copied().unwrap_or(name));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_read_whole() {
        let prompts = prompts();
        assert_eq!(prompts.len(), PROMPTS.lines().count());
        for label in Label::ALL {
            let held = |p: &&Prompt| p.is_held_out && p.label == label;
            assert!(prompts.iter().filter(held).count() > 300, "{label}");
        }
        let questions = questions();
        assert!(questions.len() > 240, "{}", questions.len());
        for asking in &questions {
            let all = asking.same.iter().chain(&asking.other);
            for text in all {
                assert!(!text.contains(['{', '}', '|']) && text.len() > 5, "{text}");
            }
        }
    }
}
