//! `distiq map`

use distiq_base::CountTokens;
use distiq_index::graph::{Graph, MapRequest, Seeds, map};
use distiq_ml::Tokenizer;
use serde_json::json;

use crate::cli::Global;
use crate::code_index::{self, Refresh};
use crate::commands::graph::of_root;
use crate::failure::Failure;
use crate::numbers::up_to_telling;
use crate::world::World;
use crate::{output, terminal};

/// Most tokens of a map.
const MAX_TOKENS: u64 = 200_000;

/// Arguments of `map`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is for: names and paths in it draw the map to them
    #[arg(value_name = "REQUEST")]
    request: Vec<String>,
    /// The most tokens
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1024,
        allow_negative_numbers = true,
        value_parser = up_to_telling::<usize>(MAX_TOKENS, "1024 shows some 60 heads")
    )]
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
    let world = World::of_code(global)?;
    world.say_notices();
    let refresh = if args.no_refresh { Refresh::No } else { Refresh::Yes };
    let graph = code_index::with(&world, refresh, |_, snapshot| Graph::of(snapshot))?;
    let tokenizer = Tokenizer::o200k();
    let count = |text: &str| usize::try_from(tokenizer.count(text)).unwrap_or(usize::MAX);
    let request = MapRequest {
        seeds: Seeds::of(&args.request.join(" ")),
        budget: args.tokens,
        without: args.without.iter().map(|path| left_out(&world, &graph, path)).collect(),
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
        return Ok(());
    }
    if shown.is_empty() {
        terminal::say(&match graph.symbols().is_empty() {
            true => "nothing found: no file of the project defines anything".to_owned(),
            false => format!("nothing fits into {} tokens; give more with `--tokens`", args.tokens),
        });
    }
    output::piece(&shown);
    Ok(())
}

/// Returns the path of a file that is left out, as the index has it, and says where there is none.
fn left_out(world: &World, graph: &Graph, path: &str) -> String {
    let path = of_root(world, path);
    match graph.file_node(&path) {
        Some(file) => graph.label(file),
        None => {
            terminal::say(&format!("note: no one file of the index is meant by `{path}`"));
            path
        }
    }
}
