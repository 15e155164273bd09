//! What is said of the `shell` tool: to the model, and in its reference page.

use distiq_base::ToolDef;
use serde_json::json;

use super::background::MOST;
use super::{MAX_COMMAND, MAX_TIMEOUT_S};
use crate::measure::RESULT_TOKENS;
use crate::page::{Page, parameter};

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "shell",
        "Run a bash command; no stdin. `cwd` is the root each time. Test output is folded to failures and totals. \
         Servers: `background` or `ready` give an `id` to poll (`id` alone) or `kill`.",
        json!({
            "command": {"type": "string"},
            "timeout_s": {"type": "integer", "description": "default 120"},
            "cwd": {"type": "string"},
            "background": {"type": "boolean"},
            "ready": {"type": "string", "description": "port or output pattern to wait for"},
            "id": {"type": "integer"},
            "kill": {"type": "boolean"},
        }),
        &[],
    )
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "shell",
        about: "Runs a command line with bash: no standard input, no terminal, its own session. Its output comes raw, with returns \
                and colours resolved, folded where it is that of tests, logs or large JSON.",
        parameters: vec![
            parameter("command", "string", "the command line; needed where `id` is not given"),
            parameter(
                "timeout_s",
                "integer",
                "how long it may take; then it and all it started are killed. With `ready`, or with `id`, how long is waited",
            ),
            parameter("cwd", "string", "the folder it runs in; the root where it is not given"),
            parameter(
                "background",
                "boolean",
                "whether it goes on behind the call, which gives an `id`",
            ),
            parameter(
                "ready",
                "string",
                "what is waited for before the call returns: a port on which it listens, or a regular expression that a line of \
                 its output has; it goes on in the background",
            ),
            parameter(
                "id",
                "integer",
                "a command that runs in the background: tells its new output and how it stands",
            ),
            parameter(
                "kill",
                "boolean",
                "whether to end the command that `id` names, and all it started",
            ),
        ],
        limits: vec![
            ("A command", format!("{} kB", MAX_COMMAND / 1_000)),
            ("Time", format!("120 s where not said, at most {MAX_TIMEOUT_S} s")),
            (
                "A result",
                format!("about {RESULT_TOKENS} tokens, head and tail, with a file for the rest"),
            ),
            ("In the background", format!("{MOST} commands")),
            ("Processes of a command", "2,000; one that starts more is killed".to_owned()),
        ],
        notes: &[
            "An exit code other than 0 is always told.",
            "Nothing that a command started outlives the session, also where Distiq is killed: neither daemons nor what cleared its \
             environment.",
            "What a command leaves running with `&` gets an `id` too.",
            "Pagers, editors and questions are turned off: what would ask fails at once.",
            "Variables whose names end like those of keys, tokens and passwords, and `DISTIQ_*`, are not in a command's environment.",
        ],
    }
}
