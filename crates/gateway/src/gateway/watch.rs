//! Settings that change while the gateway runs.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::Handle;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often, in looks, the nodes of providers are asked whether they are well.
const LOOKS_TO_A_CHECK: u32 = 10;

type Look = Vec<Option<(SystemTime, u64)>>;

/// Reloads when a file has changed. One that cannot be read or used changes nothing, until it changes
/// again.
pub(super) async fn watch(handle: Handle) {
    let mut seen = look(&handle);
    let mut looks: u32 = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LOOKS_TO_A_CHECK) {
            // A node that hangs must not hold up the looks.
            let setup = handle.shared.setup();
            tokio::spawn(async move { setup.router.check_nodes().await });
        }
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
