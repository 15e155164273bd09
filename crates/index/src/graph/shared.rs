//! The last graph that was made, for further questions to the same state of the index.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::Graph;
use crate::error::IndexError;
use crate::snapshot::Snapshot;

/// A state of an index: its root, its segments and what lives in each.
#[derive(PartialEq, Eq)]
struct State {
    root: PathBuf,
    parts: Vec<(String, Vec<bool>)>,
}

impl State {
    fn of(snapshot: &Snapshot) -> Self {
        let parts = snapshot.parts().iter();
        Self {
            root: snapshot.root().to_owned(),
            parts: parts.map(|part| (part.name.clone(), part.lives.clone())).collect(),
        }
    }
}

/// One graph is kept, so that no more memory is held than one question takes.
static LAST: Mutex<Option<(State, Arc<Graph>)>> = Mutex::new(None);

impl Graph {
    /// Returns the graph of a snapshot: the one that was made last if nothing changed since, else a new one.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn shared(snapshot: &Snapshot) -> Result<Arc<Self>, IndexError> {
        let state = State::of(snapshot);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, graph)) = last.as_ref().filter(|(known, _)| *known == state) {
            return Ok(Arc::clone(graph));
        }
        // The old one goes before the new one comes.
        *last = None;
        let graph = Arc::new(Self::of(snapshot)?);
        *last = Some((state, Arc::clone(&graph)));
        Ok(graph)
    }
}
