//! Settings that change while the gateway runs.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::Handle;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Look = Vec<Option<(SystemTime, u64)>>;

/// Reloads when a file has changed. One that cannot be read or used changes nothing, until it changes
/// again.
pub(super) async fn watch(handle: Handle) {
    let mut seen = look(&handle);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = look(&handle);
        if now != seen {
            seen = now;
            handle.reload_and_say();
        }
    }
}

fn look(handle: &Handle) -> Look {
    let mut files: Vec<PathBuf> = handle.source.files();
    if let Some(tls) = &handle.shared.options.tls {
        files.extend([tls.certificate.clone(), tls.key.clone()]);
    }
    let state = |file: &PathBuf| {
        let meta = fs::metadata(file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    files.iter().map(state).collect()
}
