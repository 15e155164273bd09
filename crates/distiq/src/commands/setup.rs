//! `distiq setup`

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use distiq_base::{ErrorKind, Secret, atomic};
use distiq_llm::{Registry, RegistryError};

use crate::cli::Global;
use crate::commands::completions;
use crate::failure::Failure;
use crate::world::{World, env};
use crate::{keys, output, terminal};

/// The longest key that is read.
const MAX_KEY_BYTES: u64 = 8 << 10;

/// Arguments of `setup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose key it is
    #[arg(long, value_name = "NAME", default_value = "anthropic")]
    pub provider: String,
    /// Take the key from this environment variable, instead of from standard input
    #[arg(long, value_name = "VARIABLE")]
    pub key_env: Option<String>,
    /// Install the completion script for this shell too
    #[arg(long, value_name = "SHELL", value_enum)]
    pub completions: Option<Shell>,
    /// Store no key
    #[arg(long)]
    pub no_key: bool,
}

/// Stores a key, and installs completions where asked.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    if !args.no_key {
        let variable = variable(&world, &args.provider)?;
        let key = match &args.key_env {
            Some(name) => env(name).ok_or_else(|| {
                Failure::new(ErrorKind::Config, format!("`{name}` is not set in the environment"))
                    .with_hint("Export it, or leave `--key-env` out and paste the key")
            })?,
            None => read_key(&args.provider)?,
        };
        keys::store(&world.home, &variable, &checked(&key)?)?;
        let path = keys::path(&world.home);
        output::text(&format!("Stored the key of {} in {}", args.provider, path.display()));
    }
    if let Some(shell) = args.completions {
        let path = install_completions(shell)?;
        output::text(&format!("Installed completions in {}", path.display()));
    }
    output::text("Next: `distiq doctor` checks the rest, `distiq run \"…\"` does a job");
    Ok(())
}

/// Finds the variable that a provider's key is read from.
fn variable(world: &World, provider: &str) -> Result<String, Failure> {
    let own = world.settings.providers.get(provider).and_then(|own| own.key_env.clone());
    if let Some(variable) = own {
        return Ok(variable);
    }
    // Without any environment, a provider that needs a key names the variable that it misses.
    match Registry::from_settings(&world.settings, &|_| None).get(provider) {
        Err(RegistryError::MissingKey { variable, .. }) => Ok(variable),
        Err(error) => Err(error.into()),
        Ok(_) => {
            let message = format!("`{provider}` needs no key");
            Err(Failure::new(ErrorKind::Config, message).with_hint(format!(
                "If it does: `distiq config set providers.{provider}.key_env VARIABLE`"
            )))
        }
    }
}

fn checked(key: &str) -> Result<Secret, Failure> {
    let key = key.trim();
    if key.is_empty() || key.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(Failure::new(ErrorKind::Config, "That is no key: empty, or not plain ASCII")
            .with_hint("Paste the key alone, on one line"));
    }
    Ok(Secret::new(key))
}

fn read_key(provider: &str) -> Result<String, Failure> {
    let mut key = String::new();
    let read = if io::stdin().is_terminal() {
        terminal::say(&format!("Paste the key of {provider} (it is not shown), then Enter:"));
        let _quiet = terminal::Quiet::begin();
        io::stdin().read_line(&mut key)
    } else {
        io::stdin().lock().take(MAX_KEY_BYTES).read_to_string(&mut key)
    };
    read.map_err(|error| Failure::io("Cannot read the key from standard input", &error))?;
    Ok(key)
}

fn install_completions(shell: Shell) -> Result<PathBuf, Failure> {
    let home = env("HOME").filter(|home| Path::new(home).is_absolute()).ok_or_else(|| {
        Failure::new(ErrorKind::Config, "`HOME` is not set").with_hint("Set it to your home folder")
    })?;
    let below = match shell {
        Shell::Bash => ".local/share/bash-completion/completions/distiq",
        Shell::Zsh => ".local/share/zsh/site-functions/_distiq",
        Shell::Fish => ".config/fish/completions/distiq.fish",
        other => {
            let message = format!("No known place for completions of {other}");
            return Err(Failure::new(ErrorKind::Usage, message)
                .with_hint(format!("`distiq completions {other}` prints the script")));
        }
    };
    let path = Path::new(&home).join(below);
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder)
        .and_then(|()| {
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            atomic::write(&path, completions::script(shell).as_bytes(), Some(readable))
        })
        .map_err(|error| Failure::io(format!("Cannot write {}", path.display()), &error))?;
    Ok(path)
}
