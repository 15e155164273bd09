//! What a `Cargo.toml` tells of crates.

use toml::{Table, Value};

/// What a manifest tells of its package's crates and of what they depend on.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// The library's names as code writes them: the package's and its own.
    pub names: Vec<String>,
    /// The library's root, where it is written.
    pub library: Option<String>,
    /// The roots that are written of programs, tests, examples and benchmarks.
    pub roots: Vec<String>,
    /// Names of dependencies here with the packages' own names, as code writes both; those of a workspace, too.
    pub renamed: Vec<(String, String)>,
}

impl Manifest {
    /// Reads a manifest; one that is no TOML, such as a template, tells nothing.
    pub fn read(text: &str) -> Self {
        let Ok(table) = text.parse::<Table>() else { return Self::default() };
        let text_in = |of: &str, key: &str| {
            let value = table.get(of).and_then(|of| of.get(key)).and_then(Value::as_str);
            value.map(str::to_owned)
        };
        let mut manifest = Self { library: text_in("lib", "path"), ..Self::default() };
        let names = ["package", "lib"].iter().filter_map(|of| text_in(of, "name"));
        manifest.names.extend(names.map(|name| as_code(&name)));
        for target in ["bin", "test", "example", "bench"] {
            let targets = table.get(target).and_then(Value::as_array).into_iter().flatten();
            let roots = targets.filter_map(|target| target.get("path")?.as_str());
            manifest.roots.extend(roots.map(str::to_owned));
        }
        manifest.add_renamed(&table);
        let targets = table.get("target").and_then(Value::as_table).into_iter().flatten();
        let workspace = table.get("workspace").into_iter();
        for inner in targets.map(|(_, of)| of).chain(workspace).filter_map(Value::as_table) {
            manifest.add_renamed(inner);
        }
        manifest
    }

    fn add_renamed(&mut self, table: &Table) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let list = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            self.renamed.extend(list.filter_map(|(name, of)| {
                Some((as_code(name), as_code(of.get("package")?.as_str()?)))
            }));
        }
    }
}

fn as_code(name: &str) -> String {
    name.replace('-', "_")
}
