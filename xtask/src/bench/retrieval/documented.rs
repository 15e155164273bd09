//! Kind A: the first sentence of a function's documentation must find the function, in a copy of the
//! tree from which all documentation of functions and classes was taken, line numbers kept.

use std::borrow::Cow;
use std::path::Path;

use distiq_lang::{OutlineItem, outline};

/// Shorter sentences ("Returns the name") ask nothing that only one function answers.
const FEWEST_WORDS: usize = 5;
/// Longer ones are lists or licences.
const MOST_WORDS: usize = 60;

/// A function whose documentation opens with a whole sentence.
pub struct Documented {
    pub name: String,
    pub start_line: u32,
    pub end_line: u32,
    pub sentence: String,
}

/// A file without its documentation, and what the documentation said.
pub struct Stripped {
    pub text: String,
    pub documented: Vec<Documented>,
}

/// Returns `text` with the documentation of what it defines blanked out.
pub fn strip(path: &Path, text: &str) -> Stripped {
    let items = outline(path, text).unwrap_or_default();
    let original: Vec<&str> = text.lines().collect();
    let mut lines: Vec<Cow<'_, str>> = original.iter().copied().map(Cow::Borrowed).collect();
    let is_python = path.extension().is_some_and(|extension| extension == "py");
    let mut documented = Vec::new();
    for item in &items {
        let range = if is_python { docstring(&original, item) } else { comment(&original, item) };
        let Some((first, last)) = range else { continue };
        let Some(doc) = original.get(first..=last) else { continue };
        let is_function = matches!(item.kind, "function" | "method" | "constructor");
        if is_function && let Some(sentence) = sentence(doc, &item.name) {
            documented.push(Documented {
                name: item.name.clone(),
                start_line: item.start_line,
                end_line: item.end_line,
                sentence,
            });
        }
        for line in lines.get_mut(first..=last).into_iter().flatten() {
            *line = Cow::Borrowed("");
        }
        // What has no other body keeps one.
        if is_python && let (Some(line), Some(was)) = (lines.get_mut(first), original.get(first)) {
            let code = was.trim_start();
            *line = format!("{}...", was.strip_suffix(code).unwrap_or_default()).into();
        }
    }
    if is_python && let Some((first, last)) = quoted(&original, 0) {
        for line in lines.get_mut(first..=last).into_iter().flatten() {
            *line = Cow::Borrowed("");
        }
    }
    let mut text = lines.join("\n");
    text.push('\n');
    Stripped { text, documented }
}

fn index(line: u32) -> usize {
    usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// The docstring below a Python head that ends with a colon.
fn docstring(lines: &[&str], item: &OutlineItem) -> Option<(usize, usize)> {
    let mut depth = 0_i32;
    let mut in_head = false;
    for (at, line) in
        lines.iter().enumerate().take(index(item.end_line)).skip(index(item.start_line))
    {
        let code = line.split(" #").next().unwrap_or(line).trim();
        in_head |= ["def ", "async def ", "class "].iter().any(|word| code.starts_with(word));
        for byte in code.bytes() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                _ => {}
            }
        }
        if in_head && depth <= 0 && code.ends_with(':') {
            return quoted(lines, at + 1);
        }
    }
    None
}

/// The string in three quotes that is the first thing from line `from` on.
fn quoted(lines: &[&str], from: usize) -> Option<(usize, usize)> {
    let (first, line) = lines
        .iter()
        .enumerate()
        .skip(from)
        .find(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    let start = line.trim_start().trim_start_matches(['r', 'R', 'u', 'U']);
    let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| start.starts_with(quotes))?;
    if start.get(3..)?.contains(quotes) {
        return Some((first, first));
    }
    let rest = lines.iter().enumerate().skip(first + 1);
    rest.take(400).find(|(_, line)| line.contains(quotes)).map(|(last, _)| (first, last))
}

/// The comment that ends right above an item; attributes and decorators may stand between.
fn comment(lines: &[&str], item: &OutlineItem) -> Option<(usize, usize)> {
    let mut end = index(item.start_line).min(lines.len());
    while end > 0 && lines.get(end - 1).is_some_and(|line| is_attribute(line)) {
        end -= 1;
    }
    let above = |at: usize| at.checked_sub(1).and_then(|at| lines.get(at)).map(|line| line.trim());
    let mut first = end;
    if above(end).is_some_and(|line| line.ends_with("*/")) {
        // Lines between may stand without marks.
        first = (0..end).rev().find(|at| lines.get(*at).is_some_and(|line| line.contains("/*")))?;
        // What stands before it on its line is code.
        return lines.get(first)?.trim_start().starts_with("/*").then(|| (first, end - 1));
    }
    while above(first).is_some_and(|line| line.starts_with("//")) {
        first -= 1;
    }
    (first < end).then(|| (first, end - 1))
}

fn is_attribute(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("#[") || line.starts_with('@') || line.starts_with("template")
}

/// Returns the first sentence of a documentation, without the function's own name.
fn sentence(doc: &[&str], name: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    'lines: for line in doc {
        let line = unmarked(line);
        let ends = line.is_empty()
            || line.starts_with(['@', ':', '#', '|', '`', '-', '<', '='])
            || line.starts_with(">>>")
            || line.starts_with("..");
        if ends && words.is_empty() {
            continue;
        }
        if ends {
            break;
        }
        for word in line.split_whitespace() {
            words.push(word.to_owned());
            let abbreviated = matches!(word, "e.g." | "i.e." | "etc." | "vs.");
            if word.ends_with(['.', '!', '?']) && !abbreviated {
                break 'lines;
            }
        }
    }
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let is_own = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        word == last || word == name
    };
    words.retain(|word| !is_own(word));
    let sentence = plain(&words.join(" "));
    let count =
        sentence.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count();
    let is_notice = ["copyright", "licen", "todo", "eslint", "deprecated", "inheritdoc", "noqa"]
        .iter()
        .any(|word| sentence.to_lowercase().contains(word));
    (!is_notice && (FEWEST_WORDS..=MOST_WORDS).contains(&count)).then_some(sentence)
}

/// A line without the marks of its comment.
fn unmarked(line: &str) -> &str {
    let line = line.trim();
    let text = line.trim_start_matches(['r', 'R', 'u', 'U']);
    let line = match text.strip_prefix("\"\"\"").or_else(|| text.strip_prefix("'''")) {
        Some(text) => text,
        None => line,
    };
    let line = line.trim_end_matches("\"\"\"").trim_end_matches("'''").trim_end_matches("*/");
    line.trim_start_matches(['/', '*', '!']).trim()
}

/// Marks of Markdown, HTML, Javadoc and reStructuredText taken out.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' if rest.peek().is_some_and(|next| next.is_ascii_alphabetic() || *next == '/') => {
                in_tag = true
            }
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            '`' | '{' | '}' | '[' | ']' => out.push(' '),
            _ => out.push(c),
        }
    }
    for mark in ["@link", "@code", "@linkplain", ":func:", ":class:", ":meth:", ":attr:", ":mod:"] {
        out = out.replace(mark, " ");
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[(&str, u32, &str)]) -> String {
        let stripped = strip(Path::new(path), text);
        let found: Vec<(&str, u32, &str)> = stripped
            .documented
            .iter()
            .map(|d| (d.name.as_str(), d.start_line, d.sentence.as_str()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(stripped.text.lines().count(), text.lines().count(), "line numbers are kept");
        stripped.text
    }

    #[test]
    fn documentation_becomes_questions_and_leaves_the_file() {
        let text = check(
            "a.py",
            "\"\"\"A module.\"\"\"\ndef f(a,\n      b):\n    \"\"\"Return the sum of f both given numbers.\n\n    More.\n    \"\"\"\n    return a + b\n",
            &[("f", 2, "Return the sum of both given numbers.")],
        );
        assert!(!text.contains("Return the") && !text.contains("module") && !text.contains("More"));
        check(
            "a.go",
            "package a\n\n// Open opens the file at a path. It may fail.\nfunc Open() {}\n",
            &[("Open", 4, "opens the file at a path.")],
        );
        check(
            "a.rs",
            "/// Returns `true` if the queue holds\n/// no item.\n#[inline]\nfn empty() {}\n/// Too short.\nfn g() {}\n",
            &[("empty", 4, "Returns true if the queue holds no item.")],
        );
        let text = check(
            "B.java",
            "class B {\n  /**\n   * Finds the first of all children.\n   <p>Not the last.</p>\n   */\n  B f() {}\n}\n",
            &[("f", 6, "Finds the first of all children.")],
        );
        assert_eq!(text, "class B {\n\n\n\n\n  B f() {}\n}\n");
        check(
            "b.py",
            "class B:\n    def f(self):\n        \"\"\"\n        Returns the sum of\n        numbers under it.\n        \"\"\"\n    def g(self): pass\n",
            &[("f", 2, "Returns the sum of numbers under it.")],
        );
        check(
            "A.java",
            "class A {\n  /**\n   * Makes a <b>new</b> list of {@link Item} values.\n   * @return x\n   */\n  @Override\n  List f() {}\n}\n",
            &[("f", 6, "Makes a new list of Item values.")],
        );
    }
}
