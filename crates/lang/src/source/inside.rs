//! Code that lies in files of another format: the scripts of Vue's and Svelte's components, the cells of notebooks.
//!
//! All else is made blank, byte for byte, so that what the parser tells of bytes and lines holds for the file.

use std::path::Path;

use super::{Piece, PieceKind, offset};
use crate::Language;

/// The code of a file of another format.
pub(super) struct Inside {
    pub language: Language,
    /// As long as the file, blank where no code is.
    pub code: String,
    /// Lines of words outside the code, or what of them are words.
    pub rest: Vec<Piece>,
}

/// Returns the language that a file of another format holds code of, by its name alone.
pub fn language_inside(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()? {
        "vue" | "svelte" => Some(Language::TypeScript),
        "ipynb" => Some(Language::Python),
        _ => None,
    }
}

/// Finds the code of a file of another format; `None` where it is in no such format, or its code in no language that is
/// known.
pub(super) fn inside(path: &Path, text: &str) -> Option<Inside> {
    match language_inside(path)? {
        Language::Python => notebook(text),
        language => Some(component(text, language)),
    }
}

/// Reads a component: what stands in its `script` elements is code.
fn component(text: &str, language: Language) -> Inside {
    let mut inside = Inside { language, code: String::with_capacity(text.len()), rest: Vec::new() };
    let lower = text.to_ascii_lowercase();
    let mut at = 0;
    while let Some(open) = find(&lower, at, "<script") {
        let Some(start) = find(&lower, open, ">").map(|end| end + 1) else { break };
        let tag = lower.get(open..start).unwrap_or_default();
        if tag.contains("lang=\"tsx\"") || tag.contains("lang=\"jsx\"") {
            inside.language = Language::Tsx;
        }
        let kind = tag.split_once("type=").and_then(|(_, kind)| kind.split_whitespace().next());
        let is_data = kind.is_some_and(|kind| kind.contains("json") || kind.contains("importmap"));
        let is_code = !is_data && !tag.ends_with("/>");
        // An end is looked for where there is code alone: of what ends nowhere each look would go through the whole file.
        let close = is_code.then(|| find(&lower, start, "</script").unwrap_or(text.len()));
        let end = close.unwrap_or(start);
        blank(text.get(at..start).unwrap_or_default(), &mut inside.code);
        inside.code.push_str(text.get(start..end).unwrap_or_default());
        at = end;
    }
    blank(text.get(at..).unwrap_or_default(), &mut inside.code);
    let mut byte = 0;
    for (line, (own, code)) in (1..).zip(text.lines().zip(inside.code.lines())) {
        if code.trim().is_empty() {
            inside.rest.extend(piece(text, byte..byte + own.len(), line));
        }
        byte += own.len() + newline(text, byte + own.len());
    }
    inside
}

/// Reads a notebook of Python as its tools write it, a line of a cell on a line of its own: the code of its cells is code, what is
/// written between them text. Outputs are neither: they hold pictures and tables.
fn notebook(text: &str) -> Option<Inside> {
    if text.split("\"language\": \"").skip(1).any(|rest| !rest.starts_with("python")) {
        return None;
    }
    let mut inside = Inside {
        language: Language::Python,
        code: String::with_capacity(text.len()),
        rest: Vec::new(),
    };
    let (mut is_code, mut is_source, mut has_source) = (false, false, false);
    let mut byte = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        let start = byte + line.len() - line.trim_start().len() + 1;
        byte += line.len();
        if !is_source {
            if let Some(kind) = trimmed.strip_prefix("\"cell_type\": ") {
                is_code = kind.starts_with("\"code\"");
            }
            is_source = trimmed == "\"source\": [";
            blank(line, &mut inside.code);
        } else if let Some(content) = content(trimmed) {
            has_source = true;
            // Magics of IPython are no Python.
            if is_code && !content.trim_start().starts_with(['%', '!']) {
                blank(text.get(byte - line.len()..start).unwrap_or_default(), &mut inside.code);
                unescape(content, &mut inside.code);
                let rest = text.get(start + content.len()..byte).unwrap_or_default();
                blank(rest, &mut inside.code);
            } else {
                inside.rest.extend(piece(text, start..start + content.len(), number));
                blank(line, &mut inside.code);
            }
        } else {
            is_source = false;
            blank(line, &mut inside.code);
        }
        let end = newline(text, byte);
        inside.code.push_str(text.get(byte..byte + end).unwrap_or_default());
        byte += end;
    }
    has_source.then_some(inside)
}

/// Returns what stands in a string of JSON that is a line of its own, without the line end that it tells of.
fn content(line: &str) -> Option<&str> {
    let inner = line.strip_suffix(',').unwrap_or(line).strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.strip_suffix("\\n").unwrap_or(inner))
}

/// Writes what a string of JSON stands for, as long as it is written; blanks stand for what is left over.
fn unescape(text: &str, code: &mut String) {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            code.push(letter);
            continue;
        }
        code.push(' ');
        match letters.next() {
            Some(escaped @ ('"' | '\\' | '/')) => code.push(escaped),
            Some(other) => code.extend(std::iter::repeat_n(' ', other.len_utf8())),
            None => {}
        }
    }
}

/// Writes blanks for all of a text but its line ends.
fn blank(text: &str, code: &mut String) {
    code.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// Returns the piece of a line's words; `None` where it has none.
fn piece(text: &str, bytes: std::ops::Range<usize>, line: u32) -> Option<Piece> {
    let has_words = text.get(bytes.clone())?.chars().any(char::is_alphanumeric);
    has_words.then(|| Piece {
        bytes: offset(bytes.start)..offset(bytes.end),
        line,
        kind: PieceKind::Text,
    })
}

/// Returns how long the line end at a byte is.
fn newline(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at..) {
        Some([b'\r', b'\n', ..]) => 2,
        Some([b'\n', ..]) => 1,
        _ => 0,
    }
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    Some(from + text.get(from..)?.find(what)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, source};

    /// Shows units with their lines, and pieces that are text.
    fn shown(path: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let inside = inside(Path::new(path), text).unwrap();
        assert_eq!(inside.code.len(), text.len());
        let Source { units, pieces, .. } = source(Path::new(path), text).unwrap();
        assert!(pieces.is_sorted_by(|a, b| a.bytes.end <= b.bytes.start), "{pieces:?}");
        let at = |piece: &Piece| {
            let bytes = piece.bytes.start as usize..piece.bytes.end as usize;
            text.get(bytes).unwrap().to_owned()
        };
        let texts = pieces.iter().filter(|piece| piece.kind == PieceKind::Text).map(at).collect();
        let unit =
            |unit: &crate::Unit| format!("{}-{} {}", unit.start_line, unit.end_line, unit.name);
        (units.iter().map(unit).collect(), texts)
    }

    #[test]
    fn scripts_of_components_are_code() {
        let text = "<template>\n  <b @click=\"buyNow\">Купить</b>\n</template>\n<script setup lang=\"ts\">\nimport { ref } from 'vue'\nfunction buyNow(items: number[]) {\n  return items\n}\n</script>\r\n<style>.cart { color: red }</style>\n";
        let (units, texts) = shown("Cart.vue", text);
        assert_eq!(units, ["6-8 buyNow"]);
        assert!(texts.iter().any(|text| text.contains("Купить")), "{texts:?}");
        assert!(texts.iter().any(|text| text.contains(".cart")), "{texts:?}");
        let (units, _) = shown(
            "a.svelte",
            "<script context=\"module\">\nexport function load() {}\n</script>\n<script>let user = '';\nfunction send() { user = 1; }\n</script>\n<b/>",
        );
        assert_eq!(units, ["2-2 load", "5-5 send"]);
        let (units, texts) = shown(
            "a.vue",
            "<script type=\"application/json\">{ \"a\": 1 }</script>\n<script src=\"x\"/>\n<b>plain</b>",
        );
        assert!(units.is_empty() && texts.len() == 3, "{units:?} {texts:?}");
        let (units, _) = shown(
            "a.vue",
            "<script lang=\"ts\" src=\"./a.json.ts\">\nfunction f() {}\n</script>\n",
        );
        assert_eq!(units, ["2-2 f"], "only its type tells that it is data");
        assert!(shown("a.vue", "<script").0.is_empty());
    }

    const NOTEBOOK: &str = "{\n \"cells\": [\n  {\n   \"cell_type\": \"markdown\",\n   \"source\": [\n    \"# Churn\\n\",\n    \"We fit a model.\"\n   ]\n  },\n  {\n   \"cell_type\": \"code\",\n   \"outputs\": [\n    \"iVBORw0KGgo\"\n   ],\n   \"source\": [\n    \"%matplotlib inline\\n\",\n    \"def fit(frame):\\n\",\n    \"    name = \\\"ж\\\"\\n\",\n    \"    return frame[name]\\n\",\n    \"\\n\",\n    \"class Model:\\n\",\n    \"    def run(self):\\n\",\n    \"        return fit(self)\"\n   ]\n  }\n ],\n \"metadata\": { \"language_info\": { \"name\": \"python\" } }\n}\n";

    #[test]
    fn cells_of_notebooks_are_code_on_their_lines() {
        let (units, texts) = shown("a.ipynb", NOTEBOOK);
        assert_eq!(units, ["17-19 fit", "21-23 Model", "22-23 run"]);
        assert!(texts.contains(&"# Churn".to_owned()), "{texts:?}");
        assert!(texts.contains(&"%matplotlib inline".to_owned()), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains("iVBOR")), "{texts:?}");
        let other = NOTEBOOK.replace("\"name\": \"python\"", "\"language\": \"R\"");
        assert!(inside(Path::new("a.ipynb"), &other).is_none());
        assert!(inside(Path::new("a.ipynb"), "{\"cells\": []}").is_none());
        assert_eq!(source(Path::new("a.ipynb"), &other).unwrap().language, Some(Language::Json));
    }
}
