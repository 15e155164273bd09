//! Rust's crates and modules.

use std::collections::{HashMap, HashSet};

use distiq_lang::Language;

use super::{File, folder, join, offset};

mod manifest;
mod written;

use manifest::Manifest;

/// The crates of a project and the modules of their files.
#[derive(Debug, Default)]
pub(crate) struct Crates {
    /// Names as code writes them, with the root file.
    names: HashMap<String, u32>,
    /// By file: its crate's root file, and its module's path in that, parts behind `::`.
    modules: HashMap<u32, (u32, String)>,
    files: HashMap<(u32, String), u32>,
    /// By file and a path that it writes to a module, `#[path = "a.rs"] mod b;`, that module's file.
    written: HashMap<(u32, String), u32>,
    /// By root and the name that its package gives to a crate, that crate's root.
    renamed: HashMap<(u32, String), u32>,
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
        let packages: Vec<(&str, Manifest)> = manifests
            .iter()
            .filter(|(path, _)| path.ends_with("Cargo.toml"))
            .map(|(path, text)| (folder(path), Manifest::read(text)))
            .collect();
        let file = |of: &str, path: &str| by_path.get(join(of, path)?.as_str()).copied();
        for (of, manifest) in &packages {
            let usual = ["src/lib.rs", "src/main.rs", "lib.rs"];
            let mut places = manifest.library.as_deref().into_iter().chain(usual);
            let Some((root, at)) = places.find_map(|root| Some((root, file(of, root)?))) else {
                continue;
            };
            crates.names.extend(manifest.names.iter().map(|name| (name.clone(), at)));
            roots.insert(folder(&join(of, root).unwrap_or_default()).to_owned(), at);
        }
        for (of, manifest) in &packages {
            let written = manifest.roots.iter().filter_map(|root| file(of, root));
            for at in written {
                crates.add_root(files, at, &mut roots);
            }
            // What builds a package is none of its modules.
            if roots.contains_key(*of)
                && let Some(at) = file(of, "build.rs")
            {
                crates.add_root(files, at, &mut roots);
            }
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
        crates.place_written(files, &roots);
        crates.rename(files, &packages);
        crates
    }

    /// Adds a root that a manifest names.
    fn add_root(&mut self, files: &[File], at: u32, roots: &mut HashMap<String, u32>) {
        let path = files.get(at as usize).map_or("", |file| &file.path);
        let first = *roots.entry(folder(path).to_owned()).or_insert(at);
        if first != at {
            self.beside.insert(at, first);
            self.modules.insert(at, (at, String::new()));
        }
    }

    /// Adds what packages call the crates that they depend on, where that is another name.
    fn rename(&mut self, files: &[File], packages: &[(&str, Manifest)]) {
        let renamed: HashMap<&str, &Manifest> = packages
            .iter()
            .filter(|(_, manifest)| !manifest.renamed.is_empty())
            .map(|(of, manifest)| (*of, manifest))
            .collect();
        let roots: HashSet<u32> = self.modules.values().map(|(root, _)| *root).collect();
        for root in roots.into_iter().filter(|_| !renamed.is_empty()) {
            let mut of = files.get(root as usize).map_or("", |file| folder(&file.path));
            loop {
                for (name, package) in renamed.get(of).into_iter().flat_map(|of| &of.renamed) {
                    if let Some(other) = self.names.get(package).copied() {
                        self.renamed.entry((root, name.clone())).or_insert(other);
                    }
                }
                if of.is_empty() {
                    break;
                }
                of = folder(of);
            }
        }
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
            first => match self.named(*root, first) {
                // A module beside the file goes before a crate of its name.
                Some(other) if self.child(&(*root, own.clone()), first).is_none() => {
                    (other, String::new())
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

    /// Returns the root of the crate that a name means in another.
    fn named(&self, root: u32, name: &str) -> Option<u32> {
        let own = self.renamed.get(&(root, name.to_owned()));
        own.or_else(|| self.names.get(name)).copied()
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
    pub(super) fn module(&self, file: u32, path: &str) -> Option<u32> {
        let written = || self.written.get(&(file, path.to_owned())).copied();
        if path.ends_with(".rs") { written() } else { self.walk(file, path).map(|(at, _)| at) }
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
