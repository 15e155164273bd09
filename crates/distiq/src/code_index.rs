//! The project's index, as the commands use it: made where there is none, up to date, whole.

use std::cell::Cell;
use std::time::{Duration, Instant};

use distiq_base::ErrorKind;
use distiq_base::paths::one_line;
use distiq_index::{
    Control, Index, IndexError, Patience, Refreshed, Snapshot, Unreadable, Vectors, has_more_files,
};

use crate::failure::Failure;
use crate::progress::telling;
use crate::world::World;
use crate::{embedder, terminal};

/// After how long a project is looked through again, for one who asks again and again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long another process's change is waited for between two questions.
const WAIT_BETWEEN: Duration = Duration::from_secs(2);
/// What is said where another process's change is not waited for any longer.
const BUSY: &str = "note: another process is changing the index; what it had is searched";

/// How often an index that is removed while it is read is made again for one command.
const MOST_LOST: u32 = 3;

/// What marks a folder as a project even where it holds the user's home; a manifest often got there by mistake.
const MARKS: [&str; 6] = [".git", ".hg", ".jj", ".svn", ".distiq.toml", ".distiqignore"];
/// So many files are indexed wherever they are.
const FEW_FILES: usize = 1_000;

/// Whether the project is looked through for changes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// It is.
    Yes,
    /// Only where there is no index yet.
    No,
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Failure::of(error.kind(), &error).with_hint(error.hint())
    }
}

/// Tells why no index is made of the root: nobody named it, it holds the user's home, nothing marks it as a project, it has no
/// index yet, and it is large.
fn no_project(world: &World) -> Option<Failure> {
    let root = &world.root;
    let home = std::env::home_dir()?;
    let home = home.canonicalize().unwrap_or(home);
    let is_project = || MARKS.iter().any(|mark| root.join(mark).exists());
    if world.is_root_named
        || !home.starts_with(root)
        || is_project()
        || Index::is_in(root, &world.home.cache)
        || !has_more_files(root, FEW_FILES)
    {
        return None;
    }
    let what = if home == *root { "your home" } else { "above your home" };
    let message = format!(
        "`{}` is {what}, not a project, and has more than {FEW_FILES} files to index",
        root.display()
    );
    let hint = "Go to a project's folder or name it with `--root DIR`; `--root .` takes this one";
    Some(Failure::new(ErrorKind::Usage, message).with_hint(hint))
}

/// Tells whether the code of the project may be indexed without a word of the user's.
pub fn is_for(world: &World) -> bool {
    no_project(world).is_none()
}

/// Opens the project's index.
pub fn open(world: &World) -> Result<Index, Failure> {
    if let Some(failure) = no_project(world) {
        return Err(failure);
    }
    let index = with_settings(world, Index::open(&world.root, &world.home.cache)?)?;
    if let Some(why) = index.was_rebuilt() {
        terminal::say(&format!("note: the index is built anew: {why}"));
    }
    Ok(index)
}

/// Gives an index the models of the settings, and the project's past where they say so.
fn with_settings(world: &World, index: Index) -> Result<Index, Failure> {
    let index = if world.settings.history { index } else { index.without_history() };
    let index = match embedder::of(world)? {
        Some(embedder) => index.with_embedder(embedder),
        None => index,
    };
    Ok(match embedder::reranker(world)? {
        Some(reranker) => index.with_reranker(reranker),
        None => index,
    })
}

/// Does `work` on the project's index, which is built anew once where that finds it damaged, and opened again where it was
/// removed meanwhile.
pub fn with<T>(
    world: &World,
    refresh: Refresh,
    work: impl Fn(&Index, &Snapshot) -> Result<T, IndexError>,
) -> Result<T, Failure> {
    let first = Cell::new(Some(refresh));
    again(world, open(world)?, |index| try_with(index, first.take().unwrap_or(Refresh::Yes), &work))
        .map(|(_, done)| done)
}

/// Brings an index up to date, as [`with`] does, however long another process changes it.
pub fn current(world: &World, index: Index) -> Result<(Index, Refreshed), Failure> {
    again(world, index, |index| refresh(index, Patience::ToTheEnd))
}

/// Does `work` on an index; where that is lost on the way, on one in its place.
fn again<T>(
    world: &World,
    mut index: Index,
    work: impl Fn(&Index) -> Result<T, IndexError>,
) -> Result<(Index, T), Failure> {
    let (mut was_damaged, mut lost) = (false, 0);
    loop {
        match work(&index) {
            Err(IndexError::Damaged) if !was_damaged => {
                was_damaged = true;
                drop(index);
                index = rebuilt(world)?;
            }
            // Another process builds it anew at this moment, or somebody removes it.
            Err(IndexError::Replaced) if lost < MOST_LOST => {
                lost += 1;
                drop(index);
                index = open(world)?;
            }
            other => return Ok((index, other?)),
        }
    }
}

/// An index that is asked again and again: brought up to date where that was long ago, and made anew once where it is found
/// damaged on the way.
pub struct Asked<'a> {
    world: &'a World,
    index: &'a Index,
    first: &'a Snapshot,
    anew: Option<Snapshot>,
    refresh: Refresh,
    /// When the project was looked through last.
    looked: Instant,
    /// The index in the place of the first one, where that was damaged or removed.
    own: Option<Index>,
    was_damaged: bool,
    is_busy: bool,
}

impl<'a> Asked<'a> {
    pub fn new(world: &'a World, index: &'a Index, first: &'a Snapshot, refresh: Refresh) -> Self {
        let looked = Instant::now();
        let (anew, own) = (None, None);
        let (was_damaged, is_busy) = (false, false);
        Self { world, index, first, anew, refresh, looked, own, was_damaged, is_busy }
    }

    /// Asks the snapshot, which is one of the present index.
    pub fn ask<T>(
        &mut self,
        work: impl Fn(&Snapshot) -> Result<T, IndexError>,
    ) -> Result<T, Failure> {
        if let Err(IndexError::Replaced) = self.look() {
            let index = open(self.world)?;
            refresh(&index, Patience::ToSearch)?;
            self.anew = Some(index.snapshot()?);
            self.own = Some(index);
        }
        match self.anew.as_ref().unwrap_or(self.first).ask(&work) {
            Err(IndexError::Damaged) if !self.was_damaged => {
                self.was_damaged = true;
                let index = rebuilt(self.world)?;
                refresh(&index, Patience::ToSearch)?;
                let snapshot = self.anew.insert(index.snapshot()?);
                self.own = Some(index);
                Ok(snapshot.ask(&work)?)
            }
            other => Ok(other?),
        }
    }

    /// Takes up what changed in the project, and what another process did to the index.
    fn look(&mut self) -> Result<(), IndexError> {
        if self.refresh == Refresh::No {
            return Ok(());
        }
        let index = self.own.as_ref().unwrap_or(self.index);
        if self.looked.elapsed() > LOOK_EVERY {
            match refresh(index, Patience::AtMost(WAIT_BETWEEN)) {
                Err(IndexError::Replaced) => return Err(IndexError::Replaced),
                Err(IndexError::Busy) if !self.is_busy => {
                    self.is_busy = true;
                    terminal::say(BUSY);
                }
                // What was found before is found again.
                _ => {}
            }
            self.looked = Instant::now();
        }
        if !index.is_present(self.anew.as_ref().unwrap_or(self.first))? {
            let snapshot = index.snapshot()?;
            embed_changes(&snapshot, self.refresh)?;
            self.anew = Some(snapshot);
        }
        Ok(())
    }
}

/// Empties a damaged index.
fn rebuilt(world: &World) -> Result<Index, Failure> {
    terminal::say("note: the index is built anew: it was damaged");
    emptied(world)
}

/// Opens the project's index and empties it.
pub fn emptied(world: &World) -> Result<Index, Failure> {
    match no_project(world) {
        Some(failure) => Err(failure),
        None => with_settings(world, Index::rebuild(&world.root, &world.home.cache)?),
    }
}

fn try_with<T>(
    index: &Index,
    refresh: Refresh,
    work: impl Fn(&Index, &Snapshot) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    let mut snapshot = None;
    if refresh == Refresh::No {
        snapshot = index.is_finished()?.then(|| index.snapshot()).transpose()?;
    }
    let snapshot = match snapshot {
        Some(snapshot) => snapshot,
        None => {
            match self::refresh(index, Patience::ToSearch) {
                Ok(refreshed) => tell_unreadable(&refreshed.unreadable),
                Err(IndexError::Busy) => terminal::say(BUSY),
                Err(error) if error.is_full() && index.snapshot()?.stats().files > 0 => {
                    terminal::say(
                        "note: no space is left to bring the index up to date; what it had is searched",
                    );
                }
                Err(error) => return Err(error),
            }
            index.snapshot()?
        }
    };
    snapshot.ask(|snapshot| work(index, snapshot))
}

/// Brings the index up to date, telling how far it is.
fn refresh(index: &Index, patience: Patience) -> Result<Refreshed, IndexError> {
    telling("indexing", "files", |control| index.refresh(&Control { patience, ..*control }))
}

/// Says which files and folders could not be read, where there are any.
pub fn tell_unreadable(unreadable: &Unreadable) {
    if unreadable.count > 0 {
        terminal::say(&format!(
            "note: not in the index, since reading failed: {}",
            named(unreadable)
        ));
    }
}

/// Returns the paths that are told, and how many more there are.
pub fn named(unreadable: &Unreadable) -> String {
    let mut text = one_line(&unreadable.paths.join(", ")).into_owned();
    let told = u64::try_from(unreadable.paths.len()).unwrap_or(u64::MAX);
    let more = unreadable.count.saturating_sub(told);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// Reads the whole past that ranking may use, however long it takes.
pub fn read_history(index: &Index) {
    index.read_history(&Control::default());
}

/// Makes the vectors that are missing, telling how far it is.
pub fn embed(index: &Index) -> Result<Vectors, IndexError> {
    telling("embedding", "chunks", |control| index.embed(control))
}

/// Makes the vectors of the little that changed, for those that look at what changed.
pub fn embed_changes(snapshot: &Snapshot, refresh: Refresh) -> Result<(), IndexError> {
    match refresh {
        Refresh::Yes => snapshot.embed_changes(&Control::default()),
        Refresh::No => Ok(()),
    }
}
