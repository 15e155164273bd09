//! Where the system is, and what nobody needs to see; toolchains of the home are the business of `caches`.

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
    let searched = env::var_os("PATH").unwrap_or_default();
    for path in env::split_paths(&searched)
        .filter(|folder| home.is_none_or(|home| !folder.starts_with(home)))
        .filter_map(|folder| toolchain(&folder, home))
    {
        places.add(&path);
    }
    for path in extra {
        places.add(path);
    }
    let keys = home.into_iter().flat_map(|home| KEYS.iter().map(|name| home.join(name)));
    let hidden = SECRETS.iter().map(PathBuf::from).chain(keys).chain(own.iter().cloned());
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
    let whole = folder.ends_with("bin") && is_narrow(parent, home);
    let found = if whole { parent } else { folder };
    is_narrow(found, home).then(|| found.to_owned())
}

impl Places {
    /// Adds a tree, with the links that lead to it.
    pub(super) fn add(&mut self, path: &Path) {
        let Ok(real) = path.canonicalize() else { return };
        self.add_links(path);
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
