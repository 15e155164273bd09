//! Modules of JavaScript and TypeScript: relative paths, `tsconfig.json`, packages of the project.

use std::collections::HashMap;

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

/// What configuration tells of modules.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    /// By folder: the paths of its `tsconfig.json`, with the folder that they start from.
    paths: HashMap<String, Vec<(String, Vec<String>)>>,
    bases: HashMap<String, String>,
    /// Packages of the project: their folders, and what they say is their source.
    packages: HashMap<String, (String, Vec<String>)>,
}

impl Configs {
    pub(super) fn new(manifests: &[(String, String)]) -> Self {
        let mut configs = Self::default();
        for (path, text) in manifests {
            let name = path.rsplit('/').next().unwrap_or(path);
            let Ok(json) = serde_json::from_str::<serde_json::Value>(&without_comments(text))
            else {
                continue;
            };
            let of = folder(path).to_owned();
            if name == "package.json" {
                let Some(name) = json.get("name").and_then(|name| name.as_str()) else { continue };
                let mut entries: Vec<String> = ["source", "types", "module", "main"]
                    .iter()
                    .filter_map(|key| Some(json.get(key)?.as_str()?.to_owned()))
                    .collect();
                exports(json.get("exports"), &mut entries);
                configs.packages.insert(name.to_owned(), (of, entries));
            } else if name.ends_with("config.json") {
                configs.add_options(&of, json.get("compilerOptions"));
            }
        }
        configs
    }

    fn add_options(&mut self, of: &str, options: Option<&serde_json::Value>) {
        let Some(options) = options else { return };
        let base = options.get("baseUrl").and_then(|base| base.as_str());
        let from = base.and_then(|base| join(of, base));
        if let Some(from) = &from {
            self.bases.insert(of.to_owned(), from.clone());
        }
        let from = from.unwrap_or_else(|| of.to_owned());
        let Some(paths) = options.get("paths").and_then(|paths| paths.as_object()) else { return };
        let mut list = Vec::new();
        for (pattern, targets) in paths {
            let targets = targets.as_array().into_iter().flatten().filter_map(|t| t.as_str());
            let targets = targets.filter_map(|target| join(&from, target)).collect();
            list.push((pattern.clone(), targets));
        }
        list.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
        self.paths.insert(of.to_owned(), list);
    }

    /// Returns the file of the module that `from` means in the file at `path`.
    pub(super) fn resolve(&self, paths: &Paths, path: &str, from: &str) -> Option<u32> {
        if from.starts_with('.') {
            return at(paths, &join(folder(path), from)?);
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

    /// A package of the project, or a path within one.
    fn package(&self, paths: &Paths, from: &str) -> Option<u32> {
        let length = from.match_indices('/').map(|(at, _)| at).chain([from.len()]);
        let (name, rest, (of, entries)) = length
            .filter_map(|at| Some((from.get(..at)?, from.get(at..)?)))
            .filter_map(|(name, rest)| Some((name, rest, self.packages.get(name)?)))
            .next_back()?;
        debug_assert!(from.starts_with(name));
        let rest = rest.trim_start_matches('/');
        let inside = |path: &str| at(paths, &join(of, path)?);
        if !rest.is_empty() {
            return inside(rest).or_else(|| inside(&format!("src/{rest}")));
        }
        inside("src/index")
            .or_else(|| entries.iter().find_map(|entry| inside(entry)))
            .or_else(|| inside("index"))
            .or_else(|| inside("src"))
    }
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

/// Takes the paths out of a package's `exports`.
fn exports(value: Option<&serde_json::Value>, entries: &mut Vec<String>) {
    let mut open: Vec<&serde_json::Value> = value.into_iter().collect();
    while let Some(value) = open.pop().filter(|_| entries.len() < 64) {
        match value {
            serde_json::Value::String(path) => entries.push(path.clone()),
            serde_json::Value::Object(map) => open.extend(map.values().take(64)),
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
