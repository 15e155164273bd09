//! HTML. Its headings make sections; scripts and styles are left out.

use crate::language::{Reader, Spec};
use crate::source::rules::NO_RULES;
use crate::source::text::Reading;
use crate::source::{PieceKind, Source};

pub(crate) static SPEC: Spec = Spec {
    name: "HTML",
    extensions: &["html", "htm", "xhtml"],
    file_names: &[],
    reader: Reader::Text(read),
    items: &[],
    through: &[],
    rules: &NO_RULES,
};

/// Attributes whose values are words that code and people use.
const ATTRIBUTES: [&str; 8] = ["id", "class", "name", "href", "src", "alt", "title", "content"];

fn read(text: &str) -> Source {
    let mut reading = Reading::new(text);
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')).map(|open| at + open) {
        reading.piece(at..open, PieceKind::Text);
        let rest = text.get(open..).unwrap_or("");
        if rest.starts_with("<!--") {
            let end = rest.find("-->").map_or(text.len(), |end| open + end + 3);
            reading.piece(open..end, PieceKind::Comment);
            at = end;
            continue;
        }
        let name = tag_name(rest);
        let end = tag_end(text, open);
        if name.is_empty() {
            // A sign in the text, or a closing tag.
            let is_tag = rest.starts_with("</") || rest.starts_with("<!");
            at = if is_tag { end } else { open + 1 };
            continue;
        }
        attributes(&mut reading, open + 1 + name.len()..end);
        let name = name.to_ascii_lowercase();
        at = match name.as_str() {
            "script" | "style" => skip_to(text, end, &name),
            _ => end,
        };
        if let Some(level) = heading_level(&name) {
            let close = skip_to(text, end, &name);
            let heading = plain(text.get(end..close).unwrap_or(""));
            reading.heading(level, &heading, open..close);
        }
    }
    reading.piece(at..text.len(), PieceKind::Text);
    reading.finish()
}

fn tag_name(tag: &str) -> &str {
    let rest = tag.get(1..).unwrap_or("");
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    rest.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).unwrap_or("")
}

/// Returns where a tag ends; a `>` within quotes does not end it.
fn tag_end(text: &str, open: usize) -> usize {
    let mut quote = None;
    for (at, byte) in text.as_bytes().iter().enumerate().skip(open) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Returns where the end tag of an element begins.
fn skip_to(text: &str, from: usize, name: &str) -> usize {
    let rest = text.get(from..).unwrap_or("");
    let is_end = |at: &usize| {
        rest.get(at + 2..at + 2 + name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name))
    };
    let end = rest.match_indices("</").map(|(at, _)| at).find(is_end);
    from + end.unwrap_or(rest.len())
}

fn heading_level(name: &str) -> Option<u8> {
    let level = name.strip_prefix('h')?.parse().ok()?;
    (1..=6).contains(&level).then_some(level)
}

/// Returns a text without its tags.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split('<').enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once('>').map_or("", |(_, text)| text),
    }) {
        plain.push_str(part);
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes in the values of a tag's attributes.
fn attributes(reading: &mut Reading<'_>, bytes: std::ops::Range<usize>) {
    let text = reading.text;
    let mut at = bytes.start;
    while let Some(equals) =
        text.get(at..bytes.end).and_then(|rest| rest.find('=')).map(|found| at + found)
    {
        let name = text.get(at..equals).unwrap_or("").trim_end();
        let name = name.rsplit(char::is_whitespace).next().unwrap_or(name);
        let value = text.get(equals + 1..bytes.end).unwrap_or("");
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            at = equals + 1;
            continue;
        };
        let start = equals + 2;
        let length = text.get(start..bytes.end).and_then(|rest| rest.find(quote));
        let end = length.map_or(bytes.end, |length| start + length);
        if ATTRIBUTES.contains(&name) {
            reading.piece(start..end, PieceKind::Text);
        }
        at = end + 1;
    }
}
