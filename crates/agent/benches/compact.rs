//! What it takes to make a history of 200,000 tokens shorter: `cargo bench -p distiq-agent --bench compact`.
//!
//! A whole turn on a session that lies on disk, with a model within the process that answers at once: measured is how much
//! longer the model has to wait for its request where the history is made shorter first, with the summary asked for,
//! the log and the ledger. The baseline is to write the same history as JSON.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use distiq_agent::log::SessionLog;
use distiq_agent::{CompactionConfig, Config, KeptAnswers, TurnLimits, Workbench, sessions};
use distiq_base::clock::Clock;
use distiq_base::paths::Home;
use distiq_base::{
    Answer, Ask, BlockStart, Content, Delta, Dialect, Event, Message, Mode, Op, Question, Request,
    RequestId, Role, SessionId, StopReason, StreamEvent, Usage,
};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, ProviderError, RegistryError};
use distiq_router::{Ledger, Limits, Router, RouterConfig, Upstream, Upstreams};
use distiq_tools::{Toolbox, ToolboxConfig};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};

const TOKENS: usize = 200_000;
/// Of the conversation as JSON.
const BYTES_PER_TOKEN: usize = 4;
const ROUNDS: usize = 9;
const FILES: usize = 40;

/// A model that answers at once and keeps when it was asked.
#[derive(Default)]
struct Instantly {
    asked: Mutex<Vec<(Instant, bool)>>,
}

type Events = BoxStream<'static, Result<StreamEvent, ProviderError>>;

struct Only(Arc<Instantly>);

impl Upstreams for Only {
    fn upstream(&self, _: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        Ok(self.0.clone())
    }
}

impl Upstream for Instantly {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn stream<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Events, ProviderError>> {
        self.asked.lock().unwrap().push((Instant::now(), request.tools.is_empty()));
        let text = "The files were read and changed, and their tests run.".to_owned();
        // A vendor's count, from which estimates learn.
        let tokens = serde_json::to_vec(&request.messages).unwrap().len() / BYTES_PER_TOKEN;
        let usage = Usage { input: tokens as u64, output: 10, ..Usage::default() };
        let events = [
            StreamEvent::Start { id: "m".into(), model: request.model.clone() },
            StreamEvent::BlockStart { index: 0, block: BlockStart::Text },
            StreamEvent::BlockDelta { index: 0, delta: Delta::Text { text } },
            StreamEvent::BlockStop { index: 0 },
            StreamEvent::Usage { usage },
            StreamEvent::Stop { reason: StopReason::EndTurn },
            StreamEvent::End,
        ];
        Box::pin(async move { Ok(stream::iter(events.into_iter().map(Ok)).boxed()) })
    }
}

struct Nobody;

impl Ask for Nobody {
    fn ask(&self, _: &Question) -> Answer {
        Answer::Nobody
    }
}

fn code(file: usize) -> String {
    let mut text =
        "//! Keeps orders until they are paid.\n\nuse std::collections::HashMap;\n".to_owned();
    for n in 0..18 {
        let _ = write!(
            text,
            "\n/// Returns what order {n} of shop {file} comes to; never below zero.\npub fn total_{file}_{n}(items: &[Item], \
             rates: &HashMap<String, f64>) -> Option<f64> {{\n    let sum: f64 = items.iter().map(|item| \
             item.price * item.count as f64).sum();\n    let rate = rates.get(\"shop-{file}\")?;\n    // See \
             docs/rates/{n}.md for what EU-{n}4-X means.\n    (sum > 0.0).then_some(sum * rate)\n}}\n"
        );
    }
    text
}

fn test_output(round: usize) -> String {
    let mut text = String::new();
    for n in 0..60 {
        let _ = writeln!(text, "test orders::shop_{round}::test_total_{n} ... ok");
    }
    let _ = write!(
        text,
        "\nthread panicked at src/orders_{round}.rs:{round}: left 3, right 4\n[exit 101]"
    );
    text
}

/// A session as they go: files read, changed, commands run.
fn history() -> Vec<Message> {
    let mut messages = Vec::new();
    let call = |id: String, name: &str, input: serde_json::Value| Content::ToolCall {
        id,
        name: name.to_owned(),
        arguments: input.to_string(),
    };
    let said = |text: String, call: Content| Message {
        role: Role::Assistant,
        content: vec![Content::text(text), call],
    };
    let result = |id: &str, text: &str, failed| Message {
        role: Role::User,
        content: vec![Content::tool_result(id, text, failed)],
    };
    let tokens =
        |messages: &[Message]| serde_json::to_vec(messages).unwrap().len() / BYTES_PER_TOKEN;
    for round in 0.. {
        if round % 8 == 0 {
            let text = format!(
                "Now make shop {round} round its totals. Never touch src/legacy_{round}.rs."
            );
            messages.push(Message {
                role: Role::User,
                content: vec![Content::text(text), Content::text("[2026-11-22, on main]")],
            });
        }
        let file = round % FILES;
        let path = format!("src/orders_{file}.rs");
        let (read, edit, run) = (format!("r{round}"), format!("e{round}"), format!("s{round}"));
        let input = serde_json::json!({"path": path});
        messages.push(said(format!("I look at shop {file}."), call(read.clone(), "read", input)));
        messages.push(result(&read, &code(file), false));
        let text = format!(
            "We decided to round in `total_{file}_{round}`, since the ledger does.\n- [ ] test {round}"
        );
        let input = serde_json::json!({"path": path, "search": "sum * rate", "replace": "(sum * rate).round()"});
        messages.push(said(text, call(edit.clone(), "edit", input)));
        messages.push(result(&edit, "edited 1 place", false));
        let input = serde_json::json!({"command": format!("cargo test shop_{file}")});
        messages.push(said("The tests.".into(), call(run.clone(), "shell", input)));
        messages.push(result(&run, &test_output(round), false));
        if tokens(&messages) >= TOKENS {
            break;
        }
    }
    messages.push(Message::assistant("All shops round their totals now."));
    messages
}

const MODEL: &str = "claude-sonnet-4-5";

struct Place {
    folder: tempfile::TempDir,
    model: Arc<Instantly>,
    router: Arc<Router>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        std::fs::create_dir_all(root.join("src")).unwrap();
        for file in 0..FILES {
            std::fs::write(root.join(format!("src/orders_{file}.rs")), code(file)).unwrap();
        }
        let model = Arc::new(Instantly::default());
        let router = Router::new(RouterConfig {
            registry: Arc::new(Only(model.clone())),
            catalogue: Arc::new(Catalogue::builtin()),
            ledger: Arc::new(Ledger::open(&folder.path().join("ledger.db")).unwrap()),
            limits: Limits::default(),
            premium: None,
            run: None,
            retry: Policy::default(),
            clock: Clock::System,
        });
        Self { folder, model, router: Arc::new(router) }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn home(&self) -> Home {
        let at = |name: &str| -> PathBuf { self.folder.path().join(name) };
        Home { config: at("config"), data: at("data"), cache: at("cache") }
    }

    fn config(&self, compaction: CompactionConfig) -> Config {
        let toolbox = ToolboxConfig::new(self.root(), Arc::new(Nobody), self.home().outputs());
        Config {
            code: None,
            root: self.root(),
            cwd: self.root(),
            home: self.home(),
            router: self.router.clone(),
            toolbox: Arc::new(Toolbox::new(toolbox).unwrap()),
            checkpoints: None,
            provider: "anthropic".into(),
            model: MODEL.into(),
            chosen: None,
            fallbacks: Vec::new(),
            mode: Mode::ReadOnly,
            limits: TurnLimits::default(),
            local_answers: false,
            kept_answers: KeptAnswers::Off,
            no_model: None,
            compaction,
            keep_alive: false,
            escalation: None,
            plan: None,
            max_output_tokens: 8_192,
            output: None,
            check_answer: None,
            save: true,
            clock: Clock::System,
            tz: jiff::tz::TimeZone::UTC,
            version: "bench".into(),
        }
    }

    /// Writes a session of long ago, whose cache at the vendor is cold.
    fn session(&self, messages: &[Message]) -> SessionId {
        let id = SessionId::generate();
        let path = sessions::path_of(&self.home().sessions(), &id);
        let long_ago = Clock::Manual(Arc::new(AtomicI64::new(1_700_000_000_000)));
        let mut log = SessionLog::create(&path, long_ago).unwrap();
        let started = Event::SessionStarted {
            session_id: id.clone(),
            schema: distiq_base::event::EVENT_SCHEMA,
            version: "bench".into(),
            root: self.root().display().to_string(),
            forked_from: None,
        };
        let asked = Event::RequestFinished {
            request_id: RequestId::generate(),
            model: MODEL.into(),
            usage: Usage::default(),
            cost_nanousd: None,
            estimated: false,
            latency_ms: 1,
            first_token_ms: None,
            stop: None,
            error: None,
            keeps_warm: false,
        };
        let said = messages.iter().map(|message| Event::Message { message: message.clone() });
        for event in [started].into_iter().chain(said).chain([asked]) {
            log.append(event).unwrap();
        }
        id
    }

    /// Takes a turn; returns how long the model waited for its request, and what the history came to.
    async fn turn(
        &self,
        id: SessionId,
        compaction: CompactionConfig,
    ) -> (Duration, Vec<(u64, u64)>) {
        self.model.asked.lock().unwrap().clear();
        let (bench, mut records) = Workbench::resume(self.config(compaction), id).unwrap();
        // What it opens with is there before the turn begins.
        records.recv().await.unwrap();
        let begun = Instant::now();
        bench.submit(Op::Turn(Message::user("And the last one?")));
        let mut sizes = Vec::new();
        while let Some(record) = records.recv().await {
            match record.event {
                Event::Compacted { tokens_before, tokens_after, .. } => {
                    sizes.push((tokens_before, tokens_after));
                }
                Event::TurnFinished { error, .. } => {
                    assert_eq!(error, None);
                    break;
                }
                _ => {}
            }
        }
        bench.finish().await.unwrap();
        let asked = self.model.asked.lock().unwrap();
        let (at, _) = asked.iter().find(|(_, is_summary)| !is_summary).unwrap();
        (at.duration_since(begun), sizes)
    }
}

fn middle(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

async fn measure(place: &Place, messages: &[Message], name: &str, window_tokens: Option<u64>) {
    let on = CompactionConfig { window_tokens, ..CompactionConfig::default() };
    let off = CompactionConfig { enabled: false, ..CompactionConfig::default() };
    let (mut with, mut without, mut written) = (Vec::new(), Vec::new(), Vec::new());
    let mut came_to = Vec::new();
    for _ in 0..ROUNDS {
        let (took, sizes) = place.turn(place.session(messages), on.clone()).await;
        with.push(took);
        came_to = sizes;
        without.push(place.turn(place.session(messages), off.clone()).await.0);
        let begun = Instant::now();
        std::hint::black_box(serde_json::to_vec(messages).unwrap());
        written.push(begun.elapsed());
    }
    let (with, without, written) = (middle(&mut with), middle(&mut without), middle(&mut written));
    let (before, after) = came_to[0];
    println!(
        "{name}: {before} to {after} tokens: {:.1} ms more ({with:.1} with, {without:.1} without); to write it as JSON {written:.2} \
         ms, ratio {:.1}; goal: under 100 ms",
        with - without,
        (with - without) / written
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let place = Place::new();
    let messages = history();
    runtime.block_on(async {
        measure(&place, &messages, "the vendor's cache is cold", None).await;
        measure(&place, &messages, "a window of 128,000", Some(128_000)).await;
        measure(&place, &messages, "a window of 16,000", Some(16_000)).await;
    });
}
