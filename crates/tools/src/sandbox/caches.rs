//! The home of sandboxed commands: a folder of the project's own in Distiq's cache.
//!
//! Tools keep caches, locks and settings below `HOME`, and each fails in its own way where it cannot.
//! So commands get a home that they may write, in which the user's toolchains are found, to be read,
//! and nothing else of the user. Where commands have a view of their own, it stands in the home's
//! place; elsewhere `HOME` names it, and links lead to the toolchains. It belongs to one project: what
//! a command leaves there, another project never sees.

mod links;
mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use self::table::{ABOVE, PROXIES, SETS, SETTINGS, Set, To, UNSET};

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

/// Where a home is planned for.
pub struct Place<'a> {
    /// The user's home.
    pub home: &'a Path,
    /// The project's root.
    pub root: &'a Path,
    /// The folder of homes; each project gets one below it.
    pub homes: &'a Path,
    /// Whether the new home stands in the old one's place.
    pub in_place: bool,
    /// What commands may read anyway, toolchains among it.
    pub read: &'a [PathBuf],
    /// What commands can reach.
    pub reach: Reach,
    /// Looks a variable of the user's environment up.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A home for sandboxed commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caches {
    /// The project's own folder; all below it may be written.
    pub folder: PathBuf,
    /// Where commands find it.
    pub home: PathBuf,
    /// Variables that are set, by name.
    pub set: BTreeMap<String, OsString>,
    /// Variables that are taken away.
    pub unset: Vec<&'static str>,
    /// The user's settings of tools, which may be read.
    pub read: Vec<PathBuf>,
    /// Those that may not, because they hold what looks like a key.
    pub withheld: Vec<PathBuf>,
    links: links::Links,
}

/// The largest settings file that is looked into for keys.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;

impl Caches {
    /// Plans the home: looks at what is there, changes nothing.
    pub fn plan(place: &Place<'_>) -> Self {
        let name = blake3::hash(place.root.as_os_str().as_encoded_bytes()).to_hex();
        let folder = place.homes.join(name.get(..16).unwrap_or_default());
        let home = if place.in_place { place.home.to_path_buf() } else { folder.clone() };
        let mut caches = Self { folder, home, ..Self::default() };
        for name in SETTINGS {
            caches.settings(place.home.join(name));
        }
        for folder in place.root.ancestors().skip(1) {
            ABOVE.iter().for_each(|name| caches.settings(folder.join(name)));
        }
        for set in SETS.iter().filter(|set| set.when.contains(&place.reach)) {
            caches.set(place, set);
        }
        caches.java(place);
        caches.go(place);
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

    fn settings(&mut self, path: PathBuf) {
        let Ok(real) = path.canonicalize() else { return };
        match std::fs::metadata(&real) {
            Ok(metadata) if metadata.is_file() && metadata.len() <= MAX_SETTINGS_BYTES => {}
            _ => return,
        }
        let list = match std::fs::read(&real) {
            Ok(bytes) if holds_key(&String::from_utf8_lossy(&bytes)) => &mut self.withheld,
            Ok(_) => &mut self.read,
            Err(_) => return,
        };
        if !list.contains(&path) {
            list.push(path);
        }
    }

    fn set(&mut self, place: &Place<'_>, set: &Set) {
        let value = match set.to {
            To::Text(text) => OsString::from(text),
            To::Own("") => self.home.clone().into_os_string(),
            To::Own(name) => self.home.join(name).into_os_string(),
            To::Users(path) => match users(place, set.name, path) {
                Some(path) => path.into_os_string(),
                None => return,
            },
        };
        self.set.insert(set.name.to_owned(), value);
    }

    /// Java asks the system for the home, not the environment; Maven and Gradle are told.
    fn java(&mut self, place: &Place<'_>) {
        let home = self.home.display();
        let mut maven = format!("-Duser.home={home} -Dmaven.repo.local={home}/.distiq/maven");
        let modules = place.home.join(".m2/repository");
        if modules.is_dir() {
            maven.push_str(&format!(" -Dmaven.repo.local.tail={}", modules.display()));
        }
        for (name, more) in [("MAVEN_OPTS", maven), ("GRADLE_OPTS", format!("-Duser.home={home}"))]
        {
            let old = (place.env)(name).and_then(|text| text.into_string().ok());
            let text = [old.unwrap_or_default(), more].join(" ");
            self.set.insert(name.to_owned(), text.trim_start().into());
        }
    }

    /// Go takes from the user's modules first what it would fetch.
    fn go(&mut self, place: &Place<'_>) {
        let modules = users(place, "GOMODCACHE", "go/pkg/mod");
        let downloads =
            modules.map(|path| path.join("cache/download")).filter(|path| path.is_dir());
        if let Some(downloads) = downloads.filter(|_| place.reach != Reach::Nothing) {
            let proxy = (place.env)("GOPROXY").and_then(|text| text.into_string().ok());
            let proxy = proxy.filter(|text| !text.is_empty());
            let proxy = proxy.unwrap_or_else(|| "https://proxy.golang.org,direct".to_owned());
            let text = format!("file://{},{proxy}", downloads.display());
            self.set.insert("GOPROXY".to_owned(), text.into());
        }
    }
}

/// Returns what the user has for a variable and commands may read: its own value, else the usual
/// place.
fn users(place: &Place<'_>, variable: &str, usual: &str) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = (place.env)(variable).map(PathBuf::from).filter(absolute);
    let gopath = || Some(PathBuf::from((place.env)("GOPATH")?).join("pkg/mod")).filter(absolute);
    let named = named.or_else(|| gopath().filter(|_| variable == "GOMODCACHE"));
    let path = named.unwrap_or_else(|| place.home.join(usual));
    let real = path.canonicalize().ok()?;
    place.read.iter().any(|read| real.starts_with(read)).then_some(path)
}

/// Tells whether settings look as if they held a key.
fn holds_key(text: &str) -> bool {
    const WORDS: &[&str] =
        &["token", "password", "passwd", "secret", "_auth", "extraheader", "apikey", "api-key"];
    let text = text.to_lowercase();
    let is_credential = |rest: &str| {
        let host = rest.split(['/', '"', '\'', ' ', '\n']).next().unwrap_or_default();
        host.contains('@') && !host.starts_with("git@")
    };
    WORDS.iter().any(|word| text.contains(word)) || text.split("://").skip(1).any(is_credential)
}

#[cfg(test)]
mod tests;
