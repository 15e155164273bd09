//! The tools, joined with the terminal that answers their questions.

use std::path::PathBuf;
use std::sync::Arc;

use distiq_base::config::Sandbox;
use distiq_base::{ErrorKind, Mode};
use distiq_llm::Registry;
use distiq_tools::{ToolError, Toolbox, ToolboxConfig, Watch};

use crate::ask::TerminalAsk;
use crate::checkpoints;
use crate::failure::Failure;
use crate::world::World;

/// Opens the tools of the project; `watch` is told of every change.
pub fn open(world: &World, mode: Mode, watch: Option<Arc<dyn Watch>>) -> Result<Toolbox, Failure> {
    checkpoints::recover(world);
    if world.settings.sandbox == Sandbox::Require {
        return Err(Failure::new(
            ErrorKind::Config,
            "A sandbox is required, and this version has none",
        )
        .with_hint("Set `sandbox` to `auto` or `off`, or use `--mode read-only`"));
    }
    let config = ToolboxConfig {
        mode,
        watch,
        secret_env: Registry::key_variables(&world.settings),
        launcher: launcher(),
        ..ToolboxConfig::new(&world.root, Arc::new(TerminalAsk::default()), world.home.outputs())
    };
    Toolbox::new(config).map_err(|error: ToolError| Failure::of(ErrorKind::User, &error))
}

/// Returns this program, to be started again beside a command: where the system can, the very file
/// that runs, whatever an update has put in its place.
fn launcher() -> Option<PathBuf> {
    let itself = PathBuf::from("/proc/self/exe");
    if itself.exists() { Some(itself) } else { std::env::current_exe().ok() }
}
