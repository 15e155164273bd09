//! What a session keeps of the part of its history that is not sent any more.

use serde::{Deserialize, Serialize};

/// What was carried over when a history was made shorter. All texts are word for word as they stood in
/// the history, but for `summary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carried {
    /// What the user said, the oldest first.
    pub user: Vec<String>,
    /// Files that were changed, with what they define.
    pub changed: Vec<TouchedFile>,
    /// Paths of files that were read, the newest last.
    pub read: Vec<String>,
    /// What failed, the newest last.
    pub failed: Vec<String>,
    /// What was decided, the newest last.
    pub decisions: Vec<String>,
    /// What is still to be done.
    pub todos: Vec<String>,
    /// Lines of answers and results that hold a rule, a path, a code or a number.
    pub notes: Vec<String>,
    /// The rest, in a model's words.
    pub summary: String,
}

/// What stands in for a tool's result that is not sent any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedResult {
    /// The message that holds it, counted from 0 in the history as it is then.
    pub message: usize,
    /// The call that it answers.
    pub call_id: String,
    /// What is sent in its place.
    pub text: String,
}

/// A file that a session changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchedFile {
    /// Relative to the root.
    pub path: String,
    /// The first lines of what it defines, as it was then.
    #[serde(default)]
    pub signatures: Vec<String>,
}
