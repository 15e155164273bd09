//! Judges setting and reading variables: those that change what programs do, and those that only the run tells.

use distiq_lang::shell::{Command, Word};

use super::commands::Context;
use super::secrets::is_secret_variable;
use super::shell_line::judge_inner;
use super::{Part, Verdict};

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

/// Tells whether an argument such as `IFS=,` says what parts words, which is followed.
pub(super) fn sets_separators(word: &Word) -> bool {
    word.literal && word.text.strip_prefix("IFS=").is_some_and(|value| value.len() < 4)
}

/// Judges the text of a variable that programs run.
pub(super) fn runs_later(name: &str, value: &str, context: &Context<'_>) -> Option<Part> {
    let runs = is_powerful(name) && value.contains(' ') && !value.contains("$(");
    let line = value.trim_start_matches(['|', '!']);
    let quoted = ['\'', '"'].into_iter().find_map(|quote| {
        line.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote))
    });
    let line = quoted.unwrap_or(line);
    let parts = runs.then(|| judge_inner(line, context))?;
    parts.into_iter().find(|part| part.verdict == Verdict::Deny)
}

/// Judges `${!NAME}`: the variable whose name another one holds.
pub(super) fn indirect(
    command: &Command,
    written_as: &Command,
    context: &Context<'_>,
) -> Option<Part> {
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
pub(super) fn defaults(command: &Command) -> impl Iterator<Item = &str> {
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    let words = command.words.iter().chain(targets).filter(|word| !word.literal);
    words.flat_map(|word| word.text.split("${").skip(1)).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (name, operator) = rest.split_at_checked(end)?;
        (operator.starts_with(":=") || operator.starts_with('=')).then_some(name)
    })
}

/// Returns the variables that a command puts numbers into: `{NAME}>file`, `wait -p NAME`.
pub(super) fn filled(command: &Command) -> impl Iterator<Item = &str> {
    let files = command
        .redirects
        .iter()
        .filter_map(|redirect| redirect.fd.as_deref()?.strip_prefix('{')?.strip_suffix('}'));
    let waits = command.program() == Some("wait");
    let words = command.words.iter().skip(1).filter(move |_| waits);
    let named = words.map(|word| match word.text.split_once('p') {
        Some((options, name)) if options.starts_with('-') && !name.is_empty() => name,
        _ => word.text.as_str(),
    });
    files.chain(named)
}
