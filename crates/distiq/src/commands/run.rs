//! `distiq run` and `distiq resume`

mod images;
mod planning;
mod prompt;
mod schema;
mod show;
mod turn;

use std::ffi::OsString;
use std::path::PathBuf;

use distiq_agent::sessions;
use distiq_base::{ErrorKind, Op, SessionId};

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::{Flag, World};

pub use planning::When;
pub use show::Format;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; `-` reads it from standard input
    #[arg(value_name = "PROMPT")]
    prompt: Vec<OsString>,
    /// Go on with the newest session of this project
    #[arg(long = "continue", conflicts_with = "resume")]
    continue_: bool,
    /// Go on with this session
    #[arg(long, value_name = "ID")]
    resume: Option<String>,
    /// With `--resume` or `--continue`: go on in a new session with the same history, and leave the old one as it is
    #[arg(long)]
    fork: bool,
    #[command(flatten)]
    options: Options,
}

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The session: its id, or a part that only it has; without one, the newest of this project. Words
    /// that no id can be belong to the prompt
    session: Option<OsString>,
    /// What to do next; without it, to go on. `-` reads it from standard input
    #[arg(value_name = "PROMPT")]
    prompt: Vec<OsString>,
    /// Go on in a new session with the same history, and leave the old one as it is
    #[arg(long)]
    fork: bool,
    #[command(flatten)]
    options: Options,
}

/// How a turn is taken.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What may be done without asking: read-only, ask, auto-edit or full
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// The provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The model
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// How the model is chosen, where none is named: fixed, cheapest, balanced or best
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Most dollars that this run may cost
    #[arg(long, value_name = "DOLLARS")]
    max_cost: Option<String>,
    /// Most requests to the model
    #[arg(long, value_name = "N")]
    max_turns: Option<String>,
    /// Most seconds
    #[arg(long, value_name = "SECONDS")]
    max_time: Option<String>,
    /// A picture for the model to see; may be given several times
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// Work in this folder
    #[arg(long, value_name = "DIR")]
    cd: Option<PathBuf>,
    /// The shape of the answer: a JSON schema
    #[arg(long, value_name = "FILE")]
    output_schema: Option<PathBuf>,
    /// What to print: the answer, one object at the end, or every event as a line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output_format: Format,
    /// The model's price in dollars per million tokens, input and output, such as `3/15`
    #[arg(long, value_name = "IN/OUT")]
    price: Option<String>,
    /// Ask the model even where the project's index could answer
    #[arg(long)]
    no_local: bool,
    /// Ask the model even where the answer to the same question still holds
    #[arg(long)]
    no_kept: bool,
    /// Never make the conversation shorter, whatever it costs
    #[arg(long)]
    no_compaction: bool,
    /// Plan first: always, only (print the plan and end), auto (where the whole is likely to cost less) or off
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always"
    )]
    plan: Option<When>,
    /// Carry out this plan, as `--plan=only` prints it
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    plan_file: Option<PathBuf>,
    /// Let no stronger model go on, however unsure the answer is
    #[arg(long)]
    no_escalation: bool,
    /// Keep no session log; the ledger still counts the cost
    #[arg(long)]
    no_save: bool,
}

/// What a resumed session is told where the user says nothing.
const GO_ON: &str = "Go on where you stopped.";

/// Which session a turn belongs to.
enum Place {
    /// A new one.
    New,
    /// An old one.
    Old(SessionId),
    /// A new one that begins with the history of an old one.
    Fork(SessionId),
}

impl Place {
    fn of(session: SessionId, fork: bool) -> Self {
        if fork { Self::Fork(session) } else { Self::Old(session) }
    }
}

/// Does a job in a new session, or goes on with one.
pub fn run(global: &Global, args: Args) -> Result<(), Failure> {
    let world = open(global, &args.options)?;
    let words = match &args.options.plan_file {
        Some(path) if args.prompt.is_empty() => planning::words(path)?,
        _ => prompt::read(&args.prompt)?,
    };
    let place = match (&args.resume, args.continue_) {
        (Some(text), _) => Place::of(sessions::find(&world.home.sessions(), text)?, args.fork),
        (None, true) => Place::of(newest(&world)?, args.fork),
        (None, false) if args.fork => {
            let message = "`--fork` needs a session";
            return Err(Failure::new(ErrorKind::Usage, message)
                .with_hint("Name it with `--resume ID`, or take the newest with `--continue`"));
        }
        (None, false) => Place::New,
    };
    take(world, &args.options, place, words)
}

/// Goes on with a session.
pub fn resume(global: &Global, args: ResumeArgs) -> Result<(), Failure> {
    let world = open(global, &args.options)?;
    let (named, prompt) = named_session(args.session, args.prompt);
    let words = if prompt.is_empty() { GO_ON.to_owned() } else { prompt::read(&prompt)? };
    let session = match &named {
        Some(text) => sessions::find(&world.home.sessions(), text)?,
        None => newest(&world)?,
    };
    take(world, &args.options, Place::of(session, args.fork), words)
}

/// Tells the session's name from the prompt: a first word that no id can be belongs to the prompt.
fn named_session(
    first: Option<OsString>,
    mut prompt: Vec<OsString>,
) -> (Option<String>, Vec<OsString>) {
    let Some(first) = first else { return (None, prompt) };
    match first.to_str().filter(|text| SessionId::parse(text).is_some()) {
        Some(text) if prompt.is_empty() || text.contains(|c: char| c.is_ascii_digit()) => {
            (Some(text.to_owned()), prompt)
        }
        _ => {
            prompt.insert(0, first);
            (None, prompt)
        }
    }
}

fn newest(world: &World) -> Result<SessionId, Failure> {
    sessions::latest(&world.home.sessions(), &world.root).ok_or_else(|| {
        let message = format!("No session of {}", world.root.display());
        Failure::new(ErrorKind::User, message).with_hint("`distiq sessions list` lists all")
    })
}

fn open(global: &Global, options: &Options) -> Result<World, Failure> {
    if let Some(folder) = &options.cd {
        std::env::set_current_dir(folder)
            .map_err(|error| Failure::io(format!("Cannot work in {}", folder.display()), &error))?;
    }
    let flags = [
        ("--mode", "mode", &options.mode),
        ("--provider", "provider", &options.provider),
        ("--model", "model", &options.model),
        ("--policy", "policy", &options.policy),
        ("--max-cost", "max_cost", &options.max_cost),
        ("--max-turns", "max_turns", &options.max_turns),
        ("--max-time", "max_time_s", &options.max_time),
    ];
    let flags: Vec<Flag> = flags
        .into_iter()
        .filter_map(|(flag, key, text)| Some((flag, key, text.clone()?)))
        .collect();
    let world = World::open(global, &flags)?;
    world.say_notices();
    Ok(world)
}

fn take(world: World, options: &Options, place: Place, words: String) -> Result<(), Failure> {
    let message = images::message(words, &options.image)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::io("Cannot start", &error))?;
    let result = runtime.block_on(turn::take(world, options, place, Op::Turn(message)));
    // A question on the terminal may still wait for its answer; the log is closed already.
    runtime.shutdown_background();
    result
}
