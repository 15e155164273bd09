//! The tools, joined with the terminal that answers their questions.

use std::sync::Arc;

use distiq_base::config::Sandbox;
use distiq_base::{ErrorKind, Mode};
use distiq_llm::Registry;
use distiq_tools::{ToolError, Toolbox, ToolboxConfig};

use crate::ask::TerminalAsk;
use crate::failure::Failure;
use crate::world::World;

/// The longest that a command runs, unless the call says otherwise.
const SHELL_TIMEOUT_MS: u64 = 120_000;

/// Opens the tools of the project.
pub fn open(world: &World, mode: Mode) -> Result<Toolbox, Failure> {
    if world.settings.sandbox == Sandbox::Require {
        return Err(Failure::new(
            ErrorKind::Config,
            "A sandbox is required, and this version has none",
        )
        .with_hint("Set `sandbox` to `auto` or `off`, or use `--mode read-only`"));
    }
    let config = ToolboxConfig {
        root: world.root.clone(),
        mode,
        ask: Arc::new(TerminalAsk::default()),
        outputs: world.home.outputs(),
        secret_env: Registry::key_variables(&world.settings),
        shell_timeout_ms: SHELL_TIMEOUT_MS,
    };
    Toolbox::new(config).map_err(|error: ToolError| Failure::of(ErrorKind::User, &error))
}
