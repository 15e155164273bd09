//! Judges a command line: every command in it, and what they do together.

use std::path::PathBuf;

use distiq_lang::shell::{self, Assignment, Command};

use super::commands::{self, Context};
use super::folders::Folders;
use super::paths::{Area, Base};
use super::redirects::redirects;
use super::rules::Rules;
use super::values::Values;
use super::variables::{
    assigns, defaults, filled, indirect, is_powerful, runs_later, sets_separators,
};
use super::{Part, Verdict, chains, danger, network, rewrites};
use crate::place::Grounds;

/// How deep lines within lines are followed.
const MAX_DEPTH: u32 = 4;

/// Returns the verdict on each command of a line, as in mode `ask`.
pub(crate) fn judge(line: &str, cwd: &str, grounds: &Grounds, rules: &Rules) -> Vec<Part> {
    let folder = grounds.readable(cwd).ok().map(|place| place.path);
    let mut parts = judge_in(line, Setting { grounds, rules, depth: 0 }, folder);
    if cwd != "." {
        for part in parts.iter_mut().filter(|part| part.verdict == Verdict::Ask) {
            part.text.push_str(&format!(" (in {cwd})"));
        }
    }
    parts
}

/// Returns the verdict on each command of a line that another one runs.
pub(super) fn judge_inner(line: &str, context: &Context<'_>) -> Vec<Part> {
    judge_in(line, context.setting.deeper(), context.base.cwd.clone())
}

/// What lines within lines share.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) grounds: &'a Grounds,
    pub(super) rules: &'a Rules,
    /// How many lines stand around this one.
    depth: u32,
}

impl Setting<'_> {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

fn judge_in(line: &str, setting: Setting<'_>, cwd: Option<PathBuf>) -> Vec<Part> {
    if setting.depth > MAX_DEPTH {
        return vec![Part {
            writes: true,
            ..Part::new(line.trim(), Verdict::Ask, "nests too deep to be told")
        }];
    }
    let script = match shell::parse(line) {
        Ok(script) => script,
        Err(error) => {
            let again = |piece: &str| judge_in(piece, setting.deeper(), cwd.clone());
            let part = match danger::in_text(line, again) {
                Some(reason) => Part::new(line.trim(), Verdict::Deny, reason),
                None => Part::new(line.trim(), Verdict::Ask, error.to_string()),
            };
            return vec![Part { writes: true, ..part }];
        }
    };
    if danger::is_fork_bomb(line, &script) {
        return vec![Part::new(line.trim(), Verdict::Deny, "forks without bound")];
    }
    let values = Values { script: &script };
    let base = Base { grounds: setting.grounds, cwd, strayed: false };
    let mut context = Context { base, script: &script, values: &values, index: 0, setting };
    let mut parts: Vec<Part> = Vec::new();
    let begin = context.base.cwd.clone();
    let mut folders = Folders::new(&context.base);
    for (index, command) in script.commands.iter().enumerate() {
        context.index = index;
        folders.enter(command, &script, &mut context.base);
        let readings = values.readings(command, &context.base);
        let mut part = None;
        let here = (context.base.cwd.clone(), context.base.strayed);
        let others = folders.others(command);
        for place in std::iter::once(here.clone()).chain(others) {
            (context.base.cwd, context.base.strayed) = place;
            for reading in &readings {
                let read = command_part(reading, command, &context);
                match &mut part {
                    Some(part) => take_worse(part, read),
                    None => part = Some(read),
                }
            }
        }
        (context.base.cwd, context.base.strayed) = here;
        if let Some(mut part) = part {
            part.text = command.text.trim().to_owned();
            if part.verdict == Verdict::Ask && context.base.cwd != begin {
                // The same words elsewhere are something else.
                part.text.push_str(&place(&context.base));
            }
            add(&mut parts, part);
        }
        if let Some(reading) = readings.first() {
            folders.follow(reading, command, &script, &mut context.base);
        }
    }
    if script.evaluated.iter().any(|name| is_powerful(name)) {
        let part = Part::new(line.trim(), Verdict::Ask, "changes what programs do");
        add(&mut parts, Part { writes: true, ..part });
    }
    chains::send_secrets(&script, &mut parts);
    if let Some((index, reason)) = chains::runs_what_it_fetches(&script, &context) {
        let text = script.commands.get(index).map(|command| command.text.trim());
        if let Some(part) = parts.iter_mut().find(|part| Some(part.text.as_str()) == text) {
            part.verdict = Verdict::Deny;
            part.outside = true;
            part.reason = reason.to_owned();
        }
    }
    parts
}

/// Tells where a command runs that does not run where the line begins.
fn place(base: &Base<'_>) -> String {
    match &base.cwd {
        Some(cwd) => format!(" (in {})", base.grounds.shown(cwd)),
        None => " (elsewhere)".to_owned(),
    }
}

/// Adds a part; of two with the same text the worse verdict counts.
fn add(parts: &mut Vec<Part>, part: Part) {
    match parts.iter_mut().find(|other| other.text == part.text) {
        Some(same) => take_worse(same, part),
        None => parts.push(part),
    }
}

fn command_part(command: &Command, written_as: &Command, context: &Context<'_>) -> Part {
    let mut part = match command.words.as_slice() {
        [] if written_as.words.is_empty() => {
            Part::new("", Verdict::Allow, "sets or redirects only")
        }
        [] => Part::new("", Verdict::Allow, "runs nothing"),
        _ => match read_again(command, written_as, context) {
            Some(part) => part,
            None => context.setting.rules.of_command(command, commands::judge(command, context)),
        },
    };
    if command.program() == Some("git") && part.verdict == Verdict::Ask {
        let arguments: Vec<&str> =
            command.words.iter().skip(1).map(|word| word.text.as_str()).collect();
        part.rewrites = rewrites::of(&arguments);
        if part.rewrites.is_some() {
            part.reason = "rewrites history".to_owned();
        }
    }
    let reads = matches!(command.program(), Some("read" | "mapfile" | "readarray"));
    // What parts words is followed where the text tells it.
    let is_followed =
        |a: &&Assignment| a.name == "IFS" && (reads || a.value.literal && a.value.text.len() < 4);
    for assignment in command.assignments.iter().filter(|a| !is_followed(a)) {
        if let Some(worse) = assigns(&assignment.name, &assignment.value.text) {
            take_worse(&mut part, worse);
        }
        if let Some(worse) = runs_later(&assignment.name, &assignment.value.text, context) {
            take_worse(&mut part, worse);
        }
    }
    if matches!(command.program(), Some("export" | "declare" | "typeset" | "readonly" | "local")) {
        let words = command.words.iter().filter(|word| !sets_separators(word));
        let pairs = words.filter_map(|word| word.text.split_once('='));
        for worse in pairs.filter_map(|(name, value)| assigns(name, value)) {
            take_worse(&mut part, worse);
        }
    }
    if part.network && part.verdict == Verdict::Ask && network::carries_out(written_as) {
        take_worse(
            &mut part,
            Part { network: true, ..Part::new("", Verdict::Deny, "sends data out") },
        );
    }
    if written_as.opaque
        && let Some(reason) = hidden(written_as, context)
    {
        take_worse(&mut part, Part::new("", Verdict::Deny, reason));
    }
    // `wc -l < f` tells no more than `wc -l f`.
    let counts = command.program() == Some("wc");
    for redirect in &command.redirects {
        if counts && redirect.op == "<" && context.base.area(&redirect.target) != Area::Device {
            continue;
        }
        if let Some(worse) = redirects(redirect, context) {
            take_worse(&mut part, worse);
        }
    }
    if let Some(worse) = indirect(command, written_as, context) {
        take_worse(&mut part, worse);
    }
    if defaults(written_as).chain(filled(written_as)).any(is_powerful) {
        take_worse(&mut part, Part::new("", Verdict::Ask, "changes what programs do"));
    }
    if let Some(name) = danger::secret_variable(written_as) {
        let worse = Part::new("", Verdict::Deny, format!("reads the secret ${name}"));
        take_worse(&mut part, worse);
    }
    part
}

/// Tells what harm hides in texts of a line that may be evaluated: `a='x[$(sudo id)]'; echo $((a))`.
fn hidden(command: &Command, context: &Context<'_>) -> Option<String> {
    let all = context.script.commands.iter();
    let assigned =
        all.flat_map(|other| other.assignments.iter().map(|assignment| &assignment.value));
    let words = command.words.iter().chain(assigned);
    let denied = |line: String| {
        let parts = judge_inner(&line, context);
        parts.into_iter().find(|part| part.verdict == Verdict::Deny).map(|part| part.reason)
    };
    let evaluated = words.filter(|word| {
        word.spans.is_empty() && (word.text.contains("$(") || word.text.contains('`'))
    });
    let mut found = evaluated.take(8).find_map(|word| {
        denied(format!("echo \"{}\"", word.text.replace('\\', "\\\\").replace('"', "\\\"")))
    });
    found = found.or_else(|| started(command).into_iter().find_map(denied));
    // `ssh -o ProxyCommand='rm -rf ~'`, `git -c core.pager='sudo sh'`
    for word in command.words.iter().skip(1).filter(|word| word.text.contains(' ')).take(8) {
        if found.is_some() {
            break;
        }
        let value =
            word.text.split_once('=').map(|(_, value)| value.trim_start_matches('!').to_owned());
        let remote = word
            .text
            .strip_prefix("ext::")
            .map(|text| text.replace("sh -c ", "").replace("% ", " "));
        found = value.or(remote).and_then(denied);
    }
    found
}

/// Returns what options of a command start: `sort --compress-program=sudo`, `rg --pre sudo`.
fn started(command: &Command) -> Vec<String> {
    const OPTIONS: [&str; 14] = [
        "--compress-program",
        "--use-compress-program",
        "--to-command",
        "--pre",
        "--rsh",
        "--rsync-path",
        "--filter",
        "--pager",
        "--checkpoint-action",
        "--extcmd",
        "--upload-pack",
        "--receive-pack",
        "--hostname-bin",
        "--exec",
    ];
    let mut found = Vec::new();
    let mut words = command.words.iter().skip(1).peekable();
    while let Some(word) = words.next() {
        let (name, value) = match word.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.text.as_str(), None),
        };
        if !OPTIONS.contains(&name) {
            continue;
        }
        let value = value.or_else(|| words.peek().map(|next| next.text.as_str()));
        found.extend(value.map(|value| value.trim_start_matches("exec=").to_owned()));
    }
    found
}

/// Judges a command that was opaque as written and is not any more, now that its variables are known.
fn read_again(command: &Command, written_as: &Command, context: &Context<'_>) -> Option<Part> {
    let known = command.words.iter().all(|word| word.literal || word.glob || word.tilde);
    // What is opaque for another reason, such as arithmetic, stays so.
    let by_words = written_as.name().is_none()
        || matches!(
            written_as.program(),
            Some(
                "eval"
                    | "bash"
                    | "sh"
                    | "dash"
                    | "zsh"
                    | "env"
                    | "xargs"
                    | "timeout"
                    | "nice"
                    | "nohup"
                    | "command"
            )
        );
    if !by_words
        || !written_as.opaque
        || !known
        || command.words == written_as.words
        || command.partial
    {
        return None;
    }
    // The shell would read it with the words in place; wrappers are found that way.
    let quoted = command.words.iter().map(|word| match word.literal {
        true => format!("'{}'", word.text.replace('\'', r"'\''")),
        false => word.text.clone(),
    });
    let line = quoted.collect::<Vec<_>>().join(" ");
    let mut parts = judge_inner(&line, context).into_iter();
    let mut worst = parts.next()?;
    for part in parts {
        take_worse(&mut worst, part);
    }
    Some(worst)
}

/// Keeps the worse verdict with its reason, and what either does.
pub(super) fn take_worse(part: &mut Part, other: Part) {
    if other.verdict > part.verdict {
        part.verdict = other.verdict;
        part.reason = other.reason;
    }
    part.writes |= other.writes;
    part.network |= other.network;
    part.outside |= other.outside;
    part.rewrites = part.rewrites.or(other.rewrites);
}
