//! Asks the user on the terminal, whatever standard input and output are connected to.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::sync::Mutex;

use distiq_base::{Answer, Ask, Question};

use crate::terminal;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 10;

/// Asks on `/dev/tty`; without a terminal, nobody answers.
#[derive(Debug, Default)]
pub struct TerminalAsk {
    /// One question at a time.
    turn: Mutex<()>,
}

impl Ask for TerminalAsk {
    fn ask(&self, question: &Question) -> Answer {
        let Ok(_turn) = self.turn.lock() else { return Answer::Nobody };
        // A background job may own no terminal that a user looks at.
        if !io::stderr().is_terminal() {
            return Answer::Nobody;
        }
        match OpenOptions::new().read(true).write(true).open("/dev/tty") {
            Ok(tty) => put(question, &tty).unwrap_or(Answer::Nobody),
            Err(_) => Answer::Nobody,
        }
    }
}

fn put(question: &Question, mut tty: &File) -> io::Result<Answer> {
    tty.write_all(shown(question).as_bytes())?;
    let mut line = String::new();
    let read = BufReader::new(io::Read::take(tty, MAX_ANSWER_BYTES)).read_line(&mut line)?;
    Ok(if read == 0 { Answer::Nobody } else { understood(&line) })
}

fn shown(question: &Question) -> String {
    let mut text = format!("\n{} wants: {}\n", question.tool, question.summary);
    if !question.reason.is_empty() {
        text.push_str(&format!("  because it {}\n", question.reason));
    }
    if question.parts.len() > 1 {
        for part in &question.parts {
            text.push_str(&format!("  part: {part}\n"));
        }
    }
    text.push_str("[o]nce, [a]lways in this project for exactly this, [n]o, or say why not: ");
    terminal::safe(&text).into_owned()
}

fn understood(line: &str) -> Answer {
    match line.trim() {
        "o" | "O" | "once" | "y" | "Y" | "yes" => Answer::Once,
        "a" | "A" | "always" => Answer::Always,
        "" | "n" | "N" | "no" => Answer::No(String::new()),
        reason => Answer::No(reason.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_and_anything_else_is_a_no_with_a_reason() {
        assert_eq!(understood("y\n"), Answer::Once);
        assert_eq!(understood("always\n"), Answer::Always);
        assert_eq!(understood("\n"), Answer::No(String::new()));
        assert_eq!(understood("use make\n"), Answer::No("use make".to_owned()));
    }

    #[test]
    fn a_question_steers_no_terminal_and_shows_its_parts() {
        let question = Question {
            tool: "shell".into(),
            summary: "a && \x1b[2Jb".into(),
            parts: vec!["a".into(), "b".into()],
            reason: "runs project code".into(),
        };
        let shown = shown(&question);
        assert!(!shown.contains('\x1b') && shown.contains("part: a\n  part: b"), "{shown}");
    }
}
