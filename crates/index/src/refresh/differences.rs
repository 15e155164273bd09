//! What a walk found, held against what the table knows.

use std::collections::HashMap;

use crate::table::FileRow;
use crate::walk::Found;

/// What a walk found that the table does not say.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// New files and those that may have changed, by path.
    pub changed: Vec<Found>,
    /// Which of them the table knows.
    pub known: Vec<String>,
    /// Paths of files that are gone.
    pub removed: Vec<String>,
}

/// Compares what was found with what is known.
pub(super) fn differences(found: Vec<Found>, known: &[FileRow]) -> Differences {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(known.len());
    places.extend(known.iter().zip(0..).map(|(row, at)| (row.path.as_str(), at)));
    let mut differences = Differences::default();
    for file in found {
        let row = places.remove(file.path.as_str()).and_then(|at| known.get(at));
        let is_same =
            |row: &FileRow| row.bytes == file.bytes && row.modified_ns == file.modified_ns;
        if !row.is_some_and(is_same) {
            differences.known.extend(row.map(|row| row.path.clone()));
            differences.changed.push(file);
        }
    }
    differences.changed.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    differences.removed.extend(places.into_keys().map(str::to_owned));
    differences.removed.sort_unstable();
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_changed_or_gone_is_told_by_path() {
        let found = |path: &str, bytes| Found { path: path.to_owned(), bytes, modified_ns: 5 };
        let known = [("a", 5), ("b", 5), ("c", 4), ("d", 5), ("e", 5)];
        let known =
            known.map(|(path, at)| FileRow { path: path.into(), bytes: 1, modified_ns: at });
        let walked =
            ["z", "d", "c", "a", "f"].map(|path| found(path, if path == "d" { 2 } else { 1 }));
        let told = differences(walked.to_vec(), &known);
        let changed: Vec<&str> = told.changed.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(changed, ["c", "d", "f", "z"]);
        assert_eq!(told.known.len(), 2);
        assert_eq!(told.removed, ["b", "e"]);
    }
}
