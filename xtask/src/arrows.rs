//! Who may import whom: the house as data, held against `cargo metadata`.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A crate and the crates below that it may import; short names, without `distiq-`.
struct Row {
    name: &'static str,
    may: &'static [&'static str],
}

const fn row(name: &'static str, may: &'static [&'static str]) -> Row {
    Row { name, may }
}

/// The house, from the ground floor up.
const HOUSE: &[Row] = &[
    row("base", &[]),
    row("store", &["base"]),
    row("ml", &["base"]),
    row("pdf", &["base"]),
    row("lang", &["base"]),
    row("llm", &["base", "ml"]),
    row("index", &["base", "store", "ml", "lang"]),
    row("tools", &["base", "lang"]),
    row("context", &["base", "ml", "lang", "index"]),
    row("router", &["base", "store", "ml", "llm"]),
    row("agent", &["base", "store", "ml", "lang", "index", "tools", "context", "router"]),
    row("gateway", &["base", "store", "llm", "router"]),
    row("tui", &["base", "agent"]),
    row(
        "distiq",
        &[
            "base", "store", "ml", "pdf", "lang", "llm", "index", "tools", "context", "router",
            "agent", "gateway", "tui", "testkit",
        ],
    ),
    row("testkit", &["base", "ml", "llm"]),
    row("xtask", &["base", "ml", "lang", "index", "router", "testkit"]),
];

/// An outside crate that only some crates may use; a trailing `*` stands for any ending.
struct Wall {
    outside: &'static str,
    inside: &'static [&'static str],
}

const fn wall(outside: &'static str, inside: &'static [&'static str]) -> Wall {
    Wall { outside, inside }
}

const WITH_TASKS: &[&str] = &[
    "store", "llm", "index", "tools", "context", "router", "agent", "gateway", "tui", "distiq",
    "testkit",
];

const WALLS: &[Wall] = &[
    wall("reqwest", &["llm", "tools", "store", "gateway"]),
    wall("ureq", &[]),
    wall("axum*", &["gateway", "testkit", "distiq"]),
    wall("hyper*", &["llm", "gateway", "testkit", "distiq"]),
    wall("rusqlite", &["store"]),
    wall("tree-sitter*", &["lang"]),
    wall("tiktoken-rs", &["ml"]),
    wall("tokenizers", &["ml"]),
    wall("candle-*", &["ml"]),
    wall("matrixmultiply", &["ml"]),
    wall("forust-ml", &["ml"]),
    wall("hayro-*", &["pdf"]),
    wall("ratatui*", &["tui"]),
    wall("crossterm", &["tui"]),
    wall("clap*", &["distiq"]),
    wall("anyhow", &["distiq", "xtask", "testkit"]),
    wall("tokio*", WITH_TASKS),
];

/// One import, as `cargo metadata` tells it.
struct Import {
    from: String,
    to: String,
    in_tests: bool,
}

/// Holds the workspace against the house.
pub fn run() -> Result<()> {
    let faults = faults(&imports()?);
    if faults.is_empty() {
        println!("arrows: {} crates in order", HOUSE.len());
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}

fn imports() -> Result<Vec<Import>> {
    let text = crate::output("cargo", &["metadata", "--format-version=1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&text).context("Bad `cargo metadata`")?;
    let mut imports = Vec::new();
    for package in list(&metadata, "packages") {
        let from = short(text_of(package, "name"));
        imports.push(Import { from: from.clone(), to: from.clone(), in_tests: false });
        imports.extend(list(package, "dependencies").map(|dependency| Import {
            from: from.clone(),
            to: short(text_of(dependency, "name")),
            in_tests: text_of(dependency, "kind") == "dev",
        }));
    }
    Ok(imports)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn short(package: &str) -> String {
    package.strip_prefix("distiq-").unwrap_or(package).to_owned()
}

fn faults(imports: &[Import]) -> Vec<String> {
    imports.iter().filter_map(fault).collect()
}

fn fault(Import { from, to, in_tests }: &Import) -> Option<String> {
    let Some(row) = HOUSE.iter().find(|row| row.name == from) else {
        return Some(format!("`{from}` is not in the house: add its row to xtask/src/arrows.rs"));
    };
    if from == to {
        return None;
    }
    if HOUSE.iter().any(|row| row.name == to) {
        let may = row.may.contains(&to.as_str()) || (*in_tests && may_in_tests(from, to));
        return (!may).then(|| format!("`{from}` may not import `{to}`: up or sideways"));
    }
    let wall = WALLS.iter().find(|wall| wall.stops(to))?;
    let may = *in_tests || wall.inside.contains(&from.as_str());
    (!may).then(|| format!("`{from}` may not use `{to}`: only {:?} may", wall.inside))
}

/// Tests may look at any lower floor, and use the testkit.
fn may_in_tests(from: &str, to: &str) -> bool {
    let floor = |name: &str| HOUSE.iter().position(|row| row.name == name);
    to == "testkit" || floor(to) < floor(from)
}

impl Wall {
    fn stops(&self, package: &str) -> bool {
        match self.outside.strip_suffix('*') {
            Some(start) => package.starts_with(start),
            None => package == self.outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, in_tests: bool) -> bool {
        fault(&Import { from: from.into(), to: to.into(), in_tests }).is_none()
    }

    #[test]
    fn the_workspace_keeps_to_the_house() {
        assert_eq!(faults(&imports().unwrap()), Vec::<String>::new());
    }

    /// CONTRIBUTING.md has a table of outside crates; grammars share a row.
    #[test]
    fn every_outside_crate_has_its_reason() {
        let text = std::fs::read_to_string(crate::root().join("CONTRIBUTING.md")).unwrap();
        let table = text.split("| crate | why |").nth(1).unwrap();
        let named: Vec<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
            .flat_map(|names| names.split([',', ' ', '(', ')']))
            .collect();
        for Import { from, to, .. } in imports().unwrap() {
            let is_ours = HOUSE.iter().any(|row| row.name == to);
            let is_grammar = to.starts_with("tree-sitter");
            assert!(is_ours || is_grammar || named.contains(&to.as_str()), "`{to}` of `{from}`");
        }
    }

    #[test]
    fn wrong_arrows_are_faults() {
        assert!(check("llm", "base", false));
        assert!(!check("base", "llm", false), "up");
        assert!(!check("store", "ml", false), "sideways");
        assert!(check("router", "testkit", true), "tests may use the testkit");
        assert!(!check("router", "testkit", false));
        assert!(check("tools", "ml", true) && !check("tools", "ml", false), "measured in tests");
        assert!(!check("tools", "agent", true), "up, even in tests");
        assert!(!check("newcomer", "base", false), "not in the house");
    }

    #[test]
    fn outside_crates_stay_behind_their_walls() {
        assert!(check("store", "rusqlite", false));
        assert!(!check("router", "rusqlite", false));
        assert!(!check("tools", "tree-sitter-bash", false));
        assert!(!check("base", "tokio", false));
        assert!(!check("agent", "clap_complete", false));
        assert!(check("agent", "serde", false), "no wall");
    }

    #[test]
    fn rows_point_down_only() {
        for (floor, row) in HOUSE.iter().enumerate() {
            for may in row.may.iter().filter(|may| **may != "testkit") {
                let below = HOUSE.iter().position(|other| other.name == *may);
                assert!(below.is_some_and(|below| below < floor), "{} -> {may}", row.name);
            }
        }
    }
}
