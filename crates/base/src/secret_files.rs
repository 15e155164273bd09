//! Which files hold keys, passwords or a history of commands.

use std::borrow::Cow;
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
    "local.settings.json",
    "wp-config.php",
];

/// What files are called that hold nothing else, where they hold data.
const STEMS: &[&str] = &[
    "secret",
    "secrets",
    ".secret",
    ".secrets",
    "client_secret",
    "client_secrets",
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "credential",
    "credentials",
    "creds",
    "api_key",
    "api_keys",
    "api-key",
    "api-keys",
    "apikey",
    "apikeys",
    "service_account",
    "service-account",
];

/// Endings of data.
const DATA: &[&str] = &[
    "json",
    "json5",
    "jsonc",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "config",
    "properties",
    "xml",
    "csv",
    "tsv",
    "txt",
    "text",
    "plist",
    "dat",
    "bak",
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
    ".tfvars",
    ".tfvars.json",
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

/// What paths of secrets hold.
const PLACES: &[&str] = &[".config/gcloud", "share/keyrings", "run/secrets/", "ssl/private/"];

/// What processes show of themselves.
const PROCESS: &[&str] = &["environ", "mem", "maps", "cmdline", "kcore", "auxv"];

/// Samples of environments that are meant to be read.
const SAMPLES: &[&str] = &["example", "sample", "template", "dist", "defaults", "test"];

/// Tells whether a file is secret; where the project itself lies says nothing of its files.
pub fn is_secret_of(path: &Path, root: &Path) -> bool {
    is_secret(path.strip_prefix(root).unwrap_or(path))
}

/// Tells whether a file is likely to hold keys, passwords or a history of commands.
pub fn is_secret(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    path.file_name().is_some_and(|name| SecretFolder::new(folder).holds(name))
}

/// What a folder's path says of the files in it, found out once for all of them.
#[derive(Clone, Debug)]
pub struct SecretFolder<'a> {
    path: &'a Path,
    text: Cow<'a, str>,
    /// Whether one of its names is among [`FOLDERS`].
    is_closed: bool,
    /// Whether it lies in a place of secrets.
    is_private: bool,
}

impl<'a> SecretFolder<'a> {
    /// Looks at a folder's path.
    pub fn new(path: &'a Path) -> Self {
        let is_closed = |part: &OsStr| FOLDERS.iter().any(|folder| part == *folder);
        let text = path.to_string_lossy();
        let is_private = PLACES.iter().any(|place| match place.strip_suffix('/') {
            Some(whole) => text.ends_with(whole) || text.contains(place),
            None => text.contains(place),
        });
        let is_closed = path.components().any(|part| is_closed(part.as_os_str()));
        Self { path, text, is_closed, is_private }
    }

    /// Does as [`is_secret`] for a file in it.
    pub fn holds(&self, file: &OsStr) -> bool {
        let lossy = file.to_string_lossy();
        let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
        let lower = match lossy.bytes().all(is_plain) {
            true => lossy,
            false => lossy.to_lowercase().into(),
        };
        let name = lower.as_ref();
        if NAMES.contains(&name) {
            // gh keeps its token in `hosts.yml`, Ansible its hosts.
            let is_of_gh = || self.path.components().any(|part| part.as_os_str() == "gh");
            return name != "hosts.yml" || is_of_gh();
        }
        if let Some(kind) = name.strip_prefix(".env.") {
            return !SAMPLES.contains(&kind);
        }
        let public = name.ends_with(".pub") || name == "known_hosts";
        (self.is_closed && !public)
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
            || self.is_of_secrets(name)
            || is_history(name)
            || name.strip_suffix(".env").is_some_and(|kind| !SAMPLES.contains(&kind))
            || name.contains("firebase-adminsdk") && name.ends_with(".json")
            || self.is_private
            || file == "config" && self.path.ends_with(".git")
            || file == "config.json" && self.path.ends_with(".docker")
            || FOLDERS.contains(&name) && !matches!(name, "keyrings" | "gcloud" | ".docker")
            || name.starts_with("gcloud") && self.text.ends_with(".config")
            || name.starts_with("keyrings") && self.text.ends_with("share")
            || name.starts_with("ssh_host_") && name.ends_with("_key")
            || self.is_environment(file)
    }

    /// Tells whether a file of data is called after secrets; Helm's templates of them hold none.
    fn is_of_secrets(&self, name: &str) -> bool {
        name.rsplit_once('.').is_some_and(|(stem, ending)| {
            STEMS.contains(&stem) && DATA.contains(&ending) && !self.path.ends_with("templates")
        })
    }

    /// The memory and environment of processes.
    fn is_environment(&self, file: &OsStr) -> bool {
        PROCESS.iter().any(|name| file == *name)
            && self.path.starts_with("/proc")
            && self.path.components().count() > 2
    }
}

fn is_history(name: &str) -> bool {
    name.starts_with('.')
        && (name.ends_with("_history") || name == ".histfile" || name == ".lesshst")
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
            "/h/.config/gcloud/x.db",
            "/h/.config/gcloud-old",
            "/run/secrets/db",
            "/run/secrets/a/b",
            "/etc/ssl/private/x",
            "/usr/share/keyrings/x",
            "/usr/share/keyrings.gpg2",
            "ID_RSA",
            "prod.env",
            "a/terraform.tfvars",
            "x-firebase-adminsdk-1.json",
            "secret.json",
            "conf/Secrets.yaml",
            "passwords.txt",
            "deploy/credentials.ini",
            "client_secret.json",
            "api_keys.csv",
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
            "src/config",
            "a/run/secrets.rs",
            "share/my-keyrings",
            "example.env",
            "environment.envoy",
            "terraform.tfvars.example",
            "/proc/maps",
            "secret.rs",
            "passwords.py",
            "secrets.example.json",
            "passwords.md",
            "chart/templates/secret.yaml",
        ] {
            assert!(!is_secret(Path::new(plain)), "{plain}");
        }
        let root = Path::new("/home/u/.ssh/project");
        assert!(!is_secret_of(&root.join("a.rs"), root) && is_secret_of(&root.join(".env"), root));
        assert!(is_secret_variable("GITHUB_TOKEN") && !is_secret_variable("HOME"));
    }
}
