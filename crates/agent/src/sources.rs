//! Questions over code and documents: what a model gets to read, and whether its answer keeps to it.

mod cited;

use std::collections::HashSet;
use std::fmt::Write as _;

use distiq_base::paths::one_line;
use distiq_base::{Content, Message, Request, Role, SystemBlock};
use distiq_index::{IndexError, Query, Snapshot, is_document};

pub use cited::{Citation, citations};

/// Most passages.
const MAX_PASSAGES: usize = 40;
/// Most lines of one passage that is no whole file.
const PASSAGE_LINES: u32 = 80;
/// Bytes of a token, rather too few than too many.
const BYTES_A_TOKEN: usize = 3;
/// Longest line that is shown.
const LINE_CHARS: usize = 400;

const RULES: &str = "Answer the question from the sources below, and from nothing else. Put behind each statement where it \
    stands, as [path:line] or [path:line-line], with paths and line numbers as the sources give them. If the sources do not tell, \
    say so and what is missing; never guess. Answer in the question's language, briefly.";

/// A piece of a source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Passage {
    /// Relative to the root, with `/`.
    pub path: String,
    /// 1-based first line.
    pub start_line: u32,
    /// 1-based last line.
    pub end_line: u32,
    /// Of a document with pages, such as PDF, the 1-based page that it begins on; its lines are those of the document's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The 1-based page that it ends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_page: Option<u32>,
    /// The lines behind the first at which a new page begins, one for each page.
    #[serde(skip)]
    pub breaks: Vec<u32>,
    /// Its lines.
    pub text: String,
}

impl Passage {
    /// Returns the 1-based page that one of its lines is on, in a document with pages.
    fn page_at(&self, line: u32) -> Option<u32> {
        let breaks = self.breaks.iter().filter(|it| **it <= line).count();
        Some(self.page?.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX)))
    }
}

/// Begins the first line of each page after a document's first.
const PAGE: char = '\u{c}';

/// How much of a source is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What fits the question.
    #[default]
    Passages,
    /// Whole files.
    Files,
}

/// Returns what fits a question best, in at most `tokens` tokens, best first.
///
/// # Errors
/// When the index is damaged.
pub fn passages(
    snapshot: &Snapshot,
    query: &Query<'_>,
    extent: Extent,
    tokens: usize,
) -> Result<Vec<Passage>, IndexError> {
    let mut left = tokens.saturating_mul(BYTES_A_TOKEN);
    let mut seen = HashSet::new();
    let mut passages = Vec::new();
    for hit in snapshot.search(query)? {
        let (from, to) = match extent {
            Extent::Passages => {
                (hit.start_line, hit.end_line.min(hit.start_line.saturating_add(PASSAGE_LINES - 1)))
            }
            Extent::Files => (1, u32::MAX),
        };
        if !seen.insert((hit.path.clone(), from)) {
            continue;
        }
        let Some(text) = snapshot.text(&hit.path) else { continue };
        let (start, count) = (place(from), place(to).saturating_sub(place(from)).saturating_add(1));
        let lines: Vec<&str> = text.lines().skip(start).take(count).collect();
        let page = is_document(&hit.path).then(|| page_of(&text, start));
        let breaks = if page.is_some() { breaks(from, &lines) } else { Vec::new() };
        let text: String =
            lines.iter().flat_map(|line| [cut(line.trim_start_matches(PAGE)), "\n"]).collect();
        // Each line gets a number of about six bytes.
        let bytes = text.len() + 6 * lines.len() + hit.path.len() + 16;
        if lines.is_empty() || bytes > left {
            continue;
        }
        left -= bytes;
        let end_line = from.saturating_add(u32::try_from(lines.len() - 1).unwrap_or(0));
        let behind = u32::try_from(breaks.len()).unwrap_or(u32::MAX);
        passages.push(Passage {
            path: hit.path,
            start_line: from,
            end_line,
            page,
            end_page: page.map(|page| page.saturating_add(behind)),
            breaks,
            text,
        });
        if passages.len() == MAX_PASSAGES {
            break;
        }
    }
    Ok(passages)
}

/// The index of a 1-based line.
fn place(line: u32) -> usize {
    usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// Returns the 1-based page that a line of a document's text, by its index, is on.
fn page_of(text: &str, line: usize) -> u32 {
    let ends = text.lines().take(line.saturating_add(1)).map(|it| it.matches(PAGE).count());
    u32::try_from(ends.sum::<usize>() + 1).unwrap_or(u32::MAX)
}

/// Returns the lines behind the first, which has number `from`, at which pages begin.
fn breaks(from: u32, lines: &[&str]) -> Vec<u32> {
    let behind = (from..).zip(lines).skip(1);
    behind.flat_map(|(number, line)| line.matches(PAGE).map(move |_| number)).collect()
}

fn cut(line: &str) -> &str {
    let end = line.char_indices().nth(LINE_CHARS).map_or(line.len(), |(at, _)| at);
    line.get(..end).unwrap_or(line)
}

/// Returns the request that asks a model; the caller adds the model and what it likes.
pub fn request(question: &str, passages: &[Passage]) -> Request {
    let mut text = String::from("Sources:\n");
    for passage in passages {
        let _ = writeln!(text, "\n{}", one_line(&passage.path));
        let mut page = None;
        for (number, line) in (passage.start_line..).zip(passage.text.lines()) {
            if passage.page_at(number) != page {
                page = passage.page_at(number);
                let _ = writeln!(text, "(page {})", page.unwrap_or_default());
            }
            let _ = writeln!(text, "{number}: {line}");
        }
    }
    let _ = write!(text, "\nQuestion: {question}");
    Request {
        system: vec![SystemBlock { text: RULES.to_owned() }],
        messages: vec![Message { role: Role::User, content: vec![Content::Text { text }] }],
        stream: true,
        ..Request::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Passage> {
        vec![Passage {
            path: "src/cart.py".into(),
            start_line: 10,
            end_line: 12,
            page: None,
            end_page: None,
            breaks: Vec::new(),
            text:
                "def total(self):\n    \"\"\"Adds the prices.\"\"\"\n    return sum(self.prices)\n"
                    .into(),
        }]
    }

    #[test]
    fn places_in_documents_have_pages() {
        let text = "one\ntwo\n\u{c}three\nfour\n\u{c}\u{c}five\n";
        assert_eq!([0, 1, 2, 3, 4].map(|line| page_of(text, line)), [1, 1, 2, 2, 4]);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let passage = Passage {
            path: "a.pdf".into(),
            start_line: 2,
            end_line: 5,
            page: Some(page_of(text, 1)),
            end_page: Some(4),
            breaks: breaks(2, &lines),
            text: "two\nthree\nfour\nfive\n".into(),
        };
        let pages = |answer: &str| {
            let citation = citations(answer, std::slice::from_ref(&passage), "/p").remove(0);
            (citation.page, citation.end_page)
        };
        assert_eq!(pages("two [a.pdf:2]"), (Some(1), Some(1)));
        assert_eq!(pages("four [a.pdf:4-5]"), (Some(2), Some(4)));
        assert_eq!(pages("five [a.pdf:5]"), (Some(4), Some(4)));
        assert_eq!(pages("four [a.pdf:4-9]"), (Some(2), Some(2)));
        assert_eq!(pages("nine [a.pdf:9]"), (None, None));
        let request = request("what?", &[passage]);
        let [Content::Text { text }] = request.messages[0].content.as_slice() else { panic!() };
        let told = "a.pdf\n(page 1)\n2: two\n(page 2)\n3: three\n4: four\n(page 4)\n5: five\n";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn what_is_asked_has_numbered_lines() {
        let request = request("what is the total?", &sources());
        let [Content::Text { text }] = request.messages[0].content.as_slice() else { panic!() };
        assert!(text.contains("src/cart.py\n10: def total(self):\n11:"), "{text}");
        assert!(text.ends_with("Question: what is the total?"), "{text}");
    }
}
