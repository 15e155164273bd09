//! Permission: what a call may do without asking, decided from its text alone.
//!
//! [`decide`] changes nothing and runs nothing; it looks at the file system only to see where
//! paths lead. A command line is taken apart by `lang::shell`; every command in it gets a verdict with its reason, and the
//! worst one counts. *Allow* means provably harmless; *deny* is for what no project needs; all
//! else is *ask*.

mod awk;
mod chains;
mod classes;
mod cloud;
mod code;
mod commands;
mod danger;
mod fields;
mod find_rules;
mod folders;
mod git_rules;
mod hunts;
mod known;
mod leaks;
mod names;
mod network;
mod options;
mod parameters;
mod paths;
mod printed;
mod processes;
mod reader_table;
mod readers;
mod redirects;
mod rewrites;
mod rules;
pub(crate) use distiq_base::secret_files as secrets;
mod sed;
mod shell_line;
mod specials;
mod tainted;
mod targets;
mod values;
mod variables;
mod wrappers;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use distiq_base::Mode;
use serde::Serialize;
use serde_json::Value;

use crate::edit::Kind;
use crate::outcome::{Refusal, RefusalKind};
use crate::place::{Grounds, Place, resolve};
use crate::shell;
use crate::toolbox::Parsed;

pub(crate) use self::rewrites::Heard;
pub use self::rewrites::Rewrite;
pub use self::rules::{RuleError, Rules};
use self::shell_line::judge as judge_shell;

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may.
    Allow,
    /// The user decides.
    Ask,
    /// It may not.
    Deny,
}

/// A part of what a call does, such as one command of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The part, as it is shown to the user and as "always" remembers it.
    pub text: String,
    /// What may happen with it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Whether it writes files.
    pub writes: bool,
    /// Whether it uses the network.
    pub network: bool,
    /// Whether it reaches beyond the project, so that no mode allows it unasked.
    #[serde(skip)]
    pub outside: bool,
    /// What history it rewrites; no mode does that unasked but for who typed it.
    #[serde(skip)]
    pub rewrites: Option<Rewrite>,
}

/// The verdict on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The worst of the parts' verdicts, as the mode has it.
    pub verdict: Verdict,
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// Why the verdict is what it is.
    pub reason: String,
}

impl Part {
    /// Makes a part.
    pub(crate) fn new(
        text: impl Into<String>,
        verdict: Verdict,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            text: text.into(),
            verdict,
            reason: reason.into(),
            writes: false,
            network: false,
            outside: false,
            rewrites: None,
        }
    }
}

impl Decision {
    /// Makes a question of everything that would be allowed unasked.
    pub(crate) fn ask_for_all(&mut self, reason: &str) {
        for part in self.parts.iter_mut().filter(|part| part.verdict == Verdict::Allow) {
            part.verdict = Verdict::Ask;
            part.reason = reason.to_owned();
        }
        if self.verdict == Verdict::Allow {
            self.verdict = Verdict::Ask;
            self.reason = reason.to_owned();
        }
    }
}

/// Decides on a call of `tool` by its arguments.
///
/// # Errors
/// Where the arguments are wrong, so that the call would not run anyway.
pub fn decide(mode: Mode, tool: &str, input: &Value, root: &Path) -> Result<Decision, Refusal> {
    let root = resolve(root).map_err(|error| Refusal::io(&root.display().to_string(), &error))?;
    let grounds = Grounds { outputs: root.clone(), root };
    Ok(judge(mode, &Parsed::new(tool, input)?, &grounds))
}

/// Remembers what the user allowed for good, for one project.
pub trait Memory: Send + Sync {
    /// Returns the parts that were kept, each with its tool.
    fn kept(&self) -> Vec<(String, String)>;

    /// Keeps parts of a tool; a memory that cannot says so by itself, the session goes on.
    fn keep(&self, tool: &str, parts: &[String]);
}

/// Judges many command lines of one project.
#[derive(Debug)]
pub struct Judge {
    grounds: Grounds,
    mode: Mode,
    rules: Arc<Rules>,
    granted: HashSet<String>,
}

impl Judge {
    /// Makes a judge of command lines that run in `root`.
    ///
    /// # Errors
    /// Where the root cannot be resolved.
    pub fn new(root: &Path, mode: Mode) -> Result<Self, Refusal> {
        let root =
            resolve(root).map_err(|error| Refusal::io(&root.display().to_string(), &error))?;
        let grounds = Grounds { outputs: root.clone(), root };
        Ok(Self { grounds, mode, rules: Arc::default(), granted: HashSet::new() })
    }

    /// Adds rules, and what the user has allowed for good.
    #[must_use]
    pub fn with(self, rules: Arc<Rules>, granted: &[(String, String)]) -> Self {
        let granted = granted.iter().map(|(tool, part)| grant(tool, part)).collect();
        Self { rules, granted, ..self }
    }

    /// Decides on a command line; one that runs nothing is allowed.
    pub fn line(&self, line: &str) -> Decision {
        let mut parts = judge_shell(line, ".", &self.grounds, &self.rules);
        for part in parts.iter_mut().filter(|part| part.verdict == Verdict::Ask) {
            if self.granted.contains(&grant("shell", &part.text)) {
                part.verdict = Verdict::Allow;
                part.reason = "you allowed it always".to_owned();
            }
        }
        conclude(self.mode, Nature::Runs, parts)
    }
}

/// What "always" remembers: this part, of this tool.
pub(crate) fn grant(tool: &str, part: &str) -> String {
    format!("{tool}\0{part}")
}

/// Decides on a call whose arguments are read, by the built-in rules alone.
pub(crate) fn judge(mode: Mode, call: &Parsed, grounds: &Grounds) -> Decision {
    judge_by(Terms { rules: &Rules::default(), mode, heard: &Heard::default() }, call, grounds)
}

/// What holds for all calls of a session.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// The rules of the settings.
    pub(crate) rules: &'a Rules,
    /// What may be done without asking.
    pub(crate) mode: Mode,
    /// What the user typed.
    pub(crate) heard: &'a Heard,
}

/// Decides on a call whose arguments are read.
pub(crate) fn judge_by(terms: Terms<'_>, call: &Parsed, grounds: &Grounds) -> Decision {
    let Terms { rules, mode, heard } = terms;
    let reads = |tool: &str, path: &str| {
        rules.of_path(tool, &relative(path, grounds), reads(path, grounds))
    };
    let writes = |tool: &str, verb: &str, path: &str| {
        rules.of_path(tool, &relative(path, grounds), writes(verb, path, grounds))
    };
    let mut parts: Vec<Part> = match call {
        Parsed::Read(input) => {
            let paths = input.files.iter().map(|wanted| wanted.path.as_str());
            paths.map(|path| reads("read", path)).collect()
        }
        Parsed::Find(input) => {
            let part = Part::new(format!("list {}", input.path), Verdict::Allow, "lists names");
            vec![rules.of_path("find", &relative(&input.path, grounds), part)]
        }
        Parsed::Search(input) => vec![reads("search", &input.path)],
        Parsed::Edit(input) => input
            .changes
            .iter()
            .flat_map(|change| {
                let verb = if change.kind == Kind::Delete { "delete" } else { "edit" };
                let target = match &change.kind {
                    Kind::Edit { to: Some(to), .. } => Some(writes("edit", "edit", to)),
                    _ => None,
                };
                std::iter::once(writes("edit", verb, &change.path)).chain(target)
            })
            .collect(),
        Parsed::Write(input) => vec![writes("write", "write", &input.path)],
        Parsed::Shell(shell::Input { id: Some(id), .. }) => {
            vec![Part::new(format!("command {id}"), Verdict::Allow, "was started before")]
        }
        Parsed::Shell(input) => judge_shell(&input.command, &input.cwd, grounds, rules),
        Parsed::Git(input) => vec![rules.of_git(input.part())],
        Parsed::Test(input) => vec![input.part(grounds)],
        Parsed::List => Vec::new(),
    };
    for part in &mut parts {
        part.rewrites = part.rewrites.filter(|rewrite| !heard.holds(*rewrite));
    }
    conclude(mode, Nature::of(call), parts)
}

/// What a call is for, as far as modes tell it apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    Reads,
    Edits,
    Runs,
}

impl Nature {
    fn of(call: &Parsed) -> Self {
        match call {
            Parsed::Read(_) | Parsed::Search(_) => Self::Reads,
            Parsed::Edit(_) | Parsed::Write(_) => Self::Edits,
            _ => Self::Runs,
        }
    }
}

fn conclude(mode: Mode, call: Nature, mut parts: Vec<Part>) -> Decision {
    for part in &mut parts {
        part.verdict = match (part.verdict, mode) {
            (Verdict::Ask, Mode::ReadOnly) if part.writes || call != Nature::Reads => {
                part.reason = format!("read-only mode: {}", part.reason);
                Verdict::Deny
            }
            // A rule allows it, and this mode does not.
            (Verdict::Allow, Mode::ReadOnly) if part.writes => {
                part.reason = "read-only mode: it writes".to_owned();
                Verdict::Deny
            }
            (Verdict::Ask, Mode::AutoEdit) if call == Nature::Edits && !part.outside => {
                Verdict::Allow
            }
            (Verdict::Ask, Mode::Full) if !part.outside && part.rewrites.is_none() => {
                Verdict::Allow
            }
            (verdict, _) => verdict,
        };
    }
    let worst = parts.iter().max_by_key(|part| part.verdict);
    let verdict = worst.map_or(Verdict::Allow, |part| part.verdict);
    let reason = match worst {
        Some(part) if parts.len() > 1 && verdict != Verdict::Allow => {
            format!("{}: {}", part.text, part.reason)
        }
        Some(part) => part.reason.clone(),
        None => "nothing to decide".to_owned(),
    };
    Decision { verdict, parts, reason }
}

/// Returns a path as rules see it: relative to the root, links resolved.
fn relative(path: &str, grounds: &Grounds) -> String {
    match grounds.readable(path) {
        Ok(place) => match place.path.strip_prefix(&grounds.root) {
            Ok(inside) => inside.to_string_lossy().into_owned(),
            Err(_) => place.path.to_string_lossy().into_owned(),
        },
        Err(_) => path.to_owned(),
    }
}

fn reads(path: &str, grounds: &Grounds) -> Part {
    let text = format!("read {}", crate::place::show(path));
    match grounds.readable(path) {
        Ok(place)
            if secrets::is_secret_of(&place.path, &grounds.root)
                && !of_outputs(&place, grounds) =>
        {
            Part::new(text, Verdict::Ask, "may hold keys or passwords")
        }
        Err(refusal) if refusal.kind == RefusalKind::Denied => {
            Part { outside: true, ..Part::new(text, Verdict::Deny, refusal.message) }
        }
        // Whatever else is wrong, the call itself will say.
        _ => Part::new(text, Verdict::Allow, "reads in the project"),
    }
}

fn of_outputs(place: &Place, grounds: &Grounds) -> bool {
    !place.path.starts_with(&grounds.root)
}

fn writes(verb: &str, path: &str, grounds: &Grounds) -> Part {
    let text = format!("{verb} {}", crate::place::show(path));
    let part = match grounds.writable(path) {
        Err(refusal) if refusal.kind == RefusalKind::Denied => {
            Part { outside: true, ..Part::new(text, Verdict::Deny, refusal.message) }
        }
        Ok(place) => Part::new(
            format!("{verb} {}", place.shown),
            Verdict::Ask,
            "changes a file in the project",
        ),
        Err(_) => Part::new(text, Verdict::Ask, "changes a file in the project"),
    };
    Part { writes: true, ..part }
}
