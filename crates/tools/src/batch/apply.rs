//! Makes the changes that are ready, takes them back, and tidies up.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

use distiq_base::kill::kill_point;

use super::{Batch, CHANGED, Progress, Step, Stop, full_stamp, stamp};
use crate::attributes;
use crate::files::Loaded;
use crate::folder::Folder;
use crate::journal::{Sync, Way};

impl Batch<'_> {
    /// Makes every change; the first that fails ends it.
    pub(super) fn apply(&mut self) -> Result<(), (usize, Stop)> {
        for (index, step) in self.steps.iter_mut().enumerate() {
            kill_point("before_rename");
            step.apply().map_err(|stop| (index, stop))?;
            kill_point("after_rename");
            kill_point("between_files");
        }
        Ok(())
    }

    /// Takes back what was done, last first; returns how many could not be.
    pub(super) fn take_back(&mut self) -> usize {
        let undone = self.steps.iter_mut().rev().map(Step::take_back);
        undone.filter(Result::is_err).count()
    }

    /// Removes the old files, once their new ones are there to stay.
    pub(super) fn finish(&mut self) {
        if self.sync == Sync::Disk {
            let mut synced = HashSet::new();
            for folder in self.steps.iter().filter_map(|step| step.folder.as_ref()) {
                if synced.insert(folder.path()) {
                    folder.sync();
                }
            }
        }
        for step in &self.steps {
            kill_point("before_old_goes");
            if let (Progress::OldKept, Some(folder)) = (step.state, &step.folder) {
                let _ = folder.remove(&step.spare);
            }
        }
    }
}

impl Step<'_> {
    fn apply(&mut self) -> Result<(), Stop> {
        let Some(folder) = self.folder.clone() else {
            return Err(Stop::Io(io::ErrorKind::NotFound.into()));
        };
        self.state = match (self.way, &self.change.old, &self.change.new) {
            (Way::Create, _, _) => {
                folder.rename_new(&self.spare, &self.name).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Stop::Stale("made just now by somebody else"),
                    _ => Stop::Io(error),
                })?;
                Progress::Done
            }
            (Way::Swap, Some(old), _) => self.swap(&folder, old)?,
            (Way::Remove, Some(old), _) => self.remove(&folder, old)?,
            (Way::InPlace, Some(old), Some(new)) => self.write_in_place(old, new)?,
            _ => return Err(Stop::Io(io::ErrorKind::InvalidInput.into())),
        };
        Ok(())
    }

    fn swap(&self, folder: &Folder, old: &Loaded) -> Result<Progress, Stop> {
        let now = folder.look(&self.name)?;
        if now.is_none_or(|now| full_stamp(&now) != full_stamp(&old.metadata)) {
            return Err(CHANGED);
        }
        if !folder.exchange(&self.spare, &self.name).map_err(or_in_place)? {
            folder.rename(&self.spare, &self.name)?;
            return Ok(Progress::Done);
        }
        // Somebody may have come between the look and the exchange.
        if is_old(folder, &self.spare, old)? {
            return Ok(Progress::OldKept);
        }
        self.give_back(folder)?;
        Err(CHANGED)
    }

    /// Puts what came out, which is somebody's change, back; and if yet another one came out then, that.
    fn give_back(&self, folder: &Folder) -> io::Result<()> {
        const ATTEMPTS: usize = 100;
        let id = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let ours = self.staged.as_ref().map(File::metadata).transpose()?;
        let mut put_last = ours.as_ref().map(id);
        for _ in 0..ATTEMPTS {
            let putting = folder.look(&self.spare)?.as_ref().map(id);
            folder.exchange(&self.spare, &self.name)?;
            let out = folder.look(&self.spare)?.as_ref().map(id);
            if out == put_last {
                return Ok(());
            }
            put_last = putting;
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    fn remove(&self, folder: &Folder, old: &Loaded) -> Result<Progress, Stop> {
        folder.rename_new(&self.name, &self.spare)?;
        if is_old(folder, &self.spare, old)? {
            return Ok(Progress::OldKept);
        }
        folder.rename_new(&self.spare, &self.name)?;
        Err(CHANGED)
    }

    fn write_in_place(&self, old: &Loaded, new: &[u8]) -> Result<Progress, Stop> {
        let Some(file) = &self.staged else {
            return Err(Stop::Io(io::ErrorKind::NotFound.into()));
        };
        let times = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
        if times(&file.metadata()?) != times(&old.metadata) {
            return Err(CHANGED);
        }
        if let Err(error) = overwrite(file, new, old.metadata.mode()) {
            // What is half written is taken back right here; the journal does it where this fails too.
            write_back(file, old)?;
            return Err(Stop::Io(error));
        }
        Ok(Progress::Done)
    }

    /// Puts the old file back, if what is there is ours.
    fn take_back(&mut self) -> io::Result<()> {
        let state = std::mem::replace(&mut self.state, Progress::Ahead);
        let (Some(folder), false) = (&self.folder, state == Progress::Ahead) else { return Ok(()) };
        if self.way == Way::Remove {
            return folder.rename_new(&self.spare, &self.name);
        }
        let ours = self.staged.as_ref().map(File::metadata).transpose()?;
        let there = folder.look(&self.name)?;
        let id = |metadata: &Metadata| (metadata.dev(), metadata.ino(), metadata.len());
        if ours.as_ref().map(id) != there.as_ref().map(id) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        match (self.way, &self.change.old, &self.staged) {
            (Way::Create, _, _) => folder.remove(&self.name),
            (Way::Swap, _, _) if state == Progress::OldKept => {
                folder.exchange(&self.spare, &self.name).map(drop)
            }
            // The new file is nobody's but ours: its old content makes it the old one.
            (_, Some(old), Some(file)) => write_back(file, old),
            _ => Ok(()),
        }
    }
}

/// Tells what a file that may not change its name needs: it is a mount point, say, as in containers.
fn or_in_place(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => Stop::InPlace,
        _ => Stop::Io(error),
    }
}

/// Tells whether a file is the one that was loaded.
///
/// Overlays, of which containers are made, may give a file another number when it is first changed; then its content
/// tells.
pub(super) fn is_old(folder: &Folder, name: &OsStr, old: &Loaded) -> io::Result<bool> {
    let Some(now) = folder.look(name)? else { return Ok(false) };
    if stamp(&now) == stamp(&old.metadata) {
        return Ok(true);
    }
    let times = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
    if !now.is_file() || times(&now) != times(&old.metadata) {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    folder.read(name)?.take(old.bytes.len() as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes == old.bytes)
}

/// Makes a file that was written what it was before, its time too.
fn write_back(file: &File, old: &Loaded) -> io::Result<()> {
    overwrite(file, &old.bytes, old.metadata.mode())?;
    let _ = attributes::set_time(file, old.metadata.mtime(), old.metadata.mtime_nsec());
    Ok(())
}

/// Writes a content over another one from its beginning, so that a kill leaves the one up to a point and then
/// the other, and keeps the mode.
fn overwrite(file: &File, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all_at(first, 0)?;
    kill_point("within_file");
    file.write_all_at(rest, first.len() as u64)?;
    kill_point("before_cut");
    file.set_len(bytes.len() as u64)?;
    // Whoever writes a file takes its set-user-ID bit.
    if file.metadata()?.mode() != mode {
        let _ = attributes::set_mode(file, mode);
    }
    file.sync_all()
}
