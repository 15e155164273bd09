//! Which test framework a folder uses, told from the files that configure it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The largest settings file that is looked into.
const MAX_SETTINGS: u64 = 1 << 20;

/// Most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 2_000;

/// Most folders below the root that are tried where the root itself has no tests.
const MOST_FOLDERS: usize = 50;

/// A test framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framework {
    Cargo,
    Nextest,
    Pytest,
    Unittest,
    Jest,
    Vitest,
    Mocha,
    Node,
    /// `npm test` of a package whose script is none of the known runners.
    Npm,
    Go,
    Maven,
    Gradle,
    Ctest,
    Rspec,
    Phpunit,
}

const ALL: [(Framework, &str); 15] = [
    (Framework::Cargo, "cargo"),
    (Framework::Nextest, "nextest"),
    (Framework::Pytest, "pytest"),
    (Framework::Unittest, "unittest"),
    (Framework::Jest, "jest"),
    (Framework::Vitest, "vitest"),
    (Framework::Mocha, "mocha"),
    (Framework::Node, "node"),
    (Framework::Npm, "npm"),
    (Framework::Go, "go"),
    (Framework::Maven, "maven"),
    (Framework::Gradle, "gradle"),
    (Framework::Ctest, "ctest"),
    (Framework::Rspec, "rspec"),
    (Framework::Phpunit, "phpunit"),
];

impl Framework {
    pub(super) fn name(self) -> &'static str {
        ALL.iter().find(|(framework, _)| *framework == self).map_or("", |(_, name)| name)
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known)| *known == name).map(|(framework, _)| *framework)
    }

    pub(super) fn names() -> String {
        ALL.map(|(_, name)| name).join(", ")
    }

    /// Tells whether a file of this kind belongs to the framework's language.
    fn speaks(self, extension: &str) -> bool {
        let extensions: &[&str] = match self {
            Framework::Cargo | Framework::Nextest => &["rs"],
            Framework::Pytest | Framework::Unittest => &["py"],
            Framework::Jest
            | Framework::Vitest
            | Framework::Mocha
            | Framework::Node
            | Framework::Npm => &["js", "mjs", "cjs", "jsx", "ts", "tsx", "mts", "cts"],
            Framework::Go => &["go"],
            Framework::Maven | Framework::Gradle => &["java", "kt", "groovy", "scala"],
            Framework::Ctest => &["c", "cc", "cpp", "cxx", "h", "hpp"],
            Framework::Rspec => &["rb"],
            Framework::Phpunit => &["php"],
        };
        extensions.contains(&extension)
    }
}

/// A folder with its framework.
pub(super) struct Found {
    pub(super) framework: Framework,
    pub(super) folder: PathBuf,
    /// What else is in the folder.
    pub(super) also: Vec<Framework>,
}

/// Why no framework was found.
#[derive(Debug)]
pub(super) enum Missing {
    /// There is none.
    Nothing,
    /// Not in the root, and in several folders of it.
    Several(Vec<(PathBuf, Framework)>),
}

/// Finds the framework of the nearest folder from `start` up to `root`; else of the only folder below the root.
pub(super) fn find(
    root: &Path,
    start: &Path,
    target: &Path,
    wanted: Option<Framework>,
) -> Result<Found, Missing> {
    let extension = target.extension().and_then(|e| e.to_str()).unwrap_or_default();
    for folder in start.ancestors().take_while(|folder| folder.starts_with(root)) {
        let mut all = in_folder(folder);
        // What speaks the language of the named file comes first.
        all.sort_by_key(|framework| !framework.speaks(extension));
        let choice = match wanted {
            Some(wanted) if fits(wanted, &all) => Some(wanted),
            Some(_) => None,
            None => all.first().copied(),
        };
        if let Some(framework) = choice {
            let also = all.into_iter().filter(|other| *other != framework).collect();
            return Ok(Found { framework, folder: folder.to_path_buf(), also });
        }
    }
    if let Some(framework) = wanted {
        return Ok(Found { framework, folder: start.to_path_buf(), also: Vec::new() });
    }
    below(root)
}

/// Tells whether a wanted framework can be meant by one that was found: both speak one language.
fn fits(wanted: Framework, all: &[Framework]) -> bool {
    let same = |other: &Framework| {
        *other == wanted
            || matches!(
                (wanted, other),
                (Framework::Nextest, Framework::Cargo)
                    | (Framework::Cargo, Framework::Nextest)
                    | (Framework::Unittest, Framework::Pytest)
                    | (Framework::Pytest, Framework::Unittest)
            )
    };
    all.iter().any(same)
}

fn below(root: &Path) -> Result<Found, Missing> {
    let mut several = Vec::new();
    for name in names(root).into_iter().take(MOST_FOLDERS) {
        let folder = root.join(&name);
        if name.starts_with('.') || !folder.is_dir() || folder.is_symlink() {
            continue;
        }
        if let Some(framework) = in_folder(&folder).first() {
            several.push((folder, *framework));
        }
    }
    match several.as_slice() {
        [] => Err(Missing::Nothing),
        [(folder, framework)] => {
            Ok(Found { framework: *framework, folder: folder.clone(), also: Vec::new() })
        }
        _ => Err(Missing::Several(several)),
    }
}

/// Returns the frameworks of a folder, the likeliest first.
fn in_folder(folder: &Path) -> Vec<Framework> {
    let names = names(folder);
    let has = |name: &str| names.iter().any(|n| n == name);
    let mut found = Vec::new();
    if has("Cargo.toml") {
        let nextest = folder.join(".config/nextest.toml").is_file();
        found.push(if nextest { Framework::Nextest } else { Framework::Cargo });
    }
    if has("go.mod") {
        found.push(Framework::Go);
    }
    found.extend(package_json(folder));
    found.extend(python(folder, &names));
    if has("pom.xml") {
        found.push(Framework::Maven);
    }
    if ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"]
        .iter()
        .any(|n| has(n))
    {
        found.push(Framework::Gradle);
    }
    if has(".rspec") || (has("spec") && has("Gemfile")) {
        found.push(Framework::Rspec);
    }
    if has("phpunit.xml") || has("phpunit.xml.dist") || folder.join("vendor/bin/phpunit").is_file()
    {
        found.push(Framework::Phpunit);
    }
    if has("CMakeLists.txt") || has("CTestTestfile.cmake") {
        found.push(Framework::Ctest);
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.take(MOST_ENTRIES).flatten();
    let mut names: Vec<String> =
        names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn python(folder: &Path, names: &[String]) -> Option<Framework> {
    let has = |name: &str| names.iter().any(|n| n == name);
    let says = |name: &str, word: &str| {
        has(name) && read(&folder.join(name)).is_some_and(|text| text.contains(word))
    };
    let is_test = |name: &String| {
        name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
    };
    let tests = ["tests", "test"].iter().any(|sub| {
        let inner = self::names(&folder.join(sub));
        inner.iter().any(|name| is_test(name) || name == "conftest.py")
    });
    if has("pytest.ini")
        || has("conftest.py")
        || says("pyproject.toml", "pytest")
        || says("setup.cfg", "pytest")
        || says("tox.ini", "pytest")
        || says("requirements-dev.txt", "pytest")
        || says("requirements.txt", "pytest")
    {
        return Some(Framework::Pytest);
    }
    // pytest runs unittest's tests too; where it is not installed, unittest steps in.
    let project = has("pyproject.toml") || has("setup.py") || has("setup.cfg");
    (tests || names.iter().any(is_test) || project && has("tests")).then_some(Framework::Pytest)
}

fn package_json(folder: &Path) -> Option<Framework> {
    let package: Value = serde_json::from_str(&read(&folder.join("package.json"))?).ok()?;
    let script = package.get("scripts")?.get("test")?.as_str()?;
    if script.contains("no test specified") {
        return None;
    }
    Some(by_script(script))
}

/// Tells the runner from the last command of a package's test script.
fn by_script(script: &str) -> Framework {
    let last = script.rsplit(['&', ';', '|']).next().unwrap_or(script);
    let mut words = last.split_whitespace();
    let runner = words.find_map(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        match name {
            "jest" => Some(Framework::Jest),
            "vitest" => Some(Framework::Vitest),
            "mocha" | "_mocha" => Some(Framework::Mocha),
            "node" => Some(Framework::Node),
            _ => None,
        }
    });
    match runner {
        Some(Framework::Node) if !last.contains("--test") => Framework::Npm,
        Some(framework) => framework,
        None => Framework::Npm,
    }
}

/// Reads a small settings file.
pub(super) fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= MAX_SETTINGS).then(|| fs::read_to_string(path).ok())?
}
