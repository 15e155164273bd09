//! `distiq context`

use std::time::Instant;

use distiq_base::{CountTokens, ErrorKind};
use distiq_context::{Context, Request, Shape, build};
use distiq_index::search::MAX_QUERY;
use distiq_index::{IndexError, Snapshot};
use distiq_ml::Tokenizer;
use serde_json::{Value, json};

use crate::cli::Global;
use crate::code_index::{self, Refresh};
use crate::failure::Failure;
use crate::numbers::up_to_telling;
use crate::world::World;
use crate::{open_files, output, rows, terminal};

/// Most tokens that are packed.
const MAX_TOKENS: u64 = 200_000;

/// Fewer tokens may be too few for the first line alone.
const LEAST_TOKENS: u64 = 50;

/// Arguments of `context`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is to be done or known
    #[arg(value_name = "REQUEST", required_unless_present = "jsonl")]
    request: Vec<String>,
    /// The most tokens of the text, counted as o200k does
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8_000,
        allow_negative_numbers = true,
        value_parser = up_to_telling::<u64>(MAX_TOKENS, "1000 names some 30 places")
    )]
    tokens: u64,
    /// What is shown: a shortlist, whole units, or both
    #[arg(long, value_enum, default_value_t)]
    shape: ShapeName,
    /// A file that is open in the editor: what fits comes sooner where it is in it; may be given several times
    #[arg(long, value_name = "FILE")]
    open: Vec<String>,
    /// Take what is in the index without a look at what changed since
    #[arg(long)]
    no_refresh: bool,
    /// Print JSON; `distiq schema context` prints its shape
    #[arg(long)]
    json: bool,
    /// Read rows `{id, request}`, with `open` where files are open, from standard input and print a row for each
    #[arg(long, conflicts_with_all = ["json", "request"])]
    jsonl: bool,
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum ShapeName {
    Hits,
    Code,
    #[default]
    Mixed,
}

impl Args {
    fn request<'a>(&self, text: &'a str, open: &'a [String]) -> Request<'a> {
        let shape = match self.shape {
            ShapeName::Hits => Shape::Hits,
            ShapeName::Code => Shape::Code,
            ShapeName::Mixed => Shape::Mixed,
        };
        Request { text, tokens: self.tokens, shape, open }
    }
}

/// Packs what a request needs to see.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let text = args.request.join(" ");
    if text.len() > MAX_QUERY {
        return Err(Failure::new(ErrorKind::Usage, "The request is longer than 64 KB")
            .with_hint("Ask with its most telling part"));
    }
    let world = World::of_code(global)?;
    world.say_notices();
    let refresh = if args.no_refresh { Refresh::No } else { Refresh::Yes };
    if args.jsonl {
        return answer_rows(&world, args, refresh);
    }
    let open = open_files::of(&world, &args.open);
    let context = code_index::with(&world, refresh, |_, snapshot| {
        code_index::embed_changes(snapshot, refresh)?;
        open_files::tell_unknown(&world, snapshot, &args.open);
        pack(snapshot, &args.request(&text, &open))
    })?;
    if args.json {
        output::json_line(&Value::Object(fields(&context)));
        return Ok(());
    }
    if context.items.is_empty() {
        let is_little = args.tokens < LEAST_TOKENS;
        terminal::say(&if is_little {
            format!("nothing fits into {} tokens; give more with `--tokens`", args.tokens)
        } else {
            "nothing found".to_owned()
        });
    }
    output::piece(&context.text);
    Ok(())
}

fn pack(snapshot: &Snapshot, request: &Request<'_>) -> Result<Context, IndexError> {
    build(snapshot, request, Tokenizer::o200k())
}

fn answer_rows(world: &World, args: &Args, refresh: Refresh) -> Result<(), Failure> {
    let named = open_files::of(world, &args.open);
    code_index::with(world, refresh, |index, snapshot| {
        code_index::embed_changes(snapshot, refresh)?;
        open_files::tell_unknown(world, snapshot, &args.open);
        let mut asked = code_index::Asked::new(world, index, snapshot, refresh);
        Ok(rows::answer("{\"id\": …, \"request\": \"…\"}", |row| {
            // Rows that were made for `search` are understood too.
            let text = row.text("request").or_else(|error| row.text("query").map_err(|_| error))?;
            if text.len() > MAX_QUERY {
                return Err("`request` is longer than 64 KB".to_owned().into());
            }
            let open = [open_files::of_row(world, row)?, named.clone()].concat();
            let begin = Instant::now();
            let context = asked.ask(|snapshot| pack(snapshot, &args.request(text, &open)))?;
            let ms = (begin.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0;
            let mut answer = serde_json::Map::new();
            answer.insert("id".into(), row.id.clone());
            answer.insert("ms".into(), json!(ms));
            answer.extend(fields(&context));
            Ok(Value::Object(answer))
        }))
    })?
}

fn fields(context: &Context) -> serde_json::Map<String, Value> {
    let items = context.items.iter().map(|item| {
        json!({
            "path": item.path,
            "start_line": item.start_line,
            "end_line": item.end_line,
            "shape": item.shape.name(),
            "text": item.text,
            "reasons": item.reasons,
        })
    });
    let mut fields = serde_json::Map::new();
    fields.insert("tokens_used".into(), context.tokens_used.into());
    fields.insert("counter".into(), Tokenizer::o200k().name().into());
    fields.insert("items".into(), items.collect());
    fields.insert("text".into(), context.text.as_str().into());
    fields
}
