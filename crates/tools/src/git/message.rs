//! A commit's message, made by rule from what is staged and from how the repository's last ones look.

/// Longest subject, in characters.
const SUBJECT: usize = 72;

/// Most files that the body names.
const NAMED: usize = 12;

/// What git tells of the staged changes and of earlier commits.
pub(super) struct Staged<'a> {
    /// `git diff --cached --name-status -M`.
    pub(super) status: &'a str,
    /// `git diff --cached --numstat -M`.
    pub(super) numbers: &'a str,
    /// `git diff --cached -U0 -M`, perhaps cut.
    pub(super) diff: &'a str,
    /// The last subjects, one a line.
    pub(super) subjects: &'a str,
}

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Update,
    Remove,
    Rename,
}

struct Changed<'a> {
    verb: Verb,
    path: &'a str,
    /// Where it was before.
    from: Option<&'a str>,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Source,
    Test,
    Docs,
    Ci,
    Build,
}

/// How the repository writes its subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `fix: …`, as conventionalcommits.org has it.
    Conventional,
    /// `topic: …`.
    Topic,
    /// `Update …`.
    Plain,
    /// `update …`.
    Lower,
}

/// Returns a message for what is staged; `None` where nothing is.
pub(super) fn compose(staged: &Staged<'_>) -> Option<String> {
    let files: Vec<Changed<'_>> = staged.status.lines().filter_map(changed).collect();
    let first = files.first()?;
    let style = style(staged.subjects);
    let what = what(&files, staged.diff);
    let verb =
        files.iter().map(|file| file.verb).reduce(|a, b| if a == b { a } else { Verb::Update });
    let verb = match verb.unwrap_or(Verb::Update) {
        Verb::Add => "Add",
        Verb::Update => "Update",
        Verb::Remove => "Remove",
        Verb::Rename => "Rename",
    };
    let lower = || format!("{} {what}", verb.to_lowercase());
    let subject = match style {
        Style::Conventional => format!("{}: {}", kind(&files, staged.diff), lower()),
        Style::Topic => format!("{}: {}", topic(first.path), lower()),
        Style::Lower => lower(),
        Style::Plain => format!("{verb} {what}"),
    };
    let subject = cut(&subject);
    if files.len() == 1 {
        return Some(subject);
    }
    Some(format!("{subject}\n\n{}", body(&files, staged.numbers)))
}

fn changed(line: &str) -> Option<Changed<'_>> {
    let mut fields = line.split('\t');
    let (status, path) = (fields.next()?, fields.next()?);
    let verb = match status.chars().next()? {
        'A' => Verb::Add,
        'D' => Verb::Remove,
        'R' | 'C' => {
            let path_now = fields.next()?;
            return Some(Changed { verb: Verb::Rename, path: path_now, from: Some(path) });
        }
        _ => Verb::Update,
    };
    Some(Changed { verb, path, from: None })
}

/// Names what changed: functions of a file, a file, two files, or a folder.
fn what(files: &[Changed<'_>], diff: &str) -> String {
    match files {
        [Changed { from: Some(from), path, .. }] => {
            let shared = folder(from) == folder(path);
            format!("{} to {}", name(from), if shared { name(path) } else { path })
        }
        [Changed { verb: Verb::Update, path, .. }] => match functions(diff).as_slice() {
            [] => (*path).to_owned(),
            [one] => format!("{one} in {path}"),
            [one, two] => format!("{one} and {two} in {path}"),
            [one, ..] => format!("{one} and more in {path}"),
        },
        [one] => one.path.to_owned(),
        [one, two] if one.path.len() + two.path.len() < 48 => {
            format!("{} and {}", one.path, two.path)
        }
        [one, rest @ ..] => {
            let mut shared = folder(one.path);
            while !rest.iter().all(|file| within(file.path, shared)) {
                shared = folder(shared);
            }
            match shared {
                "" => format!("{} files, among them {}", files.len(), name(one.path)),
                shared => format!("{} files in {shared}", files.len()),
            }
        }
        [] => String::new(),
    }
}

fn within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Names the functions and types that a diff's hunks stand in or define, at most three.
fn functions(diff: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in diff.lines() {
        let defined = match line.strip_prefix("@@ ") {
            Some(hunk) => hunk.split_once(" @@ ").and_then(|(_, context)| defines(context)),
            None if line.starts_with('+') && !line.starts_with("+++") => {
                defines(&line.replacen('+', "", 1))
            }
            None => None,
        };
        if let Some(name) = defined.filter(|name| !names.contains(name)) {
            names.push(name);
        }
        if names.len() == 3 {
            break;
        }
    }
    names
}

/// Returns the name that a line of code defines.
fn defines(line: &str) -> Option<String> {
    const WORDS: [&str; 12] = [
        "fn",
        "def",
        "func",
        "function",
        "class",
        "struct",
        "enum",
        "trait",
        "interface",
        "impl",
        "module",
        "type",
    ];
    let mut words = line.split_whitespace();
    words.find(|word| WORDS.contains(word))?;
    let name: String =
        words.next()?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn class(path: &str) -> Class {
    let (file, lower) = (name(path), path.to_ascii_lowercase());
    let in_folder = |names: &[&str]| {
        folder(path).split('/').any(|part| names.contains(&part.to_ascii_lowercase().as_str()))
    };
    if [".github/", ".gitlab", ".circleci/", ".ci/"].iter().any(|start| lower.starts_with(start)) {
        Class::Ci
    } else if in_folder(&["test", "tests", "spec", "__tests__", "testdata", "fixtures"])
        || file.starts_with("test_")
        || ["_test.", ".test.", ".spec.", "_spec."].iter().any(|part| file.contains(part))
    {
        Class::Test
    } else if in_folder(&["doc", "docs"])
        || [".md", ".rst", ".adoc"].iter().any(|e| lower.ends_with(e))
    {
        Class::Docs
    } else if [
        "Cargo.toml",
        "package.json",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "go.mod",
        "go.sum",
        "Makefile",
        "CMakeLists.txt",
        "Dockerfile",
        "pom.xml",
        "build.gradle",
        "requirements.txt",
        ".gitignore",
    ]
    .contains(&file)
        || lower.ends_with(".lock")
        || file.ends_with("-lock.json")
    {
        Class::Build
    } else {
        Class::Source
    }
}

/// Returns the type of a conventional commit: what it adds is a feature, what it only changes a fix.
fn kind(files: &[Changed<'_>], diff: &str) -> &'static str {
    let classes: Vec<Class> = files.iter().map(|file| class(file.path)).collect();
    let main = classes.iter().copied().reduce(|a, b| if a == b { a } else { Class::Source });
    match main.unwrap_or(Class::Source) {
        Class::Test => return "test",
        Class::Docs => return "docs",
        Class::Ci => return "ci",
        Class::Build => return "build",
        Class::Source => {}
    }
    let sources = || files.iter().zip(&classes).filter(|(_, class)| **class == Class::Source);
    if sources().all(|(file, _)| matches!(file.verb, Verb::Rename | Verb::Remove)) {
        return "refactor";
    }
    let added = sources().any(|(file, _)| file.verb == Verb::Add);
    let defined = diff.lines().any(|line| {
        line.starts_with('+')
            && !line.starts_with("+++")
            && defines(&line.replacen('+', "", 1)).is_some()
    });
    let replaced = diff.lines().any(|line| {
        line.starts_with('-')
            && !line.starts_with("---")
            && defines(&line.replacen('-', "", 1)).is_some()
    });
    if added || (defined && !replaced) { "feat" } else { "fix" }
}

/// Names the part of the project: below `crates/`, `packages/` and the like the folder's own name.
fn topic(path: &str) -> &str {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or(path);
    let second = parts.next().filter(|_| parts.next().is_some());
    match second {
        Some(second) if ["crates", "packages", "src", "lib", "apps", "pkg"].contains(&first) => {
            second
        }
        _ if path.contains('/') => first,
        _ => first.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(first),
    }
}

fn style(subjects: &str) -> Style {
    const TYPES: [&str; 11] = [
        "feat", "fix", "docs", "test", "refactor", "chore", "build", "ci", "perf", "style",
        "revert",
    ];
    let subjects: Vec<&str> = subjects.lines().filter(|line| !line.starts_with("Merge ")).collect();
    let most = |count: usize| count * 2 > subjects.len();
    let prefix = |line: &&str| {
        let (prefix, _) = line.split_once(": ")?;
        let word = prefix.trim_end_matches('!').split('(').next().unwrap_or(prefix).to_owned();
        (!word.contains(' ')).then_some(word)
    };
    let prefixes: Vec<String> = subjects.iter().filter_map(prefix).collect();
    if most(prefixes.iter().filter(|word| TYPES.contains(&word.as_str())).count()) {
        Style::Conventional
    } else if most(prefixes.len()) {
        Style::Topic
    } else if most(subjects.iter().filter(|line| line.starts_with(char::is_lowercase)).count()) {
        Style::Lower
    } else {
        Style::Plain
    }
}

fn cut(subject: &str) -> String {
    if subject.chars().count() <= SUBJECT {
        return subject.to_owned();
    }
    let mut cut: String = subject.chars().take(SUBJECT - 1).collect();
    cut.push('…');
    cut
}

fn body(files: &[Changed<'_>], numbers: &str) -> String {
    let counted: Vec<(&str, &str, &str)> = numbers
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some((fields.next()?, fields.next()?, fields.next()?))
        })
        .collect();
    let mut text = String::new();
    for (index, file) in files.iter().enumerate().take(NAMED) {
        // Git tells both lists in the same order.
        let count = counted.get(index).map(|(added, removed, _)| format!(" (+{added} -{removed})"));
        let from = file.from.map(|from| format!("{from} -> ")).unwrap_or_default();
        let gone = if file.verb == Verb::Remove { ", removed" } else { "" };
        text.push_str(&format!("- {from}{}{}{gone}\n", file.path, count.unwrap_or_default()));
    }
    if files.len() > NAMED {
        text.push_str(&format!("- and {} more\n", files.len() - NAMED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(status: &str, diff: &str, subjects: &str) -> String {
        compose(&Staged { status, numbers: "1\t2\ta\n3\t0\tb\n", diff, subjects }).unwrap()
    }

    #[test]
    fn one_file() {
        let diff = "@@ -1 +1 @@ fn total(x: u64)\n-a\n+b\n@@ -9 +9,2 @@ impl Money {\n+    pub fn round_up() {\n";
        for (status, diff, subjects, expected) in [
            ("M\tsrc/money.rs", diff, "", "Update total and more in src/money.rs"),
            ("M\tsrc/money.rs", "", "add x\nmend y\nZ", "update src/money.rs"),
            ("A\tsrc/a.py", "", "feat: x\nfix(api)!: y\nMerge z", "feat: add src/a.py"),
            (
                "M\tsrc/a.py",
                "@@ -1 +1 @@ def f():\n-  1\n+  2\n",
                "feat: x",
                "fix: update f in src/a.py",
            ),
            ("M\ttests/a.py", "", "feat: x", "test: update tests/a.py"),
            ("M\tREADME.md", "", "feat: x", "docs: update README.md"),
            ("D\told.c", "", "fix: x", "refactor: remove old.c"),
            ("R090\tsrc/a.go\tsrc/b.go", "", "One\nTwo", "Rename a.go to b.go"),
            (
                "M\tcrates/tools/src/a.rs",
                "",
                "llm: x\nrouter: y",
                "tools: update crates/tools/src/a.rs",
            ),
        ] {
            assert_eq!(composed(status, diff, subjects), expected);
        }
    }

    #[test]
    fn several_files_have_a_body() {
        let text = composed("M\tsrc/a.rs\nD\tsrc/sub/b.rs", "", "");
        assert_eq!(
            text,
            "Update src/a.rs and src/sub/b.rs\n\n- src/a.rs (+1 -2)\n- src/sub/b.rs (+3 -0), removed\n"
        );
        let many: Vec<String> =
            (0..40).map(|i| format!("A\tsrc/deep/er/file_number_{i}.rs")).collect();
        let text = composed(&many.join("\n"), "", "");
        assert!(
            text.starts_with("Add 40 files in src/deep/er\n") && text.contains("- and 28 more")
        );
        assert_eq!(compose(&Staged { status: "", numbers: "", diff: "", subjects: "" }), None);
        let long = composed(&format!("A\t{}", "длинный/".repeat(40)), "", "");
        assert_eq!(long.chars().count(), SUBJECT);
    }
}
