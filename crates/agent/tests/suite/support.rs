//! A session with real logs, ledger and tools, and a model that follows a plan.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use distiq_agent::{Config, ProjectCode, TurnLimits};
use distiq_base::clock::Clock;
use distiq_base::paths::Home;
use distiq_base::{
    Answer, Ask, BlockStart, Content, Delta, Dialect, Mode, Question, Request, StopReason,
    StreamEvent, Usage,
};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, ProviderError, RegistryError};
use distiq_router::{Ledger, Limits, Router, RouterConfig, Upstream, Upstreams};
use distiq_tools::{Toolbox, ToolboxConfig};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};

/// A call that the model makes.
#[derive(Clone, Debug)]
pub struct PlannedCall {
    pub tool: &'static str,
    pub arguments: String,
}

/// One answer of the model.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub thinking: Option<String>,
    pub text: String,
    pub calls: Vec<PlannedCall>,
    /// After the text, nothing more comes.
    pub stalls: bool,
    /// The stream breaks after the text.
    pub breaks: Option<ProviderError>,
    /// The request fails before anything comes.
    pub fails: Option<ProviderError>,
}

impl Plan {
    pub fn says(text: &str) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn calls(calls: &[(&'static str, &str)]) -> Self {
        let calls = calls
            .iter()
            .map(|(tool, arguments)| PlannedCall { tool, arguments: (*arguments).to_owned() })
            .collect();
        Self { calls, ..Self::default() }
    }
}

/// A model that gives planned answers and keeps what it was asked.
#[derive(Default)]
pub struct PlannedModel {
    pub plans: Mutex<VecDeque<Plan>>,
    /// Answers to requests without tools: summaries.
    pub summaries: Mutex<VecDeque<Plan>>,
    pub requests: Mutex<Vec<Request>>,
    pub answers: Mutex<u64>,
    /// Requests that only kept the vendor's cache alive and are over.
    pub kept_alive: Mutex<usize>,
}

type Events = BoxStream<'static, Result<StreamEvent, ProviderError>>;

/// Knows one provider, whatever its name.
struct Only(Arc<PlannedModel>);

impl Upstreams for Only {
    fn upstream(&self, _: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        Ok(self.0.clone())
    }
}

impl Upstream for PlannedModel {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn stream<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Events, ProviderError>> {
        self.requests.lock().unwrap().push(request.clone());
        let plans = if request.tools.is_empty() { &self.summaries } else { &self.plans };
        let plan = || plans.lock().unwrap().pop_front().unwrap_or_else(|| Plan::says("done"));
        let number = {
            let mut answers = self.answers.lock().unwrap();
            *answers += 1;
            *answers
        };
        // About what a vendor would count.
        let tokens = (text_bytes(request.messages.iter().flat_map(|m| &m.content)) / 4).max(100);
        // Who only wants the cache to live on finds all of it.
        let is_read = request.max_tokens == Some(1);
        let plan = if is_read { Plan::says(".") } else { plan() };
        let usage = match is_read {
            true => Usage { cache_read: tokens, output: 1, ..Usage::default() },
            false => Usage { cache_write: tokens, output: 10, ..Usage::default() },
        };
        Box::pin(async move { events(&plan, number, usage) })
    }
}

fn text_bytes<'a>(contents: impl IntoIterator<Item = &'a Content>) -> u64 {
    let of = |content: &Content| match content {
        Content::Text { text } => text.len() as u64,
        Content::ToolCall { arguments, .. } => arguments.len() as u64,
        Content::ToolResult { content, .. } => text_bytes(content),
        _ => 0,
    };
    contents.into_iter().map(of).sum()
}

fn events(plan: &Plan, number: u64, usage: Usage) -> Result<Events, ProviderError> {
    if let Some(error) = &plan.fails {
        return Err(error.clone());
    }
    let mut events = vec![StreamEvent::Start { id: format!("msg_{number}"), model: "m".into() }];
    let mut index = 0;
    let mut block = |block: BlockStart, deltas: Vec<Delta>| {
        events.push(StreamEvent::BlockStart { index, block });
        events.extend(deltas.into_iter().map(|delta| StreamEvent::BlockDelta { index, delta }));
        events.push(StreamEvent::BlockStop { index });
        index += 1;
    };
    if let Some(text) = &plan.thinking {
        let signature = Delta::Signature { signature: format!("sig{number}") };
        block(BlockStart::Thinking, vec![Delta::Thinking { text: text.clone() }, signature]);
    }
    if !plan.text.is_empty() {
        block(BlockStart::Text, vec![Delta::Text { text: plan.text.clone() }]);
    }
    for (at, call) in plan.calls.iter().enumerate() {
        let start =
            BlockStart::ToolCall { id: format!("toolu_{number}_{at}"), name: call.tool.to_owned() };
        block(start, vec![Delta::Arguments { json: call.arguments.clone() }]);
    }
    let head = stream::iter(events.clone().into_iter().map(Ok));
    if plan.stalls {
        return Ok(head.chain(stream::pending()).boxed());
    }
    if let Some(error) = plan.breaks.clone() {
        return Ok(head.chain(stream::iter([Err(error)])).boxed());
    }
    let reason = if plan.calls.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse };
    let tail = [StreamEvent::Usage { usage }, StreamEvent::Stop { reason }, StreamEvent::End];
    Ok(head.chain(stream::iter(tail.into_iter().map(Ok))).boxed())
}

/// Answers every question alike.
pub struct Always(pub Answer);

impl Ask for Always {
    fn ask(&self, _: &Question) -> Answer {
        self.0.clone()
    }
}

/// A home, a project, a ledger.
pub struct World {
    pub folder: tempfile::TempDir,
    pub ledger: Arc<Ledger>,
    pub catalogue: Arc<Catalogue>,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("a.txt"), "one\ntwo\nthree\n").unwrap();
        std::fs::write(project.join("pic.png"), PNG).unwrap();
        let ledger = Arc::new(Ledger::open(&folder.path().join("ledger.db")).unwrap());
        let catalogue = Arc::new(Catalogue::builtin());
        Self { folder, ledger, catalogue }
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn home(&self) -> Home {
        let at = |name: &str| -> PathBuf { self.folder.path().join(name) };
        Home { config: at("config"), data: at("data"), cache: at("cache") }
    }

    pub fn toolbox(&self, mode: Mode, answer: Answer) -> Arc<Toolbox> {
        let config = ToolboxConfig {
            mode,
            code: Some(Arc::new(ProjectCode::new(&self.project(), &self.home().cache))),
            ..ToolboxConfig::new(self.project(), Arc::new(Always(answer)), self.home().outputs())
        };
        Arc::new(Toolbox::new(config).unwrap())
    }

    /// A router under limits.
    pub fn router(&self, model: &Arc<PlannedModel>, limits: Limits) -> Arc<Router> {
        Arc::new(Router::new(RouterConfig {
            premium: None,
            registry: Arc::new(Only(model.clone())),
            catalogue: self.catalogue.clone(),
            ledger: self.ledger.clone(),
            limits,
            run: Some("run".into()),
            retry: Policy { base: std::time::Duration::from_millis(1), ..Policy::default() },
            clock: Clock::System,
        }))
    }

    /// A config in mode full, kept on disk.
    pub fn config(&self, model: &Arc<PlannedModel>) -> Config {
        Config {
            code: None,
            root: self.project(),
            cwd: self.project(),
            home: self.home(),
            router: self.router(model, Limits::default()),
            toolbox: self.toolbox(Mode::Full, Answer::Nobody),
            checkpoints: None,
            provider: "anthropic".into(),
            model: "claude-sonnet-4-5".into(),
            chosen: None,
            fallbacks: Vec::new(),
            mode: Mode::Full,
            limits: TurnLimits::default(),
            local_answers: false,
            kept_answers: distiq_agent::KeptAnswers::On,
            no_model: None,
            keep_alive: false,
            compaction: distiq_agent::CompactionConfig::default(),
            escalation: None,
            plan: None,
            max_output_tokens: 8_192,
            output: None,
            check_answer: None,
            save: true,
            clock: Clock::System,
            tz: jiff::tz::TimeZone::UTC,
            version: "test".into(),
        }
    }

    pub fn sessions(&self) -> PathBuf {
        self.home().sessions()
    }
}

pub fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// A picture of one pixel.
pub const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54,
    0x78, 0x9c, 0x62, 0, 1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];
