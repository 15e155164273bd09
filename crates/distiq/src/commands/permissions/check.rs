//! `distiq permissions check`

use std::sync::Arc;

use distiq_base::{ErrorKind, Mode};
use distiq_tools::Refusal;
use distiq_tools::permission::{Decision, Judge, Memory as _, Verdict};
use serde_json::json;

use crate::cli::Global;
use crate::failure::Failure;
use crate::grants::Grants;
use crate::world::World;
use crate::{output, rows};

/// Arguments of `permissions check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command line; several words are taken as one command with its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true, required_unless_present = "jsonl")]
    command: Vec<String>,
    /// What may be done without asking: read-only, ask, auto-edit or full
    #[arg(long, value_name = "MODE", default_value = "ask")]
    mode: String,
    /// Without the rules of any settings file, and without what you have allowed always
    #[arg(long)]
    no_config: bool,
    /// Print the verdict as JSON; `distiq schema permissions` prints its shape
    #[arg(long)]
    json: bool,
    /// Read rows `{id, cmd}` from standard input and print rows `{id, verdict, reason}`
    #[arg(long, conflicts_with_all = ["json", "command"])]
    jsonl: bool,
}

/// Tells the verdict on a command line, or on many.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let mode = Mode::parse(&args.mode).ok_or_else(|| {
        Failure::new(ErrorKind::Usage, format!("No mode `{}`", args.mode))
            .with_hint("There are read-only, ask, auto-edit and full")
    })?;
    let judge = judge(global, mode, args.no_config)?;
    if args.jsonl {
        return rows(&judge);
    }
    let decision = judge.line(&line(&args.command));
    if args.json {
        output::json_line(&decision);
    } else {
        tell(&decision);
    }
    match decision.verdict {
        Verdict::Allow => Ok(()),
        Verdict::Ask => Err(Failure::told(10)),
        Verdict::Deny => Err(Failure::told(11)),
    }
}

fn judge(global: &Global, mode: Mode, no_config: bool) -> Result<Judge, Failure> {
    let failed = |refusal: Refusal| Failure::new(ErrorKind::User, refusal.message);
    if no_config {
        return Judge::new(&World::root_of(global)?, mode).map_err(failed);
    }
    let world = World::open(global, &[])?;
    let kept = Grants::of(&world).kept();
    let judge = Judge::new(&world.root, mode).map_err(failed)?;
    Ok(judge.with(Arc::clone(&world.rules), &kept))
}

/// Returns the command line that the words are: one as it stands, several quoted where needed.
fn line(words: &[String]) -> String {
    if let [only] = words {
        return only.clone();
    }
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Ask => "ask",
        Verdict::Deny => "deny",
    }
}

fn tell(decision: &Decision) {
    output::text(&format!("{}: {}", word(decision.verdict), decision.reason));
    if decision.parts.len() > 1 {
        for part in &decision.parts {
            let text = part.text.replace('\n', " ");
            output::text(&format!("  {:5}  {text}: {}", word(part.verdict), part.reason));
        }
    }
}

/// Answers row by row.
fn rows(judge: &Judge) -> Result<(), Failure> {
    rows::answer("{\"id\": …, \"cmd\": \"…\"}", |row| {
        let line = row.text("cmd")?;
        let Decision { verdict, reason, .. } = judge.line(line);
        Ok(json!({ "id": row.id, "verdict": verdict, "reason": reason }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_a_line_that_means_the_same() {
        let line =
            |words: &[&str]| line(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["ls | wc"]), "ls | wc");
        assert_eq!(line(&["ls", "a b", "it's", ""]), r"ls 'a b' 'it'\''s' ''");
    }
}
