//! Writes the reference pages of docs/ from the code, and the list of licences.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::licenses;

/// What to do with the pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Write them.
    Write,
    /// Fail where one is out of date.
    Check,
}

/// The generated pages: `docs/NAME.md`.
const PAGES: &[&str] = &["cli", "config", "environment", "events", "exit-codes", "tools"];

/// The tools, each with a page of its own: `docs/tools/NAME.md`.
const TOOLS: &[&str] = &["read", "find", "search", "edit", "write", "shell", "test", "more", "git"];

/// Writes or checks every page.
pub fn run(action: Action) -> Result<()> {
    // The list of licences is part of the binary that makes the pages: first.
    let mut stale = page(action, licenses::FILE, &licenses::list()?)?;
    for name in PAGES {
        let text = crate::output("cargo", &["run", "-q", "-p", "distiq", "--", "reference", name])?;
        stale.extend(page(action, &format!("docs/{name}.md"), &text)?);
    }
    for name in TOOLS {
        let arguments = ["run", "-q", "-p", "distiq", "--", "reference", "tool", name];
        let text = crate::output("cargo", &arguments)?;
        stale.extend(page(action, &format!("docs/tools/{name}.md"), &text)?);
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("Out of date: {} (run `cargo xtask docs`)", stale.join(", "))
}

/// Writes or checks one page; returns its name where it is out of date.
fn page(action: Action, name: &str, text: &str) -> Result<Vec<String>> {
    let path = crate::root().join(name);
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(Vec::new());
    }
    if action == Action::Check {
        return Ok(vec![name.to_owned()]);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, text).with_context(|| format!("Cannot write {name}"))?;
    println!("docs: wrote {name}");
    Ok(Vec::new())
}
