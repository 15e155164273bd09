//! What lies behind the paths of a command.

use std::path::{Path, PathBuf};

use distiq_lang::shell::{Expands, Word};

use super::secrets;
use crate::place::{Grounds, home, is_git_folder, resolve};

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// Below the project's root.
    Project,
    /// The root itself, or a folder above it.
    Above,
    /// Git's own files.
    Git,
    /// Temporary files.
    Temp,
    /// `/dev/null` and the like.
    Nowhere,
    /// Another device.
    Device,
    /// Files that are run at the start of a shell, a session or the system.
    Startup,
    /// Beside the project, such as `../other`.
    Beyond,
    /// The rest of a home.
    Home,
    /// The system.
    System,
    /// Cannot be told from the text.
    Unknown,
}

/// Where a command's relative paths begin; unknown after `cd "$x"`.
pub(super) struct Base<'a> {
    pub(super) grounds: &'a Grounds,
    pub(super) cwd: Option<PathBuf>,
    /// Whether an earlier command may have left the project, even if a later one came back.
    pub(super) strayed: bool,
}

const STARTUP_NAMES: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".inputrc",
    ".xinitrc",
    ".xprofile",
    ".xsession",
    ".login",
    ".cshrc",
    ".tcshrc",
    ".kshrc",
    ".gitconfig",
    ".vimrc",
    "authorized_keys",
    "crontab",
    ".pam_environment",
    "config.fish",
    ".bash_aliases",
    ".zlogout",
    ".xsessionrc",
    ".xinputrc",
    ".tmux.conf",
    ".npmrc",
    ".pythonrc",
    "usercustomize.py",
    "sitecustomize.py",
    ".pypirc",
    ".gdbinit",
    ".screenrc",
    ".emacs",
    "init.vim",
    "init.lua",
    ".mailcap",
    "rc.local",
];

impl Base<'_> {
    /// Resolves a word to the path it names; `None` where only the run tells.
    pub(super) fn path(&self, word: &Word) -> Option<PathBuf> {
        let text = word.text.as_str();
        let expanded = if text == "~" || text == "$HOME" || text == "${HOME}" {
            home()?
        } else if let Some(rest) =
            ["~/", "$HOME/", "${HOME}/"].iter().find_map(|p| text.strip_prefix(p))
        {
            if rest.contains(['$', '`']) {
                return None;
            }
            home()?.join(rest)
        } else if let Some(rest) = ["$PWD", "${PWD}"].iter().find_map(|p| text.strip_prefix(p)) {
            self.cwd.as_ref()?.join(rest.trim_start_matches('/'))
        } else if word.literal || (word.glob && !word.tilde) {
            if Path::new(text).is_absolute() {
                PathBuf::from(text)
            } else {
                self.cwd.as_ref()?.join(text)
            }
        } else {
            return None;
        };
        resolve(&expanded).ok()
    }

    /// Tells whether a word names the project's root itself.
    pub(super) fn is_root(&self, word: &Word) -> bool {
        self.path(word).is_some_and(|path| path == self.grounds.root)
    }

    /// Tells where a word leads.
    pub(super) fn area(&self, word: &Word) -> Area {
        let is_stream =
            matches!(word.text.as_str(), "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty");
        // A pipe to another command of the line, which is judged by itself.
        let is_process = !word.spans.is_empty()
            && word.spans.iter().all(|span| span.expands == Expands::Process);
        if is_stream || is_process {
            return Area::Nowhere;
        }
        match self.path(word) {
            Some(path) => self.place(word, &path),
            None => self.area_of_beginning(word),
        }
    }

    /// Tells where a word leads that names the link itself and not what it points to, as for `rm`.
    pub(super) fn area_of_link(&self, word: &Word) -> Area {
        let text = word.text.as_str();
        let Some((folder, name)) = text.rsplit_once('/').or(Some((".", text))) else {
            return self.area(word);
        };
        if !word.literal || name.is_empty() || name == "." || name == ".." || text == "~" {
            return self.area(word);
        }
        let folder = if folder.is_empty() { "/" } else { folder };
        match self.path(&Word { text: folder.to_owned(), ..word.clone() }) {
            Some(folder) => self.place(word, &folder.join(name)),
            None => self.area(word),
        }
    }

    fn place(&self, word: &Word, path: &Path) -> Area {
        match self.area_of(path) {
            // The temporary folder is where the project is, and not what was meant.
            Area::Temp if !word.text.starts_with(['/', '$', '~']) => Area::Beyond,
            area => area,
        }
    }

    /// Tells where a word leads of which only the beginning is known.
    fn area_of_beginning(&self, word: &Word) -> Area {
        let end = word.spans.first().map_or(word.text.len(), |span| span.start);
        let known = word.text.get(..end).unwrap_or_default();
        let folder = known.rsplit_once('/').map(|(folder, _)| folder);
        match folder {
            // What begins at the system's root or with a home is not made better by a variable.
            Some("") => Area::System,
            Some(folder) if folder.starts_with(['/', '~']) => {
                let known = Word {
                    text: folder.to_owned(),
                    raw: folder.to_owned(),
                    literal: !folder.starts_with('~'),
                    ..Word::default()
                };
                match self.path(&known).map(|path| self.area_of(&path)) {
                    Some(Area::Project | Area::Above) if folder.starts_with('/') => Area::Unknown,
                    Some(Area::Above) => Area::Home,
                    // `/tmp` itself.
                    Some(Area::System) if matches!(folder, "/tmp" | "/var/tmp") => Area::Temp,
                    Some(area) => area,
                    None => Area::Unknown,
                }
            }
            _ if word.tilde => Area::Home,
            _ => Area::Unknown,
        }
    }

    pub(super) fn area_of(&self, path: &Path) -> Area {
        let root = &self.grounds.root;
        let inside = path.strip_prefix(root);
        if let Ok(inside) = inside {
            if inside.components().any(|part| is_git_folder(part.as_os_str())) {
                return Area::Git;
            }
            return if inside.as_os_str().is_empty() { Area::Above } else { Area::Project };
        }
        if path.starts_with("/dev") {
            let harmless =
                ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/zero", "/dev/full"];
            let known = harmless.iter().any(|known| path == Path::new(known));
            return if known || path.starts_with("/dev/fd") { Area::Nowhere } else { Area::Device };
        }
        if root.starts_with(path) || is_same_as_above(path, root) {
            return Area::Above;
        }
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = path.to_string_lossy();
        let folders = format!("{text}/");
        if STARTUP_NAMES.contains(&name.as_str())
            || [
                "/autostart",
                "/systemd/",
                "/environment.d/",
                "/plasma-workspace/env/",
                "/.config/fish/conf.d/",
                "/.oh-my-zsh/custom/",
                "/cron.",
                "/init.d/",
                "/profile.d/",
                "/LaunchAgents/",
                "/LaunchDaemons/",
                "/.ssh/",
                "/.config/distiq/",
                "/.local/share/distiq/",
                "/.config/fish/",
                "/.bashrc.d/",
            ]
            .iter()
            .any(|part| folders.contains(part))
        {
            return Area::Startup;
        }
        if is_beside(path, root) {
            return Area::Beyond;
        }
        // A home below the temporary folder is a home all the same.
        let user = home().and_then(|home| resolve(&home).ok());
        let homes = ["/home", "/root", "/Users"];
        if user.is_some_and(|home| path.starts_with(home))
            || homes.iter().any(|home| path.starts_with(home))
        {
            return Area::Home;
        }
        if ["/tmp", "/var/tmp"].iter().any(|temp| path.starts_with(temp) && path != Path::new(temp))
        {
            return Area::Temp;
        }
        Area::System
    }

    /// Tells whether a word names a secret, or may when it is expanded.
    pub(super) fn secret(&self, word: &Word) -> Option<Secret> {
        if word.text == "/dev/null" {
            return None;
        }
        let path = match self.path(word) {
            Some(path) => path,
            // The name may still tell: `$dir/.ssh/id_rsa`.
            None => PathBuf::from(&word.text),
        };
        let root = &self.grounds.root;
        let found = secrets::is_secret_of(&path, root)
            || (word.glob && matches_secret(&word.text, &path, root))
            || (word.glob
                && word.text.contains('/')
                && matched(&path).iter().any(|path| secrets::is_secret_of(path, root)));
        found.then(|| match self.area_of(&path) {
            Area::Project | Area::Git | Area::Temp => Secret::OfProject,
            _ => Secret::Beyond,
        })
    }
}

/// Returns what a pattern over several folders takes in, a few of it.
fn matched(pattern: &Path) -> Vec<PathBuf> {
    const MOST: usize = 64;
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.components().skip(1) {
        let name = part.as_os_str().to_string_lossy();
        if !name.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let Ok(glob) = globset::Glob::new(&name) else { return found };
        let glob = glob.compile_matcher();
        let entries = found.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        found = entries
            .flat_map(|entries| entries.flatten().take(2_000))
            .filter(|entry| glob.is_match(entry.file_name()))
            .map(|entry| entry.path())
            .take(MOST)
            .collect();
    }
    found
}

/// Tells whether a path names a folder above the root in another way, as a file system that folds case lets it.
fn is_same_as_above(path: &Path, root: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let folded = path.as_os_str().len() <= root.as_os_str().len()
        && root
            .to_string_lossy()
            .to_lowercase()
            .starts_with(&path.to_string_lossy().to_lowercase());
    folded
        && std::fs::metadata(path).is_ok_and(|this| {
            root.ancestors().any(|above| {
                std::fs::metadata(above)
                    .is_ok_and(|other| (this.dev(), this.ino()) == (other.dev(), other.ino()))
            })
        })
}

/// Tells whether a path lies beside the project's root, in a folder that is nobody's in particular.
fn is_beside(path: &Path, root: &Path) -> bool {
    root.parent().is_some_and(|parent| {
        let shared = ["/", "/tmp", "/var/tmp", "/home", "/Users", "/root"];
        !shared.iter().any(|folder| parent == Path::new(folder)) && path.starts_with(parent)
    })
}

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secret {
    /// The project's.
    OfProject,
    /// The user's or the system's.
    Beyond,
}

/// Tells whether a pattern takes in a secret: by its own text, or by what lies in its folder.
fn matches_secret(pattern: &str, path: &Path, root: &Path) -> bool {
    let name = pattern.rsplit('/').next().unwrap_or(pattern);
    let Ok(glob) = globset::GlobBuilder::new(name).build() else { return true };
    let glob = glob.compile_matcher();
    let dotted = name.starts_with('.');
    // Patterns that only a secret fits.
    if [".env", ".env.local", "id_rsa", "id_ed25519", "server.pem", "server.key"].iter().any(
        |sample| (dotted || !sample.starts_with('.')) && glob.is_match(sample) && name.len() > 3,
    ) {
        return true;
    }
    let Some(Ok(entries)) = path.parent().map(std::fs::read_dir) else { return false };
    entries.flatten().take(2_000).any(|entry| {
        let file = entry.file_name();
        let hidden = file.to_string_lossy().starts_with('.');
        (dotted || !hidden) && glob.is_match(&file) && secrets::is_secret_of(&entry.path(), root)
    })
}
