//! Modules whose file is written beside them: `#[path = "a.rs"] mod b;`.

use std::collections::{HashMap, HashSet};

use super::super::super::File;
use super::{Crates, folder, join, offset, parent};

/// A module that goes to another place than its file's path says.
struct Placed {
    file: u32,
    root: u32,
    module: String,
    /// The folder that the files of its modules are in.
    folder: String,
}

impl Crates {
    /// Puts files that modules name by their paths, and the modules below them, where they are declared.
    pub(super) fn place_written(&mut self, files: &[File], roots: &HashMap<String, u32>) {
        let by_path: HashMap<&str, u32> =
            files.iter().enumerate().map(|(at, file)| (file.path.as_str(), offset(at))).collect();
        let roots: HashSet<u32> = roots.values().chain(self.beside.keys()).copied().collect();
        let mut done: HashSet<u32> = HashSet::new();
        for (number, file) in files.iter().enumerate() {
            let number = offset(number);
            let Some((root, own)) = self.modules.get(&number).cloned() else { continue };
            for import in file.facts.imports.iter().filter(|of| of.from.ends_with(".rs")) {
                let path = join(folder(&file.path), &import.from);
                let target = path.as_deref().and_then(|path| by_path.get(path)).copied();
                let (Some(name), Some(target)) = (&import.alias, target) else { continue };
                self.written.insert((number, import.from.to_string()), target);
                let module = below(&own, name);
                let first = self.beside.get(&root).copied().unwrap_or(root);
                self.files.entry((first, module.clone())).or_insert(target);
                let is_elsewhere = roots.contains(&target) || self.is_declared(files, target);
                if !is_elsewhere && done.insert(target) {
                    let folder = path.as_deref().map_or("", folder).to_owned();
                    self.place(files, &by_path, Placed { file: target, root, module, folder });
                }
            }
        }
    }

    /// Tells whether the module above a file, by its path, declares it.
    fn is_declared(&self, files: &[File], at: u32) -> bool {
        let Some((root, module)) = self.modules.get(&at).filter(|(_, of)| !of.is_empty()) else {
            return false;
        };
        let above = self.file(&(*root, parent(module)));
        let name = module.rsplit("::").next().unwrap_or(module);
        let declared = format!("self::{name}");
        above
            .and_then(|above| files.get(above as usize))
            .is_some_and(|above| above.facts.imports.iter().any(|import| *import.from == *declared))
    }

    /// Gives a file its module, and those whose modules it declares theirs.
    fn place(&mut self, files: &[File], by_path: &HashMap<&str, u32>, start: Placed) {
        let mut open = vec![start];
        let mut seen: HashSet<u32> = HashSet::new();
        while let Some(Placed { file, root, module, folder }) = open.pop() {
            if !seen.insert(file) {
                continue;
            }
            let first = self.beside.get(&root).copied().unwrap_or(root);
            self.files.entry((first, module.clone())).or_insert(file);
            self.modules.insert(file, (root, module.clone()));
            let imports = files.get(file as usize).into_iter().flat_map(|of| &of.facts.imports);
            for import in imports.filter(|of| of.names.is_empty() && !of.is_wildcard) {
                let Some(name) = import.from.strip_prefix("self::") else { continue };
                let inner = join(&folder, name).unwrap_or_default();
                let ends = [format!("{inner}.rs"), format!("{inner}/mod.rs")];
                let child = ends.iter().find_map(|path| by_path.get(path.as_str()));
                open.extend(child.map(|file| Placed {
                    file: *file,
                    root,
                    module: below(&module, name),
                    folder: inner,
                }));
            }
        }
    }
}

fn below(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}
