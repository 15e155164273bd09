//! `distiq redo`

use distiq_agent::checkpoint::plan::Plan;

use super::undo::How;
use crate::checkpoints;
use crate::cli::Global;
use crate::failure::Failure;
use crate::world::World;

/// Arguments of `redo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    how: How,
}

/// Brings back what the last undo took back.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let session = args.how.session(&world)?;
    let mut decide = |plan: &Plan, _: &[u32]| args.how.decide(plan);
    let rewinder = checkpoints::rewinder(&world);
    let rewound = rewinder.redo(&session, args.how.is_preview(), &mut decide)?;
    args.how.tell(&rewound, "redo")
}
