//! Rust's crates and modules.

use std::collections::HashMap;

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
}

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
            if let Some(name) = package_name(text) {
                crates.names.insert(name.replace('-', "_"), at);
            }
            roots.insert(folder(&join(of, root).unwrap_or_default()).to_owned(), at);
        }
        for (path, at) in by_path {
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
            let Some(root) = root else { continue };
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
        let at = *self.files.get(&module)?;
        Some((at, parts.map(str::to_owned).collect()))
    }

    /// Returns the file of a module, if the whole path is one, or its names are within the file.
    pub(super) fn module(&self, _: &Paths, file: u32, path: &str) -> Option<u32> {
        self.walk(file, path).map(|(at, _)| at)
    }

    fn child(&self, module: &(u32, String), name: &str) -> Option<(u32, String)> {
        let path =
            if module.1.is_empty() { name.to_owned() } else { format!("{}::{name}", module.1) };
        let key = (module.0, path);
        self.files.contains_key(&key).then_some(key)
    }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned()
}

/// Returns the `name` of a manifest's `[package]`.
fn package_name(text: &str) -> Option<String> {
    let package = text.split_once("[package]")?.1;
    let line = package
        .lines()
        .take_while(|line| !line.trim_start().starts_with('['))
        .find_map(|line| line.trim().strip_prefix("name")?.trim_start().strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned())
}
