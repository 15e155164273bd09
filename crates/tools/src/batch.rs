//! Makes the changes of one call, all or none.
//!
//! New contents go to second names beside the files; then each file changes its name with its new content, which
//! no reader and no kill can see half done. What came out of the exchange is looked at: if it is not what
//! the edit was worked out from, it goes back, so that nobody's change is lost. The [journal](crate::journal) takes back
//! what a kill cut short.

mod apply;
mod stage;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use distiq_base::kill::kill_point;

use crate::files::Change;
use crate::folder::Folder;
use crate::journal::{Entry, Journal, Keep, Kept, Old, Plan, Sync, Way, spare_name};
use crate::outcome::{Refusal, RefusalKind};

/// Most bytes of one call, old and new together; all are held at once.
const MAX_BYTES: usize = 256 << 20;

const CHANGED: Stop = Stop::Stale("changed just now by somebody else");

/// Where a batch works.
pub(crate) struct Desk<'a> {
    /// The project's root.
    pub(crate) root: &'a Path,
    /// The folder of journals.
    pub(crate) journal: &'a Path,
}

/// One file's change under way.
struct Step<'a> {
    change: &'a Change,
    way: Way,
    /// `None` until a folder that is missing is made.
    folder: Option<Arc<Folder>>,
    name: OsString,
    /// The second name.
    spare: OsString,
    /// The new file, locked; or the old one, open for writing.
    staged: Option<File>,
    state: Progress,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing under its name has changed.
    Ahead,
    /// Done, and the old file has the second name.
    OldKept,
    /// Done, and the old file is gone, or is the new one.
    Done,
}

/// Why a step stops the batch.
enum Stop {
    /// The system said no.
    Io(io::Error),
    /// Somebody else changed the file.
    Stale(&'static str),
    /// Only writing in place can keep what the file has.
    InPlace,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Io(error)
    }
}

/// Makes all changes, or none: where one fails, those made are taken back.
pub(crate) fn run(desk: &Desk<'_>, changes: &[Change]) -> Result<(), Refusal> {
    fits(changes)?;
    no_file_under_two_names(changes)?;
    let mut in_place = vec![false; changes.len()];
    loop {
        let mut batch = Batch::new(changes, &in_place)?;
        let journal = batch.journal(desk)?;
        let done = batch.stage().and_then(|()| batch.apply());
        let Err((index, stop)) = done else {
            batch.finish();
            end(journal);
            return Ok(());
        };
        let failed = batch.take_back();
        if failed > 0 {
            return Err(batch.refusal(index, &stop, failed));
        }
        batch.clear();
        end(journal);
        match in_place.get_mut(index) {
            Some(forced) if !*forced && matches!(stop, Stop::InPlace) => *forced = true,
            _ => return Err(batch.refusal(index, &stop, 0)),
        }
    }
}

fn end(journal: Option<Journal>) {
    kill_point("before_journal_goes");
    if let Some(journal) = journal {
        journal.remove();
    }
}

fn fits(changes: &[Change]) -> Result<(), Refusal> {
    let bytes = changes.iter().map(|change| {
        change.old.as_ref().map_or(0, |old| old.bytes.len())
            + change.new.as_ref().map_or(0, Vec::len)
    });
    if bytes.sum::<usize>() <= MAX_BYTES {
        return Ok(());
    }
    let message = format!("more than {} MB in one call; make several", MAX_BYTES >> 20);
    Err(Refusal::invalid(message))
}

/// Refuses two changes of one file, which hard links and file systems that fold names make possible.
fn no_file_under_two_names(changes: &[Change]) -> Result<(), Refusal> {
    let mut seen = HashMap::new();
    for change in changes {
        let Some(old) = &change.old else { continue };
        let shown = &change.place.shown;
        if let Some(other) = seen.insert((old.metadata.dev(), old.metadata.ino()), shown) {
            return Err(Refusal::invalid(format!(
                "{shown} and {other} are the same file; change it once"
            )));
        }
    }
    Ok(())
}

/// What a look at a file tells: whether it is still the one that was loaded.
fn stamp(metadata: &Metadata) -> (u64, u64, u64, i64, i64) {
    let m = metadata;
    (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec())
}

/// The same before anything of ours, a rename too, has touched it.
fn full_stamp(metadata: &Metadata) -> impl PartialEq {
    (stamp(metadata), metadata.ctime(), metadata.ctime_nsec())
}

/// All steps.
struct Batch<'a> {
    steps: Vec<Step<'a>>,
    /// Folders that are missing, outer ones first.
    folders: Vec<PathBuf>,
    sync: Sync,
}

impl<'a> Batch<'a> {
    fn new(changes: &'a [Change], in_place: &[bool]) -> Result<Self, Refusal> {
        let mut open: HashMap<&Path, Option<Arc<Folder>>> = HashMap::new();
        let mut steps = Vec::with_capacity(changes.len());
        let mut folders = Vec::new();
        for (change, in_place) in changes.iter().zip(in_place) {
            let parent = change.place.path.parent().unwrap_or(Path::new("/"));
            let told = |error: &io::Error| Refusal::io(&change.place.shown, error);
            let folder = match open.get(parent) {
                Some(folder) => folder.clone(),
                None => {
                    let folder = find(parent).map_err(|error| told(&error))?;
                    open.entry(parent).or_insert(folder).clone()
                }
            };
            if folder.is_none() {
                missing(parent, &mut folders);
            }
            let name = change.place.path.file_name().unwrap_or_default().to_owned();
            let way = way(change, folder.as_deref(), &name, *in_place)?;
            let spare = spare_name();
            let state = Progress::Ahead;
            steps.push(Step { change, way, folder, name, spare, staged: None, state });
        }
        let alone = steps.len() == 1 && steps.iter().all(|step| step.way != Way::InPlace);
        let sync = if alone { Sync::Memory } else { Sync::Disk };
        Ok(Self { steps, folders, sync })
    }

    /// Writes down what is about to happen. One whole file that changes its name needs no more of it
    /// than its second name, and goes without where it cannot be written.
    fn journal(&self, desk: &Desk<'_>) -> Result<Option<Journal>, Refusal> {
        let mut kept = Kept::default();
        let keep = |is_kept| if is_kept { Keep::Bytes } else { Keep::DigestOnly };
        let entries = self.steps.iter().map(|step| {
            let old = step.change.old.as_ref().map(|old| {
                let content = kept.content(&old.bytes, keep(self.sync == Sync::Disk));
                Old::of(&old.metadata, content)
            });
            let is_written_over = step.way == Way::InPlace;
            let new = step.change.new.as_ref();
            let new = new.map(|new| kept.content(new, keep(is_written_over)));
            let path = step.change.place.path.clone().into_os_string();
            Entry { path, spare: step.spare.clone(), way: step.way, old, new }
        });
        let entries = entries.collect();
        let folders = self.folders.iter().map(|folder| folder.clone().into_os_string()).collect();
        let plan = Plan { root: desk.root.as_os_str().to_owned(), entries, folders };
        match Journal::write(desk.journal, &plan, &kept, self.sync) {
            Ok(journal) => Ok(Some(journal)),
            Err(_) if self.sync == Sync::Memory => Ok(None),
            Err(error) => {
                let mut refusal = Refusal::io(&desk.journal.to_string_lossy(), &error);
                refusal.message.push_str(
                    "; the journal that makes several files change together goes there; nothing was changed",
                );
                Err(refusal)
            }
        }
    }

    fn refusal(&self, index: usize, stop: &Stop, failed: usize) -> Refusal {
        let step = self.steps.get(index);
        let shown = step.map_or("", |step| step.change.place.shown.as_str());
        let mut refusal = match stop {
            Stop::Io(error) => Refusal { kind: RefusalKind::Failed, ..Refusal::io(shown, error) },
            Stop::Stale(what) => {
                Refusal::new(RefusalKind::Stale, format!("{shown}: {what}; read it again"))
            }
            Stop::InPlace => {
                Refusal::new(RefusalKind::Failed, format!("{shown}: cannot be written"))
            }
        };
        if step.is_some_and(|step| matches!(stop, Stop::Io(error) if step.is_fixed(error))) {
            refusal
                .message
                .push_str(" to change an immutable or append-only file (`lsattr` shows it)");
        }
        refusal.message.push_str(&match failed {
            0 => "; nothing was changed".to_owned(),
            failed => format!(
                "; {failed} files written before could not be put back now; the next distiq command does it"
            ),
        });
        refusal
    }
}

impl Step<'_> {
    /// Tells whether an attribute forbids what the mode allows.
    #[cfg(target_os = "linux")]
    fn is_fixed(&self, error: &io::Error) -> bool {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};

        let forbids = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
        let path = &self.change.place.path;
        error.kind() == io::ErrorKind::PermissionDenied
            && rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
                .is_ok_and(|found| found.stx_attributes.intersects(forbids))
    }

    #[cfg(not(target_os = "linux"))]
    fn is_fixed(&self, _: &io::Error) -> bool {
        false
    }
}

/// Opens a folder; `None` where it is missing.
fn find(path: &Path) -> io::Result<Option<Arc<Folder>>> {
    match Folder::open(path) {
        Ok(folder) => Ok(Some(Arc::new(folder))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds a missing folder and those it lies in, outer ones first.
fn missing(folder: &Path, folders: &mut Vec<PathBuf>) {
    let above = folder.ancestors().take_while(|path| path.symlink_metadata().is_err());
    let mut new: Vec<PathBuf> =
        above.filter(|path| !folders.iter().any(|f| f == path)).map(Path::to_path_buf).collect();
    new.reverse();
    folders.append(&mut new);
}

/// Decides how a file is changed, and refuses where it is not what was loaded.
fn way(
    change: &Change,
    folder: Option<&Folder>,
    name: &OsStr,
    in_place: bool,
) -> Result<Way, Refusal> {
    let shown = &change.place.shown;
    let now = folder.map(|folder| folder.look(name)).transpose();
    let now = now.map_err(|error| Refusal::io(shown, &error))?.flatten();
    let is_same = match (&now, &change.old) {
        (None, None) => true,
        (Some(now), Some(old)) => full_stamp(now) == full_stamp(&old.metadata),
        _ => false,
    };
    if !is_same {
        let message = format!("{shown}: changed just now by somebody else; read it again");
        return Err(Refusal::new(RefusalKind::Stale, message));
    }
    let Some(old) = &change.old else { return Ok(Way::Create) };
    if old.metadata.mode() & 0o222 == 0 {
        return Err(Refusal::new(
            RefusalKind::Failed,
            format!(
                "{shown}: no permission: it is read-only (`chmod u+w` changes that); nothing was changed"
            ),
        ));
    }
    Ok(match &change.new {
        None => Way::Remove,
        Some(_) if in_place || old.metadata.nlink() > 1 => Way::InPlace,
        Some(_) => Way::Swap,
    })
}
