//! Reads patches: the apply-patch format and unified diffs.

use super::hunk::{Hunk, HunkLine};

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// Makes a file.
    Add {
        /// The file.
        path: String,
        /// Its text.
        content: String,
    },
    /// Deletes a file.
    Delete {
        /// The file.
        path: String,
    },
    /// Changes a file, and may move it.
    Update {
        /// The file.
        path: String,
        /// Its new place.
        to: Option<String>,
        /// What changes.
        hunks: Vec<Hunk>,
    },
}

/// Why a patch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("patch line {line}: {message}")]
pub struct PatchError {
    /// The patch's line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads a patch in either format.
///
/// # Errors
/// The first line that does not fit.
pub fn parse(patch: &str) -> Result<Vec<FileChange>, PatchError> {
    let lines: Vec<&str> = patch.lines().collect();
    // Models wrap patches in a fence or a here-document now and then.
    let begin = lines.iter().position(|line| mark(line) == Some(("begin patch", "")));
    let marked = lines.iter().any(|line| is_file_mark(line));
    let mut reader = Reader { lines, at: begin.map_or(0, |at| at + 1) };
    let changes = if begin.is_some() || marked { reader.apply_patch() } else { reader.unified() }?;
    if changes.is_empty() {
        return Err(PatchError {
            line: 1,
            message: "no file in it; begin with `*** Begin Patch` and `*** Update File: PATH`, or \
                      with `--- a/PATH` and `+++ b/PATH`"
                .to_owned(),
        });
    }
    Ok(changes)
}

/// The marks of the apply-patch format, however they are written.
const MARKS: [&str; 7] = [
    "begin patch",
    "end patch",
    "update file",
    "add file",
    "delete file",
    "move to",
    "end of file",
];

/// Reads `*** Update File: PATH`: the mark in small letters, and what follows it.
fn mark(line: &str) -> Option<(&'static str, &str)> {
    let text = line.trim().strip_prefix("***")?.trim_start();
    MARKS.iter().find_map(|mark| {
        let said = text.get(..mark.len()).filter(|said| said.eq_ignore_ascii_case(mark))?;
        let rest = text.get(said.len()..)?.trim();
        let rest = rest.strip_suffix("***").unwrap_or(rest).trim();
        let path = rest.strip_prefix(':');
        // `*** Add File` is a mark, `*** Add Filesystem` is a line of a file.
        (path.is_some() || rest.is_empty())
            .then(|| (*mark, path.unwrap_or("").trim().trim_matches(['`', '"', '\''])))
    })
}

fn is_file_mark(line: &str) -> bool {
    matches!(mark(line), Some(("update file" | "add file" | "delete file", path)) if !path.is_empty())
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek();
        self.at += 1;
        line
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, PatchError> {
        Err(PatchError { line: self.at, message: message.into() })
    }

    fn apply_patch(&mut self) -> Result<Vec<FileChange>, PatchError> {
        let mut changes = Vec::new();
        while let Some(line) = self.next() {
            match mark(line) {
                Some(("end patch", _)) => break,
                Some(("add file", path)) if !path.is_empty() => changes.push(self.added(path)?),
                Some(("delete file", path)) if !path.is_empty() => {
                    changes.push(FileChange::Delete { path: path.to_owned() });
                }
                Some(("update file", path)) if !path.is_empty() => {
                    changes.push(self.updated(path)?);
                }
                Some(("end of file", _)) => {}
                None if line.trim().is_empty() || line.starts_with("```") => {}
                _ => {
                    return self.wrong(
                        "expected `*** Update File: PATH`, `*** Add File: PATH`, `*** Delete File: \
                         PATH` or `*** End Patch`",
                    );
                }
            }
        }
        Ok(changes)
    }

    fn added(&mut self, path: &str) -> Result<FileChange, PatchError> {
        let lines = self.lines.iter().skip(self.at);
        let lines: Vec<&str> = lines.take_while(|line| mark(line).is_none()).copied().collect();
        let plus = lines.iter().filter(|line| line.starts_with('+')).count();
        let mut content = String::new();
        for line in lines {
            self.at += 1;
            match line.strip_prefix('+') {
                Some(text) if plus > 0 => content.push_str(text),
                _ if line.is_empty() => {}
                // The whole file without its `+`.
                _ if plus == 0 => content.push_str(line),
                _ => return self.wrong("every line of an added file begins with `+`"),
            }
            content.push('\n');
        }
        Ok(FileChange::Add { path: path.to_owned(), content })
    }

    fn updated(&mut self, path: &str) -> Result<FileChange, PatchError> {
        let to = match self.peek().and_then(mark) {
            Some(("move to", to)) => Some(to),
            _ => None,
        };
        self.at += usize::from(to.is_some());
        let mut hunks = Vec::new();
        let mut hunk = Hunk::default();
        while let Some(line) = self.peek() {
            match mark(line) {
                Some(("end of file", _)) => hunk.at_end = true,
                Some(_) => break,
                None if line.starts_with("@@") => {
                    finish(&mut hunks, &mut hunk);
                    self.header(line.trim_start_matches('@'), &mut hunk);
                }
                // The end of a fence, not of a file.
                None if line == "```" && self.at + 1 == self.lines.len() => {}
                // A line of context that lost its blank.
                None if !self.body(line, &mut hunk) => {
                    hunk.lines.push(HunkLine::Keep(line.to_owned()));
                }
                None => {}
            }
            self.at += 1;
        }
        finish(&mut hunks, &mut hunk);
        if hunks.is_empty() && to.is_none() {
            return self.wrong(format!("nothing changes in {path}"));
        }
        let to = to.map(str::to_owned);
        Ok(FileChange::Update { path: path.to_owned(), to, hunks })
    }

    /// Reads what follows `@@`: line numbers, or a line that the change lies below.
    fn header(&self, header: &str, hunk: &mut Hunk) {
        if let Some((line, _)) = line_numbers(header) {
            hunk.line = Some(line);
            return;
        }
        let anchor = header.trim();
        let anchor = anchor.strip_suffix("@@").unwrap_or(anchor).trim();
        if !anchor.is_empty() {
            hunk.anchors.push(anchor.to_owned());
        }
    }

    fn body(&self, line: &str, hunk: &mut Hunk) -> bool {
        let mut rest = line.chars();
        let piece = match rest.next() {
            Some(' ') => HunkLine::Keep(rest.as_str().to_owned()),
            Some('-') => HunkLine::Remove(rest.as_str().to_owned()),
            Some('+') => HunkLine::Add(rest.as_str().to_owned()),
            // An empty line of context that lost its blank on the way.
            None => HunkLine::Keep(String::new()),
            Some('\\') => return true,
            Some(_) => return false,
        };
        hunk.lines.push(piece);
        true
    }

    fn unified(&mut self) -> Result<Vec<FileChange>, PatchError> {
        let mut changes = Vec::new();
        let mut rename = (None, None);
        while let Some(line) = self.next() {
            if let Some(from) = line.strip_prefix("rename from ") {
                rename.0 = Some(from.to_owned());
            } else if let Some(to) = line.strip_prefix("rename to ") {
                rename.1 = Some(to.to_owned());
                let named = self.lines.iter().skip(self.at).take_while(|l| !l.starts_with("diff "));
                if let (false, Some(path), to @ Some(_)) =
                    (named.clone().any(|l| l.starts_with("--- ")), &rename.0, &rename.1)
                {
                    let (path, to) = (path.clone(), to.clone());
                    changes.push(FileChange::Update { path, to, hunks: Vec::new() });
                }
            } else if let Some(old) = line.strip_prefix("--- ") {
                let Some(new) = self.next().and_then(|line| line.strip_prefix("+++ ")) else {
                    return self.wrong("`+++ PATH` must follow `--- PATH`");
                };
                changes.push(self.unified_file(file_name(old), file_name(new))?);
                rename = (None, None);
            } else if line.starts_with("@@") {
                return self.wrong("`--- PATH` and `+++ PATH` must come before `@@`");
            }
        }
        Ok(changes)
    }

    fn unified_file(
        &mut self,
        old: Option<String>,
        new: Option<String>,
    ) -> Result<FileChange, PatchError> {
        let mut hunks = Vec::new();
        while let Some(line) = self.peek() {
            // Without any `@@` all lines are one piece.
            let bare = hunks.is_empty() && !ends_a_hunk(line);
            let Some(header) = line.strip_prefix("@@").or(bare.then_some("")) else { break };
            self.at += usize::from(!bare);
            let mut hunk = Hunk::default();
            self.header(header, &mut hunk);
            let counts = line_numbers(header).map(|(_, counts)| counts);
            let mut left = counts.unwrap_or((usize::MAX, usize::MAX));
            while let Some(line) = self.peek() {
                // Counts that models tell are often wrong; the line's own mark is what counts.
                let next_file = line.starts_with("diff --git ")
                    || (line.starts_with("--- ") && left.0 == 0)
                    || (line.is_empty() && left.0 == 0 && left.1 == 0);
                if line.starts_with("@@") || next_file || !self.body(line, &mut hunk) {
                    break;
                }
                self.at += 1;
                left.0 = left.0.saturating_sub(usize::from(!line.starts_with('+')));
                left.1 = left.1.saturating_sub(usize::from(!line.starts_with('-')));
            }
            if self.peek().is_some_and(|line| !ends_a_hunk(line)) {
                self.at += 1;
                return self.wrong("a line of a change begins with a blank, `-`, `+` or `@@`");
            }
            finish(&mut hunks, &mut hunk);
        }
        match (old, new) {
            (None, Some(path)) => Ok(FileChange::Add { path, content: added_text(&hunks) }),
            (Some(path), None) => Ok(FileChange::Delete { path }),
            (Some(path), Some(new)) if !hunks.is_empty() => {
                let to = Some(new).filter(|new| *new != path);
                Ok(FileChange::Update { path, to, hunks })
            }
            _ => self.wrong("no `@@` lines for this file"),
        }
    }
}

/// Tells whether a line that is none of a change may stand there all the same.
fn ends_a_hunk(line: &str) -> bool {
    let starts = ["@@", "diff ", "index ", "--- ", "Index: ", "```", "new file", "-- ", "rename "];
    line.trim().is_empty() || starts.iter().any(|start| line.starts_with(start))
}

fn finish(hunks: &mut Vec<Hunk>, hunk: &mut Hunk) {
    // Lines without an own `@@` belong to it; several `@@` in a row narrow the place.
    if hunk.lines.is_empty() {
        return;
    }
    while matches!(hunk.lines.last(), Some(HunkLine::Keep(text)) if text.is_empty())
        && hunk.lines.len() > 1
        && hunk.line.is_none()
    {
        hunk.lines.pop();
    }
    hunks.push(std::mem::take(hunk));
}

fn added_text(hunks: &[Hunk]) -> String {
    let mut text = String::new();
    for line in hunks.iter().flat_map(|hunk| &hunk.lines) {
        if let HunkLine::Add(line) = line {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Reads `-12,3 +12,4 @@`: the old line, and how many lines are old and new.
fn line_numbers(header: &str) -> Option<(usize, (usize, usize))> {
    let mut words = header.split_whitespace();
    let mut read = |mark: char| -> Option<(usize, usize)> {
        let word = words.next()?.strip_prefix(mark)?;
        let (line, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((line.parse().ok()?, count.parse().ok()?))
    };
    let (line, old) = read('-')?;
    let (_, new) = read('+')?;
    Some((line, (old, new)))
}

/// Reads the path of `--- a/PATH`; `None` for `/dev/null`.
fn file_name(text: &str) -> Option<String> {
    let text = text.split('\t').next().unwrap_or_default().trim();
    if text == "/dev/null" {
        return None;
    }
    let text = text.trim_matches('"');
    let plain = text.strip_prefix("a/").or_else(|| text.strip_prefix("b/")).unwrap_or(text);
    Some(plain.to_owned())
}
