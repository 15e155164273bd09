//! `distiq doctor`

mod sandbox;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use distiq_base::ErrorKind;
use distiq_base::paths::Home;
use serde::Serialize;
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::{World, home};
use crate::{keys, ledger, output, providers};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), hint: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { name, status: Status::Warning, detail: detail.into(), hint }
    }

    fn failed(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status: Status::Failed, ..Self::warning(name, detail, hint) }
    }
}

/// Checks everything and tells.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let home = home()?;
    let mut checks = vec![
        folder("config folder", &home.config),
        folder("data folder", &home.data),
        folder("cache folder", &home.cache),
    ];
    match World::open(global, &[]) {
        Ok(world) => {
            checks.push(Check::ok("settings", home.config_file().display().to_string()));
            checks.push(Check::ok("project", world.root.display().to_string()));
            checks.push(provider(&world));
            checks.push(prices(&world));
            checks.push(ledger(&world));
            checks.extend(sandbox::checks(&world));
        }
        Err(failure) => {
            checks.push(Check::failed(
                "settings",
                failure.message,
                failure.hint.unwrap_or_default(),
            ));
        }
    }
    checks.push(key_file(&home));
    checks.push(program("git", &["--version"], "Install git; `distiq tool git` needs it"));
    checks.push(program(
        "bash",
        &["--version"],
        "Install bash; the shell tool runs commands in it",
    ));
    tell(&checks, args.json.json);
    let failed = checks.iter().filter(|check| check.status == Status::Failed).count();
    if failed == 0 { Ok(()) } else { Err(Failure::told(ErrorKind::User.exit_code())) }
}

fn tell(checks: &[Check], is_json: bool) {
    if is_json {
        let ok = checks.iter().all(|check| check.status != Status::Failed);
        output::json_line(&json!({ "ok": ok, "checks": checks }));
        return;
    }
    for check in checks {
        let word = match check.status {
            Status::Ok => "ok     ",
            Status::Warning => "warning",
            Status::Failed => "FAILED ",
        };
        output::text(&format!("{word}  {:14} {}", check.name, check.detail));
        if let Some(hint) = check.hint.as_ref().filter(|hint| !hint.is_empty()) {
            output::text(&format!(
                "{:25}{}",
                "",
                hint.replace('\n', "\n                         ")
            ));
        }
    }
}

/// Checks that a folder is there or can be made, can be written, and is the user's alone.
fn folder(name: &'static str, path: &Path) -> Check {
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        let above = path.ancestors().find(|folder| folder.exists());
        return match above.filter(|folder| is_writable(folder)) {
            Some(_) => Check::ok(name, format!("{shown} (made when needed)")),
            None => Check::failed(name, format!("{shown} cannot be made"), "Set `DISTIQ_HOME`"),
        };
    };
    if !metadata.is_dir() {
        return Check::failed(name, format!("{shown} is no folder"), "Move it away");
    }
    if !is_writable(path) {
        return Check::failed(
            name,
            format!("{shown} cannot be written"),
            format!("chmod u+w {shown}"),
        );
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let detail = format!("{shown} can be read by others");
        return Check::warning(name, detail, format!("chmod 700 {shown}"));
    }
    Check::ok(name, shown.to_string())
}

fn is_writable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn key_file(home: &Home) -> Check {
    const NAME: &str = "stored keys";
    let path = keys::path(home);
    match (fs::metadata(&path), keys::read(home)) {
        (_, Err(failure)) => Check::failed(NAME, failure.message, failure.hint.unwrap_or_default()),
        (Err(_), Ok(_)) => Check::ok(NAME, "none"),
        (Ok(metadata), Ok(_)) if metadata.permissions().mode() & 0o077 != 0 => Check::warning(
            NAME,
            format!("{} can be read by others", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
        (Ok(_), Ok(keys)) => {
            let names: Vec<&str> = keys.keys().map(String::as_str).collect();
            Check::ok(NAME, format!("{} in {}", names.join(", "), path.display()))
        }
    }
}

fn provider(world: &World) -> Check {
    const NAME: &str = "provider";
    let choice = providers::registry(world)
        .and_then(|registry| providers::choose(world, &registry).map(|choice| (registry, choice)));
    match choice {
        Ok((registry, choice)) => {
            let base_url = registry.get(&choice.provider).map(|p| p.base_url().to_owned());
            let at = base_url.unwrap_or_default();
            Check::ok(NAME, format!("{} with {} at {at}", choice.provider, choice.model))
        }
        Err(failure) => Check::warning(NAME, failure.message, failure.hint.unwrap_or_default()),
    }
}

fn ledger(world: &World) -> Check {
    const NAME: &str = "ledger";
    let path = world.home.ledger();
    match ledger::open_existing(world) {
        Ok(Some(_)) => Check::ok(NAME, path.display().to_string()),
        Ok(None) => Check::ok(NAME, format!("{} (made when needed)", path.display())),
        Err(failure) => Check::failed(NAME, failure.message, failure.hint.unwrap_or_default()),
    }
}

fn prices(world: &World) -> Check {
    const NAME: &str = "prices";
    match providers::catalogue(world) {
        Ok(catalogue) => Check::ok(
            NAME,
            format!("{} models, as of {}", catalogue.models().len(), catalogue.as_of()),
        ),
        Err(failure) => Check::failed(NAME, failure.message, failure.hint.unwrap_or_default()),
    }
}

fn program(name: &'static str, arguments: &[&str], hint: &str) -> Check {
    let output = Command::new(name).args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Check::ok(name, text.lines().next().unwrap_or_default())
        }
        _ => Check::failed(name, "not found", hint),
    }
}
