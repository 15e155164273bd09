//! Lines of files, as they are now.

use std::collections::HashMap;
use std::path::Path;

use distiq_index::Snapshot;
use distiq_lang::readable;

/// Reads each file once.
pub(crate) struct Lines<'a> {
    snapshot: &'a Snapshot,
    texts: HashMap<String, Option<Text>>,
}

/// A file's text, or its lines as they read, where those are others.
enum Text {
    Own(String),
    Read(Vec<String>),
}

impl<'a> Lines<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, texts: HashMap::new() }
    }

    /// Returns lines by their 1-based numbers; none where the file has changed so far that it lacks them. A line of a notebook is
    /// what it holds of a cell, which may be several lines.
    pub fn get(&mut self, path: &str, start_line: u32, end_line: u32) -> Option<Vec<&str>> {
        if !self.texts.contains_key(path) {
            let text = self.snapshot.text(path);
            let text = text.map(|text| match readable(Path::new(path), &text) {
                Some(lines) => Text::Read(lines),
                None => Text::Own(text),
            });
            self.texts.insert(path.to_owned(), text);
        }
        let text = self.texts.get(path)?.as_ref()?;
        let skip = usize::try_from(start_line.checked_sub(1)?).ok()?;
        let take = usize::try_from(end_line.checked_sub(start_line)?).ok()?.checked_add(1)?;
        let lines: Vec<&str> = match text {
            Text::Own(text) => text.lines().skip(skip).take(take).collect(),
            Text::Read(lines) => lines.iter().skip(skip).take(take).map(String::as_str).collect(),
        };
        (!lines.is_empty()).then_some(lines)
    }
}
