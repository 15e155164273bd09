//! Cache marks against a simulation of Anthropic's cache.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use distiq_base::{Content, ImageSource, MarkPlace, Message, Request, Role, SystemBlock, ToolDef};
use distiq_router::economy::{CacheRules, marks};
use proptest::prelude::*;

/// Anthropic's cache: entries are whole prefixes, found from a mark within 20 blocks, the marked
/// one among them.
#[derive(Default)]
struct Cache {
    entries: HashSet<u64>,
}

/// How many blocks were read, and up to which block the request wrote.
#[derive(Debug, PartialEq)]
struct Hit {
    read: usize,
    written: usize,
}

impl Cache {
    fn send(&mut self, request: &Request, places: &[MarkPlace]) -> Hit {
        assert!(places.len() <= 4, "a fifth mark is an error");
        let blocks = blocks(request);
        // As the vendor does: the hash of a prefix goes by the one before and the next block.
        let mut hash = DefaultHasher::new();
        let prefixes: Vec<u64> = blocks
            .iter()
            .map(|(_, text)| {
                text.hash(&mut hash);
                hash.finish()
            })
            .collect();
        let prefix = |end: &usize| prefixes[end - 1];
        let ends: Vec<usize> = places
            .iter()
            .map(|place| 1 + blocks.iter().position(|(at, _)| at == place).expect("a real block"))
            .collect();
        assert!(ends.is_sorted(), "marks in prompt order");
        let found = ends.iter().flat_map(|end| end.saturating_sub(19).max(1)..=*end);
        let read = found.filter(|end| self.entries.contains(&prefix(end))).max().unwrap_or(0);
        self.entries.extend(ends.iter().map(prefix));
        Hit { read, written: ends.last().copied().unwrap_or(0) }
    }
}

fn blocks(request: &Request) -> Vec<(MarkPlace, String)> {
    let tools =
        request.tools.iter().enumerate().map(|(n, t)| (MarkPlace::Tool(n), format!("{t:?}")));
    let system =
        request.system.iter().enumerate().map(|(n, s)| (MarkPlace::System(n), format!("{s:?}")));
    let messages = request.messages.iter().enumerate().flat_map(|(message, m)| {
        m.content.iter().enumerate().map(move |(block, content)| {
            (MarkPlace::Block { message, block }, format!("{:?}{content:?}", m.role))
        })
    });
    tools.chain(system).chain(messages).collect()
}

/// What the model answered and what became of it.
#[derive(Clone, Debug)]
enum Step {
    /// Text, thinking and so many parallel calls, each with a result; a word of the user behind.
    Answer { thinking: bool, calls: usize, steer: bool, image: bool },
    /// The request failed before the vendor read it; the user says something else.
    Failed,
    /// The user cancelled once the vendor had read the request; what had come is kept or not.
    Cancelled { kept: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let answer =
        (any::<bool>(), prop_oneof![0..4_usize, 10..45_usize], any::<bool>(), any::<bool>())
            .prop_map(|(thinking, calls, steer, image)| Step::Answer {
                thinking,
                calls,
                steer,
                image,
            });
    prop_oneof![
        6 => answer,
        1 => Just(Step::Failed),
        1 => any::<bool>().prop_map(|kept| Step::Cancelled { kept }),
    ]
}

fn session(tools: usize) -> Request {
    Request {
        tools: (0..tools)
            .map(|n| ToolDef {
                name: format!("t{n}"),
                description: String::new(),
                schema: serde_json::json!({}),
                extra: serde_json::Map::new(),
            })
            .collect(),
        system: vec![SystemBlock { text: "rules".into() }],
        messages: vec![Message::user("begin")],
        ..Request::default()
    }
}

fn append(request: &mut Request, number: usize, step: &Step) {
    let mut answer = Vec::new();
    let mut next = Vec::new();
    match step {
        Step::Failed => next.push(Content::text(format!("again {number}"))),
        Step::Cancelled { kept } => {
            if *kept {
                answer.push(Content::text(format!("half {number}")));
            }
            next.push(Content::text(format!("instead {number}")));
        }
        Step::Answer { thinking, calls, steer, image } => {
            if *thinking {
                answer.push(Content::Thinking { text: format!("hm {number}"), signature: None });
            }
            answer.push(Content::text(format!("so {number}")));
            for call in 0..*calls {
                let id = format!("{number}-{call}");
                answer.push(Content::ToolCall {
                    id: id.clone(),
                    name: "t0".into(),
                    arguments: "{}".into(),
                });
                next.push(Content::tool_result(id, "out", call % 3 == 0));
            }
            if *image {
                let url = format!("https://example.org/{number}.png");
                next.push(Content::Image { source: ImageSource::Url { url } });
            }
            if *steer || next.is_empty() {
                next.push(Content::text(format!("next {number}")));
            }
        }
    }
    if !answer.is_empty() {
        request.messages.push(Message { role: Role::Assistant, content: answer });
    }
    request.messages.push(Message { role: Role::User, content: next });
}

fn places(request: &Request) -> Vec<MarkPlace> {
    marks(request, &CacheRules::anthropic()).marks.into_iter().map(|mark| mark.place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_request_reads_all_that_was_written_before_it(
        tools in 0..30_usize,
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let mut cache = Cache::default();
        let mut request = session(tools);
        let mut written = 0;
        for (number, step) in steps.iter().enumerate() {
            if !matches!(step, Step::Failed) {
                let hit = cache.send(&request, &places(&request));
                prop_assert_eq!(hit.read, written, "request {} of {:?}", number, steps);
                prop_assert_eq!(hit.written, blocks(&request).len());
                written = hit.written;
            }
            append(&mut request, number, step);
        }
    }
}

/// What the marks are for: without the one where the last request ended, a wide turn is lost.
#[test]
fn the_simulation_misses_where_marks_are_placed_without_thought() {
    let mut cache = Cache::default();
    let mut request = session(1);
    cache.send(&request, &places(&request));
    append(
        &mut request,
        0,
        &Step::Answer { thinking: true, calls: 30, steer: false, image: false },
    );
    let newest = *places(&request).last().unwrap();
    assert_eq!(cache.send(&request, &[newest]).read, 0);
}
