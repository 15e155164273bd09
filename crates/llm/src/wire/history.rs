//! Which result answers which call, where the peer gives no ids.

use crate::wire::arguments;

/// The calls of a conversation, as they are read.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// What ids are made from.
    seed: String,
    made: usize,
    /// Calls without a result: id and name.
    open: Vec<(String, String)>,
}

impl Calls {
    /// Makes ids from a text that no other answer of the conversation has.
    pub(crate) fn of(seed: String) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Forgets the open calls, as the model speaks anew.
    pub(crate) fn next_turn(&mut self) {
        self.open.clear();
    }

    /// Returns the id of a call.
    pub(crate) fn called(&mut self, id: Option<&str>, name: &str) -> String {
        let id = match id.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => self.make(),
        };
        self.open.push((id.clone(), name.to_owned()));
        id
    }

    /// Returns the id of the call that a result answers: by id, else by name, else by order.
    pub(crate) fn answered(&mut self, id: Option<&str>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty());
        let by_id = id.and_then(|id| self.open.iter().position(|(known, _)| known == id));
        let unnamed = || {
            let fits = |(known, of): &(String, String)| {
                of == name && (id.is_none() || arguments::is_made(known))
            };
            self.open.iter().position(fits)
        };
        let first = || (id.is_none() && !self.open.is_empty()).then_some(0);
        match by_id.or_else(unnamed).or_else(first) {
            Some(place) => self.open.remove(place).0,
            None => id.map(str::to_owned).unwrap_or_else(|| self.make()),
        }
    }

    fn make(&mut self) -> String {
        self.made += 1;
        arguments::made_id(&self.seed, self.made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls() {
        let mut calls = Calls::default();
        let first = calls.called(None, "read");
        let second = calls.called(None, "read");
        let third = calls.called(Some("c3"), "write");
        assert_ne!(first, second);
        assert_eq!(calls.answered(Some("c3"), "write"), third);
        assert_eq!(calls.answered(None, "read"), first);
        assert_eq!(calls.answered(Some("other"), "read"), second);
        assert_eq!(calls.answered(Some("lost"), "read"), "lost");
        assert!(arguments::is_made(&calls.answered(None, "read")));
        let again = Calls::default().called(None, "read");
        assert_eq!(again, first, "the same place gives the same id");
    }
}
