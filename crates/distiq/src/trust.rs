//! Folders whose own settings may loosen the user's, each as long as its settings stay as they were.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use distiq_base::atomic;
use distiq_base::config::MAX_FILE_BYTES;
use distiq_base::ids::fingerprint;
use distiq_base::paths::Home;
use serde::{Deserialize, Serialize};

/// Most folders that are kept; the oldest go first.
const MAX_FOLDERS: usize = 1_000;

/// A folder whose settings the user has looked at.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Trusted {
    /// The project's root.
    pub root: PathBuf,
    /// What its settings were.
    pub settings: String,
    /// The change of them that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// The folders that are trusted.
pub struct Trust {
    path: PathBuf,
    folders: Vec<Trusted>,
}

impl Trust {
    /// Reads the list; one that is damaged trusts nothing.
    pub fn of(home: &Home) -> Self {
        let path = home.trust();
        let folders = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, folders: folders.unwrap_or_default() }
    }

    /// Returns the folders.
    pub fn folders(&self) -> &[Trusted] {
        &self.folders
    }

    /// Tells whether the settings of a folder are those that the user trusted.
    pub fn holds(&self, root: &Path, settings: &str) -> bool {
        let hash = fingerprint(settings.as_bytes());
        self.folders.iter().any(|trusted| trusted.root == root && trusted.settings == hash)
    }

    /// Says once that trusted settings have changed.
    pub fn notice(mut self, root: &Path, file: &Path) -> Option<String> {
        let trusted = self.folders.iter_mut().find(|trusted| trusted.root == root)?;
        let hash = fingerprint(&fs::read(file).unwrap_or_default());
        if trusted.settings == hash || trusted.told.as_ref() == Some(&hash) {
            return None;
        }
        trusted.told = Some(hash);
        // Where it cannot be noted, it is said again.
        let _ = self.write();
        Some(format!(
            "{} has changed since you trusted it; look at it and run `distiq trust` again",
            file.display()
        ))
    }

    /// Trusts a folder with its settings as they are.
    pub fn add(&mut self, root: &Path, settings: &str) -> io::Result<()> {
        self.folders.retain(|trusted| trusted.root != root);
        let settings = fingerprint(settings.as_bytes());
        self.folders.push(Trusted { root: root.to_path_buf(), settings, told: None });
        let over = self.folders.len().saturating_sub(MAX_FOLDERS);
        self.folders.drain(..over);
        self.write()
    }

    /// Trusts a folder no more; tells whether it was trusted.
    pub fn revoke(&mut self, root: &Path) -> io::Result<bool> {
        let before = self.folders.len();
        self.folders.retain(|trusted| trusted.root != root);
        let was = self.folders.len() < before;
        if was {
            self.write()?;
        }
        Ok(was)
    }

    fn write(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            atomic::create_private_dir(folder)?;
        }
        let bytes = serde_json::to_vec_pretty(&self.folders)?;
        atomic::write(&self.path, &bytes, None)
    }
}

/// Reads a project's settings; `None` where it has none.
pub fn settings(file: &Path) -> io::Result<Option<String>> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(found) if found.len() > MAX_FILE_BYTES => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => fs::read_to_string(file).map(Some),
    }
}
