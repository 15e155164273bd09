//! The command line: what may be said, and its help. Each command's own arguments stand in its
//! file under `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    ask, cache, completions, compress, config, context, cost, cursor_custom, cursor_test, data,
    demo, doctor, eval, graph, index, index_stats, keys, map, metrics, models, permissions, redo,
    reference, route, run, schema, search, sessions, setup, simulate, start, stats, tool, trust,
    undo, version,
};
use crate::terminal::Color;

/// A coding agent that does a job and tells what it cost.
///
/// Data goes to standard output, words to standard error. Exit codes: 0 ok, 1 failed or refused,
/// 2 usage, 3 configuration or key, 4 budget, 5 denied, 6 provider, 7 limit of turns or time,
/// 70 a bug, 130/141/143 by signal.
#[derive(Debug, Parser)]
#[command(
    name = "distiq",
    version,
    disable_help_subcommand = true,
    after_help = "First steps: `distiq demo` (no key needed), `distiq setup`, `distiq run \"fix the failing test\"`"
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The project's root [default: the nearest `.git` above, else the working directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
    /// The time zone in which days and months are counted
    #[arg(long, global = true, value_name = "ZONE")]
    pub tz: Option<String>,
    /// No colour and no moving parts, for screen readers
    #[arg(long, global = true)]
    pub plain: bool,
}

/// Output for programs.
#[derive(Args, Clone, Copy, Debug)]
pub struct JsonFlag {
    /// Print JSON; `distiq schema` prints its shape
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do a job
    Run(run::Args),
    /// Go on with a session
    Resume(run::ResumeArgs),
    /// Take back what a session did: files, conversation, or both
    Undo(undo::Args),
    /// Bring back what the last undo took back
    Redo(redo::Args),
    /// See it work, with a scripted model and without a key
    Demo(demo::Args),
    /// List, show, search and export sessions
    Sessions(sessions::Args),
    /// Start the gateway: any client's dialect in, any provider out
    Start(start::Args),
    /// Make, list and revoke keys of the gateway
    Keys(keys::Args),
    /// Check that the gateway answers what Cursor asks it for
    CursorTest(cursor_test::Args),
    /// Tell what goes into Cursor's settings
    CursorCustom(cursor_custom::Args),
    /// Tell what was spent
    Cost(cost::Args),
    /// Tell how much Distiq was used
    Stats(stats::Args),
    /// Tell how requests went: success, latency, tiers
    Metrics(metrics::Args),
    /// Let a folder's own settings loosen yours
    Trust(trust::Args),
    /// Answer a question from the project's code and documents
    Ask(ask::Args),
    /// Tell how hard a request is, where it would go and what it may cost, without a model
    Route(route::Args),
    /// Run a month of requests against a scripted server, and tell what it costs
    Simulate(simulate::Args),
    /// Tell what each mechanism that saves money is worth
    Eval(eval::Args),
    /// Find code and documents by what they say and do
    Search(search::Args),
    /// Pack what a request needs to see of the project into few tokens
    Context(context::Args),
    /// Show and clear the answers that are given again
    Cache(cache::Args),
    /// Make a text shorter: prose alone, all else byte for byte
    Compress(compress::Args),
    /// Bring the index of the project up to date
    Index(index::Args),
    /// Tell what is in the index
    IndexStats(index_stats::Args),
    /// Show the signatures that matter most, within a budget of tokens
    Map(map::Args),
    /// Tell who uses whom: definitions, references, calls, impact, paths, circles
    Graph(graph::Args),
    /// Call one tool, without a model
    Tool(tool::Args),
    /// Tell what may be done without asking
    Permissions(permissions::Args),
    /// Store a key and install completions
    Setup(setup::Args),
    /// Show and change settings
    Config(config::Args),
    /// Check that everything Distiq needs is there
    Doctor(doctor::Args),
    /// List providers and the models whose prices are known
    Models(models::Args),
    /// Show, prune and erase what Distiq has stored
    Data(data::Args),
    /// Print the JSON schema of an output
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the version
    Version(version::Args),
    /// Print a page of the reference documentation
    #[command(hide = true)]
    Reference(reference::Args),
}
