//! Judges a command line: every command in it, and what they do together.

use distiq_lang::shell::{self, Command, Redirect, Script};

use super::commands::{self, Context};
use super::danger;
use super::paths::{Area, Base, Secret};
use super::{Part, Verdict, readers};
use crate::place::Grounds;

/// Programs that fetch or decode what a shell might then run.
const SOURCES: [&str; 12] = [
    "curl", "wget", "fetch", "http", "base64", "base32", "xxd", "openssl", "nc", "ncat", "rev",
    "uudecode",
];

/// Variables that change what programs do or load.
const POWERFUL: &[&str] = &[
    "PATH",
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "IFS",
    "CDPATH",
    "HOME",
    "PAGER",
    "EDITOR",
    "VISUAL",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "MANPAGER",
    "RIPGREP_CONFIG_PATH",
    "GREP_OPTIONS",
    "NODE_OPTIONS",
    "RUBYOPT",
    "RUBYLIB",
    "PERL5OPT",
    "PERL5LIB",
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PYTHONHOME",
    "JAVA_TOOL_OPTIONS",
    "RUSTC_WRAPPER",
    "RUSTC",
    "CC",
    "CXX",
    "TMPDIR",
    "GCONV_PATH",
    "LOCPATH",
    "TERMINFO",
    "PS4",
    "XDG_CONFIG_HOME",
    "TAR_OPTIONS",
    "AWKPATH",
];

/// Returns the verdict on each command of a line, as in mode `ask`.
pub(crate) fn judge(line: &str, cwd: &str, grounds: &Grounds) -> Vec<Part> {
    let script = match shell::parse(line) {
        Ok(script) => script,
        Err(error) => {
            let text = line.trim().to_owned();
            let sure = danger::in_text(line);
            return vec![match sure {
                Some(reason) => Part::new(text, Verdict::Deny, reason),
                None => Part::new(text, Verdict::Ask, error.to_string()),
            }];
        }
    };
    if danger::is_fork_bomb(line, &script) {
        return vec![Part::new(line.trim(), Verdict::Deny, "forks without bound")];
    }
    let mut context = Context {
        base: Base {
            grounds,
            cwd: grounds.readable(cwd).ok().map(|place| place.path),
            strayed: false,
        },
        script: &script,
        index: 0,
    };
    let mut parts: Vec<Part> = Vec::new();
    for (index, command) in script.commands.iter().enumerate() {
        context.index = index;
        let mut part = command_part(command, &context);
        if cwd != "." && part.verdict == Verdict::Ask {
            part.text.push_str(&format!(" (in {cwd})"));
        }
        match parts.iter_mut().find(|other| other.text == part.text) {
            Some(same) if same.verdict < part.verdict => *same = part,
            Some(_) => {}
            None => parts.push(part),
        }
        follow_cd(command, &mut context.base);
    }
    if loops_over_powerful(line) {
        parts.push(Part::new(line.trim(), Verdict::Ask, "a loop changes what programs do"));
    }
    if let Some(reason) = runs_what_it_fetches(&script)
        && let Some(part) = parts.last_mut()
    {
        part.verdict = Verdict::Deny;
        part.reason = reason.to_owned();
    }
    parts
}

fn command_part(command: &Command, context: &Context<'_>) -> Part {
    let mut part = if command.words.is_empty() {
        Part::new("", Verdict::Allow, "sets or redirects only")
    } else {
        commands::judge(command, context)
    };
    part.text = command.text.trim().to_owned();
    for assignment in &command.assignments {
        if let Some(worse) = assigns(&assignment.name, &assignment.value.text) {
            take_worse(&mut part, worse);
        }
    }
    for redirect in &command.redirects {
        if let Some(worse) = redirects(redirect, context) {
            take_worse(&mut part, worse);
        }
    }
    if let Some(name) = danger::secret_variable(command) {
        take_worse(&mut part, Part::new("", Verdict::Deny, format!("reads the secret ${name}")));
    }
    part
}

/// Keeps the worse verdict with its reason, and what either does.
fn take_worse(part: &mut Part, other: Part) {
    if other.verdict > part.verdict {
        part.verdict = other.verdict;
        part.reason = other.reason;
    }
    part.writes |= other.writes;
    part.network |= other.network;
    part.outside |= other.outside;
}

/// Judges setting a variable.
pub(super) fn assigns(name: &str, value: &str) -> Option<Part> {
    let unchecked = match name {
        "NODE_TLS_REJECT_UNAUTHORIZED" | "PYTHONHTTPSVERIFY" => value == "0",
        "GIT_SSL_NO_VERIFY" => value != "0" && value != "false",
        _ => false,
    };
    if unchecked {
        return Some(Part::new("", Verdict::Deny, format!("{name} turns a safeguard off")));
    }
    let reason = format!("{name} changes what programs do");
    is_powerful(name).then(|| Part::new("", Verdict::Ask, reason))
}

/// Tells whether a variable changes what programs do or load.
pub(super) fn is_powerful(name: &str) -> bool {
    const PREFIXES: [&str; 7] =
        ["LD_", "DYLD_", "GIT_", "BASH_FUNC", "npm_config_", "CARGO_", "DISTIQ_"];
    POWERFUL.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Tells whether a loop counts with such a variable: `for PATH in .`.
fn loops_over_powerful(line: &str) -> bool {
    let mut words = line.split(|c: char| c.is_whitespace() || ";&|(){}".contains(c));
    std::iter::from_fn(|| {
        let word = words.next()?;
        Some(
            matches!(word, "for" | "select")
                && words.clone().find(|w| !w.is_empty()).is_some_and(is_powerful),
        )
    })
    .any(|found| found)
}

fn redirects(redirect: &Redirect, context: &Context<'_>) -> Option<Part> {
    let target = &redirect.target;
    if target.text.starts_with("/dev/tcp/") || target.text.starts_with("/dev/udp/") {
        let part = Part::new("", Verdict::Deny, "opens a connection of its own");
        return Some(Part { network: true, ..part });
    }
    if !redirect.writes_file() {
        return match (redirect.op, context.base.secret(target)) {
            ("<" | "<>", Some(Secret::Beyond)) => {
                Some(Part::new("", Verdict::Deny, "reads keys, passwords or history"))
            }
            ("<", Some(Secret::OfProject)) => {
                Some(Part::new("", Verdict::Ask, "reads a file that may hold keys"))
            }
            ("<" | "<>", None) => readers::reads_beyond(target, false, context)
                .map(|reason| Part::new("", Verdict::Ask, reason)),
            _ => None,
        };
    }
    written(context.base.area(target), &target.raw)
}

/// Judges a write to a place.
pub(super) fn written(area: Area, target: &str) -> Option<Part> {
    let part = |verdict, reason: &str| Part {
        writes: true,
        outside: !matches!(area, Area::Project | Area::Temp | Area::Unknown),
        ..Part::new("", verdict, format!("{reason} {target}"))
    };
    Some(match area {
        Area::Nowhere => return None,
        Area::Project => part(Verdict::Ask, "writes"),
        Area::Temp => part(Verdict::Ask, "writes the temporary file"),
        Area::Unknown => part(Verdict::Ask, "only the run tells where it writes:"),
        Area::Home => part(Verdict::Ask, "writes outside the project:"),
        Area::Git => part(Verdict::Deny, "writes git's own file"),
        Area::Device => part(Verdict::Deny, "writes the device"),
        Area::Startup => part(Verdict::Deny, "writes a start-up file:"),
        Area::Above => part(Verdict::Deny, "replaces the project or a folder above it:"),
        Area::System => part(Verdict::Deny, "writes a system file:"),
    })
}

/// After `cd`, relative paths begin elsewhere.
fn follow_cd(command: &Command, base: &mut Base<'_>) {
    if !matches!(command.program(), Some("cd" | "pushd" | "popd")) {
        return;
    }
    let mut targets = command.words.iter().skip(1);
    let target = targets.find(|word| !word.text.starts_with('-') || word.text == "-");
    base.cwd = match target {
        Some(word) if word.text == "-" => None,
        Some(word) => base.path(word),
        None if command.program() == Some("cd") => crate::place::home(),
        None => None,
    };
    let inside = base.cwd.as_ref().is_some_and(|cwd| cwd.starts_with(&base.grounds.root));
    base.strayed |= !inside;
}

/// Tells whether a line fetches or decodes something and runs it.
fn runs_what_it_fetches(script: &Script) -> Option<&'static str> {
    let source = |command: &Command| command.program().is_some_and(|name| SOURCES.contains(&name));
    let first = script.commands.iter().position(source)?;
    let runs = |(index, command): (usize, &Command)| {
        let fed = command.reads_pipe && index > first;
        let substituted =
            script.commands.iter().skip(index).any(|c| c.in_substitution && source(c));
        command.opaque && (fed || substituted)
    };
    script.commands.iter().enumerate().any(runs).then_some("runs what it downloads or decodes")
}
