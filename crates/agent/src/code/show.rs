//! Answers of the index as a model reads them: grouped by file, bounded, without what repeats.

use std::collections::HashMap;
use std::fmt::Write as _;

use distiq_base::CodeAnswer;
use distiq_base::paths::one_line;
use distiq_index::{Hit, Snapshot};

/// Most lines of one hit's code.
const CODE_LINES: usize = 60;
/// Room for the line that tells what did not fit.
const LAST_LINE: usize = 80;
/// Longest line that is shown.
const LINE_CHARS: usize = 200;

/// An answer under construction.
pub(super) struct Page<'a> {
    snapshot: &'a Snapshot,
    text: String,
    max_bytes: usize,
    /// What did not fit.
    left_out: usize,
    /// The code in it.
    code: Vec<(String, String)>,
    /// Tells whether lines of a file stand in the conversation already.
    pub stands_above: &'a dyn Fn(&str, &str) -> bool,
    /// Lines of files as they read.
    files: HashMap<String, Option<Vec<String>>>,
}

impl<'a> Page<'a> {
    pub fn new(snapshot: &'a Snapshot, max_bytes: usize) -> Self {
        Self {
            snapshot,
            text: String::new(),
            max_bytes,
            left_out: 0,
            code: Vec::new(),
            stands_above: &|_, _| false,
            files: HashMap::new(),
        }
    }

    /// Adds a line of words.
    pub fn say(&mut self, words: &str) {
        self.add(&format!("{words}\n"));
    }

    /// Adds hits, the first `with_code` of them with their code, where that does not stand in the conversation.
    pub fn hits(&mut self, hits: &[Hit], with_code: usize) {
        let mut last = "";
        for (at, hit) in hits.iter().enumerate() {
            let code = if at < with_code { self.code_of(hit) } else { None };
            let path = one_line(&hit.path);
            let Some((code, more)) = code else {
                let is_same_file = last == hit.path;
                let text = if is_same_file { head(hit) } else { format!("{path}\n{}", head(hit)) };
                last = &hit.path;
                self.add(&text);
                continue;
            };
            last = "";
            let place = format!("{path}:{}-{}", hit.start_line, hit.end_line);
            let mark = if more > 0 { format!("[{more} more lines]\n") } else { String::new() };
            if (self.stands_above)(&hit.path, &code) {
                self.add(&format!("{place}, as shown above\n{mark}"));
            } else if self.add(&format!("{place}\n{code}\n{mark}")) {
                self.code.push((hit.path.clone(), code));
            }
        }
    }

    /// Adds lines of a file.
    pub fn lines(&mut self, path: &str, numbers: &[u32]) {
        if numbers.is_empty() {
            return;
        }
        let Some(all) = self.file(path) else { return };
        let mut shown = format!("{}\n", one_line(path));
        for number in numbers {
            let at = usize::try_from(*number).unwrap_or(0).wrapping_sub(1);
            let line =
                all.get(at).map_or("", |line| line.trim().lines().next().unwrap_or_default());
            let _ = writeln!(shown, "{number}: {}", cut(line));
        }
        self.add(&shown);
    }

    /// Returns the answer.
    pub fn finish(mut self) -> CodeAnswer {
        if self.left_out > 0 {
            let _ = writeln!(
                self.text,
                "[{} more did not fit; narrow it by `path` or `glob`]",
                self.left_out
            );
        }
        CodeAnswer { text: self.text, code: self.code }
    }

    /// Returns how many bytes there is room for.
    pub fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.text.len() + LAST_LINE)
    }

    /// Adds a text where there is room for it, and tells whether there was.
    pub fn add(&mut self, text: &str) -> bool {
        if text.len() > self.room() {
            self.left_out += 1;
            return false;
        }
        self.text.push_str(text);
        true
    }

    /// Returns the lines of a hit that are shown, without the last one's end, and how many more it has.
    fn code_of(&mut self, hit: &Hit) -> Option<(String, usize)> {
        let (start, end) =
            (usize::try_from(hit.start_line).ok()?, usize::try_from(hit.end_line).ok()?);
        let all = self.file(&hit.path)?;
        let lines = all.get(start.checked_sub(1)?..end.min(all.len()))?;
        // A line of a notebook may be all of a cell.
        let count = lines.iter().map(|line| line.lines().count().max(1)).sum::<usize>();
        let each = lines.iter().flat_map(|line| if line.is_empty() { "\n" } else { line }.lines());
        let shown: Vec<&str> = each.take(CODE_LINES).map(cut).collect();
        Some((shown.join("\n"), count.saturating_sub(CODE_LINES)))
    }

    fn file(&mut self, path: &str) -> Option<&[String]> {
        let snapshot = self.snapshot;
        self.files.entry(path.to_owned()).or_insert_with(|| snapshot.lines(path)).as_deref()
    }
}

fn head(hit: &Hit) -> String {
    let head = if hit.signature.is_empty() { hit.kind.as_str() } else { hit.signature.as_str() };
    format!("{}-{}: {}\n", hit.start_line, hit.end_line, cut(head))
}

fn cut(line: &str) -> &str {
    let end = line.char_indices().nth(LINE_CHARS).map_or(line.len(), |(at, _)| at);
    line.get(..end).unwrap_or(line)
}
