//! The quick inner loop: format, lints and tests of the crates that changed.

use std::collections::BTreeSet;

use anyhow::Result;

/// Checks what changed since `revision`, uncommitted changes included.
pub fn run(revision: &str) -> Result<()> {
    crate::step("cargo", &["fmt", "--all", "--check"])?;
    crate::arrows::run()?;
    crate::env_table::run()?;
    let changed = crate::output("git", &["diff", "--name-only", revision])?;
    let new = crate::output("git", &["ls-files", "--others", "--exclude-standard"])?;
    let packages = packages(changed.lines().chain(new.lines()));
    if packages.is_empty() {
        println!("check: no crate changed since {revision}");
        return Ok(());
    }
    let selected: Vec<&str> = packages.iter().flat_map(|package| ["-p", package]).collect();
    let with = |before: &[&'static str], after: &[&'static str]| -> Vec<&str> {
        before
            .iter()
            .copied()
            .chain(selected.iter().copied())
            .chain(after.iter().copied())
            .collect()
    };
    crate::step("cargo", &with(&["clippy"], &["--all-targets", "--", "-D", "warnings"]))?;
    if crate::output("cargo", &["nextest", "--version"]).is_ok() {
        crate::step("cargo", &with(&["nextest", "run"], &["--no-tests=pass"]))
    } else {
        crate::step("cargo", &with(&["test"], &[]))
    }
}

/// Names the packages that own the files; a change of the workspace's manifest counts for none.
fn packages<'a>(files: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    files
        .filter_map(|file| match file.split('/').collect::<Vec<_>>().as_slice() {
            ["crates", "distiq", _, ..] => Some("distiq".to_owned()),
            ["crates", name, _, ..] => Some(format!("distiq-{name}")),
            ["xtask", _, ..] => Some("xtask".to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_name_their_packages() {
        let files =
            ["README.md", "crates/llm/src/lib.rs", "crates/distiq/Cargo.toml", "xtask/a.rs"];
        let names: Vec<String> = packages(files.into_iter()).into_iter().collect();
        assert_eq!(names, ["distiq", "distiq-llm", "xtask"]);
    }
}
