//! Where things are kept.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Makes a path, or another name that a file system may hold, fit to be shown in one line: what ends lines or steers a terminal is
/// written as in code (`\\n`, `\\u{1b}`).
pub fn one_line(name: &str) -> Cow<'_, str> {
    if !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Returns the folder of a path with `/`; empty at the top.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the last part of a path with `/`.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The user's folders: config, data and cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Holds `config.toml`.
    pub config: PathBuf,
    /// Holds `ledger.db`, `sessions/`, `outputs/`, `journal/`, `snapshots/`.
    pub data: PathBuf,
    /// Holds what can be made again.
    pub cache: PathBuf,
}

impl Home {
    /// Finds the folders: `DISTIQ_HOME` (all inside), else XDG, else below `HOME`.
    ///
    /// Relative values are ignored, as the XDG specification asks. `None` where none is set.
    pub fn find(env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let absolute = |name: &str| env(name).map(PathBuf::from).filter(|p| p.is_absolute());
        if let Some(home) = env("DISTIQ_HOME").filter(|h| !h.is_empty()) {
            return Some(Self::inside(&std::path::absolute(home).ok()?));
        }
        let user = absolute("HOME");
        let folder = |name: &str, below: &str| {
            absolute(name).or_else(|| Some(user.as_ref()?.join(below))).map(|p| p.join("distiq"))
        };
        Some(Self {
            config: folder("XDG_CONFIG_HOME", ".config")?,
            data: folder("XDG_DATA_HOME", ".local/share")?,
            cache: folder("XDG_CACHE_HOME", ".cache")?,
        })
    }

    /// Returns the folders inside one.
    pub fn inside(home: &Path) -> Self {
        Self { config: home.join("config"), data: home.join("data"), cache: home.join("cache") }
    }

    /// Returns the user's config file.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Returns the ledger's database.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("ledger.db")
    }

    /// Returns the gateway's database: its keys, and what callers said of answers.
    pub fn gateway(&self) -> PathBuf {
        self.data.join("gateway.db")
    }

    /// Returns the database of answers that are given again.
    pub fn answers(&self) -> PathBuf {
        self.data.join("cache.db")
    }

    /// Returns the folder of session logs.
    pub fn sessions(&self) -> PathBuf {
        self.data.join("sessions")
    }

    /// Returns the folder of journals of edits under way.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// Returns the folder of what the user allowed for good, a file a project.
    pub fn grants(&self) -> PathBuf {
        self.data.join("permissions")
    }

    /// Returns the file of questions that were asked of sources, with their answers.
    pub fn questions(&self) -> PathBuf {
        self.data.join("questions.jsonl")
    }

    /// Returns the list of folders whose own settings are trusted.
    pub fn trust(&self) -> PathBuf {
        self.data.join("trust.json")
    }

    /// Returns the folder of full tool outputs that were folded in a session.
    pub fn outputs(&self) -> PathBuf {
        self.data.join("outputs")
    }

    /// Returns the folder of checkpoints; each project has one in it.
    pub fn snapshots(&self) -> PathBuf {
        self.data.join("snapshots")
    }
}

/// Finds a project's root: the nearest folder at or above `start` that holds `.git`, else `start`.
pub fn project_root(start: &Path) -> PathBuf {
    start.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(start).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_in_one_line() {
        assert!(matches!(one_line("src/größe 漢.rs"), Cow::Borrowed("src/größe 漢.rs")));
        assert_eq!(one_line("a\nb\t\u{1b}[2J\u{9b}"), "a\\nb\\t\\u{1b}[2J\\u{9b}");
    }

    #[test]
    fn distiq_home_wins_over_xdg_and_relative_xdg_is_ignored() {
        let with = |pairs: &'static [(&'static str, &'static str)]| {
            Home::find(&|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let home = with(&[("DISTIQ_HOME", "/d"), ("HOME", "/h")]).unwrap();
        assert_eq!(home.ledger(), Path::new("/d/data/ledger.db"));
        let home = with(&[("XDG_CONFIG_HOME", "rel"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")]);
        let home = home.unwrap();
        assert_eq!(home.config_file(), Path::new("/h/.config/distiq/config.toml"));
        assert_eq!(home.sessions(), Path::new("/x/distiq/sessions"));
        assert_eq!(with(&[]), None);
    }
}
