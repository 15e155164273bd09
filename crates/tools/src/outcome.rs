//! What comes out of a call.

use distiq_base::ImageSource;
use serde::Serialize;
use serde_json::Value;

/// What a call did, or why it did nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether the tool did what it was asked; a command that ran and failed counts as done.
    pub ok: bool,
    /// What the model is told.
    pub text: String,
    /// The same for scripts, by tool.
    pub data: Value,
    /// Pictures that were read.
    pub images: Vec<ImageSource>,
    /// Paths that were changed, relative to the root.
    pub files_changed: Vec<String>,
    /// Why nothing was done; `Some` exactly where `ok` is false.
    pub refusal: Option<Refusal>,
    /// What the user was asked on the way.
    pub asked: Vec<Asked>,
}

/// A question that was put to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// What the tool would do.
    pub summary: String,
    /// `once`, `always`, `no` or `nobody`.
    pub answer: String,
}

/// Why a call did nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What kind of reason it is.
    pub kind: RefusalKind,
    /// The reason, and what to do about it.
    pub message: String,
    /// The places that nearly matched, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closest: Vec<Closest>,
    /// Whether the call names a parameter that the tool does not have.
    #[serde(skip)]
    pub unknown_field: bool,
}

/// What kind of reason a refusal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// There is no such file or text.
    NotFound,
    /// The text is in several places.
    Ambiguous,
    /// The file changed since it was read.
    Stale,
    /// The edit would add a syntax error.
    Syntax,
    /// Not allowed, or nobody could be asked.
    Denied,
    /// The call itself is wrong.
    Invalid,
    /// The system said no: disk full, no permission, timeout.
    Failed,
    /// The user cancelled.
    Cancelled,
}

/// Lines of a file that nearly matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closest {
    /// 1-based.
    pub start_line: usize,
    /// 1-based, inclusive.
    pub end_line: usize,
    /// The lines, verbatim.
    pub text: String,
}

impl RefusalKind {
    /// Returns the name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            RefusalKind::NotFound => "not_found",
            RefusalKind::Ambiguous => "ambiguous",
            RefusalKind::Stale => "stale",
            RefusalKind::Syntax => "syntax",
            RefusalKind::Denied => "denied",
            RefusalKind::Invalid => "invalid",
            RefusalKind::Failed => "failed",
            RefusalKind::Cancelled => "cancelled",
        }
    }
}

impl Refusal {
    /// Makes a refusal without closest places.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), closest: Vec::new(), unknown_field: false }
    }

    /// The call is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }

    /// It is not allowed.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Denied, message)
    }

    /// The system refused `what`; says what that means to the user.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, reason) = match error.kind() {
            Io::NotFound => (RefusalKind::NotFound, "no such file".to_owned()),
            Io::PermissionDenied => (RefusalKind::Failed, "no permission".to_owned()),
            Io::StorageFull => (RefusalKind::Failed, "the disk is full".to_owned()),
            Io::QuotaExceeded => (RefusalKind::Failed, "the disk quota is used up".to_owned()),
            Io::FileTooLarge => {
                (RefusalKind::Failed, "larger than a file may be here (`ulimit -f`)".to_owned())
            }
            Io::ReadOnlyFilesystem => {
                (RefusalKind::Failed, "the file system is read-only".to_owned())
            }
            Io::InvalidFilename => (RefusalKind::Invalid, "the name is too long".to_owned()),
            Io::NotADirectory => {
                (RefusalKind::NotFound, "a parent of it is a file, not a folder".to_owned())
            }
            _ => (RefusalKind::Failed, error.to_string()),
        };
        Self::new(kind, format!("{what}: {reason}"))
    }

    /// Returns what the model is told.
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        for place in &self.closest {
            text.push_str("\nclosest:");
            for (offset, line) in place.text.lines().enumerate() {
                text.push_str(&format!("\n{}: {line}", place.start_line + offset));
            }
        }
        text
    }
}

impl Outcome {
    /// Makes a successful outcome of one text.
    pub fn done(text: impl Into<String>) -> Self {
        Self { ok: true, text: text.into(), ..Self::default() }
    }

    /// Adds what scripts get.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self { ok: false, text: refusal.text(), refusal: Some(refusal), ..Self::default() }
    }
}
