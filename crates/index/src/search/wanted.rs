//! What is shown where tests are left out: all but tests, and of these what the request names in so many words.

use std::collections::HashSet;

use distiq_base::paths::file_name;

use super::{Mode, Query, Tests, is_test, searched_name, symbol};
use crate::error::IndexError;
use crate::rank::is_identifier;
use crate::snapshot::Snapshot;
use crate::words::tokens;

/// Most words of a request that are taken for names.
const MAX_NAMES: usize = 24;

/// The files that a request names by their paths, or by their whole names.
#[derive(Clone, Debug, Default)]
pub struct NamedFiles(Vec<String>);

impl NamedFiles {
    /// Reads a request.
    pub fn of(request: &str) -> Self {
        let is_around = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '-'));
        let words = request.split(|c: char| c.is_whitespace() || is_around(c));
        let words = words.map(|word| word.trim_matches(|c: char| matches!(c, '.' | '-' | '/')));
        let words = words.filter(|word| word.len() > 2).map(str::to_lowercase);
        Self(words.collect())
    }

    /// Tells whether one of them is at this path. A name without an ending will do for what is written in capitals, such as
    /// `README.md`.
    pub fn hold(&self, path: &str) -> bool {
        let name = file_name(path);
        let stem = name.split('.').next().unwrap_or(name);
        let is_loud = stem.chars().all(|c| c.is_uppercase() || !c.is_alphabetic());
        let (path, name, stem) = (path.to_lowercase(), name.to_lowercase(), stem.to_lowercase());
        self.0.iter().any(|word| {
            let ends_so = path.strip_suffix(word.as_str());
            // With its ending, or with a folder before it.
            let is_whole = word.ends_with(&name) && (name.contains('.') || word.contains('/'));
            is_loud && *word == stem
                || is_whole && ends_so.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    }
}

/// What a search shows.
pub(crate) struct Wanted {
    has_tests: bool,
    files: NamedFiles,
    /// In lower case, names that the request has and that tests alone define.
    names: HashSet<String>,
}

impl Wanted {
    pub fn of(snapshot: &Snapshot, query: &Query<'_>) -> Result<Self, IndexError> {
        let mut wanted = Self {
            has_tests: query.tests == Tests::Include,
            files: NamedFiles::default(),
            names: HashSet::new(),
        };
        if wanted.has_tests {
            return Ok(wanted);
        }
        wanted.files = NamedFiles::of(query.text());
        let names = tokens(query.text()).filter(|token| is_identifier(token));
        let searched = (query.mode == Mode::Symbol).then(|| searched_name(query.text()));
        for name in names.take(MAX_NAMES).chain(searched) {
            let name = name.to_lowercase();
            let (mut is_there, mut is_of_tests) = (false, true);
            for (number, _) in symbol::named(snapshot, &name)?.iter().filter(|(_, same)| *same) {
                is_there = true;
                is_of_tests &= is_test(snapshot.file_of(*number)?.path);
            }
            if is_there && is_of_tests {
                wanted.names.insert(name);
            }
        }
        Ok(wanted)
    }

    /// Tells whether what lies in a file is shown, whatever its name.
    pub fn shows_file(&self, path: &str) -> bool {
        self.has_tests || !is_test(path) || self.files.hold(path)
    }

    /// Tells whether something in a file is shown, whose name is looked up where that matters.
    pub fn shows(
        &self,
        path: &str,
        name: impl FnOnce() -> Result<String, IndexError>,
    ) -> Result<bool, IndexError> {
        Ok(self.shows_file(path)
            || !self.names.is_empty() && self.names.contains(&name()?.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_paths_whole_names_and_loud_ones() {
        let check = |request: &str, path: &str, is_named: bool| {
            assert_eq!(NamedFiles::of(request).hold(path), is_named, "{request} {path}");
        };
        check("why does tests/test_http.py fail", "tests/test_http.py", true);
        check("why does `test_http.py:12` fail?", "tests/test_http.py", true);
        check("test_http.py", "tests/more_test_http.py", false);
        check("other/test_http.py", "tests/test_http.py", false);
        check("test_http", "tests/test_http.py", false);
        check("what does the readme say of pip", "README.md", true);
        check("see docs/faq.rst.", "docs/faq.rst", true);
        check("the faq", "docs/faq.rst", false);
        check("changes in version 3.0", "docs/changes.rst", false);
        check("", "a.py", false);
    }
}
