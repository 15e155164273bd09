//! Lists every package in the binary with its licence: `crates/distiq/licenses.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

/// Where the list is, from the root.
pub const FILE: &str = "crates/distiq/licenses.txt";

/// What the list is made for; other platforms' packages are not in it.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Makes the list from the dependency graph: what the binary is linked from, nothing of builds
/// and tests.
pub fn list() -> Result<String> {
    let text = crate::output(
        "cargo",
        &["metadata", "--format-version=1", "--filter-platform", PLATFORM, "--locked"],
    )?;
    let metadata: Value = serde_json::from_str(&text).context("Bad `cargo metadata`")?;
    let packages: BTreeMap<&str, &Value> =
        list_of(&metadata, "/packages").map(|package| (text_of(package, "id"), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list_of(&metadata, "/resolve/nodes").map(|node| (text_of(node, "id"), node)).collect();
    let root = packages
        .iter()
        .find(|(_, package)| text_of(package, "name") == "distiq")
        .map(|(id, _)| *id)
        .context("No package `distiq`")?;
    let mut lines = BTreeSet::new();
    for id in linked(root, &nodes, &packages) {
        let Some(package) = packages.get(id).filter(|package| is_outside(package)) else {
            continue;
        };
        let license = text_of(package, "license");
        let license = if license.is_empty() { "see its licence file" } else { license };
        let (name, version) = (text_of(package, "name"), text_of(package, "version"));
        lines.insert(format!("{name} {version} {license}"));
    }
    let mut list = String::from(
        "# Every package in the binary with its licence; made by `cargo xtask docs`.\n",
    );
    for line in lines {
        let _ = writeln!(list, "{line}");
    }
    Ok(list)
}

/// Follows the normal dependencies; macros run at build time only and are left out.
fn linked<'a>(
    root: &'a str,
    nodes: &BTreeMap<&'a str, &'a Value>,
    packages: &BTreeMap<&'a str, &'a Value>,
) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut queue = vec![root];
    while let Some(id) = queue.pop() {
        if packages.get(id).is_some_and(|package| is_macro(package)) || !found.insert(id) {
            continue;
        }
        for dependency in nodes.get(id).into_iter().flat_map(|node| list_of(node, "/deps")) {
            let is_normal = list_of(dependency, "/dep_kinds")
                .any(|kind| kind.get("kind").is_none_or(Value::is_null));
            if is_normal {
                queue.push(text_of(dependency, "pkg"));
            }
        }
    }
    found
}

fn is_macro(package: &Value) -> bool {
    list_of(package, "/targets")
        .any(|target| list_of(target, "/kind").any(|kind| kind.as_str() == Some("proc-macro")))
}

fn is_outside(package: &Value) -> bool {
    package.get("source").is_some_and(|source| !source.is_null())
}

fn list_of<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Versions move with every update; a package without its licence may not slip in.
    #[test]
    fn the_list_names_every_package() {
        let named = |list: &str| -> BTreeSet<String> {
            let lines = list.lines().filter(|line| !line.starts_with('#'));
            lines.filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
        };
        let kept = fs::read_to_string(crate::root().join(FILE)).unwrap();
        assert_eq!(named(&kept), named(&list().unwrap()), "run `cargo xtask docs`");
    }
}
