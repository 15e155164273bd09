//! Runs a month: each project in a thread of its own, with its own server, clock and ledger.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use distiq_agent::{
    Chosen, CompactionConfig, Config, KeptAnswers, ProjectCode, TurnLimits, Workbench,
};
use distiq_base::clock::Clock;
use distiq_base::config::{CacheAnswers, Settings};
use distiq_base::paths::Home;
use distiq_base::{ErrorKind, Event, Message, Mode, Money, Op, TurnStatus};
use distiq_llm::Registry;
use distiq_llm::retry::Policy as Retry;
use distiq_router::classify::{Classifier, Label};
use distiq_router::{
    Candidate, Inputs, Ledger, LedgerOptions, Limits, ResponseCache, Router, RouterConfig, Table,
    Tier,
};
use distiq_testkit::{Options, ScriptedModel};
use distiq_tools::{Toolbox, ToolboxConfig};
use jiff::tz::TimeZone;

use super::baseline::{self, Baselines};
use super::cast::Cast;
use super::project;
use super::result::{Answers, Month, Source};
use super::schedule::{Task, schedule};
use super::setup::{Setup, address, check_vendors, premium, settings};
use super::stage::{Part, Stage, Tries};
use crate::answers::of_turns;
use crate::failure::Failure;
use crate::providers::Choice;

/// The longest answer that is asked for; vendors refuse more than their models give.
pub(super) const MAX_OUTPUT_TOKENS: u64 = 8_000;
/// Requests to a model of one turn, with those that make the history shorter.
const MAX_REQUESTS: u32 = 400;
/// How often an agent that waits looks at the clock.
const LOOK: Duration = Duration::from_millis(2);

/// Runs a month.
pub fn run(setup: &Setup) -> Result<Month, Failure> {
    let tasks = schedule(&setup.mix, setup.seed);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new((0..setup.mix.projects).rev().collect::<Vec<u32>>());
    let months: Vec<Result<Month, Failure>> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some(project) = next(&waiting) {
                let own = tasks.iter().filter(|task| task.project == project);
                done.push((project, run_project(setup, project, own.cloned().collect())));
            }
            done
        };
        let workers: Vec<_> =
            (0..threads.min(setup.mix.projects as usize)).map(|_| scope.spawn(work)).collect();
        let mut all: Vec<_> =
            workers.into_iter().filter_map(|it| it.join().ok()).flatten().collect();
        all.sort_by_key(|(project, _)| *project);
        all.into_iter().map(|(_, month)| month).collect()
    });
    if months.len() < setup.mix.projects as usize {
        return Err(Failure::new(
            ErrorKind::Bug,
            "A project's thread of the simulation ended early",
        ));
    }
    let mut whole = Month::default();
    for month in months {
        whole.add(&month?);
    }
    Ok(whole)
}

fn next(waiting: &Mutex<Vec<u32>>) -> Option<u32> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn run_project(setup: &Setup, project: u32, tasks: Vec<Task>) -> Result<Month, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("Cannot start", &error))?;
    let folder = tempfile::Builder::new()
        .prefix("distiq-simulate-")
        .tempdir()
        .map_err(|error| Failure::io("Cannot make a temporary folder", &error))?;
    let root = folder.path().join("project");
    project::write(&root, setup.seed + u64::from(project))
        .map_err(|error| Failure::io("Cannot write the project of the simulation", &error))?;
    let place = Place::open(setup, &root, folder.path())?;
    runtime.block_on(place.month(tasks))
}

/// What the requests of a project share.
pub(super) struct Place<'a> {
    pub(super) setup: &'a Setup,
    pub(super) settings: Settings,
    home: Home,
    root: &'a Path,
    pub(super) now_ms: Arc<AtomicI64>,
    pub(super) stage: Arc<Stage>,
    code: Arc<ProjectCode>,
    pub(super) table: Table,
    pub(super) premium: Candidate,
    router: Arc<Router>,
    /// What models answered so far.
    given: RefCell<HashMap<String, Given>>,
    _server: ScriptedModel,
}

/// An answer that a model gave.
#[derive(Clone, Copy)]
struct Given {
    /// To which question.
    question: Option<usize>,
    is_right: bool,
}

/// What a turn took.
struct Took {
    requests: u32,
    cost: Money,
    text: String,
    /// The tiers that went at it, one after the other.
    tiers: Vec<Tier>,
    /// Whether the last of them did the work.
    is_done: bool,
    /// How often a stronger model said what to do, and how often that was enough.
    corrected: (u64, u64),
}

impl<'a> Place<'a> {
    fn open(setup: &'a Setup, root: &'a Path, folder: &Path) -> Result<Self, Failure> {
        let own = folder.join("home").display().to_string();
        let home = Home::find(&|name| (name == "DISTIQ_HOME").then(|| own.clone()))
            .ok_or_else(|| Failure::new(ErrorKind::Bug, "No home for the simulation"))?;
        let now_ms = Arc::new(AtomicI64::new(setup.mix.start_ms()));
        let clock = Clock::Manual(Arc::clone(&now_ms));
        let settings = settings(setup);
        let keeps_alive = settings.economy.keep_alive && settings.economy.prompt_cache;
        let stage = Stage::new(Arc::clone(&now_ms), keeps_alive);
        let options = Options { clock: clock.clone(), forgets: true, ..Options::default() };
        let server = ScriptedModel::start_with(stage.script(), options)
            .map_err(|error| Failure::io("Cannot start the scripted model on loopback", &error))?;
        let registry = Registry::from_settings(&settings, &|name| address(setup, &server, name));
        check_vendors(setup, &registry)?;
        let table = Table::new(&settings, &registry, Arc::clone(&setup.catalogue));
        let premium = premium(&table)?;
        let ledger = LedgerOptions { zone: Some(TimeZone::UTC), clock: clock.clone() };
        let router = Router::new(RouterConfig {
            registry: Arc::new(registry),
            catalogue: Arc::clone(&setup.catalogue),
            ledger: Arc::new(Ledger::open_with(&home.ledger(), ledger)?),
            limits: Limits::default(),
            premium: Some(premium.clone()),
            run: None,
            retry: Retry::from_settings(&settings.retry),
            clock,
        });
        router.set_prompt_caching(crate::router::prompt_caching(&settings));
        if settings.cache.answers != CacheAnswers::Off {
            router
                .set_cache(Arc::new(ResponseCache::new(of_turns(home.answers(), &settings.cache))));
        }
        Ok(Self {
            setup,
            settings,
            code: Arc::new(ProjectCode::new(root, &home.cache)),
            home,
            root,
            now_ms,
            stage,
            table,
            premium,
            router: Arc::new(router),
            given: RefCell::default(),
            _server: server,
        })
    }

    async fn month(self, tasks: Vec<Task>) -> Result<Month, Failure> {
        let mut month = Month::default();
        let mut baselines = Baselines::new(&self.setup.catalogue, self.premium.clone());
        for task in &tasks {
            self.now_ms.fetch_max(task.at_ms, Ordering::SeqCst);
            let begin_ms = self.now_ms.load(Ordering::SeqCst);
            let answers = self.request(task).await?;
            let first_tokens = self.stage.first_tokens();
            let work = self.setup.mix.classes.of(task.label);
            baselines.add(&baseline::Asked { task, work, first_tokens, begin_ms })?;
            month.note(task, &answers);
        }
        month.baselines = baselines.sum();
        month.premium = self.premium.to_string();
        month.take_ledger(self.router.ledger())?;
        Ok(month)
    }

    /// Does what the user asks for, with the next tier again where a model fails.
    async fn request(&self, task: &Task) -> Result<Vec<Answers>, Failure> {
        let verdict = Classifier::builtin().classify(&task.text);
        let at = Clock::Manual(Arc::clone(&self.now_ms)).now();
        let inputs = Inputs { verdict: &verdict, policy: self.setup.policy, at };
        let ((mut tier, risk), care) = (inputs.tier(), inputs.care());
        let mut reasons = vec![verdict.told()];
        reasons.extend(risk);
        if !self.setup.switches.routing {
            (tier, reasons) = (Tier::Premium, vec!["routing is off".to_owned()]);
        }
        let (mut all, mut kept) = (Vec::new(), self.kept_answers());
        loop {
            let chosen = Chosen { tier, reasons: reasons.clone() };
            let Took { requests, cost, text, tiers, is_done, corrected } =
                self.turn(task, care, chosen, kept).await?;
            let was = self.given.borrow().get(&text).copied();
            let source = match was {
                _ if requests > 0 => Source::Model,
                Some(given) => Source::Kept { is_same: given.question == task.question },
                None => Source::Project,
            };
            let succeeds = match (source, was) {
                (Source::Model, _) => is_done,
                (Source::Kept { is_same }, Some(given)) => is_same && given.is_right,
                // What the index says is looked up, not guessed.
                _ => true,
            };
            if source == Source::Model {
                let given = Given { question: task.question, is_right: succeeds };
                self.given.borrow_mut().insert(text, given);
            }
            let attempt = |tier, cost, succeeds| Answers {
                corrected: (0, 0),
                tier,
                label: verdict.label,
                source,
                cost,
                succeeds,
            };
            let (last, failed) = tiers.split_last().unwrap_or((&tier, &[]));
            all.extend(failed.iter().map(|tier| attempt(*tier, Money::ZERO, false)));
            all.push(Answers { corrected, ..attempt(*last, cost, succeeds) });
            // Who was given a wrong answer asks for a new one.
            if source == Source::Model || succeeds || kept == KeptAnswers::Renew {
                return Ok(all);
            }
            kept = KeptAnswers::Renew;
        }
    }

    const fn kept_answers(&self) -> KeptAnswers {
        match self.settings.economy.kept_answers {
            true => KeptAnswers::On,
            false => KeptAnswers::Off,
        }
    }

    /// Takes a turn in a session of its own; tells what it took.
    async fn turn(
        &self,
        task: &Task,
        label: Label,
        chosen: Chosen,
        kept: KeptAnswers,
    ) -> Result<Took, Failure> {
        let cast = self.cast(task, label, chosen)?;
        self.stage.begin(Part {
            work: Some(self.setup.mix.classes.of(task.label)),
            steps: task.steps.clone(),
            seed: task.seed,
            edits: task.question.is_none() && task.label != Label::Simple,
            does: cast.does.clone(),
            left: self.setup.mix.work_left,
            again: self.setup.mix.read_again,
        });
        let first = cast.choice.chosen.as_ref().map_or(Tier::Premium, |chosen| chosen.tier);
        let (mut tiers, mut model) = (vec![first], cast.choice.model.clone());
        let (does, mut told) = (cast.does.clone(), BTreeSet::new());
        let (bench, mut records) = Workbench::start(self.config(cast, kept)?)?;
        bench.submit(Op::Turn(Message::user(task.text.as_str())));
        let end = loop {
            match records.recv().await.map(|record| record.event) {
                Some(Event::Escalated { tier, model: next, .. }) => {
                    tiers.extend(Tier::parse(&tier));
                    model = next;
                }
                Some(Event::Heartbeat { .. }) => self.stage.looked(),
                Some(Event::RequestFinished { keeps_warm: true, .. }) => self.stage.kept(),
                Some(Event::Corrected { .. }) => {
                    tiers.push(*tiers.last().unwrap_or(&first));
                    told.insert(model.clone());
                }
                Some(Event::TurnFinished {
                    status, error, requests, cost_nanousd, text, ..
                }) => {
                    let cost = cost_nanousd.unwrap_or_default();
                    let is_told = told.contains(&model);
                    let done = |tries: &Tries| if is_told { tries.told } else { tries.first };
                    let is_done = does.get(&model).is_none_or(done);
                    let corrected = (told.len() as u64, u64::from(is_told && is_done));
                    let tiers = std::mem::take(&mut tiers);
                    break Some((
                        status,
                        error,
                        Took { requests, cost, text, tiers, is_done, corrected },
                    ));
                }
                Some(_) => {}
                None => break None,
            }
        };
        let (closed, ()) =
            tokio::join!(bench.finish(), async { while records.recv().await.is_some() {} });
        closed?;
        match end {
            Some((TurnStatus::Done, _, taken)) => Ok(taken),
            Some((_, Some(error), _)) => {
                let message = format!("A request of the simulation failed: {}", error.message);
                Err(Failure::new(error.kind, message))
            }
            _ => Err(Failure::new(ErrorKind::Bug, "A request of the simulation did not end")),
        }
    }

    fn config(&self, cast: Cast, kept: KeptAnswers) -> Result<Config, Failure> {
        let (settings, catalogue) = (&self.settings, &self.setup.catalogue);
        let Cast { choice: Choice { provider, model, chosen }, plan, escalation, .. } = cast;
        let way = Candidate::new(provider, model);
        let tools = ToolboxConfig {
            mode: Mode::Ask,
            code: Some(Arc::clone(&self.code) as Arc<_>),
            ..ToolboxConfig::new(self.root, Arc::clone(&self.stage) as Arc<_>, self.home.outputs())
        };
        let toolbox = Toolbox::new(tools).map_err(|error| Failure::of(ErrorKind::User, &error))?;
        let compaction = CompactionConfig {
            enabled: settings.economy.compaction,
            prunes: settings.economy.pruning,
            window_tokens: settings.economy.window_tokens,
            model: self.summarizer(&way),
        };
        let most =
            catalogue.find(&way.provider, &way.model).and_then(|model| model.max_output_tokens);
        Ok(Config {
            root: self.root.to_path_buf(),
            cwd: self.root.to_path_buf(),
            home: self.home.clone(),
            router: Arc::clone(&self.router),
            toolbox: Arc::new(toolbox),
            code: Some(Arc::clone(&self.code)),
            checkpoints: None,
            provider: way.provider,
            model: way.model,
            fallbacks: Vec::new(),
            chosen,
            mode: Mode::Ask,
            // The clock is moved by hand, so that it is looked at all the time.
            limits: TurnLimits {
                max_requests: MAX_REQUESTS,
                heartbeat: LOOK,
                ..TurnLimits::default()
            },
            keep_alive: settings.economy.keep_alive && settings.economy.prompt_cache,
            local_answers: settings.economy.local_answers,
            compaction,
            max_output_tokens: most.unwrap_or(MAX_OUTPUT_TOKENS).min(MAX_OUTPUT_TOKENS),
            output: None,
            check_answer: None,
            save: false,
            clock: Clock::Manual(Arc::clone(&self.now_ms)),
            tz: TimeZone::UTC,
            kept_answers: kept,
            no_model: None,
            escalation,
            plan,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}
