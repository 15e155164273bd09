//! The commands, one file each, and their table.

pub mod ask;
pub mod cache;
pub mod completions;
pub mod compress;
pub mod config;
pub mod context;
pub mod cost;
pub mod cursor_custom;
pub mod cursor_test;
pub mod data;
pub mod demo;
pub mod doctor;
pub mod eval;
pub mod graph;
pub mod index;
pub mod index_stats;
pub mod keys;
pub mod map;
pub mod metrics;
pub mod models;
pub mod permissions;
pub mod redo;
pub mod reference;
pub mod route;
pub mod run;
pub mod schema;
pub mod search;
pub mod sessions;
pub mod setup;
pub mod simulate;
pub mod start;
pub mod stats;
pub mod tool;
pub mod trust;
pub mod undo;
pub mod version;

use clap::CommandFactory;
use distiq_tools::journal;

use crate::checkpoints;
use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::world::{env, home};
use crate::{output, terminal};

/// Runs the command.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let global = cli.global;
    terminal::settle_color(global.color, &env);
    if global.plain {
        terminal::be_plain();
    }
    mend_after_kills();
    let Some(command) = cli.command else {
        output::raw(&Cli::command().render_help().to_string());
        return Ok(());
    };
    match command {
        Command::Run(args) => run::run(&global, args),
        Command::Resume(args) => run::resume(&global, args),
        Command::Undo(args) => undo::run(&global, &args),
        Command::Redo(args) => redo::run(&global, &args),
        Command::Demo(args) => demo::run(&args),
        Command::Sessions(args) => sessions::run(&global, &args),
        Command::Start(args) => start::run(&global, args),
        Command::Keys(args) => keys::run(&global, &args),
        Command::CursorTest(args) => cursor_test::run(&global, &args),
        Command::CursorCustom(args) => cursor_custom::run(&global, &args),
        Command::Cost(args) => cost::run(&global, &args),
        Command::Stats(args) => stats::run(&global, &args),
        Command::Metrics(args) => metrics::run(&global, &args),
        Command::Ask(args) => ask::run(&global, args),
        Command::Route(args) => route::run(&global, &args),
        Command::Eval(args) => eval::run(&global, &args),
        Command::Simulate(args) => simulate::run(&global, &args),
        Command::Search(args) => search::run(&global, &args),
        Command::Context(args) => context::run(&global, &args),
        Command::Cache(args) => cache::run(&global, args),
        Command::Compress(args) => compress::run(&global, &args),
        Command::Index(args) => index::run(&global, &args),
        Command::IndexStats(args) => index_stats::run(&global, &args),
        Command::Map(args) => map::run(&global, &args),
        Command::Graph(args) => graph::run(&global, &args),
        Command::Tool(args) => tool::run(&global, &args),
        Command::Trust(args) => trust::run(&global, &args),
        Command::Permissions(args) => permissions::run(&global, &args),
        Command::Setup(args) => setup::run(&global, &args),
        Command::Config(args) => config::run(&global, &args),
        Command::Doctor(args) => doctor::run(&global, &args),
        Command::Models(args) => models::run(&global, &args),
        Command::Data(args) => data::run(&global, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Version(args) => version::run(&args),
        Command::Reference(args) => reference::run(&args),
    }
}

/// Takes back edits and ends undos that a killed process left half done, and says what it could not.
fn mend_after_kills() {
    let Ok(home) = home() else { return };
    for recovered in journal::recover(&home.journal()) {
        for note in recovered.notes() {
            terminal::say(&format!("note: {note}"));
        }
    }
    checkpoints::end_killed_undos(&home);
}
