//! Rust's crates and modules.

use std::collections::{HashMap, HashSet};

use distiq_lang::Language;

use super::{File, Paths, folder, join, offset};

/// The crates of a project and the modules of their files.
#[derive(Debug, Default)]
pub(crate) struct Crates {
    /// Names as code writes them, with the root file.
    names: HashMap<String, u32>,
    /// By file: its crate's root file, and its module's path in that, parts behind `::`.
    modules: HashMap<u32, (u32, String)>,
    files: HashMap<(u32, String), u32>,
    /// Of a root that stands in a folder with others, such as a test, the first of them: modules go by that one.
    beside: HashMap<u32, u32>,
}

/// Folders of a package in which each file is a crate of its own.
const TARGETS: [&str; 4] = ["tests", "examples", "benches", "src/bin"];

impl Crates {
    pub(super) fn new(files: &[File], manifests: &[(String, String)]) -> Self {
        let by_path: HashMap<&str, u32> = files
            .iter()
            .enumerate()
            .filter(|(_, file)| file.language == Some(Language::Rust))
            .map(|(at, file)| (file.path.as_str(), offset(at)))
            .collect();
        let mut crates = Self::default();
        // Roots, by the folder that their modules are in.
        let mut roots: HashMap<String, u32> = HashMap::new();
        for (path, text) in manifests.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let of = folder(path);
            let root = ["src/lib.rs", "src/main.rs", "lib.rs"]
                .iter()
                .find_map(|root| Some((root, *by_path.get(join(of, root)?.as_str())?)));
            let Some((root, at)) = root else { continue };
            for name in ["[package]", "[lib]"].iter().filter_map(|table| name_in(text, table)) {
                crates.names.insert(name.replace('-', "_"), at);
            }
            roots.insert(folder(&join(of, root).unwrap_or_default()).to_owned(), at);
        }
        crates.add_targets(&by_path, manifests, &mut roots);
        let mut by_path: Vec<(&str, u32)> = by_path.into_iter().collect();
        by_path.sort_unstable();
        for (path, at) in by_path {
            if crates.modules.contains_key(&at) {
                continue;
            }
            let mut base = folder(path);
            let root = loop {
                if let Some(root) = roots.get(base) {
                    break Some(*root);
                }
                if base.is_empty() {
                    break None;
                }
                base = folder(base);
            };
            let Some(root) = root else {
                // A file of no package is a crate of its own: `build.rs`.
                crates.modules.insert(at, (at, String::new()));
                continue;
            };
            let own = path.strip_prefix(base).unwrap_or(path).trim_start_matches('/');
            let own = own.strip_suffix(".rs").unwrap_or(own);
            let own = own.strip_suffix("/mod").unwrap_or(own);
            let module = if at == root || matches!(own, "main" | "lib") {
                String::new()
            } else {
                own.replace('/', "::")
            };
            crates.files.entry((root, module.clone())).or_insert(at);
            if at == root {
                crates.files.insert((root, String::new()), at);
            }
            crates.modules.insert(at, (root, module));
        }
        crates
    }

    /// Adds the crates of tests, examples, benchmarks and further programs.
    fn add_targets(
        &mut self,
        by_path: &HashMap<&str, u32>,
        manifests: &[(String, String)],
        roots: &mut HashMap<String, u32>,
    ) {
        let packages = manifests.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
        let folders: HashSet<String> = packages
            .flat_map(|(path, _)| TARGETS.iter().filter_map(|of| join(folder(path), of)))
            .collect();
        let mut paths: Vec<(&str, u32)> = by_path.iter().map(|(path, at)| (*path, *at)).collect();
        paths.sort_unstable();
        for (path, at) in paths {
            let of = folder(path);
            let is_whole = path.ends_with("/main.rs") && folders.contains(folder(of));
            if is_whole {
                roots.insert(of.to_owned(), at);
            } else if folders.contains(of) {
                let first = *roots.entry(of.to_owned()).or_insert(at);
                self.beside.insert(at, first);
                self.modules.insert(at, (at, String::new()));
                let own = path.strip_prefix(of).unwrap_or(path).trim_start_matches('/');
                let own = own.strip_suffix(".rs").unwrap_or(own).to_owned();
                self.files.insert((first, own), at);
            }
        }
    }

    /// Returns the file of the module that a path means in a file, and what is left of the path.
    pub(crate) fn walk(&self, file: u32, path: &str) -> Option<(u32, Vec<String>)> {
        let (root, own) = self.modules.get(&file)?;
        let mut parts = path.split("::").map(str::trim).filter(|part| !part.is_empty()).peekable();
        let mut module = match *parts.peek()? {
            "crate" | "$crate" => (*root, String::new()),
            "self" => (*root, own.clone()),
            "super" => (*root, own.clone()),
            first => match self.names.get(first) {
                // A module beside the file goes before a crate of its name.
                Some(other) if self.child(&(*root, own.clone()), first).is_none() => {
                    (*other, String::new())
                }
                _ => {
                    let here = (*root, own.clone());
                    let top = (*root, String::new());
                    let base = if self.child(&here, first).is_some() { here } else { top };
                    self.child(&base, first)?
                }
            },
        };
        if parts.next() == Some("super") {
            module.1 = parent(&module.1);
        }
        while let Some(part) = parts.peek() {
            match *part {
                "super" => module.1 = parent(&module.1),
                "self" => {}
                part => match self.child(&module, part) {
                    Some(child) => module = child,
                    None => break,
                },
            }
            parts.next();
        }
        Some((self.file(&module)?, parts.map(str::to_owned).collect()))
    }

    /// Returns the file of a module.
    fn file(&self, (root, module): &(u32, String)) -> Option<u32> {
        let first = self.beside.get(root).copied();
        if module.is_empty() && first.is_some() {
            return Some(*root);
        }
        self.files.get(&(first.unwrap_or(*root), module.clone())).copied()
    }

    /// Returns the file of a module, if the whole path is one, or its names are within the file.
    pub(super) fn module(&self, _: &Paths, file: u32, path: &str) -> Option<u32> {
        self.walk(file, path).map(|(at, _)| at)
    }

    fn child(&self, module: &(u32, String), name: &str) -> Option<(u32, String)> {
        let path =
            if module.1.is_empty() { name.to_owned() } else { format!("{}::{name}", module.1) };
        let key = (module.0, path);
        self.file(&key).map(|_| key)
    }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned()
}

/// Returns the `name` in a table of a manifest.
fn name_in(text: &str, table: &str) -> Option<String> {
    let inner = text.split_once(table)?.1;
    let line = inner
        .lines()
        .take_while(|line| !line.trim_start().starts_with('['))
        .find_map(|line| line.trim().strip_prefix("name")?.trim_start().strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned())
}
