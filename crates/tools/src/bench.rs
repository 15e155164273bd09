//! What the tools of one session share.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::{self, Recovered};
use crate::lock::ProjectLock;
use crate::outcome::{Refusal, RefusalKind};
use crate::permission::{Heard, grant};
use crate::place::{Grounds, Place};
use crate::sandbox::Sandbox;
use crate::session::{Digest, Session, digest};
use crate::shell::background::Background;
use crate::toolbox::ToolboxConfig;

/// The right to change files, until dropped: what is read in it is still so when it is written.
pub(crate) struct Writing<'a> {
    _project: ProjectLock,
    _turn: MutexGuard<'a, ()>,
}

/// Everything a tool may use.
pub(crate) struct Bench {
    pub(crate) grounds: Grounds,
    pub(crate) config: ToolboxConfig,
    /// A word in the environment of every command, by which those left behind are found.
    pub(crate) marker: String,
    pub(crate) sandbox: Arc<Sandbox>,
    /// The commands that were started.
    pub(crate) background: Background,
    commands: AtomicU64,
    syntax: distiq_lang::Syntax,
    session: Mutex<Session>,
    writing: Mutex<()>,
    granted: Mutex<HashSet<String>>,
    heard: Mutex<Heard>,
    refused_syntax: Mutex<HashSet<Digest>>,
    notes: Mutex<Vec<String>>,
}

impl Bench {
    pub(crate) fn new(grounds: Grounds, config: ToolboxConfig, marker: String) -> Self {
        let sandbox = Arc::new(Sandbox::new(
            config.sandbox.clone(),
            &grounds.root,
            &grounds.outputs,
            &marker,
        ));
        let kept = config.memory.iter().flat_map(|memory| memory.kept());
        let granted = kept.map(|(tool, part)| grant(&tool, &part)).collect();
        Self {
            grounds,
            config,
            marker,
            sandbox,
            background: Background::default(),
            commands: AtomicU64::new(0),
            syntax: distiq_lang::Syntax,
            session: Mutex::default(),
            writing: Mutex::default(),
            granted: Mutex::new(granted),
            heard: Mutex::default(),
            refused_syntax: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// Returns what the model has seen. A panic elsewhere leaves it usable: each entry stands alone.
    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other call changes files, in this process or another one in the project.
    pub(crate) fn writing(&self) -> Writing<'_> {
        let turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let project = ProjectLock::take(&self.grounds.root, &self.config.journal);
        if journal::is_any(&self.config.journal) {
            self.note(&journal::recover_in(&self.config.journal, &self.grounds.root));
        }
        Writing { _project: project, _turn: turn }
    }

    /// Takes back what killed processes left half done, in this project and others.
    pub(crate) fn recover(&self) {
        if journal::is_any(&self.config.journal) {
            self.note(&journal::recover(&self.config.journal));
        }
    }

    fn note(&self, recovered: &[Recovered]) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.extend(recovered.iter().flat_map(Recovered::notes));
    }

    /// Returns what is to be told beside the next result.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns what the user allowed for the session.
    pub(crate) fn granted(&self) -> MutexGuard<'_, HashSet<String>> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns which rewriting commands the user typed.
    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of a new command, from 1.
    pub(crate) fn next_command(&self) -> u64 {
        self.commands.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Refuses a text that has syntax errors which the old one had not.
    ///
    /// A grammar may lag behind its language, so the same text sent again is let through.
    pub(crate) fn check_syntax(&self, place: &Place, old: &str, new: &str) -> Result<(), Refusal> {
        let path = PathBuf::from(&place.path);
        let Some(error) = self.syntax.added(&path, old, new).into_iter().next() else {
            return Ok(());
        };
        let mut refused = self.refused_syntax.lock().unwrap_or_else(PoisonError::into_inner);
        if !refused.insert(digest(format!("{}\0{new}", path.display()).as_bytes())) {
            return Ok(());
        }
        let line = new.lines().nth(error.line.saturating_sub(1) as usize).unwrap_or_default();
        let line = crate::measure::cut_line(line.trim_end(), 160);
        Err(Refusal::new(
            RefusalKind::Syntax,
            format!(
                "{}: the change would add a syntax error at line {}: {}\n{}: {line}\nnothing was changed; the \
                 same call again applies it anyway",
                place.shown, error.line, error.message, error.line
            ),
        ))
    }
}
