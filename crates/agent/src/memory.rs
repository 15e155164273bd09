//! Memory files: what a project and its user want every session to know.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most bytes of memory files in a prompt, all together.
pub const MAX_BYTES: usize = 32 << 10;

/// The names looked for in a folder; the first that holds something counts.
pub const NAMES: [&str; 3] = ["AGENTS.md", "CLAUDE.md", "GEMINI.md"];

/// A memory file as it goes into the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryFile {
    /// Its path: relative to the root, or absolute for the user's own.
    pub path: String,
    /// Its text, without blanks around it.
    pub text: String,
    /// Whether it was cut at the limit.
    pub cut: bool,
}

/// Reads the user's own file, then one file a folder from the project's root down to `cwd`.
///
/// Links are followed only to places inside the root; what cannot be read is passed over.
pub fn read(config: &Path, root: &Path, cwd: &Path) -> Vec<MemoryFile> {
    let mut left = MAX_BYTES;
    let mut files = Vec::new();
    for (folder, inside) in folders(config, root, cwd) {
        let found = NAMES.iter().find_map(|name| {
            let path = folder.join(name);
            let text = read_bounded(&path, inside, left)?;
            Some((path, text))
        });
        let Some((path, (text, cut))) = found else { continue };
        left = left.saturating_sub(text.len());
        let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        files.push(MemoryFile { path, text, cut });
    }
    files
}

/// Returns the folders to look in, each with the place that its links must stay in.
fn folders<'a>(config: &'a Path, root: &'a Path, cwd: &'a Path) -> Vec<(PathBuf, &'a Path)> {
    let mut below: Vec<PathBuf> = cwd
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .map(Path::to_path_buf)
        .collect();
    below.reverse();
    if below.is_empty() {
        below.push(root.to_path_buf());
    }
    std::iter::once((config.to_path_buf(), config))
        .chain(below.into_iter().map(|folder| (folder, root)))
        .collect()
}

fn read_bounded(path: &Path, inside: &Path, left: usize) -> Option<(String, bool)> {
    let real = fs::canonicalize(path).ok()?;
    if !real.starts_with(fs::canonicalize(inside).ok()?) || !fs::metadata(&real).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(&real).ok()?.take(left as u64 + 1).read_to_end(&mut bytes).ok()?;
    let cut = bytes.len() > left;
    bytes.truncate(left);
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some((text, cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_from_the_root_down_and_prefers_agents_md() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("p");
        let cwd = root.join("a/b");
        let config = folder.path().join("config");
        fs::create_dir_all(&cwd).unwrap();
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("AGENTS.md"), "mine").unwrap();
        fs::write(root.join("AGENTS.md"), " root\n").unwrap();
        fs::write(root.join("CLAUDE.md"), "not this").unwrap();
        fs::write(root.join("a/CLAUDE.md"), "a").unwrap();
        fs::write(folder.path().join("AGENTS.md"), "above the root").unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), cwd.join("AGENTS.md")).unwrap();
        let texts: Vec<_> = read(&config, &root, &cwd).into_iter().map(|f| f.text).collect();
        assert_eq!(texts, ["mine", "root", "a"]);
    }

    #[test]
    fn is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("AGENTS.md"), "ы".repeat(MAX_BYTES)).unwrap();
        let files = read(Path::new("/nonexistent"), folder.path(), folder.path());
        assert!(files[0].cut && files[0].text.len() <= MAX_BYTES + 3);
    }
}
