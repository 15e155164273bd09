//! Real source files that are on every machine that builds this project: those of its dependencies, and
//! Python's library where there is a Python.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of one language, as a share of all.
const LANGUAGES: [(&str, &[&str], usize); 9] = [
    ("rust", &["rs"], 90),
    ("c", &["c", "h"], 40),
    ("cpp", &["cc", "cpp", "hpp"], 20),
    ("python", &["py"], 60),
    ("javascript", &["js", "ts", "mjs"], 25),
    ("shell", &["sh", "bash"], 10),
    ("json", &["json"], 15),
    ("toml", &["toml"], 15),
    ("prose", &["md", "yml", "yaml"], 30),
];

const SIZES: std::ops::Range<u64> = 1_500..48_000;

pub struct Source {
    pub language: &'static str,
    /// What its random numbers begin with.
    pub number: u64,
    pub name: String,
    pub text: String,
}

/// Returns files of every language, always the same ones on the same machine.
pub fn sources() -> Vec<Source> {
    let mut by_language: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for folder in folders() {
        walk(&folder, 0, &mut |path| {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            let language = LANGUAGES.iter().find(|(_, ends, _)| ends.contains(&extension));
            if let Some((language, ..)) = language {
                by_language.entry(language).or_default().push(path);
            }
        });
    }
    let mut sources = Vec::new();
    for (language, _, wanted) in LANGUAGES {
        let mut paths = by_language.remove(language).unwrap_or_default();
        // By a number of its own for each name, so that a new dependency brings few new files.
        paths.sort_by_cached_key(|path| (number(&short(path)), path.clone()));
        let mut taken = 0;
        for path in paths {
            if taken == wanted {
                break;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            // One style of line ends, so that the classes can choose.
            let text = text.replace("\r\n", "\n");
            // Tables of numbers are no code.
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            if text.lines().count() < 40 || text.contains('\r') || digits * 10 > text.len() {
                continue;
            }
            let name = short(&path);
            sources.push(Source { language, number: number(&name), name, text });
            taken += 1;
        }
    }
    sources
}

/// Returns the last parts of a path: those before differ between machines.
fn short(path: &Path) -> String {
    let name: Vec<_> = path.iter().rev().take(4).map(|part| part.to_string_lossy()).collect();
    name.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// FNV-1a of a name.
fn number(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn folders() -> Vec<PathBuf> {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Only what is built here is sure to be on this machine.
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut folders: Vec<PathBuf> = packages
        .iter()
        // Not our own files, which change with every commit.
        .filter(|p| !p["source"].is_null())
        .map(|p| Path::new(p["manifest_path"].as_str().unwrap()).parent().unwrap().to_path_buf())
        .collect();
    let python = Command::new("python3")
        .args(["-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"])
        .output();
    if let Some(output) = python.ok().filter(|output| output.status.success()) {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    folders
}

fn walk(folder: &Path, depth: usize, found: &mut impl FnMut(PathBuf)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        if kind.is_dir() && depth < 6 && name != "target" && name != "site-packages" {
            walk(&entry.path(), depth + 1, found);
        } else if kind.is_file() && entry.metadata().is_ok_and(|m| SIZES.contains(&m.len())) {
            found(entry.path());
        }
    }
}
