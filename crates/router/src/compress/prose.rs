//! A paragraph as sentences, and a sentence as what must stay of it and what need not.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::lexicon::Fnv;
use super::{GAP, words};

/// Most threads that read paragraphs, and the bytes from which on more than one is started.
const MOST_THREADS: usize = 4;
const WORTH_THREADS: usize = 256 << 10;

/// A paragraph of natural language.
#[derive(Debug)]
pub(super) struct Paragraph<'t> {
    pub text: &'t str,
    /// What stands before its words: an indent, the mark of a list.
    lead: &'t str,
    pub sentences: Vec<Sentence<'t>>,
    /// The ends of lines after it.
    tail: &'t str,
}

/// How many sentences have a word.
pub(super) type Counts = HashMap<u64, usize, BuildHasherDefault<Fnv>>;

/// A sentence.
#[derive(Debug)]
pub(super) struct Sentence<'t> {
    text: &'t str,
    /// Without the words that say nothing.
    short: String,
    /// The plain forms of its words that say something.
    pub stems: Vec<u64>,
    /// How much those words tell by themselves, together.
    told: f32,
    /// Whether it holds what may not be lost: a number, a name, a denial, a quotation.
    is_held: bool,
    /// Whether it binds: must, only, always.
    binds: bool,
    /// Whether the request names it.
    pub is_asked: bool,
    /// Whether it is left out.
    pub goes: bool,
}

impl<'t> Paragraph<'t> {
    /// Reads paragraphs, many of them on several cores.
    pub fn read_all(texts: &[&'t str]) -> Vec<Self> {
        let read =
            |texts: &[&'t str]| texts.iter().map(|text| Self::read(text)).collect::<Vec<_>>();
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS));
        if threads < 2 || bytes < WORTH_THREADS {
            return read(texts);
        }
        std::thread::scope(|scope| {
            let share = texts.len().div_ceil(threads);
            let started: Vec<_> = texts
                .chunks(share)
                .map(|texts| (texts, scope.spawn(move || read(texts))))
                .collect();
            let parts = started
                .into_iter()
                .map(|(texts, part)| part.join().unwrap_or_else(|_| read(texts)));
            parts.flatten().collect()
        })
    }

    fn read(text: &'t str) -> Self {
        let body = text.trim_end();
        let tail = text.get(body.len()..).unwrap_or_default();
        let lead_end = lead(body);
        let (lead, body) = body.split_at(lead_end);
        let protected = words::protected(body);
        let sentences = split(body, &protected)
            .into_iter()
            .filter_map(|(start, end)| {
                let inside: Vec<(usize, usize)> = protected
                    .iter()
                    .filter(|(from, to)| *from >= start && *to <= end)
                    .map(|(from, to)| (from - start, to - start))
                    .collect();
                Some(Sentence::read(body.get(start..end)?, &inside))
            })
            .collect();
        Self { text, lead, sentences, tail }
    }

    /// Writes what is left of it.
    pub fn write(&self, out: &mut String) {
        out.push_str(self.lead);
        let mut is_first = true;
        let mut has_gap = false;
        for sentence in &self.sentences {
            let said = match (sentence.goes, sentence.is_asked) {
                (true, _) if has_gap => continue,
                (true, _) => {
                    has_gap = true;
                    GAP
                }
                (false, true) => sentence.text,
                (false, false) => &sentence.short,
            };
            if said.is_empty() {
                continue;
            }
            if !is_first {
                out.push(' ');
            }
            is_first = false;
            out.push_str(said);
        }
        out.push_str(self.tail);
    }
}

impl<'t> Sentence<'t> {
    fn read(text: &'t str, protected: &[(usize, usize)]) -> Self {
        let short = shortest(text, protected);
        let read = words::read(text);
        Self {
            text,
            short,
            stems: read.stems,
            told: read.told,
            is_held: read.is_held || !protected.is_empty(),
            binds: read.binds,
            is_asked: false,
            goes: false,
        }
    }

    /// Leaves so much of it, less the words in that that say nothing.
    pub fn keep(&mut self, kept: &str) {
        self.short = shortest(kept, &words::protected(kept));
    }

    /// Returns its words, a quotation as one, each with whether it must stay whatever a model says of it.
    pub fn words(&self) -> Vec<(&'t str, bool)> {
        words::held(self.text)
    }

    pub fn may_go(&self) -> bool {
        !self.is_held && !self.is_asked
    }

    /// Tells whether it has words that say nothing.
    pub fn has_lost(&self) -> bool {
        self.short != self.text
    }

    pub const fn short_bytes(&self) -> usize {
        match self.is_asked {
            true => self.text.len() + 1,
            false => self.short.len() + 1,
        }
    }

    /// Tells whether it goes on about what the sentence before named.
    pub fn goes_on(&self) -> bool {
        words::goes_on(self.text)
    }

    /// Returns how much it says: what its words tell by themselves, and how much the text speaks of them.
    pub fn weight(&self, counts: &Counts) -> f32 {
        if self.stems.is_empty() {
            return 0.0;
        }
        let spoken: f32 = self
            .stems
            .iter()
            .map(|stem| counts.get(stem).copied().unwrap_or(1).min(6) as f32 - 1.0)
            .sum();
        let count = self.stems.len() as f32;
        let binding = if self.binds { 3.0 } else { 0.0 };
        (self.told + 0.4 * spoken) / (count + 2.0) + binding
    }
}

/// Leaves out of a text the words that say nothing.
fn shortest(text: &str, protected: &[(usize, usize)]) -> String {
    let mut short = words::shorten(text, protected);
    let mut has_changed = short != text;
    // What stands together only now may be a phrase, too.
    for _ in 0..3 {
        if !has_changed {
            break;
        }
        let again = words::shorten(&short, &words::protected(&short));
        has_changed = again != short;
        short = again;
    }
    short
}

/// Returns where a paragraph's words begin.
fn lead(body: &str) -> usize {
    let indent = body.len() - body.trim_start().len();
    let rest = body.get(indent..).unwrap_or_default();
    let mark = rest.split(' ').next().unwrap_or_default();
    let is_mark = matches!(mark, "-" | "*" | "•" | "+")
        || (mark.ends_with(['.', ')']) && mark.starts_with(|c: char| c.is_ascii_digit()));
    match is_mark && rest.len() > mark.len() {
        true => {
            let after = rest.get(mark.len()..).unwrap_or_default();
            indent + mark.len() + (after.len() - after.trim_start().len())
        }
        false => indent,
    }
}

/// Cuts a paragraph into sentences; never within what is protected.
fn split(body: &str, protected: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut start = 0;
    let mut guard = protected.iter().peekable();
    let mut depth = 0_usize;
    for (at, c) in body.char_indices() {
        while guard.peek().is_some_and(|(_, to)| *to <= at) {
            guard.next();
        }
        if guard.peek().is_some_and(|(from, to)| *from <= at && at < *to) {
            continue;
        }
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' | '!' | '?' | '…' if depth == 0 => {
                let end = at + c.len_utf8();
                let rest = body.get(end..).unwrap_or_default();
                let next = rest.trim_start();
                let is_apart = rest.starts_with(char::is_whitespace);
                let begins = next.chars().next().is_none_or(|c| !c.is_lowercase());
                let before = body.get(start..at).unwrap_or_default();
                if is_apart && begins && !words::is_short(before) && !next.is_empty() {
                    cuts.push((start, end));
                    start = end + (rest.len() - next.len());
                }
            }
            _ => {}
        }
    }
    if start < body.len() {
        cuts.push((start, body.len()));
    }
    cuts
}
