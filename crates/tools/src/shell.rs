//! The `shell` tool: a command line, bounded in time and output.

mod capture;
mod fold;
pub(crate) mod process;
pub(crate) mod terminal;
pub(crate) mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distiq_base::ToolDef;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use self::capture::Capture;
use self::process::{Ended, How, Spec};
use crate::bench::Bench;
use crate::fields::Fields;
use crate::measure::{RESULT_TOKENS, head_and_tail};
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::page::{Page, parameter};
use crate::sandbox::{Confine, Grant};

/// Longest time that a call may ask for.
const MAX_TIMEOUT_S: u64 = 3_600;

/// Longest command; the kernel takes no argument over 128 kB.
const MAX_COMMAND: usize = 100_000;

/// Keys of vendors and clouds that no command of a project needs to see.
const VENDOR_KEYS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "DEEPSEEK_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "XAI_API_KEY",
    "COHERE_API_KEY",
    "TOGETHER_API_KEY",
    "FIREWORKS_API_KEY",
    "PERPLEXITY_API_KEY",
    "CEREBRAS_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "AZURE_API_KEY",
    "DASHSCOPE_API_KEY",
    "MOONSHOT_API_KEY",
    "ZHIPUAI_API_KEY",
    "HF_TOKEN",
    "HUGGINGFACE_API_KEY",
    "REPLICATE_API_TOKEN",
    "NVIDIA_API_KEY",
    "VOYAGE_API_KEY",
    "JINA_API_KEY",
    "DISTIQ_GATEWAY_KEY",
];

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "shell",
        "Run a bash command; no stdin. `cwd` is the root each time. Test output is folded to failures and totals.",
        json!({
            "command": {"type": "string"},
            "timeout_s": {"type": "integer", "description": "default 120"},
            "cwd": {"type": "string"},
        }),
        &["command"],
    )
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) command: String,
    pub(crate) cwd: String,
    timeout: Option<Duration>,
}

pub(crate) fn parse(input: &Value) -> Result<Input, Refusal> {
    let mut fields = Fields::new("shell", input)?;
    let command = fields.need_text(("command", &["cmd", "script"]))?;
    let seconds = fields.number(("timeout_s", &["timeout_seconds"]))?;
    let milliseconds = fields.number(("timeout_ms", &["timeout"]))?;
    let cwd = fields.text(("cwd", &["workdir", "working_directory", "dir"]))?;
    // Models add what they know from elsewhere; it changes nothing.
    let _ = fields.any(("description", &[]));
    fields.finish().map_err(|mut refusal| {
        refusal.message = refusal.message.replace(", timeout_ms", "").replace(", description", "");
        refusal
    })?;
    if command.trim().is_empty() {
        return Err(Refusal::invalid("shell: `command` is empty"));
    }
    if command.len() > MAX_COMMAND || command.contains('\0') {
        return Err(Refusal::invalid(
            "shell: `command` is over 100 kB or has a NUL in it; write a script file and run that",
        ));
    }
    let timeout = match (seconds, milliseconds) {
        (Some(0), _) => return Err(Refusal::invalid("shell: `timeout_s` must be from 1 up")),
        (Some(seconds), _) => Some(Duration::from_secs(seconds.min(MAX_TIMEOUT_S))),
        (None, Some(ms)) => Some(Duration::from_millis(ms.clamp(1_000, MAX_TIMEOUT_S * 1_000))),
        (None, None) => None,
    };
    let cwd = cwd.filter(|cwd| !cwd.is_empty()).unwrap_or_else(|| ".".to_owned());
    Ok(Input { command, cwd, timeout })
}

pub(crate) async fn run(
    bench: &Bench,
    input: &Input,
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let cwd = bench.grounds.readable(&input.cwd)?;
    if !cwd.path.is_dir() {
        return Err(Refusal::invalid(format!("shell: `cwd`: {} is no folder", cwd.shown)));
    }
    let timeout = input.timeout.unwrap_or(Duration::from_millis(bench.config.shell_timeout_ms));
    let mut spec = spec(bench, cwd.path, timeout, grant);
    spec.arguments = vec!["-c".into(), input.command.clone().into()];
    let mut capture = Capture::new(output_path(bench));
    let began = Instant::now();
    let (ended, open) = process::run(spec, &mut capture, cancel)
        .await
        .map_err(|error| Refusal::io("shell: the command could not be started", &error))?;
    let took = began.elapsed();
    let (text, dropped) = capture.text();
    let mut shown = Shown::of(text, dropped, ended.how);
    let background = open.is_some() && !ended.left.is_empty();
    let kept = if shown.cut || background { capture.keep().map(PathBuf::from) } else { None };
    if let Some(path) = kept.as_ref().filter(|_| shown.cut) {
        shown.text.truncate(shown.text.trim_end().len());
        shown.text.push_str(&format!("\n[all of it: {}]", home_short(path)));
    }
    if let Some(open) = open {
        tokio::spawn(open.drain(capture));
    }
    shown.text.truncate(shown.text.trim_end().len());
    shown.text.push_str(&ending(&ended, timeout, background.then_some(()).and(kept.as_ref())));
    let text =
        if shown.text.trim().is_empty() { "[no output]" } else { shown.text.trim_matches('\n') };
    let data = json!({
        "exit_code": match ended.how {
            How::Exit(code) => Some(code),
            How::Signal(signal) => Some(128 + signal),
            How::TimedOut | How::Cancelled => None,
        },
        "signal": match ended.how { How::Signal(signal) => Some(signal), _ => None },
        "timed_out": ended.how == How::TimedOut,
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "output_file": kept.map(|path| path.to_string_lossy().into_owned()),
    });
    let outcome = Outcome::done(text).with_data(data);
    let stopped = match ended.how {
        How::TimedOut => RefusalKind::Failed,
        How::Cancelled => RefusalKind::Cancelled,
        How::Exit(_) | How::Signal(_) => return Ok(outcome),
    };
    let refusal = Some(Refusal::new(stopped, outcome.text.clone()));
    Ok(Outcome { ok: false, refusal, ..outcome })
}

/// Returns a program's surroundings: no pager, no prompt, no keys.
pub(crate) fn spec(bench: &Bench, cwd: PathBuf, timeout: Duration, grant: Grant) -> Spec {
    let set = [
        ("PAGER", "cat"),
        ("GIT_PAGER", "cat"),
        ("MANPAGER", "cat"),
        ("SYSTEMD_PAGER", "cat"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_EDITOR", "true"),
        ("EDITOR", "true"),
        ("VISUAL", "true"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("PIP_NO_INPUT", "1"),
        ("PYTHONUNBUFFERED", "1"),
        ("TERM", "dumb"),
    ];
    let mut unset = bench.config.secret_env.clone();
    unset.extend(VENDOR_KEYS.iter().map(ToString::to_string));
    // Otherwise every call would begin with a file that the environment names.
    unset.extend(["BASH_ENV", "ENV", "PROMPT_COMMAND"].map(str::to_owned));
    Spec {
        program: if PathBuf::from("/bin/bash").exists() { "/bin/bash" } else { "sh" },
        arguments: Vec::new(),
        cwd,
        set: set.map(|(name, value)| (name, value.to_owned())).into(),
        unset,
        timeout,
        confine: Confine { sandbox: Arc::clone(&bench.sandbox), grant },
        marker: format!("{}-{}", bench.marker, bench.next_command()),
    }
}

/// Returns where a call's full output would go.
pub(crate) fn output_path(bench: &Bench) -> PathBuf {
    let number = bench.next_command();
    bench.grounds.outputs.join(format!("{}-{number}.txt", bench.marker))
}

/// Output as the model gets it.
pub(crate) struct Shown {
    pub(crate) text: String,
    /// Whether lines are missing that the file has.
    pub(crate) cut: bool,
}

impl Shown {
    pub(crate) fn of(text: String, dropped: usize, how: How) -> Self {
        let folded = match how {
            How::Exit(code) => fold::fold(&text, code == 0),
            // Which test was running last is what matters then.
            _ => None,
        };
        let (text, folded) = folded.map_or((text, false), |folded| (folded.text, folded.cut));
        // The capture's own line about what it dropped goes with the rest of the middle.
        let gap = |gone: usize| {
            format!("[{} lines left out]", gone + dropped - usize::from(dropped > 0 && gone > 0))
        };
        match head_and_tail(&text, RESULT_TOKENS, gap) {
            Some(text) => Shown { text, cut: true },
            None => Shown { text, cut: folded || dropped > 0 },
        }
    }
}

fn ending(ended: &Ended, timeout: Duration, background: Option<&PathBuf>) -> String {
    let mut text = match ended.how {
        How::Exit(0) => String::new(),
        How::Exit(code) => format!("\n[exit {code}]"),
        How::Signal(signal) => {
            let name = nix::sys::signal::Signal::try_from(signal)
                .map_or_else(|_| signal.to_string(), |signal| signal.as_str().to_owned());
            format!("\n[exit {}: killed by {name}]", 128 + signal)
        }
        How::TimedOut => {
            format!(
                "\n[timed out after {} s; it and all it started were killed]",
                timeout.as_secs()
            )
        }
        How::Cancelled => "\n[cancelled]".to_owned(),
    };
    if !ended.left.is_empty() {
        let names: Vec<String> =
            ended.left.iter().take(5).map(|(pid, name)| format!("{pid} {name}")).collect();
        let where_to = background
            .map(|path| format!("; its output goes on in {}", home_short(path)))
            .unwrap_or_default();
        text.push_str(&format!("\n[still running: {}{where_to}]", names.join(", ")));
    }
    text
}

/// Writes a path below the home folder with `~`, which `read` and the shell both know.
pub(crate) fn home_short(path: &std::path::Path) -> String {
    match crate::place::home().and_then(|home| path.strip_prefix(home).ok().map(PathBuf::from)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "shell",
        about: "Runs a command line with bash: no standard input, no terminal, its own session. Its output comes raw, with returns \
                and colours resolved, folded where it is that of tests, logs or large JSON.",
        parameters: vec![
            parameter("command", "string, needed", "the command line"),
            parameter(
                "timeout_s",
                "integer",
                "how long it may take; then it and all it started are killed",
            ),
            parameter("cwd", "string", "the folder it runs in; the root where it is not given"),
        ],
        limits: vec![
            ("A command", format!("{} kB", MAX_COMMAND / 1_000)),
            ("Time", format!("120 s where not said, at most {MAX_TIMEOUT_S} s")),
            (
                "A result",
                format!("about {RESULT_TOKENS} tokens, head and tail, with a file for the rest"),
            ),
        ],
        notes: &[
            "An exit code other than 0 is always told.",
            "Keys of vendors are not in a command's environment.",
        ],
    }
}
