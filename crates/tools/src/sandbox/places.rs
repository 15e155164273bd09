//! Where the system and the toolchains are, and what among them nobody needs to see.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files of the system.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/snap",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/lib/pacman",
    "/var/lib/apk",
    "/var/lib/alternatives",
    "/var/lib/snapd/snap",
    "/var/cache/fontconfig",
    "/run/current-system",
    "/home/linuxbrew/.linuxbrew",
];

/// Files of the system that hold secrets, where this user may read them.
const SECRETS: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/security/opasswd",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/letsencrypt",
    "/etc/wireguard",
    "/etc/openvpn",
    "/etc/ipsec.d",
    "/etc/NetworkManager/system-connections",
    "/etc/docker",
    "/etc/rancher",
    "/etc/kubernetes",
    "/etc/krb5.keytab",
    "/etc/mysql/debian.cnf",
    "/etc/ppp",
    "/etc/ssh",
];

/// Toolchains and what they installed, below the home.
const TOOLCHAINS: &[&str] = &[
    ".asdf",
    ".bun",
    ".cabal",
    ".cache/coursier",
    ".cache/go-build",
    ".cache/ms-playwright",
    ".cache/node",
    ".cache/pip",
    ".cache/pypoetry",
    ".cache/uv",
    ".cache/yarn",
    ".cargo",
    ".conda",
    ".config/composer/vendor",
    ".coursier",
    ".deno",
    ".dotnet",
    ".elan",
    ".fnm",
    ".foundry",
    ".gem",
    ".ghcup",
    ".goenv",
    ".gradle",
    ".gvm",
    ".hex",
    ".ivy2",
    ".jabba",
    ".jenv",
    ".julia",
    ".juliaup",
    ".krew/bin",
    ".local/bin",
    ".local/lib",
    ".local/opt",
    ".local/pipx",
    ".local/share/fnm",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/pypoetry",
    ".local/share/rtx",
    ".local/share/uv",
    ".local/share/virtualenvs",
    ".m2",
    ".mix",
    ".nodenv",
    // npm writes beside these.
    ".npm/_cacache/content-v2",
    ".npm/_cacache/index-v5",
    ".npm-global",
    ".nuget/packages",
    ".nvm",
    ".opam",
    ".pnpm",
    ".pub-cache",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".sbt",
    ".sdkman",
    ".stack",
    ".swiftly",
    ".tfenv",
    ".volta",
    ".wasmer",
    ".wasmtime",
    ".yarn",
    "Android/Sdk",
    "anaconda3",
    "flutter",
    "go",
    "mambaforge",
    "miniconda3",
    "miniforge3",
];

/// Variables that name a toolchain's folder.
const NAMED: &[&str] = &[
    "ANDROID_HOME",
    "ASDF_DATA_DIR",
    "BUN_INSTALL",
    "CARGO_HOME",
    "CONDA_PREFIX",
    "DENO_DIR",
    "DOTNET_ROOT",
    "GEM_HOME",
    "GOMODCACHE",
    "GOPATH",
    "GOROOT",
    "GRADLE_HOME",
    "JAVA_HOME",
    "M2_HOME",
    "MAVEN_HOME",
    "MISE_DATA_DIR",
    "NVM_DIR",
    "PNPM_HOME",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "RUSTUP_HOME",
    "SDKMAN_DIR",
    "VIRTUAL_ENV",
    "VOLTA_HOME",
];

/// Files and folders of the home that hold secrets. They matter where they lie in what is readable otherwise.
const KEYS: &[&str] = &[
    ".aws",
    ".azure",
    ".bash_history",
    ".bundle/config",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".condarc",
    ".config/composer/auth.json",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/google-chrome",
    ".config/chromium",
    ".docker",
    ".gem/credentials",
    ".git-credentials",
    ".gnupg",
    ".gradle/gradle.properties",
    ".histfile",
    ".kube",
    ".lesshst",
    ".local/share/fish/fish_history",
    ".local/share/keyrings",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".mozilla",
    ".my.cnf",
    ".mysql_history",
    ".netrc",
    ".node_repl_history",
    ".npmrc",
    ".password-store",
    ".pgpass",
    ".psql_history",
    ".pypirc",
    ".python_history",
    ".rediscli_history",
    ".sbt/.credentials",
    ".ivy2/.credentials",
    ".sqlite_history",
    ".ssh",
    ".terraform.d",
    ".thunderbird",
    ".vault-token",
    ".viminfo",
    ".yarnrc.yml",
    ".zsh_history",
];

/// What a session's commands may read beside the project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Trees, links resolved, none inside another.
    pub(super) read: Vec<PathBuf>,
    /// Links on the way to them, and where those lead.
    pub(super) links: Vec<(PathBuf, PathBuf)>,
    /// What is hidden inside them.
    pub(super) hidden: Vec<PathBuf>,
}

/// Finds what is there. `extra` are folders that the settings name, `own` are Distiq's.
pub(super) fn find(home: Option<&Path>, extra: &[PathBuf], own: &[PathBuf]) -> Places {
    let mut places = Places::default();
    for path in SYSTEM {
        places.add(Path::new(path));
    }
    if let Some(home) = home {
        TOOLCHAINS.iter().for_each(|name| places.add(&home.join(name)));
    }
    let named = NAMED.iter().filter_map(env::var_os).map(PathBuf::from);
    named.filter(|path| is_narrow(path, home)).for_each(|path| places.add(&path));
    let searched = env::var_os("PATH").unwrap_or_default();
    for path in env::split_paths(&searched).filter_map(|folder| toolchain(&folder, home)) {
        places.add(&path);
    }
    for path in extra {
        places.add(path);
    }
    let keys = home.into_iter().flat_map(|home| KEYS.iter().map(|name| home.join(name)));
    let hidden = SECRETS.iter().map(PathBuf::from).chain(keys).chain(own.iter().cloned());
    let hidden = hidden.filter(|path| fs::symlink_metadata(path).is_ok());
    places.hidden = hidden.filter_map(|path| path.canonicalize().ok()).collect();
    places
}

/// Tells whether a folder holds less than a home or the whole system.
fn is_narrow(path: &Path, home: Option<&Path>) -> bool {
    path.is_absolute()
        && path.components().count() > 2
        && home
            .is_none_or(|home| !home.starts_with(path) && path.parent() != Some(Path::new("/home")))
        && !["/tmp", "/var", "/run", "/proc", "/sys", "/dev", "/mnt", "/media"]
            .iter()
            .any(|broad| path == Path::new(broad))
}

/// Returns the folder that a folder of programs belongs to.
fn toolchain(folder: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let parent = folder.parent()?;
    let shared = home.is_some_and(|home| parent == home.join(".local"));
    let whole = folder.ends_with("bin") && is_narrow(parent, home) && !shared;
    let found = if whole { parent } else { folder };
    is_narrow(found, home).then(|| found.to_owned())
}

impl Places {
    /// Adds a tree, with the links that lead to it.
    pub(super) fn add(&mut self, path: &Path) {
        // Most are not there, and this is the cheapest way to know.
        if fs::symlink_metadata(path).is_err() {
            return;
        }
        let Ok(real) = path.canonicalize() else { return };
        if real != path {
            self.add_links(path);
        }
        if self.read.iter().any(|tree| real.starts_with(tree)) {
            return;
        }
        self.read.retain(|tree| !tree.starts_with(&real));
        self.read.push(real);
    }

    /// Notes every link on the way, so that the path leads there in the command's view too.
    fn add_links(&mut self, path: &Path) {
        const MOST: usize = 8;
        let mut path = path.to_owned();
        for _ in 0..MOST {
            let mut ways: Vec<&Path> = path.ancestors().collect();
            ways.reverse();
            let link =
                ways.into_iter().find_map(|way| Some((way.to_owned(), fs::read_link(way).ok()?)));
            let Some((link, target)) = link else { return };
            let rest = path.strip_prefix(&link).map(Path::to_owned).unwrap_or_default();
            let from = link.parent().unwrap_or(Path::new("/"));
            let next = from.join(&target);
            let is_seen = self.read.iter().any(|tree| link.starts_with(tree));
            if !is_seen && !self.links.iter().any(|(known, _)| *known == link) {
                self.links.push((link, target));
            }
            path = next.join(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_programs_lead_to_their_toolchain() {
        let home = Path::new("/home/ada");
        for (folder, expected) in [
            ("/home/ada/.cargo/bin", Some("/home/ada/.cargo")),
            ("/home/ada/.local/bin", Some("/home/ada/.local/bin")),
            ("/home/ada/bin", Some("/home/ada/bin")),
            ("/data/tool/bin", Some("/data/tool")),
            ("/data/tool/shims", Some("/data/tool/shims")),
            ("/home/ada", None),
            ("/home", None),
            ("/bin", None),
            ("/usr/bin", Some("/usr/bin")),
            ("/opt/tool/bin", Some("/opt/tool")),
            ("relative/bin", None),
            ("/tmp/bin", Some("/tmp/bin")),
        ] {
            let found = toolchain(Path::new(folder), Some(home));
            assert_eq!(found.as_deref(), expected.map(Path::new), "{folder}");
        }
    }

    #[test]
    fn links_are_followed_and_trees_are_not_doubled() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        fs::create_dir_all(base.join("real/tool/bin")).unwrap();
        std::os::unix::fs::symlink("real", base.join("alias")).unwrap();
        let mut places = Places::default();
        places.add(&base.join("alias/tool/bin"));
        places.add(&base.join("real/tool"));
        places.add(&base.join("none"));
        assert_eq!(places.read, [base.join("real/tool")]);
        assert_eq!(places.links, [(base.join("alias"), PathBuf::from("real"))]);
    }
}
