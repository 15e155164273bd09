//! The places that a request may be about, for the tail of its turn.

use std::time::{Duration, Instant};

use distiq_base::CountTokens;
use distiq_context::{Request, Shape, build};
use distiq_index::{Control, Index, IndexError, Snapshot};

use super::ProjectCode;

/// Most tokens of the places.
const TOKENS: u64 = 800;
/// How long a look at what changed may take before the turn begins.
const PATIENCE: Duration = Duration::from_millis(500);
/// Bytes of a token, rather too few than too many.
const BYTES_A_TOKEN: usize = 3;
/// A shorter request says too little.
const FEWEST_WORDS: usize = 3;

impl ProjectCode {
    /// Returns heads and telling lines of what fits a request best; nothing where the request names its file, where
    /// it says too little, or nothing of what the project holds, and where the project has no index yet: a turn makes none.
    pub fn places(&self, request: &str) -> String {
        if request.split_whitespace().count() < FEWEST_WORDS
            || !Index::is_in(&self.root, &self.cache)
        {
            return String::new();
        }
        let begin = Instant::now();
        let control =
            Control { is_cancelled: Some(&|| begin.elapsed() > PATIENCE), ..Control::default() };
        let found = self.with(&control, |snapshot| {
            if names_its_file(snapshot, request)? || !snapshot.may_be_meant(request)? {
                return Ok(String::new());
            }
            snapshot.embed_changes(&control)?;
            let request = Request::new(request, TOKENS, Shape::Hits);
            Ok(build(snapshot, &request, &Estimate)?.text)
        });
        // Without them the model looks for itself.
        found.unwrap_or_default()
    }
}

/// Tells whether a word of the request is the path or the name of a file.
fn names_its_file(snapshot: &Snapshot, request: &str) -> Result<bool, IndexError> {
    let is_edge = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '-'));
    for word in request.split(|c: char| c.is_whitespace() || is_edge(c)) {
        let word = word.trim_matches(|c: char| matches!(c, '.' | '-' | '/'));
        let name = word.rsplit('/').next().unwrap_or(word);
        if !name.contains('.') {
            continue;
        }
        if snapshot.files_called(name)?.iter().any(|file| file.path.ends_with(word)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts tokens without a vocabulary, rather too many than too few.
struct Estimate;

impl CountTokens for Estimate {
    fn count(&self, text: &str) -> u64 {
        u64::try_from(text.len().div_ceil(BYTES_A_TOKEN)).unwrap_or(u64::MAX)
    }

    fn name(&self) -> &'static str {
        "estimate"
    }
}
