//! Reads a command's arguments by a row of the table.

use std::collections::HashMap;
use std::sync::OnceLock;

use distiq_lang::shell::Word;

use super::reader_table::READERS;

/// What a program does with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// They are no files.
    Nothing,
    /// Files, of which names and sizes are told.
    Names,
    /// Files that are read.
    Contents,
    /// A pattern, then files that are read.
    Pattern,
    /// A file that is read; a second one would be written.
    One,
    /// There may be none.
    None,
}

/// A program that only reads.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    options: &'static str,
    /// Options that are not listed are harmless too.
    pub(super) is_total: bool,
}

/// What becomes of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Attached or absent.
    Attached,
    Text,
    /// Two words.
    Two,
    Reads,
    Writes,
}

/// A command's arguments, told apart.
#[derive(Debug, Default)]
pub(super) struct Scan<'w> {
    pub(super) operands: Vec<&'w Word>,
    /// Files that options read.
    pub(super) reads: Vec<Word>,
    /// Files that options write.
    pub(super) writes: Vec<Word>,
    /// An option has brought the pattern.
    pub(super) has_pattern: bool,
    /// The patterns that options have brought.
    pub(super) patterns: Vec<Word>,
}

/// Returns the row of a program, or of a program with its first argument.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    static TABLE: OnceLock<HashMap<&'static str, Row>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for line in READERS.lines() {
            let mut fields = line.splitn(3, " | ");
            let (Some(names), Some(kind)) = (fields.next(), fields.next()) else { continue };
            let options = fields.next().unwrap_or_default();
            let kind = match kind.trim().trim_end_matches(" |") {
                "nothing" => Kind::Nothing,
                "names" => Kind::Names,
                "contents" => Kind::Contents,
                "pattern" => Kind::Pattern,
                "one" => Kind::One,
                _ => Kind::None,
            };
            for name in names.split(' ') {
                let is_total = options.split(' ').any(|option| option == "*");
                table.insert(name, Row { kind, options, is_total });
            }
        }
        table
    });
    table.get(name)
}

impl Row {
    /// Tells the arguments apart; fails with the first option that is not known to be harmless. `unsure` tells of a word
    /// that is not literal whether it may become an option.
    pub(super) fn scan<'w>(
        &self,
        arguments: &[&'w Word],
        unsure: impl Fn(&Word) -> bool,
    ) -> Result<Scan<'w>, String> {
        let mut scan = Scan::default();
        let mut rest = arguments.iter().copied();
        let mut options = true;
        while let Some(word) = rest.next() {
            let text = word.text.as_str();
            if !options || text == "-" || text.is_empty() {
                scan.operands.push(word);
            } else if text == "--" {
                options = false;
            } else if !text.starts_with('-') {
                if !self.is_total && unsure(word) {
                    return Err("only the run tells its options".to_owned());
                }
                scan.operands.push(word);
            } else if matches!(text, "--help" | "--version") || self.is_whole(text) {
            } else if text.starts_with("--") {
                self.long(word, &mut rest, &mut scan)?;
            } else {
                self.short(word, &mut rest, &mut scan)?;
            }
        }
        Ok(scan)
    }

    fn tokens(&self) -> impl Iterator<Item = &'static str> {
        self.options.split(' ')
    }

    fn is_whole(&self, text: &str) -> bool {
        self.tokens().any(|token| token.strip_prefix("==") == Some(text))
            || (text.bytes().skip(1).all(|byte| byte.is_ascii_digit())
                && self.tokens().any(|token| token == "-#"))
    }

    fn long<'w>(
        &self,
        word: &Word,
        rest: &mut impl Iterator<Item = &'w Word>,
        scan: &mut Scan<'w>,
    ) -> Result<(), String> {
        let (name, value) = match word.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.text.as_str(), None),
        };
        if !word.literal && name.contains(['$', '`']) {
            return Err("only the run tells its options".to_owned());
        }
        let listed =
            self.tokens().filter(|token| token.starts_with("--") && !token.starts_with("=="));
        // GNU takes any beginning of a long option that is the only one.
        let found = listed
            .map(split_token)
            .filter(|(known, ..)| known == &name || (name.len() > 3 && known.starts_with(name)))
            .min_by_key(|(known, ..)| known.len());
        let Some((_, takes, pattern)) = found else {
            return if self.is_total {
                Ok(())
            } else {
                Err(format!("{name} is not known to be harmless"))
            };
        };
        self.value(word, value, takes, pattern, rest, scan)
    }

    fn short<'w>(
        &self,
        word: &Word,
        rest: &mut impl Iterator<Item = &'w Word>,
        scan: &mut Scan<'w>,
    ) -> Result<(), String> {
        let single = self.tokens().any(|token| token == "~");
        let mut letters = word.text.chars();
        letters.next();
        while let Some(letter) = letters.next() {
            let Some((takes, pattern)) = self.letter(letter) else {
                if self.is_total && !"$`".contains(letter) {
                    continue;
                }
                return Err(format!("-{letter} is not known to be harmless"));
            };
            let attached = Some(letters.as_str()).filter(|text| !text.is_empty());
            match takes {
                Takes::Nothing if single => return Ok(()),
                Takes::Nothing => {}
                Takes::Attached => return Ok(()),
                takes => return self.value(word, attached, takes, pattern, rest, scan),
            }
        }
        Ok(())
    }

    fn letter(&self, letter: char) -> Option<(Takes, bool)> {
        let mut flag = None;
        for token in self.tokens() {
            let Some(letters) = token.strip_prefix('-').filter(|t| !t.starts_with('-')) else {
                continue;
            };
            let mut chars = letters.chars();
            let first = chars.next();
            let takes = match chars.next() {
                Some(':') => Takes::Text,
                Some('?') => Takes::Attached,
                Some('<') => Takes::Reads,
                Some('>') => Takes::Writes,
                _ => {
                    if letters.contains(letter) && letter != '#' {
                        flag = Some((Takes::Nothing, false));
                    }
                    continue;
                }
            };
            if first == Some(letter) {
                return Some((takes, letters.ends_with('!')));
            }
        }
        flag
    }

    fn value<'w>(
        &self,
        word: &Word,
        attached: Option<&str>,
        takes: Takes,
        pattern: bool,
        rest: &mut impl Iterator<Item = &'w Word>,
        scan: &mut Scan<'w>,
    ) -> Result<(), String> {
        scan.has_pattern |= pattern;
        let value = match (takes, attached) {
            (Takes::Nothing | Takes::Attached, _) => return Ok(()),
            (_, Some(text)) => Word { text: text.to_owned(), ..word.clone() },
            (_, None) => match rest.next() {
                Some(next) => next.clone(),
                None => return Ok(()),
            },
        };
        // An unquoted expansion may bring more words than the value.
        if value.splits && !self.is_total && !value.glob {
            return Err("only the run tells its options".to_owned());
        }
        match takes {
            Takes::Reads => scan.reads.push(value),
            Takes::Writes => scan.writes.push(value),
            Takes::Two => {
                scan.reads.extend(rest.next().cloned().filter(|_| word.text.ends_with("file")));
            }
            _ if pattern => scan.patterns.push(value),
            _ => {}
        }
        Ok(())
    }
}

/// Splits a long option of the table into its name, what it takes, and whether that is the pattern.
fn split_token(token: &'static str) -> (&'static str, Takes, bool) {
    let (token, pattern) = match token.strip_suffix('!') {
        Some(token) => (token, true),
        None => (token, false),
    };
    let takes = [
        ("::", Takes::Two),
        ("=", Takes::Text),
        ("?", Takes::Attached),
        ("<", Takes::Reads),
        (">", Takes::Writes),
    ];
    for (mark, takes) in takes {
        if let Some(name) = token.strip_suffix(mark) {
            return (name, takes, pattern);
        }
    }
    (token, Takes::Nothing, pattern)
}
