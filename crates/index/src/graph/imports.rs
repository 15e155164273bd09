//! Imports resolved to files, by each language's rules.

use std::collections::{HashMap, HashSet};

use distiq_base::paths::file_name;
pub(super) use distiq_base::paths::folder;
use distiq_lang::Language;

use super::building::imported;
use super::facts::{FileSet, Import};
use super::resolve::is_packaged;
use super::{File, Graph, Word, offset};

mod rust;
mod script;

/// The most packages of which one file takes all names.
const MAX_WILDCARDS: usize = 256;

/// The most files that one includes.
const MAX_INCLUDED: usize = 2_000;

/// What tells of packages and where their modules are.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    by_path: HashMap<Word, u32>,
    /// Paths by the files' numbers.
    numbered: Vec<Word>,
    /// By folder, the files in it.
    pub(crate) folders: HashMap<String, Vec<u32>>,
    /// By a path's last part.
    called: HashMap<String, Vec<u32>>,
    /// Python modules by their dotted names.
    python: HashMap<String, Vec<u32>>,
    /// By package or namespace.
    pub(crate) packages: HashMap<String, Vec<u32>>,
    /// Bytes of the longest of their names.
    longest_package: usize,
    /// What packages' names begin with: `a` and `a.b` of `a.b.c`.
    pub(crate) above_packages: HashSet<String>,
    /// Go modules: path, folder.
    go: Vec<(String, String)>,
    pub(crate) rust: rust::Crates,
    script: script::Configs,
}

/// Tells whether a file's text is needed to find modules.
pub(super) fn is_manifest(path: &str) -> bool {
    let name = file_name(path);
    matches!(name, "go.mod" | "Cargo.toml" | "package.json" | "jsconfig.json")
        || name.starts_with("tsconfig") && name.ends_with(".json")
}

/// Tells whether definitions of one language may be meant by names of the other.
pub(super) fn are_kin(one: Option<Language>, other: Option<Language>) -> bool {
    let family = |language: Option<Language>| match language {
        Some(Language::TypeScript | Language::Tsx | Language::JavaScript) => 1,
        Some(Language::C | Language::Cpp) => 2,
        Some(Language::Java | Language::Kotlin | Language::Scala) => 3,
        Some(language) => 10 + language as u32,
        None => 0,
    };
    family(one) == family(other) && one.is_some()
}

/// Tells whether a file of C or C++ declares what others define.
pub(super) fn is_header(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| matches!(end, "h" | "hh" | "hpp" | "hxx" | "h++"))
}

/// Joins a relative path to a folder; `None` where it leaves the root.
pub(super) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Paths {
    pub(super) fn new(files: &[File], manifests: &[(String, String)]) -> Self {
        let mut paths = Self::default();
        for (at, file) in files.iter().enumerate() {
            let at = offset(at);
            paths.by_path.insert(file.path.clone(), at);
            paths.numbered.push(file.path.clone());
            paths.folders.entry(folder(&file.path).to_owned()).or_default().push(at);
            let name = file_name(&file.path);
            paths.called.entry(name.to_owned()).or_default().push(at);
            if let Some(package) = &file.facts.package
                && file.language != Some(Language::Go)
            {
                let package = package.replace('\\', ".");
                let dots = package.match_indices('.').filter_map(|(dot, _)| package.get(..dot));
                paths.above_packages.extend(dots.map(str::to_owned));
                paths.longest_package = paths.longest_package.max(package.len());
                paths.packages.entry(package).or_default().push(at);
            }
        }
        for (at, file) in files.iter().enumerate() {
            if file.language == Some(Language::Python) {
                paths.add_python(&file.path, offset(at));
            }
        }
        for (path, text) in manifests.iter().filter(|(path, _)| path.ends_with("go.mod")) {
            let module = text.lines().find_map(|line| line.trim().strip_prefix("module "));
            if let Some(module) = module {
                let module = module.split_whitespace().next().unwrap_or("").trim_matches('"');
                paths.go.push((module.to_owned(), folder(path).to_owned()));
            }
        }
        paths.go.sort_by_key(|(module, _)| std::cmp::Reverse(module.len()));
        paths.rust = rust::Crates::new(files, manifests);
        paths.script = script::Configs::new(manifests);
        paths
    }

    pub(super) fn file(&self, path: &str) -> Option<u32> {
        self.by_path.get(path).copied()
    }

    /// A module goes by its name from the folder above its outermost package, from the root, and from
    /// a folder that holds sources.
    fn add_python(&mut self, path: &str, at: u32) {
        let Some((stem, _)) = path.rsplit_once('.') else { return };
        let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
        let parts: Vec<&str> = stem.split('/').collect();
        let mut starts = vec![0];
        let is_package = |length: usize| {
            let folder = parts.get(..length).unwrap_or(&[]).join("/");
            ["py", "pyi"].iter().any(|end| self.file(&format!("{folder}/__init__.{end}")).is_some())
        };
        let mut start = parts.len().saturating_sub(1);
        while start > 0 && is_package(start) {
            start -= 1;
        }
        starts.push(start);
        starts.extend(
            parts.iter().position(|p| matches!(*p, "src" | "lib" | "python")).map(|p| p + 1),
        );
        starts.sort_unstable();
        starts.dedup();
        for start in starts {
            let name = parts.get(start..).unwrap_or(&[]).join(".");
            if !name.is_empty() {
                self.python.entry(name).or_default().push(at);
            }
        }
    }

    /// Returns the files of a Python module; where no name tells of it, the one beside the file at `from`.
    pub(super) fn python_module(&self, from: &str, name: &str) -> Vec<u32> {
        let beside = join(folder(from), &name.replace('.', "/"));
        let beside = beside.and_then(|path| {
            let own = [format!("{path}.py"), format!("{path}/__init__.py")];
            own.iter().find_map(|path| self.file(path))
        });
        match self.python.get(name) {
            Some(found) => found.clone(),
            None => beside.into_iter().collect(),
        }
    }

    /// Returns the module that Python's `from` means, dots resolved.
    pub(super) fn python_name(&self, path: &str, from: &str) -> Option<String> {
        let dots = from.bytes().take_while(|byte| *byte == b'.').count();
        if dots == 0 {
            return Some(from.to_owned());
        }
        let mut base = folder(path);
        for _ in 1..dots {
            base = folder(base);
        }
        let rest = from.get(dots..).unwrap_or("").replace('.', "/");
        // The path itself stands for the module: no name of it need be known.
        Some(format!("/{}", join(base, &rest)?))
    }

    fn python(&self, path: &str, from: &str) -> Vec<u32> {
        let Some(name) = self.python_name(path, from) else { return Vec::new() };
        self.python_files(path, &name)
    }

    /// Returns a module's files by its dotted name or, behind a `/`, its path.
    pub(super) fn python_files(&self, path: &str, name: &str) -> Vec<u32> {
        let Some(own) = name.strip_prefix('/') else {
            return self.python_module(path, name);
        };
        let own = own.replace('.', "/");
        let ends = [".py", "/__init__.py", ".pyi", "/__init__.pyi"];
        let found =
            ends.iter().find_map(|end| self.file(format!("{own}{end}").trim_start_matches('/')));
        found.into_iter().collect()
    }

    /// Returns the files of a Go package.
    fn go(&self, from: &str) -> Vec<u32> {
        let found = self.go.iter().find_map(|(module, folder)| {
            let rest = from.strip_prefix(module.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| join(folder, rest))?
        });
        let files = found.and_then(|folder| self.folders.get(&folder)).into_iter().flatten();
        let is_go = |at: &u32| self.by_number(*at).is_some_and(|path| path.ends_with(".go"));
        files.copied().filter(is_go).collect()
    }

    /// Returns the file that an include means: beside the file, else the one whose path ends so.
    fn include(&self, path: &str, from: &str) -> Vec<u32> {
        let own = from.trim_matches(['<', '>']);
        if let Some(found) = join(folder(path), own).and_then(|path| self.file(&path)) {
            return vec![found];
        }
        self.ending(own)
    }

    /// Returns the files whose path ends with another.
    fn ending(&self, path: &str) -> Vec<u32> {
        let path = path.trim_start_matches("./").trim_start_matches("../");
        let name = file_name(path);
        let ends = |at: &u32| {
            self.by_number(*at).is_some_and(|full| {
                full == path || full.strip_suffix(path).is_some_and(|head| head.ends_with('/'))
            })
        };
        self.called.get(name).into_iter().flatten().copied().filter(ends).take(4).collect()
    }

    fn by_number(&self, at: u32) -> Option<&str> {
        self.numbered.get(at as usize).map(Word::as_str)
    }

    /// Cuts a path into the longest package that it begins with and the names behind that.
    pub(crate) fn package_of<'p>(&self, path: &'p str) -> (&'p str, Vec<&'p str>) {
        let mut package = path;
        let mut behind = Vec::new();
        // A path longer than all names need not be read to see that it is none.
        while package.len() > self.longest_package || !self.packages.contains_key(package) {
            let (above, last) = package.rsplit_once('.').unwrap_or(("", package));
            behind.push(last);
            package = above;
            if above.is_empty() {
                break;
            }
        }
        behind.reverse();
        (package, behind)
    }
}

impl Graph {
    /// Finds the files of all imports.
    pub(super) fn resolve_imports(&mut self) {
        let mut resolved: Vec<Vec<u32>> = Vec::with_capacity(self.files.len());
        let mut lists = Lists::default();
        for (number, file) in self.files.iter().enumerate() {
            let paths = &self.paths;
            let of = |import: &Import| -> Vec<u32> {
                let from = &*import.from;
                match file.language {
                    Some(Language::Python) => paths.python(&file.path, from),
                    Some(Language::JavaScript | Language::TypeScript | Language::Tsx) => {
                        if from.is_empty() {
                            return vec![offset(number)];
                        }
                        paths.script.resolve(paths, &file.path, from).into_iter().collect()
                    }
                    Some(Language::Go) => paths.go(from),
                    Some(Language::Rust) => {
                        paths.rust.module(offset(number), from).into_iter().collect()
                    }
                    Some(Language::C | Language::Cpp) => paths.include(&file.path, from),
                    Some(Language::Ruby | Language::Lua | Language::Bash) => {
                        let end = match file.language {
                            Some(Language::Ruby) if !from.ends_with(".rb") => ".rb",
                            Some(Language::Lua) => ".lua",
                            _ => "",
                        };
                        let dotted = file.language == Some(Language::Lua);
                        let path = if dotted { from.replace('.', "/") } else { from.to_owned() };
                        paths.include(&file.path, &format!("{path}{end}"))
                    }
                    Some(Language::Php) if from.starts_with('.') => paths.include(&file.path, from),
                    Some(_) => self.packaged(from),
                    None => Vec::new(),
                }
            };
            let imports = file.facts.imports.iter();
            resolved.push(imports.map(|import| lists.number(of(import))).collect());
        }
        let lists = lists.finish();
        let mut seen = vec![u32::MAX; resolved.len()];
        for file in 0..resolved.len() {
            let included = self.included(file, &resolved, &lists, &mut seen);
            if let Some(file) = self.files.get_mut(file) {
                file.included = FileSet::new(&included);
            }
        }
        for (file, imports) in self.files.iter_mut().zip(resolved) {
            file.imports = imports;
            file.wildcards = wildcards(file, &lists);
        }
        self.lists = lists;
        self.name_packages();
    }

    /// Binds packages of Go by the names that they give themselves, where an import gives none.
    fn name_packages(&mut self) {
        for number in 0..self.files.len() {
            let Some(file) = self.files.get(number) else { continue };
            if file.language != Some(Language::Go) {
                continue;
            }
            let named = (0..file.facts.imports.len()).filter_map(|at| {
                let bound = file.bound(at, None)?;
                let name = self.go_package(self.files_of_import(file, at)?)?;
                let is_alias = file.facts.imports.get(at)?.alias.is_some();
                (!is_alias && bound != name).then(|| (at, name.into()))
            });
            let named: Vec<(usize, Box<str>)> = named.collect();
            let Some(file) = self.files.get_mut(number).filter(|_| !named.is_empty()) else {
                continue;
            };
            for (at, name) in named {
                if let Some(import) = file.facts.imports.get_mut(at) {
                    import.alias = Some(name);
                }
            }
            file.imported = imported(file);
        }
    }

    /// Returns the name of the package that files of a folder are of; tests may be of another.
    fn go_package(&self, files: &[u32]) -> Option<&str> {
        let files = files.iter().filter_map(|file| self.files.get(*file as usize));
        let (tests, sources): (Vec<_>, Vec<_>) =
            files.partition(|file| file.path.ends_with("_test.go"));
        let mut names = sources
            .iter()
            .chain(&tests)
            .filter_map(|of| of.facts.package.as_ref().map(Word::as_str));
        // `main` may be a tool that no build of the package takes in.
        let first = names.next()?;
        if first == "main" {
            names.find(|name| *name != "main").or(Some(first))
        } else {
            Some(first)
        }
    }

    /// Returns the files of a package, or the one of the class in it that an import goes through: `a.b.C` of
    /// `import static a.b.C.f`.
    fn packaged(&self, from: &str) -> Vec<u32> {
        let from = from.replace('\\', ".");
        let (package, classes) = self.paths.package_of(&from);
        let files = self.paths.packages.get(package).cloned().unwrap_or_default();
        let Some(class) = classes.first() else { return files };
        let holds = |file: &u32| {
            let named = self.called(class).iter();
            let mut named = named.filter_map(|id| self.symbol(*id));
            let of = self.files.get(*file as usize);
            named.any(|symbol| symbol.file == *file && of.is_some_and(|of| self.is_top(of, symbol)))
        };
        files.into_iter().filter(holds).collect()
    }

    /// Returns what a file of C or C++ includes, directly or not, rising. `imports` are by file the numbers of
    /// lists of files, `lists_of` these; `seen` tells by file who met it last.
    fn included(
        &self,
        file: usize,
        imports: &[Vec<u32>],
        lists_of: &[Box<[u32]>],
        seen: &mut [u32],
    ) -> Vec<u32> {
        let mut included = Vec::new();
        let language = self.files.get(file).and_then(|file| file.language);
        if !matches!(language, Some(Language::C | Language::Cpp)) {
            return included;
        }
        let mut open = vec![offset(file)];
        while let Some(next) = open.pop().filter(|_| included.len() < MAX_INCLUDED) {
            let lists = imports.get(next as usize).into_iter().flatten();
            for inner in lists.filter_map(|list| lists_of.get(*list as usize)).flatten() {
                let Some(last) = seen.get_mut(*inner as usize) else { continue };
                if std::mem::replace(last, offset(file)) != offset(file) {
                    included.push(*inner);
                    open.push(*inner);
                }
            }
        }
        included.sort_unstable();
        included
    }
}

/// Returns which imports of a file take all that a module exports, one of each such: each of them is asked for each name.
fn wildcards(file: &File, lists: &[Box<[u32]>]) -> Vec<u32> {
    let is_packaged = is_packaged(file.language);
    let most = if is_packaged { MAX_WILDCARDS } else { usize::MAX };
    let mut seen = HashSet::new();
    let imports = file.facts.imports.iter().zip(&file.imports).zip(0..);
    let all = imports.filter(|((import, list), _)| {
        let is_outside = lists.get(**list as usize).is_none_or(|files| files.is_empty());
        import.is_wildcard
            && !(is_outside && is_packaged)
            && seen.insert((&*import.from, import.is_reexport, **list))
    });
    all.map(|(_, at)| at).take(most).collect()
}

/// Lists of files, each kept once: all imports of a package mean the same.
#[derive(Default)]
struct Lists {
    numbers: HashMap<Box<[u32]>, u32>,
}

impl Lists {
    fn number(&mut self, list: Vec<u32>) -> u32 {
        let next = offset(self.numbers.len());
        *self.numbers.entry(list.into_boxed_slice()).or_insert(next)
    }

    fn finish(self) -> Vec<Box<[u32]>> {
        let mut lists: Vec<(Box<[u32]>, u32)> = self.numbers.into_iter().collect();
        lists.sort_unstable_by_key(|(_, number)| *number);
        lists.into_iter().map(|(list, _)| list).collect()
    }
}
