//! Joins the crates for one turn, and sees it through to its end or a signal.

use std::sync::Arc;
use std::time::Duration;

use distiq_agent::sessions;
use distiq_agent::{
    AgentError, CompactionConfig, Config, KeptAnswers, ProjectCode, TurnError, TurnLimits,
    Workbench, needs_no_model,
};
use distiq_base::clock::Clock;
use distiq_base::{ErrorKind, Op, Record};
use distiq_llm::{Catalogue, Registry};
use distiq_tools::Watch;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::show::Show;
use super::{Options, Place, When, planning, schema};
use crate::code_index;
use crate::failure::Failure;
use crate::providers::{self, Choice};
use crate::world::World;
use crate::{answers, checkpoints, router, terminal, toolbox};

/// How long a turn may take to end after it was cancelled.
const GRACE: Duration = Duration::from_secs(5);

/// What stands for a provider and a model where there is none.
const NONE: &str = "none";

/// The exit code after SIGTERM.
const SIGTERM_CODE: u8 = 143;

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Log(error) => error.into(),
        }
    }
}

impl From<TurnError> for Failure {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Log(error) => error.into(),
            TurnError::Bug(_) => Failure::of(ErrorKind::Bug, &error)
                .with_hint("This is a fault of Distiq; please report it"),
        }
    }
}

/// Takes one turn.
pub async fn take(
    mut world: World,
    options: &Options,
    place: Place,
    op: Op,
) -> Result<(), Failure> {
    let registry = providers::registry(&world)?;
    let is_open = providers::is_open(&world, &providers::table(&world, &registry)?);
    if let Place::Old(session) | Place::Fork(session) = &place
        && let Some(summary) = sessions::summary(&world.home.sessions(), session)
    {
        world.take_up(&summary)?;
    }
    let wanted = match &op {
        Op::Turn(message) => Some(message.text()),
        _ => None,
    };
    let (mut choice, no_model) = choose(&world, options, &registry, wanted.as_deref())?;
    if is_open && choice.chosen.is_none() {
        choice.chosen = providers::stays(&providers::table(&world, &registry)?, &choice);
    }
    let table = providers::table(&world, &registry)?;
    let mut catalogue = providers::catalogue(&world)?;
    if let Some(price) = &options.price {
        let known = catalogue.find(&choice.provider, &choice.model);
        let prices = providers::price(price, known)?;
        catalogue.set_price(&choice.provider, &choice.model, prices);
    }
    let show = {
        let plan = planning::config(&world, options, &table, &mut choice, wanted.as_deref())?;
        let config =
            Config { no_model, plan, ..config(&world, options, choice, registry, catalogue)? };
        let (bench, records) = match place {
            Place::New => Workbench::start(config)?,
            Place::Old(session) => Workbench::resume(config, session)?,
            Place::Fork(session) => Workbench::fork(config, &session)?,
        };
        bench.submit(op);
        let show = Show::new(options.output_format, bench.session_id().clone())
            .of_plan(options.plan == Some(When::Only));
        follow(bench, records, show).await?
    };
    show.finish()
}

/// Chooses the model. Without any, a question that the project may answer is looked up all the same; what
/// ends the turn where it does not is told beside.
fn choose(
    world: &World,
    options: &Options,
    registry: &Registry,
    wanted: Option<&str>,
) -> Result<(Choice, Option<distiq_base::Failure>), Failure> {
    match providers::choose_for(world, registry, wanted) {
        Ok(choice) => Ok((choice, None)),
        Err(Failure { kind: ErrorKind::Config, message, hint, .. })
            if world.settings.economy.local_answers
                && !options.no_local
                && wanted.is_some_and(needs_no_model) =>
        {
            let none = Choice { provider: NONE.to_owned(), model: NONE.to_owned(), chosen: None };
            Ok((none, Some(distiq_base::Failure { kind: ErrorKind::Config, message, hint })))
        }
        Err(failure) => Err(failure),
    }
}

/// Shows what happens until the turn is over.
async fn follow(
    bench: Workbench,
    mut records: mpsc::Receiver<Record>,
    mut show: Show,
) -> Result<Show, Failure> {
    let failed = |error| Failure::io("Cannot listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let session = bench.session_id().clone();
    loop {
        tokio::select! {
            biased;
            record = records.recv() => match record {
                Some(record) => {
                    show.record(&record);
                    if show.is_over() {
                        break;
                    }
                }
                None => break,
            },
            _ = interrupt.recv() => {
                terminal::say("note: cancelling; once more to quit at once");
                bench.submit(Op::Cancel);
                end_in_time(&mut records, &mut show, &mut interrupt, ErrorKind::Cancelled.exit_code())
                    .await?;
                break;
            }
            _ = terminate.recv() => {
                bench.submit(Op::Cancel);
                // What is left open is closed by the next command.
                let _ = end_in_time(&mut records, &mut show, &mut interrupt, SIGTERM_CODE).await;
                terminal::say(&format!("note: stopped; `distiq resume {session}` goes on"));
                return Err(Failure::told(SIGTERM_CODE));
            }
        }
    }
    let (closed, ()) = tokio::join!(bench.finish(), async {
        while let Some(record) = records.recv().await {
            show.record(&record);
        }
    });
    closed?;
    Ok(show)
}

/// Shows the end of a cancelled turn; a second interrupt, or too long a wait, quits.
async fn end_in_time(
    records: &mut mpsc::Receiver<Record>,
    show: &mut Show,
    interrupt: &mut Signal,
    code: u8,
) -> Result<(), Failure> {
    let deadline = tokio::time::sleep(GRACE);
    tokio::pin!(deadline);
    while !show.is_over() {
        tokio::select! {
            record = records.recv() => match record {
                Some(record) => show.record(&record),
                None => return Ok(()),
            },
            _ = interrupt.recv() => return Err(Failure::told(code)),
            () = &mut deadline => return Err(Failure::told(code)),
        }
    }
    Ok(())
}

fn config(
    world: &World,
    options: &Options,
    choice: Choice,
    registry: Registry,
    catalogue: Catalogue,
) -> Result<Config, Failure> {
    let settings = &world.settings;
    let max_output_tokens = providers::longest_answer(&catalogue, &choice.provider, &choice.model);
    let output = options.output_schema.as_deref().map(schema::read).transpose()?;
    let (output, check_answer) = output.unzip();
    // A route without any fall-back is as good as none.
    let named = format!("{}/{}", choice.provider, choice.model);
    let table = providers::table(world, &registry)?;
    let route = table.resolve(&named, None);
    let compaction = CompactionConfig {
        enabled: settings.economy.compaction && !options.no_compaction,
        prunes: settings.economy.pruning && !options.no_compaction,
        window_tokens: settings.economy.window_tokens,
        model: providers::summarizer(&table, &choice)?,
    };
    let cheap = compaction.model.as_ref();
    let escalation = providers::escalation(&settings.economy, &table, &choice, cheap)
        .filter(|_| settings.economy.escalation && !options.no_escalation);
    let fallbacks = route.map(|route| route.candidates.into_iter().skip(1).collect());
    let router = router::open(world, registry, catalogue)?;
    if settings.economy.kept_answers {
        answers::serve_turns(world, &router);
    }
    let checkpoints = if options.no_save { None } else { checkpoints::open(world) };
    let watch = checkpoints.clone().map(|watch| watch as Arc<dyn Watch>);
    let code = || Arc::new(ProjectCode::new(&world.root, &world.home.cache));
    Ok(Config {
        code: code_index::is_for(world).then(code),
        root: world.root.clone(),
        cwd: world.cwd.clone(),
        home: world.home.clone(),
        router: Arc::new(router),
        toolbox: Arc::new(toolbox::open(world, settings.mode, watch)?),
        checkpoints,
        fallbacks: fallbacks.unwrap_or_default(),
        chosen: choice.chosen,
        provider: choice.provider,
        model: choice.model,
        mode: settings.mode,
        kept_answers: match (settings.economy.kept_answers, options.no_kept) {
            (true, false) => KeptAnswers::On,
            (true, true) => KeptAnswers::Renew,
            (false, _) => KeptAnswers::Off,
        },
        no_model: None,
        local_answers: settings.economy.local_answers && !options.no_local,
        compaction,
        keep_alive: settings.economy.keep_alive && settings.economy.prompt_cache,
        escalation,
        plan: None,
        limits: TurnLimits {
            max_requests: settings.max_turns,
            max_time: settings.max_time_s.map(Duration::from_secs),
            ..TurnLimits::default()
        },
        max_output_tokens,
        output,
        check_answer,
        save: !options.no_save,
        clock: Clock::System,
        tz: world.zone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
