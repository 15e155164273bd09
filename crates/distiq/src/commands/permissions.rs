//! `distiq permissions`

mod check;

use crate::cli::Global;
use crate::failure::Failure;

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
}

/// Tells what may be done.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Check(args) => check::run(global, args),
    }
}
