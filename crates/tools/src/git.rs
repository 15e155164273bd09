//! The `git` tool: looks at a repository, begins branches, and commits. It never pushes and never rewrites history.

mod message;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::edit;
use crate::fields::Fields;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::page::{Page, parameter};
use crate::permission::secrets::is_secret;
use crate::permission::{Part, Verdict};
use crate::sandbox::Grant;
use crate::shell::{self, Capture, How, Shown};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Most commits of a log.
const MOST_COMMITS: u64 = 200;

/// Settings under which git runs nothing of the project's: no hooks, no file monitor, no pager.
const SETTINGS: [&str; 9] = [
    "--no-pager",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "color.ui=false",
];

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    action: String,
    arguments: Vec<String>,
    /// Files to be staged first, for a commit.
    stage: Option<Vec<String>>,
    /// A branch to be begun.
    begins: bool,
    /// Whether it names a file that may hold keys.
    secret: bool,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("git", input)?;
    let action = fields.need_text(("action", &["command", "subcommand"]))?;
    let mut paths = fields.texts(("paths", &["files"]))?.unwrap_or_default();
    paths.extend(fields.text(edit::PATH)?);
    let rev = fields.text(("rev", &["revision", "commit", "ref"]))?;
    let lines = fields.text(("lines", &[]))?;
    let count = fields.number(("count", &["limit", "n"]))?;
    let staged = fields.switch(("staged", &["cached"]))?;
    let message = fields.text(("message", &[]))?.filter(|message| !message.trim().is_empty());
    let name = fields.text(("name", &["branch"]))?;
    fields.finish()?;
    if rev.as_deref().is_some_and(|rev| rev.starts_with('-') || rev.contains(char::is_whitespace)) {
        return Err(Refusal::invalid("git: `rev` must be a revision, such as HEAD~1 or main..x"));
    }
    if action == "blame" && paths.len() != 1 {
        return Err(Refusal::invalid("git: blame needs one `path`"));
    }
    let named = paths.iter().chain(&rev).map(|name| name.rsplit(':').next().unwrap_or(name));
    let secret = named.map(Path::new).any(is_secret);
    let commits = action == "commit";
    let mut arguments = match action.as_str() {
        "status" => words(&["status", "--short", "--branch"]),
        "diff" if staged => words(&["diff", "--no-ext-diff", "--no-textconv", "--cached"]),
        "diff" => words(&["diff", "--no-ext-diff", "--no-textconv"]),
        "log" => {
            let count = format!("-{}", count.unwrap_or(15).clamp(1, MOST_COMMITS));
            words(&["log", "--no-textconv", "--format=%h %ad %an: %s", "--date=short", &count])
        }
        "show" => words(&["show", "--no-ext-diff", "--no-textconv", "--format=%h %ad %an%n%B"]),
        "blame" => match lines {
            Some(lines) => {
                words(&["blame", "--no-textconv", "--date=short", "-L", &blame_lines(&lines)?])
            }
            None => words(&["blame", "--no-textconv", "--date=short"]),
        },
        "branch" => match &name {
            Some(name) => words(&["switch", "--quiet", "--create", branch(name)?]),
            None => words(&["branch", "--all", "-vv"]),
        },
        // Without a message, one is made from what is staged.
        "commit" => match &message {
            Some(message) => words(&["commit", "--quiet", "--message", message]),
            None => words(&["commit", "--quiet"]),
        },
        _ => {
            return Err(Refusal::invalid(
                "git: `action` must be status, diff, log, show, blame, branch or commit",
            ));
        }
    };
    arguments.extend(rev);
    let stage = if commits { Some(std::mem::take(&mut paths)) } else { None };
    if !commits && action != "branch" {
        arguments.push("--".to_owned());
        arguments.append(&mut paths);
    }
    let begins = name.is_some() && action == "branch";
    Ok(Input { action, arguments, stage, begins, secret })
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// Takes a new branch's name, as git allows them.
fn branch(name: &str) -> Result<&str, Refusal> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let wrong = name.is_empty()
        || name.starts_with(['-', '/', '.'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("@{")
        || name.chars().any(odd);
    if wrong { Err(Refusal::invalid("git: `name` is no name for a branch")) } else { Ok(name) }
}

/// Makes git's `10,40` of `10-40`.
fn blame_lines(lines: &str) -> Result<String, Refusal> {
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(first) && digits(last) {
        Ok(format!("{first},{last}"))
    } else {
        Err(Refusal::invalid("git: `lines` must look like \"10-40\""))
    }
}

impl Input {
    /// Tells whether it changes nothing.
    pub(crate) fn is_read_only(&self) -> bool {
        self.stage.is_none() && !self.begins
    }

    /// Returns what permission decides on.
    pub(crate) fn part(&self) -> Part {
        if self.secret && self.is_read_only() {
            let text = format!("git {}", self.arguments.join(" "));
            return Part::new(text, Verdict::Ask, "may show keys or passwords");
        }
        if self.is_read_only() {
            return Part::new(format!("git {}", self.action), Verdict::Allow, "git only reads");
        }
        let part = Part::new(
            format!("git {}", self.arguments.join(" ")),
            Verdict::Ask,
            "changes the repository",
        );
        Part { writes: true, ..part }
    }
}

pub(crate) async fn run(
    bench: &Bench,
    input: &Input,
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    if let Some(paths) = &input.stage {
        for path in paths {
            bench.grounds.writable(path)?;
        }
        let mut stage = vec!["add".to_owned()];
        if paths.is_empty() {
            stage.push("--update".to_owned())
        } else {
            stage.push("--".to_owned())
        }
        stage.extend(paths.iter().cloned());
        one(bench, &stage, grant, cancel).await?;
        let mut commit = input.arguments.clone();
        if !commit.iter().any(|word| word == "--message") {
            commit.extend(["--message".to_owned(), composed(bench, grant, cancel).await?]);
        }
        one(bench, &commit, grant, cancel).await?;
        let made = ["log", "-1", "--no-ext-diff", "--no-textconv", "--format=%h %s", "--shortstat"]
            .map(str::to_owned);
        return one(bench, &made, grant, cancel).await;
    }
    let outcome = one(bench, &input.arguments, grant, cancel).await?;
    Ok(if input.begins {
        Outcome { text: "switched to the new branch".to_owned(), ..outcome }
    } else {
        outcome
    })
}

/// Makes a message of what is staged.
async fn composed(
    bench: &Bench,
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<String, Refusal> {
    let mut told = Vec::new();
    for options in [&["--name-status"][..], &["--numstat"], &["-U0"]] {
        let mut arguments = words(&["diff", "--cached", "--no-ext-diff", "--no-textconv", "-M"]);
        arguments.extend(words(options));
        told.push(printed(bench, &arguments, grant, cancel).await?.1.text().0);
    }
    // A repository without a commit has no log.
    let log = printed(bench, &words(&["log", "-20", "--format=%s"]), grant, cancel).await?;
    let subjects = if log.0 == How::Exit(0) { log.1.text().0 } else { String::new() };
    let [status, numbers, diff] = told.as_slice() else { return Ok(String::new()) };
    let staged = message::Staged { status, numbers, diff, subjects: &subjects };
    message::compose(&staged).ok_or_else(|| {
        Refusal::new(
            RefusalKind::Failed,
            "git: nothing is staged and no tracked file changed; name new files in `paths`",
        )
    })
}

async fn one(
    bench: &Bench,
    arguments: &[String],
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let (how, mut capture) = printed(bench, arguments, grant, cancel).await?;
    let (text, dropped) = capture.text();
    let mut shown = Shown::of(text, dropped, how);
    if shown.cut
        && let Some(path) = capture.keep()
    {
        shown.text.push_str(&format!("\n[all of it: {}]", shell::home_short(path)));
    }
    let text = shown.text.trim_end();
    match how {
        How::Exit(0) => {
            let text = if text.is_empty() { "[nothing]" } else { text };
            Ok(Outcome::done(text).with_data(json!({"exit_code": 0})))
        }
        How::Exit(code) => Err(Refusal::new(RefusalKind::Failed, format!("{text}\n[exit {code}]"))),
        How::Cancelled => Err(Refusal::new(RefusalKind::Cancelled, "cancelled")),
        How::TimedOut | How::Signal(_) | How::Crowd => {
            Err(Refusal::new(RefusalKind::Failed, format!("{text}\n[git did not finish]")))
        }
    }
}

/// Runs git and returns how it ended, and what it printed.
async fn printed(
    bench: &Bench,
    arguments: &[String],
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<(How, Capture), Refusal> {
    let mut spec = shell::spec(bench, bench.grounds.root.clone(), TIMEOUT, grant);
    spec.program = "git";
    spec.arguments = SETTINGS.iter().map(OsString::from).collect();
    spec.arguments.extend(arguments.iter().map(OsString::from));
    // Reading must not write the index of a repository that somebody else uses.
    spec.set.push(("GIT_OPTIONAL_LOCKS", "0".to_owned()));
    shell::run_to_end(bench, &spec, cancel).await
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "git",
        about: "Looks at a repository, begins branches and commits. It never pushes and never rewrites history. To a model it \
                stands behind `more`.",
        parameters: vec![
            parameter(
                "action",
                "string, needed",
                "`status`, `diff`, `log`, `show`, `blame`, `branch` or `commit`",
            ),
            parameter(
                "paths",
                "list of strings",
                "the files meant; for a commit those to be staged",
            ),
            parameter("path", "string", "the same for one file"),
            parameter("rev", "string", "a revision, such as `HEAD~1` or `main..x`"),
            parameter("lines", "string", "lines for `blame`, such as `10-40`"),
            parameter("count", "integer", "commits of a `log`"),
            parameter("staged", "boolean", "`diff` of what is staged"),
            parameter(
                "message",
                "string",
                "the message of a commit; without it, one is made from the diff by rule",
            ),
            parameter("name", "string", "a branch to begin and switch to"),
        ],
        limits: vec![
            ("Time", format!("{} s", TIMEOUT.as_secs())),
            ("Commits of a log", MOST_COMMITS.to_string()),
            ("A result", format!("about {} tokens", crate::measure::RESULT_TOKENS)),
        ],
        notes: &[
            "Hooks, file monitors, pagers, external diffs and textconv of the project do not run.",
            "A commit without `paths` takes all changed files that git knows.",
        ],
    }
}
