//! Answers that are given again: what is found, what never is, and what a damaged cache costs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use distiq_base::clock::Clock;
use distiq_base::{
    BlockStart, Content, Delta, Dialect, Message, Price, Request, RequestKind, Scope, StopReason,
    StreamEvent, SystemBlock, ToolDef, Usage,
};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Prices, ProviderError, RegistryError};
use distiq_router::{
    CacheOptions, CacheUse, EventStream, KeyUse, Ledger, LedgerOptions, Limits, Purpose,
    ResponseCache, Router, RouterConfig, RouterEvent, RowFilter, Upstream, Upstreams, Verdict,
};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tempfile::TempDir;

/// A model that answers each request with how often it was asked.
struct Counting {
    asked: AtomicI64,
    stop: StopReason,
}

impl Upstream for Counting {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn stream<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<EventStream, ProviderError>> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let usage = Usage { input: 1_000, output: 100, ..Usage::default() };
        let steps = vec![
            StreamEvent::Start { id: "x".into(), model: "m1".into() },
            StreamEvent::BlockStart { index: 0, block: BlockStart::Text },
            StreamEvent::BlockDelta {
                index: 0,
                delta: Delta::Text { text: format!("answer {count} ").repeat(200) },
            },
            StreamEvent::BlockStop { index: 0 },
            StreamEvent::Usage { usage },
            StreamEvent::Stop { reason: self.stop.clone() },
            StreamEvent::End,
        ];
        let steps = stream::iter(steps.into_iter().map(Ok)).boxed();
        async move { Ok(steps) }.boxed()
    }
}

struct Only(Arc<Counting>);

impl Upstreams for Only {
    fn upstream(&self, _: &str) -> Result<Arc<dyn Upstream>, RegistryError> {
        Ok(Arc::clone(&self.0) as _)
    }
}

struct Stage {
    folder: TempDir,
    ledger: Arc<Ledger>,
    model: Arc<Counting>,
    router: Router,
    now_ms: Arc<AtomicI64>,
}

const START: i64 = 1_790_000_000_000;

fn stage_with(stop: StopReason, change: impl FnOnce(&mut CacheOptions)) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let now_ms = Arc::new(AtomicI64::new(START));
    let clock = Clock::Manual(Arc::clone(&now_ms));
    let options = LedgerOptions { zone: None, clock: clock.clone() };
    let ledger = Arc::new(Ledger::open_with(&folder.path().join("ledger.db"), options).unwrap());
    let model = Arc::new(Counting { asked: AtomicI64::new(0), stop });
    let mut catalogue = Catalogue::builtin();
    let price = |cents: i64| Price(cents * 10_000_000);
    let prices = Prices {
        input: price(200),
        output: price(1000),
        cache_read: None,
        cache_write: None,
        cache_write_long: None,
    };
    catalogue.set_price("test", "m1", prices);
    let router = Router::new(RouterConfig {
        registry: Arc::new(Only(Arc::clone(&model))),
        catalogue: Arc::new(catalogue),
        ledger: Arc::clone(&ledger),
        limits: Limits::default(),
        run: None,
        premium: None,
        retry: Policy::default(),
        clock,
    });
    let mut options = CacheOptions::at(folder.path().join("cache.db"));
    change(&mut options);
    router.set_cache(Arc::new(ResponseCache::new(options)));
    Stage { folder, ledger, model, router, now_ms }
}

fn stage() -> Stage {
    stage_with(StopReason::EndTurn, |_| {})
}

impl Stage {
    fn cache_path(&self) -> PathBuf {
        self.folder.path().join("cache.db")
    }

    async fn send(&self, request: Request, purpose: Purpose) -> (String, Option<Verdict>) {
        let told = purpose.cache.as_ref().map(|used| used.told.clone());
        let mut text = String::new();
        let mut events = Vec::new();
        let mut reply = self.router.send(request, purpose);
        while let Some(event) = reply.next().await {
            if let RouterEvent::Model(event) = &event {
                if let StreamEvent::BlockDelta { delta: Delta::Text { text: more }, .. } = event {
                    text.push_str(more);
                }
                events.push(event.clone());
            }
            if let RouterEvent::Finished(receipt) = &event {
                assert!(receipt.complete && receipt.error.is_none(), "{receipt:?}");
            }
        }
        assert!(matches!(events.first(), Some(StreamEvent::Start { .. })));
        assert_eq!(events.last(), Some(&StreamEvent::End));
        (text, told.and_then(|told| told.get()))
    }

    async fn ask(&self, text: &str) -> Option<Verdict> {
        self.send(ask(text), purpose()).await.1
    }
}

fn ask(text: &str) -> Request {
    Request {
        model: "m1".into(),
        messages: vec![Message::user(text)],
        max_tokens: Some(1_000),
        ..Request::default()
    }
}

fn purpose() -> Purpose {
    let cache = Some(CacheUse { model: "m1".into(), ..CacheUse::default() });
    Purpose { cache, ..Purpose::new(RequestKind::Gateway, "test") }
}

fn of(owner: &str, id: &str) -> Purpose {
    let key = KeyUse { id: id.into(), owner: Some(owner.into()), ..KeyUse::default() };
    Purpose { key: Some(key), ..purpose() }
}

const QUESTION: &str = "How do I sort a list in Python?";

#[tokio::test]
async fn the_same_and_a_paraphrase_are_answered_again_for_nothing() {
    let stage = stage();
    let (first, verdict) = stage.send(ask(QUESTION), purpose()).await;
    assert_eq!(verdict, Some(Verdict::Miss));
    let (again, verdict) = stage.send(Request { stream: true, ..ask(QUESTION) }, purpose()).await;
    assert_eq!((again, verdict), (first.clone(), Some(Verdict::Hit)));
    let (other, verdict) =
        stage.send(ask("Could you tell me how to sort a list in Python?"), purpose()).await;
    assert_eq!((other, verdict), (first, Some(Verdict::Semantic)));
    assert_eq!(stage.ask("How do I sort a list in Java?").await, Some(Verdict::Miss));
    assert_eq!(stage.model.asked.load(Ordering::SeqCst), 2);
    let rows = stage.ledger.requests(&RowFilter::default(), 100).unwrap();
    let hits: Vec<_> = rows.iter().filter(|row| row.route == "cache").collect();
    assert_eq!(hits.len(), 2);
    for row in hits {
        assert_eq!(row.cost_nanousd.map(|cost| cost.nanos()), Some(0));
        // 1,000 tokens at $2 a million and 100 at $10.
        assert_eq!(row.savings.response_cache.map(|saved| saved.nanos()), Some(3_000_000));
        assert_eq!((row.attempts, row.usage), (0, Usage::default()));
        assert_eq!((row.provider.as_str(), row.model.as_str()), ("test", "m1"));
    }
    drop(stage.router);
    let stats = ResponseCache::stats(&stage.folder.path().join("cache.db")).unwrap();
    assert_eq!((stats.entries, stats.hits, stats.saved_nanousd.nanos()), (2, 2, 6_000_000));
}

#[tokio::test]
async fn what_another_setting_would_answer_otherwise_is_a_miss() {
    let stage = stage();
    stage.ask(QUESTION).await;
    let system = |text: &str| vec![SystemBlock { text: text.into() }];
    let history = |first: &str| {
        vec![Message::user(first), Message::assistant("Yes."), Message::user(QUESTION)]
    };
    let base = || ask(QUESTION);
    let others = [
        Request { system: system("Answer like a pirate."), ..base() },
        Request { messages: history("I use Python 2."), ..base() },
        Request { messages: history("I use Python 3."), ..base() },
        Request { scope: Scope(vec!["abc".into()]), ..base() },
        Request { scope: Scope(vec!["abd".into()]), ..base() },
        Request { stop: vec!["END".into()], ..base() },
        Request { max_tokens: Some(20), ..base() },
        Request { temperature: Some(0.5), ..base() },
        Request { output: Some(distiq_base::OutputFormat::JsonObject), ..base() },
    ];
    for request in others {
        let shown = format!("{request:?}");
        let (_, verdict) = stage.send(request.clone(), purpose()).await;
        assert_eq!(verdict, Some(Verdict::Miss), "{shown}");
        let (_, verdict) = stage.send(request, purpose()).await;
        assert_eq!(verdict, Some(Verdict::Hit), "{shown}");
    }
    for purpose in [
        of("ann", "1"),
        of("bob", "2"),
        Purpose {
            cache: Some(CacheUse { model: "auto".into(), ..CacheUse::default() }),
            ..purpose()
        },
        Purpose { project: Some("/other".into()), ..purpose() },
    ] {
        assert_eq!(stage.send(base(), purpose).await.1, Some(Verdict::Miss));
    }
    assert_eq!(
        stage.send(base(), of("ann", "3")).await.1,
        Some(Verdict::Hit),
        "another key of hers"
    );
}

#[tokio::test]
async fn what_acts_is_never_answered_again() {
    let stage = stage();
    let tool = ToolDef {
        name: "run".into(),
        description: String::new(),
        schema: serde_json::json!({"type": "object"}),
        extra: serde_json::Map::new(),
    };
    let result = Message {
        role: distiq_base::Role::User,
        content: vec![Content::tool_result("1", "done", false)],
    };
    let several = serde_json::json!({"n": 2}).as_object().unwrap().clone();
    for request in [
        Request { tools: vec![tool], ..ask(QUESTION) },
        Request { messages: vec![result], ..ask(QUESTION) },
        Request { extra: Some((Dialect::Openai, several)), ..ask(QUESTION) },
    ] {
        for _ in 0..2 {
            assert_eq!(stage.send(request.clone(), purpose()).await.1, Some(Verdict::Bypass));
        }
    }
    let off = Purpose { cache: None, ..purpose() };
    stage.ask(QUESTION).await;
    let before = stage.model.asked.load(Ordering::SeqCst);
    assert_eq!(stage.send(ask(QUESTION), off).await.1, None);
    assert_eq!(stage.model.asked.load(Ordering::SeqCst), before + 1);
}

#[tokio::test]
async fn an_answer_that_was_cut_or_refused_is_not_kept() {
    for stop in [StopReason::MaxTokens, StopReason::Refusal, StopReason::PauseTurn] {
        let stage = stage_with(stop, |_| {});
        assert_eq!(stage.ask(QUESTION).await, Some(Verdict::Miss));
        assert_eq!(stage.ask(QUESTION).await, Some(Verdict::Miss));
    }
}

#[tokio::test]
async fn time_ends_an_answer_and_so_does_a_clock_that_jumps() {
    let stage = stage_with(StopReason::EndTurn, |options| options.ttl_ms = 10_000);
    stage.ask(QUESTION).await;
    stage.now_ms.store(START + 9_999, Ordering::SeqCst);
    assert_eq!(stage.ask(QUESTION).await, Some(Verdict::Hit));
    stage.now_ms.store(START + 10_000, Ordering::SeqCst);
    assert_eq!(stage.ask(QUESTION).await, Some(Verdict::Miss));
    // An hour back: what was kept comes from the future.
    stage.now_ms.store(START - 3_600_000, Ordering::SeqCst);
    assert_eq!(stage.ask(QUESTION).await, Some(Verdict::Miss));
    assert_eq!(stage.ask(QUESTION).await, Some(Verdict::Hit));
}

#[tokio::test]
async fn processes_share_it_and_its_bounds_hold() {
    let stage = stage_with(StopReason::EndTurn, |options| options.max_entries = 10);
    stage.ask(QUESTION).await;
    let path = stage.cache_path();
    let other = ResponseCache::new(CacheOptions::at(path.clone()));
    let asked = distiq_router::cache::Asked::read(&ask(QUESTION), "", "m1", None).unwrap();
    // What one process keeps is on disk soon.
    let found = std::iter::repeat_with(|| other.find(&asked, START)).take(10_000).flatten().next();
    let id = found.unwrap().id;
    for number in 0..200 {
        stage.ask(&format!("What is {number} times 7?")).await;
    }
    drop(stage.router);
    let stats = ResponseCache::stats(&path).unwrap();
    assert!((1..=74).contains(&stats.entries), "{stats:?}");
    drop(other);
    ResponseCache::evict(&path, &id).unwrap();
    ResponseCache::clear(&path).unwrap();
    assert_eq!(ResponseCache::stats(&path).unwrap().entries, 0);
}

#[tokio::test]
async fn a_bad_answer_is_evicted_by_its_id() {
    let stage = stage();
    stage.ask(QUESTION).await;
    let path = stage.cache_path();
    drop(stage.router);
    let cache = ResponseCache::new(CacheOptions::at(path.clone()));
    let asked = distiq_router::cache::Asked::read(&ask(QUESTION), "", "m1", None).unwrap();
    let id = cache.find(&asked, START).unwrap().id;
    assert!(ResponseCache::evict(&path, &id).unwrap());
    assert!(!ResponseCache::evict(&path, &id).unwrap());
    assert!(cache.find(&asked, START).is_none());
}

#[tokio::test]
async fn changed_entries_and_a_damaged_file_are_misses() {
    let stage = stage();
    stage.ask(QUESTION).await;
    let path = stage.cache_path();
    drop(stage.router);
    let bytes = std::fs::read(&path).unwrap();
    let text = b"answer 1 answer 1";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    let mut poisoned = bytes.clone();
    poisoned[at..at + 6].copy_from_slice(b"poison");
    let asked = distiq_router::cache::Asked::read(&ask(QUESTION), "", "m1", None).unwrap();
    let answer = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        let cache = ResponseCache::new(CacheOptions::at(path.clone()));
        let found = cache.find(&asked, START).is_some();
        let kept = distiq_router::cache::Kept {
            model: "m1".into(),
            texts: vec!["new".into()],
            usage: Usage::default(),
            cost: None,
        };
        cache.keep(&asked, &kept, START);
        assert!(cache.find(&asked, START).is_some());
        found
    };
    assert!(answer(&bytes), "left alone, it is found");
    assert!(!answer(&poisoned));
    assert!(!answer(b"this is no database at all, and long enough to be read as one"));
    assert!(!answer(&[0; 4096]));
}

#[test]
fn a_folder_that_cannot_be_written_costs_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let cache = ResponseCache::new(CacheOptions::at(file.join("cache.db")));
    let asked = distiq_router::cache::Asked::read(&ask(QUESTION), "", "m1", None).unwrap();
    let kept = distiq_router::cache::Kept {
        model: "m1".into(),
        texts: vec!["new".into()],
        usage: Usage::default(),
        cost: None,
    };
    cache.keep(&asked, &kept, START);
    let _ = cache.find(&asked, START);
    let huge = "x".repeat(2 << 20);
    let asked = distiq_router::cache::Asked::read(&ask(&huge), "", "m1", None).unwrap();
    cache.keep(&asked, &distiq_router::cache::Kept { texts: vec![huge], ..kept }, START);
    assert!(cache.find(&asked, START).is_none(), "too long to be kept");
}
