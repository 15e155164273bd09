//! `distiq permissions`

mod check;

use distiq_base::ErrorKind;
use serde_json::{Value, json};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::grants::Grants;
use crate::output;
use crate::world::World;

/// Arguments of `permissions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Tell whether a command line may run: exit code 0 allowed, 10 asked about, 11 denied
    Check(check::Args),
    /// List the rules in force and what you have allowed always in this project
    List {
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Forget what you have allowed always in this project
    Forget {
        /// The parts, as `permissions list` shows them
        #[arg(value_name = "PART", required_unless_present = "all")]
        parts: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "parts")]
        all: bool,
        #[command(flatten)]
        json: JsonFlag,
    },
}

/// Tells what may be done, or forgets what was allowed.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Check(args) => check::run(global, args),
        Action::List { json } => {
            list(&World::open(global, &[])?, json.json);
            Ok(())
        }
        Action::Forget { parts, all, json } => {
            let world = World::open(global, &[])?;
            let forgotten = Grants::of(&world)
                .forget(|granted| *all || parts.contains(&granted.text))
                .map_err(|error| Failure::io("Cannot forget it", &error))?;
            if forgotten == 0 && !*all {
                return Err(Failure::new(ErrorKind::User, "Nothing of that was allowed always")
                    .with_hint("`distiq permissions list` shows what was"));
            }
            if json.json {
                output::json_line(&json!({ "forgotten": forgotten }));
            } else {
                output::text(&format!("{forgotten} forgotten"));
            }
            Ok(())
        }
    }
}

fn list(world: &World, is_json: bool) {
    let granted = Grants::of(world).all();
    if is_json {
        let rules: Vec<Value> = world
            .rules
            .iter()
            .map(|rule| {
                json!({
                    "tool": rule.tool,
                    "pattern": rule.pattern.to_string(),
                    "verdict": rule.verdict.as_str(),
                    "reason": rule.reason,
                    "origin": rule.origin.to_string(),
                })
            })
            .collect();
        output::json_line(&json!({ "rules": rules, "granted": granted }));
        return;
    }
    for rule in world.rules.iter() {
        output::text(&format!(
            "{:5}  {}: {}  ({})",
            rule.verdict.as_str(),
            rule.tool,
            rule.pattern,
            rule.origin
        ));
    }
    for granted in &granted {
        output::text(&format!("allow  {}: {}  (you, always)", granted.tool, granted.text));
    }
    if world.rules.iter().next().is_none() && granted.is_empty() {
        output::text("No rules beside the built-in ones, and nothing allowed always");
    }
}
