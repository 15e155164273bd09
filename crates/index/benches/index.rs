//! What indexing and searching a folder cost: `cargo bench -p distiq-index -- [FOLDER]` (this workspace where none is given).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use distiq_index::{Control, Index, Mode, Query, Snapshot};

const QUERIES: usize = 300;

fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = given.map_or(workspace, PathBuf::from).canonicalize().unwrap();
    let cache = tempfile::tempdir().unwrap();
    Index::rebuild(&root, cache.path()).unwrap();
    let index = Index::open(&root, cache.path()).unwrap();
    let cold = timed("cold index", || index.refresh(&Control::default()).unwrap());
    timed("read the past", || index.read_history(&Control::default()));
    timed("look for changes", || index.refresh(&Control::default()).unwrap());
    timed("open and snapshot", || {
        Index::open(&root, cache.path()).unwrap().snapshot().unwrap();
    });
    let snapshot = index.snapshot().unwrap();
    let stats = snapshot.stats();
    #[allow(clippy::cast_precision_loss)]
    let lines_a_second = stats.lines as f64 / cold.as_secs_f64();
    println!("{stats:?}\n{lines_a_second:.0} lines a second");
    timed("ready the past", || println!("{} past commits", snapshot.commits()));
    let bare = Index::open(&root, cache.path()).unwrap().without_history().snapshot().unwrap();
    println!("without and with the past:");
    search(&bare, Mode::Hybrid);
    search(&snapshot, Mode::Hybrid);
    search(&bare, Mode::Hybrid);
    search(&snapshot, Mode::Hybrid);
    let vectors = timed("make vectors", || {
        snapshot.search(&Query { mode: Mode::Vector, ..Query::new("vectors") }).unwrap();
    });
    #[allow(clippy::cast_precision_loss)]
    let chunks_a_second = stats.chunks as f64 / vectors.as_secs_f64();
    println!("{chunks_a_second:.0} chunks embedded a second");
    search(&snapshot, Mode::Vector);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_memory = |line: &&str| line.starts_with("VmHWM") || line.starts_with("VmRSS");
    status.lines().filter(is_memory).for_each(|line| println!("{line}"));
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> Duration {
    let begin = Instant::now();
    std::hint::black_box(work());
    let time = begin.elapsed();
    println!("{what:20} {:9.1} ms", time.as_secs_f64() * 1000.0);
    time
}

fn search(snapshot: &Snapshot, mode: Mode) {
    let queries = queries(snapshot);
    let mut each: Vec<Duration> = queries
        .iter()
        .map(|text| {
            let begin = Instant::now();
            let query = Query { limit: 200, mode, ..Query::new(text) };
            std::hint::black_box(snapshot.search(&query).unwrap());
            begin.elapsed()
        })
        .collect();
    each.sort();
    let at = |share: usize| each[(each.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    let words: usize = queries.iter().map(|text| text.split_whitespace().count()).sum();
    println!(
        "{mode:?}, {} queries of {} words: p50 {:.2} p95 {:.2} p99 {:.2} ms",
        queries.len(),
        words / queries.len(),
        at(50),
        at(95),
        at(99)
    );
}

/// Takes runs of 10 to 60 words out of the project's own text.
fn queries(snapshot: &Snapshot) -> Vec<String> {
    let mut files: Vec<_> = snapshot.files().filter(|file| file.lines > 60).collect();
    files.sort_by(|a, b| a.path.cmp(b.path));
    let step = (files.len() / QUERIES).max(1);
    let chosen = files.iter().step_by(step).enumerate();
    chosen
        .filter_map(|(at, file)| {
            let text = std::fs::read_to_string(snapshot.root().join(file.path)).ok()?;
            let lines = text.lines().skip(text.lines().count() / 2);
            let words: Vec<_> = lines.flat_map(str::split_whitespace).take(10 + at % 50).collect();
            Some(words.join(" ")).filter(|text| !text.is_empty())
        })
        .collect()
}
