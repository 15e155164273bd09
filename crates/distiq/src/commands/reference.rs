//! `distiq reference PAGE`: the reference documentation, made from the code that it describes.
//! `cargo xtask docs` writes the pages of docs/ with it.

use std::fmt::Write as _;

use clap::{Command, CommandFactory, ValueEnum};
use distiq_base::ErrorKind;
use distiq_base::config::{KEYS, Layering};
use distiq_base::env::{self, EnvGroup};
use serde_json::Value;

use crate::cli::Cli;
use crate::commands::schema::SCHEMAS;
use crate::failure::Failure;
use crate::output;

const MADE: &str = "<!-- Made by `cargo xtask docs`; edit the code instead. -->\n";

/// Arguments of `reference`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The page
    #[arg(value_enum)]
    pub page: Page,
    /// The tool, for a tool's page
    pub tool: Option<String>,
}

/// A page.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Page {
    /// Every command
    Cli,
    /// Every setting
    Config,
    /// Every environment variable
    Environment,
    /// Every event of `--output-format stream-json`
    Events,
    /// Every exit code
    ExitCodes,
    /// Every tool
    Tools,
    /// One tool
    Tool,
}

/// Prints the page.
pub fn run(args: &Args) -> Result<(), Failure> {
    output::raw(&match args.page {
        Page::Cli => cli(),
        Page::Config => config(),
        Page::Environment => environment(),
        Page::Events => events(),
        Page::ExitCodes => exit_codes(),
        Page::Tools => tools(),
        Page::Tool => tool(args.tool.as_deref().unwrap_or_default())?,
    });
    Ok(())
}

fn tools() -> String {
    let mut text = format!(
        "# Tools\n\n{MADE}\nThe hands of the model; each can be called as `distiq tool NAME JSON`.\n\n"
    );
    for page in distiq_tools::pages() {
        let _ = writeln!(text, "- [{}](tools/{}.md): {}", page.name, page.name, page.about);
    }
    text
}

fn tool(name: &str) -> Result<String, Failure> {
    let pages = distiq_tools::pages();
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        let names: Vec<&str> = pages.iter().map(|page| page.name).collect();
        return Err(Failure::new(ErrorKind::Usage, format!("No tool `{name}`"))
            .with_hint(format!("There are {}", names.join(", "))));
    };
    let mut text = format!("# {}\n\n{MADE}\n{}\n", page.name, page.about);
    let shown = distiq_tools::definitions().into_iter().find(|tool| tool.name == page.name);
    if let Some(shown) = shown {
        let _ = write!(text, "\nThe model is told: \"{}\"\n", shown.description);
    }
    text.push_str("\n| parameter | | |\n|---|---|---|\n");
    for parameter in &page.parameters {
        let kind = parameter.kind.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {kind} | {} |", parameter.name, parameter.doc);
    }
    text.push_str("\n| bound | |\n|---|---|\n");
    for (what, value) in &page.limits {
        let _ = writeln!(text, "| {what} | {value} |");
    }
    text.push('\n');
    for note in page.notes {
        let _ = writeln!(text, "- {note}");
    }
    Ok(text)
}

fn cli() -> String {
    let mut text = format!("# Commands\n\n{MADE}\n");
    let root = Cli::command().term_width(100);
    section(&mut text, &root, "");
    text
}

fn section(text: &mut String, command: &Command, above: &str) {
    let name = format!("{above}{}", command.get_name());
    let mut shown = command.clone().bin_name(&name).term_width(100);
    // What holds everywhere is told once, with the program itself.
    if !above.is_empty() {
        shown = shown.mut_args(|argument| {
            let is_everywhere = argument.get_help_heading() == Some("Everywhere");
            argument.hide(is_everywhere)
        });
    }
    let help = shown.render_long_help().to_string();
    let lines: Vec<&str> = help.trim().lines().map(str::trim_end).collect();
    let _ = write!(text, "## {name}\n\n```text\n{}\n```\n\n", lines.join("\n"));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        section(text, below, &format!("{name} "));
    }
}

fn config() -> String {
    let mut text = format!(
        "# Settings\n\n{MADE}\nLayers, later wins: defaults, your own file (`distiq config path`), \
         the project's `.distiq.toml`, environment, flags. `distiq config --explain` tells where \
         each value comes from. A project may set only what the last column allows; the rest of \
         its file is ignored with a note.\n\n\
         | setting | fits | default | what it does | a project may |\n|---|---|---|---|---|\n"
    );
    for key in KEYS {
        let project = match key.layering {
            Layering::User => "not set it",
            Layering::Tighten => "tighten it",
            Layering::Project => "set it",
        };
        let default = key.default.map(|d| format!("`{d}`")).unwrap_or_default();
        let expected = key.kind.expected();
        let _ =
            writeln!(text, "| `{}` | {expected} | {default} | {} | {project} |", key.name, key.doc);
    }
    text.push_str(RULES);
    text
}

/// What the page of settings says of rules.
const RULES: &str = r#"
## Rules

`[[permissions.rules]]` says what may be done without asking, or not at all; the examples in `match` and `no_match` are tested
whenever the settings are read. Deny beats ask beats allow. A rule covers the command that it matches and nothing else of its line,
and no rule allows what the built-in rules deny. A project's rules may deny and ask; they allow only after `distiq trust`.

```toml
[[permissions.rules]]
tool = "shell"                                  # or git, read, search, find, edit, write
pattern = ["cargo", ["test", "clippy"]]         # the first words; each may be one of several
verdict = "allow"                               # or ask, deny
reason = "tests may run"
match = ["cargo test -p base"]
no_match = ["cargo publish"]

[[permissions.rules]]
tool = "edit"
pattern = "migrations/**"                       # paths below the project's root
verdict = "deny"
```
"#;

fn environment() -> String {
    let mut text = format!(
        "# Environment variables\n\n{MADE}\nDistiq reads these and no others. A repository's \
         `.env` file is never read.\n"
    );
    for group in [EnvGroup::Distiq, EnvGroup::Vendors, EnvGroup::System] {
        let _ = write!(
            text,
            "\n## {}\n\n| variable | what it does | setting |\n|---|---|---|\n",
            group.title()
        );
        for variable in env::ALL.iter().filter(|variable| variable.group == group) {
            let key = variable.key.map(|key| format!("`{key}`")).unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {} | {key} |", variable.name, variable.doc);
        }
    }
    text
}

fn exit_codes() -> String {
    let mut text = format!(
        "# Exit codes\n\n{MADE}\nWith `--json`, a failure is `{{\"error\": {{\"kind\", \
         \"message\", \"hint\"}}}}` on standard output; otherwise `error:` and `hint:` lines on \
         standard error.\n\n| code | kind | when |\n|---|---|---|\n| 0 | | it worked |\n"
    );
    for (kind, when) in KINDS {
        let _ = writeln!(text, "| {} | `{}` | {when} |", kind.exit_code(), kind.as_str());
    }
    text.push_str(
        "| 141 | | the reader of standard output went away (SIGPIPE) |\n\
         | 143 | | ended by SIGTERM; a session can be resumed |\n",
    );
    text
}

/// The kinds of failure in words, by exit code.
const KINDS: &[(ErrorKind, &str)] = &[
    (ErrorKind::User, "it failed or was refused, by the input or the project's state"),
    (ErrorKind::Usage, "the command line is wrong"),
    (ErrorKind::Config, "a setting or a key is missing or wrong"),
    (ErrorKind::Budget, "a money limit was met; the session can be resumed"),
    (ErrorKind::Denied, "not allowed, or a question nobody was there to answer"),
    (ErrorKind::Provider, "the model's vendor failed"),
    (ErrorKind::Limit, "a limit of turns or time was met"),
    (ErrorKind::Bug, "a fault of Distiq itself"),
    (ErrorKind::Cancelled, "cancelled (SIGINT)"),
];

fn events() -> String {
    let schema = SCHEMAS.iter().find(|(name, _)| *name == "event").map_or("{}", |(_, text)| text);
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let mut text = format!(
        "# Events\n\n{MADE}\n`distiq run --output-format stream-json` prints one event a line, and a \
         session's log holds the same lines. Every event has `seq` (counts from 0, without gaps), \
         `at` (UTC) and `type`. The schema (`distiq schema event`) only grows: pass over types and \
         fields that you do not know.\n"
    );
    for event in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let name = event.pointer("/properties/type/const").and_then(Value::as_str).unwrap_or("?");
        let doc = event.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(text, "\n## {name}\n\n{doc}\n\n");
        let fields = event.get("properties").and_then(Value::as_object);
        for (field, spec) in fields.into_iter().flatten().filter(|(field, _)| *field != "type") {
            let doc = spec.get("description").and_then(Value::as_str).unwrap_or_default();
            let required = event.get("required").and_then(Value::as_array);
            let may_lack = !required.is_some_and(|names| names.iter().any(|name| name == field));
            let _ = writeln!(
                text,
                "- `{field}`{}: {doc}",
                if may_lack { " (may be absent)" } else { "" }
            );
        }
    }
    text
}
