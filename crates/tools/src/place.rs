//! Where a path really leads: links and `..` resolved, nothing outside the root.

mod spelling;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::outcome::{Refusal, RefusalKind};

/// Most links on the way to one file, as Linux has it.
const MAX_LINKS: usize = 40;

/// The folders that tools may look into.
#[derive(Clone, Debug)]
pub(crate) struct Grounds {
    /// The project's root, canonical.
    pub(crate) root: PathBuf,
    /// Where full outputs are kept; readable, and nothing else.
    pub(crate) outputs: PathBuf,
}

/// A path inside the grounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Absolute, without links or `..`; the file itself may not exist.
    pub(crate) path: PathBuf,
    /// Relative to the root, with `/`, fit to be shown.
    pub(crate) shown: String,
}

impl Grounds {
    /// Resolves a path for reading: inside the root, or a kept output.
    pub(crate) fn readable(&self, path: &str) -> Result<Place, Refusal> {
        let place = self.place(path)?;
        if place.path.starts_with(&self.root) || place.path.starts_with(&self.outputs) {
            Ok(place)
        } else {
            Err(self.outside(path, &place))
        }
    }

    /// Resolves a path for writing: inside the root, and not git's own files.
    pub(crate) fn writable(&self, path: &str) -> Result<Place, Refusal> {
        let mut place = self.place(path)?;
        if let Some(name) = spelling::other_spelling(&place.path) {
            place.path.set_file_name(name);
            place.shown = self.shown(&place.path);
        }
        let Ok(inside) = place.path.strip_prefix(&self.root) else {
            return Err(self.outside(path, &place));
        };
        if inside.as_os_str().is_empty() {
            return Err(Refusal::invalid(format!("{}: is a folder", show(path))));
        }
        if inside.components().any(|part| is_git_folder(part.as_os_str())) {
            return Err(Refusal::denied(format!(
                "{}: git's own files are changed by git commands only",
                place.shown
            )));
        }
        Ok(place)
    }

    /// Resolves the path of a file that is written whole: one that exists under another spelling of its name is
    /// not taken for it.
    pub(crate) fn whole(&self, path: &str) -> Result<Place, Refusal> {
        let asked = resolve(&self.absolute(path)).map_err(|e| Refusal::io(&show(path), &e))?;
        let place = self.writable(path)?;
        if asked == place.path {
            return Ok(place);
        }
        Err(Refusal::invalid(format!(
            "{}: this file system takes it for {}, which is there; write that one, or choose another name",
            show(path),
            place.shown
        )))
    }

    /// Returns how a path is shown: relative to the root where it is inside.
    pub(crate) fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.root) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => show(&inside.to_string_lossy()),
            Err(_) => show(&path.to_string_lossy()),
        }
    }

    fn place(&self, path: &str) -> Result<Place, Refusal> {
        if path.is_empty() || path.contains('\0') {
            return Err(Refusal::invalid("the path is empty or has a NUL character in it"));
        }
        let resolved = resolve(&self.absolute(path)).map_err(|e| Refusal::io(&show(path), &e))?;
        let shown = self.shown(&resolved);
        Ok(Place { path: resolved, shown })
    }

    fn absolute(&self, path: &str) -> PathBuf {
        let home = path.strip_prefix("~/").and_then(|rest| Some(home()?.join(rest)));
        home.unwrap_or_else(|| self.root.join(path))
    }

    fn outside(&self, path: &str, place: &Place) -> Refusal {
        let target = if Path::new(path) == place.path || path.starts_with('~') {
            String::new()
        } else {
            format!(" (it leads to {})", place.shown)
        };
        Refusal::new(
            RefusalKind::Denied,
            format!("{}{target}: outside the project {}", show(path), self.root.display()),
        )
    }
}

/// Returns the user's home folder.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// Tells whether a path's part is a git folder, on any file system.
pub(crate) fn is_git_folder(part: &OsStr) -> bool {
    if part.is_ascii() {
        // The second is its short name on Windows' file systems.
        return part.eq_ignore_ascii_case(".git") || part.eq_ignore_ascii_case("git~1");
    }
    // HFS+ passes over these characters.
    let is_passed_over = |c: char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let plain: String = part.to_string_lossy().chars().filter(|c| !is_passed_over(*c)).collect();
    plain.eq_ignore_ascii_case(".git")
}

/// Makes a path fit to be shown in one line.
pub(crate) fn show(path: &str) -> String {
    distiq_base::paths::one_line(path).into_owned()
}

/// Resolves links and `..` as the kernel would, going on where nothing exists any more.
///
/// `canonicalize` wants every part to exist; a file to be created does not yet, and a dangling
/// link leads where a write through it would.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut links = 0;
    let mut rest: Vec<_> = parts(path);
    let mut resolved = PathBuf::from("/");
    while let Some(part) = rest.pop() {
        if part == ".." {
            resolved.pop();
            continue;
        }
        resolved.push(&part);
        match fs::symlink_metadata(&resolved) {
            Ok(metadata) if metadata.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::other("too many links, or a loop of links"));
                }
                let target = fs::read_link(&resolved)?;
                resolved.pop();
                if target.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                rest.extend(parts(&target));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(resolved)
}

/// Returns a path's parts, last one first, without `/` and `.`.
fn parts(path: &Path) -> Vec<std::ffi::OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect::<Vec<_>>().into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn grounds() -> (tempfile::TempDir, Grounds) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let root = base.join("root");
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir_all(base.join("outputs")).unwrap();
        fs::write(root.join("src/a.rs"), "a").unwrap();
        fs::write(base.join("secret"), "s").unwrap();
        symlink("../secret", root.join("leak")).unwrap();
        symlink("src", root.join("dir")).unwrap();
        symlink("../not-there", root.join("dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        (folder, Grounds { root, outputs: base.join("outputs") })
    }

    #[test]
    fn resolves_inside_and_refuses_outside() {
        let (_folder, grounds) = grounds();
        let root = grounds.root.display();
        let check = |path: &str, expected: Result<&str, RefusalKind>| {
            let got = grounds.writable(path).map(|p| p.shown).map_err(|r| r.kind);
            assert_eq!(got, expected.map(str::to_owned), "{path}");
        };
        check("src/a.rs", Ok("src/a.rs"));
        check("./src/../src/./a.rs", Ok("src/a.rs"));
        check("dir/a.rs", Ok("src/a.rs"));
        check("new/deep/file", Ok("new/deep/file"));
        check("new/../../root/src/a.rs", Ok("src/a.rs"));
        check("a\nb", Ok("a\\nb"));
        check(&format!("{root}/src/a.rs"), Ok("src/a.rs"));
        check("../secret", Err(RefusalKind::Denied));
        check("leak", Err(RefusalKind::Denied));
        check("dangling", Err(RefusalKind::Denied));
        check("dir/../../secret", Err(RefusalKind::Denied));
        check("/etc/passwd", Err(RefusalKind::Denied));
        check("loop", Err(RefusalKind::Failed));
        check("", Err(RefusalKind::Invalid));
        check("a\0b", Err(RefusalKind::Invalid));
        check(".", Err(RefusalKind::Invalid));
        check(".git/config", Err(RefusalKind::Denied));
        check("src/.GIT/hooks/x", Err(RefusalKind::Denied));
        check(".g\u{200c}it/config", Err(RefusalKind::Denied));
        check("git~1/config", Err(RefusalKind::Denied));
        check("src/a.rs/b", Err(RefusalKind::NotFound));
        check("../outputs/x", Err(RefusalKind::Denied));
        assert!(grounds.readable("../outputs/x").is_ok());
        assert!(grounds.readable("leak").is_err());
    }

    proptest! {
        /// Whatever the path, what comes out is where the kernel would go, or outside and refused.
        #[test]
        fn any_path_leads_where_the_kernel_goes(parts in prop::collection::vec(
            prop::sample::select(vec![
                "..", ".", "", "src", "a.rs", "dir", "leak", "dangling", "loop", "root", "none", "é", ".git", "secret",
            ]),
            1..8,
        )) {
            let (_folder, grounds) = grounds();
            let path = parts.join("/");
            let real = grounds.root.join(&path).canonicalize();
            match (grounds.writable(&path), real) {
                (Ok(place), Ok(real)) => prop_assert_eq!(place.path, real),
                (Ok(place), Err(_)) => {
                    prop_assert!(place.path.starts_with(&grounds.root));
                    prop_assert!(!place.path.components().any(|part| part == Component::ParentDir));
                    // Nothing on the way is a link: it would lead elsewhere.
                    prop_assert!(place.path.ancestors().all(|part| !part.is_symlink()));
                }
                (Err(refusal), Ok(real)) => {
                    let inside = real.strip_prefix(&grounds.root).ok();
                    let is_file = inside.is_some_and(|inside| !inside.as_os_str().is_empty());
                    prop_assert!(!is_file || path.contains(".git"), "{}: {}", path, refusal.message);
                }
                (Err(_), Err(_)) => {}
            }
        }
    }
}
