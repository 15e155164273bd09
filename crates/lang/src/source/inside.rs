//! Code that lies in files of another format: the scripts of Vue's and Svelte's components, the cells of notebooks.
//!
//! All else is made blank, byte for byte, so that what the parser tells of bytes and lines holds for the file.

use std::ops::Range;
use std::path::Path;

use super::notebook::{Lines, Notebook};
use super::{Piece, PieceKind, blank, offset};
use crate::Language;

/// The code of a file of another format.
pub(super) struct Inside {
    pub language: Language,
    /// As long as the file, blank where no code is. It may have more lines than that: a cell may be one string of JSON.
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

/// Reads a notebook of Python: the code of its cells is code, what is written between them text. Outputs are neither: they hold
/// pictures and tables.
fn notebook(text: &str) -> Option<Inside> {
    let notebook = Notebook::read(text).filter(|notebook| !notebook.is_foreign)?;
    let mut inside = Inside {
        language: Language::Python,
        code: String::with_capacity(text.len()),
        rest: Vec::new(),
    };
    let mut lines = Lines::default();
    for (is_code, string) in notebook.strings() {
        // What is no line of its own begins and ends one where its quotes stand.
        let is_line = is_line(text, &string);
        let end = if is_line { "" } else { "\n" };
        blank(text.get(inside.code.len()..string.start - end.len())?, &mut inside.code);
        inside.code.push_str(end);
        let line = lines.at(text, string.start);
        for (own, escape) in own_lines(text, string.clone()) {
            let content = text.get(own.clone())?;
            // Magics of IPython are no Python.
            if is_code && !content.trim_start().starts_with(['%', '!']) {
                unescape(content, &mut inside.code);
            } else {
                inside.rest.extend(piece(text, own, line));
                blank(content, &mut inside.code);
            }
            // A line end is two bytes there.
            inside.code.push_str(match (escape, is_line) {
                (0, _) => "",
                (_, true) => "  ",
                (_, false) => " \n",
            });
        }
        inside.code.push_str(end);
    }
    blank(text.get(inside.code.len()..)?, &mut inside.code);
    Some(inside)
}

/// Tells whether a string of JSON is a line of the file and of its cell. It looks no further than the blanks around it: a
/// notebook may be one long line of them.
fn is_line(text: &str, string: &Range<usize>) -> bool {
    let is_blank = |letter: char| letter != '\n' && letter.is_whitespace();
    let before = text.get(..string.start - 1).map(|text| text.trim_end_matches(is_blank));
    let behind = text.get(string.end + 1..).map(|text| {
        let text = text.trim_start_matches(is_blank);
        text.strip_prefix(',').unwrap_or(text).trim_start_matches(is_blank)
    });
    before.is_some_and(|before| before.is_empty() || before.ends_with('\n'))
        && behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('\n'))
        && own_lines(text, string.clone()).len() <= 1
}

/// Splits a string of JSON into its lines, each with how long the line end behind it is written.
fn own_lines(text: &str, string: Range<usize>) -> Vec<(Range<usize>, usize)> {
    let mut lines = Vec::new();
    let (mut from, mut at) = (string.start, string.start);
    let bytes = text.as_bytes();
    while at < string.end {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\\'), Some(b'n')) => {
                lines.push((from..at, 2));
                from = at + 2;
                at = from;
            }
            (Some(b'\\'), _) => at += 2,
            _ => at += 1,
        }
    }
    if from < string.end {
        lines.push((from..string.end, 0));
    }
    lines
}

/// Writes what a line of a string of JSON stands for, as long as it is written; blanks stand for what is left over. Quotes that
/// stand together stay so, the blanks before those that begin a text and behind those that end one; never before the first
/// word of a line, since its column counts.
fn unescape(text: &str, code: &mut String) {
    let mut rest = text;
    let (mut is_begun, mut in_text) = (false, false);
    while let Some(letter) = rest.chars().next() {
        let quotes = rest.as_bytes().chunks_exact(2).take_while(|pair| *pair == b"\\\"").count();
        let length = match letter {
            '\\' if quotes > 0 => {
                in_text = !in_text || quotes == 2;
                let (before, behind) = if in_text && is_begun { (quotes, 0) } else { (0, quotes) };
                code.extend(std::iter::repeat_n(' ', before));
                code.extend(std::iter::repeat_n('"', quotes));
                code.extend(std::iter::repeat_n(' ', behind));
                in_text &= quotes != 2;
                2 * quotes
            }
            '\\' => {
                let escaped = rest.chars().nth(1);
                code.push(' ');
                match escaped {
                    Some(escaped @ ('\\' | '/')) => code.push(escaped),
                    Some(other) => code.extend(std::iter::repeat_n(' ', other.len_utf8())),
                    None => {}
                }
                1 + escaped.map_or(0, char::len_utf8)
            }
            letter => {
                code.push(letter);
                letter.len_utf8()
            }
        };
        is_begun |= !letter.is_whitespace();
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// Returns the piece of a line's words; `None` where it has none.
fn piece(text: &str, bytes: Range<usize>, line: u32) -> Option<Piece> {
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

    /// A notebook whose cells are one string each, on lines of their own or all on one.
    const STRINGS: &str = "{\n \"cells\": [\n  {\n   \"cell_type\": \"markdown\",\n   \"source\": \"# Churn\\nWe fit a model.\"\n  },\n  {\n   \"cell_type\": \"code\",\n   \"outputs\": [{ \"source\": \"iVBORw0KGgo\" }],\n   \"source\": \"%matplotlib inline\\nimport pandas\\ndef fit(frame):\\n    name = \\\"\\\\n\\\"\\n    return frame[name]\"\n  },\n  {\n   \"cell_type\": \"code\",\n   \"source\": \"class Model:\\n    def run(self):\\n        return fit(self)\\n\"\n  }\n ]\n}\n";

    #[test]
    fn escaped_quotes_break_neither_texts_nor_columns() {
        let written = |line: &str| {
            let mut code = String::new();
            unescape(line, &mut code);
            assert_eq!(code.len(), line.len());
            code
        };
        assert_eq!(written(r#"    \"\"\"Fits."#), "    \"\"\"   Fits.");
        assert_eq!(written(r#"    Ends.\"\"\""#), "    Ends.   \"\"\"");
        assert_eq!(written(r#"f(a=\"x\", b=\"\", c=\"y\")"#), "f(a= \"x\" , b=  \"\", c= \"y\" )");
        assert_eq!(written(r#"\td = '\\d\u00e9' + \/"#), "  d = ' \\d  00e9' +  /");
        let text = NOTEBOOK.replace(
            "\"    name = ",
            "\"    \\\"\\\"\\\"Fits it\\n\",\n    \"    to the frame.\\\"\\\"\\\"\\n\",\n    \"    name = ",
        );
        assert_eq!(shown("a.ipynb", &text).0, ["17-21 fit", "23-25 Model", "24-25 run"]);
    }

    /// Each string was looked at with its whole line: this took minutes.
    #[test]
    fn a_line_of_many_strings_is_read_once() {
        let strings = "\"a\\n\",".repeat(200_000);
        let text =
            format!("{{\"cells\":[{{\"cell_type\":\"code\",\"source\":[{strings}\"b\"]}}]}}");
        let inside = inside(Path::new("a.ipynb"), &text).unwrap();
        assert_eq!(inside.code.lines().filter(|line| line.trim() == "a").count(), 200_000);
    }

    #[test]
    fn cells_that_are_one_string_are_code_too() {
        let (units, texts) = shown("a.ipynb", STRINGS);
        assert_eq!(units, ["10-10 fit", "14-14 Model", "14-14 run"]);
        for text in ["# Churn", "We fit a model.", "%matplotlib inline"] {
            assert!(texts.contains(&text.to_owned()), "{texts:?}");
        }
        assert!(!texts.iter().any(|text| text.contains("iVBOR")), "{texts:?}");
        let of_one_line = STRINGS.replace('\n', "");
        assert_eq!(shown("a.ipynb", &of_one_line).0, ["1-1 fit", "1-1 Model", "1-1 run"]);
        let listed = NOTEBOOK.replace('\n', "");
        assert_eq!(shown("a.ipynb", &listed).0, ["1-1 fit", "1-1 Model", "1-1 run"]);
        let found = source(Path::new("a.ipynb"), STRINGS).unwrap();
        assert_eq!(found.imports.iter().map(|import| import.line).collect::<Vec<_>>(), [10]);
    }
}
