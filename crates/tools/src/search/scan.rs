//! Walks the files and collects the hits.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use globset::GlobMatcher;
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use ignore::WalkState;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::find::{DEADLINE, Hidden, walker};
use crate::folder::open_file;
use crate::outcome::{Refusal, RefusalKind};
use crate::permission::secrets;
use crate::place::{Place, show};

/// Larger files are left out.
pub(super) const MAX_FILE: u64 = 10 << 20;

/// Hits kept of one file; the rest is counted.
const KEPT_PER_FILE: usize = 200;

/// Hits kept in all; the rest is counted.
const KEPT: usize = 5_000;

/// What is looked for, and where.
pub(super) struct Request<'a> {
    pub(super) place: &'a Place,
    pub(super) glob: Option<&'a str>,
    pub(super) matcher: &'a RegexMatcher,
    pub(super) multi_line: bool,
    pub(super) cancel: &'a CancellationToken,
}

/// What was found.
#[derive(Default)]
pub(super) struct Scanned {
    /// Sorted by path.
    pub(super) files: Vec<FileHits>,
    /// How many files were looked at.
    pub(super) looked_at: usize,
    /// Files left out because they are too large.
    pub(super) too_large: usize,
    /// Whether time ran out.
    pub(super) timed_out: bool,
}

impl Scanned {
    /// Returns the number of matching lines.
    pub(super) fn hits(&self) -> usize {
        self.files.iter().map(|file| file.count).sum()
    }
}

/// The hits of one file.
pub(super) struct FileHits {
    pub(super) path: PathBuf,
    pub(super) shown: String,
    /// The first hits.
    pub(super) hits: Vec<Hit>,
    /// All hits.
    pub(super) count: usize,
}

/// A line that matches.
pub(super) struct Hit {
    /// From 1.
    pub(super) line: u64,
    pub(super) text: String,
}

pub(super) fn scan(bench: &Bench, request: &Request<'_>) -> Result<Scanned, Refusal> {
    let glob = request.glob.map(glob).transpose()?;
    let shared = Shared {
        bench,
        request,
        glob,
        deadline: Instant::now() + DEADLINE,
        looked_at: AtomicUsize::new(0),
        too_large: AtomicUsize::new(0),
        kept: AtomicUsize::new(0),
        timed_out: AtomicBool::new(false),
        files: Mutex::default(),
    };
    let root = &request.place.path;
    if root.is_file() {
        shared.search(root, root);
    } else {
        let named = request.glob.is_some_and(|glob| glob.split('/').any(|p| p.starts_with('.')));
        let inside = request.place.shown.split('/').any(|p| p.len() > 1 && p.starts_with('.'));
        let hidden = if named || inside { Hidden::Shown } else { Hidden::Left };
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(8));
        walker(root, hidden).threads(threads).build_parallel().run(|| {
            Box::new(|entry| {
                if request.cancel.is_cancelled() || Instant::now() > shared.deadline {
                    shared.timed_out.store(true, Ordering::Relaxed);
                    return WalkState::Quit;
                }
                if let Ok(entry) = entry
                    && entry.file_type().is_some_and(|kind| kind.is_file())
                {
                    shared.search(root, entry.path());
                }
                WalkState::Continue
            })
        });
    }
    if request.cancel.is_cancelled() {
        return Err(Refusal::new(RefusalKind::Cancelled, "cancelled"));
    }
    let mut files = shared.files.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.sort_by(|a, b| a.shown.cmp(&b.shown));
    Ok(Scanned {
        files,
        looked_at: shared.looked_at.into_inner(),
        too_large: shared.too_large.into_inner(),
        timed_out: shared.timed_out.into_inner(),
    })
}

pub(super) fn glob(pattern: &str) -> Result<GlobMatcher, Refusal> {
    let plain = pattern.trim_start_matches("./");
    let anywhere = if plain.contains('/') { plain.to_owned() } else { format!("**/{plain}") };
    let glob = globset::GlobBuilder::new(&anywhere).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| Refusal::invalid(format!("search: `glob`: {}", error.kind())))
}

struct Shared<'a> {
    bench: &'a Bench,
    request: &'a Request<'a>,
    glob: Option<GlobMatcher>,
    deadline: Instant,
    looked_at: AtomicUsize,
    too_large: AtomicUsize,
    kept: AtomicUsize,
    timed_out: AtomicBool,
    files: Mutex<Vec<FileHits>>,
}

impl Shared<'_> {
    fn search(&self, root: &Path, path: &Path) {
        let inside = path.strip_prefix(root).unwrap_or(path);
        if self.glob.as_ref().is_some_and(|glob| path != root && !glob.is_match(inside)) {
            return;
        }
        // A secret is shown only to who names its file, and then after asking.
        if path != root && secrets::is_secret_of(path, &self.bench.grounds.root) {
            return;
        }
        // By a link that takes a folder's place meanwhile, a file outside would be searched.
        let Ok(file) = open_file(path) else { return };
        let Ok(metadata) = file.metadata() else { return };
        if !metadata.is_file() {
            return;
        }
        if metadata.len() > MAX_FILE {
            self.too_large.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.looked_at.fetch_add(1, Ordering::Relaxed);
        let mut sink = Collector { shared: self, hits: Vec::new(), count: 0, last: 0 };
        let mut searcher = SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .line_number(true)
            .multi_line(self.request.multi_line)
            .build();
        // A file that cannot be read, or turns out binary, has no hits.
        let _ = searcher.search_file(self.request.matcher, &file, &mut sink);
        let Collector { hits, count, .. } = sink;
        if count > 0 {
            let shown = show(&self.bench.grounds.shown(path));
            let file = FileHits { path: path.to_path_buf(), shown, hits, count };
            self.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        }
    }
}

struct Collector<'a> {
    shared: &'a Shared<'a>,
    hits: Vec<Hit>,
    count: usize,
    last: u64,
}

impl Sink for Collector<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        let first = found.line_number().unwrap_or(1);
        // Lines of a match that spans several.
        for (line, bytes) in (first..).zip(found.lines()) {
            if line <= self.last {
                continue;
            }
            self.last = line;
            self.count += 1;
            if self.hits.len() < KEPT_PER_FILE
                && self.shared.kept.fetch_add(1, Ordering::Relaxed) < KEPT
            {
                let text = String::from_utf8_lossy(bytes);
                let text = text.trim_end_matches(['\r', '\n']);
                self.hits.push(Hit { line, text: text.to_owned() });
            }
        }
        Ok(Instant::now() <= self.shared.deadline)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> Result<bool, Self::Error> {
        self.hits.clear();
        self.count = 0;
        Ok(false)
    }
}
