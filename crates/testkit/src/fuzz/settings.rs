//! Files that a user writes: settings and prices.

use std::io::Write as _;
use std::path::Path;

use distiq_base::config::{Config, Sources};
use distiq_llm::{Catalogue, Registry};

/// Hands the bytes over as a file.
fn with_file(bytes: &[u8], read: impl FnOnce(&Path)) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_ok() {
        read(file.path());
    }
}

/// The user's and a project's settings, with the providers that they set up.
pub(super) fn settings(bytes: &[u8]) {
    with_file(bytes, |path| {
        let of = |user, project| Sources { user, project, env: &|_| None, flags: &[] };
        for sources in [of(Some(path), None), of(None, Some(path))] {
            match Config::load(&sources) {
                Ok(config) => {
                    let _ = Registry::from_settings(&config.settings(), &|_| None);
                }
                Err(error) => {
                    let _ = (error.to_string(), error.hint());
                }
            }
        }
    });
}

/// The user's prices.
pub(super) fn prices(bytes: &[u8]) {
    with_file(bytes, |path| {
        if let Err(error) = Catalogue::with_user_file(path) {
            let _ = error.to_string();
        }
    });
}
