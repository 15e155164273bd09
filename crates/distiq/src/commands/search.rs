//! `distiq search`

use std::time::Instant;

use distiq_base::ErrorKind;
use distiq_base::paths::one_line;
use distiq_index::search::{MAX_HITS, MAX_QUERY};
use distiq_index::{Hit, IndexError, Mode, Query, Snapshot, Tests, Vectors};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::code_index::{self, Refresh};
use crate::failure::Failure;
use crate::numbers::up_to;
use crate::world::World;
use crate::{open_files, output, rows, terminal};

/// Hits of each row of `--jsonl`.
const HITS_A_ROW: usize = MAX_HITS;
/// Hits that are shown where nobody says how many.
const HITS_SHOWN: usize = 10;
/// Hits that programs get where nobody says how many.
const HITS_AS_JSON: usize = 50;

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to look for: words, names, a question, a stack trace; words in quotes are looked for as they stand
    #[arg(value_name = "QUERY", required_unless_present = "jsonl")]
    query: Vec<String>,
    /// The most hits, up to 200 [default: 10, with --json 50]
    #[arg(
        short = 'n',
        long = "limit",
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = up_to::<usize>(MAX_HITS as u64)
    )]
    limit: Option<usize>,
    /// By what: all that is known, words, meaning (the company that words keep in the project), or names of definitions
    #[arg(long, value_enum, default_value_t)]
    mode: ModeName,
    /// Whether tests are found
    #[arg(long, value_enum, default_value_t)]
    tests: TestsName,
    /// A file that is open in the editor: what fits comes sooner where it is in it; may be given several times
    #[arg(long, value_name = "FILE")]
    open: Vec<String>,
    /// Search what is in the index without a look at what changed since
    #[arg(long)]
    no_refresh: bool,
    /// Print a row of JSON for each hit; `distiq schema search` prints its shape
    #[arg(long)]
    json: bool,
    /// Read rows `{id, query}`, with `open` where files are open, from standard input and print rows `{id, ms, results}`
    #[arg(long, conflicts_with_all = ["json", "query"])]
    jsonl: bool,
}

/// By what is searched.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum ModeName {
    #[default]
    Hybrid,
    Text,
    Vector,
    Symbol,
}

/// Whether tests are found.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum TestsName {
    #[default]
    Include,
    Exclude,
}

impl Args {
    fn query<'a>(&self, text: &'a str, limit: usize, open: &'a [String]) -> Query<'a> {
        let mode = match self.mode {
            ModeName::Hybrid => Mode::Hybrid,
            ModeName::Text => Mode::Text,
            ModeName::Vector => Mode::Vector,
            ModeName::Symbol => Mode::Symbol,
        };
        let tests = match self.tests {
            TestsName::Include => Tests::Include,
            TestsName::Exclude => Tests::Exclude,
        };
        Query { text, limit: limit.min(MAX_HITS), mode, tests, open }
    }

    /// Where the mode compares vectors, makes those of what changed, and says how many are missing.
    fn see_to_vectors(
        &self,
        world: &World,
        snapshot: &Snapshot,
        refresh: Refresh,
    ) -> Result<(), IndexError> {
        match self.mode {
            ModeName::Hybrid | ModeName::Vector => {
                code_index::embed_changes(snapshot, refresh)?;
                tell_vectors(world, snapshot)
            }
            ModeName::Text | ModeName::Symbol => Ok(()),
        }
    }
}

/// Finds code and documents.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let text = args.query.join(" ");
    if text.len() > MAX_QUERY {
        return Err(Failure::new(ErrorKind::Usage, "The query is longer than 64 KB")
            .with_hint("Search for its most telling part"));
    }
    let world = World::of_code(global)?;
    world.say_notices();
    let refresh = if args.no_refresh { Refresh::No } else { Refresh::Yes };
    if args.jsonl {
        return answer_rows(&world, args, refresh);
    }
    let limit = args.limit.unwrap_or(if args.json { HITS_AS_JSON } else { HITS_SHOWN });
    let open = open_files::of(&world, &args.open);
    let query = args.query(&text, limit, &open);
    let hits = code_index::with(&world, refresh, |_, snapshot| {
        args.see_to_vectors(&world, snapshot, refresh)?;
        open_files::tell_unknown(&world, snapshot, &args.open);
        snapshot.search(&query)
    })?;
    if args.json {
        hits.iter().for_each(|hit| output::json_line(&row(hit)));
        return Ok(());
    }
    if hits.is_empty() {
        terminal::say(nothing(args.mode));
    }
    for hit in &hits {
        output::text(&shown(hit));
        output::faint(&format!("    {}", hit.reasons.join(", ")));
    }
    Ok(())
}

/// Says that nothing was found, and where else to look.
fn nothing(mode: ModeName) -> &'static str {
    match mode {
        ModeName::Hybrid => "nothing found; `--mode vector` looks for the meaning",
        ModeName::Text | ModeName::Vector => {
            "nothing found; without `--mode` all that is known is used"
        }
        ModeName::Symbol => "nothing found; without `--mode` more than names is looked through",
    }
}

/// Says that vectors are missing, where an embedder from outside makes them.
fn tell_vectors(world: &World, snapshot: &Snapshot) -> Result<(), IndexError> {
    if world.settings.embedder.is_some() {
        let Vectors { made, chunks, .. } = snapshot.vectors()?;
        if made < chunks {
            terminal::say(&format!(
                "note: {made} of {chunks} chunks have vectors; `distiq index` makes the others"
            ));
        }
    }
    Ok(())
}

fn answer_rows(world: &World, args: &Args, refresh: Refresh) -> Result<(), Failure> {
    let limit = args.limit.unwrap_or(HITS_A_ROW);
    let named = open_files::of(world, &args.open);
    code_index::with(world, refresh, |index, snapshot| {
        args.see_to_vectors(world, snapshot, refresh)?;
        open_files::tell_unknown(world, snapshot, &args.open);
        let mut asked = code_index::Asked::new(world, index, snapshot, refresh);
        Ok(rows::answer("{\"id\": …, \"query\": \"…\"}", |row| {
            let text = row.text("query")?;
            if text.len() > MAX_QUERY {
                return Err("`query` is longer than 64 KB".to_owned().into());
            }
            let open = [open_files::of_row(world, row)?, named.clone()].concat();
            let begin = Instant::now();
            let hits = asked.ask(|snapshot| search(snapshot, &args.query(text, limit, &open)))?;
            let ms = begin.elapsed().as_secs_f64() * 1000.0;
            Ok(json!({ "id": row.id, "ms": (ms * 1000.0).round() / 1000.0, "results": hits }))
        }))
    })?
}

fn search(snapshot: &Snapshot, query: &Query<'_>) -> Result<Vec<Value>, IndexError> {
    Ok(snapshot.search(query)?.iter().map(row).collect())
}

/// Returns a hit as programs see it.
fn row(hit: &Hit) -> Value {
    json!({
        "path": hit.path,
        "start_line": hit.start_line,
        "end_line": hit.end_line,
        "kind": hit.kind,
        "name": hit.name,
        "class": hit.class,
        "score": hit.score,
        "reasons": hit.reasons,
    })
}

/// Returns a hit as people see it: where it is, and its head.
fn shown(hit: &Hit) -> String {
    let head = if hit.signature.is_empty() { hit.kind.as_str() } else { hit.signature.as_str() };
    format!("{}:{}-{}  {head}", one_line(&hit.path), hit.start_line, hit.end_line)
}
