//! What stands on a line of a file: a unit, what is written in front of one, or code between units.

use super::places::around;
use crate::error::IndexError;
use crate::search::{Hit, NO_CHUNK};
use crate::snapshot::{FileView, Snapshot};

/// Most lines that are shown of what stands between chunks.
const MAX_LINES: usize = 40;

/// What holds lines that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The chunk; [`NO_CHUNK`] for lines between the chunks.
    pub number: u32,
    pub path: String,
    /// Of lines between chunks the first and the last one; else those where the chunk begins and ends, with what is written in
    /// front of it.
    pub start_line: u32,
    pub end_line: u32,
    /// The lines of it that are named.
    pub lines: Vec<u32>,
}

impl Holder {
    /// Makes a hit of lines between chunks.
    pub fn hit(&self) -> Hit {
        Hit {
            number: NO_CHUNK,
            path: self.path.clone(),
            start_line: self.start_line,
            end_line: self.end_line,
            kind: "block".to_owned(),
            name: String::new(),
            class: String::new(),
            signature: String::new(),
            score: 0.0,
            reasons: Vec::new(),
        }
    }
}

/// Returns what holds a line of a file: the smallest chunk, or the definition that documentation or attributes stand in front of,
/// or else the lines between the chunks, and the head of the class before them.
pub(super) fn holders(
    snapshot: &Snapshot,
    file: &FileView<'_>,
    line: u32,
) -> Result<Vec<Holder>, IndexError> {
    let chunk = around(snapshot, file, line)?;
    let of_chunk = |number: u32, lines: Vec<u32>| -> Result<Holder, IndexError> {
        let chunk = snapshot.chunk(number)?;
        let (start_line, end_line) = (chunk.start_line, chunk.end_line);
        Ok(Holder { number, path: file.path.to_owned(), start_line, end_line, lines })
    };
    let around = chunk.map(|number| of_chunk(number, Vec::new())).transpose()?;
    if let Some(held) = around.as_ref().filter(|it| (it.start_line..=it.end_line).contains(&line)) {
        return Ok(vec![Holder { lines: vec![line], ..held.clone() }]);
    }
    let gap = Gap::around(snapshot, file, line)?;
    let text = if line <= file.lines { snapshot.lines(file.path) } else { None };
    let Some((text, gap)) = text.zip(gap) else { return Ok(around.into_iter().collect()) };
    if let Some((number, from)) = gap.definition.zip(gap.in_front(&text, line)) {
        let held = of_chunk(number, vec![line])?;
        return Ok(vec![Holder { start_line: from, ..held }]);
    }
    let between = gap.paragraph(&text, line).map(|(start_line, end_line)| {
        let (path, lines) = (file.path.to_owned(), vec![line]);
        Holder { number: NO_CHUNK, path, start_line, end_line, lines }
    });
    Ok(between.into_iter().chain(around).collect())
}

/// The lines between two chunks.
struct Gap {
    first: u32,
    last: u32,
    /// The chunk of the definition that begins right behind them.
    definition: Option<u32>,
}

impl Gap {
    /// Returns the lines between chunks around a line that no chunk holds.
    fn around(
        snapshot: &Snapshot,
        file: &FileView<'_>,
        line: u32,
    ) -> Result<Option<Self>, IndexError> {
        let mut gap = Self { first: 1, last: file.lines, definition: None };
        for number in file.chunks() {
            let chunk = snapshot.chunk(number)?;
            if chunk.end_line < line {
                gap.first = gap.first.max(chunk.end_line.saturating_add(1));
            } else if chunk.start_line > line && chunk.start_line <= gap.last {
                gap.last = chunk.start_line - 1;
                gap.definition =
                    (!matches!(chunk.kind.as_str(), "block" | "text")).then_some(number);
            }
        }
        Ok((gap.first <= line && line <= gap.last).then_some(gap))
    }

    /// Returns where the documentation or the attributes begin that hold a line and end where the definition begins.
    fn in_front(&self, text: &[String], line: u32) -> Option<u32> {
        let is_joined = |line: &u32| matches!(kind(text, *line), Line::Written);
        let to_definition = (line..=self.last).all(|line| is_joined(&line));
        let before = (self.first..line).rev().take_while(is_joined);
        to_definition.then(|| before.last().unwrap_or(line))
    }

    /// Returns the first and the last of the lines around a line up to the next empty ones; `None` of an empty line.
    fn paragraph(&self, text: &[String], line: u32) -> Option<(u32, u32)> {
        let is_part = |line: &u32| !matches!(kind(text, *line), Line::Empty);
        if !is_part(&line) {
            return None;
        }
        let most = MAX_LINES / 2;
        let before = (self.first..line).rev().take_while(is_part).take(most);
        let behind = (line.saturating_add(1)..=self.last).take_while(is_part).take(most - 1);
        Some((before.last().unwrap_or(line), behind.last().unwrap_or(line)))
    }
}

/// How a line reads.
enum Line {
    Empty,
    /// It ends what was before: `}`, `});`, `end`.
    End,
    Written,
}

fn kind(text: &[String], line: u32) -> Line {
    let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    match at.and_then(|at| text.get(at)).map_or("", |line| line.trim()) {
        "" => Line::Empty,
        "end" => Line::End,
        line if line.starts_with('}') && !line.contains(char::is_alphanumeric) => Line::End,
        _ => Line::Written,
    }
}
