//! Peers that are got for a measurement, below `.cache`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Returns a program of a Debian package: the system's where it has one, else one out of the package, uninstalled.
pub fn debian(package: &str, program: &str) -> Result<PathBuf> {
    let installed = Path::new("/").join(program);
    if installed.exists() {
        return Ok(installed);
    }
    let folder = cache(package)?;
    let unpacked = folder.join(program);
    if !unpacked.exists() {
        run_in(&folder, "apt-get", &["download", "-qq", package])?;
        run_in(&folder, "sh", &["-c", &format!("dpkg-deb -x {package}_*.deb .")])?;
    }
    Ok(unpacked)
}

/// Returns a folder for what is kept between runs.
pub fn cache(name: &str) -> Result<PathBuf> {
    let folder = crate::root().join(".cache").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Runs a program in a folder; failing is an error.
pub fn run_in(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    eprintln!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program).args(arguments).current_dir(folder).status();
    let status = status.with_context(|| format!("Cannot run `{program}`"))?;
    if !status.success() {
        bail!("`{program} {}` failed", arguments.join(" "));
    }
    Ok(())
}
