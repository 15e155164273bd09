//! Who is told of changes: a door for checkpoints.

use std::path::PathBuf;

/// What a call may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These files, absolute, links resolved; some may not exist yet or any more.
    Paths(Vec<PathBuf>),
    /// Anything in the project: a command runs.
    Anything,
}

/// Is told of every change just before it is made and just after, off the async threads.
///
/// Calls that change nothing, harmless commands among them, are not told.
pub trait Watch: Send + Sync {
    /// The call is allowed and about to run.
    ///
    /// # Errors
    /// Why the old state cannot be kept; the call then does not run.
    fn before(&self, touched: &Touched) -> Result<(), String>;

    /// The call has ended, well or not. Returns the paths that changed, relative to the root.
    fn after(&self, touched: &Touched) -> Vec<String>;
}
