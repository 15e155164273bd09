//! How a command fails: one line that says what, one that says what to do, and an exit code.

use std::error::Error;
use std::ffi::OsString;

use distiq_base::ErrorKind;
use distiq_base::config::ConfigError;
use serde_json::json;

use crate::{output, terminal};

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What kind; sets the exit code.
    pub kind: ErrorKind,
    /// What failed, on what, and why.
    pub message: String,
    /// What to do about it; may be several lines.
    pub hint: Option<String>,
    /// The exit code, where it is not the kind's.
    code: Option<u8>,
    /// The command has already printed what there is to say.
    is_told: bool,
}

/// How failures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `error:` and `hint:` on standard error.
    Words,
    /// An object on standard output.
    Json,
}

impl Style {
    /// Tells from the raw command line, so that it also holds for a wrong one.
    pub fn of(arguments: &[OsString]) -> Self {
        let words: Vec<&str> = arguments
            .iter()
            .map(|word| word.to_str().unwrap_or_default())
            .take_while(|word| *word != "--")
            .collect();
        let is_json = |word: &str| matches!(word, "json" | "stream-json");
        let by_format = words.windows(2).any(|pair| match pair {
            [flag, format] => *flag == "--output-format" && is_json(format),
            _ => false,
        }) || words
            .iter()
            .any(|word| word.strip_prefix("--output-format=").is_some_and(is_json));
        if by_format || words.iter().any(|word| matches!(*word, "--json" | "--jsonl")) {
            Style::Json
        } else {
            Style::Words
        }
    }
}

impl Failure {
    /// Makes a failure without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, code: None, is_told: false }
    }

    /// Makes a failure from an error and all its causes.
    pub fn of(kind: ErrorKind, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = next.source();
        }
        Self::new(kind, message)
    }

    /// Makes the silent failure of a command that has already told its own.
    pub fn told(code: u8) -> Self {
        Self { code: Some(code), is_told: true, ..Self::new(ErrorKind::User, "") }
    }

    /// Makes a failure of a file operation: what could not be done, and why.
    pub fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new(ErrorKind::User, format!("{what}: {error}"))
    }

    /// Changes the kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// Makes a failure from clap's: its first paragraph is the message, its advice the hint.
    pub fn from_usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let mut paragraphs = text.trim().split("\n\n").map(str::trim);
        let mut message = paragraphs.next().unwrap_or_default();
        // Instead of an error there is the help of the whole.
        if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            message = "The command needs to be told what to do";
        }
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let hints: Vec<&str> = paragraphs
            .filter(|text| !text.is_empty())
            .map(|text| text.strip_prefix("tip: ").unwrap_or(text))
            .collect();
        Self::new(ErrorKind::Usage, capitalized(message)).with_hint(hints.join("\n"))
    }

    /// Shows the failure and returns the exit code.
    pub fn report(&self, style: Style) -> u8 {
        let code = self.code.unwrap_or(self.kind.exit_code());
        if self.is_told {
            return code;
        }
        match style {
            Style::Words => {
                terminal::say(&format!("{} {}", terminal::alarm("error:"), self.message));
                if let Some(hint) = &self.hint {
                    terminal::say(&format!("hint: {}", hint.replace('\n', "\n      ")));
                }
            }
            Style::Json => output::json_line(&json!({ "error": {
                "kind": self.kind.as_str(), "message": self.message, "hint": self.hint,
            }})),
        }
        code
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::of(ErrorKind::Config, &error).with_hint(error.hint())
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_command_line_tells_how_to_fail() {
        let style =
            |line: &str| Style::of(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(style("distiq cost --json"), Style::Json);
        assert_eq!(style("distiq run --output-format=stream-json x"), Style::Json);
        assert_eq!(style("distiq run --output-format json x"), Style::Json);
        assert_eq!(style("distiq run --output-format text x"), Style::Words);
        assert_eq!(style("distiq run -- --json"), Style::Words);
    }
}
