//! Gets everything ready beside the files; what can fail for want of space or rights fails here.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use distiq_base::kill::kill_point;

use super::apply::is_old;
use super::{Batch, Step, Stop};
use crate::attributes;
use crate::folder::Folder;
use crate::journal::Way;

/// Threads that write and sync; a disk takes many syncs at once in the time of one.
const THREADS: usize = 8;

/// Fewest files that a thread is worth.
const SHARE: usize = 4;

impl Batch<'_> {
    /// Writes every new content under its second name.
    pub(super) fn stage(&mut self) -> Result<(), (usize, Stop)> {
        for (index, step) in self.steps.iter_mut().enumerate() {
            step.make_folder().map_err(|error| (index, Stop::Io(error)))?;
        }
        let share = self.steps.len().div_ceil(THREADS).max(SHARE);
        if self.steps.len() <= share {
            return stage_all(&mut self.steps, 0);
        }
        let mut ended = Vec::new();
        std::thread::scope(|scope| {
            let shares = self.steps.chunks_mut(share).enumerate();
            let running: Vec<_> =
                shares.map(|(n, steps)| scope.spawn(move || stage_all(steps, n * share))).collect();
            for running in running {
                ended.push(running.join());
            }
        });
        ended
            .into_iter()
            .try_for_each(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }

    /// Removes what was got ready and is not needed any more.
    pub(super) fn clear(&mut self) {
        for step in &mut self.steps {
            if let (Way::Swap | Way::Create, Some(folder)) = (step.way, &step.folder) {
                let _ = folder.remove(&step.spare);
            }
            step.staged = None;
        }
        // Only folders that are empty go, and they are ours.
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn stage_all(steps: &mut [Step<'_>], first: usize) -> Result<(), (usize, Stop)> {
    steps.iter_mut().enumerate().try_for_each(|(index, step)| {
        let staged = step.stage().map_err(|stop| (first + index, stop));
        kill_point("between_staged");
        staged
    })
}

impl Step<'_> {
    fn make_folder(&mut self) -> io::Result<()> {
        if self.folder.is_none() {
            let parent = self.change.place.path.parent().unwrap_or(Path::new("/"));
            self.folder = Some(Arc::new(Folder::open_or_make(parent, &mut Vec::new())?));
            kill_point("after_folder");
        }
        Ok(())
    }

    fn stage(&mut self) -> Result<(), Stop> {
        let (Some(folder), Some(new)) = (self.folder.clone(), &self.change.new) else {
            return Ok(());
        };
        self.staged = match self.way {
            Way::Remove => None,
            Way::Create => Some(fill(locked(folder.create(&self.spare, 0o666)?)?, new)?),
            Way::InPlace => Some(self.open_in_place(&folder)?),
            Way::Swap => Some(self.replacement(&folder, new)?),
        };
        Ok(())
    }

    /// Writes the new file and gives it all that the old one has.
    fn replacement(&self, folder: &Folder, new: &[u8]) -> Result<File, Stop> {
        let file = match folder.create(&self.spare, 0o600) {
            // The folder takes no new files; the file itself may be writable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Stop::InPlace);
            }
            made => locked(made?)?,
        };
        if !attributes::copy(&folder.read(&self.name)?, &file)? {
            return Err(Stop::InPlace);
        }
        Ok(fill(file, new)?)
    }

    /// Opens the old file for writing.
    fn open_in_place(&self, folder: &Folder) -> Result<File, Stop> {
        let file = folder.write(&self.name)?;
        match &self.change.old {
            Some(old) if is_old(folder, &self.name, old)? => Ok(file),
            _ => Err(super::CHANGED),
        }
    }
}

fn fill(mut file: File, new: &[u8]) -> io::Result<File> {
    file.write_all(new)?;
    // Its data must be on the disk before its name is, or a power cut leaves an empty file.
    file.sync_data()?;
    Ok(file)
}

/// Locks a temporary file, so that nobody takes it for a stray.
fn locked(file: File) -> io::Result<File> {
    let is_swept =
        matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || file.metadata()?.nlink() == 0;
    if is_swept {
        return Err(io::Error::other("a temporary file was taken away; try again"));
    }
    Ok(file)
}
