//! Every command in a shell line, however deep it hides.
//!
//! [`parse`] reads a line as bash 5 does when it is not interactive (`bash -c`), and is the ground
//! a permission system stands on: what it returns must hold every simple command that can run.
//! Where the text alone does not tell what runs, the command is marked [`Command::opaque`]; where
//! the text is not certain to be read as bash reads it, the answer is an error, and the caller asks.
//!
//! The reader is our own and strict. The tree-sitter grammar for bash is made for highlighting and
//! recovers where it must not: it takes `$'\\'; rm x; echo \'` for one string, for instance.

mod arithmetic;
mod assoc;
mod braces;
mod compound;
mod counters;
mod cursor;
mod evaluating;
mod fed;
mod grammar;
mod heredoc;
mod judge;
mod programs;
mod quote;
mod run;
mod setters;
mod simple;
mod terms;
mod word;
mod wrappers;

pub use setters::sets;

/// The longest text that is parsed.
pub const MAX_BYTES: usize = 64 * 1024;
/// How deep scripts and wrappers within each other are followed (`sudo env bash -c "bash -c …"`).
pub const MAX_SCRIPTS: u32 = 8;
/// How deep groups, loops and substitutions may nest.
pub const MAX_NESTING: u32 = 48;
/// The most commands of one line.
pub const MAX_COMMANDS: usize = 4_096;

/// What a shell line runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Every simple command, in the order of the text; a wrapper such as `sudo` stands before the
    /// command it runs, a command before those in the substitutions of its words.
    pub commands: Vec<Command>,
    /// Names of the functions the line defines; a later command of that name is the function.
    pub functions: Vec<String>,
    /// Which subshell each subshell stands in; the first one is that of the line.
    pub subshells: Vec<u32>,
    /// Variables that stand in expressions, which may set them: `((PATH = 1))`.
    pub evaluated: Vec<String>,
}

/// Where a command stands in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// Which of the script's pipelines.
    pub id: u32,
    /// Which part of it, from 0.
    pub stage: u32,
}

/// A simple command, or the assignments or redirections of a line without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The command's name and arguments; empty for a bare assignment or redirection, among them
    /// the redirections of a group or loop.
    pub words: Vec<Word>,
    /// `NAME=value` before the name; of a `for`, its variable with each of its words.
    pub assignments: Vec<Assignment>,
    /// Its redirections.
    pub redirects: Vec<Redirect>,
    /// The source text of the command.
    pub text: String,
    /// Whether it stands in `$( )`, backticks or `<( )`.
    pub in_substitution: bool,
    /// The innermost `( )` or substitution that it stands in, from 1; `cd` holds only there.
    pub subshell: u32,
    /// Whether it runs behind the line (`&`).
    pub background: bool,
    /// Whether its standard input is a pipe of the same line.
    pub reads_pipe: bool,
    /// The innermost pipeline that it is a part of.
    pub pipe: Option<Pipe>,
    /// The row of commands joined by `&&` that it stands in, from 1: each runs only if those before it succeeded.
    pub chain: u32,
    /// Whether it may not run: behind `&&` or `||`, in a condition, a loop, a `case` or a function.
    pub conditional: bool,
    /// Whether it stands in a loop whose condition never changes, such as `while true`.
    pub endless: bool,
    /// Whether further arguments come at run time (`xargs`, `find -exec`, `parallel`).
    pub partial: bool,
    /// Whether the text does not tell what it runs: the name is an expansion, or an argument that
    /// is itself a command is not literal, or it is a shell that reads its commands from elsewhere.
    pub opaque: bool,
    /// The wrapper that runs it (`sudo`, `xargs`, `bash`, `eval`, `ssh`, …), itself listed before.
    pub via: Option<String>,
}

impl Command {
    /// Returns the command's name where it is literal, as written (`/bin/rm`, not `rm`).
    pub fn name(&self) -> Option<&str> {
        self.words.first().filter(|word| word.literal).map(|word| word.text.as_str())
    }

    /// Returns the last part of the command's name where it is literal (`rm` for `/bin/rm`).
    pub fn program(&self) -> Option<&str> {
        self.name().map(|name| name.rsplit('/').next().unwrap_or(name))
    }
}

/// One word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotes; expansions stand as they are written.
    pub text: String,
    /// Whether `text` is exactly what the command gets: no expansion, tilde, pattern or brace.
    pub literal: bool,
    /// Whether file name patterns (`*`, `?`, `[…]`) are all that keeps it from being literal,
    /// apart from a tilde.
    pub glob: bool,
    /// Whether it begins with an unquoted `~`, or has one after `=` or `:`.
    pub tilde: bool,
    /// Whether it may become several words or none: an unquoted expansion, a pattern, a list in
    /// braces, or `"$@"`.
    pub splits: bool,
    /// Whether a file name pattern stands in it unquoted, beside expansions or without.
    pub pattern: bool,
    /// The expansions in `text`, in order.
    pub spans: Vec<Span>,
    /// The source text.
    pub raw: String,
}

/// An expansion within a word's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in bytes of the text.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether it is quoted, so that it is not split and no pattern.
    pub quoted: bool,
    /// What is expanded.
    pub expands: Expands,
}

/// What an expansion stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expands {
    /// The value of a variable, `$NAME` or `${NAME}`, or of an argument: `$1`, `$@`, `$*`.
    Variable(String),
    /// What a script prints: `$(…)` or backticks.
    Command(String),
    /// A whole number: `$((…))`, `$?`, `$#`, `$$`, `${#NAME}`.
    Number,
    /// The name of a pipe: `<(…)` or `>(…)`.
    Process,
    /// Anything else.
    Other,
}

/// `NAME=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable, without a subscript.
    pub name: String,
    /// What it gets; an array is never literal.
    pub value: Word,
    /// Whether it is one of the words that a `for` goes over, which are split first.
    pub each: bool,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// `<`, `>`, `>>`, `<>`, `>|`, `&>`, `&>>`, `<&`, `>&`, `<<`, `<<-` or `<<<`.
    pub op: &'static str,
    /// The file or descriptor; for `<<` and `<<-` the here-document's text.
    pub target: Word,
    /// The descriptor before the operator, `2` or `{name}`.
    pub fd: Option<String>,
}

impl Redirect {
    /// Tells whether it writes to a file, creating or changing it; `2>&1` does not.
    pub fn writes_file(&self) -> bool {
        match self.op {
            ">" | ">>" | "<>" | ">|" | "&>" | "&>>" => true,
            ">&" => {
                let text = self.target.text.trim_end_matches('-');
                !(self.target.literal && text.bytes().all(|byte| byte.is_ascii_digit()))
            }
            _ => false,
        }
    }
}

/// Why a line cannot be told apart into commands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    /// The text is longer than [`MAX_BYTES`].
    #[error("The command is longer than 64 KB. Put it in a script file.")]
    TooLong,
    /// It nests too deep or has too many commands.
    #[error("The command nests too deep or has too many parts. Split it up.")]
    TooComplex,
    /// It is not a script, or not one whose reading is certain.
    #[error("Cannot tell what the command runs (line {line}, column {column}): {message}.")]
    Syntax {
        /// 1-based line.
        line: u32,
        /// 1-based column in characters.
        column: u32,
        /// What was met.
        message: String,
    },
}

/// Finds every command in `text`, read as bash reads it.
///
/// # Errors
/// Where the text is not a script, is too large, or could be read in more than one way.
pub fn parse(text: &str) -> Result<Script, ShellError> {
    grammar::parse(text, 0)
}

/// Tells whether what a script prints can only be whole numbers, as of `wc -l < file`.
pub fn prints_numbers(script: &str) -> bool {
    counters::prints_numbers(script)
}
