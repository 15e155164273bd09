//! The project's outline for the prompt: which files there are, in as many tokens as are worth it.

use std::collections::BTreeMap;
use std::path::Path;

use ignore::WalkBuilder;

/// Most entries looked at, so that a huge tree costs no time.
const MAX_ENTRIES: usize = 4_000;
const MAX_DEPTH: usize = 4;

/// Lists the project's files by folder, at most `max_bytes` long; the same tree gives the same text.
///
/// Ignore rules are honoured, hidden files are left out. Where names do not fit, folders stand with
/// their number of files.
pub fn outline(root: &Path, max_bytes: usize) -> String {
    if max_bytes < 40 {
        return String::new();
    }
    let folders = walk(root);
    let mut names_of_all = render(&folders, usize::MAX);
    if names_of_all.len() <= max_bytes {
        return names_of_all;
    }
    for most_names in [24, 12, 6, 3, 0] {
        names_of_all = render(&folders, most_names);
        if names_of_all.len() <= max_bytes {
            return names_of_all;
        }
    }
    cut_at_line(names_of_all, max_bytes)
}

type Folders = BTreeMap<String, Vec<String>>;

fn walk(root: &Path) -> Folders {
    let mut folders = Folders::new();
    let walk = WalkBuilder::new(root)
        .max_depth(Some(MAX_DEPTH))
        .require_git(false)
        .sort_by_file_name(Ord::cmp)
        .build();
    for entry in walk.flatten().take(MAX_ENTRIES) {
        if !entry.file_type().is_some_and(|t| t.is_file()) {
            continue;
        }
        let Ok(path) = entry.path().strip_prefix(root) else { continue };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let plain = |s: &str| !s.chars().any(char::is_control);
        let (folder, name) = (folder.to_string_lossy(), name.to_string_lossy());
        if plain(&folder) && plain(&name) {
            folders.entry(folder.into_owned()).or_default().push(name.into_owned());
        }
    }
    folders
}

fn render(folders: &Folders, most_names: usize) -> String {
    let mut text = String::new();
    for (folder, names) in folders {
        if !text.is_empty() {
            text.push('\n');
        }
        if !folder.is_empty() {
            text.push_str(folder);
            text.push_str("/: ");
        }
        let shown = names.len().min(most_names);
        text.push_str(&names.get(..shown).unwrap_or_default().join(" "));
        if shown < names.len() {
            let more = names.len() - shown;
            let dots = if shown == 0 { "" } else { " … " };
            text.push_str(&format!("{dots}{more} files"));
        }
    }
    text
}

fn cut_at_line(mut text: String, max_bytes: usize) -> String {
    const MORE: &str = "\n…";
    let room = max_bytes.saturating_sub(MORE.len());
    let end = text.bytes().take(room + 1).rposition(|b| b == b'\n').unwrap_or(0);
    text.truncate(end);
    if !text.is_empty() {
        text.push_str(MORE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        folder
    }

    #[test]
    fn lists_files_by_folder_and_honours_ignore_files() {
        let project = tree(&["README.md", "src/a.py", "src/b.py", "out/x.o", ".hidden/y"]);
        std::fs::write(project.path().join(".gitignore"), "out/\n").unwrap();
        assert_eq!(outline(project.path(), 1000), "README.md\nsrc/: a.py b.py");
    }

    #[test]
    fn never_exceeds_its_bound() {
        let names: Vec<String> = (0..300).map(|i| format!("dir{}/file{i}.rs", i % 17)).collect();
        let project = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for bound in [0, 39, 40, 60, 100, 300, 1_000, 10_000] {
            let text = outline(project.path(), bound);
            assert!(text.len() <= bound, "{bound}: {}", text.len());
        }
        assert!(outline(project.path(), 300).contains("files"));
    }
}
