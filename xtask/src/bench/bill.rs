//! `cargo xtask bench bill`: what two tasks cost, beside a loop of 60 lines with four tools.
//!
//! One scripted model plays for both: it does the same, in the same words, and leaves out a read where the line that it
//! wants is in view already. A bug is planted in a published library, and the run counts only where a command proves
//! that it is mended. Tokens and cache are counted by the vendor's rules of the testkit.

mod task;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use distiq_base::{Content, Request};
use distiq_testkit::{Answer, Script, ScriptedModel, SourceTree};
use serde_json::{Value, json};

use task::{Act, LARGE, SMALL, Step, Task};

/// A model of $3 and $15 for a million tokens.
const MODEL: &str = "claude-sonnet-4-5";
const INPUT_USD: f64 = 3e-6;
const OUTPUT_USD: f64 = 15e-6;
/// What a write to the cache for five minutes costs, and a read, in parts of the input's price.
const WRITE: f64 = 1.25;
const READ: f64 = 0.1;

/// Runs the tasks and prints their bills.
pub fn run(arguments: &[&str]) -> Result<()> {
    let distiq = match arguments {
        [] => {
            crate::step("cargo", &["build", "--release", "-q", "-p", "distiq"])?;
            crate::target_dir()?.join("release/distiq")
        }
        ["--distiq", program] => {
            Path::new(program).canonicalize().with_context(|| (*program).to_owned())?
        }
        other => bail!("`bench bill` takes only --distiq PROGRAM, not {}", other.join(" ")),
    };
    for task in [&SMALL, &LARGE] {
        let ours = play(task, &Agent::Distiq(&distiq))?;
        let baseline = play(task, &Agent::Loop)?;
        println!("{}", task.name);
        for (name, bill) in [("distiq", &ours), ("a loop of 60 lines", &baseline)] {
            println!("  {name:18} {bill}");
        }
        let met = if ours.usd() <= task.goal_usd { "met" } else { "MISSED" };
        println!(
            "  ratio {:.2}  [at most ${:.4}: {met}]",
            ours.usd() / baseline.usd(),
            task.goal_usd
        );
    }
    Ok(())
}

/// Who does the work.
enum Agent<'a> {
    Distiq(&'a Path),
    Loop,
}

impl Agent<'_> {
    fn command(&self, task: &Task) -> Command {
        match self {
            Agent::Distiq(program) => {
                let mut command = Command::new(program);
                command.args(["run", "--mode", "full", "--model", MODEL, "--", task.prompt]);
                command
            }
            Agent::Loop => {
                let mut command = Command::new("python3");
                command.arg(crate::root().join("xtask/src/bench/bill/loop.py"));
                command.args([MODEL, task.prompt]);
                command
            }
        }
    }
}

/// What a task cost.
#[derive(Default)]
struct Bill {
    requests: usize,
    /// Tokens of the first request.
    first: u64,
    input: u64,
    write: u64,
    read: u64,
    output: u64,
}

impl Bill {
    #[allow(clippy::cast_precision_loss)] // Some thousands of tokens.
    fn usd(&self) -> f64 {
        let [input, write, read, output] =
            [self.input, self.write, self.read, self.output].map(|tokens| tokens as f64);
        INPUT_USD * (input + WRITE * write + READ * read) + OUTPUT_USD * output
    }
}

impl std::fmt::Display for Bill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "${:.4}: {} requests, the first of {} tokens; {} in, {} written to the cache, {} read from it, {} out",
            self.usd(),
            self.requests,
            self.first,
            self.input,
            self.write,
            self.read,
            self.output
        )
    }
}

fn play(task: &'static Task, agent: &Agent) -> Result<Bill> {
    let tree = SourceTree::unpack(&task.archive)?;
    tree.plant(task.file, task.right, task.wrong)?;
    ensure!(!proves(task, tree.root())?, "{}: the bug that was planted does no harm", task.name);
    let (mut next, ours) = (0, matches!(agent, Agent::Distiq(_)));
    let model = ScriptedModel::start(Script::function(move |request: &Request| {
        let seen = in_view(request);
        while let Some(step) = task.steps.get(next) {
            next += 1;
            if !step.unless_seen.is_some_and(|line| seen.contains(line)) {
                return answer(task, step, ours).into();
            }
        }
        Answer::text("Done.").into()
    }))?;
    let home = tree.root().with_file_name("home");
    let ran = agent
        .command(task)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &home)
        .env("DISTIQ_HOME", &home)
        .env("ANTHROPIC_BASE_URL", model.base_url_anthropic())
        .env("ANTHROPIC_API_KEY", "k")
        .current_dir(tree.root())
        .stdin(Stdio::null())
        .output()
        .context("Cannot run the agent")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{}: the run failed: {said}", task.name);
    ensure!(proves(task, tree.root())?, "{}: the bug is still there: {said}", task.name);
    bill(&model)
}

fn proves(task: &Task, root: &Path) -> Result<bool> {
    let mut command = Command::new("bash");
    command.args(["-c", task.proof]).current_dir(root);
    Ok(command.output().context("Cannot run `bash`")?.status.success())
}

/// Returns all texts of a conversation.
fn in_view(request: &Request) -> String {
    let mut seen = String::new();
    let mut waiting: Vec<&Content> = request.messages.iter().flat_map(|m| &m.content).collect();
    while let Some(content) = waiting.pop() {
        match content {
            Content::Text { text } => {
                seen.push_str(text);
                seen.push('\n');
            }
            Content::ToolResult { content, .. } => waiting.extend(content),
            _ => {}
        }
    }
    seen
}

fn answer(task: &Task, step: &Step, ours: bool) -> Answer {
    let said = Answer::text(step.says);
    match call(task, step.act, ours) {
        Some((tool, input)) => said.and_call(tool, input),
        None => said,
    }
}

/// Returns the call that does it; `None` where nothing is left to do.
fn call(task: &Task, act: Act, ours: bool) -> Option<(&'static str, Value)> {
    let (file, wrong, right) = (task.file, task.wrong.trim(), task.right.trim());
    Some(match act {
        Act::Search { pattern, path } if ours => {
            ("search", json!({ "pattern": pattern, "path": path }))
        }
        Act::Search { pattern, path } => {
            ("bash", json!({ "command": format!("grep -rnE '{pattern}' {path}") }))
        }
        Act::Read { path, lines: (first, last) } if ours => {
            ("read", json!({ "path": path, "lines": format!("{first}-{last}") }))
        }
        Act::Read { path, lines: (first, last) } => {
            ("read", json!({ "path": path, "offset": first, "limit": last - first + 1 }))
        }
        Act::Mend if ours => ("edit", json!({ "path": file, "search": wrong, "replace": right })),
        Act::Mend => ("edit", json!({ "path": file, "old": wrong, "new": right })),
        Act::Shell(command) if ours => ("shell", json!({ "command": command })),
        Act::Shell(command) => ("bash", json!({ "command": command })),
        Act::Done => return None,
    })
}

fn bill(model: &ScriptedModel) -> Result<Bill> {
    let mut bill = Bill::default();
    for captured in model.requests() {
        let usage = captured.usage.with_context(|| format!("{} was not counted", captured.path))?;
        let prompt = usage.input + usage.cache_read + usage.cache_write + usage.cache_write_long;
        if bill.requests == 0 {
            bill.first = prompt;
        }
        bill.requests += 1;
        bill.input += usage.input;
        bill.write += usage.cache_write + usage.cache_write_long;
        bill.read += usage.cache_read;
        bill.output += usage.output;
    }
    ensure!(bill.requests > 0, "No request came");
    Ok(bill)
}
