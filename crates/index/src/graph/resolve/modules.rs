//! Names through imports: what modules export, and how.

use std::borrow::Cow;

use distiq_lang::{Language, WHOLE};

use super::super::{File, SymbolId, offset};
use super::{MAX_MEANT, Resolver, Thing, is_packaged, is_script};

/// The most parts of a package's name.
const MAX_PARTS: usize = 16;

impl<'g> Resolver<'g> {
    /// Returns what an import binds: a name of its module, or the module.
    pub(super) fn through_import(
        &self,
        file: u32,
        at: usize,
        place: Option<usize>,
        depth: u8,
    ) -> Vec<Thing<'g>> {
        let Some(of) = self.graph.files.get(file as usize).filter(|_| self.step(depth)) else {
            return Vec::new();
        };
        let Some(import) = of.facts.imports.get(at) else { return Vec::new() };
        let files = self.graph.files_of_import(of, at).unwrap_or_default();
        let path = match of.language {
            Some(Language::Python) => self.dotted(of, &import.from),
            _ => import.from.to_string(),
        };
        let Some(name) = place.and_then(|place| import.names.get(place)).map(|(name, _)| name)
        else {
            // Python's `import a.b` binds `a`.
            let is_whole = import.names.is_empty() && import.alias.is_none();
            if of.language == Some(Language::Python) && is_whole {
                let first = import.from.split('.').next().unwrap_or("").to_owned();
                let files = self.graph.paths.python_files(&of.path, &first);
                return vec![Thing::Module(files, first)];
            }
            let module = Thing::Module(files.to_vec(), path);
            return if files.is_empty() { vec![Thing::Outside] } else { vec![module] };
        };
        if import.from.is_empty() && is_script(of.language) {
            return self.name_in(file, None, name, depth + 1);
        }
        if of.language == Some(Language::Rust) {
            let found = self.rust_path(file, &format!("{}::{name}", import.from), depth + 1);
            return if found.is_empty() { vec![Thing::Outside] } else { found };
        }
        if is_packaged(of.language)
            && let Some(classes) = self.classes_behind(files, &import.from, None)
        {
            let members = classes.iter().flat_map(|class| self.graph.member(*class, name));
            let found: Vec<Thing<'g>> = members.map(Thing::Symbol).collect();
            return if found.is_empty() { vec![Thing::Outside] } else { found };
        }
        let found = self.in_modules(files, &path, name, depth + 1);
        if !found.is_empty() {
            return found;
        }
        // A package of classes: `import a.b.C`, `import static a.b.C.f`.
        let class = import.from.rsplit(['.', '\\']).next().unwrap_or("");
        let inner = self.in_modules(files, "", class, depth + 1);
        let found: Vec<Thing<'g>> = inner
            .iter()
            .filter_map(|thing| match thing {
                Thing::Symbol(id) => Some(self.graph.member(*id, name)),
                _ => None,
            })
            .flatten()
            .map(Thing::Symbol)
            .collect();
        if found.is_empty() { vec![Thing::Outside] } else { found }
    }

    /// Returns the classes that a path means behind its package, `C.D` of `a.b.C.D`; with a name as far as that.
    /// `None` where it is a package alone, or the name is of the package.
    pub(super) fn classes_behind(
        &self,
        files: &[u32],
        path: &str,
        upto: Option<&str>,
    ) -> Option<Vec<SymbolId>> {
        let path = path.replace('\\', ".");
        let (package, names) = self.graph.paths.package_of(&path);
        self.graph.paths.packages.get(package)?;
        let last = match upto {
            Some(name) => names.iter().position(|own| *own == name)?,
            None => names.len().checked_sub(1)?,
        };
        let first = self.top_of(names.first()?, files, &|_| true);
        let first = first.into_iter().filter_map(|thing| match thing {
            Thing::Symbol(id) => Some(id),
            _ => None,
        });
        let inner = names.get(1..=last)?;
        Some(inner.iter().fold(first.collect(), |classes: Vec<SymbolId>, name| {
            classes.iter().flat_map(|class| self.graph.member(*class, name)).collect()
        }))
    }

    /// Returns the package whose member a name is that stands behind a package's whole name, `a.b.C`; in what only begins
    /// a package's name, nothing of the project. `None` where the names before it are none of a package.
    pub(super) fn package_before(&self, file: u32, mention: usize) -> Option<Thing<'g>> {
        let of = self.graph.files.get(file as usize)?;
        let has_paths = matches!(
            of.language,
            Some(Language::Java | Language::Kotlin | Language::Scala | Language::CSharp)
        );
        has_paths.then_some(())?;
        let mut names = Vec::new();
        let mut at = mention;
        while of.facts.mentions.get(at)?.is_joined && names.len() < MAX_PARTS {
            at = at.checked_sub(1)?;
            names.push(of.name(at)?);
        }
        names.reverse();
        let path = names.join(".");
        let files = self.graph.paths.packages.get(&path);
        if files.is_none() && !self.graph.paths.above_packages.contains(&path) {
            return None;
        }
        if !self.name_in(file, Some(at), names.first()?, 1).is_empty() {
            return None;
        }
        Some(files.map_or(Thing::Outside, |files| Thing::Module(files.clone(), path)))
    }

    /// Returns what a module's files export under a name.
    pub(super) fn in_modules(
        &self,
        files: &[u32],
        path: &str,
        name: &str,
        depth: u8,
    ) -> Vec<Thing<'g>> {
        if !self.step(depth) {
            return Vec::new();
        }
        let first = files.first().and_then(|file| self.language(*file));
        if is_packaged(first) {
            // What a file imports is not the package's.
            let sorted = match files.is_sorted() {
                true => Cow::Borrowed(files),
                false => {
                    let mut files = files.to_vec();
                    files.sort_unstable();
                    Cow::Owned(files)
                }
            };
            return self.top_of(name, &sorted, &|_| true);
        }
        let mut found: Vec<_> =
            files.iter().flat_map(|file| self.in_module(*file, name, depth)).collect();
        if found.iter().any(|thing| *thing != Thing::Outside) {
            found.retain(|thing| *thing != Thing::Outside);
            return found;
        }
        if name == "default" && is_script(first) {
            let whole = self.in_modules(files, path, WHOLE, depth + 1);
            if !whole.is_empty() {
                return whole;
            }
        }
        if files.iter().any(|file| self.language(*file) == Some(Language::Python))
            || files.is_empty()
        {
            let child = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let at = files.first().and_then(|file| self.graph.files.get(*file as usize));
            let inner = self.graph.paths.python_files(at.map_or("", |file| &file.path), &child);
            if !inner.is_empty() {
                return vec![Thing::Module(inner, child)];
            }
        }
        let mut passed = files.iter().map(|file| self.passed_on(*file, name, depth));
        passed.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Returns what a name means in a file, as a definition, as what it exports, or as what it imports.
    fn in_module(&self, number: u32, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let Some(file) = self.graph.files.get(number as usize) else { return Vec::new() };
        let symbols = self.graph.top(file, name);
        let mut found = Vec::new();
        if symbols.is_empty() {
            let head = match name {
                "default" => Some("export default"),
                WHOLE => Some("module.exports ="),
                _ => None,
            };
            found.extend(head.and_then(|head| self.headed(file, head)).map(Thing::Symbol));
            for (at, place) in file.imported(name) {
                found.extend(self.through_import(number, at, place, depth + 1));
            }
            return found;
        }
        // `exports.a = b`: what is exported, and the member that holds it.
        let is_member =
            |id: &SymbolId| self.graph.symbol(*id).is_some_and(|symbol| symbol.unit.is_none());
        if is_script(file.language) && symbols.iter().all(is_member) {
            let exported = file.imported(name);
            for (at, place) in exported.filter(|(at, _)| file.is_own_export(*at)) {
                found.extend(self.through_import(number, at, place, depth + 1));
            }
        }
        if symbols.iter().all(|id| self.is_inline_module(*id)) {
            found.extend(self.imported_beside(file, number, name, depth + 1));
        }
        found.extend(symbols.iter().take(MAX_MEANT).map(|id| Thing::Symbol(*id)));
        found
    }

    /// Returns what a name means in the first of the modules that a file passes on as a whole.
    fn passed_on(&self, number: u32, name: &str, depth: u8) -> Vec<Thing<'g>> {
        let Some(file) = self.graph.files.get(number as usize) else { return Vec::new() };
        let passes_all =
            matches!(file.language, Some(Language::Python | Language::Cpp | Language::C));
        for at in file.wildcards.iter().map(|at| *at as usize) {
            let Some(import) = file.facts.imports.get(at) else { continue };
            let passes = import.is_reexport || passes_all;
            let inner = self.graph.files_of_import(file, at);
            let inner = inner.filter(|inner| passes && !inner.contains(&number));
            if let Some(inner) = inner {
                let from = self.dotted(file, &import.from);
                let found = self.in_modules(inner, &from, name, depth + 1);
                if !found.is_empty() {
                    return found;
                }
            }
        }
        Vec::new()
    }

    /// Returns what stands behind a file's own `export default` or `module.exports =`, which its head begins with.
    fn headed(&self, file: &File, head: &str) -> Option<SymbolId> {
        let last = offset(file.facts.units.len());
        (file.first..file.first + last).find(|id| {
            self.graph
                .symbol(*id)
                .is_some_and(|symbol| symbol.parent.is_none() && symbol.signature.starts_with(head))
        })
    }

    /// Returns the dotted name of the module that an import of Python takes from; empty in other languages.
    pub(super) fn dotted(&self, of: &File, from: &str) -> String {
        let is_python = of.language == Some(Language::Python);
        let name = is_python.then(|| self.graph.paths.python_name(&of.path, from));
        name.flatten().unwrap_or_default()
    }

    /// Returns the value that a module of JavaScript is, where it is one; else the module.
    pub(super) fn whole(&self, thing: Thing<'g>) -> Vec<Thing<'g>> {
        match &thing {
            Thing::Module(files, path)
                if files.first().is_some_and(|file| is_script(self.language(*file))) =>
            {
                let mut whole = self.in_modules(files, path, WHOLE, 1);
                whole.retain(|thing| *thing != Thing::Outside);
                if whole.is_empty() { vec![thing] } else { whole }
            }
            _ => vec![thing],
        }
    }

    /// Tells whether an import binds one of some symbols: by a name of it, or as a whole module.
    pub(in super::super) fn binds(
        &self,
        file: u32,
        import: usize,
        place: Option<usize>,
        group: &[SymbolId],
    ) -> bool {
        self.steps.set(0);
        let modules = self.through_import(file, import, place, 0).into_iter();
        modules.flat_map(|thing| self.whole(thing)).any(|thing| match thing {
            Thing::Symbol(id) => group.contains(&self.graph.defined(id)),
            _ => false,
        })
    }
}

impl File {
    /// Tells whether it is of JavaScript or TypeScript.
    pub(crate) fn is_script(&self) -> bool {
        is_script(self.language)
    }

    /// Tells whether a line exports a name of the file under the name that it has: `exports.f = f`.
    pub(crate) fn is_exported_again(&self, name: &str, line: u32) -> bool {
        self.facts.imports_on(line).any(|import| {
            import.from.is_empty()
                && import.names.iter().any(|(own, alias)| own == name && alias.is_none())
        })
    }

    /// Tells whether an import is an export of the file's own name.
    pub(super) fn is_own_export(&self, import: usize) -> bool {
        self.facts.imports.get(import).is_some_and(|import| {
            import.from.is_empty() || import.is_reexport && is_script(self.language)
        })
    }
}
