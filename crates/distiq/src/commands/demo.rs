//! `distiq demo`: the whole way, without a key.
//!
//! A small project with a bug is unpacked, and this very program is run on it as a child, against
//! a scripted model on loopback. The model's words are written down beforehand; requests, tools,
//! files, tests and the ledger are the real ones.

mod project;
mod script;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use distiq_base::paths::Home;
use distiq_base::{ErrorKind, Money};
use distiq_router::{GroupBy, Ledger, RowFilter, Totals};
use distiq_testkit::ScriptedModel;
use jiff::tz::TimeZone;
use serde_json::json;
use similar::TextDiff;

use crate::cli::JsonFlag;
use crate::failure::Failure;
use crate::world::env;
use crate::{output, terminal};
use project::{Project, Tests};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// In which language; without it, the first that is installed
    #[arg(long, value_enum)]
    language: Option<project::Language>,
    /// Keep the folder afterwards
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// The price that the scripted model is billed at, in dollars per million tokens.
const PRICE: &str = "3/15";

/// Fixes a bug in a sample project.
pub fn run(args: &Args) -> Result<(), Failure> {
    let project = Project::choose(args.language)?;
    let mut folder = tempfile::Builder::new()
        .prefix("distiq-demo-")
        .tempdir()
        .map_err(|error| Failure::io("Cannot make a temporary folder", &error))?;
    folder.disable_cleanup(args.keep);
    let (root, home) = (folder.path().join("cart"), folder.path().join("home"));
    project.unpack(&root)?;
    let before = project.test(&root)?;
    if before.green {
        return Err(Failure::new(ErrorKind::Bug, "The sample project is not broken"));
    }
    say(args, &opening(project, &root));
    let model = ScriptedModel::start(script::of(project))
        .map_err(|error| Failure::io("Cannot start the scripted model on loopback", &error))?;
    work(args, project, &root, &home, &model)?;
    let after = project.test(&root)?;
    let diff = diff(project, &root);
    let spent = spent(&home)?;
    tell(args, &diff, &after, &spent, &root);
    if after.green { Ok(()) } else { Err(Failure::told(ErrorKind::User.exit_code())) }
}

/// Words for people; programs asked for one object.
fn say(args: &Args, text: &str) {
    if !args.json.json {
        terminal::say(text);
    }
}

fn opening(project: &Project, root: &Path) -> String {
    format!(
        "A sample project in {} is in {}; one of its tests fails.\nThe model is scripted: its words \
         were written beforehand. All else is real: the requests over HTTP, the tools, the files, \
         the tests and the ledger. Prices are those of a model at ${PRICE} per million tokens.\n",
        project.language.name(),
        root.display()
    )
}

/// Runs this program on the project, as a user would.
fn work(
    args: &Args,
    project: &Project,
    root: &Path,
    home: &Path,
    model: &ScriptedModel,
) -> Result<(), Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::io("Cannot find this program's own file", &error))?;
    let mut child = Command::new(program);
    child
        .args(["run", "--mode", "full", "--provider", "anthropic", "--model", "scripted"])
        .args(["--price", PRICE, "--", script::PROMPT])
        .current_dir(root)
        .stdin(Stdio::null())
        .env("DISTIQ_HOME", home)
        .env("DISTIQ_ROOT", root)
        .env("ANTHROPIC_BASE_URL", model.base_url_anthropic());
    for variable in distiq_base::env::ALL {
        let is_setting = variable.key.is_some() || variable.name.ends_with("_API_KEY");
        if is_setting {
            child.env_remove(variable.name);
        }
    }
    if args.json.json {
        child.stdout(Stdio::null()).stderr(Stdio::null());
    } else {
        terminal::say(&format!("$ distiq run --mode full \"{}\"", script::PROMPT));
    }
    let status =
        child.status().map_err(|error| Failure::io("Cannot run this program again", &error))?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    Err(Failure::new(ErrorKind::User, format!("`distiq run` ended with {code}")).with_hint(
        format!("Run it with `--keep` and look into the {} project", project.language.name()),
    ))
}

/// Compares the project's files with what was unpacked.
fn diff(project: &Project, root: &Path) -> String {
    let mut diff = String::new();
    for (path, old) in project.files() {
        let new = fs::read_to_string(root.join(path)).unwrap_or_default();
        if new != *old {
            let change = TextDiff::from_lines(*old, &new);
            let (before, after) = (format!("a/{path}"), format!("b/{path}"));
            diff.push_str(&change.unified_diff().header(&before, &after).to_string());
        }
    }
    diff
}

/// Reads from the child's ledger what it spent.
fn spent(home: &Path) -> Result<Totals, Failure> {
    let home = home.to_string_lossy().into_owned();
    let home = Home::find(&|name| (name == "DISTIQ_HOME").then(|| home.clone()));
    let Some(home) = home else { return Ok(Totals::default()) };
    let ledger = Ledger::open(&home.ledger())?;
    let totals = ledger.totals(&RowFilter::default(), GroupBy::All, &TimeZone::UTC)?;
    Ok(totals.into_iter().next().unwrap_or_default())
}

fn tell(args: &Args, diff: &str, after: &Tests, spent: &Totals, root: &Path) {
    if args.json.json {
        output::json_line(&json!({
            "ok": after.green,
            "scripted_model": true,
            "diff": diff,
            "tests": { "green": after.green, "command": after.command, "text": after.text },
            "requests": spent.requests,
            "usage": spent.usage,
            "cost_nanousd": spent.cost_nanousd,
            "folder": args.keep.then_some(root),
        }));
        return;
    }
    let colour = if after.green { "green" } else { "STILL RED" };
    output::text(&format!("\nWhat changed:\n\n{}", diff.trim_end()));
    output::text(&format!("\n$ {}\n{}\n\nTests: {colour}", after.command, after.text.trim_end()));
    output::text(&format!("Cost: {}", cost(spent)));
    output::text("The model was scripted; everything else was real.");
    if args.keep {
        output::text(&format!("Kept: {}", root.display()));
    }
    if env("ANTHROPIC_API_KEY").is_none() && env("OPENAI_API_KEY").is_none() {
        output::text(
            "Next: `distiq setup` stores a key, `distiq run \"…\"` works on your project.",
        );
    }
}

fn cost(spent: &Totals) -> String {
    let cost: Money = spent.cost_nanousd;
    format!(
        "{cost} for {} requests, {} tokens in ({} from cache), {} out",
        spent.requests,
        spent.usage.prompt(),
        spent.usage.cache_read,
        spent.usage.output
    )
}
