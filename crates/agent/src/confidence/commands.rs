//! What a command line is: whether it checks something, whose exit code it has, whether it changes files.

use distiq_router::escalate::Ended;

/// The longest text of a command that is told.
const MOST_SHOWN: usize = 80;
/// The end of a command's output that tells how tests went.
const MOST_READ: usize = 4_000;

/// A command line.
#[derive(Debug)]
pub struct Line {
    /// The part that counts, in short.
    pub shown: String,
    /// Its words without flags and what only wraps it: two runs of the same are the same check.
    pub words: Vec<String>,
    /// Whether it checks something: tests, a build, types, a linter.
    pub is_check: bool,
    /// Whether its exit code says anything; that of a search does not.
    pub counts: bool,
    /// Whether it changes files.
    pub changes: bool,
    /// Whether the exit code of the line is that of this part.
    owns_exit: bool,
}

/// Commands whose exit code is an answer, no failure.
const ANSWERS: &[&str] = &[
    "[", "awk", "basename", "cat", "cd", "cmp", "command", "curl", "cut", "date", "df", "diff",
    "dirname", "du", "echo", "env", "export", "false", "fd", "file", "find", "git", "grep", "head",
    "id", "jq", "kill", "less", "ls", "mkdir", "more", "pgrep", "pkill", "printf", "ps", "pwd",
    "realpath", "rg", "rm", "sed", "set", "sleep", "sort", "stat", "tail", "tee", "test", "touch",
    "tr", "tree", "true", "type", "uname", "uniq", "wc", "wget", "which", "xargs",
];
/// Commands that check whatever they are given.
const CHECKERS: &[&str] = &[
    "ava",
    "bazel",
    "biome",
    "busted",
    "c++",
    "cc",
    "clang",
    "clang-tidy",
    "clang++",
    "cmake",
    "ctest",
    "cypress",
    "detekt",
    "eslint",
    "flake8",
    "g++",
    "gcc",
    "ghc",
    "golangci-lint",
    "gradle",
    "gradlew",
    "javac",
    "jest",
    "just",
    "ktlint",
    "make",
    "meson",
    "mocha",
    "msbuild",
    "mvn",
    "mvnw",
    "mypy",
    "ninja",
    "nox",
    "phpstan",
    "phpunit",
    "playwright",
    "pre-commit",
    "psalm",
    "py.test",
    "pylint",
    "pyright",
    "pytest",
    "rake",
    "rspec",
    "rubocop",
    "ruff",
    "rustc",
    "shellcheck",
    "staticcheck",
    "swiftc",
    "tox",
    "trunk",
    "tsc",
    "unittest",
    "vitest",
    "vue-tsc",
    "xcodebuild",
    "py_compile",
    "compileall",
];
/// Commands of which some subcommands check.
const TOOLS: &[(&str, &[&str])] = &[
    ("cargo", &["test", "nextest", "build", "check", "clippy", "fmt", "miri", "t", "b", "c"]),
    ("go", &["test", "build", "vet"]),
    ("npm", &["test", "t", "run", "run-script", "ci"]),
    ("yarn", &["test", "run", "build", "lint", "tsc", "typecheck"]),
    ("pnpm", &["test", "t", "run", "build", "lint", "tsc", "typecheck"]),
    ("bun", &["test", "run", "build"]),
    ("deno", &["test", "check", "lint"]),
    ("dotnet", &["test", "build"]),
    ("mix", &["test", "compile", "credo"]),
    ("swift", &["test", "build"]),
    ("rails", &["test"]),
    ("zig", &["test", "build"]),
    ("dart", &["test", "analyze"]),
    ("flutter", &["test", "analyze"]),
    ("cabal", &["test", "build"]),
    ("stack", &["test", "build"]),
    ("sbt", &["test", "compile"]),
    ("lein", &["test"]),
    ("composer", &["test"]),
];
/// Commands that run what follows.
const WRAPPERS: &[&str] = &[
    "bundle", "corepack", "dotenv", "env", "exec", "nice", "npx", "pipenv", "poetry", "rye",
    "sudo", "time", "timeout", "uv", "uvx", "xvfb-run",
];
const INTERPRETERS: &[&str] =
    &["bash", "bun", "deno", "node", "perl", "php", "python", "python3", "ruby", "sh", "zsh"];
/// Parts of names of scripts that check.
const CHECKING: &[&str] = &["test", "check", "lint", "spec", "verify", "typecheck", "tsc"];
/// Commands that change files whatever they are given.
const CHANGERS: &[&str] = &["mv", "cp", "rm", "patch", "tee", "dd", "truncate", "ln"];

/// What stands between two commands of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    End,
    And,
    Other,
}

/// Reads a command line: the last part of it that checks something, else the last.
pub fn read(text: &str) -> Line {
    let parts = parts(text);
    let lines: Vec<(Line, Joint)> =
        parts.iter().map(|(part, joint)| (line(part), *joint)).collect();
    let changes = lines.iter().any(|(line, _)| line.changes);
    let chosen = lines.iter().rposition(|(line, _)| line.is_check);
    let chosen = chosen.unwrap_or(lines.len().saturating_sub(1));
    // Behind `&&` alone, the line has passed only where this part has.
    let owns_exit =
        lines.iter().skip(chosen).all(|(_, joint)| matches!(joint, Joint::And | Joint::End));
    match lines.into_iter().nth(chosen) {
        Some((line, _)) => Line { changes, owns_exit, ..line },
        None => Line::check(""),
    }
}

impl Line {
    /// Makes the line of a command that is known to check something.
    pub fn check(text: &str) -> Self {
        Self { is_check: true, counts: true, owns_exit: true, ..line(&split(text)) }
    }

    /// Tells how it ended, by the line's exit code where that is its own, else by what it printed.
    pub fn ended(&self, exit: i64, output: &str) -> Option<Ended> {
        match (self.owns_exit, exit) {
            (true, 0) => Some(Ended::Passed),
            (true, code) => Some(Ended::Failed(i32::try_from(code).ok())),
            (false, _) => by_output(output),
        }
    }
}

/// Tells how tests went by the totals that runners print.
fn by_output(output: &str) -> Option<Ended> {
    let mut start = output.len().saturating_sub(MOST_READ);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    let end = output.get(start..).unwrap_or_default();
    let words: Vec<String> = end
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let counted = |names: &[&str]| {
        words.windows(2).any(|pair| {
            let [count, name] = pair else { return false };
            names.contains(&name.as_str()) && count.parse::<u64>().is_ok_and(|count| count > 0)
        })
    };
    let has = |text: &str| end.contains(text);
    let failed = counted(&["failed", "failures", "failing", "errors", "error"])
        || [
            "test result: FAILED",
            "FAILED (",
            "--- FAIL",
            "BUILD FAILED",
            "error: could not compile",
        ]
        .iter()
        .any(|text| has(text))
        || end.lines().any(|line| line.starts_with("FAIL") || line.starts_with("error["));
    let passed = counted(&["passed", "passing"])
        || has("test result: ok")
        || has("BUILD SUCCESS")
        || end
            .lines()
            .any(|line| line == "OK" || line.starts_with("ok \t") || line.starts_with("ok  \t"));
    match (failed, passed) {
        (true, _) => Some(Ended::Failed(None)),
        (false, true) => Some(Ended::Passed),
        (false, false) => None,
    }
}

/// Splits a line into its commands, each into words, by what a shell would split them at. What it does not
/// know, such as here-documents, it takes for words.
fn parts(text: &str) -> Vec<(Vec<String>, Joint)> {
    let mut parts = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut letters = text.chars().peekable();
    let end_word = |word: &mut String, words: &mut Vec<String>| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    while let Some(letter) = letters.next() {
        if let Some(mark) = quote {
            match letter == mark {
                true => quote = None,
                false => word.push(letter),
            }
            continue;
        }
        let joint = match letter {
            '\'' | '"' => {
                quote = Some(letter);
                continue;
            }
            '\\' => {
                word.extend(letters.next());
                continue;
            }
            '&' if letters.peek() == Some(&'&') => Joint::And,
            // `2>&1` and `&>` are redirections.
            '&' if word.ends_with('>') || letters.peek() == Some(&'>') => {
                word.push(letter);
                continue;
            }
            '|' | ';' | '\n' | '&' => Joint::Other,
            letter if letter.is_whitespace() => {
                end_word(&mut word, &mut words);
                continue;
            }
            letter => {
                word.push(letter);
                continue;
            }
        };
        if letters.peek() == Some(&letter) {
            letters.next();
        }
        end_word(&mut word, &mut words);
        if !words.is_empty() {
            parts.push((std::mem::take(&mut words), joint));
        }
    }
    end_word(&mut word, &mut words);
    if !words.is_empty() {
        parts.push((words, Joint::End));
    }
    if let Some((_, joint)) = parts.last_mut() {
        // What ends a line joins nothing.
        *joint = if *joint == Joint::Other && text.trim_end().ends_with('&') {
            Joint::Other
        } else {
            Joint::End
        };
    }
    parts
}

fn split(text: &str) -> Vec<String> {
    parts(text).into_iter().flat_map(|(words, _)| words).collect()
}

fn line(words: &[String]) -> Line {
    let own = unwrapped(words);
    let name = own.first().map(|word| base(word)).unwrap_or_default().to_owned();
    let plain: Vec<String> = own
        .iter()
        .filter(|word| !word.starts_with('-') && !is_redirection(word))
        .cloned()
        .collect();
    let second = plain.get(1).map(String::as_str).unwrap_or_default();
    let is_script = |word: &str| {
        let name = base(word).to_lowercase();
        CHECKING.iter().any(|part| name.contains(part))
    };
    let is_check = if let Some((_, some)) = TOOLS.iter().find(|(tool, _)| *tool == name) {
        let is_run = second.starts_with("run");
        some.contains(&second)
            && (!is_run || plain.get(2).is_some_and(|word| is_script(word) || word == "build"))
    } else {
        CHECKERS.contains(&name.as_str())
            || INTERPRETERS.contains(&name.as_str()) && is_script(second)
            || own.first().is_some_and(|word| word.contains('/')) && is_script(&name)
    };
    let writes = own.iter().any(|word| redirects_to_file(word, own));
    let is_in_place = matches!(name.as_str(), "sed" | "perl")
        && own.iter().any(|word| word.starts_with('-') && word.contains('i'));
    let is_git = name == "git"
        && matches!(
            second,
            "apply" | "checkout" | "restore" | "mv" | "rm" | "stash" | "reset" | "merge" | "pull"
        );
    let mut key = plain;
    if let Some(first) = key.first_mut() {
        *first = name.clone();
    }
    let mut shown: String = own.join(" ").chars().take(MOST_SHOWN).collect();
    if shown.len() < own.join(" ").len() {
        shown.push('…');
    }
    Line {
        shown,
        words: key,
        is_check,
        counts: is_check || !ANSWERS.contains(&name.as_str()),
        changes: writes || is_in_place || is_git || CHANGERS.contains(&name.as_str()),
        owns_exit: true,
    }
}

/// Leaves out what only wraps a command: variables, time limits, runners of environments.
fn unwrapped(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some((first, more)) = rest.split_first() {
        let name = base(first);
        let is_variable = first.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        let is_module =
            matches!(name, "python" | "python3") && more.first().is_some_and(|word| word == "-m");
        let skipped = if is_module {
            2
        } else if is_variable || matches!(first.as_str(), "(" | "{" | "!") {
            1
        } else if WRAPPERS.contains(&name) && !more.is_empty() {
            let takes = more.iter().take_while(|word| {
                word.starts_with('-')
                    || matches!(word.as_str(), "run" | "exec")
                    || word.chars().next().is_some_and(|c| c.is_ascii_digit())
            });
            1 + takes.count()
        } else {
            break;
        };
        rest = words.get(words.len() - rest.len() + skipped..).unwrap_or_default();
    }
    rest
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_redirection(word: &str) -> bool {
    word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&').starts_with(['>', '<'])
}

fn redirects_to_file(word: &str, words: &[String]) -> bool {
    let target = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    let Some(target) = target.strip_prefix('>') else { return false };
    let target = target.trim_start_matches('>');
    if target.is_empty() {
        let next = words.iter().skip_while(|other| !std::ptr::eq(other.as_str(), word)).nth(1);
        return next.is_some_and(|next| next != "/dev/null");
    }
    !target.starts_with('&') && target != "/dev/null"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_checks_is_told_from_what_answers() {
        for (text, is_check, counts, words) in [
            ("cargo test --workspace", true, true, "cargo test"),
            ("cd crates/a && RUST_LOG=x cargo clippy -q 2>&1", true, true, "cargo clippy"),
            ("cargo add serde", false, true, "cargo add serde"),
            ("npm run lint", true, true, "npm run lint"),
            ("npm run start", false, true, "npm run start"),
            ("npx tsc --noEmit", true, true, "tsc"),
            ("poetry run pytest tests/a.py -x", true, true, "pytest tests/a.py"),
            ("python3 -m unittest -q", true, true, "unittest"),
            ("python test_cart.py", true, true, "python test_cart.py"),
            ("./run_tests.sh", true, true, "run_tests.sh"),
            ("python app.py", false, true, "python app.py"),
            ("grep -rn 'cargo test' .", false, false, "grep cargo test ."),
            ("timeout 60 make check", true, true, "make check"),
            ("git diff --exit-code", false, false, "git diff"),
            ("", true, true, ""),
        ] {
            let line = read(text);
            let found = (line.is_check, line.counts, line.words.join(" "));
            assert_eq!(found, (is_check, counts, words.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_exit_code_is_the_checks_own_or_none() {
        for (text, owns) in [
            ("pytest", true),
            ("cd a && pytest", true),
            ("pytest && echo ok", true),
            ("pytest;", true),
            ("pytest | tail", false),
            ("pytest; echo $?", false),
            ("pytest || true", false),
            ("pytest &", false),
            ("ls | head; pytest", true),
            ("pytest > out.txt 2>&1", true),
        ] {
            assert_eq!(read(text).owns_exit, owns, "{text}");
        }
    }

    #[test]
    fn what_changes_files_is_known() {
        for (text, changes) in [
            ("sed -i s/a/b/ x", true),
            ("sed -n 1,5p x", false),
            ("echo a > x", true),
            ("echo a >> x.txt", true),
            ("make 2>/dev/null", false),
            ("make > /dev/null 2>&1", false),
            ("git checkout -- x", true),
            ("git status", false),
            ("mv a b && make", true),
        ] {
            assert_eq!(read(text).changes, changes, "{text}");
        }
    }

    #[test]
    fn totals_of_runners_are_read() {
        let failed = Some(Ended::Failed(None));
        for (output, ended) in [
            ("test result: FAILED. 1 passed; 2 failed; 0 ignored", failed),
            ("test result: ok. 3 passed; 0 failed; 0 ignored", Some(Ended::Passed)),
            ("== 3 passed, 1 warning in 0.2s ==", Some(Ended::Passed)),
            ("Ran 3 tests in 0.01s\n\nFAILED (failures=1)", failed),
            ("Ran 3 tests in 0.01s\n\nOK", Some(Ended::Passed)),
            ("Tests:  1 failed, 3 passed, 4 total", failed),
            ("error[E0308]: mismatched types", failed),
            ("ok  \texample.com/a\t0.01s", Some(Ended::Passed)),
            ("FAIL\texample.com/a\t0.01s", failed),
            ("Found 2 errors in 1 file", failed),
            ("nothing of it", None),
        ] {
            assert_eq!(by_output(output), ended, "{output}");
        }
    }
}
