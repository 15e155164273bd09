//! Writes the reference pages of docs/ from the code.

use std::fs;

use anyhow::{Context, Result, bail};

/// What to do with the pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Write them.
    Write,
    /// Fail where one is out of date.
    Check,
}

/// The generated pages: `docs/NAME.md`.
const PAGES: &[&str] = &["cli", "config", "environment", "events", "exit-codes"];

/// Writes or checks every page.
pub fn run(action: Action) -> Result<()> {
    let mut stale = Vec::new();
    for page in PAGES {
        let path = crate::root().join("docs").join(format!("{page}.md"));
        let text = crate::output("cargo", &["run", "-q", "-p", "distiq", "--", "reference", page])?;
        if fs::read_to_string(&path).ok().as_deref() == Some(&text) {
            continue;
        }
        match action {
            Action::Write => {
                fs::write(&path, &text).with_context(|| format!("Cannot write {path:?}"))?;
                println!("docs: wrote {}", path.display());
            }
            Action::Check => stale.push(format!("docs/{page}.md")),
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("Out of date: {} (run `cargo xtask docs`)", stale.join(", "))
}
