//! Holds the environment variables that code reads against the table in `distiq_base::env`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use distiq_base::env;

/// Names that mark an environment variable wherever they stand in a literal.
const PREFIXES: &[&str] = &["DISTIQ_", "XDG_"];
const SUFFIXES: &[&str] = &["_API_KEY", "_BASE_URL"];

/// What reads a variable by the literal that follows.
const READERS: &[&str] = &["env(", "env::var(", "env::var_os(", "var_os(", "env_var("];

/// Reads of the build, and of debug builds under test.
const NOT_OURS: &[&str] = &["CARGO_MANIFEST_DIR", "CARGO_PKG_VERSION", "DISTIQ_TEST_KILL_AT"];

/// Fails where code reads a variable that the table lacks.
pub fn run() -> Result<()> {
    let unknown = unknown()?;
    if unknown.is_empty() {
        println!("env: {} variables, all in the table", env::ALL.len());
        return Ok(());
    }
    let lines: Vec<String> =
        unknown.iter().map(|(name, file)| format!("`{name}` in {}", file.display())).collect();
    bail!("Not in crates/base/src/env.rs:\n{}", lines.join("\n"))
}

fn unknown() -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let crates = crate::root().join("crates");
    for folder in fs::read_dir(&crates).with_context(|| format!("Cannot read {crates:?}"))? {
        let source = folder?.path().join("src");
        // The testkit sets up other programs' environments and is no part of the product.
        if source.is_dir() && !source.ends_with("testkit/src") {
            scan(&source, &mut found)?;
        }
    }
    Ok(found)
}

fn scan(folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("Cannot read {folder:?}"))? {
        let path = entry?.path();
        if path.is_dir() {
            scan(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("Cannot read {path:?}"))?;
            for name in reads(&text, names(&path)) {
                if env::find(&name).is_none() && !NOT_OURS.contains(&name.as_str()) {
                    found.insert(name, path.clone());
                }
            }
        }
    }
    Ok(())
}

/// How far a name alone tells that a variable is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// It does.
    Tell,
    /// It does not: the tools name what they take out of their children's environment.
    Say,
}

fn names(path: &Path) -> Names {
    let is_tools = path.components().any(|part| part.as_os_str() == "tools");
    if is_tools { Names::Say } else { Names::Tell }
}

/// Finds the variables that a source file reads; its tests are left out.
fn reads(source: &str, names: Names) -> Vec<String> {
    let production = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let parts: Vec<&str> = production.split('"').collect();
    parts
        .windows(2)
        .filter_map(|pair| match pair {
            [before, literal] if is_variable(before, literal, names) => Some((*literal).to_owned()),
            _ => None,
        })
        .collect()
}

fn is_variable(before: &str, literal: &str, names: Names) -> bool {
    let is_name = literal.len() > 1
        && literal.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && !literal.starts_with('_')
        && !literal.ends_with('_');
    is_name
        && (READERS.iter().any(|reader| before.trim_end().ends_with(reader))
            || (names == Names::Tell
                && (PREFIXES.iter().any(|prefix| literal.starts_with(prefix))
                    || SUFFIXES.iter().any(|suffix| literal.ends_with(suffix)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_reads_no_variable_that_the_table_lacks() {
        assert_eq!(unknown().unwrap(), BTreeMap::new());
    }

    #[test]
    fn reads_are_found_and_tests_left_out() {
        let source = r#"
            let a = std::env::var("EDITOR"); let b = env(
                "HOME"); let key = ["FOO_API_KEY", "JUST_A_WORD", "DISTIQ_X"];
            #[cfg(test)]
            mod tests { env("SECRET") }"#;
        let source = source.replace("            #", "#").replace("            mod", "mod");
        assert_eq!(reads(&source, Names::Tell), ["EDITOR", "HOME", "FOO_API_KEY", "DISTIQ_X"]);
        assert_eq!(reads(&source, Names::Say), ["EDITOR", "HOME"]);
    }
}
