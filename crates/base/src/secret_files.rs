//! Which files hold keys, passwords or a history of commands.

use std::ffi::OsStr;
use std::path::Path;

/// File names that are secret wherever they are.
const NAMES: &[&str] = &[
    ".env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".my.cnf",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    ".vault-token",
    ".dockercfg",
    ".boto",
    ".s3cfg",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "service-account.json",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "shadow",
    "gshadow",
    "master.key",
    "secrets.yml",
    "secrets.yaml",
    "secrets.json",
    "secrets.toml",
    ".secrets",
    "terraform.tfstate",
    "kubeconfig",
    "hosts.yml",
    "wallet.dat",
    "login data",
    "cookies",
    "cookies.sqlite",
    "logins.json",
    "key4.db",
    "keychain.db",
    "login.keychain-db",
    "application_default_credentials.json",
    "access_tokens.db",
    ".vault_pass",
    "authinfo",
    ".authinfo",
    "secring.gpg",
];

/// Endings of key files.
const ENDINGS: &[&str] = &[
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".kdbx",
    ".ppk",
    ".asc",
    ".gpg",
    ".ovpn",
];

/// Folders that hold nothing else.
const FOLDERS: &[&str] = &[
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".azure",
    ".password-store",
    "keyrings",
    "Keychains",
    "gcloud",
    ".docker",
    ".1password",
];

/// Samples of environments that are meant to be read.
const SAMPLES: &[&str] = &["example", "sample", "template", "dist", "defaults", "test"];

/// Tells whether a file is secret; where the project itself lies says nothing of its files.
pub fn is_secret_of(path: &Path, root: &Path) -> bool {
    is_secret(path.strip_prefix(root).unwrap_or(path))
}

/// Tells whether a file is likely to hold keys, passwords or a history of commands.
pub fn is_secret(path: &Path) -> bool {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().to_lowercase()) else {
        return false;
    };
    if NAMES.contains(&name.as_str()) {
        // gh keeps its token in `hosts.yml`, Ansible its hosts.
        return name != "hosts.yml" || path.components().any(|part| part.as_os_str() == "gh");
    }
    if let Some(kind) = name.strip_prefix(".env.") {
        return !SAMPLES.contains(&kind);
    }
    let is_closed = |part: &OsStr| FOLDERS.iter().any(|folder| part == *folder);
    let in_folder = path
        .parent()
        .is_some_and(|parent| parent.components().any(|part| is_closed(part.as_os_str())));
    let public = name.ends_with(".pub") || name == "known_hosts";
    (in_folder && !public)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || is_history(&name)
        || is_environment(path)
        || name == "config" && path.ends_with(".git/config")
        || name == "config.json" && path.ends_with(".docker/config.json")
        || FOLDERS.contains(&name.as_str())
            && !matches!(name.as_str(), "keyrings" | "gcloud" | ".docker")
        || holds_any(path, &[".config/gcloud", "share/keyrings", "run/secrets/", "ssl/private/"])
        || (name.starts_with("ssh_host_") && name.ends_with("_key"))
}

fn holds_any(path: &Path, parts: &[&str]) -> bool {
    let text = path.to_string_lossy();
    parts.iter().any(|part| text.contains(part))
}

fn is_history(name: &str) -> bool {
    name.starts_with('.')
        && (name.ends_with("_history") || name == ".histfile" || name == ".lesshst")
}

/// The memory and environment of processes.
fn is_environment(path: &Path) -> bool {
    path.starts_with("/proc")
        && path.file_name().is_some_and(|name| {
            ["environ", "mem", "maps", "cmdline", "kcore", "auxv"].iter().any(|n| name == *n)
        })
        && path.components().count() > 3
}

/// Tells whether a variable's name says that it holds a secret.
pub fn is_secret_variable(name: &str) -> bool {
    let name = name.to_uppercase();
    [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "CREDENTIAL",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
    ]
    .iter()
    .any(|word| name.contains(word))
        || name.ends_with("_KEY")
        || name.ends_with("_PASS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_their_lookalikes() {
        for secret in [
            ".env",
            "a/.env.production",
            "/home/u/.ssh/id_ed25519",
            "server.PEM",
            "/root/.bash_history",
            "/proc/1/environ",
            "/proc/self/environ",
            "/etc/shadow",
            "x/.git/config",
            "/h/.aws/config",
            "/h/.config/gh/hosts.yml",
        ] {
            assert!(is_secret(Path::new(secret)), "{secret}");
        }
        for plain in [
            ".env.example",
            "environment.rs",
            "keys.rs",
            "src/token.rs",
            "/h/.ssh/id_rsa.pub",
            "/proc/cpuinfo",
            "hosts.yml",
            "history.md",
        ] {
            assert!(!is_secret(Path::new(plain)), "{plain}");
        }
        let root = Path::new("/home/u/.ssh/project");
        assert!(!is_secret_of(&root.join("a.rs"), root) && is_secret_of(&root.join(".env"), root));
        assert!(is_secret_variable("GITHUB_TOKEN") && !is_secret_variable("HOME"));
    }
}
