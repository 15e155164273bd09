//! The command line that runs a framework's tests, and where its results are.

use std::path::Path;

use super::framework::{Framework, read};

/// How results are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JUnit's XML, in files.
    Junit,
    /// Jest's JSON (Vitest writes it too), in a file.
    Jest,
    /// Mocha's JSON, in a file.
    Mocha,
    /// RSpec's JSON, in a file.
    Rspec,
    /// `go test -json`, printed.
    Go,
    /// Cargo's text.
    Libtest,
    /// nextest's text.
    Nextest,
    /// The Test Anything Protocol, printed; else unknown.
    Tap,
    /// unittest's text.
    Unittest,
}

/// A command, and what to make of its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// As a user would type it.
    pub(super) shown: String,
    /// As it is run: with a report, which goes to the folder `$report`.
    pub(super) script: String,
    pub(super) format: Format,
    /// Shell patterns, or a command in `$( )`, that name the report's files.
    pub(super) files: &'static str,
    /// Whether the names that were asked for could not be handed on.
    pub(super) names_lost: bool,
}

/// Reports that build tools write into their own folders, those of this run.
const SUREFIRE: &str =
    "$(find . -path '*/target/surefire-reports/TEST-*.xml' -newer \"$report/begun\" | head -n 500)";
const GRADLE: &str =
    "$(find . -path '*/build/test-results/*/TEST-*.xml' -newer \"$report/begun\" | head -n 500)";

/// What a framework is told.
struct Chosen<'a> {
    folder: &'a Path,
    names: &'a [String],
    /// The file or folder below `folder` that was asked for.
    target: Option<&'a str>,
}

/// Returns the command for a framework in a folder.
pub(super) fn of(
    framework: Framework,
    folder: &Path,
    names: &[String],
    target: Option<&Path>,
) -> Command {
    let target = target.and_then(Path::to_str);
    let chosen = Chosen { folder, names, target };
    match framework {
        Framework::Cargo => chosen.cargo(),
        Framework::Nextest => chosen.nextest(),
        Framework::Pytest => chosen.pytest(),
        Framework::Unittest => chosen.unittest(),
        Framework::Jest => chosen.jest(),
        Framework::Vitest => chosen.vitest(),
        Framework::Mocha => chosen.mocha(),
        Framework::Node => chosen.node(),
        Framework::Npm => chosen.npm(),
        Framework::Go => chosen.go(),
        Framework::Maven => chosen.maven(),
        Framework::Gradle => chosen.gradle(),
        Framework::Ctest => chosen.ctest(),
        Framework::Rspec => chosen.rspec(),
        Framework::Phpunit => chosen.phpunit(),
    }
}

/// Makes a command whose report needs no option.
fn printed(shown: String, format: Format) -> Command {
    Command { script: shown.clone(), shown, format, files: "", names_lost: false }
}

/// Makes a command whose report is asked for by further options.
fn reported(shown: String, options: &str, format: Format, files: &'static str) -> Command {
    let script = format!("{shown} {options}");
    Command { shown, script, format, files, names_lost: false }
}

/// Quotes a word for the shell, where it needs to be.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Joins names to one pattern of alternatives, taken literally.
fn alternatives(names: &[String]) -> String {
    let literal = |name: &String| {
        let mut text = String::new();
        for c in name.chars() {
            if "\\^$.|?*+()[]{}".contains(c) {
                text.push('\\');
            }
            text.push(c);
        }
        text
    };
    names.iter().map(literal).collect::<Vec<_>>().join("|")
}

fn option(flag: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(" {flag} {}", quote(value)) }
}

fn words<'a>(list: impl IntoIterator<Item = &'a String>) -> String {
    list.into_iter().map(|word| format!(" {}", quote(word))).collect()
}

impl Chosen<'_> {
    fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    fn positional(&self) -> String {
        // A name that begins with a dash is no option.
        self.target
            .map(|path| if path.starts_with('-') { format!("./{path}") } else { path.to_owned() })
            .map_or(String::new(), |path| format!(" {}", quote(&path)))
    }

    fn is_folder(&self) -> bool {
        self.target.is_some_and(|path| self.folder.join(path).is_dir())
    }

    /// Returns cargo's own options, and the filters that follow a file.
    fn cargo_target(&self) -> (String, Option<String>) {
        let Some(path) = self.target.filter(|path| path.ends_with(".rs")) else {
            let manifest = read(&self.folder.join("Cargo.toml")).unwrap_or_default();
            let whole = self.target.is_none() && manifest.contains("[workspace]");
            return (if whole { " --workspace".to_owned() } else { String::new() }, None);
        };
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        match parts.as_slice() {
            ["tests", test] => (format!(" --test {}", quote(test)), None),
            ["tests", test, "main"] => (format!(" --test {}", quote(test)), None),
            ["examples", example, ..] => (format!(" --example {}", quote(example)), None),
            ["src", "lib"] => (" --lib".to_owned(), None),
            ["src", "main"] => (" --bins".to_owned(), None),
            ["src", "bin", bin, ..] => (format!(" --bin {}", quote(bin)), None),
            ["src", modules @ .., "mod"] => (String::new(), Some(modules.join("::"))),
            ["src", modules @ ..] => (String::new(), Some(modules.join("::"))),
            _ => (String::new(), None),
        }
    }

    fn cargo(&self) -> Command {
        let (options, module) = self.cargo_target();
        let filters: Vec<String> =
            if self.names.is_empty() { module.into_iter().collect() } else { self.names.to_vec() };
        let dashes = if filters.is_empty() { "" } else { " --" };
        let shown = format!("cargo test --no-fail-fast{options}{dashes}{}", words(&filters));
        let script = format!("export RUST_BACKTRACE=0\n{shown}");
        Command { script, ..printed(shown, Format::Libtest) }
    }

    fn nextest(&self) -> Command {
        let (options, module) = self.cargo_target();
        let filters: Vec<String> =
            if self.names.is_empty() { module.into_iter().collect() } else { self.names.to_vec() };
        let shown = format!("cargo nextest run --no-fail-fast{options}{}", words(&filters));
        let script = format!("export RUST_BACKTRACE=0\n{shown} --color never");
        Command { script, ..printed(shown, Format::Nextest) }
    }

    /// Finds the project's own Python before the system's.
    fn python(&self) -> String {
        let own = [".venv/bin/python", "venv/bin/python", "env/bin/python"];
        let own = own.iter().find(|path| self.has(path));
        own.map_or("python3".to_owned(), |path| (*path).to_owned())
    }

    fn pytest(&self) -> Command {
        let python = self.python();
        let (ids, words_): (Vec<String>, Vec<String>) =
            self.names.iter().cloned().partition(|n| n.contains("::") || n.ends_with(".py"));
        let plain: Vec<String> = words_
            .iter()
            .map(|name| name.split('[').next().unwrap_or(name).trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        let target = if ids.is_empty() { self.positional() } else { words(&ids) };
        let chosen = format!("{target}{}", option("-k", &plain.join(" or ")));
        let shown = format!("{python} -m pytest -q{chosen}");
        let unittest = self.unittest();
        let script = format!(
            "if {python} -c 'import pytest' 2>/dev/null; then\n{shown} -o junit_family=xunit1 \
             --junitxml=\"$report/junit.xml\"\nelse\n{}\nfi",
            unittest.script
        );
        let files = "\"$report\"/junit.xml";
        Command { shown, script, format: Format::Junit, files, names_lost: false }
    }

    fn unittest(&self) -> Command {
        let names: String = self
            .names
            .iter()
            .map(|n| n.rsplit("::").next().unwrap_or(n))
            .fold(String::new(), |all, name| all + &option("-k", name));
        let target = match self.target {
            Some(path) if self.is_folder() => format!(" discover -s {}", quote(path)),
            Some(_) => self.positional(),
            None if self.has("tests") && !self.has("tests/__init__.py") => {
                " discover -s tests".to_owned()
            }
            None => " discover".to_owned(),
        };
        let shown = format!("{} -m unittest{target} -v{names}", self.python());
        printed(shown, Format::Unittest)
    }

    /// Returns the start of a package's test command, to which options can be added.
    fn package(&self) -> &'static str {
        if self.has("pnpm-lock.yaml") {
            "pnpm test"
        } else if self.has("yarn.lock") {
            "yarn test"
        } else {
            "npm test --silent --"
        }
    }

    fn script(&self) -> String {
        let package = read(&self.folder.join("package.json")).unwrap_or_default();
        let package: serde_json::Value = serde_json::from_str(&package).unwrap_or_default();
        let script = package.pointer("/scripts/test").and_then(|script| script.as_str());
        script.unwrap_or_default().to_owned()
    }

    fn jest(&self) -> Command {
        let chosen = format!("{}{}", self.positional(), option("-t", &alternatives(self.names)));
        let shown = format!("{}{chosen}", self.package());
        let options = "--json --outputFile=\"$report/jest.json\" --testLocationInResults";
        reported(shown, options, Format::Jest, "\"$report\"/jest.json")
    }

    fn vitest(&self) -> Command {
        let chosen = format!("{}{}", self.positional(), option("-t", &alternatives(self.names)));
        let shown = format!("{}{chosen}", self.package());
        let once = if self.script().contains(" run") { "" } else { "--run " };
        let options = format!("{once}--reporter=json --outputFile=\"$report/jest.json\"");
        reported(shown, &options, Format::Jest, "\"$report\"/jest.json")
    }

    fn mocha(&self) -> Command {
        let names = option("-g", &alternatives(self.names));
        // The script's own files would be run beside a named one.
        let shown = match self.target {
            Some(_) => format!("npx --no-install mocha{}{names}", self.positional()),
            None => format!("{}{names}", self.package()),
        };
        let options = "--reporter json --reporter-option output=\"$report/mocha.json\"";
        reported(shown, options, Format::Mocha, "\"$report\"/mocha.json")
    }

    fn node(&self) -> Command {
        let pattern = match self.names {
            [] => String::new(),
            names => format!(" --test-name-pattern={}", quote(&alternatives(names))),
        };
        let options = format!("--test --test-reporter=tap{pattern}");
        let script = match self.target {
            Some(_) => format!("node {options}{}", self.positional()),
            None => self.script().replacen("--test", &options, 1),
        };
        let shown = match self.target {
            Some(_) => format!("node --test{pattern}{}", self.positional()),
            None => format!("npm test{}", if pattern.is_empty() { "" } else { " --" }) + &pattern,
        };
        let script = format!("PATH=\"$PWD/node_modules/.bin:$PATH\"\n{script}");
        Command { shown, script, format: Format::Tap, files: "", names_lost: false }
    }

    fn npm(&self) -> Command {
        let shown = self.package().trim_end_matches(" --").to_owned();
        let names_lost = !self.names.is_empty() || self.target.is_some();
        Command { names_lost, ..printed(shown, Format::Tap) }
    }

    fn go(&self) -> Command {
        let run = match self.names {
            [] => String::new(),
            // A subtest's name has a `/` between two patterns.
            [one] => option("-run", &format!("^{}$", one.replace('/', "$/^"))),
            names => option("-run", &format!("^({})$", alternatives(names))),
        };
        let packages = match self.target {
            None => "./...".to_owned(),
            Some(path) if self.is_folder() => quote(&format!("./{path}/...")),
            Some(path) => {
                let folder = Path::new(path).parent().and_then(Path::to_str).unwrap_or_default();
                quote(&format!("./{folder}"))
            }
        };
        let shown = format!("go test{run} {packages}");
        let script = shown.replacen("go test", "go test -json", 1);
        Command { shown, script, format: Format::Go, files: "", names_lost: false }
    }

    fn maven(&self) -> Command {
        let maven = if self.has("mvnw") { "./mvnw" } else { "mvn" };
        let from_file = self.target.filter(|path| !self.is_folder() && path.ends_with(".java"));
        let class = from_file.and_then(|path| Path::new(path).file_stem()?.to_str());
        let names = match (self.names, class) {
            ([], Some(class)) => class.to_owned(),
            (names, _) => names.join(","),
        };
        let chosen = if names.is_empty() {
            String::new()
        } else {
            format!(
                " {} -Dsurefire.failIfNoSpecifiedTests=false",
                quote(&format!("-Dtest={names}"))
            )
        };
        let shown = format!("{maven} -q -B test{chosen}");
        reported(shown, "", Format::Junit, SUREFIRE)
    }

    fn gradle(&self) -> Command {
        let gradle = if self.has("gradlew") { "./gradlew" } else { "gradle" };
        let chosen: String = self.names.iter().map(|name| option("--tests", name)).collect();
        let shown = format!("{gradle} test --continue --console=plain{chosen}");
        // Without it, tests that passed before are not run and write no report.
        reported(shown, "--rerun-tasks", Format::Junit, GRADLE)
    }

    fn ctest(&self) -> Command {
        let built = ["build", "_build", "out", "cmake-build-debug", "Build"];
        let built = built.iter().find(|name| self.has(&format!("{name}/CMakeCache.txt")));
        let (folder, build) = match built {
            _ if self.has("CTestTestfile.cmake") => (".", String::new()),
            Some(folder) => (*folder, format!("cmake --build {folder} && ")),
            None => ("build", "cmake -S . -B build && cmake --build build && ".to_owned()),
        };
        let names = option("-R", &alternatives(self.names));
        let shown = format!("{build}ctest --test-dir {folder} --output-on-failure{names}");
        let files = "\"$report\"/junit.xml";
        reported(shown, "--output-junit \"$report/junit.xml\"", Format::Junit, files)
    }

    fn rspec(&self) -> Command {
        let rspec = if self.has("Gemfile") { "bundle exec rspec" } else { "rspec" };
        let names: String = self.names.iter().map(|name| option("-e", name)).collect();
        let shown = format!("{rspec}{names}{}", self.positional());
        let options = "--format progress --format json --out \"$report/rspec.json\"";
        reported(shown, options, Format::Rspec, "\"$report\"/rspec.json")
    }

    fn phpunit(&self) -> Command {
        let own = "vendor/bin/phpunit";
        let phpunit = if self.has(own) { own } else { "phpunit" };
        let names = option("--filter", &alternatives(self.names));
        let shown = format!("{phpunit}{names}{}", self.positional());
        let options = "--log-junit \"$report/junit.xml\"";
        reported(shown, options, Format::Junit, "\"$report\"/junit.xml")
    }
}
