//! Modules of JavaScript and TypeScript: relative paths, `tsconfig.json`, packages of the project.

use std::collections::{BTreeMap, HashMap};

use distiq_base::paths::file_name;
use serde_json::Value;

use super::{Paths, folder, join};

/// What a module's path may lack at its end, in the order of search.
const ENDS: [&str; 18] = [
    "",
    ".ts",
    ".tsx",
    ".d.ts",
    ".mts",
    ".cts",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    "/index.ts",
    "/index.tsx",
    "/index.d.ts",
    "/index.js",
    "/index.jsx",
    "/index.mjs",
    "/index.mts",
    ".vue",
];

/// Folders of what a build makes.
const BUILT: [&str; 6] = ["dist", "lib", "build", "out", "esm", "cjs"];

/// The most patterns of a package.
const MAX_PATTERNS: usize = 256;

/// The most paths that a pattern stands for, and the most conditions of each kind.
const MAX_TARGETS: usize = 64;

/// The most configurations that one is made of.
const MAX_EXTENDED: usize = 16;

/// What configuration tells of modules.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    /// By folder: the paths of its `tsconfig.json`, with the folder that they start from.
    paths: HashMap<String, Vec<(String, Vec<String>)>>,
    bases: HashMap<String, String>,
    /// Packages of the project by their names, and the bytes of the longest name.
    packages: HashMap<String, Package>,
    longest_package: usize,
    /// By a package's folder, what names with `#` stand for in it.
    internal: HashMap<String, Vec<Mapped>>,
}

/// A pattern of modules' names, and the paths or names that it stands for, the first that there is.
type Mapped = (String, Vec<String>);

/// A package of the project.
#[derive(Debug)]
struct Package {
    folder: String,
    /// What it says is its source.
    entries: Vec<String>,
    /// What it exports by path: `./a/*`.
    exports: Vec<Mapped>,
}

impl Configs {
    pub(super) fn new(manifests: &[(String, String)]) -> Self {
        let mut configs = Self::default();
        let mut read: BTreeMap<&str, Value> = BTreeMap::new();
        for (path, text) in manifests {
            let name = file_name(path);
            let Ok(json) = serde_json::from_str::<Value>(&without_comments(text)) else {
                continue;
            };
            let of = folder(path).to_owned();
            if name == "package.json" {
                configs.internal.insert(of.clone(), mapped(json.get("imports"), '#'));
                let Some(name) = json.get("name").and_then(|name| name.as_str()) else { continue };
                let mut entries: Vec<String> = ["source", "types", "module", "main"]
                    .iter()
                    .filter_map(|key| Some(json.get(key)?.as_str()?.to_owned()))
                    .collect();
                targets(json.get("exports"), &mut entries);
                let exports = mapped(json.get("exports"), '.');
                configs.longest_package = configs.longest_package.max(name.len());
                configs.packages.insert(name.to_owned(), Package { folder: of, entries, exports });
            } else {
                read.insert(path, json);
            }
        }
        for path in read.keys().filter(|path| path.ends_with("config.json")) {
            let name = file_name(path);
            if matches!(name, "tsconfig.json" | "jsconfig.json") {
                configs.add_options(path, &read);
            }
        }
        configs
    }

    /// Takes in what a configuration says itself, else what those that it extends or is made of say.
    fn add_options(&mut self, path: &str, read: &BTreeMap<&str, Value>) {
        let of = folder(path);
        let mut open = vec![path.to_owned()];
        let mut seen: Vec<String> = Vec::new();
        while let Some(path) = open.pop().filter(|_| seen.len() < MAX_EXTENDED) {
            let json = read.get(path.as_str()).filter(|_| !seen.contains(&path));
            let Some(json) = json else { continue };
            if let Some(options) = json.get("compilerOptions") {
                self.add_paths(of, folder(&path), options);
            }
            // The last of several goes before the others; parts of a solution behind them.
            for key in ["references", "extends"] {
                let list = match json.get(key) {
                    Some(Value::Array(list)) => list.iter().collect(),
                    Some(one) => vec![one],
                    None => Vec::new(),
                };
                let named = list.into_iter().filter_map(|of| match of {
                    Value::String(path) => Some(path.as_str()),
                    // Of the other folder's files that one's own configuration tells.
                    of => of.get("path")?.as_str().filter(|path| path.ends_with(".json")),
                });
                open.extend(named.filter(|named| named.starts_with('.')).filter_map(|named| {
                    let path = join(folder(&path), named)?;
                    let ends = ["", ".json", "/tsconfig.json"].iter();
                    ends.map(|end| format!("{path}{end}")).find(|at| read.contains_key(at.as_str()))
                }));
            }
            seen.push(path);
        }
    }

    /// Adds the options that a configuration in `from` gives to the files in `of`, unless they are known.
    fn add_paths(&mut self, of: &str, from: &str, options: &Value) {
        let base = options.get("baseUrl").and_then(|base| base.as_str());
        let base = base.and_then(|base| join(from, base));
        if let Some(base) = &base {
            self.bases.entry(of.to_owned()).or_insert_with(|| base.clone());
        }
        let from = base.unwrap_or_else(|| from.to_owned());
        let Some(paths) = options.get("paths").and_then(|paths| paths.as_object()) else { return };
        let mut list = Vec::new();
        for (pattern, targets) in paths {
            let targets = targets.as_array().into_iter().flatten().filter_map(|t| t.as_str());
            let targets = targets.filter_map(|target| join(&from, target)).collect();
            list.push((pattern.clone(), targets));
        }
        list.sort_by_key(|(pattern, _): &(String, _)| std::cmp::Reverse(pattern.len()));
        self.paths.entry(of.to_owned()).or_insert(list);
    }

    /// Returns the file of the module that `from` means in the file at `path`.
    pub(super) fn resolve(&self, paths: &Paths, path: &str, from: &str) -> Option<u32> {
        if from.starts_with('.') {
            return at(paths, &join(folder(path), from)?);
        }
        if from.starts_with('#')
            && let Some(found) = self.internal(paths, path, from)
        {
            return Some(found);
        }
        let mut of = folder(path);
        loop {
            for (pattern, targets) in self.paths.get(of).into_iter().flatten() {
                let Some(rest) = matched(pattern, from) else { continue };
                let found = targets.iter().find_map(|target| at(paths, &target.replace('*', rest)));
                if found.is_some() {
                    return found;
                }
            }
            let based = self.bases.get(of).and_then(|base| at(paths, &join(base, from)?));
            if based.is_some() {
                return based;
            }
            if of.is_empty() {
                break;
            }
            of = folder(of);
        }
        self.package(paths, from)
    }

    /// A module that the package around a file names for itself: `#a`.
    fn internal(&self, paths: &Paths, path: &str, from: &str) -> Option<u32> {
        let mut of = folder(path);
        // The nearest package's names alone are known in a file.
        let names = loop {
            match self.internal.get(of) {
                Some(names) => break names,
                None if of.is_empty() => return None,
                None => of = folder(of),
            }
        };
        let found = |target: String| match target.starts_with('.') {
            true => built_at(paths, &join(of, &target)?),
            false => self.package(paths, &target),
        };
        meant(names, from).find_map(found)
    }

    /// A package of the project, or a path within one.
    fn package(&self, paths: &Paths, from: &str) -> Option<u32> {
        let ends = from.match_indices('/').map(|(at, _)| at).chain([from.len()]);
        let (rest, package) = ends
            .take_while(|at| *at <= self.longest_package)
            .filter_map(|at| Some((from.get(at..)?, self.packages.get(from.get(..at)?)?)))
            .last()?;
        let rest = rest.trim_start_matches('/');
        let inside = |path: &str| at(paths, &join(&package.folder, path)?);
        if !rest.is_empty() {
            let asked = format!("./{rest}");
            return meant(&package.exports, &asked)
                .find_map(|target| built_at(paths, &join(&package.folder, &target)?))
                .or_else(|| inside(rest))
                .or_else(|| inside(&format!("src/{rest}")));
        }
        inside("src/index")
            .or_else(|| package.entries.iter().find_map(|entry| inside(entry)))
            .or_else(|| inside("index"))
            .or_else(|| inside("src"))
    }
}

/// Returns what the patterns say that a name stands for, those that match most of it first.
fn meant<'a>(all: &'a [Mapped], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let fits = all.iter().filter_map(|(pattern, targets)| Some((matched(pattern, name)?, targets)));
    fits.take(1).flat_map(|(rest, targets)| targets.iter().map(|to| to.replace('*', rest)))
}

/// Returns the file at a path, or the source of one that a build makes: `dist/a.js` of `src/a.ts`.
fn built_at(paths: &Paths, path: &str) -> Option<u32> {
    at(paths, path).or_else(|| {
        let parts: Vec<&str> = path.split('/').collect();
        let place = parts.iter().position(|part| BUILT.contains(part))?;
        let source = [parts.get(..place)?, &["src"], parts.get(place + 1..)?].concat();
        at(paths, &source.join("/"))
    })
}

/// Returns the patterns of `exports` or `imports`, whose keys begin with a mark, with all that their conditions lead to.
fn mapped(value: Option<&Value>, mark: char) -> Vec<Mapped> {
    let Some(Value::Object(map)) = value else { return Vec::new() };
    let own = map.iter().filter(|(pattern, _)| pattern.starts_with(mark)).take(MAX_PATTERNS);
    let mut list: Vec<Mapped> = own
        .map(|(pattern, value)| {
            let mut found = Vec::new();
            targets(Some(value), &mut found);
            (pattern.clone(), found)
        })
        .collect();
    // Whole names before patterns, longer ones before shorter ones.
    list.sort_by_key(|(pattern, _)| {
        let start = pattern.split('*').next().map_or(0, str::len);
        (pattern.contains('*'), std::cmp::Reverse(start))
    });
    list
}

/// Returns what a `*` of a pattern stands for.
fn matched<'f>(pattern: &str, from: &'f str) -> Option<&'f str> {
    match pattern.split_once('*') {
        Some((start, end)) => from.strip_prefix(start)?.strip_suffix(end),
        None => (pattern == from).then_some(""),
    }
}

/// Returns the file that a module's path means; of `a.js` also `a.ts`.
fn at(paths: &Paths, path: &str) -> Option<u32> {
    let source = |from: &str, ends: &[&str]| {
        let stem = path.strip_suffix(from)?;
        ends.iter().find_map(|end| paths.file(&format!("{stem}{end}")))
    };
    // What has types goes before what is run.
    source(".js", &[".ts", ".tsx", ".d.ts"])
        .or_else(|| source(".jsx", &[".tsx", ".d.ts"]))
        .or_else(|| source(".mjs", &[".mts", ".d.mts"]))
        .or_else(|| source(".cjs", &[".cts", ".d.cts"]))
        .or_else(|| ENDS.iter().find_map(|end| paths.file(&format!("{path}{end}"))))
}

/// Takes the paths out of a package's `exports` or `imports`, in their order.
fn targets(value: Option<&Value>, found: &mut Vec<String>) {
    let mut open: Vec<&Value> = value.into_iter().collect();
    while let Some(value) = open.pop().filter(|_| found.len() < MAX_TARGETS) {
        match value {
            Value::String(path) => found.push(path.clone()),
            Value::Array(list) => open.extend(list.iter().take(MAX_TARGETS).rev()),
            Value::Object(map) => {
                let values: Vec<&Value> = map.values().take(MAX_TARGETS).collect();
                open.extend(values.into_iter().rev());
            }
            _ => {}
        }
    }
}

/// Cuts comments and trailing commas out of a configuration.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_text = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_text => {
                plain.push(c);
                plain.extend(chars.next());
                continue;
            }
            '"' => in_text = !in_text,
            '/' if !in_text && chars.peek() == Some(&'/') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
                continue;
            }
            '/' if !in_text && chars.peek() == Some(&'*') => {
                chars.next();
                let mut last = ' ';
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
                continue;
            }
            '}' | ']' if !in_text => {
                let end = plain.trim_end().len();
                if plain.get(..end).is_some_and(|plain| plain.ends_with(',')) {
                    plain.truncate(end - 1);
                }
            }
            _ => {}
        }
        plain.push(c);
    }
    plain
}
