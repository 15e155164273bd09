//! The places that an answer names, held against what its model was shown.

mod named;

use std::collections::BTreeSet;

use distiq_base::paths::one_line;
use distiq_index::words::Analyzer;

use super::{Passage, place};
use named::{Named, Sources, named};

/// A place that an answer names, and whether it bears what the answer says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Citation {
    /// As the sources call it; where none is meant, as it stands in the answer.
    pub path: String,
    /// 1-based.
    pub start_line: u32,
    /// 1-based.
    pub end_line: u32,
    /// Of a document with pages, the 1-based page that it begins on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The 1-based page that it ends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_page: Option<u32>,
    /// Why it does not hold; `None` where it does.
    pub fault: Option<&'static str>,
}

/// Returns the places that an answer names, in brackets or anywhere else, each once, held against what its model was shown of
/// the project in the folder `root`.
pub fn citations(answer: &str, passages: &[Passage], root: &str) -> Vec<Citation> {
    let sources = Sources::new(passages, root);
    let analyzer = Analyzer::default();
    let all = named(answer, &sources);
    let mut found: Vec<Citation> = Vec::new();
    let (mut from, mut statement) = (0, String::new());
    for (at, named) in all.iter().enumerate() {
        let next = all.get(at + 1).map_or(answer.len(), |next| next.start);
        let before = answer.get(from..named.start).unwrap_or_default();
        let behind = answer.get(named.end..next).filter(|_| !named.is_bracketed);
        if !is_between(before) || found.is_empty() {
            statement = said(before, behind.unwrap_or_default());
        }
        from = named.end;
        for lines in &named.lines {
            add(&mut found, judged(named, *lines, &statement, passages, &analyzer));
        }
    }
    found
}

fn add(found: &mut Vec<Citation>, citation: Citation) {
    let place = |it: &Citation| (it.path.clone(), it.start_line, it.end_line);
    match found.iter_mut().find(|other| place(other) == place(&citation)) {
        // One sentence that it bears is enough.
        Some(other) if citation.fault.is_none() => *other = citation,
        Some(_) => {}
        None => found.push(citation),
    }
}

/// Tells whether nothing but marks stands between two places, so that both are of one statement.
fn is_between(text: &str) -> bool {
    !text.contains('\n')
        && text.split(|c: char| !c.is_alphanumeric()).all(|word| matches!(word, "" | "and" | "и"))
        && !text.contains(". ")
}

/// Returns the sentence that a place stands in, without the place; where it stands alone, the sentence before it.
fn said(before: &str, behind: &str) -> String {
    let mut parts = sentences(before).into_iter().rev();
    let own = parts.next().unwrap_or_default();
    let behind = sentences(behind).into_iter().next().unwrap_or_default();
    let own = format!("{own} {behind}");
    if own.contains(char::is_alphanumeric) {
        return own;
    }
    let earlier = parts.find(|part| part.contains(char::is_alphanumeric));
    earlier.unwrap_or_default().to_owned()
}

/// Splits a text behind each end of a line or sentence; the last part has no end and may be empty.
fn sentences(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, mark) in text.char_indices() {
        let next = at + mark.len_utf8();
        let is_last = || text.get(next..).is_none_or(|rest| !rest.starts_with(is_of_word));
        if matches!(mark, '\n' | ';') || matches!(mark, '.' | '!' | '?' | '…') && is_last() {
            parts.extend(text.get(start..next));
            start = next;
        }
    }
    parts.extend(text.get(start..));
    parts
}

/// Tells whether a dot before a letter is within a word, such as a name of a file.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '/')
}

fn judged(
    named: &Named<'_>,
    (start_line, end_line): (u32, u32),
    statement: &str,
    passages: &[Passage],
    analyzer: &Analyzer,
) -> Citation {
    let path = named.source.map_or(named.path, |source| source);
    let page_of = |line: u32| {
        let mut passages = passages.iter();
        let holds = |it: &&Passage| {
            one_line(&it.path) == path && (it.start_line..=it.end_line).contains(&line)
        };
        passages.find(holds).and_then(|passage| passage.page_at(line))
    };
    let (page, end_page) = (page_of(start_line), page_of(end_line).or(page_of(start_line)));
    let fault = fault((path, start_line, end_line), statement, passages, analyzer);
    let is_elsewhere = named.page.is_some_and(|told| page.is_some_and(|page| page != told));
    let fault = fault.or(is_elsewhere.then_some("the lines are on another page"));
    Citation { path: path.to_owned(), start_line, end_line, page, end_page, fault }
}

fn fault(
    (path, start, end): (&str, u32, u32),
    statement: &str,
    passages: &[Passage],
    analyzer: &Analyzer,
) -> Option<&'static str> {
    let mut of_file = passages.iter().filter(|passage| one_line(&passage.path) == path).peekable();
    if of_file.peek().is_none() {
        return Some("no such source");
    }
    let Some(passage) =
        of_file.find(|p| start <= end && start >= p.start_line && end <= p.end_line)
    else {
        return Some("no such lines");
    };
    let (first, last) =
        (place(start - passage.start_line + 1), place(end - passage.start_line + 1));
    let lines: Vec<&str> = passage.text.lines().skip(first).take(last - first + 1).collect();
    let held: BTreeSet<String> = analyzer.analyze(&lines.join("\n")).into_iter().collect();
    let said = analyzer.analyze(statement);
    let is_borne = said.is_empty() || said.iter().any(|term| held.contains(term));
    (!is_borne).then_some("the lines hold none of the statement's words")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_SOURCE: Option<&str> = Some("no such source");
    const NO_LINES: Option<&str> = Some("no such lines");
    const NO_WORDS: Option<&str> = Some("the lines hold none of the statement's words");

    fn passage(path: &str, start_line: u32, text: &str, page: Option<u32>) -> Passage {
        let lines = u32::try_from(text.lines().count()).unwrap();
        Passage {
            path: path.into(),
            start_line,
            end_line: start_line + lines - 1,
            page,
            end_page: page,
            breaks: Vec::new(),
            text: text.into(),
        }
    }

    fn sources() -> Vec<Passage> {
        let cart =
            "def total(self):\n    \"\"\"Adds the prices.\"\"\"\n    return sum(self.prices)\n";
        vec![
            passage("src/cart.py", 10, cart, None),
            passage("docs/my guide.md", 1, "# Guide\nA session ends.\nCookies go.\n", None),
            passage("app/[id]/page.tsx", 1, "export const prices = 1;\n", None),
            passage("docs/manual.pdf", 4, "Prices are paid.\nIn cash.\n", Some(2)),
            passage("a/same.py", 1, "prices\n", None),
            passage("b/same.py", 1, "prices\n", None),
            passage("Makefile", 1, "prices:\n", None),
        ]
    }

    /// Holds the places of an answer, each as `PATH:START-END` with its fault, against what is expected.
    fn check(answer: &str, expected: &[(&str, Option<&str>)]) {
        let found = citations(answer, &sources(), "/home/me/shop");
        let shown = |it: &Citation| format!("{}:{}-{}", it.path, it.start_line, it.end_line);
        let found: Vec<_> = found.iter().map(|it| (shown(it), it.fault)).collect();
        let found: Vec<_> = found.iter().map(|(place, fault)| (place.as_str(), *fault)).collect();
        assert_eq!(found, expected, "{answer}");
    }

    #[test]
    fn citations_are_held_against_the_sources() {
        check("Prices are summed [src/cart.py:10-12].", &[("src/cart.py:10-12", None)]);
        check(
            "The total adds prices [src/cart.py:11]. It is a sum [`src/cart.py`:12].",
            &[("src/cart.py:11-11", None), ("src/cart.py:12-12", None)],
        );
        check("Taxes are paid to zebras [src/cart.py:10].", &[("src/cart.py:10-10", NO_WORDS)]);
        check("Prices [src/cart.py:13].", &[("src/cart.py:13-13", NO_LINES)]);
        check("Prices [src/shop.py:1].", &[("src/shop.py:1-1", NO_SOURCE)]);
        check(
            "Prices [Dockerfile:1] [Makefile:1].",
            &[("Dockerfile:1-1", NO_SOURCE), ("Makefile:1-1", None)],
        );
        check("Prices [src/cart.py:12-10].", &[("src/cart.py:12-10", NO_LINES)]);
        check(
            "Prices [src/cart.py:99999999999].",
            &[("src/cart.py:4294967295-4294967295", NO_LINES)],
        );
    }

    #[test]
    fn a_source_is_meant_by_each_of_its_names() {
        for name in ["src/cart.py", "./src/cart.py", "cart.py", "/home/me/shop/src/cart.py"] {
            check(&format!("Prices [{name}:11]."), &[("src/cart.py:11-11", None)]);
            check(&format!("Prices ({name}:11)."), &[("src/cart.py:11-11", None)]);
        }
        check("Prices [same.py:1].", &[("same.py:1-1", NO_SOURCE)]);
        check(
            "Prices [/home/you/shop/src/cart.py:11].",
            &[("/home/you/shop/src/cart.py:11-11", NO_SOURCE)],
        );
        check("A session ends [docs/my guide.md:2].", &[("docs/my guide.md:2-2", None)]);
        check("Prices: [app/[id]/page.tsx:1].", &[("app/[id]/page.tsx:1-1", None)]);
        check("Prices: app/[no]/page.tsx:1", &[("app/[no]/page.tsx:1-1", NO_SOURCE)]);
    }

    #[test]
    fn several_places_stand_in_one_bracket() {
        check(
            "Prices are summed in total [src/cart.py:10-11, src/cart.py:12].",
            &[("src/cart.py:10-11", None), ("src/cart.py:12-12", None)],
        );
        check(
            "Prices are summed in total [src/cart.py:10,12-12; Makefile:1, 7].",
            &[
                ("src/cart.py:10-10", None),
                ("src/cart.py:12-12", None),
                ("Makefile:1-1", None),
                ("Makefile:7-7", NO_LINES),
            ],
        );
        check(
            "Zebras graze [src/cart.py:10] and [src/cart.py:11].",
            &[("src/cart.py:10-10", NO_WORDS), ("src/cart.py:11-11", NO_WORDS)],
        );
        check(
            "Zebras graze [src/cart.py:10].\n[src/cart.py:11] adds.",
            &[("src/cart.py:10-10", NO_WORDS), ("src/cart.py:11-11", None)],
        );
    }

    #[test]
    fn places_outside_of_brackets_are_held_too() {
        check("Prices are summed (src/cart.py:99).", &[("src/cart.py:99-99", NO_LINES)]);
        check(
            "Prices: `src/cart.py:10-11`, `src/cart.py`:12.",
            &[("src/cart.py:10-11", None), ("src/cart.py:12-12", None)],
        );
        check("src/cart.py:11 says how prices add up", &[("src/cart.py:11-11", None)]);
        check("In src/cart.py:11 zebras graze. Prices.", &[("src/cart.py:11-11", NO_WORDS)]);
        check(
            "See docs/none.txt:1 for prices, or note.md:2",
            &[("docs/none.txt:1-1", NO_SOURCE), ("note.md:2-2", NO_SOURCE)],
        );
        check(
            "Prices (src/cart.py#L10-L11), src/cart.py:11:5.",
            &[("src/cart.py:10-11", None), ("src/cart.py:11-11", None)],
        );
    }

    #[test]
    fn pages_may_stand_behind_the_lines() {
        check("Prices are paid [docs/manual.pdf:4 (page 2)].", &[("docs/manual.pdf:4-4", None)]);
        check(
            "Prices are paid [docs/manual.pdf:4-5 (pages 2-3)].",
            &[("docs/manual.pdf:4-5", None)],
        );
        check(
            "Prices are paid (docs/manual.pdf:4 (page 3)).",
            &[("docs/manual.pdf:4-4", Some("the lines are on another page"))],
        );
    }

    #[test]
    fn what_only_looks_like_a_place_is_none() {
        for answer in [
            "See [the manual] and [1:2:x] or [:3].",
            "an open [bracket",
            "It ends at 12:30, at [12:30] or 2024-01-02T12:30:05.",
            "Ask http://localhost:8080/x, https://a.example.com:443/docs/b.md:4 or db.example.com:5432.",
            "Run `a::b:1`, std::io::read:1, x[a:1], f(b)[lo:10] or {\"a.b\":1}.",
            "Use node:20, library/node:20, redis:7.2 and src/cart.py:4x.",
            "Ratio 3.5:1, 16:9, self.count:1.",
            "Version v1.2:3 and src/cart.py:1.5 and src/cart.py: 10",
        ] {
            check(answer, &[]);
        }
    }
}
