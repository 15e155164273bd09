//! The words that one word becomes when its expansions are known.

use distiq_lang::shell::{Span, Word};

/// Puts the words together that one word becomes.
pub(super) struct Fields {
    /// What parts one word from the next.
    separators: String,
    done: Vec<Word>,
    word: Word,
    /// Whether something stands in the word, be it an empty quoted text.
    begun: bool,
}

impl Fields {
    pub(super) fn new(word: &Word, separators: &str) -> Self {
        let empty = Word {
            tilde: word.tilde,
            pattern: word.pattern,
            raw: word.raw.clone(),
            ..Word::default()
        };
        // Quotes around nothing still make a word.
        Self {
            separators: separators.to_owned(),
            done: Vec::new(),
            word: empty,
            begun: word.raw.contains(['"', '\'']),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.begun |= !text.is_empty();
        self.word.text.push_str(text);
    }

    /// Takes in what a variable holds; unquoted it is parted, and expansions in it are as open as where they stand.
    pub(super) fn value(&mut self, value: &Word, quoted: bool) {
        self.word.tilde |= value.tilde && self.word.text.is_empty();
        let mut at = 0;
        for span in &value.spans {
            self.piece(value.text.get(at..span.start).unwrap_or_default(), quoted);
            let raw = value.text.get(span.start..span.end).unwrap_or_default();
            self.unknown(raw, &Span { quoted, ..span.clone() });
            at = span.end;
        }
        self.piece(value.text.get(at..).unwrap_or_default(), quoted);
        self.begun |= quoted;
        // What a file's name is stays open, quoted or not.
        self.word.pattern |= value.pattern;
        self.word.splits |= value.splits;
    }

    fn piece(&mut self, text: &str, quoted: bool) {
        if quoted {
            return self.text(text);
        }
        for c in text.chars() {
            if !self.separators.contains(c) {
                self.word.text.push(c);
                self.word.pattern |= matches!(c, '*' | '?');
                self.begun = true;
            } else if self.begun || !self.word.text.is_empty() {
                self.next();
            }
        }
    }

    pub(super) fn unknown(&mut self, raw: &str, span: &Span) {
        let start = self.word.text.len();
        self.word.text.push_str(raw);
        self.begun = true;
        self.word.splits |= !span.quoted || raw.contains('@');
        self.word.spans.push(Span { start, end: self.word.text.len(), ..span.clone() });
    }

    fn next(&mut self) {
        let next = Word { raw: self.word.raw.clone(), ..Word::default() };
        let done = std::mem::replace(&mut self.word, next);
        self.done.push(settled(done));
        self.begun = false;
    }

    pub(super) fn finish(mut self) -> Vec<Word> {
        if self.begun || !self.word.text.is_empty() {
            self.done.push(settled(self.word));
        }
        self.done
    }
}

fn settled(mut word: Word) -> Word {
    let fixed = word.spans.is_empty();
    word.glob = fixed && word.pattern;
    word.splits |= word.pattern;
    word.literal = fixed && !word.pattern && !word.tilde;
    word
}
