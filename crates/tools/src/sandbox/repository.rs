//! Git inside the sandbox: the repository is read-only but for allowed git commands, and git runs nothing of
//! the project's or the user's.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::Grant;

/// The longest file of git's that names a folder.
const LONGEST: u64 = 64 << 10;

/// Most submodules that are guarded one by one.
const MOST_MODULES: usize = 200;

/// Settings under which git starts no program.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.pager", "cat"),
    ("core.sshCommand", "ssh"),
    ("credential.helper", ""),
    ("protocol.ext.allow", "never"),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];

/// The user's own settings that say how git works, and name no program.
const KEPT: &[&str] = &[
    "user.name",
    "user.email",
    "core.autocrlf",
    "core.eol",
    "core.excludesfile",
    "core.filemode",
    "core.ignorecase",
    "core.quotepath",
    "core.whitespace",
    "diff.algorithm",
    "diff.renames",
    "init.defaultbranch",
    "merge.conflictstyle",
    "pull.ff",
    "pull.rebase",
    "push.default",
    "rebase.autosquash",
    "rebase.autostash",
    "safe.directory",
];

/// What of a repository a command may reach, beyond its project's folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Repository {
    /// Git's folders outside the project.
    pub(super) read: Vec<PathBuf>,
    /// Those that may be written.
    pub(super) write: Vec<PathBuf>,
    /// What is read-only whatever the rest is.
    pub(super) frozen: Vec<PathBuf>,
}

/// Where git keeps a work tree's things.
struct Folders {
    /// `.git` as it stands in the work tree.
    dot: PathBuf,
    /// The work tree's own folder.
    own: PathBuf,
    /// What it shares with other work trees.
    shared: PathBuf,
}

/// Finds the repository of a project.
pub(super) fn find(root: &Path, home: Option<&Path>, grant: Grant) -> Repository {
    let mut found = Repository::default();
    let here = root.ancestors().find(|folder| fs::symlink_metadata(folder.join(".git")).is_ok());
    let Some(top) = here.filter(|top| *top == root || Some(*top) != home) else { return found };
    let Some(folders) = folders(top) else {
        found.frozen.push(top.join(".git"));
        return found;
    };
    let outside =
        [&folders.own, &folders.shared].into_iter().filter(|path| !path.starts_with(root));
    let list = if grant.git_write { &mut found.write } else { &mut found.read };
    for path in outside {
        if !list.iter().any(|known| path.starts_with(known)) {
            list.retain(|known| !known.starts_with(path));
            list.push(path.clone());
        }
    }
    let modules = modules(top);
    if !grant.git_write {
        found.frozen.push(folders.dot);
    } else {
        if folders.dot != folders.own {
            found.frozen.push(folders.dot);
        }
        found.frozen.push(folders.shared.join("hooks"));
        if !grant.git_config {
            found.frozen.push(folders.shared.join("config"));
            found.frozen.push(folders.own.join("config.worktree"));
        }
        for (name, _) in &modules {
            let module = folders.shared.join("modules").join(name);
            found.frozen.extend([module.join("hooks"), module.join("config")]);
        }
    }
    found.frozen.extend(modules.into_iter().map(|(_, path)| top.join(path).join(".git")));
    found.frozen.retain(|path| path.starts_with(root) || grant.git_write);
    found
}

/// Follows `.git`. A file in the project could name any folder, so that the folder must point back.
fn folders(top: &Path) -> Option<Folders> {
    let dot = top.join(".git");
    let data = fs::symlink_metadata(&dot).ok()?;
    if data.is_dir() {
        return Some(Folders { own: dot.clone(), shared: dot.clone(), dot });
    }
    if !data.is_file() {
        return None;
    }
    let named = text(&dot)?;
    let own = top.join(named.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let back = match text(&own.join("gitdir")) {
        // A linked work tree.
        Some(back) => own.join(back.trim()).canonicalize().ok()?,
        // A submodule.
        None => worktree(&own)?.join(".git"),
    };
    if back != dot.canonicalize().ok()? || !own.join("HEAD").is_file() {
        return None;
    }
    let shared = match text(&own.join("commondir")) {
        Some(named) => own.join(named.trim()).canonicalize().ok()?,
        None => own.clone(),
    };
    shared.join("objects").is_dir().then_some(Folders { dot, own, shared })
}

/// Returns the work tree that a submodule's folder names in its settings.
fn worktree(own: &Path) -> Option<PathBuf> {
    let config = text(&own.join("config"))?;
    let named = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("worktree")?.trim().strip_prefix('='))?;
    own.join(named.trim()).canonicalize().ok()
}

/// Returns names and paths of the submodules.
fn modules(top: &Path) -> Vec<(String, PathBuf)> {
    let Some(text) = text(&top.join(".gitmodules")) else { return Vec::new() };
    let (mut found, mut name) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix("[submodule \"") {
            name = section.trim_end_matches(']').trim_end_matches('"').to_owned();
        } else if let Some(("path", path)) = line.split_once('=').map(|(k, v)| (k.trim(), v.trim()))
        {
            let plain = |path: &Path| {
                path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
            };
            if plain(Path::new(path)) && plain(Path::new(&name)) {
                found.push((name.clone(), PathBuf::from(path)));
            }
        }
    }
    found.truncate(MOST_MODULES);
    found
}

fn text(path: &Path) -> Option<String> {
    let data = fs::metadata(path).ok()?;
    if !data.is_file() || data.len() > LONGEST {
        return None;
    }
    fs::read_to_string(path).ok()
}

/// The user's settings of git that a session's commands are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Variables that hold them.
    pub(super) env: Vec<(String, String)>,
}

/// Length and time of a file.
type Stamp = (u64, i64, i64);

/// Settings that were asked for, with the files that they came from.
#[derive(Serialize, Deserialize)]
struct Asked {
    files: Vec<(PathBuf, Option<Stamp>)>,
    listed: String,
}

/// Returns the user's settings: the file itself may hold passwords and is not seen by commands. What git answered is
/// kept in `folder` for as long as its files stay as they are.
pub(super) fn settings(home: Option<&Path>, folder: &Path) -> Settings {
    let kept = folder.join("git-settings.json");
    let asked = fs::read(&kept).ok().and_then(|text| serde_json::from_slice::<Asked>(&text).ok());
    let is_fresh = |asked: &Asked| {
        usual(home).iter().all(|path| asked.files.iter().any(|(known, _)| known == path))
            && asked.files.iter().all(|(path, state)| state_of(path) == *state)
    };
    let asked = asked.filter(is_fresh).unwrap_or_else(|| {
        let asked = ask(home);
        if let Ok(text) = serde_json::to_vec(&asked) {
            // Without it, git is asked again.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            let _ = distiq_base::atomic::write(&kept, &text, None);
        }
        asked
    });
    from_list(&asked.listed, home)
}

/// Returns where the user's settings usually are.
fn usual(home: Option<&Path>) -> Vec<PathBuf> {
    let named =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let global = named("GIT_CONFIG_GLOBAL");
    let config = named("XDG_CONFIG_HOME").or_else(|| Some(home?.join(".config")));
    let usual = [
        global,
        config.map(|path| path.join("git/config")),
        home.map(|home| home.join(".gitconfig")),
    ];
    usual.into_iter().flatten().collect()
}

/// Tells length and time of a file; `None` where there is none.
fn state_of(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some((data.len(), data.mtime(), data.mtime_nsec()))
}

fn ask(home: Option<&Path>) -> Asked {
    let mut files = usual(home);
    if files.iter().all(|path| !path.exists()) {
        return Asked {
            files: files.into_iter().map(|path| (path, None)).collect(),
            listed: String::new(),
        };
    }
    let listed = Command::new("git")
        .args(["config", "--global", "--includes", "--list", "--show-origin", "-z"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = listed
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    // `file:PATH NUL KEY NEWLINE VALUE NUL`, again and again.
    let mut parts = text.split('\0');
    let mut listed = String::new();
    while let (Some(origin), Some(entry)) = (parts.next(), parts.next()) {
        if let Some(path) = origin.strip_prefix("file:").map(PathBuf::from)
            && !files.contains(&path)
        {
            files.push(path);
        }
        // No passwords: only these are used.
        if entry.split_once('\n').is_some_and(|(key, _)| KEPT.contains(&key)) {
            listed.push_str(entry);
            listed.push('\0');
        }
    }
    let files =
        files.into_iter().map(|path| (state_of(&path), path)).map(|(state, path)| (path, state));
    Asked { files: files.collect(), listed }
}

fn from_list(text: &str, home: Option<&Path>) -> Settings {
    let mut pairs: Vec<(String, String)> =
        SETTINGS.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    for entry in text.split('\0') {
        let Some((key, value)) = entry.split_once('\n') else { continue };
        if !KEPT.contains(&key) {
            continue;
        }
        let value = match (value.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned(),
            _ => value.to_owned(),
        };
        pairs.push((key.to_owned(), value));
    }
    let mut env = vec![
        ("GIT_CONFIG_COUNT".to_owned(), pairs.len().to_string()),
        // Reading must not write the index of a repository that it may not write.
        ("GIT_OPTIONAL_LOCKS".to_owned(), "0".to_owned()),
    ];
    for (number, (key, value)) in pairs.into_iter().enumerate() {
        env.push((format!("GIT_CONFIG_KEY_{number}"), key));
        env.push((format!("GIT_CONFIG_VALUE_{number}"), value));
    }
    Settings { env }
}

/// Variables by which the user's surroundings would have git start a program.
pub(super) const UNSET: [&str; 7] = [
    "GIT_EXTERNAL_DIFF",
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_CONFIG_PARAMETERS",
];

#[cfg(test)]
mod tests {
    use super::*;

    const READS: Grant = Grant { network: false, git_write: false, git_config: false };
    const WRITES: Grant = Grant { git_write: true, ..READS };

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        (folder, base)
    }

    fn repository(at: &Path) {
        for name in ["objects", "hooks"] {
            fs::create_dir_all(at.join(name)).unwrap();
        }
        for name in ["HEAD", "config"] {
            fs::write(at.join(name), "").unwrap();
        }
    }

    #[test]
    fn a_plain_repository_is_frozen_or_written_but_for_what_runs() {
        let (_folder, base) = folder();
        repository(&base.join(".git"));
        let found = find(&base, None, READS);
        assert_eq!(found, Repository { frozen: vec![base.join(".git")], ..Repository::default() });
        let found = find(&base, None, WRITES);
        let frozen =
            ["hooks", "config", "config.worktree"].map(|name| base.join(".git").join(name));
        assert_eq!(found, Repository { frozen: frozen.into(), ..Repository::default() });
        let config = Grant { git_config: true, ..WRITES };
        assert_eq!(find(&base, None, config).frozen, [base.join(".git/hooks")]);
    }

    #[test]
    fn a_linked_work_tree_reaches_its_repository_only_where_that_points_back() {
        let (_folder, base) = folder();
        repository(&base.join("main/.git"));
        let own = base.join("main/.git/worktrees/x");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(base.join("x")).unwrap();
        fs::write(base.join("x/.git"), format!("gitdir: {}\n", own.display())).unwrap();
        fs::write(own.join("HEAD"), "").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(own.join("gitdir"), format!("{}\n", base.join("x/.git").display())).unwrap();
        let found = find(&base.join("x"), None, READS);
        assert_eq!(found.read, [base.join("main/.git")]);
        assert_eq!(found.frozen, [base.join("x/.git")]);
        assert_eq!(find(&base.join("x"), None, WRITES).write, [base.join("main/.git")]);
        fs::write(own.join("gitdir"), format!("{}\n", base.join("y/.git").display())).unwrap();
        assert_eq!(find(&base.join("x"), None, READS).read, Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_that_names_any_folder_opens_nothing() {
        let (_folder, base) = folder();
        fs::create_dir_all(base.join("secret")).unwrap();
        fs::create_dir_all(base.join("project")).unwrap();
        fs::write(base.join("project/.git"), "gitdir: ../secret\n").unwrap();
        let found = find(&base.join("project"), None, WRITES);
        let frozen = vec![base.join("project/.git")];
        assert_eq!(found, Repository { frozen, ..Repository::default() });
    }

    #[test]
    fn submodules_are_guarded_too() {
        let (_folder, base) = folder();
        repository(&base.join(".git"));
        let text = "[submodule \"lib/a\"]\n\tpath = vendor/a\n\turl = x\n[submodule \"b\"]\n\tpath = ../b\n";
        fs::write(base.join(".gitmodules"), text).unwrap();
        assert_eq!(
            find(&base, None, READS).frozen,
            [".git", "vendor/a/.git"].map(|name| base.join(name))
        );
        let modules = base.join(".git/modules/lib/a");
        assert!(find(&base, None, WRITES).frozen.contains(&modules.join("config")));
    }

    #[test]
    fn settings_that_name_programs_are_dropped() {
        let text = "user.name\nAda\0core.pager\nless\0diff.external\nevil\0alias.x\n!evil\0core.autocrlf\ninput\0bad\0";
        let env = from_list(text, None).env;
        let has = |value: &str| env.iter().any(|(_, found)| found == value);
        assert!(has("Ada") && has("input") && !has("less") && !has("evil") && !has("!evil"));
    }
}
