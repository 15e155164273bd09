//! Ports: what one crate offers another that it must not know.

use std::fmt::Debug;
use std::fs::File;
use std::path::Path;

/// Counts tokens as one model family does.
pub trait CountTokens: Send + Sync {
    /// Returns the number of tokens of `text`; never fails, at worst an estimate.
    fn count(&self, text: &str) -> u64;

    /// Names the method, such as `o200k` or `estimate`.
    fn name(&self) -> &'static str;
}

/// Finds syntax errors.
pub trait SyntaxCheck: Send + Sync {
    /// Returns the errors of `text`, first ones first, at most 20; the language goes by `path`'s
    /// name. `None` where the language is not known or the text is too large to check.
    fn check(&self, path: &Path, text: &str) -> Option<Vec<SyntaxError>>;
}

/// By what code is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeView {
    /// Where something is defined, by its name.
    Symbol,
    /// Where a name is used.
    References,
    /// What depends on a name.
    Impact,
    /// What there is: the most important definitions, by file.
    Map,
    /// What does something, by words.
    Meaning,
}

impl CodeView {
    /// Every view with its name.
    pub const ALL: [(&'static str, CodeView); 5] = [
        ("symbol", CodeView::Symbol),
        ("references", CodeView::References),
        ("impact", CodeView::Impact),
        ("map", CodeView::Map),
        ("meaning", CodeView::Meaning),
    ];
}

/// A question about the project's code.
#[derive(Clone, Copy)]
pub struct CodeQuestion<'a> {
    /// By what it is looked for.
    pub view: CodeView,
    /// A name, or words.
    pub text: &'a str,
    /// Whether names count only as they are written, in case too.
    pub exact_case: bool,
    /// Tells which files count, by their paths relative to the root.
    pub accepts: &'a dyn Fn(&str) -> bool,
    /// Tells whether lines of a file stand in the conversation already, so that they need only be named.
    pub stands_above: &'a dyn Fn(&str, &str) -> bool,
    /// The most bytes of the answer.
    pub max_bytes: usize,
}

impl<'a> CodeQuestion<'a> {
    /// Returns a question about all files, of a conversation that holds no code yet.
    pub fn new(view: CodeView, text: &'a str, max_bytes: usize) -> Self {
        let (accepts, stands_above) = (&|_: &str| true, &|_: &str, _: &str| false);
        Self { view, text, exact_case: false, accepts, stands_above, max_bytes }
    }
}

impl Debug for CodeQuestion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CodeQuestion({:?}, {:?})", self.view, self.text)
    }
}

/// What the index answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeAnswer {
    /// The answer as a model reads it.
    pub text: String,
    /// The lines of code in it that follow each other, as they stand there, with their files' paths relative to the root.
    pub code: Vec<(String, String)>,
}

/// Answers questions about the project's code out of its index.
pub trait CodeIndex: Send + Sync {
    /// Returns the answer. An error says in words why there is none.
    ///
    /// The answer is of the files as they are now. The call may take a while and blocks.
    fn answer(&self, question: &CodeQuestion<'_>) -> Result<CodeAnswer, String>;
}

/// Why a document's text could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// It takes a password.
    Locked,
    /// It is broken, or takes more time or memory than is given to it.
    Broken,
    /// It is larger than what is read.
    Large,
    /// The reader could not be started; the next time it may.
    Reader,
}

/// Reads the text of documents whose files are no text, such as PDF.
pub trait ReadDocument: Debug + Send + Sync {
    /// Returns a file's text from its beginning on, each page after the first begun by a form feed; empty where it holds none.
    /// The file may be made to do harm. The call may take a while and blocks.
    fn text(&self, file: File) -> Result<String, DocumentError>;
}

/// One place where a parser gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
    /// What is wrong, such as "Unexpected `}`" or "Missing `)`".
    pub message: String,
}

/// A question that only the user may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The tool that asks.
    pub tool: String,
    /// What it would do, in one line.
    pub summary: String,
    /// The parts that would be allowed, such as each command of a line.
    pub parts: Vec<String>,
    /// Why it asks.
    pub reason: String,
}

/// The user's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This time.
    Once,
    /// For exactly the parts shown, from now on, in this project.
    Always,
    /// No, with a word for the model.
    No(String),
    /// Nobody is there to answer.
    Nobody,
}

/// Asks the user; may block for as long as the user takes, so callers run it off the async threads.
pub trait Ask: Send + Sync {
    /// Returns the user's answer.
    fn ask(&self, question: &Question) -> Answer;
}
