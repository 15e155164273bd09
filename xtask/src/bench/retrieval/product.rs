//! The program as users get it, asked all questions of a tree at once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The program and a home for it.
pub struct Product {
    pub distiq: PathBuf,
    pub home: PathBuf,
}

impl Product {
    /// Returns the answers to the questions, in their order.
    pub fn ask(&self, tree: &Path, questions: &[Value], arguments: &[&str]) -> Result<Vec<Value>> {
        let mut child = Command::new(&self.distiq)
            .args(arguments)
            .arg("--jsonl")
            .env("DISTIQ_HOME", &self.home)
            .env("DISTIQ_ROOT", tree)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("Cannot run `{}`", self.distiq.display()))?;
        let rows: String = questions
            .iter()
            .enumerate()
            .map(|(id, question)| {
                let text = question.get("query").and_then(Value::as_str).unwrap_or_default();
                format!("{}\n", json!({ "id": id, "query": text, "request": text }))
            })
            .collect();
        let mut input = child.stdin.take().context("No pipe to the program")?;
        let asking = std::thread::spawn(move || input.write_all(rows.as_bytes()));
        let output = child.wait_with_output()?;
        let _ = asking.join();
        ensure!(output.status.success(), "`distiq {}` failed", arguments.join(" "));
        let answers: Vec<Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()?;
        ensure!(answers.len() == questions.len(), "{} answers", answers.len());
        Ok(answers)
    }
}
