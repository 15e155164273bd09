//! Names on file systems that take several spellings for one: capitals, accents.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;

/// Most entries of a folder that are looked through.
const MOST: usize = 200_000;

/// Returns how the folder itself spells a file's name, where that is not how the path does.
///
/// Costs one look on file systems that tell capitals from small letters, and for names beyond ASCII the reading of
/// the folder.
pub(super) fn other_spelling(path: &Path) -> Option<OsString> {
    let name = path.file_name()?;
    let file = path.symlink_metadata().ok()?;
    let is_same = |name: &OsStr| {
        path.with_file_name(name)
            .symlink_metadata()
            .is_ok_and(|other| (other.dev(), other.ino()) == (file.dev(), file.ino()))
    };
    if name.is_ascii() && !is_same(&swapped(name)) {
        return None;
    }
    let entries = fs::read_dir(path.parent()?).ok()?.take(MOST).flatten();
    spelled(name, file.ino(), entries.map(|entry| (entry.file_name(), entry.ino())))
}

/// Returns a name with capitals for small letters and the other way round.
fn swapped(name: &OsStr) -> OsString {
    let swap = |byte: &u8| match byte {
        b'a'..=b'z' => byte.to_ascii_uppercase(),
        byte => byte.to_ascii_lowercase(),
    };
    OsString::from_vec(name.as_bytes().iter().map(swap).collect())
}

/// Finds the entry that a name stands for; `None` where the name itself is there.
fn spelled(
    name: &OsStr,
    ino: u64,
    entries: impl Iterator<Item = (OsString, u64)>,
) -> Option<OsString> {
    let mut other = None;
    for (entry, entry_ino) in entries {
        if entry == name {
            return None;
        }
        if entry_ino == ino && is_alike(&entry, name) {
            other = Some(entry);
        }
    }
    other
}

/// Tells whether two names may be spellings of one: a hard link of quite another name is none.
fn is_alike(one: &OsStr, other: &OsStr) -> bool {
    let plain = |name: &OsStr| -> String {
        let name = name.to_string_lossy();
        name.chars().filter(char::is_ascii).flat_map(char::to_lowercase).collect()
    };
    !one.is_ascii() || !other.is_ascii() || plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_is_told_from_another_name() {
        let check = |name: &str, entries: &[(&str, u64)], expected: Option<&str>| {
            let entries = entries.iter().map(|(name, ino)| (OsString::from(name), *ino));
            assert_eq!(
                spelled(OsStr::new(name), 7, entries),
                expected.map(OsString::from),
                "{name}"
            );
        };
        check("Readme.md", &[("a", 1), ("README.md", 7)], Some("README.md"));
        check("Readme.md", &[("README.md", 7), ("Readme.md", 7)], None);
        check("Readme.md", &[("other.md", 7)], None);
        check("caf\u{e9}", &[("cafe\u{301}", 7)], Some("cafe\u{301}"));
        assert_eq!(swapped(OsStr::new("aB-1é")), OsString::from("Ab-1é"));
    }

    #[test]
    fn here_names_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["README.md", "1.2", "größe"] {
            fs::write(at(name), name).unwrap();
            assert_eq!(other_spelling(&at(name)), None);
        }
        fs::hard_link(at("README.md"), at("readme.MD")).unwrap();
        assert_eq!(other_spelling(&at("README.md")), None);
        assert_eq!(other_spelling(&at("none")), None);
    }
}
