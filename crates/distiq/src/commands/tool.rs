//! `distiq tool NAME [JSON|-]`

use std::io::{self, Read};

use distiq_base::{ErrorKind, Mode};
use distiq_tools::{Call, Outcome, RefusalKind};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::World;
use crate::{output, toolbox};

/// The largest input.
const MAX_INPUT_BYTES: u64 = 64 << 20;

/// Arguments of `tool`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The tool: read, find, search, edit, write, shell, git or test
    name: String,
    /// Its arguments as a JSON object; `-` reads them from standard input
    #[arg(value_name = "JSON", default_value = "{}", allow_hyphen_values = true)]
    input: String,
    /// What may be done without asking: read-only, ask, auto-edit or full
    #[arg(long, value_name = "MODE", default_value = "full")]
    mode: String,
}

/// Calls one tool.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let mode = Mode::parse(&args.mode).ok_or_else(|| {
        Failure::new(ErrorKind::Usage, format!("No mode `{}`", args.mode))
            .with_hint("There are read-only, ask, auto-edit and full")
    })?;
    let input = input(&args.input)?;
    let world = World::open(global, &[])?;
    let toolbox = toolbox::open(&world, mode, None)?;
    // `more` lists the rarer tools for a model; here each is called by its own name.
    let names: Vec<&str> = toolbox.names().iter().copied().filter(|name| *name != "more").collect();
    if !names.contains(&args.name.as_str()) {
        return Err(Failure::new(ErrorKind::Usage, format!("No tool `{}`", args.name))
            .with_hint(format!("There are {}", names.join(", "))));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::io("Cannot start", &error))?;
    let call = Call { id: "cli".to_owned(), name: args.name.clone(), input };
    let cancel = CancellationToken::new();
    let outcome = runtime.block_on(async {
        let calling = toolbox.call(call, cancel.clone());
        tokio::pin!(calling);
        tokio::select! {
            outcome = &mut calling => outcome,
            _ = tokio::signal::ctrl_c() => {
                cancel.cancel();
                calling.await
            }
        }
    });
    runtime.shutdown_background();
    tell(&outcome)
}

fn input(text: &str) -> Result<Value, Failure> {
    let read;
    let text = if text == "-" {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(MAX_INPUT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::io("Cannot read standard input", &error))?;
        read = String::from_utf8(bytes)
            .map_err(|_| Failure::new(ErrorKind::Usage, "The arguments are not UTF-8"))?;
        read.as_str()
    } else {
        text
    };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Failure::new(ErrorKind::Usage, format!("The arguments are not JSON: {error}"))
            .with_hint("Give one object, such as '{\"path\": \"README.md\"}'")
    })?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Failure::new(ErrorKind::Usage, "The arguments are no JSON object")
        .with_hint("Give one object, such as '{\"path\": \"README.md\"}'"))
}

/// Prints what came out; a refusal also sets the exit code.
fn tell(outcome: &Outcome) -> Result<(), Failure> {
    let Some(refusal) = &outcome.refusal else {
        output::json_line(&json!({ "ok": true, "text": outcome.text, "data": outcome.data }));
        return Ok(());
    };
    output::json_line(&json!({
        "ok": false,
        "kind": refusal.kind.as_str(),
        "message": refusal.message,
        "closest": refusal.closest,
    }));
    let kind = match refusal.kind {
        _ if refusal.unknown_field => ErrorKind::Usage,
        RefusalKind::Denied => ErrorKind::Denied,
        RefusalKind::Cancelled => ErrorKind::Cancelled,
        _ => ErrorKind::User,
    };
    Err(Failure::told(kind.exit_code()))
}
