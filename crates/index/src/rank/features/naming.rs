//! What is told of a candidate's name: which of the request's names and letters it has, and how it is built.

use super::super::query::{Query, grams};
use super::Features;
use crate::chunk::Chunk;
use crate::words::{Analyzer, parts, tokens};

/// What names open with that answer yes or no, and those that make something.
const WHETHER: &[&str] = &[
    "is", "has", "have", "can", "should", "are", "was", "contains", "exists", "supports", "needs",
    "must", "allows", "check", "will", "does", "equals", "matches", "includes",
];
const MAKES: &[&str] =
    &["new", "init", "make", "create", "build", "from", "of", "with", "constructor"];

/// Tells whether a name is built as the request asks for it.
pub(super) fn how_named(
    features: &mut Features,
    chunk: &Chunk,
    query: &Query,
    analyzer: &Analyzer,
) {
    let flag = |is: bool| f32::from(u8::from(is));
    let first = parts(&chunk.name).next().unwrap_or_default().to_lowercase();
    features.name_whether = flag(WHETHER.contains(&first.as_str()));
    features.query_whether = flag(query.asks_whether);
    features.name_makes = flag(MAKES.contains(&first.as_str()) || chunk.kind == "constructor");
    features.query_makes = flag(query.makes);
    features.is_private = flag(chunk.name.starts_with(['_', '#']) && first != "init");
    let opening = query.terms.iter().position(|term| term.place == 0);
    let openings = || query.terms.iter().filter(|term| term.place == 0);
    let related = || query.related.iter().filter(|other| Some(other.term) == opening);
    // A stem begins as its word does; most need not be found.
    let may_be = |text: &String| text.as_bytes().first() == first.as_bytes().first();
    let may =
        openings().any(|term| may_be(&term.text)) || related().any(|other| may_be(&other.text));
    features.name_starts = if first.is_empty() || !may {
        0.0
    } else {
        let stem = analyzer.stem(&first);
        match openings().any(|term| term.text == stem) {
            true => 1.0,
            false => {
                let related = related().filter(|other| other.text == stem);
                related.map(|other| other.share).fold(0.0, f32::max)
            }
        }
    };
}

pub(super) fn names(features: &mut Features, chunk: &Chunk, query: &Query) {
    let name = chunk.name.to_lowercase();
    let class = chunk.class.to_lowercase();
    if name.is_empty() {
        return;
    }
    features.name_mentioned = f32::from(u8::from(query.identifiers.contains(&name)));
    features.name_is_word = f32::from(u8::from(query.words.contains(&name)));
    let last = class.rsplit('.').next().unwrap_or_default();
    let is_scope = |word: &String| *word == name || *word == last;
    features.scope_head = f32::from(u8::from(query.scope.iter().any(is_scope)));
    let is_known = !last.is_empty() && query.identifiers.contains(last);
    features.class_mentioned = if is_known {
        1.0
    } else if query.words.contains(last) {
        0.5
    } else {
        0.0
    };
    let of_name = all_grams(&chunk.name);
    let shared = of_name.iter().filter(|gram| query.holds_gram(**gram)).count() as f32;
    features.name_grams = shared / of_name.len().max(1) as f32;
    features.name_grams_of_query = shared / (query.grams.len().max(1) as f32).sqrt();
    let of_class = all_grams(&chunk.class);
    let shared = of_class.iter().filter(|gram| query.holds_gram(**gram)).count() as f32;
    features.class_grams = shared / of_class.len().max(1) as f32;
}

/// Returns the groups of letters of a name's parts, each once.
fn all_grams(name: &str) -> Vec<u64> {
    let mut all = Vec::with_capacity(name.len() * 4);
    for token in tokens(name) {
        for part in crate::words::parts(token) {
            grams(&part.to_lowercase(), |gram| all.push(gram));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Which [`how_named`] relies on.
        #[test]
        fn stems_begin_as_their_words_do(word in "[a-z]{1,12}|(s|d|ski|ly|ty|earl|onl|idl|new)(y|ies|ing|s)|[а-яё]{1,9}") {
            let stem = Analyzer::default().stem(&word);
            prop_assert_eq!(stem.chars().next(), word.chars().next(), "{}", stem);
        }
    }
}
