//! Lines of files, as they are now.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use distiq_index::words::without_secrets;
use distiq_lang::readable;

/// Longest file that is read; the index reads none longer.
const MAX_BYTES: u64 = 4 << 20;

/// Reads each file once.
pub(crate) struct Lines {
    root: PathBuf,
    texts: HashMap<String, Option<Text>>,
}

/// A file's text, or its lines as they read, where those are others.
enum Text {
    Own(String),
    Read(Vec<String>),
}

impl Lines {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), texts: HashMap::new() }
    }

    /// Returns lines by their 1-based numbers; none where the file has changed so far that it lacks them. A line of a notebook is
    /// what it holds of a cell, which may be several lines.
    pub fn get(&mut self, path: &str, start_line: u32, end_line: u32) -> Option<Vec<&str>> {
        if !self.texts.contains_key(path) {
            let text = read(&self.root, path).map(|text| match readable(Path::new(path), &text) {
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

/// Reads a file inside the root, without its keys; a link anywhere on the way may lead out of it.
fn read(root: &Path, path: &str) -> Option<String> {
    let mut full = root.to_path_buf();
    for component in Path::new(path).components() {
        let Component::Normal(part) = component else { return None };
        full.push(part);
        if fs::symlink_metadata(&full).ok()?.is_symlink() {
            return None;
        }
    }
    let metadata = fs::symlink_metadata(&full).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let bytes = fs::read(&full).ok()?;
    Some(without_secrets(path, &String::from_utf8_lossy(&bytes)).into_owned())
}
