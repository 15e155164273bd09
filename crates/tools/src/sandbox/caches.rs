//! The home of sandboxed commands: a folder of the project's own in Distiq's cache, in which the
//! user's toolchains are found under their names, to be read.
//!
//! Tools keep caches, locks and settings below `HOME`, and each crashes in its own way where it
//! cannot. So commands get a home that they may write, with nothing of the user in it but links to
//! toolchains. It belongs to one project: what a command leaves there, another project never sees.

mod links;
mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use self::table::{ABOVE, PROXIES, SETS, SETTINGS, Set, TOOLCHAINS, To, Toolchain, UNSET};

/// What commands can reach beyond this machine's loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Nothing,
    /// Listed hosts, by Distiq's proxy.
    Proxy,
    /// What the user can.
    All,
}

/// Where the home is planned for.
pub struct Place<'a> {
    /// The user's home.
    pub home: &'a Path,
    /// The project's root.
    pub root: &'a Path,
    /// The folder of caches; each project gets one below it.
    pub caches: &'a Path,
    /// Further folders that commands may read; found in the new home as in the old one.
    pub shown: &'a [PathBuf],
    /// What commands can reach.
    pub reach: Reach,
    /// Looks a variable of the user's environment up.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A home for sandboxed commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caches {
    /// The project's own folder; all below it may be read and written.
    pub folder: PathBuf,
    /// Variables that are set, by name.
    pub set: BTreeMap<String, OsString>,
    /// Variables that are taken away.
    pub unset: Vec<&'static str>,
    /// Files and folders that may be read, all of them there.
    pub read: Vec<PathBuf>,
    /// Settings that are not read because they hold what looks like a key.
    pub withheld: Vec<PathBuf>,
    links: links::Links,
}

/// The largest settings file that is looked into for keys.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;

impl Caches {
    /// Plans the home: looks at what is there, changes nothing.
    pub fn plan(place: &Place<'_>) -> Self {
        let name = blake3::hash(place.root.as_os_str().as_encoded_bytes()).to_hex();
        let name = name.get(..16).unwrap_or_default();
        let mut caches = Self { folder: place.caches.join(name), ..Self::default() };
        for toolchain in TOOLCHAINS {
            caches.toolchain(place, toolchain);
        }
        for folder in path_folders(place) {
            caches.allow(folder);
        }
        for name in SETTINGS {
            caches.settings(place.home.join(name));
        }
        for folder in place.root.ancestors().skip(1) {
            ABOVE.iter().for_each(|name| caches.settings(folder.join(name)));
        }
        for set in SETS.iter().filter(|set| set.when.contains(&place.reach)) {
            caches.set(place, set);
        }
        caches.composed(place);
        caches.unset = UNSET.to_vec();
        if place.reach != Reach::All {
            caches.unset.extend(PROXIES);
        }
        caches.links = links::Links::plan(place, &caches.read);
        caches
    }

    /// Makes the folders and links that are not there yet, and removes homes long unused.
    ///
    /// # Errors
    /// Where the cache folder cannot be written.
    pub fn prepare(&self) -> io::Result<()> {
        links::prepare(&self.folder, &self.links)
    }

    fn allow(&mut self, path: PathBuf) {
        if !self.read.iter().any(|known| path.starts_with(known)) && path.exists() {
            self.read.push(path);
        }
    }

    fn toolchain(&mut self, place: &Place<'_>, toolchain: &Toolchain) {
        let named = toolchain.variable.and_then(|name| (place.env)(name)).map(PathBuf::from);
        // A value that takes in the home, such as `/`, names no toolchain.
        let named = named.filter(|path| path.is_absolute() && !place.home.starts_with(path));
        for folder in named.into_iter().chain([place.home.join(toolchain.path)]) {
            match toolchain.parts {
                [] => self.allow(folder),
                parts => parts.iter().for_each(|part| self.allow(folder.join(part))),
            }
        }
    }

    fn settings(&mut self, path: PathBuf) {
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() <= MAX_SETTINGS_BYTES => {}
            _ => return,
        }
        match std::fs::read(&path) {
            Ok(bytes) if !holds_key(&String::from_utf8_lossy(&bytes)) => self.allow(path),
            Ok(_) if !self.withheld.contains(&path) => self.withheld.push(path),
            _ => {}
        }
    }

    fn set(&mut self, place: &Place<'_>, set: &Set) {
        let value = match set.to {
            To::Text(text) => OsString::from(text),
            To::Own(name) => self.folder.join(name).into_os_string(),
            To::Users(path) => match users(place, set.name, path) {
                Some(path) if self.may_read(&path) => path.into_os_string(),
                _ => return,
            },
        };
        self.set.insert(set.name.to_owned(), value);
    }

    /// Tells whether something of a folder may be read.
    fn may_read(&self, path: &Path) -> bool {
        self.read.iter().any(|read| read.starts_with(path) || path.starts_with(read))
    }

    /// Sets the variables that are made of several parts.
    fn composed(&mut self, place: &Place<'_>) {
        let home = self.folder.join("home");
        // Java asks the system for the home, not the environment.
        let mut java = format!("-Duser.home={}", home.display());
        let modules = place.home.join(".m2/repository");
        let mut maven =
            format!("{java} -Dmaven.repo.local={}", self.folder.join("maven").display());
        if modules.is_dir() {
            maven.push_str(&format!(" -Dmaven.repo.local.tail={}", modules.display()));
        }
        if place.reach == Reach::Nothing {
            java.push_str(" -Dorg.gradle.offline=true");
        }
        for (name, more) in [("MAVEN_OPTS", maven), ("GRADLE_OPTS", java)] {
            let old = (place.env)(name).and_then(|text| text.into_string().ok());
            let text = [old.unwrap_or_default(), more].join(" ");
            self.set.insert(name.to_owned(), text.trim_start().into());
        }
        let downloads =
            users(place, "GOMODCACHE", "go/pkg/mod").map(|path| path.join("cache/download"));
        if let Some(downloads) =
            downloads.filter(|path| path.is_dir() && place.reach != Reach::Nothing)
        {
            let proxy = (place.env)("GOPROXY").and_then(|text| text.into_string().ok());
            let proxy = proxy.filter(|text| !text.is_empty());
            let proxy = proxy.unwrap_or_else(|| "https://proxy.golang.org,direct".to_owned());
            let text = format!("file://{},{proxy}", downloads.display());
            self.set.insert("GOPROXY".to_owned(), text.into());
        }
    }
}

/// Returns what the user has for a variable: its own value, else the usual place.
fn users(place: &Place<'_>, variable: &str, usual: &str) -> Option<PathBuf> {
    let named = (place.env)(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let gopath = || Some(PathBuf::from((place.env)("GOPATH")?).join("pkg/mod"));
    let named = named.or_else(|| gopath().filter(|_| variable == "GOMODCACHE"));
    let path = named.unwrap_or_else(|| place.home.join(usual));
    path.exists().then_some(path)
}

/// Returns the folders of `PATH` that lie below the home; of `X/bin` also what lies beside it,
/// unless `X` holds more than one program's files.
fn path_folders(place: &Place<'_>) -> Vec<PathBuf> {
    let path = (place.env)("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .filter(|folder| folder.starts_with(place.home) && folder != place.home);
    let shared = ["", ".local", ".config", ".cache", ".cargo", "go", ".deno"];
    folders
        .flat_map(|folder| {
            let above = folder.parent().filter(|_| folder.ends_with("bin"));
            let below = above.and_then(|above| above.strip_prefix(place.home).ok());
            let own =
                below.is_some_and(|below| !shared.iter().any(|name| below == Path::new(name)));
            let beside = above.filter(|_| own).map(Path::to_path_buf);
            [Some(folder.clone()), beside].into_iter().flatten()
        })
        .collect()
}

/// Tells whether settings look as if they held a key.
fn holds_key(text: &str) -> bool {
    const WORDS: &[&str] =
        &["token", "password", "passwd", "secret", "_auth", "extraheader", "apikey"];
    let text = text.to_lowercase();
    let is_credential = |rest: &str| {
        let host = rest.split(['/', '"', '\'', ' ', '\n']).next().unwrap_or_default();
        host.contains('@') && !host.starts_with("git@")
    };
    WORDS.iter().any(|word| text.contains(word)) || text.split("://").skip(1).any(is_credential)
}

#[cfg(test)]
mod tests;
