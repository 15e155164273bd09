//! Where a prompt's cache marks go.
//!
//! Anthropic keeps what a request wrote up to each of its marks (at most four), and finds it again
//! only from a mark of the next request, looking back at most 20 blocks. An agent's request repeats
//! the one before and adds an answer and its results, often more than 20 blocks. So one mark stands
//! exactly where the last request ended: whatever was added, it reads all that was written.

use distiq_base::{CacheMark, CachePlan, CacheTtl, Content, MarkPlace, Message, Request, Role};

/// How a vendor's prompt cache is told what to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// Most marks in a request.
    pub marks: usize,
    /// How many blocks the vendor looks back from a mark, the marked one among them.
    pub look_back: usize,
    /// How long what is marked is to live.
    pub ttl: CacheTtl,
    /// What routes a session's requests to one cache.
    pub key: Option<String>,
}

/// A mark this many blocks before the next leaves room for blocks that cannot be marked.
const STRIDE: usize = 15;

impl CacheRules {
    /// Returns Anthropic's rules (as of 2026-11).
    pub const fn anthropic() -> Self {
        Self { marks: 4, look_back: 20, ttl: CacheTtl::Short, key: None }
    }

    /// Returns the rules of vendors that find prefixes by themselves, helped by the session's id.
    pub fn automatic(session: Option<&str>) -> Self {
        Self { marks: 0, look_back: 0, ttl: CacheTtl::Short, key: session.map(str::to_owned) }
    }
}

/// A block in prompt order.
#[derive(Clone, Copy)]
struct Block {
    place: MarkPlace,
    markable: bool,
}

/// Returns the plan for the longest reads: marks at the newest block, where the request before
/// ended, where the fixed part ends, and between them where more blocks lie than the vendor looks
/// back.
pub fn marks(request: &Request, rules: &CacheRules) -> CachePlan {
    let blocks = blocks(request);
    let last_markable = |end: usize| blocks.iter().take(end).rposition(|block| block.markable);
    let fixed = request.tools.len() + request.system.len();
    let answered = answered_blocks(&request.messages);

    let mut chosen: Vec<usize> = Vec::new();
    let candidates = [
        last_markable(blocks.len()),
        answered.and_then(|end| last_markable(fixed + end)),
        last_markable(fixed),
    ];
    for position in candidates.into_iter().flatten() {
        if !chosen.contains(&position) && chosen.len() < rules.marks {
            chosen.push(position);
        }
    }
    bridge(&blocks, &mut chosen, rules);
    chosen.sort_unstable();
    let places = chosen.into_iter().filter_map(|position| blocks.get(position));
    CachePlan {
        marks: places.map(|block| CacheMark { place: block.place, ttl: rules.ttl }).collect(),
        key: rules.key.clone(),
    }
}

/// Spends the marks that are left on gaps wider than the look-back, the newest gap first.
/// `chosen` falls from the newest block.
fn bridge(blocks: &[Block], chosen: &mut Vec<usize>, rules: &CacheRules) {
    let mut at = 0;
    while let (Some(&upper), true) = (chosen.get(at), chosen.len() < rules.marks) {
        let lower = chosen.get(at + 1).copied();
        let wide = upper - lower.unwrap_or(0) >= rules.look_back;
        let between = |position: &usize| {
            let block = blocks.get(*position);
            block.is_some_and(|block| block.markable) && lower.is_none_or(|low| *position > low)
        };
        let down = upper.saturating_sub(STRIDE);
        let furthest = (upper + 1).saturating_sub(rules.look_back);
        let bridge = (furthest..=down).rev().chain(down..upper).find(between);
        if let (true, Some(position)) = (wide, bridge) {
            chosen.insert(at + 1, position);
        }
        at += 1;
    }
}

/// Returns how many blocks of messages stand before the last answer: what the request that it
/// answers consisted of. `None` before the first answer.
fn answered_blocks(messages: &[Message]) -> Option<usize> {
    let last = messages.iter().rposition(|message| message.role == Role::Assistant)?;
    let before = messages.iter().take(last).rposition(|message| message.role != Role::Assistant)?;
    Some(messages.iter().take(before + 1).map(|message| message.content.len()).sum())
}

fn blocks(request: &Request) -> Vec<Block> {
    let tools = (0..request.tools.len())
        .map(|index| Block { place: MarkPlace::Tool(index), markable: true });
    let system = request.system.iter().enumerate().map(|(index, block)| Block {
        place: MarkPlace::System(index),
        markable: !block.text.trim().is_empty(),
    });
    let messages = request.messages.iter().enumerate().flat_map(|(message, content)| {
        content.content.iter().enumerate().map(move |(block, content)| Block {
            place: MarkPlace::Block { message, block },
            markable: is_markable(content),
        })
    });
    tools.chain(system).chain(messages).collect()
}

/// Anthropic takes no mark on thinking and on empty text.
fn is_markable(content: &Content) -> bool {
    match content {
        Content::Text { text } => !text.trim().is_empty(),
        Content::Image { .. }
        | Content::Document { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => true,
        Content::Thinking { .. } | Content::RedactedThinking { .. } => false,
        // A block of theirs that we do not know: it may not take a mark.
        Content::Other { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use distiq_base::SystemBlock;

    use super::*;

    fn request(messages: Vec<Message>) -> Request {
        Request {
            system: vec![
                SystemBlock { text: "rules".into() },
                SystemBlock { text: "facts".into() },
            ],
            messages,
            ..Request::default()
        }
    }

    fn calls(count: usize) -> [Message; 2] {
        let call = |n| Content::ToolCall {
            id: format!("c{n}"),
            name: "read".into(),
            arguments: "{}".into(),
        };
        let result = |n| Content::tool_result(format!("c{n}"), "x", false);
        [
            Message { role: Role::Assistant, content: (0..count).map(call).collect() },
            Message { role: Role::User, content: (0..count).map(result).collect() },
        ]
    }

    fn check(request: &Request, expected: &[MarkPlace]) {
        let plan = marks(request, &CacheRules::anthropic());
        let places: Vec<_> = plan.marks.iter().map(|mark| mark.place).collect();
        assert_eq!(places, expected);
    }

    const fn at(message: usize, block: usize) -> MarkPlace {
        MarkPlace::Block { message, block }
    }

    #[test]
    fn a_first_request_marks_its_fixed_part_and_its_end() {
        let request = request(vec![Message::user("hi")]);
        check(&request, &[MarkPlace::System(1), at(0, 0)]);
        check(&Request { messages: Vec::new(), ..request }, &[MarkPlace::System(1)]);
        check(&Request::default(), &[]);
    }

    #[test]
    fn a_later_request_marks_where_the_last_one_ended() {
        let [call, result] = calls(2);
        check(
            &request(vec![Message::user("hi"), call, result]),
            &[MarkPlace::System(1), at(0, 0), at(2, 1)],
        );
    }

    #[test]
    fn a_wide_gap_gets_a_mark_between() {
        let [call, result] = calls(30);
        check(
            &request(vec![Message::user("hi"), call, result]),
            &[MarkPlace::System(1), at(0, 0), at(2, 14), at(2, 29)],
        );
    }

    #[test]
    fn blocks_that_take_no_mark_are_passed_over() {
        let thinking = Content::Thinking { text: "hm".into(), signature: None };
        let user =
            Message { role: Role::User, content: vec![Content::text("a"), Content::text(" ")] };
        let mut request = request(vec![
            user.clone(),
            Message { role: Role::Assistant, content: vec![thinking] },
            user,
        ]);
        request.system[1].text.clear();
        check(&request, &[MarkPlace::System(0), at(0, 0), at(2, 0)]);
    }

    #[test]
    fn vendors_without_marks_get_the_key_alone() {
        let plan = marks(&request(vec![Message::user("hi")]), &CacheRules::automatic(Some("s1")));
        assert_eq!(plan, CachePlan { marks: Vec::new(), key: Some("s1".into()) });
    }
}
