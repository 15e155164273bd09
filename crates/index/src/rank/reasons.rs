//! Why a chunk was found, in words.

use super::query::Query;
use crate::chunk::{FIELD_NAMES, FIELDS};
use crate::search::MAX_REASONS;

/// Why a chunk was found; put into words for those alone that are told of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons {
    named: Vec<&'static str>,
    /// The best field that holds a term, and the term's place in the request.
    words: Vec<(&'static str, usize)>,
    /// Why it was looked at, told where nothing else is.
    otherwise: &'static str,
    /// What others than words say.
    pub more: Vec<String>,
}

impl Reasons {
    /// Takes what the request names of a chunk, then its rarest terms with the best field that holds each, and why it was looked
    /// at.
    pub fn of(
        counts: &[[u8; FIELDS]],
        named: &[(&'static str, bool)],
        otherwise: &'static str,
    ) -> Self {
        let named: Vec<_> = named.iter().filter(|(_, is)| *is).map(|(reason, _)| *reason).collect();
        let words = counts.iter().enumerate().filter_map(|(term, counts)| {
            let (_, field) = counts.iter().zip(FIELD_NAMES).find(|(count, _)| **count > 0)?;
            Some((field, term))
        });
        let words = words.take(MAX_REASONS.saturating_sub(named.len())).collect();
        Self { named, words, otherwise, more: Vec::new() }
    }

    /// Tells whether none is known but why it was looked at.
    pub fn are_few(&self) -> bool {
        self.named.is_empty() && self.words.is_empty() && self.more.is_empty()
    }

    /// Returns them in words.
    pub fn told(self, query: &Query) -> Vec<String> {
        if self.are_few() && !self.otherwise.is_empty() {
            return vec![self.otherwise.to_owned()];
        }
        let named = self.named.into_iter().map(str::to_owned);
        let words = self
            .words
            .into_iter()
            .filter_map(|(field, term)| Some(format!("{field} `{}`", query.terms.get(term)?.word)));
        named.chain(words).chain(self.more).collect()
    }
}
