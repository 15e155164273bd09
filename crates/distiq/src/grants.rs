//! What the user allowed always, kept for each project between sessions.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use distiq_base::atomic;
use distiq_base::ids::fingerprint;
use distiq_tools::permission::Memory;
use serde::{Deserialize, Serialize};

use crate::terminal;
use crate::world::World;

/// Most parts that are kept for a project; the oldest go first.
const MAX_PARTS: usize = 1_000;
/// The longest part that is kept; a longer one is asked about again.
const MAX_PART_BYTES: usize = 8 << 10;
/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// A part that needs no question any more.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The tool.
    pub tool: String,
    /// The part, as it was shown.
    pub text: String,
}

/// A project's file.
#[derive(Default, Deserialize, Serialize)]
struct Kept {
    root: PathBuf,
    granted: Vec<Granted>,
}

/// What the user allowed always in one project.
pub struct Grants {
    path: PathBuf,
    root: PathBuf,
    /// One writer at a time; other processes replace the file as a whole.
    turn: Mutex<()>,
}

impl Grants {
    /// Returns those of the project.
    pub fn of(world: &World) -> Self {
        Self::at(&world.home.grants(), &world.root)
    }

    fn at(folder: &Path, root: &Path) -> Self {
        let name = atomic_name(root);
        Self { path: folder.join(name), root: root.to_path_buf(), turn: Mutex::default() }
    }

    /// Returns everything that is kept, oldest first.
    pub fn all(&self) -> Vec<Granted> {
        self.read().granted
    }

    /// Forgets what fits; returns how many that were.
    pub fn forget(&self, fits: impl Fn(&Granted) -> bool) -> std::io::Result<usize> {
        let mut kept = self.read();
        let before = kept.granted.len();
        kept.granted.retain(|granted| !fits(granted));
        let forgotten = before - kept.granted.len();
        if forgotten > 0 {
            self.write(&kept)?;
        }
        Ok(forgotten)
    }

    fn read(&self) -> Kept {
        let short = fs::metadata(&self.path).is_ok_and(|file| file.len() <= MAX_FILE_BYTES);
        let read = short.then(|| fs::read(&self.path).ok()).flatten();
        let kept: Option<Kept> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        // A file that is damaged, or another project's, allows nothing.
        kept.filter(|kept| kept.root == self.root)
            .unwrap_or_else(|| Kept { root: self.root.clone(), granted: Vec::new() })
    }

    fn write(&self, kept: &Kept) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            atomic::create_private_dir(folder)?;
        }
        let bytes = serde_json::to_vec_pretty(kept).map_err(|_| ErrorKind::InvalidData)?;
        atomic::write(&self.path, &bytes, None)
    }
}

/// Names a project's file after its root.
fn atomic_name(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let mut hash = fingerprint(root.as_os_str().as_encoded_bytes());
    hash.truncate(16);
    format!("{plain}-{hash}.json")
}

impl Memory for Grants {
    fn kept(&self) -> Vec<(String, String)> {
        self.all().into_iter().map(|granted| (granted.tool, granted.text)).collect()
    }

    fn keep(&self, tool: &str, parts: &[String]) {
        let _turn = self.turn.lock();
        let mut kept = self.read();
        for text in parts.iter().filter(|text| text.len() <= MAX_PART_BYTES) {
            let granted = Granted { tool: tool.to_owned(), text: text.clone() };
            if !kept.granted.contains(&granted) {
                kept.granted.push(granted);
            }
        }
        let over = kept.granted.len().saturating_sub(MAX_PARTS);
        kept.granted.drain(..over);
        if let Err(error) = self.write(&kept) {
            terminal::say(&format!(
                "note: Cannot remember the answer beyond this session: {error}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_allowed_always_is_kept_for_its_project_alone_and_forgotten_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let here = || Grants::at(folder.path(), Path::new("/p/here"));
        here().keep("shell", &["touch a".to_owned(), "x".repeat(MAX_PART_BYTES + 1)]);
        here().keep("shell", &["touch a".to_owned(), "touch b".to_owned()]);
        assert_eq!(here().kept().len(), 2);
        assert_eq!(Grants::at(folder.path(), Path::new("/p/there")).kept(), []);
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(here().forget(|granted| granted.text == "touch a").unwrap(), 1);
        assert_eq!(here().kept(), [("shell".to_owned(), "touch b".to_owned())]);
        fs::write(file.path(), "damaged").unwrap();
        assert_eq!(here().kept(), []);
        let many: Vec<String> = (0..MAX_PARTS + 5).map(|n| format!("touch {n}")).collect();
        here().keep("shell", &many);
        assert_eq!(here().kept().len(), MAX_PARTS);
        assert_eq!(here().kept()[0].1, "touch 5");
    }
}
