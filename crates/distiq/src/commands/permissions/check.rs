//! `distiq permissions check`

use std::io::{self, BufRead};
use std::sync::Arc;

use distiq_base::{ErrorKind, Mode};
use distiq_tools::Refusal;
use distiq_tools::permission::{Decision, Judge, Memory as _, Verdict};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::failure::Failure;
use crate::grants::Grants;
use crate::output;
use crate::world::World;

/// The longest row that is read; no command line is as long.
const MAX_ROW_BYTES: usize = 1 << 20;

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

/// Answers row by row, as they come; a bad row gets a row that says so.
fn rows(judge: &Judge) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut row = Vec::new();
    let mut number = 0_u64;
    loop {
        row.clear();
        let whole = read_row(&mut input, &mut row)
            .map_err(|error| Failure::io("Cannot read standard input", &error))?;
        let Some(whole) = whole else { return Ok(()) };
        number += 1;
        if row.iter().all(u8::is_ascii_whitespace) && whole {
            continue;
        }
        let answer = if whole { answer(judge, &row) } else { Err((Value::Null, TOO_LONG.into())) };
        output::json_line(&answer.unwrap_or_else(|(id, message)| {
            let error = json!({
                "kind": "usage",
                "message": format!("Row {number}: {message}"),
                "hint": "A row is {\"id\": …, \"cmd\": \"…\"}",
            });
            json!({ "id": id, "error": error })
        }));
    }
}

const TOO_LONG: &str = "longer than 1 MiB";

fn answer(judge: &Judge, row: &[u8]) -> Result<Value, (Value, String)> {
    let row: Value =
        serde_json::from_slice(row).map_err(|error| (Value::Null, format!("not JSON: {error}")))?;
    let id = row.get("id").cloned().unwrap_or(Value::Null);
    if !(id.is_string() || id.is_number()) {
        return Err((Value::Null, "no `id` that is a text or a number".to_owned()));
    }
    let Some(line) = row.get("cmd").and_then(Value::as_str) else {
        return Err((id, "no `cmd` that is a text".to_owned()));
    };
    let Decision { verdict, reason, .. } = judge.line(line);
    Ok(json!({ "id": id, "verdict": verdict, "reason": reason }))
}

/// Reads a row without its line end; tells whether it is whole, or `None` at the end. What is
/// over the bound is passed over, so that the next row is found.
fn read_row(input: &mut impl BufRead, row: &mut Vec<u8>) -> io::Result<Option<bool>> {
    let mut begun = false;
    let mut whole = true;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(begun.then_some(whole));
        }
        begun = true;
        let (piece, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (buffer.get(..at).unwrap_or_default(), 1),
            None => (buffer, 0),
        };
        whole &= row.len() + piece.len() <= MAX_ROW_BYTES;
        if whole {
            row.extend_from_slice(piece);
        }
        let read = piece.len() + ended;
        input.consume(read);
        if ended == 1 {
            return Ok(Some(whole));
        }
    }
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

    #[test]
    fn a_row_over_the_bound_does_not_hide_the_next() {
        let long = "x".repeat(MAX_ROW_BYTES + 1);
        let text = format!("a\n{long}\nb");
        let mut input = io::BufReader::with_capacity(64, text.as_bytes());
        let mut rows = Vec::new();
        let mut row = Vec::new();
        while let Some(whole) = read_row(&mut input, &mut row).unwrap() {
            rows.push((whole, row.len()));
            row.clear();
        }
        assert_eq!(rows.first(), Some(&(true, 1)));
        assert!(rows.get(1).is_some_and(|(whole, kept)| !whole && *kept <= MAX_ROW_BYTES));
        assert_eq!(rows.get(2), Some(&(true, 1)));
    }
}
