//! What the model has seen in this session, so that nothing is said twice and no change is missed.

mod news;
mod view;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

pub(crate) use self::news::News;
use self::view::View;

/// A digest of a file's bytes.
pub(crate) type Digest = [u8; 32];

/// Most remembered reads; beyond it all are forgotten, which costs a repeated text at worst.
const MOST: usize = 10_000;

/// Largest text that is remembered, to tell later what changed in it.
const LARGEST_TEXT: usize = 1 << 20;

/// Most bytes of remembered texts; the oldest go first.
const MOST_TEXT: usize = 8 << 20;

/// The session's memory.
#[derive(Debug, Default)]
pub(crate) struct Session {
    files: HashMap<PathBuf, Seen>,
    /// The files whose texts are remembered, oldest first; one seen again is in it twice.
    texts: VecDeque<PathBuf>,
    text_bytes: usize,
    reads: HashMap<String, Shown>,
    view: View,
    turn: u32,
}

/// What the model saw of a file.
#[derive(Debug)]
struct Seen {
    digest: Digest,
    text: Option<Box<str>>,
}

/// A read that was answered.
#[derive(Clone, Copy, Debug)]
struct Shown {
    digest: Digest,
    /// Whether it was answered with "unchanged" since.
    told: bool,
    turn: u32,
}

/// How a file stands to what the model knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was never shown.
    Unseen,
    /// It is as it was shown or written last.
    Current,
    /// Somebody else changed it since.
    Changed,
}

/// Returns the digest of a file's bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

impl Session {
    /// Remembers that the model knows a file as it is, and its text if there is one.
    pub(crate) fn saw(&mut self, path: &Path, digest: Digest, text: Option<&str>) {
        if self.files.len() >= MOST {
            self.files.clear();
            self.texts.clear();
            self.text_bytes = 0;
        }
        self.gone(path);
        let text = text.filter(|text| text.len() <= LARGEST_TEXT).map(Box::from);
        if let Some(text) = &text {
            self.text_bytes += str::len(text);
            self.texts.push_back(path.to_path_buf());
        }
        self.files.insert(path.to_path_buf(), Seen { digest, text });
        while self.text_bytes > MOST_TEXT || self.texts.len() > MOST {
            let Some(oldest) = self.texts.pop_front() else { break };
            // Seen again since, so that its turn comes later.
            if self.texts.contains(&oldest) {
                continue;
            }
            if let Some(text) = self.files.get_mut(&oldest).and_then(|seen| seen.text.take()) {
                self.text_bytes -= text.len();
            }
        }
    }

    /// Tells what changed in a file since the model saw it; `None` where that is not known.
    pub(crate) fn news(&self, path: &Path, now: &str) -> Option<News> {
        News::between(self.files.get(path)?.text.as_deref()?, now)
    }

    /// Tells whether the model knows the file as it is.
    pub(crate) fn known(&self, path: &Path, digest: Digest) -> Known {
        match self.files.get(path) {
            None => Known::Unseen,
            Some(seen) if seen.digest == digest => Known::Current,
            Some(_) => Known::Changed,
        }
    }

    /// Forgets a file that is gone.
    pub(crate) fn gone(&mut self, path: &Path) {
        if let Some(text) = self.files.remove(path).and_then(|seen| seen.text) {
            self.text_bytes -= text.len();
        }
    }

    /// Begins a turn of the conversation, from 1.
    pub(crate) fn begin_turn(&mut self, turn: u32) {
        self.turn = turn;
    }

    /// Returns the turn in which this very read was answered with these bytes, 0 outside of turns; remembers it.
    ///
    /// Only every other time: who asks again after "unchanged" has lost the text.
    pub(crate) fn repeats(&mut self, read: &str, digest: Digest) -> Option<u32> {
        if self.reads.len() >= MOST {
            self.reads.clear();
        }
        let before = self.reads.get(read);
        let since = before.filter(|b| b.digest == digest && !b.told).map(|before| before.turn);
        let shown = Shown { digest, told: since.is_some(), turn: since.unwrap_or(self.turn) };
        self.reads.insert(read.to_owned(), shown);
        since
    }

    /// Remembers that lines of a file stand in the conversation, as they are.
    pub(crate) fn showed(&mut self, path: &Path, lines: &str) {
        self.view.add(path, lines);
    }

    /// Tells whether these lines of a file stand in the conversation already.
    ///
    /// Only every other time: who looks for them again has lost them.
    pub(crate) fn has_in_view(&mut self, path: &Path, lines: &str) -> bool {
        self.view.holds(path, lines)
    }

    /// Forgets everything shown: the history no longer holds it.
    pub(crate) fn forget(&mut self) {
        self.reads.clear();
        self.view = View::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_remembered_within_bounds() {
        let mut session = Session::default();
        let text = "x\n".repeat(LARGEST_TEXT / 2);
        let path = |n: usize| PathBuf::from(format!("/{n}"));
        for n in 0..20 {
            session.saw(&path(n), digest(b"x"), Some(&text));
            session.saw(&path(0), digest(b"x"), Some(&text));
            assert!(session.text_bytes <= MOST_TEXT);
        }
        let remembered = |session: &Session, n| session.news(&path(n), "").is_some();
        assert!(remembered(&session, 0) && remembered(&session, 19) && !remembered(&session, 3));
        assert_eq!(session.known(&path(3), digest(b"x")), Known::Current);
        session.saw(&path(21), digest(b"x"), Some(&format!("{text}more")));
        assert!(!remembered(&session, 21));
        (0..30).for_each(|n| session.gone(&path(n)));
        assert_eq!(session.text_bytes, 0);
    }
}
