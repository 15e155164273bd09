//! The `more` tool: lists what is rarely needed, and calls it.

use distiq_base::ToolDef;
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::outcome::{Outcome, Refusal};
use crate::page::{Page, parameter};

/// The tools behind it: name, and what it takes.
const TOOLS: &[(&str, &str)] = &[(
    "git",
    "{action: status|diff|log|show|blame|branch|commit, path?, paths?, rev?, lines?, count?, staged?, name? (a branch to \
     begin), message? (commit: paths or all changed tracked files; without it, one is made from the diff)}",
)];

pub(crate) fn definition() -> ToolDef {
    crate::toolbox::define(
        "more",
        "Rarer tools (git …): {} lists them, {tool, input} calls one.",
        json!({"tool": {"type": "string"}, "input": {"type": "object"}}),
        &[],
    )
}

/// Takes a call apart: the tool behind and its arguments; `None` asks for the list.
pub(crate) fn parse(input: &Value) -> Result<Option<(String, Value)>, Refusal> {
    let mut fields = Fields::new("more", input)?;
    let tool = fields.text(("tool", &["name"]))?;
    let input = fields.any(("input", &["arguments", "args"]));
    fields.finish()?;
    match tool {
        Some(tool) if TOOLS.iter().any(|(name, _)| *name == tool) => {
            Ok(Some((tool, input.unwrap_or_else(|| json!({})))))
        }
        Some(tool) => Err(Refusal::invalid(format!(
            "more: no tool `{}`; there is {}",
            tool.chars().take(60).collect::<String>(),
            TOOLS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        ))),
        None => Ok(None),
    }
}

/// Lists the tools.
pub(crate) fn list() -> Outcome {
    let lines: Vec<String> = TOOLS.iter().map(|(name, takes)| format!("{name} {takes}")).collect();
    let names: Vec<&str> = TOOLS.iter().map(|(name, _)| *name).collect();
    Outcome::done(lines.join("\n")).with_data(json!({ "tools": names }))
}

/// Returns the tool's reference page.
pub(crate) fn page() -> Page {
    Page {
        name: "more",
        about: "Lists the tools that are rarely needed, and calls one, so that their definitions cost nothing until then.",
        parameters: vec![
            parameter("tool", "string", "the tool to call; without it, the list"),
            parameter("input", "object", "its arguments"),
        ],
        limits: vec![("Tools behind it", TOOLS.len().to_string())],
        notes: &["On the command line each tool is called by its own name."],
    }
}
