//! `distiq cursor-test`

mod asks;

use std::io::Read;
use std::path::PathBuf;

use distiq_base::{Dialect, ErrorKind, Secret};
use distiq_llm::wire::Quirks;
use distiq_llm::{Provider, ProviderConfig, ProviderError, ProviderErrorKind, Timeouts};
use serde::Serialize;
use serde_json::json;

use super::cursor_custom::Address;
use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::output;
use crate::world::env;

/// Longest file with a key, in bytes.
const MOST_KEY_BYTES: u64 = 4096;

/// Arguments of `cursor-test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The gateway's address, best the one that Cursor is given
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4000")]
    url: String,
    /// A file with the key that Cursor is given, or `-` for stdin [default: `DISTIQ_GATEWAY_KEY`]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The model that is asked; the checks take a few of its tokens
    #[arg(long, value_name = "NAME", default_value = "auto:cheap")]
    model: String,
    #[command(flatten)]
    json: JsonFlag,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Failed,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into() }
    }

    fn warning(name: &'static str, detail: impl Into<String>) -> Self {
        Self { status: Status::Warning, ..Self::ok(name, detail) }
    }

    fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { status: Status::Failed, ..Self::ok(name, detail) }
    }

    fn of(name: &'static str, result: Result<String, String>) -> Self {
        match result {
            Ok(detail) => Self::ok(name, detail),
            Err(detail) => Self::failed(name, detail),
        }
    }
}

/// Asks the gateway for all that Cursor asks it for.
pub fn run(_: &Global, args: &Args) -> Result<(), Failure> {
    let address = Address::read(&args.url)?;
    let key = key(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("Cannot start", &error))?;
    let checks = runtime.block_on(checks(&address, key, &args.model))?;
    let failed = checks.iter().any(|check| check.status == Status::Failed);
    if args.json.json {
        let reachable = address.unreachable.is_none();
        output::json_line(&json!({ "ok": !failed, "reachable": reachable, "checks": checks }));
    } else {
        for check in &checks {
            let word = match check.status {
                Status::Ok => "ok     ",
                Status::Warning => "warning",
                Status::Failed => "FAILED ",
            };
            output::text(&format!("{word}  {:12} {}", check.name, check.detail));
        }
    }
    if failed { Err(Failure::told(ErrorKind::User.exit_code())) } else { Ok(()) }
}

fn key(args: &Args) -> Result<Option<Secret>, Failure> {
    let text = match &args.key_file {
        None => env("DISTIQ_GATEWAY_KEY").unwrap_or_default(),
        Some(path) => {
            let mut text = String::new();
            let read = match path.as_os_str() == "-" {
                true => std::io::stdin().take(MOST_KEY_BYTES).read_to_string(&mut text),
                false => std::fs::File::open(path)
                    .and_then(|file| file.take(MOST_KEY_BYTES).read_to_string(&mut text)),
            };
            read.map_err(|error| {
                Failure::io(format!("Cannot read the key from {}", path.display()), &error)
            })?;
            text
        }
    };
    Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(Secret::new))
}

fn provider(address: &Address, key: Option<Secret>) -> Result<Provider, Failure> {
    let config = ProviderConfig {
        name: "the gateway".into(),
        dialect: Dialect::Openai,
        base_url: address.base_url.clone(),
        key,
        headers: Vec::new(),
        quirks: Quirks::default(),
        timeouts: Timeouts::default(),
        ca_file: None,
    };
    Provider::new(config).map_err(|error| {
        Failure::of(ErrorKind::Usage, &error).with_hint("Look at `--url` and the key")
    })
}

async fn checks(
    address: &Address,
    key: Option<Secret>,
    model: &str,
) -> Result<Vec<Check>, Failure> {
    let mut checks = vec![match address.unreachable {
        None => Check::ok("address", address.base_url.clone()),
        Some(reason) => Check::warning(
            "address",
            format!(
                "{}: Cursor's own servers call the gateway, not the editor, and cannot reach it: {reason}. \
                 It needs a public `https` address, such as a tunnel's; `distiq cursor-custom` tells how",
                address.base_url
            ),
        ),
    }];
    let gateway = provider(address, key)?;
    let (models, is_there) = models(&gateway, model).await;
    checks.push(models);
    if !is_there {
        return Ok(checks);
    }
    let stranger = provider(address, Some(Secret::new("sk-distiq-no-such-key")))?;
    checks.push(guard(&stranger, address).await);
    checks.push(Check::of("chat", asks::chat(&gateway, model).await));
    checks.push(Check::of("tools", asks::tools(&gateway, model).await));
    checks.push(Check::of("agent", asks::agent(&gateway, model).await));
    Ok(checks)
}

/// Asks for the models; the second value tells whether it makes sense to go on.
async fn models(gateway: &Provider, model: &str) -> (Check, bool) {
    match gateway.list_models().await {
        Ok(all) if all.iter().any(|one| one.id == model) => {
            (Check::ok("models", format!("{}, `{model}` among them", all.len())), true)
        }
        Ok(all) => {
            let detail =
                format!("{}, but not `{model}`, which it may know all the same", all.len());
            (Check::warning("models", detail), true)
        }
        Err(error) => (Check::failed("models", told(&error)), false),
    }
}

async fn guard(stranger: &Provider, address: &Address) -> Check {
    match stranger.list_models().await {
        Err(error) if error.kind == ProviderErrorKind::Auth => {
            Check::ok("key check", "a wrong key is refused")
        }
        Err(error) => Check::failed("key check", told(&error)),
        Ok(_) if address.unreachable.is_some() => Check::warning(
            "key check",
            "any key is taken (`--no-auth`); never do so at a public address",
        ),
        Ok(_) => Check::failed(
            "key check",
            "any key is taken: whoever finds the address spends your money",
        ),
    }
}

fn told(error: &ProviderError) -> String {
    match error.kind {
        ProviderErrorKind::Connect => format!("{error}; is `distiq start` running there?"),
        ProviderErrorKind::Auth => {
            format!("{error}; give the key by `--key-file` or `DISTIQ_GATEWAY_KEY`")
        }
        _ => error.to_string(),
    }
}
