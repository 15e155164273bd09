//! `distiq cache stats|evict|clear|check`

use std::io::{self, BufRead};

use clap::Subcommand;
use distiq_base::ErrorKind;
use distiq_router::ResponseCache;
use distiq_router::cache::agree::agree;
use distiq_router::cache::question::Question;
use distiq_store::StoreError;
use serde_json::{Value, json};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
use crate::{answers, output};

/// Arguments of `cache`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell what is in it and what it saved
    Stats,
    /// Remove one answer for good
    Evict {
        /// The entry, as `x-distiq-cache-id` and the ledger's reasons name it
        id: String,
    },
    /// Remove all answers
    Clear,
    /// Tell whether a question would be answered by another's answer, and why not
    Check {
        /// Two questions
        #[arg(num_args = 2, value_names = ["QUESTION", "QUESTION"], required_unless_present = "jsonl")]
        questions: Vec<String>,
        /// Read rows `{id, a, b}` from standard input
        #[arg(long, conflicts_with = "questions")]
        jsonl: bool,
    },
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::of(error.kind(), &error).with_hint(error.hint())
    }
}

/// Shows or clears the cache of answers.
pub fn run(global: &Global, args: Args) -> Result<(), Failure> {
    let is_json = args.json.json;
    if let Action::Check { questions, jsonl } = &args.action {
        return if *jsonl { check_rows() } else { check(questions, is_json) };
    }
    let world = World::open(global, &[])?;
    let options = answers::options(&world);
    let exists = options.path.exists();
    match args.action {
        Action::Stats => {
            let stats =
                if exists { ResponseCache::stats(&options.path)? } else { Default::default() };
            if is_json {
                let mut value = json!(stats);
                if let Some(object) = value.as_object_mut() {
                    object.insert("path".to_owned(), json!(options.path));
                    object.insert("max_entries".to_owned(), json!(options.max_entries));
                    object.insert("max_bytes".to_owned(), json!(options.max_bytes));
                    object.insert("ttl_s".to_owned(), json!(options.ttl_ms / 1_000));
                }
                output::json_line(&value);
                return Ok(());
            }
            for (name, value) in [
                ("answers", format!("{} of at most {}", stats.entries, options.max_entries)),
                ("bytes", format!("{} of at most {}", stats.bytes, options.max_bytes)),
                ("given again", stats.hits.to_string()),
                ("saved", stats.saved_nanousd.to_string()),
                ("lifetime", format!("{} s", options.ttl_ms / 1_000)),
                ("file", options.path.display().to_string()),
            ] {
                output::text(&format!("{name:12} {value}"));
            }
        }
        Action::Evict { id } => {
            if !exists || !ResponseCache::evict(&options.path, &id)? {
                return Err(Failure::new(
                    ErrorKind::User,
                    format!("No answer `{id}` in the cache"),
                )
                .with_hint("The header `x-distiq-cache-id` of an answer names its entry"));
            }
            match is_json {
                true => output::json_line(&json!({ "removed": 1 })),
                false => output::text(&format!("removed {id}")),
            }
        }
        Action::Clear => {
            let count = if exists { ResponseCache::clear(&options.path)? } else { 0 };
            match is_json {
                true => output::json_line(&json!({ "removed": count })),
                false => output::text(&format!("removed {count} answers")),
            }
        }
        Action::Check { .. } => {}
    }
    Ok(())
}

fn check(questions: &[String], is_json: bool) -> Result<(), Failure> {
    let [a, b] = questions else { return Ok(()) };
    let (agrees, veto, likeness) = judge(a, b);
    if is_json {
        output::json_line(&json!({ "agree": agrees, "veto": veto, "likeness": likeness }));
    } else if agrees {
        output::text("yes: they ask the same");
    } else {
        output::text(&format!("no: {}", veto.unwrap_or_default()));
    }
    Ok(())
}

fn check_rows() -> Result<(), Failure> {
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| Failure::io("Cannot read standard input", &error))?;
        if line.trim().is_empty() {
            continue;
        }
        let row: Value = serde_json::from_str(&line).map_err(|error| {
            let message = format!("Line {} of standard input is no JSON: {error}", number + 1);
            Failure::new(ErrorKind::Usage, message).with_hint("Rows are `{\"id\", \"a\", \"b\"}`")
        })?;
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let (agrees, veto, likeness) = judge(text("a"), text("b"));
        let id = row.get("id").cloned().unwrap_or_default();
        output::json_line(
            &json!({ "id": id, "agree": agrees, "veto": veto, "likeness": likeness }),
        );
    }
    Ok(())
}

fn judge(a: &str, b: &str) -> (bool, Option<String>, Option<f32>) {
    let (Some(a), Some(b)) = (Question::read(a), Question::read(b)) else {
        return (false, Some("unreadable".into()), None);
    };
    match agree(&a, &b) {
        Ok(near) => (true, None, Some(near)),
        Err(veto) => (false, Some(format!("{veto:?}").to_lowercase()), None),
    }
}
