//! The project's outline for the prompt: which files there are and, where room is left, what they
//! define, in as many tokens as are worth it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use distiq_lang::outline as definitions;

use ignore::WalkBuilder;

/// Most entries looked at, so that a huge tree costs no time.
const MAX_ENTRIES: usize = 4_000;
const MAX_DEPTH: usize = 4;

/// Most files read for what they define, and of how many bytes each.
const MAX_READ: usize = 32;
const MAX_READ_BYTES: u64 = 64 << 10;

/// Lists the project's files by folder, at most `max_bytes` long; the same tree gives the same text.
///
/// Ignore rules are honoured, hidden files are left out. Where names do not fit, folders stand with
/// their number of files; where they leave room, what source files define follows.
pub fn outline(root: &Path, max_bytes: usize) -> String {
    if max_bytes < 40 {
        return String::new();
    }
    let folders = walk(root);
    let mut names_of_all = render(&folders, usize::MAX);
    if names_of_all.len() <= max_bytes {
        add_definitions(&mut names_of_all, root, &folders, max_bytes);
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

/// Adds a line for each source file with the heads of what it defines, as long as there is room.
fn add_definitions(text: &mut String, root: &Path, folders: &Folders, max_bytes: usize) {
    let mut read = 0;
    for (folder, names) in folders {
        for name in names {
            let path = Path::new(folder).join(name);
            if read == MAX_READ || text.len() + 40 > max_bytes {
                return;
            }
            if distiq_lang::language_of(&path).is_none_or(|language| language.is_data()) {
                continue;
            }
            read += 1;
            let Some(line) = definitions_of(root, &path) else { continue };
            if text.len() + line.len() < max_bytes {
                text.push('\n');
                text.push_str(&line);
            }
        }
    }
}

fn definitions_of(root: &Path, path: &Path) -> Option<String> {
    let mut source = String::new();
    let file = std::fs::File::open(root.join(path)).ok()?;
    file.take(MAX_READ_BYTES).read_to_string(&mut source).ok()?;
    let items = definitions(path, &source)?;
    let heads: Vec<&str> = items
        .iter()
        .filter(|item| item.depth <= 1 && item.kind != "const")
        .map(|item| item.signature.trim_end_matches([':', '{', ' ']))
        .collect();
    (!heads.is_empty()).then(|| format!("{}: {}", path.display(), heads.join("; ")))
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
    fn a_small_project_shows_what_it_defines() {
        let project = tree(&["notes.md"]);
        std::fs::write(
            project.path().join("a.py"),
            "X = 1\nclass Cart:\n    def add(self, item):\n        pass\n\ndef total(cart):\n    pass\n",
        )
        .unwrap();
        assert_eq!(
            outline(project.path(), 400),
            "a.py notes.md\na.py: class Cart; def add(self, item); def total(cart)"
        );
        assert_eq!(outline(project.path(), 45), "a.py notes.md");
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
