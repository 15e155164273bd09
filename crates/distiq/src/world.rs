//! What every command stands on: the environment, the folders, the project, the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use distiq_agent::sessions::Summary;
use distiq_base::ErrorKind;
use distiq_base::config::{Config, Origin, PROJECT_FILE, Settings, Sources};
use distiq_base::paths::{self, Home};
use distiq_tools::permission::Rules;
use jiff::tz::TimeZone;

use crate::cli::Global;
use crate::failure::Failure;
use crate::terminal;
use crate::trust::Trust;

/// A flag that sets a setting: as written, its key, its text.
pub type Flag = (&'static str, &'static str, String);

/// What a command stands on.
pub struct World {
    /// The user's folders.
    pub home: Home,
    /// The project's root, absolute, links resolved.
    pub root: PathBuf,
    /// Whether the user named the root; else it follows from where the command was started.
    pub is_root_named: bool,
    /// Where the command was started.
    pub cwd: PathBuf,
    /// All settings with their origins.
    pub config: Config,
    /// All settings, typed.
    pub settings: Settings,
    /// The rules in force, tested with their examples.
    pub rules: Arc<Rules>,
}

/// Looks an environment variable up; what is no UTF-8 counts as not set.
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl World {
    /// Finds folders and project, and reads the settings; `flags` are the command's own.
    pub fn open(global: &Global, flags: &[Flag]) -> Result<Self, Failure> {
        Self::open_with(global, flags, None)
    }

    /// Does as [`World::open`], for commands that need no home: where there is none, in the folder where the index is kept then, too.
    pub fn of_code(global: &Global) -> Result<Self, Failure> {
        let home = home().or_else(|failure| {
            let folder = distiq_index::temporary_folder().ok_or(failure)?;
            Ok::<_, Failure>(Home::inside(&folder))
        })?;
        Self::open_at(home, global, &[], None)
    }

    /// Does as [`World::open`], with another file in the place of the user's settings.
    pub fn open_with(
        global: &Global,
        flags: &[Flag],
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        Self::open_at(home()?, global, flags, file)
    }

    fn open_at(
        home: Home,
        global: &Global,
        flags: &[Flag],
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let cwd = std::env::current_dir()
            .map_err(|error| Failure::io("Cannot use the working directory", &error))?;
        let (root, is_root_named) = root(global, &cwd)?;
        let mut flags = flags.to_vec();
        flags.extend(global.tz.clone().map(|zone| ("--tz", "tz", zone)));
        flags.extend(global.plain.then(|| ("--plain", "plain", "true".to_owned())));
        let sources = Sources {
            user: Some(&file.map_or_else(|| home.config_file(), Path::to_path_buf)),
            project: Some(&root.join(PROJECT_FILE)),
            env: &env,
            flags: &flags,
        };
        let trust = Trust::of(&home);
        let mut config = Config::load_trusting(&sources, &|text| trust.holds(&root, text))?;
        config.notices.extend(trust.notice(&root, &root.join(PROJECT_FILE)));
        config.notices.extend(misplaced_settings(&home));
        let rules = Arc::new(Rules::new(&config.rules).map_err(|error| {
            Failure::of(ErrorKind::Config, &error).with_hint("Mend the rule or its example")
        })?);
        let settings = config.settings();
        if settings.plain {
            terminal::be_plain();
        }
        let cwd = canonical(&cwd);
        let cwd = if cwd.starts_with(&root) { cwd } else { root.clone() };
        Ok(Self { home, root, is_root_named, cwd, config, settings, rules })
    }

    /// Finds the project alone, without reading any settings.
    pub fn root_of(global: &Global) -> Result<PathBuf, Failure> {
        let cwd = std::env::current_dir()
            .map_err(|error| Failure::io("Cannot use the working directory", &error))?;
        Ok(root(global, &cwd)?.0)
    }

    /// Takes a session up where it was: in its project, with its model, unless the user says
    /// otherwise.
    pub fn take_up(&mut self, summary: &Summary) -> Result<(), Failure> {
        let root = PathBuf::from(&summary.root);
        if root != self.root {
            if !root.is_dir() {
                let message = format!("The session's project is gone: {}", root.display());
                return Err(Failure::new(ErrorKind::User, message)
                    .with_hint("Put it back where it was, or start a new session"));
            }
            self.cwd.clone_from(&root);
            self.root = root;
        }
        let by_flag =
            |key| self.config.get(key).is_some_and(|entry| matches!(entry.origin, Origin::Flag(_)));
        if !by_flag("provider") && !by_flag("model") {
            // Another model could not read what the vendor has cached for this one.
            self.settings.provider = summary.provider.clone().or(self.settings.provider.take());
            self.settings.model = summary.model.clone().or(self.settings.model.take());
        }
        Ok(())
    }

    /// Says what the project's settings asked for and did not get.
    pub fn say_notices(&self) {
        for notice in &self.config.notices {
            terminal::say(&format!("note: {notice}"));
        }
    }

    /// Returns the time zone in which days and months are counted.
    pub fn zone(&self) -> TimeZone {
        self.settings
            .tz
            .as_deref()
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or_else(TimeZone::system)
    }
}

/// Tells of a file of settings in `DISTIQ_HOME` itself, where nobody reads it.
fn misplaced_settings(home: &Home) -> Option<String> {
    let file = env("DISTIQ_HOME").filter(|home| !home.is_empty()).map(PathBuf::from)?;
    let file = file.join("config.toml");
    let (found, right) = (file.display(), home.config_file());
    file.is_file().then(|| format!("Ignored `{found}`: settings belong in `{}`", right.display()))
}

/// Finds the user's folders.
pub fn home() -> Result<Home, Failure> {
    Home::find(&env).ok_or_else(|| {
        Failure::new(ErrorKind::Config, "No home: neither `HOME` nor `DISTIQ_HOME` is set")
            .with_hint("Set `DISTIQ_HOME` to a folder for config, data and cache")
    })
}

/// Finds the project's root; tells whether the user named it.
fn root(global: &Global, cwd: &Path) -> Result<(PathBuf, bool), Failure> {
    let (given, source) = match (&global.root, env("DISTIQ_ROOT").filter(|root| !root.is_empty())) {
        (Some(root), _) => (root.clone(), "--root"),
        (None, Some(root)) => (PathBuf::from(root), "DISTIQ_ROOT"),
        (None, None) => return Ok((canonical(&paths::project_root(cwd)), false)),
    };
    if given.is_dir() {
        return Ok((canonical(&given), true));
    }
    let message = format!("`{source}`: no folder at `{}`", given.display());
    Err(Failure::new(ErrorKind::Usage, message).with_hint("Name an existing folder"))
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
