//! SQL of any dialect: what `CREATE` makes, and the words of the statements.

use std::ops::Range;

use crate::language::{Reader, Spec};
use crate::source::rules::NO_RULES;
use crate::source::text::Reading;
use crate::source::{PieceKind, Role, Source};

pub(crate) static SPEC: Spec = Spec {
    name: "SQL",
    extensions: &["sql", "ddl", "psql", "pgsql", "plsql", "mysql"],
    file_names: &[],
    reader: Reader::Text(read),
    items: &[],
    through: &[],
    rules: &NO_RULES,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Word,
    Text,
    Comment,
    Sign(u8),
}

/// What `CREATE` makes, and the unit's kind.
const KINDS: [(&str, &str); 13] = [
    ("table", "table"),
    ("view", "view"),
    ("function", "function"),
    ("procedure", "function"),
    ("trigger", "trigger"),
    ("index", "index"),
    ("type", "type"),
    ("domain", "type"),
    ("sequence", "sequence"),
    ("schema", "schema"),
    ("database", "schema"),
    ("extension", "extension"),
    ("policy", "policy"),
];

/// Words of the language, which are no names.
const KEYWORDS: &[&str] = &[
    "add",
    "all",
    "alter",
    "and",
    "as",
    "asc",
    "begin",
    "between",
    "by",
    "case",
    "cascade",
    "check",
    "column",
    "commit",
    "constraint",
    "create",
    "cross",
    "declare",
    "default",
    "delete",
    "desc",
    "distinct",
    "drop",
    "each",
    "else",
    "end",
    "exists",
    "for",
    "foreign",
    "from",
    "full",
    "group",
    "having",
    "if",
    "in",
    "inner",
    "insert",
    "into",
    "is",
    "join",
    "key",
    "language",
    "left",
    "like",
    "limit",
    "loop",
    "not",
    "null",
    "of",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "primary",
    "references",
    "replace",
    "return",
    "returns",
    "right",
    "row",
    "select",
    "set",
    "table",
    "temp",
    "temporary",
    "then",
    "to",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "view",
    "when",
    "where",
    "while",
    "with",
];

fn read(text: &str) -> Source {
    let mut reading = Reading::new(text);
    let mut statement: Vec<Range<usize>> = Vec::new();
    let mut doc: Option<Range<usize>> = None;
    let mut blocks = 0_usize;
    let mut at = 0;
    while let Some((token, bytes)) = token(text, at) {
        at = bytes.end;
        let word = text.get(bytes.clone()).unwrap_or("");
        match token {
            Token::Comment => {
                reading.piece(bytes.clone(), PieceKind::Comment);
                if statement.is_empty() {
                    let follows = doc
                        .as_ref()
                        .is_some_and(|doc| reading.row(doc.end) + 1 >= reading.row(bytes.start));
                    let start = doc.filter(|_| follows).map_or(bytes.start, |doc| doc.start);
                    doc = Some(start..bytes.start + word.trim_end().len());
                }
                continue;
            }
            Token::Text => reading.piece(inside(word, &bytes), PieceKind::Text),
            Token::Word => {
                let lower = word.to_ascii_lowercase();
                let is_routine = is_routine(text, &statement);
                match lower.as_str() {
                    "begin" | "case" | "loop" if is_routine => blocks += 1,
                    "end" if is_routine => blocks = blocks.saturating_sub(1),
                    _ => {}
                }
                if !KEYWORDS.contains(&lower.as_str()) {
                    let next = text.get(bytes.end..).unwrap_or("").trim_start();
                    let role = if next.starts_with('(') { Role::Call } else { Role::Plain };
                    reading.piece(inside(word, &bytes), PieceKind::Identifier(role));
                }
                statement.push(bytes);
            }
            Token::Sign(b';') if blocks == 0 => {
                let end = bytes.end;
                finish(&mut reading, &std::mem::take(&mut statement), end, doc.take());
            }
            Token::Sign(_) => {}
        }
    }
    finish(&mut reading, &statement, text.len(), doc);
    reading.finish()
}

/// Statements with bodies, in which a `;` may stand.
fn is_routine(text: &str, statement: &[Range<usize>]) -> bool {
    let is = |word: &Range<usize>, name: &str| {
        text.get(word.clone()).is_some_and(|word| word.eq_ignore_ascii_case(name))
    };
    statement.first().is_some_and(|word| is(word, "create"))
        && statement
            .iter()
            .take(8)
            .any(|word| is(word, "function") || is(word, "procedure") || is(word, "trigger"))
}

/// Returns a word's or text's bytes without its quotes.
fn inside(word: &str, bytes: &Range<usize>) -> Range<usize> {
    let quoted = word.len() >= 2 && word.starts_with(['"', '`', '[', '\'']);
    if quoted { bytes.start + 1..bytes.end - 1 } else { bytes.clone() }
}

/// Makes a unit of a statement that creates something.
fn finish(
    reading: &mut Reading<'_>,
    statement: &[Range<usize>],
    end: usize,
    doc: Option<Range<usize>>,
) {
    let text = reading.text;
    let word = |range: &Range<usize>| text.get(range.clone()).unwrap_or("");
    let lower = |range: &Range<usize>| word(range).to_ascii_lowercase();
    let Some(first) = statement.first().filter(|first| lower(first) == "create") else {
        return;
    };
    let found = statement.iter().enumerate().take(8).skip(1).find_map(|(index, range)| {
        let made = lower(range);
        KINDS.iter().find(|(word, _)| *word == made).map(|(_, kind)| (index, *kind))
    });
    let Some((index, kind)) = found else {
        return;
    };
    let is_name = |range: &&Range<usize>| {
        !matches!(lower(range).as_str(), "if" | "not" | "exists" | "concurrently" | "on")
    };
    let Some(at) = statement.iter().skip(index + 1).position(|range| is_name(&range)) else {
        return;
    };
    // Of `schema.name` the name.
    let mut names = statement.iter().skip(index + 1 + at).peekable();
    let mut name = names.next();
    while let (Some(range), Some(next)) = (name, names.peek()) {
        if text.get(range.end..next.start).map(str::trim) != Some(".") {
            break;
        }
        name = names.next();
    }
    let Some(name) = name else {
        return;
    };
    let own = text.get(inside(word(name), name)).unwrap_or("").to_owned();
    let head = text.get(first.start..end).unwrap_or("");
    let signature = head.lines().next().unwrap_or("").trim_end_matches([' ', '(', ';']).to_owned();
    let from = u32::try_from(name.start).unwrap_or(u32::MAX);
    let to = u32::try_from(name.end).unwrap_or(u32::MAX);
    let named = reading
        .source
        .pieces
        .iter_mut()
        .rev()
        .find(|piece| from <= piece.bytes.start && piece.bytes.end <= to);
    if let Some(piece) = named {
        piece.kind = PieceKind::Identifier(Role::Definition);
    }
    let start = reading.row(first.start);
    let near = doc.filter(|doc| reading.row(doc.end.saturating_sub(1)) + 1 >= start);
    let unit = reading.unit(kind, &own, &signature, first.start..end);
    let unit = unit.and_then(|unit| reading.source.units.get_mut(unit as usize));
    if let (Some(unit), Some(doc)) = (unit, near) {
        let bytes = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        unit.doc = Some(bytes(doc.start)..bytes(doc.end));
    }
}

/// Returns the next token at or behind `at`.
fn token(text: &str, at: usize) -> Option<(Token, Range<usize>)> {
    let rest = text.get(at..)?;
    let start = at + rest.len() - rest.trim_start().len();
    let rest = text.get(start..)?;
    let first = rest.chars().next()?;
    let until = |mark: &str, skip: usize| {
        let found = rest.get(skip..).and_then(|rest| rest.find(mark));
        found.map_or(rest.len(), |found| skip + found + mark.len())
    };
    let line = || rest.find('\n').unwrap_or(rest.len());
    let (token, length) = match first {
        '-' if rest.starts_with("--") => (Token::Comment, line()),
        '#' => (Token::Comment, line()),
        '/' if rest.starts_with("/*") => (Token::Comment, until("*/", 2)),
        '\'' => (Token::Text, until("'", 1)),
        '"' => (Token::Word, until("\"", 1)),
        '`' => (Token::Word, until("`", 1)),
        '$' => dollar(rest),
        c if c.is_alphabetic() || c == '_' => {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            (Token::Word, rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()))
        }
        c if c.is_ascii_digit() => {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            (Token::Sign(b'0'), length.unwrap_or(rest.len()))
        }
        c => (Token::Sign(u8::try_from(c).unwrap_or(0)), c.len_utf8()),
    };
    Some((token, start..start + length))
}

/// `$$ … $$` and `$tag$ … $tag$`, bodies of functions in PostgreSQL; else a parameter.
fn dollar(rest: &str) -> (Token, usize) {
    let tag = rest.get(1..).and_then(|rest| rest.find('$')).map(|end| end + 2);
    let tag = tag
        .and_then(|end| rest.get(..end))
        .filter(|tag| tag.trim_matches('$').chars().all(|c| c.is_alphanumeric() || c == '_'));
    let body = tag.and_then(|tag| Some((tag, rest.get(tag.len()..)?.find(tag)?)));
    match body {
        Some((tag, end)) => (Token::Text, end + 2 * tag.len()),
        None => (Token::Sign(b'$'), 1),
    }
}
