//! Histories that are made shorter: within a turn, when a vendor says so, over resume, fork and undo.

use std::sync::Arc;

use distiq_agent::{CompactionConfig, Config, Workbench, history, sessions};
use distiq_base::{Event, Message, Op, Record, Request, TurnStatus};
use distiq_llm::{ProviderError, ProviderErrorKind};

use crate::support::{Plan, PlannedModel, World, write};

const SUMMARY: &str = "Four files were read.";
const WINDOW: u64 = 6_000;

/// A model that reads a long file four times, then answers.
fn reads(times: usize) -> Vec<Plan> {
    let read = |at: usize| {
        let path = format!(r#"{{"path":"long{at}.txt"}}"#);
        Plan::calls(&[("read", &path)])
    };
    (0..times).map(read).chain([Plan::says("I read them.")]).collect()
}

fn world() -> World {
    let world = World::new();
    for at in 0..8 {
        let filler = "the reader goes on over the next line of it\n".repeat(80);
        let text = format!("{filler}The release code is RC-{at}-77F.\n{filler}");
        write(&world.project(), &format!("long{at}.txt"), &text);
    }
    world
}

fn narrow(config: &mut Config) {
    config.compaction =
        CompactionConfig { window_tokens: Some(WINDOW), ..CompactionConfig::default() };
    config.max_output_tokens = 1_000;
}

/// A session over its model's planned answers.
struct Stage {
    world: World,
    model: Arc<PlannedModel>,
}

impl Stage {
    fn new(plans: Vec<Plan>) -> Self {
        let model = Arc::new(PlannedModel::default());
        model.plans.lock().unwrap().extend(plans);
        Self { world: world(), model }
    }

    fn config(&self) -> Config {
        let mut config = self.world.config(&self.model);
        narrow(&mut config);
        config
    }

    async fn turn(
        &self,
        bench: Workbench,
        records: &mut tokio::sync::mpsc::Receiver<Record>,
        words: &str,
    ) -> Vec<Record> {
        bench.submit(Op::Turn(Message::user(words)));
        let mut seen = Vec::new();
        while let Some(record) = records.recv().await {
            let end = matches!(record.event, Event::TurnFinished { .. });
            seen.push(record);
            if end {
                break;
            }
        }
        bench.finish().await.unwrap();
        seen
    }

    /// Returns the requests that were no summaries.
    fn requests(&self) -> Vec<Request> {
        let all = self.model.requests.lock().unwrap();
        all.iter().filter(|request| !request.tools.is_empty()).cloned().collect()
    }
}

fn status(records: &[Record]) -> TurnStatus {
    match &records.last().unwrap().event {
        Event::TurnFinished { status, .. } => *status,
        other => panic!("{other:?}"),
    }
}

fn compacted(records: &[Record]) -> Vec<(u64, u64)> {
    let sizes = |record: &Record| match &record.event {
        Event::Compacted { tokens_before, tokens_after, .. } => {
            Some((*tokens_before, *tokens_after))
        }
        _ => None,
    };
    records.iter().filter_map(sizes).collect()
}

fn text(request: &Request) -> String {
    serde_json::to_string(&request.messages).unwrap()
}

#[tokio::test]
async fn a_long_loop_of_tools_stays_within_its_window() {
    let mut plans = reads(8);
    // Enough is said for a summary.
    plans.iter_mut().for_each(|plan| plan.text = "I look at one more of them. ".repeat(20));
    let stage = Stage::new(plans);
    stage.model.summaries.lock().unwrap().extend((0..9).map(|_| Plan::says(SUMMARY)));
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let words = "Read them all. Never print RC codes aloud, see src/rules/A-9.md.";
    let seen = stage.turn(bench, &mut records, words).await;
    assert_eq!(status(&seen), TurnStatus::Done);
    let sizes = compacted(&seen);
    assert!(sizes.len() >= 2, "{sizes:?}");
    assert!(sizes.iter().all(|(before, after)| after < before && *after < WINDOW), "{sizes:?}");
    for request in stage.requests() {
        let text = text(&request);
        assert!(text.contains(words), "{text}");
        assert!(text.len() / 6 < WINDOW as usize, "{}", text.len());
    }
    let last = stage.requests().pop().unwrap();
    for at in 0..8 {
        let code = format!("RC-{at}-77F");
        assert!(text(&last).contains(&code), "{code} was lost: {}", text(&last));
    }
    assert!(text(&last).contains(SUMMARY), "{}", text(&last));
}

#[tokio::test]
async fn a_shorter_history_goes_on_over_resume_and_fork_and_is_undone() {
    let stage = Stage::new(reads(8));
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let id = bench.session_id().clone();
    stage.turn(bench, &mut records, "first words").await;
    let last = stage.requests().pop().unwrap();

    let (bench, mut records) = Workbench::resume(stage.config(), id.clone()).unwrap();
    stage.model.plans.lock().unwrap().push_back(Plan::says("ok"));
    stage.turn(bench, &mut records, "second words").await;
    let resumed = stage.requests().pop().unwrap();
    assert_eq!(
        resumed.messages[..last.messages.len()],
        last.messages,
        "resuming changed the prefix"
    );

    let (bench, mut records) = Workbench::fork(stage.config(), &id).unwrap();
    stage.model.plans.lock().unwrap().push_back(Plan::says("ok"));
    stage.turn(bench, &mut records, "third words").await;
    let forked = stage.requests().pop().unwrap();
    let shared = resumed.messages.len();
    assert_eq!(forked.messages[..shared], resumed.messages, "forking changed the prefix");

    // Back to before the first turn, which began before the history was made shorter, and again.
    let path = sessions::path_of(&stage.world.sessions(), &id);
    let before = history::read(&path).unwrap();
    assert!(before.carried.is_some());
    let append = |event| {
        let (mut log, _) = history::reopen(&path, distiq_base::clock::Clock::System).unwrap();
        log.append(event).unwrap();
    };
    let moved = |turn| (turn, false, true, None::<String>, Vec::<String>::new());
    let (turn, files, conversation, id, files_changed) = moved(1);
    append(Event::Undone { turn, files, conversation, id, files_changed });
    let undone = history::read(&path).unwrap();
    assert_eq!((undone.messages.len(), undone.carried), (0, None));
    let (turn, files, conversation, id, files_changed) = moved(1);
    append(Event::Redone { turn, files, conversation, id, files_changed });
    let redone = history::read(&path).unwrap();
    assert_eq!((redone.messages, redone.carried), (before.messages, before.carried));
}

#[tokio::test]
async fn a_file_that_went_out_of_view_is_shown_again() {
    let mut plans = reads(8);
    plans.insert(8, Plan::calls(&[("read", r#"{"path":"long0.txt"}"#)]));
    let stage = Stage::new(plans);
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let seen = stage.turn(bench, &mut records, "Read them.").await;
    assert!(!compacted(&seen).is_empty());
    let read = |record: &Record| match &record.event {
        Event::ToolFinished { text, .. } => Some(text.len()),
        _ => None,
    };
    let last = seen.iter().rev().find_map(read).unwrap();
    assert!(last > 5_000, "{last}");
}

#[tokio::test]
async fn a_vendor_that_finds_the_prompt_too_long_gets_a_shorter_one() {
    let too_long = || ProviderError::new(ProviderErrorKind::ContextTooLong, "too long");
    let mut plans = reads(3);
    plans.insert(3, Plan { fails: Some(too_long()), ..Plan::default() });
    let stage = Stage::new(plans);
    let mut config = stage.config();
    config.compaction.window_tokens = None;
    let (bench, mut records) = Workbench::start(config).unwrap();
    let seen = stage.turn(bench, &mut records, "Read them.").await;
    assert_eq!(status(&seen), TurnStatus::Done);
    assert_eq!(compacted(&seen).len(), 1);

    // Where nothing can be dropped, the turn ends and says why.
    let fails = (0..4).map(|_| Plan { fails: Some(too_long()), ..Plan::default() }).collect();
    let stage = Stage::new(fails);
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let seen = stage.turn(bench, &mut records, "Read them.").await;
    assert_eq!((status(&seen), compacted(&seen).len()), (TurnStatus::Failed, 0));
}

#[tokio::test]
async fn without_a_summary_the_digest_stands_for_it() {
    let server = || ProviderError::new(ProviderErrorKind::InvalidRequest, "no");
    let stage = Stage::new(reads(5));
    let fails = (0..9).map(|_| Plan { fails: Some(server()), ..Plan::default() });
    stage.model.summaries.lock().unwrap().extend(fails);
    let (bench, mut records) = Workbench::start(stage.config()).unwrap();
    let seen = stage.turn(bench, &mut records, "Read them.").await;
    assert_eq!(status(&seen), TurnStatus::Done);
    assert!(text(&stage.requests().pop().unwrap()).contains("# Summary"));

    let stage = Stage::new(reads(5));
    let mut config = stage.config();
    config.compaction.enabled = false;
    let (bench, mut records) = Workbench::start(config).unwrap();
    let seen = stage.turn(bench, &mut records, "Read them.").await;
    assert_eq!(compacted(&seen).len(), 0, "it was switched off");
}
