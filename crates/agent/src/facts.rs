//! The project's outline for the prompt: which files there are and, where room is left, what they
//! define and what stands in them, in as many tokens as are worth it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use distiq_lang::{OutlineItem, outline as definitions};

use ignore::WalkBuilder;

/// Most entries looked at, so that a huge tree costs no time.
const MAX_ENTRIES: usize = 4_000;
const MAX_DEPTH: usize = 4;

/// Most files read for what they define, and of how many bytes each.
const MAX_READ: usize = 32;
const MAX_READ_BYTES: u64 = 64 << 10;
/// Most definitions of one file that are shown, and the largest file that is looked into for them.
const MOST_OUTLINE: usize = 300;
const MAX_OUTLINED_BYTES: u64 = 1 << 20;
/// Less room than this is left empty.
const LEAST_ROOM: usize = 40;

/// What is worth telling of a project before anything is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its files by folder and, where there is room, what they define.
    pub outline: String,
    /// The text of its first small source files; only where the outline leaves room.
    pub texts: String,
    /// Which files these are, each with its text.
    pub shown: Vec<(PathBuf, String)>,
}

/// Gathers facts of at most `max_bytes` together; the same tree gives the same text.
///
/// Ignore rules are honoured, hidden files are left out. Where names do not fit, folders stand with
/// their number of files; where these do not fit either, the upper ones with that of all below.
pub fn gather(root: &Path, max_bytes: usize) -> Facts {
    if max_bytes < LEAST_ROOM {
        return Facts::default();
    }
    let folders = walk(root);
    let mut facts = Facts { outline: render(&folders, usize::MAX), ..Facts::default() };
    if facts.outline.len() <= max_bytes {
        add_sources(&mut facts, root, &folders, max_bytes);
        return facts;
    }
    for most_names in [24, 12, 6, 3, 0] {
        facts.outline = render(&folders, most_names);
        if facts.outline.len() <= max_bytes {
            return facts;
        }
    }
    for depth in (1..MAX_DEPTH).rev() {
        facts.outline = render_upper(&folders, depth);
        if facts.outline.len() <= max_bytes {
            return facts;
        }
    }
    facts.outline = cut_at_line(facts.outline, max_bytes);
    facts
}

/// Returns the first lines of what a file of the project defines now; nothing where it is gone, too
/// large or no text.
pub fn signatures(root: &Path, path: &str) -> Vec<String> {
    items(root, path).into_iter().map(|item| item.signature).collect()
}

/// Returns what a file of the project defines now, a line each with its number; `None` where that is
/// nothing.
pub fn outline(root: &Path, path: &str) -> Option<String> {
    let line = |item: &OutlineItem| {
        format!("{}{}: {}", "  ".repeat(item.depth), item.start_line, item.signature)
    };
    let lines: Vec<String> = items(root, path).iter().take(MOST_OUTLINE).map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn items(root: &Path, path: &str) -> Vec<OutlineItem> {
    let path = root.join(path);
    let inside = path.canonicalize().is_ok_and(|path| path.starts_with(root));
    let is_small = |about: std::fs::Metadata| about.is_file() && about.len() <= MAX_OUTLINED_BYTES;
    if !inside || !std::fs::metadata(&path).is_ok_and(is_small) {
        return Vec::new();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    definitions(&path, &text).unwrap_or_default()
}

/// A source file of the project.
struct Source {
    path: PathBuf,
    text: String,
}

/// Reads the project's first source files, tests last.
fn sources(root: &Path, folders: &Folders) -> Vec<Source> {
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|(folder, names)| names.iter().map(move |name| Path::new(folder).join(name)))
        .filter(|path| distiq_lang::language_of(path).is_some_and(|l| !l.is_data()))
        .take(MAX_READ)
        .collect();
    paths.sort_by_key(|path| path.to_string_lossy().contains("test"));
    let read = |path: PathBuf| {
        let mut text = String::new();
        let file = std::fs::File::open(root.join(&path)).ok()?;
        file.take(MAX_READ_BYTES).read_to_string(&mut text).ok()?;
        Some(Source { path, text })
    };
    paths.into_iter().filter_map(read).collect()
}

/// Adds a line for each source file with the heads of what it defines, then whole small files, as
/// long as there is room.
fn add_sources(facts: &mut Facts, root: &Path, folders: &Folders, max_bytes: usize) {
    let mut room = max_bytes.saturating_sub(facts.outline.len());
    if room < LEAST_ROOM {
        return;
    }
    let sources = sources(root, folders);
    let mut add = |text: &mut String, part: &str| {
        let fits = part.len() < room;
        if fits {
            room -= part.len() + 1;
            text.push('\n');
            text.push_str(part);
        }
        fits
    };
    for line in sources.iter().filter_map(definitions_of) {
        add(&mut facts.outline, &line);
    }
    for source in sources.into_iter().filter(|s| !s.text.trim().is_empty()) {
        if add(&mut facts.texts, &text_of(&source)) {
            facts.shown.push((source.path, source.text.trim_end().to_owned()));
        }
    }
}

fn text_of(source: &Source) -> String {
    format!("{}:\n```\n{}\n```", source.path.display(), source.text.trim_end())
}

fn definitions_of(source: &Source) -> Option<String> {
    let items = definitions(&source.path, &source.text)?;
    let heads: Vec<&str> = items
        .iter()
        .filter(|item| item.depth <= 1 && item.kind != "const")
        .map(|item| item.signature.trim_end_matches([':', '{', ' ']))
        .collect();
    (!heads.is_empty()).then(|| format!("{}: {}", source.path.display(), heads.join("; ")))
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

/// Renders the folders down to a depth, each with the number of files in it and below.
fn render_upper(folders: &Folders, depth: usize) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for (folder, names) in folders {
        let upper: Vec<&str> = folder.split('/').take(depth).collect();
        *counts.entry(upper.join("/")).or_default() += names.len();
    }
    let line = |(folder, count): (&String, &usize)| match folder.as_str() {
        "" => format!("{count} files"),
        folder => format!("{folder}/: {count} files"),
    };
    counts.iter().map(line).collect::<Vec<_>>().join("\n")
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
        assert_eq!(gather(project.path(), 1000).outline, "README.md\nsrc/: a.py b.py");
    }

    #[test]
    fn a_small_project_shows_what_it_defines() {
        let project = tree(&["notes.md"]);
        std::fs::write(
            project.path().join("a.py"),
            "X = 1\nclass Cart:\n    def add(self, item):\n        pass\n\ndef total(cart):\n    pass\n",
        )
        .unwrap();
        let names = "a.py notes.md\na.py: class Cart; def add(self, item); def total(cart)";
        let few = gather(project.path(), 120);
        assert_eq!((few.outline.as_str(), few.texts.as_str()), (names, ""));
        let whole = gather(project.path(), 400);
        assert_eq!(whole.outline, names);
        assert_eq!((few.shown.len(), whole.shown[0].0.as_path()), (0, Path::new("a.py")));
        assert!(whole.texts.contains(&whole.shown[0].1), "{}", whole.texts);
        assert!(whole.texts.starts_with("\na.py:\n```\nX = 1\nclass Cart:"), "{}", whole.texts);
        assert!(!whole.texts.contains("notes.md"), "{}", whole.texts);
        assert_eq!(gather(project.path(), 45).outline, "a.py notes.md");
    }

    #[test]
    fn of_many_folders_the_upper_ones_are_told() {
        let names: Vec<String> = (0..90)
            .map(|i| format!("{}/part{}/a{i}.rs", ["docs", "src", "test"][i % 3], i % 30))
            .collect();
        let names: Vec<String> = names.into_iter().chain(["LICENSE".to_owned()]).collect();
        let project = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let outline = gather(project.path(), 200).outline;
        assert_eq!(outline, "1 files\ndocs/: 30 files\nsrc/: 30 files\ntest/: 30 files");
    }

    #[test]
    fn never_exceeds_its_bound() {
        let names: Vec<String> = (0..300).map(|i| format!("dir{}/file{i}.rs", i % 17)).collect();
        let project = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for bound in [0, 39, 40, 60, 100, 300, 1_000, 10_000] {
            let facts = gather(project.path(), bound);
            let length = facts.outline.len() + facts.texts.len();
            assert!(length <= bound, "{bound}: {length}");
        }
        assert!(gather(project.path(), 300).outline.contains("files"));
    }
}
