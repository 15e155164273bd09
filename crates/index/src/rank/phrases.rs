//! Words in quotes that are most of a request: what holds them as they stand comes first, and where nothing does, what holds them
//! with other capitals. Where a message or a key comes from is asked so.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::places::around;
use crate::error::IndexError;
use crate::search::{Hit, Query, Wanted, is_test};
use crate::segment::Postings;
use crate::snapshot::{FileView, Part, Snapshot};
use crate::words::Analyzer;

/// Most phrases of a request that are looked for.
const MAX_PHRASES: usize = 4;
/// Shortest phrase, in bytes: shorter ones are names in quotes.
const LEAST: usize = 8;
/// Most files with words of a phrase that are read.
const MAX_FILES: usize = 400;
/// So many places of each phrase come first.
const BEST: usize = 5;
/// Why a place comes first.
pub(super) const REASON: &str = "holds the quoted words";
/// So many words beside a phrase only ask for it: `where is "cannot open the file" raised`.
const BESIDE: usize = 2;
/// What opens and closes a phrase.
const QUOTES: [(char, char); 3] = [('"', '"'), ('“', '”'), ('«', '»')];

/// Returns the chunks that hold phrases of a request letter for letter, or but for the case, in the order of the hits, then what is no test, by path and
/// line; the best few of each phrase.
pub(super) fn holders(
    snapshot: &Snapshot,
    asked: &Query<'_>,
    wanted: &Wanted,
    hits: &[Hit],
) -> Result<Vec<u32>, IndexError> {
    let ranks: HashMap<u32, usize> =
        hits.iter().enumerate().map(|(rank, hit)| (hit.number, rank)).collect();
    let mut all: Vec<u32> = Vec::new();
    let phrases = phrases(asked.text());
    if phrases.is_empty() || !are_the_request(&phrases, asked.text()) {
        return Ok(all);
    }
    for phrase in phrases {
        let small = phrase.to_lowercase();
        // As it stands, and where nothing holds it so, without case.
        let (mut found, mut nearly) = (Vec::new(), Vec::new());
        for file in files_with_words(snapshot, phrase, hits)? {
            let is_test = is_test(file.path);
            if !wanted.shows_file(file.path) {
                continue;
            }
            let text = snapshot.text(file.path).unwrap_or_default();
            let add = |found: &mut Vec<_>, holds: &dyn Fn(&str) -> bool| {
                let lines = (1..).zip(text.lines()).filter(|(_, line)| holds(line));
                for (line, _) in lines.take(BEST) {
                    if let Some(number) = around(snapshot, &file, line)? {
                        let rank = ranks.get(&number).copied().unwrap_or(usize::MAX);
                        found.push((rank, is_test, file.path, number));
                    }
                }
                Ok::<_, IndexError>(())
            };
            add(&mut found, &|line| line.contains(phrase))?;
            if found.is_empty() {
                add(&mut nearly, &|line| line.to_lowercase().contains(&small))?;
            }
        }
        if found.is_empty() {
            found = nearly;
        }
        found.sort_unstable();
        found.dedup();
        all.extend(found.into_iter().take(BEST).map(|(.., number)| number));
    }
    let mut seen = HashSet::new();
    all.retain(|number| seen.insert(*number));
    Ok(all)
}

/// Tells whether a request asks for its phrases: next to them it has few words that say something. Where it tells of other things, as
/// messages of commits and documentation do, places that hold its phrases are seldom what it means.
fn are_the_request(phrases: &[&str], request: &str) -> bool {
    let count =
        |text: &str| Analyzer::default().analyze(text).into_iter().collect::<HashSet<_>>().len();
    let beside = phrases.iter().fold(request.to_owned(), |rest, phrase| rest.replace(phrase, " "));
    count(&beside) <= count(&phrases.join(" ")).max(BESIDE)
}

/// Returns the files with a chunk that holds most words of a phrase, those of hits first, then by path.
fn files_with_words<'a>(
    snapshot: &'a Snapshot,
    phrase: &str,
    hits: &[Hit],
) -> Result<Vec<FileView<'a>>, IndexError> {
    let terms: HashSet<String> = Analyzer::default().analyze(phrase).into_iter().collect();
    let mut files: BTreeMap<&str, FileView<'_>> = BTreeMap::new();
    for part in snapshot.parts() {
        for document in in_part(part, &terms)? {
            let file = snapshot.file_of(part.base.saturating_add(document))?;
            files.insert(file.path, file);
        }
    }
    let ranks: HashMap<&str, usize> =
        hits.iter().enumerate().rev().map(|(rank, hit)| (hit.path.as_str(), rank)).collect();
    let mut files: Vec<FileView<'_>> = files.into_values().collect();
    files.sort_by_key(|file| ranks.get(file.path).copied().unwrap_or(usize::MAX));
    files.truncate(MAX_FILES);
    Ok(files)
}

/// Returns the living chunks of a part that hold the rarest of some terms, and of the others as many as a chunk holds with it.
fn in_part(part: &Part, terms: &HashSet<String>) -> Result<Vec<u32>, IndexError> {
    let mut places = Vec::with_capacity(terms.len());
    for term in terms {
        // Words of the language itself are in no list.
        places.extend(part.segment.terms().find(term)?);
    }
    // The rarest first, so that little is kept.
    places.sort_by_key(|place| place.documents);
    let mut all: Option<Vec<u32>> = None;
    for place in places {
        let bytes = part.segment.list(place)?;
        let holders = Postings::new(&bytes).map(|found| found.document);
        all = Some(match all {
            None => holders.filter(|document| part.holds(*document)).collect(),
            Some(before) => {
                let both: Vec<u32> =
                    holders.filter(|document| before.binary_search(document).is_ok()).collect();
                // A phrase may go on in the next chunk.
                if both.is_empty() { before } else { both }
            }
        });
    }
    Ok(all.unwrap_or_default())
}

/// Returns the phrases in quotes that are more than a word, or a word with signs in it: `"io.netty.allocator.type"`.
fn phrases(request: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = request;
    while found.len() < MAX_PHRASES {
        let open = rest.char_indices().find_map(|(at, c)| {
            let (_, close) = QUOTES.iter().find(|(open, _)| *open == c)?;
            Some((at + c.len_utf8(), *close))
        });
        let Some((start, close)) = open else { break };
        let Some(inner) = rest.get(start..) else { break };
        let Some(end) = inner.find(close) else { break };
        let phrase = inner.get(..end).unwrap_or_default().trim();
        let is_plain = phrase.chars().all(char::is_alphanumeric);
        if phrase.len() >= LEAST && !is_plain && !phrase.contains('\n') {
            found.push(phrase);
        }
        rest = inner.get(end + close.len_utf8()..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_tells_of_other_things_does_not_ask_for_its_phrases() {
        for (request, expected) in [
            ("where is \"cannot open the file\" raised", true),
            ("\"net.pool.size\"", true),
            ("где бросается «нет такого файла»", true),
            ("who reads the setting \"net.pool.size\" at start", true),
            (
                "Creates a unit for the \"end of input\" from the number of equivalence classes",
                false,
            ),
            ("tells whether a part is the NTFS equivalent of \".gitmodules\"", false),
        ] {
            assert_eq!(are_the_request(&phrases(request), request), expected, "{request}");
        }
    }

    #[test]
    fn phrases_are_what_stands_in_quotes_and_is_more_than_a_word() {
        for (request, expected) in [
            ("where is \"cannot open the file\" from", &["cannot open the file"][..]),
            ("“cannot open” and «нет такого файла»", &["cannot open", "нет такого файла"]),
            ("\"io.netty.allocator.type\"", &["io.netty.allocator.type"]),
            ("the \"name\" of a \"configuration\"", &[]),
            ("an \"open quote stands alone", &[]),
            ("\"a.b\" \"\"", &[]),
        ] {
            assert_eq!(phrases(request), expected, "{request}");
        }
    }
}
