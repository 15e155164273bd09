//! `distiq ask`

mod history;
mod model;

use distiq_agent::sources::{self, Citation, Extent, Passage};
use distiq_base::paths::one_line;
use distiq_base::{ErrorKind, Money};
use distiq_index::search::MAX_QUERY;
use distiq_index::{Mode, Query};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::cli::Global;
use crate::documents::{self, Unread};
use crate::failure::Failure;
use crate::world::{Flag, World};
use crate::{output, providers, terminal};

/// Tokens of sources where nobody says how many.
const CONTEXT_TOKENS: usize = 6_000;
/// Most tokens of sources.
const MAX_CONTEXT_TOKENS: usize = 500_000;
/// Hits that are looked through for sources.
const LOOKED_AT: usize = 100;
/// Passages that are shown where no model answers.
const SHOWN: usize = 5;
/// Longest answer where nobody says how long.
const ANSWER_TOKENS: u64 = 2_000;

/// Arguments of `ask`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to answer
    #[arg(value_name = "QUESTION", required_unless_present_any = ["history", "clear_history"])]
    question: Vec<String>,
    /// Show the best passages; ask no model
    #[arg(long)]
    local: bool,
    /// Give the model whole files, not passages
    #[arg(long)]
    full_docs: bool,
    /// How sources are found: by all that is known, by words, or by meaning
    #[arg(long, value_enum, default_value_t)]
    mode: How,
    /// The model
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// The provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Most tokens of sources
    #[arg(long, value_name = "TOKENS", default_value_t = CONTEXT_TOKENS)]
    context: usize,
    /// How freely the model chooses its words, 0 to 2
    #[arg(long, value_name = "NUMBER")]
    temperature: Option<f64>,
    /// Most tokens of the answer
    #[arg(long, value_name = "N", default_value_t = ANSWER_TOKENS)]
    max_tokens: u64,
    /// Do not list the sources behind the answer
    #[arg(long)]
    no_sources: bool,
    /// Do not keep question and answer
    #[arg(long)]
    no_save: bool,
    /// Show earlier questions and answers of this project, newest last; with --json, all that is kept of them
    #[arg(long, conflicts_with_all = ["question", "local"])]
    history: bool,
    /// Remove the questions and answers of this project that are kept; with --json, print `{removed}`
    #[arg(long, conflicts_with_all = ["question", "local", "history"])]
    clear_history: bool,
    /// Print one JSON object; `distiq schema ask` prints its shape
    #[arg(long)]
    json: bool,
}

/// How sources are found.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum How {
    #[default]
    Hybrid,
    Text,
    Vector,
}

/// What came of a question.
#[derive(Debug, Serialize)]
struct Answered {
    at: Timestamp,
    root: String,
    question: String,
    /// `None` where no model was asked.
    answer: Option<String>,
    sources: Vec<Passage>,
    /// Documents that could not be read.
    unread: Vec<Unread>,
    citations: Vec<Citation>,
    provider: Option<String>,
    model: Option<String>,
    cost_nanousd: Option<i64>,
}

/// Answers a question from the project's code and documents.
pub fn run(global: &Global, args: Args) -> Result<(), Failure> {
    let flags = [("--provider", "provider", &args.provider), ("--model", "model", &args.model)];
    let flags: Vec<Flag> = flags
        .into_iter()
        .filter_map(|(flag, key, text)| Some((flag, key, text.clone()?)))
        .collect();
    let world = World::open(global, &flags)?;
    world.say_notices();
    if args.history {
        return history::show(&world, args.json);
    }
    if args.clear_history {
        return history::clear(&world, args.json);
    }
    let question = args.question.join(" ");
    check(&args, &question)?;
    let (passages, unread) = find(&world, &args, &question)?;
    let mut answered = Answered {
        at: Timestamp::now(),
        root: world.root.display().to_string(),
        question,
        answer: None,
        sources: passages,
        unread,
        citations: Vec::new(),
        provider: None,
        model: None,
        cost_nanousd: None,
    };
    if !answered.sources.is_empty() && !args.local && can_ask(&world)? {
        model::answer(&world, &args, &mut answered)?;
    } else if !args.json {
        show_passages(&answered.sources);
    }
    if args.json {
        output::json_line(&answered);
    } else if answered.answer.is_some() {
        show_end(&args, &answered);
    }
    if !args.no_save && answered.answer.is_some() {
        history::keep(&world, &json!(answered));
    }
    Ok(())
}

fn check(args: &Args, question: &str) -> Result<(), Failure> {
    let wrong = |message: &str| Err(Failure::new(ErrorKind::Usage, message));
    if question.len() > MAX_QUERY {
        return wrong("The question is longer than 64 KB");
    }
    if args.context == 0 || args.context > MAX_CONTEXT_TOKENS {
        return wrong("`--context` must be 1 to 500000");
    }
    if args.temperature.is_some_and(|it| !(0.0..=2.0).contains(&it)) {
        return wrong("`--temperature` must be 0 to 2");
    }
    if args.max_tokens == 0 {
        return wrong("`--max-tokens` must be at least 1");
    }
    Ok(())
}

fn find(
    world: &World,
    args: &Args,
    question: &str,
) -> Result<(Vec<Passage>, Vec<Unread>), Failure> {
    let mode = match args.mode {
        How::Hybrid => Mode::Hybrid,
        How::Text => Mode::Text,
        How::Vector => Mode::Vector,
    };
    let extent = if args.full_docs { Extent::Files } else { Extent::Passages };
    let query = Query { limit: LOOKED_AT, mode, ..Query::new(question) };
    let ((passages, is_cut), unread) = documents::with(world, |snapshot| {
        let within = |tokens| sources::passages(snapshot, &query, extent, tokens);
        let passages = within(args.context)?;
        let is_cut = passages.is_empty() && !within(MAX_CONTEXT_TOKENS)?.is_empty();
        Ok((passages, is_cut))
    })?;
    if is_cut {
        let tokens = args.context;
        let what =
            format!("what fits the question is longer than the {tokens} tokens of `--context`");
        terminal::say(&format!("The sources do not tell: {what}"));
    } else if passages.is_empty() {
        terminal::say("The sources do not tell: nothing in the project fits the question");
    }
    Ok((passages, unread))
}

/// Tells whether there is a model to ask; without any key the passages are the answer.
fn can_ask(world: &World) -> Result<bool, Failure> {
    let registry = providers::registry(world)?;
    if registry.default_provider().is_ok() || world.settings.provider.is_some() {
        return Ok(true);
    }
    terminal::say("note: no provider has a key; these are the passages that fit best");
    Ok(false)
}

/// The first and the last page of a place in a document that has pages.
type Pages = (Option<u32>, Option<u32>);

/// Returns how a place is shown: `docs/manual.pdf:120-131 (pages 4-5)`.
fn place(path: &str, start_line: u32, end_line: u32, pages: Pages) -> String {
    let pages = match pages {
        (Some(first), Some(last)) if last > first => format!(" (pages {first}-{last})"),
        (Some(page), _) => format!(" (page {page})"),
        (None, _) => String::new(),
    };
    format!("{}:{start_line}-{end_line}{pages}", one_line(path))
}

fn show_passages(passages: &[Passage]) {
    for Passage { path, start_line, end_line, page, end_page, text, .. } in
        passages.iter().take(SHOWN)
    {
        output::text(&place(path, *start_line, *end_line, (*page, *end_page)));
        output::text(text);
    }
    let rest = passages.len().saturating_sub(SHOWN);
    if rest > 0 {
        terminal::say(&format!("note: {rest} more with --json"));
    }
}

fn show_end(args: &Args, answered: &Answered) {
    for Citation { path, start_line, end_line, fault, .. } in &answered.citations {
        if let Some(fault) = fault {
            terminal::say(&format!(
                "note: [{}:{start_line}-{end_line}] does not hold: {fault}",
                one_line(path)
            ));
        }
    }
    let cost = answered.cost_nanousd.map(|nanos| Money::from_nanos(nanos).to_string());
    let model = answered.model.as_deref().unwrap_or_default();
    terminal::say(&format!("{}, {model}", cost.as_deref().unwrap_or("no known price")));
    if args.no_sources {
        return;
    }
    output::text("\nSources:");
    let cited: Vec<&Citation> = answered.citations.iter().filter(|it| it.fault.is_none()).collect();
    for Citation { path, start_line, end_line, page, end_page, .. } in &cited {
        output::text(&format!("  {}", place(path, *start_line, *end_line, (*page, *end_page))));
    }
    if cited.is_empty() {
        output::text("  none that the answer names");
    }
}
