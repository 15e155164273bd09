//! The `test` tool: finds the project's test framework, runs all or chosen tests, and tells what failed and where.

mod command;
mod framework;
mod go;
mod javascript;
mod junit;
mod libtest;
mod report;
mod rspec;
mod run;
mod tap;
mod unittest;

use std::path::{Path, PathBuf};
use std::time::Duration;

use distiq_base::ToolDef;
use serde_json::{Value, json};

use self::framework::Framework;
pub(crate) use self::run::run;
use crate::fields::Fields;
use crate::outcome::{Refusal, RefusalKind};
use crate::page::{Page, parameter};
use crate::permission::{Part, Verdict};
use crate::place::{Grounds, show};

/// How long tests may take where the call does not say.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Longest time that a call may ask for.
const MAX_TIMEOUT_S: u64 = 3_600;

/// Most names of one call.
const MOST_NAMES: usize = 200;

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "test",
        "Run the project's tests; tells failures with place.",
        json!({
            "names": {"type": "array", "items": {"type": "string"}},
            "path": {"type": "string"},
        }),
        &[],
    )
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    names: Vec<String>,
    path: Option<String>,
    framework: Option<Framework>,
    timeout: Duration,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("test", input)?;
    let mut names = fields.texts(("names", &["tests"]))?.unwrap_or_default();
    names.extend(fields.text(("name", &["filter", "pattern", "test"]))?);
    let path = fields.text(("path", &["file", "dir", "cwd"]))?;
    let framework = fields.text(("framework", &["runner"]))?;
    let seconds = fields.number(("timeout_s", &[]))?;
    fields.finish()?;
    names.retain(|name| !name.trim().is_empty());
    if names.len() > MOST_NAMES || names.iter().any(|name| name.contains(['\0', '\n'])) {
        return Err(Refusal::invalid(format!(
            "test: at most {MOST_NAMES} `names`, each in one line"
        )));
    }
    let framework = match framework {
        Some(name) => Some(Framework::parse(&name).ok_or_else(|| {
            Refusal::invalid(format!("test: `framework` must be one of {}", Framework::names()))
        })?),
        None => None,
    };
    let timeout = seconds.map_or(TIMEOUT, |s| Duration::from_secs(s.clamp(1, MAX_TIMEOUT_S)));
    let path = path.filter(|path| !path.is_empty() && path != ".");
    Ok(Input { names, path, framework, timeout })
}

/// What is run, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    framework: Framework,
    /// Where it runs.
    folder: PathBuf,
    /// Other frameworks of the same folder.
    also: Vec<Framework>,
    command: command::Command,
}

impl Input {
    /// Returns what permission decides on.
    pub(crate) fn part(&self, grounds: &Grounds) -> Part {
        let text = match self.plan(grounds) {
            Ok(plan) => plan.command.shown,
            Err(_) => "the project's tests".to_owned(),
        };
        let part = Part::new(format!("test: {text}"), Verdict::Ask, "runs the project's tests");
        Part { writes: true, ..part }
    }

    /// Finds the framework and works its command out.
    fn plan(&self, grounds: &Grounds) -> Result<Plan, Refusal> {
        let place = grounds.readable(self.path.as_deref().unwrap_or("."))?;
        let metadata = place.path.metadata().map_err(|e| Refusal::io(&place.shown, &e))?;
        let start =
            if metadata.is_dir() { Some(place.path.as_path()) } else { place.path.parent() };
        let start = start.filter(|start| start.starts_with(&grounds.root)).unwrap_or(&grounds.root);
        let found = framework::find(&grounds.root, start, &place.path, self.framework);
        let found = found.map_err(|missing| not_found(&missing, grounds))?;
        let target = place.path.strip_prefix(&found.folder).ok().map(Path::to_path_buf);
        let target = target.filter(|path| !path.as_os_str().is_empty() && self.path.is_some());
        let command = command::of(found.framework, &found.folder, &self.names, target.as_deref());
        Ok(Plan { framework: found.framework, folder: found.folder, also: found.also, command })
    }
}

fn not_found(missing: &framework::Missing, grounds: &Grounds) -> Refusal {
    let message = match missing {
        framework::Missing::Nothing => format!(
            "no test framework found (looked for {}); give `framework`, or run the tests with shell",
            Framework::names()
        ),
        framework::Missing::Several(several) => {
            let list = several.iter().map(|(folder, framework)| {
                let folder = grounds.shown(folder);
                format!("{} ({})", show(&folder), framework.name())
            });
            format!(
                "tests in several folders; give `path`: {}",
                list.collect::<Vec<_>>().join(", ")
            )
        }
    };
    Refusal::new(RefusalKind::NotFound, message)
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "test",
        about: "Finds the project's test framework from the files that configure it, runs all or chosen tests, and tells the \
                totals and every failure with its message and place. `data` has the same as a structure.",
        parameters: vec![
            parameter(
                "names",
                "list of strings",
                "only tests of these names, as the framework matches them",
            ),
            parameter("name", "string", "the same for one test"),
            parameter("path", "string", "a file or folder; its nearest framework upwards is used"),
            parameter("framework", "string", "where there are several: one of those below"),
            parameter("timeout_s", "integer", "how long the run may take"),
        ],
        limits: vec![
            ("Names in one call", MOST_NAMES.to_string()),
            ("Time", format!("{} s where not said, at most {MAX_TIMEOUT_S} s", TIMEOUT.as_secs())),
            ("A result", format!("about {} tokens", crate::measure::RESULT_TOKENS)),
        ],
        notes: &[
            "Frameworks: cargo, nextest, pytest, unittest, jest, vitest, mocha, node, npm (any other script), go, maven, gradle, \
             ctest, rspec, phpunit.",
            "Where no report can be read, the folded output is told; an exit code other than 0 always is.",
        ],
    }
}
