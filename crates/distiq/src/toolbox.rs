//! The tools, joined with the terminal that answers their questions.

use std::path::PathBuf;
use std::sync::Arc;

use distiq_agent::ProjectCode;
use distiq_base::config::Sandbox;
use distiq_base::{CodeIndex, ErrorKind, Mode};
use distiq_llm::Registry;
use distiq_tools::{ToolError, Toolbox, ToolboxConfig, Watch};

use crate::ask::TerminalAsk;
use crate::code_index;
use crate::embedder;
use crate::failure::Failure;
use crate::grants::Grants;
use crate::sandbox;
use crate::world::World;

/// Opens the tools of the project; `watch` is told of every change.
pub fn open(world: &World, mode: Mode, watch: Option<Arc<dyn Watch>>) -> Result<Toolbox, Failure> {
    let config = ToolboxConfig {
        mode,
        watch,
        sandbox: sandbox::config(world)?,
        rules: Arc::clone(&world.rules),
        memory: Some(Arc::new(Grants::of(world))),
        code: code_index::is_for(world).then(|| code(world)),
        secret_env: Registry::key_variables(&world.settings),
        launcher: launcher(),
        ..ToolboxConfig::new(&world.root, Arc::new(TerminalAsk::default()), world.home.outputs())
    };
    let toolbox =
        Toolbox::new(config).map_err(|error: ToolError| Failure::of(ErrorKind::User, &error))?;
    if world.settings.sandbox == Sandbox::Require {
        let gaps = toolbox.sandbox_gaps();
        if !gaps.is_empty() {
            let message =
                format!("A sandbox is required, and this system lacks: {}", gaps.join("; "));
            return Err(Failure::new(ErrorKind::Config, message)
                .with_hint("Set `sandbox` to `auto` to be asked instead, or to `off`"));
        }
    }
    Ok(toolbox)
}

fn code(world: &World) -> Arc<dyn CodeIndex> {
    Arc::new(
        ProjectCode::new(&world.root, &world.home.cache)
            .with_models(embedder::if_any(world), embedder::reranker_if_any(world))
            .with_history(world.settings.history),
    )
}

/// Returns this program, to be started again beside a command: where the system can, the very file
/// that runs, whatever an update has put in its place.
pub fn launcher() -> Option<PathBuf> {
    let itself = PathBuf::from("/proc/self/exe");
    if itself.exists() { Some(itself) } else { std::env::current_exe().ok() }
}
