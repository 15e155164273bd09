//! A text cut into what is prose and what is not.

use super::words;

/// A piece of a text; all pieces together are the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block<'t> {
    /// A paragraph of natural language, with the end of its last line.
    Prose(&'t str),
    /// Anything else.
    Verbatim(&'t str),
    /// A line that comes so many times in a row.
    Repeated(&'t str, usize),
}

/// Words that a paragraph needs to be taken for prose.
const FEWEST_WORDS: usize = 5;

/// Cuts a text into blocks.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut cutter = Cutter { text, blocks: Vec::new(), prose: None, fence: None, in_code: false };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        cutter.line(start, line);
        start += line.len();
    }
    cutter.end_prose(text.len());
    repeated(cutter.blocks)
}

struct Cutter<'t> {
    text: &'t str,
    blocks: Vec<Block<'t>>,
    /// Where the open paragraph begins.
    prose: Option<usize>,
    /// The mark that ends the open fence.
    fence: Option<&'t str>,
    /// Whether the lines before were code without a fence.
    in_code: bool,
}

impl<'t> Cutter<'t> {
    fn line(&mut self, start: usize, line: &'t str) {
        let body = line.trim();
        if let Some(fence) = self.fence {
            if body.starts_with(fence) && body.trim_start_matches(['`', '~']).is_empty() {
                self.fence = None;
            }
            return self.verbatim(start, line);
        }
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| body.starts_with(mark)) {
            let length = body.len() - body.trim_start_matches(['`', '~']).len();
            self.fence = Some(body.get(..length).unwrap_or(mark));
            return self.verbatim(start, line);
        }
        if body.is_empty() || !is_prose(line, body) || (self.in_code && !starts_big(body)) {
            self.in_code = !body.is_empty() && looks_like_code(body);
            return self.verbatim(start, line);
        }
        self.in_code = false;
        if is_item(body) {
            self.end_prose(start);
        }
        if self.prose.is_none() {
            self.prose = Some(start);
        }
    }

    fn verbatim(&mut self, start: usize, line: &'t str) {
        self.end_prose(start);
        self.blocks.push(Block::Verbatim(line));
    }

    fn end_prose(&mut self, end: usize) {
        let Some(start) = self.prose.take() else { return };
        let Some(text) = self.text.get(start..end) else { return };
        self.blocks.push(match words::is_language(text, FEWEST_WORDS) {
            true => Block::Prose(text),
            false => Block::Verbatim(text),
        });
    }
}

/// Makes one of lines that say the same in a row.
fn repeated(blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    let mut out: Vec<Block<'_>> = Vec::with_capacity(blocks.len());
    let mut in_fence = false;
    for block in blocks {
        if let Block::Verbatim(line) = block {
            let body = line.trim();
            let is_fence = body.starts_with("```") || body.starts_with("~~~");
            in_fence ^= is_fence;
            let may = !in_fence && !is_fence && is_log(body) && line.ends_with('\n');
            match out.last_mut() {
                Some(Block::Verbatim(last)) if may && *last == line => {
                    out.pop();
                    out.push(Block::Repeated(line, 2));
                    continue;
                }
                Some(Block::Repeated(last, times)) if may && *last == line => {
                    *times += 1;
                    continue;
                }
                _ => {}
            }
        }
        out.push(block);
    }
    out
}

/// Tells whether a line may be a part of a paragraph.
fn is_prose(line: &str, body: &str) -> bool {
    let indent = line.len() - line.trim_start().len();
    let first = body.chars().next().unwrap_or(' ');
    let is_item = is_item(body);
    if (indent >= 4 || line.starts_with('\t')) && !is_item {
        return false;
    }
    // Headings, quotations, tables, markup, JSON, prompts of shells.
    if matches!(
        first,
        '#' | '>'
            | '|'
            | '<'
            | '{'
            | '}'
            | '['
            | ']'
            | '$'
            | '%'
            | '@'
            | '='
            | ';'
            | '/'
            | '+'
            | '~'
            | '&'
    ) || (first == '-' && !is_item)
        || body.matches('|').count() >= 2
        || body.matches('\t').count() >= 2
        || is_log(body)
    {
        return false;
    }
    !looks_like_code(body) && !is_setting(body)
}

/// Tells whether a line is of a list.
fn is_item(body: &str) -> bool {
    let mark = body.split(' ').next().unwrap_or_default();
    let number = mark.trim_end_matches(['.', ')']);
    matches!(mark, "-" | "*" | "•" | "+")
        || (number.len() < mark.len()
            && !number.is_empty()
            && number.len() <= 3
            && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Tells whether a line is one of a log.
fn is_log(body: &str) -> bool {
    let mut words = body.split_whitespace();
    let first = words.next().unwrap_or_default().trim_matches(['[', ']', '(', ')', ':']);
    let begins_with_time = first.len() >= 8
        && first.starts_with(|c: char| c.is_ascii_digit())
        && first.contains(['-', ':', '.', '/']);
    let level = |word: &str| {
        matches!(
            word.trim_matches(['[', ']', ':', '(', ')', '<', '>', '|']),
            "INFO"
                | "WARN"
                | "WARNING"
                | "ERROR"
                | "DEBUG"
                | "TRACE"
                | "FATAL"
                | "CRITICAL"
                | "NOTICE"
        )
    };
    begins_with_time || level(first) || body.split_whitespace().take(5).any(level)
}

/// Tells whether a line is `name: value` or `name = value`.
fn is_setting(body: &str) -> bool {
    let Some(end) = body.find([':', '=']) else { return false };
    let (name, rest) = body.split_at(end);
    let name = name.trim_end();
    let plain = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '"' | '\'')
    };
    !name.is_empty()
        && name.chars().all(plain)
        && (rest.starts_with('=') || rest.starts_with(": ") || rest == ":")
}

fn looks_like_code(body: &str) -> bool {
    const SIGNS: &[&str] = &[
        "=>", "->", "::", "();", "){", ") {", "==", "!=", "&&", "||", "+=", "/*", "*/", "//", "</",
        "/>", ":=", " = ", "\\n", "<-",
    ];
    const WORDS: &[&str] = &[
        "def",
        "class",
        "import",
        "from",
        "return",
        "public",
        "private",
        "static",
        "void",
        "const",
        "let",
        "var",
        "func",
        "fn",
        "package",
        "use",
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "ALTER",
        "sudo",
        "npm",
        "pip",
        "git",
        "cargo",
        "docker",
        "at",
        "File",
        "Traceback",
        "export",
        "echo",
        "cd",
        "curl",
    ];
    if body.ends_with([';', '{', '}', '\\']) {
        return true;
    }
    // Each sign has one of these.
    let may_have = |byte| {
        matches!(byte, b'=' | b'<' | b'>' | b':' | b';' | b'{' | b'&' | b'|' | b'*' | b'/' | b'\\')
    };
    if body.bytes().any(may_have) {
        // An address is no comment.
        let without = body.replace("://", "");
        if SIGNS.iter().any(|sign| without.contains(sign)) {
            return true;
        }
    }
    let first = body.split([' ', '(', '.']).next().unwrap_or_default();
    WORDS.contains(&first) && !body.ends_with(['.', '!', '?', ':'])
}

fn starts_big(body: &str) -> bool {
    body.chars().next().is_some_and(char::is_uppercase)
}
