//! Which files were edited since the last commit, told by times alone: git is not run.

use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::history::moved_head;
use crate::walk::Found;

/// More files than this were not edited by hand since: a copy, a checkout that was cut, a tool that wrote them.
const MOST: usize = 20;
/// Of a project with few files, so large a part of them.
const PART: usize = 2;

/// Returns the paths of the files that changed after git last wrote what is checked out, by path.
pub(super) fn edited(root: &Path, files: &[Found]) -> Vec<String> {
    let moved = moved_head(root).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let Some(moved) = moved.and_then(|since| i64::try_from(since.as_nanos()).ok()) else {
        return Vec::new();
    };
    let edited = files.iter().filter(|file| file.modified_ns > moved);
    let mut edited: Vec<String> = edited.take(MOST + 1).map(|file| file.path.clone()).collect();
    if edited.len() > MOST || edited.len() * PART > files.len() {
        return Vec::new();
    }
    edited.sort_unstable();
    edited
}
