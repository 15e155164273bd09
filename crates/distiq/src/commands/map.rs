//! `distiq map`

use distiq_base::CountTokens;
use distiq_index::graph::{Graph, MapRequest, Seeds, map};
use distiq_ml::Tokenizer;
use serde_json::json;

use crate::cli::Global;
use crate::code_index::{self, Refresh};
use crate::failure::Failure;
use crate::output;
use crate::world::World;

/// Arguments of `map`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is for: names and paths in it draw the map to them
    #[arg(value_name = "REQUEST")]
    request: Vec<String>,
    /// The most tokens
    #[arg(long, default_value_t = 1024)]
    tokens: usize,
    /// Leave a file out; may be given several times
    #[arg(long, value_name = "PATH")]
    without: Vec<String>,
    /// Show what is in the index without a look at what changed since
    #[arg(long)]
    no_refresh: bool,
    /// Print it as JSON; `distiq schema map` prints its shape
    #[arg(long)]
    json: bool,
}

/// Shows the signatures that matter most in the project, by file, within a budget of tokens.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let refresh = if args.no_refresh { Refresh::No } else { Refresh::Yes };
    let graph = code_index::with(&world, refresh, |_, snapshot| Graph::of(snapshot))?;
    let tokenizer = Tokenizer::o200k();
    let count = |text: &str| usize::try_from(tokenizer.count(text)).unwrap_or(usize::MAX);
    let request = MapRequest {
        seeds: Seeds::of(&args.request.join(" ")),
        budget: args.tokens,
        without: args.without.clone(),
        count: &count,
    };
    let shown = map(&graph, &request);
    if args.json {
        output::json_line(&json!({
            "tokens": count(&shown),
            "budget": args.tokens,
            "files": shown.lines().filter(|line| !line.starts_with(' ')).count(),
            "map": shown,
        }));
    } else {
        output::raw(&shown);
    }
    Ok(())
}
