//! Files of an index that somebody made by hand, with checksums that hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use crate::graph::{Direction, EdgeKind, Graph, MapRequest, Seeds, Span, map};
use crate::place::Place;
use crate::search::{Mode, Query};
use crate::segment::{Builder, Input, PARTS, Segment, merge, restamp, row, span};
use crate::snapshot::{Part, Snapshot};
use crate::vector::Meaning;
use crate::{error, history, vector};

/// Files of the languages that the graph knows best.
const FILES: &[(&str, &str)] = &[
    ("shop/cart.py", include_str!("fuzzed/cart.py.txt")),
    ("web/checkout.ts", include_str!("fuzzed/checkout.ts.txt")),
    ("src/lib.rs", include_str!("fuzzed/lib.rs.txt")),
    ("bank/account.go", include_str!("fuzzed/account.go.txt")),
    ("c/list.h", "struct list { struct list *next; int value; };\nint sum(struct list *all);\n"),
    (
        "c/list.c",
        "#include \"list.h\"\n\nint sum(struct list *all) {\n    int of = 0;\n    for (; all; all = all->next)\n        of += all->value;\n    return of;\n}\n",
    ),
    ("README.md", "# The shop\n\nSells articles to customers.\n\n## Payment\n\nBy invoice.\n"),
    ("package.json", "{\"name\": \"shop\", \"main\": \"web/checkout.ts\"}\n"),
];
/// What is asked.
const QUERIES: [&str; 4] = [
    "how is an article put into the cart",
    "`pay_invoice` of `Account`",
    "artikle summ",
    "list.c total",
];
/// Most changes of an input.
const MOST: usize = 64;
/// Bytes of a change: which part, where (two), how, by what (two).
const CHANGE: usize = 6;

static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    FILES.iter().for_each(|(path, text)| builder.add(path, text));
    let mut image = Vec::new();
    // Nothing fails in memory.
    let _ = builder.finish(&mut image);
    image
});

static WHOLE: LazyLock<Option<Arc<Segment>>> = LazyLock::new(|| open(&IMAGE).map(Arc::new));

/// Takes changes of six bytes each and makes them on a segment's file or on one of those beside it; stamps what comes of it,
/// opens it and asks it all that can be asked. For tests; a panic is a defect.
#[doc(hidden)]
pub fn fuzzed(bytes: &[u8]) {
    let Some((kind, changes)) = bytes.split_first() else { return };
    let changes: Vec<&[u8; CHANGE]> = changes.as_chunks().0.iter().take(MOST).collect();
    let Some(whole) = WHOLE.as_ref() else { return };
    match kind % 8 {
        0 => history::fuzzed(&|file| changes.iter().for_each(|change| make(change, file))),
        1 => {
            let all = snapshot(vec![part(whole, 0, &[])]);
            let change = |file: &mut [u8]| changes.iter().for_each(|change| make(change, file));
            all.into_iter().for_each(|all| vector::fuzzed(&all, &change));
        }
        kind => {
            let mut image = IMAGE.clone();
            for change in changes {
                let place = match usize::from(change[0]) % (PARTS + 1) {
                    PARTS => row(&image, usize::from(change[1]) % 10),
                    part => span(&image, part),
                };
                if let Some(bytes) = place.and_then(|place| image.get_mut(place)) {
                    make(change, bytes);
                }
            }
            restamp(&mut image);
            if let Some(segment) = open(&image) {
                ask(&Arc::new(segment), whole, kind == 7);
            }
        }
    }
}

/// Makes a change somewhere in some bytes.
fn make([_, high, low, how, one, other]: &[u8; CHANGE], bytes: &mut [u8]) {
    let at = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len().max(1);
    let width = match how % 8 {
        0..=3 => 1,
        4 | 5 => 4,
        _ => usize::from(*other),
    };
    for byte in bytes.iter_mut().skip(at).take(width) {
        *byte = match how % 4 {
            0 => byte.wrapping_add(*one),
            1 => *byte ^ one,
            _ => *one,
        };
    }
}

/// Opens a segment of some bytes.
fn open(image: &[u8]) -> Option<Segment> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("distiq-fuzzed-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, image).ok()?;
    let segment = Segment::open(&path);
    let _ = fs::remove_file(&path);
    segment.ok()
}

fn part(segment: &Arc<Segment>, number: u32, dead: &[u32]) -> Part {
    Part::of(segment, &format!("{number}.seg"), dead)
}

fn snapshot(parts: Vec<Part>) -> Option<Snapshot> {
    let meaning = Arc::new(Meaning::new(Place { folder: PathBuf::from("/nowhere") }));
    Snapshot::of(Path::new("/nowhere"), parts, &meaning).ok()
}

/// Asks a segment alone, and beside one that is whole and of which files are dead.
fn ask(segment: &Arc<Segment>, whole: &Arc<Segment>, with_vectors: bool) {
    let _ = segment.check();
    let lives: Vec<bool> = (0..segment.files().len()).map(|file| file % 3 != 1).collect();
    let _ = merge(&[Input { segment, lives: &lives }], std::io::sink());
    let both =
        vec![part(whole, 0, &[0, 2]), part(segment, 1, &[1]), part(whole, 2, &[1, 3, 4, 5, 6, 7])];
    for parts in [vec![part(segment, 0, &[])], both] {
        let Some(all) = snapshot(parts) else { continue };
        for text in QUERIES {
            for mode in [Mode::Hybrid, Mode::Text, Mode::Symbol, Mode::Vector] {
                if mode != Mode::Vector || with_vectors {
                    let query = Query { mode, limit: 50, ..Query::new(text) };
                    let hits = all.search(&query).unwrap_or_default();
                    assert!(
                        hits.len() <= 50 && hits.iter().all(|hit| hit.start_line <= hit.end_line)
                    );
                }
            }
            let found = all.retrieve(text, &[]).unwrap_or_default();
            let spans: Vec<Span> = found
                .hits
                .into_iter()
                .map(|hit| Span {
                    path: hit.path,
                    number: hit.number,
                    start_line: hit.start_line,
                    end_line: hit.end_line,
                })
                .collect();
            let _ = all.needs(&spans);
        }
        let _: Result<_, error::IndexError> = all.files_that_mention("lines");
        if let Ok(graph) = Graph::of(&all) {
            ask_graph(&graph);
        }
    }
}

fn ask_graph(graph: &Graph) {
    let count = |text: &str| text.len() / 4;
    let seeds = Seeds::of("pay_invoice of Account");
    let _ = map(graph, &MapRequest { seeds, budget: 500, without: Vec::new(), count: &count });
    for id in (0..).take(graph.symbols().len()) {
        let _ = (graph.qualified(id), graph.references(id), graph.with_members(id));
        let _ = graph.reach(&[id], Direction::NeededBy, &[EdgeKind::Call, EdgeKind::Use], 9);
        let _ = graph.path(&[id], &[0]);
    }
    let _ = graph.cycles(&[EdgeKind::Call, EdgeKind::Import, EdgeKind::Inherit]);
    let _ = graph.dot_pieces(graph.edges()).count();
    for (path, text) in FILES {
        for line in (1..).take(text.lines().count()) {
            let _ = graph.definition(path, line, "Account");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use distiq_testkit::fuzz::{mutate, seeds};

    use super::*;

    #[test]
    fn files_by_whoever_stamps_them_rightly() {
        // Unchanged they are whole, and so they are when they were stamped.
        let mut image = IMAGE.clone();
        restamp(&mut image);
        assert!(image == *IMAGE && WHOLE.as_ref().is_some_and(|whole| whole.check().is_ok()));
        let stored = seeds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/index"));
        assert!(!stored.is_empty());
        stored.iter().for_each(|bytes| fuzzed(bytes));
        let mut next = 7_u64;
        let mut dice = || {
            next = next
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            next.rotate_left(29)
        };
        for number in 0..800_usize {
            let bytes = match number % 4 {
                0 => mutate(&stored, &[dice(), dice(), dice()]),
                // One to four changes.
                _ => (0..1 + CHANGE * (1 + number % 4)).map(|_| dice().to_le_bytes()[3]).collect(),
            };
            let begin = Instant::now();
            fuzzed(&bytes);
            assert!(begin.elapsed() < Duration::from_secs(20), "{bytes:?}");
        }
    }
}
