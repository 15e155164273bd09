//! The `distiq` command: reads the command line and the settings, joins the crates, prints.
//!
//! One command is one file under `commands/`. Data goes to standard output, words to standard
//! error; the exit code tells what kind of failure ended a command. Nothing here knows how an
//! answer is made: that is the agent's and the router's business.

mod answers;
mod ask;
mod checkpoints;
mod cli;
mod code_index;
mod commands;
mod documents;
mod embedder;
mod failure;
mod grants;
mod keys;
mod ledger;
mod month;
mod numbers;
mod open_files;
mod output;
mod panics;
mod progress;
mod providers;
mod router;
mod rows;
mod sandbox;
mod terminal;
mod toolbox;
mod trust;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::failure::Failure;

fn main() -> ExitCode {
    if let Some(code) = beside_a_command() {
        return code;
    }
    hide_from_children();
    panics::install();
    outlive_file_size_limits();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let report = failure::Style::of(&arguments);
    let code = match Cli::try_parse_from(&arguments) {
        Ok(cli) => match panics::guard(|| commands::run(cli)) {
            Ok(()) => 0,
            Err(failure) => failure.report(report),
        },
        Err(error) if !error.use_stderr() => match error.print() {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => output::SIGPIPE_CODE,
            _ => 0,
        },
        Err(error) => Failure::from_usage(&error).report(report),
    };
    ExitCode::from(code)
}

/// Looks after a command, shuts one in or reads a document, where Distiq started itself for that. Comes before all else, because
/// it happens for every command.
fn beside_a_command() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    #[cfg(target_os = "linux")]
    if first == distiq_tools::sandbox::LAUNCH {
        return Some(distiq_tools::sandbox::launch(arguments).into());
    }
    if first == distiq_pdf::EXTRACT {
        return Some(documents::extract().into());
    }
    if first != distiq_tools::SUPERVISE {
        return None;
    }
    Some(match distiq_tools::supervise(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // There is nobody to tell: Distiq sees that the socket closes.
        Err(_) => ExitCode::FAILURE,
    })
}

/// Keeps the memory of this process, which may hold keys, from being read through `/proc` by the
/// commands that it runs.
fn hide_from_children() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Makes a write beyond the limit of a file's size an error like any other; by default it ends the process.
///
/// Not ignored but handled, so that commands that are run find the signal as it was.
fn outlive_file_size_limits() {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    extern "C" fn pass(_: nix::libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(pass), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing, which is safe at any moment.
    #[allow(unsafe_code)]
    let _ = unsafe { sigaction(Signal::SIGXFSZ, &action) };
}
