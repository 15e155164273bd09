//! Which files commands changed, where no checkpoints tell: what is newer than the turn, ignore rules honoured.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ignore::WalkBuilder;

/// Most entries looked at.
const MAX_ENTRIES: usize = 50_000;
/// Most paths told.
const MAX_CHANGED: usize = 200;
/// Folders of caches that tools leave behind even where no ignore file names them.
const CACHES: [&str; 5] = ["__pycache__", "node_modules", "target", ".pytest_cache", ".mypy_cache"];

/// Returns the files below `root` that were written, made or moved since `began`; deletions leave no
/// trace here.
pub fn since(root: &Path, began: SystemTime) -> Vec<String> {
    let began = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Coarse clocks of file systems lag the system's by some milliseconds.
    let began = began.saturating_sub(std::time::Duration::from_millis(10));
    let mut changed = Vec::new();
    let walk = WalkBuilder::new(root)
        .require_git(false)
        .filter_entry(|entry| !CACHES.iter().any(|cache| entry.file_name() == *cache))
        .build();
    for entry in walk.flatten().take(MAX_ENTRIES) {
        let Ok(meta) = entry.metadata() else { continue };
        let at = (meta.ctime(), meta.ctime_nsec());
        let since = (began.as_secs().cast_signed(), i64::from(began.subsec_nanos()));
        if meta.is_file() && at >= since {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            changed.push(path.to_string_lossy().into_owned());
            if changed.len() == MAX_CHANGED {
                break;
            }
        }
    }
    changed.sort();
    changed
}
