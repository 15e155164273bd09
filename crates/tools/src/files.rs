//! Files, opened and written with care: bounded, never a device, never torn.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::batch::{self, Desk};
use crate::bench::Bench;
use crate::folder::Folder;
use crate::outcome::Refusal;
use crate::place::Place;

/// The largest file that is edited or shown whole.
pub(crate) const MAX_TEXT: u64 = 16 << 20;

/// What a file holds, and what it is.
pub(crate) struct Loaded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: Metadata,
}

/// Opens a regular file for reading; says what it is where it is none.
pub(crate) fn open(place: &Place) -> Result<(File, Metadata), Refusal> {
    let io = |e: &io::Error| Refusal::io(&place.shown, e);
    let Some(name) = place.path.file_name() else {
        return Err(Refusal::invalid(format!("{}: a folder, not a file", place.shown)));
    };
    let folder = Folder::open(place.path.parent().unwrap_or(Path::new("/"))).map_err(|e| io(&e))?;
    // Opening a FIFO waits for its other end, opening a device may act: look first, and do not
    // wait should it have become one meanwhile.
    let found = folder.look(name).map_err(|e| io(&e))?;
    check_kind(place, &found.ok_or_else(|| io(&io::ErrorKind::NotFound.into()))?)?;
    let file = folder.read(name).map_err(|e| io(&e))?;
    let metadata = file.metadata().map_err(|e| io(&e))?;
    check_kind(place, &metadata)?;
    Ok((file, metadata))
}

fn check_kind(place: &Place, metadata: &Metadata) -> Result<(), Refusal> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder, not a file"
    } else if kind.is_fifo() {
        "a FIFO, not a file"
    } else if kind.is_socket() {
        "a socket, not a file"
    } else if kind.is_symlink() {
        "a link that was put there just now; try again"
    } else {
        "a device, not a file"
    };
    Err(Refusal::invalid(format!("{}: {what}", place.shown)))
}

/// Reads a regular file of at most [`MAX_TEXT`] bytes.
pub(crate) fn load(place: &Place) -> Result<Loaded, Refusal> {
    let (file, metadata) = open(place)?;
    let too_large = || {
        Refusal::invalid(format!(
            "{}: larger than {} MB; change it with a shell command",
            place.shown,
            MAX_TEXT >> 20
        ))
    };
    if metadata.len() > MAX_TEXT {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(|e| Refusal::io(&place.shown, &e))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(too_large());
    }
    Ok(Loaded { bytes, metadata })
}

/// One file's change: from old bytes (or nothing) to new bytes (or nothing).
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) old: Option<Loaded>,
    pub(crate) new: Option<Vec<u8>>,
}

/// Makes all changes, or none: also when the process is killed on the way, once any command has run again.
pub(crate) fn write_all(bench: &Bench, changes: &[Change]) -> Result<(), Refusal> {
    let desk = Desk { root: &bench.grounds.root, journal: &bench.config.journal };
    batch::run(&desk, changes)
}
