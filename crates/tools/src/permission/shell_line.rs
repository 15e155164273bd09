//! Judges a command line: every command in it, and what they do together.

use std::collections::HashMap;
use std::path::PathBuf;

use distiq_lang::shell::{self, Assignment, Command, Redirect, Script, Word};

use super::commands::{self, Context};
use super::paths::{Area, Base, Secret};
use super::rules::Rules;
use super::secrets::is_secret_variable;
use super::values::Values;
use super::{Part, Verdict, chains, danger, network, readers, rewrites};
use crate::place::Grounds;

/// How deep lines within lines are followed.
const MAX_DEPTH: u32 = 4;

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
    "LESS",
    "LESSKEY",
    "MORE",
    "MANPAGER",
    "MANOPT",
    "RIPGREP_CONFIG_PATH",
    "GREP_OPTIONS",
    "RUBYOPT",
    "RUBYLIB",
    "CLASSPATH",
    "RUSTC_WRAPPER",
    "RUSTC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "CC",
    "CXX",
    "LD",
    "AR",
    "CFLAGS",
    "MAKEFLAGS",
    "TMPDIR",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "TERMINFO",
    "TERMCAP",
    "PS4",
    "PS0",
    "PS1",
    "TAR_OPTIONS",
    "AWKPATH",
    "AWKLIBPATH",
    "SSLKEYLOGFILE",
    "GLIBC_TUNABLES",
    "POSIXLY_CORRECT",
    "SHELL",
    "HISTFILE",
    "HISTCONTROL",
    "GOFLAGS",
    "GOTOOLCHAIN",
    "GOPROXY",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "DOCKER_HOST",
    "KUBECONFIG",
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "JQ_LIBRARY_PATH",
    "TREE_CHARSET_",
    "MAGIC",
    "XZ_OPT",
    "XZ_DEFAULTS",
    "ZIPOPT",
    "UNZIP",
    "GZIP",
    "BC_ENV_ARGS",
    "EXINIT",
    "VIMINIT",
];

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
        for reading in &readings {
            let read = command_part(reading, command, &context);
            match &mut part {
                Some(part) => take_worse(part, read),
                None => part = Some(read),
            }
        }
        if let Some(mut part) = part {
            part.text = command.text.trim().to_owned();
            if part.verdict == Verdict::Ask && context.base.cwd != begin {
                // The same words elsewhere are something else.
                part.text.push_str(&place(&context.base));
            }
            add(&mut parts, part);
        }
        if let Some(reading) = readings.first() {
            folders.follow(reading, command, &mut context.base);
        }
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
    if defaults(written_as).any(is_powerful) {
        take_worse(&mut part, Part::new("", Verdict::Ask, "changes what programs do"));
    }
    if let Some(name) = danger::secret_variable(written_as) {
        let worse = Part::new("", Verdict::Deny, format!("reads the secret ${name}"));
        take_worse(&mut part, worse);
    }
    part
}

/// Judges `${!NAME}`: the variable whose name another one holds.
fn indirect(command: &Command, written_as: &Command, context: &Context<'_>) -> Option<Part> {
    let words =
        written_as.words.iter().chain(written_as.redirects.iter().map(|redirect| &redirect.target));
    let mut names = words
        .filter(|word| !word.literal)
        .flat_map(|word| word.text.split("${!").skip(1))
        .filter_map(|rest| rest.split('}').next())
        // An array's keys, or names that begin so.
        .filter(|inner| {
            !inner.ends_with(['@', '*']) && !inner.ends_with("[@]") && !inner.ends_with("[*]")
        });
    let name = names.next()?;
    let assigned = context
        .script
        .commands
        .iter()
        .flat_map(|other| &other.assignments)
        .filter(|a| a.name == name);
    let secret = assigned
        .map(|assignment| &assignment.value.text)
        .any(|value| is_secret_variable(value) || value.starts_with("${!"));
    let verdict = if secret { Verdict::Deny } else { Verdict::Ask };
    let open = command.words.iter().any(|word| word.text.contains("${!"));
    if !open && !secret {
        return None;
    }
    Some(Part::new("", verdict, "reads a variable that only the run tells"))
}

/// Returns the variables that `${NAME:=text}` sets.
fn defaults(command: &Command) -> impl Iterator<Item = &str> {
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    let words = command.words.iter().chain(targets).filter(|word| !word.literal);
    words.flat_map(|word| word.text.split("${").skip(1)).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (name, operator) = rest.split_at_checked(end)?;
        (operator.starts_with(":=") || operator.starts_with('=')).then_some(name)
    })
}

/// Judges the text of a variable that programs run.
fn runs_later(name: &str, value: &str, context: &Context<'_>) -> Option<Part> {
    let runs = is_powerful(name) && value.contains(' ') && !value.contains("$(");
    let line = value.trim_start_matches(['|', '!']);
    let quoted = ['\'', '"'].into_iter().find_map(|quote| {
        line.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote))
    });
    let line = quoted.unwrap_or(line);
    let parts = runs.then(|| judge_inner(line, context))?;
    parts.into_iter().find(|part| part.verdict == Verdict::Deny)
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

/// Tells whether an argument such as `IFS=,` says what parts words, which is followed.
pub(super) fn sets_separators(word: &Word) -> bool {
    word.literal && word.text.strip_prefix("IFS=").is_some_and(|value| value.len() < 4)
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

/// Judges setting a variable.
pub(super) fn assigns(name: &str, value: &str) -> Option<Part> {
    let off = match name {
        "NODE_TLS_REJECT_UNAUTHORIZED" | "PYTHONHTTPSVERIFY" => value == "0",
        "GIT_SSL_NO_VERIFY" => value != "0" && value != "false",
        "DISTIQ_SANDBOX" => value != "require",
        "DISTIQ_MODE" => matches!(value, "full" | "auto-edit"),
        _ => false,
    };
    if off {
        return Some(Part::new("", Verdict::Deny, format!("{name} turns a safeguard off")));
    }
    // The system's own programs stay what they are.
    let plain = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin", "/usr/local/sbin"];
    if name == "PATH" && value.split(':').all(|folder| plain.contains(&folder)) {
        return None;
    }
    let reason = format!("{name} changes what programs do");
    is_powerful(name).then(|| Part::new("", Verdict::Ask, reason))
}

/// Tells whether a variable changes what programs do or load.
pub(super) fn is_powerful(name: &str) -> bool {
    const PREFIXES: [&str; 24] = [
        "LD_",
        "DYLD_",
        "GIT_",
        "BASH_",
        "npm_config_",
        "NPM_CONFIG_",
        "CARGO_",
        "DISTIQ_",
        "PYTHON",
        "PERL",
        "NODE_",
        "JAVA_",
        "_JAVA",
        "JDK_",
        "MAVEN_",
        "YARN_",
        "PIP_",
        "UV_",
        "LESS",
        "MAN",
        "GREP_OPT",
        "SSH_",
        "BAT_",
        "MALLOC_",
    ];
    const HARMLESS: [&str; 5] =
        ["NODE_ENV", "GREP_COLORS", "LESSCHARSET", "GIT_PAGER_IN_USE", "PYTHONUNBUFFERED"];
    !HARMLESS.contains(&name)
        && (POWERFUL.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

fn redirects(redirect: &Redirect, context: &Context<'_>) -> Option<Part> {
    let target = &redirect.target;
    if target.text.starts_with("/dev/tcp/") || target.text.starts_with("/dev/udp/") {
        let host = target.text.split('/').nth(3).unwrap_or_default();
        let verdict =
            if matches!(host, "127.0.0.1" | "localhost") { Verdict::Ask } else { Verdict::Deny };
        return Some(Part {
            network: true,
            ..Part::new("", verdict, "opens a connection of its own")
        });
    }
    if redirect.op == "<<<"
        && context.base.secret(target) == Some(Secret::Beyond)
        && context.script.commands.iter().any(|c| c.program() == Some("xargs"))
    {
        return Some(Part::new("", Verdict::Deny, "reads keys, passwords or history"));
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
        Area::Home | Area::Beyond => part(Verdict::Ask, "writes outside the project:"),
        Area::Git => part(Verdict::Deny, "writes git's own file"),
        Area::Device => part(Verdict::Deny, "writes the device"),
        Area::Startup => part(Verdict::Deny, "writes a start-up file:"),
        Area::Above => part(Verdict::Deny, "replaces the project or a folder above it:"),
        Area::System => part(Verdict::Deny, "writes a system file:"),
    })
}

/// A shell of its own: a subshell, or a part of a pipeline.
type Shell = (u32, Option<(u32, u32)>);

/// The working directory of every shell of a line; `cd` moves the one it stands in.
struct Folders {
    of: HashMap<Shell, (Option<PathBuf>, bool)>,
    begin: (Option<PathBuf>, bool),
}

impl Folders {
    fn new(base: &Base<'_>) -> Self {
        Self { of: HashMap::new(), begin: (base.cwd.clone(), base.strayed) }
    }

    fn shell(command: &Command) -> Shell {
        (command.subshell, command.pipe.map(|pipe| (pipe.id, pipe.stage)))
    }

    /// Goes to where a command begins.
    fn enter(&self, command: &Command, script: &Script, base: &mut Base<'_>) {
        let mut found = self.of.get(&Self::shell(command));
        let mut subshell = command.subshell;
        while found.is_none() {
            found = self.of.get(&(subshell, None));
            if subshell == 0 {
                break;
            }
            subshell = script.subshells.get(subshell as usize).copied().unwrap_or_default();
        }
        let (cwd, strayed) = found.unwrap_or(&self.begin).clone();
        base.cwd = cwd;
        base.strayed = strayed;
    }

    /// After `cd`, relative paths begin elsewhere.
    fn follow(&mut self, command: &Command, written_as: &Command, base: &mut Base<'_>) {
        if !matches!(command.program(), Some("cd" | "pushd" | "popd")) {
            return;
        }
        let mut targets = command.words.iter().skip(1);
        let target = targets.find(|word: &&Word| !word.text.starts_with('-') || word.text == "-");
        let cwd = match target {
            Some(word) if word.text == "-" => None,
            Some(word) => base.path(word),
            None if command.program() == Some("cd") => crate::place::home(),
            None => None,
        };
        let inside = cwd.as_ref().is_some_and(|cwd| cwd.starts_with(&base.grounds.root));
        self.of.insert(Self::shell(written_as), (cwd, base.strayed || !inside));
    }
}
