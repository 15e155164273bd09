//! Kept full outputs: the old ones go, when a session keeps its first.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// How long an output is kept.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Most bytes of all outputs; the oldest go first.
const MOST_BYTES: u64 = 500 << 20;

/// Most files looked at.
const MOST_FILES: usize = 100_000;

/// A kept output.
struct Output {
    path: PathBuf,
    bytes: u64,
    written: SystemTime,
}

/// Removes outputs that are too old or too many, in a thread of its own; never those of a living process.
pub(crate) fn clean_beside(folder: PathBuf) {
    // Who cannot start a thread has other worries.
    let _ = std::thread::Builder::new().name("outputs".to_owned()).spawn(move || {
        clean(&folder, SystemTime::now(), MOST_BYTES);
    });
}

fn clean(folder: &Path, now: SystemTime, most_bytes: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut outputs: Vec<Output> = entries
        .take(MOST_FILES)
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let written = metadata.modified().ok()?;
            Some(Output { path: entry.path(), bytes: metadata.len(), written })
        })
        .collect();
    outputs.sort_by_key(|output| output.written);
    let mut total: u64 = outputs.iter().map(|output| output.bytes).sum();
    for output in outputs {
        let age = now.duration_since(output.written).unwrap_or_default();
        if (age > LONGEST || total > most_bytes) && !is_in_use(&output.path) {
            total = total.saturating_sub(output.bytes);
            let _ = fs::remove_file(&output.path);
        }
    }
}

/// Tells whether the process lives whose number, in hexadecimal, begins a name; names that are not ours stay too.
fn is_in_use(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let pid = name.split('-').next().and_then(|pid| i32::from_str_radix(pid, 16).ok());
    let Some(pid) = pid.filter(|pid| *pid > 0 && name.ends_with(".txt")) else { return true };
    // One that may not be signalled lives too.
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_outputs_of_dead_processes_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let (dead, live) = (child.id(), std::process::id());
        let now = SystemTime::now();
        let write = |pid: u32, number: u32, days: u64| {
            let path = folder.path().join(format!("{pid:x}-1f-{number}.txt"));
            fs::write(&path, [0; 1_000]).unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(now - Duration::from_secs(days * 24 * 3600)).unwrap();
        };
        write(dead, 1, 40);
        write(live, 1, 40);
        (2..6).for_each(|number| write(dead, number, 30 - u64::from(number)));
        fs::write(folder.path().join("notes.md"), "the user's").unwrap();
        let left = || {
            let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
            let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        clean(folder.path(), now, MOST_BYTES);
        assert_eq!(left().len(), 6);
        clean(folder.path(), now, 3_000);
        // The notes count, and stay.
        let mut expected =
            [format!("{dead:x}-1f-5.txt"), format!("{live:x}-1f-1.txt"), "notes.md".to_owned()];
        expected.sort();
        assert_eq!(left(), expected);
    }
}
