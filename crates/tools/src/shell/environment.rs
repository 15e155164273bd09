//! The environment of commands: no pager, no prompt, no editor, no keys.

use std::ffi::{OsStr, OsString};

/// What keeps programs from paging, asking and drawing.
pub(super) const SET: &[(&str, &str)] = &[
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("MANPAGER", "cat"),
    ("SYSTEMD_PAGER", "cat"),
    ("GH_PAGER", "cat"),
    ("DELTA_PAGER", "cat"),
    ("BAT_PAGER", "cat"),
    ("PSQL_PAGER", "cat"),
    ("AWS_PAGER", ""),
    ("EDITOR", "true"),
    ("VISUAL", "true"),
    ("GIT_EDITOR", "true"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GCM_INTERACTIVE", "never"),
    ("GH_PROMPT_DISABLED", "1"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("PIP_NO_INPUT", "1"),
    ("POETRY_NO_INTERACTION", "1"),
    ("COMPOSER_NO_INTERACTION", "1"),
    ("NPM_CONFIG_UPDATE_NOTIFIER", "false"),
    ("PYTHONUNBUFFERED", "1"),
    ("TERM", "dumb"),
];

/// What would undo that, begin every call with a file of somebody's, or tie a command to the
/// `make` or the terminal that Distiq was started from.
const UNSET: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "BASHOPTS",
    "SHELLOPTS",
    "POSIXLY_CORRECT",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "GPG_TTY",
    "SSH_TTY",
    "TMUX",
    "STY",
    "COLUMNS",
    "LINES",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "GIT_SEQUENCE_EDITOR",
    "HGEDITOR",
    "SVN_EDITOR",
    "JJ_EDITOR",
    "KUBE_EDITOR",
    "FCEDIT",
    "LESSOPEN",
    "LESSCLOSE",
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
    "CARGO_MAKEFLAGS",
];

/// Ends of names whose values open something.
const SECRET_ENDS: &[&str] = &[
    "API_KEY",
    "APIKEY",
    "TOKEN",
    "SECRET",
    "SECRETS",
    "SECRET_KEY",
    "SECRET_ACCESS_KEY",
    "ACCESS_KEY",
    "ACCESS_KEY_ID",
    "PRIVATE_KEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "MASTER_KEY",
    "AUTH_KEY",
    "GATEWAY_KEY",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIALS",
    "_PAT",
    "_DSN",
];

/// Tells whether a variable's value is nothing that a project's command should see.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    (name.starts_with("AWS_") && !name.ends_with("_REGION") && name != "AWS_PAGER")
        || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// Returns which of the variables commands do not get; `named` are further secrets by name.
pub(super) fn unset<'a>(
    variables: impl IntoIterator<Item = &'a OsStr>,
    named: &[String],
) -> Vec<OsString> {
    let hidden = |name: &str| {
        name.starts_with("DISTIQ_")
            || UNSET.contains(&name)
            || named.iter().any(|secret| secret == name)
            || is_secret(name)
    };
    let hidden = variables.into_iter().filter(|name| hidden(&name.to_string_lossy()));
    hidden.map(OsStr::to_os_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_and_what_builds_need_stays() {
        let gone = [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "HF_TOKEN",
            "GITHUB_TOKEN",
            "my_api_key",
            "STRIPE_SECRET",
            "DJANGO_SECRET_KEY",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AZURE_CLIENT_SECRET",
            "PGPASSWORD",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "SENTRY_DSN",
            "TOKEN",
            "DISTIQ_GATEWAY_KEY",
            "DISTIQ_HOME",
            "NAMED",
            "BASH_ENV",
            "GIT_ASKPASS",
            "MAKEFLAGS",
        ];
        let kept = [
            "PATH",
            "HOME",
            "LANG",
            "LC_ALL",
            "TZ",
            "USER",
            "CARGO_HOME",
            "RUSTFLAGS",
            "JAVA_HOME",
            "GOPATH",
            "NODE_ENV",
            "VIRTUAL_ENV",
            "PYTHONPATH",
            "AWS_REGION",
            "TOKENIZERS_PARALLELISM",
            "KEYBOARD",
            "HTTPS_PROXY",
            "SSL_CERT_FILE",
            "DATABASE_URL",
            "CC",
        ];
        let all: Vec<&OsStr> = gone.iter().chain(&kept).map(OsStr::new).collect();
        assert_eq!(unset(all, &["NAMED".to_owned()]), gone.map(OsString::from));
    }
}
