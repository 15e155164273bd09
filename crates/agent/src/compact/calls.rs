//! What the calls of a history did: files they touched, what failed.

use std::collections::HashMap;

use distiq_base::{Carried, Message, TouchedFile};
use serde_json::Value;

use super::results;

/// Most lines that a file's definitions take.
const MOST_SIGNATURES: usize = 12;
/// The longest line about a call that failed.
const MOST_FAILURE_BYTES: usize = 280;

/// The calls of a history by their ids.
pub struct Calls<'a>(HashMap<&'a str, (&'a str, &'a str)>);

impl<'a> Calls<'a> {
    pub fn of(messages: &'a [Message]) -> Self {
        let calls = messages.iter().flat_map(Message::tool_calls);
        Self(calls.map(|(id, name, arguments)| (id, (name, arguments))).collect())
    }

    /// Returns a call's name and arguments.
    pub fn get(&self, id: &str) -> Option<(&'a str, &'a str)> {
        self.0.get(id).copied()
    }

    /// Returns a call on one short line, such as `shell cargo test`.
    pub fn line(&self, id: &str) -> String {
        let Some((name, arguments)) = self.0.get(id) else { return "a call".to_owned() };
        line(name, arguments)
    }

    /// Adds what the calls of messages touched, and which failed, to what is carried over.
    pub fn collect(
        &self,
        messages: &[Message],
        carried: &mut Carried,
        signatures: &dyn Fn(&str) -> Vec<String>,
    ) {
        let mut changed = Vec::new();
        for message in messages {
            for (id, text, is_error) in results(message) {
                let Some((name, arguments)) = self.0.get(id) else { continue };
                let failed = is_error || has_failed(&text);
                if failed {
                    let why = cut(telling_line(&text), MOST_FAILURE_BYTES);
                    let entry = format!("{}: {why}", line(name, arguments));
                    carried.failed.retain(|known| *known != entry);
                    carried.failed.push(entry);
                }
                for path in paths(arguments) {
                    match (*name, is_error) {
                        ("edit" | "write", false) => changed.push(path),
                        ("read", false) => {
                            carried.read.retain(|known| *known != path);
                            carried.read.push(path);
                        }
                        _ => {}
                    }
                }
            }
        }
        let known: Vec<String> = carried.changed.drain(..).map(|file| file.path).collect();
        let mut paths: Vec<String> = Vec::new();
        for path in known.into_iter().chain(changed) {
            paths.retain(|known| *known != path);
            paths.push(path);
        }
        // As they are now: what they defined when they were changed may be gone.
        carried.changed = paths
            .into_iter()
            .map(|path| {
                let mut signatures = signatures(&path);
                signatures.truncate(MOST_SIGNATURES);
                TouchedFile { path, signatures }
            })
            .collect();
    }
}

/// Returns a call on one short line.
pub fn line(name: &str, arguments: &str) -> String {
    let input: Value = serde_json::from_str(arguments).unwrap_or_default();
    let field = |name: &str| input.get(name).and_then(Value::as_str);
    let what = ["command", "cmd", "path", "query", "pattern", "args"].into_iter().find_map(field);
    let what = what.map_or_else(|| paths(arguments).join(" "), str::to_owned);
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{name} {}", cut(&what, 120)).trim_end().to_owned()
}

/// Returns the paths that a call names.
pub fn paths(arguments: &str) -> Vec<String> {
    let input: Value = serde_json::from_str(arguments).unwrap_or_default();
    let mut paths: Vec<String> = Vec::new();
    let mut add = |path: &str| {
        if !path.is_empty() && path.len() <= 400 && !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    };
    let own = |value: &Value| value.get("path").and_then(Value::as_str).map(str::to_owned);
    own(&input).iter().for_each(|path| add(path));
    for list in ["edits", "files", "paths"] {
        for entry in input.get(list).and_then(Value::as_array).into_iter().flatten() {
            let path = entry.as_str().map(str::to_owned).or_else(|| own(entry));
            path.iter().for_each(|path| add(path));
        }
    }
    let patch = input.get("patch").and_then(Value::as_str).unwrap_or_default();
    for line in patch.lines() {
        let named = ["*** Update File: ", "*** Add File: ", "*** Delete File: ", "+++ b/"]
            .iter()
            .find_map(|head| line.strip_prefix(head));
        if let Some(path) = named {
            add(path.trim());
        }
    }
    paths
}

/// Tells whether a command's result says that it failed.
fn has_failed(text: &str) -> bool {
    let exit = |line: &str| {
        let code = line.trim().strip_prefix("[exit ")?;
        let end = code.find(|c: char| !c.is_ascii_digit())?;
        code.get(..end)?.parse::<u32>().ok()
    };
    text.lines()
        .rev()
        .take(3)
        .chain(text.lines().take(3))
        .any(|line| exit(line).is_some_and(|code| code != 0))
}

/// Returns the line of a result that says most about why it failed.
fn telling_line(text: &str) -> &str {
    let tells = |line: &&str| {
        let lower = line.to_lowercase();
        [
            "error",
            "panicked",
            "assert",
            "failed",
            "exception",
            "fatal",
            "not found",
            "denied",
            "cannot",
        ]
        .iter()
        .any(|word| lower.contains(word))
    };
    let lines = || {
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("[exit"))
    };
    lines().find(tells).or_else(|| lines().next_back()).unwrap_or("no output")
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
