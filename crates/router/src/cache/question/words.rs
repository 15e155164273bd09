//! A question as words: what is quoted, coded or handed over as a text stays one piece, letter for letter.

use super::{english, russian};

/// The longest question that is compared by meaning, in bytes.
pub(super) const MAX_QUESTION: usize = 4_000;
/// Most words of one.
const MAX_WORDS: usize = 300;

/// One word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// As it was written, without the marks around it.
    pub raw: String,
    /// In small letters, with plain apostrophes.
    pub low: String,
    /// Whether it is a piece that is compared letter for letter.
    pub verbatim: bool,
    /// Whether a comma or a colon stood after it.
    pub comma: bool,
    /// Whether it opens its sentence.
    pub first: bool,
}

impl Word {
    pub fn plain(text: &str) -> Self {
        Self {
            raw: text.to_owned(),
            low: text.to_owned(),
            verbatim: false,
            comma: false,
            first: false,
        }
    }

    fn piece(text: &str) -> Self {
        let text = format!("\u{1}{text}");
        Self { raw: text.clone(), low: text, verbatim: true, comma: false, first: false }
    }
}

/// What opens a sentence before a colon without being a part of what is asked.
const OPENERS: &[&str] =
    &["question", "quick question", "my question", "вопрос", "у меня вопрос", "быстрый вопрос"];

/// Cuts a text into sentences of words; `None` where it is empty or too long to be compared.
pub(super) fn sentences(text: &str) -> Option<Vec<Vec<Word>>> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_QUESTION {
        return None;
    }
    let (line, below) = match text.split_once('\n') {
        Some((line, below)) => (line, below.trim()),
        None => (text, ""),
    };
    let mut cutter = Cutter::default();
    cutter.line(line);
    if !below.is_empty() {
        cutter.push(Word::piece(below));
    }
    cutter.end();
    let count: usize = cutter.done.iter().map(Vec::len).sum();
    (count > 0 && count <= MAX_WORDS).then_some(cutter.done)
}

#[derive(Default)]
struct Cutter {
    done: Vec<Vec<Word>>,
    open: Vec<Word>,
}

impl Cutter {
    fn push(&mut self, mut word: Word) {
        word.first = self.open.is_empty();
        self.open.push(word);
    }

    fn end(&mut self) {
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    fn line(&mut self, line: &str) {
        let mut rest = line;
        while !rest.is_empty() {
            rest = rest.trim_start();
            if let Some((piece, after)) = quoted(rest) {
                self.push(Word::piece(piece));
                rest = self.marks_after(after);
                continue;
            }
            let end = word_end(rest);
            let (word, after) = rest.split_at(end);
            let is_colon = word.ends_with(':') && after.starts_with(' ');
            self.word(word);
            rest = after;
            if is_colon && !rest.trim().is_empty() {
                if self.is_opener() {
                    self.open.clear();
                    continue;
                }
                // "In Python: how …"
                if self.opens_with_place() && asks(rest) {
                    continue;
                }
                // What stands behind a colon is what the request is done with.
                self.push(Word::piece(rest.trim()));
                return;
            }
        }
    }

    fn opens_with_place(&self) -> bool {
        let first = self.open.first().map_or("", |word| word.low.as_str());
        self.open.len() <= 4
            && (english::PLACING.contains(&first) || russian::PLACING.contains(&first))
    }

    fn is_opener(&self) -> bool {
        let said: Vec<&str> = self.open.iter().map(|word| word.low.as_str()).collect();
        OPENERS.contains(&said.join(" ").as_str())
    }

    /// Reads the marks that stand after a quotation.
    fn marks_after<'t>(&mut self, after: &'t str) -> &'t str {
        let rest = after.trim_start_matches([',', '.', '!', '?', ';', ':', ')']);
        let marks = after.strip_suffix(rest).unwrap_or_default();
        if marks.contains([',', ':'])
            && let Some(last) = self.open.last_mut()
        {
            last.comma = true;
        }
        if marks.contains(['.', '!', '?', ';']) {
            self.end();
        }
        rest
    }

    fn word(&mut self, word: &str) {
        let body = word.trim_start_matches(['(', '[', '{', '¿', '¡']);
        let body = body.trim_end_matches([',', '.', '!', '?', ';', ':', ')', ']', '}', '…']);
        // `f()` and `.NET` are names; brackets that belong to a word stay on it.
        let body = match word.find('(').is_some_and(|at| at > 0) {
            true => word.trim_end_matches([',', '.', '!', '?', ';', ':', '…']),
            false => body,
        };
        let marks = word.rsplit_once(body).map_or("", |(_, marks)| marks);
        if body.is_empty() || matches!(body, "-" | "–" | "—") {
            // A dash between numbers may be a minus.
            let after_number = self.open.last().is_some_and(|last| has_digit(&last.raw));
            match body {
                "-" | "–" | "—" if after_number => self.push(Word::plain("-")),
                _ => {
                    if let Some(last) = self.open.last_mut() {
                        last.comma = true;
                    }
                }
            }
        } else {
            let raw = body.replace(['’', '‘', '`'], "'");
            let low = raw.to_lowercase().replace('ё', "е");
            self.push(Word {
                raw,
                low,
                verbatim: false,
                comma: marks.contains([',', ':']),
                first: false,
            });
        }
        if marks.contains(['.', '!', '?', ';', '…']) {
            self.end();
        }
    }
}

/// Tells whether a text begins with a word of asking.
fn asks(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    english::ASKING.contains(&first.as_str()) || russian::ASKING.contains(&first.as_str())
}

pub(super) fn has_digit(text: &str) -> bool {
    text.chars().any(char::is_numeric)
}

fn word_end(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '«' | '“' | '„' | '`'))
        .filter(|end| *end > 0)
        .unwrap_or_else(|| match text.chars().next() {
            // An opening mark without its closing one.
            Some(mark) if matches!(mark, '"' | '«' | '“' | '„' | '`') => mark.len_utf8(),
            _ => text.len(),
        })
}

/// Returns a quotation or a piece of code that a text begins with, marks and all, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let open = text.chars().next()?;
    if open == '`' {
        let fence = text.len() - text.trim_start_matches('`').len();
        let (marks, inner) = text.split_at(fence);
        let end = inner.find(marks)?;
        let (piece, after) = text.split_at(fence + end + fence);
        return Some((piece, after));
    }
    let close = match open {
        '"' => '"',
        '«' => '»',
        '“' | '„' => return quoted_by(text, &['”', '“'], open),
        '\'' | '‘' => {
            let (piece, after) = quoted_by(text, &['\'', '’'], open)?;
            // `'tis` opens no quotation.
            let ends = after.chars().next().is_none_or(|c| !c.is_alphanumeric());
            return ends.then_some((piece, after));
        }
        _ => return None,
    };
    quoted_by(text, &[close], open)
}

fn quoted_by<'t>(text: &'t str, close: &[char], open: char) -> Option<(&'t str, &'t str)> {
    let inner = text.get(open.len_utf8()..)?;
    let (at, mark) = inner.char_indices().find(|(_, c)| close.contains(c))?;
    Some(text.split_at(open.len_utf8() + at + mark.len_utf8()))
}
