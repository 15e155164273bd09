//! Checkpoints of the project, by the user's settings.

use std::sync::Arc;
use std::time::Duration;

use distiq_agent::checkpoint::rewind::{RewindError, Rewinder};
use distiq_agent::checkpoint::{CheckpointConfig, Checkpoints};
use distiq_base::ErrorKind;
use distiq_base::clock::Clock;
use distiq_base::paths::Home;

use crate::failure::Failure;
use crate::terminal;
use crate::world::{World, env};

const DAY_S: u64 = 86_400;

impl From<RewindError> for Failure {
    fn from(error: RewindError) -> Self {
        let hint = error.hint();
        Failure::of(ErrorKind::User, &error).with_hint(hint)
    }
}

/// Prepares what keeps the changes of a session; `None` where the user wants none.
pub fn open(world: &World) -> Option<Arc<Checkpoints>> {
    let settings = world.settings.checkpoints;
    let config = CheckpointConfig {
        root: world.root.clone(),
        home: world.home.clone(),
        user_home: env("HOME").map(Into::into),
        max_bytes: settings.max_mb.saturating_mul(1_000_000),
        max_age: Duration::from_secs(settings.max_days.saturating_mul(DAY_S)),
    };
    settings.enabled.then(|| Arc::new(Checkpoints::new(config)))
}

/// Returns what goes back and forth in sessions.
pub fn rewinder(world: &World) -> Rewinder {
    Rewinder { home: world.home.clone(), clock: Clock::System }
}

/// Ends undos that a kill interrupted, before anything touches their files, and says so.
pub fn end_killed_undos(home: &Home) {
    let rewinder = Rewinder { home: home.clone(), clock: Clock::System };
    for ended in rewinder.recover_all() {
        match ended {
            Ok(false) => {}
            Ok(true) => terminal::say("note: an undo that was interrupted is finished now"),
            Err(error) => {
                let hint = error.hint();
                let note = format!("An interrupted undo cannot be finished: {error}; {hint}");
                terminal::say(&format!("note: {note}"));
            }
        }
    }
}
