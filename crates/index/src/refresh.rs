//! Bringing the index up to date.

mod control;
mod differences;
mod edited;
mod open;
mod opening;
mod read;
mod tidy;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use distiq_base::{Embed, Rerank, atomic};
use distiq_store::Database;

use crate::documents::{self, Documents};
use crate::error::IndexError;
use crate::files;
use crate::history::Record;
use crate::place::{PATIENCE, Place, Turn, Wait, Waited, Writing};
use crate::segment::{Damaged, Segment, Unwritten};
use crate::snapshot::Snapshot;
use crate::table::{self, Text};
use crate::vector::{Meaning, Vectors};
use crate::walk::{Found, walk};
pub use control::{Control, Patience, Progress, Refreshed, Unreadable};
use differences::{Differences, differences};
use edited::edited;
pub(crate) use opening::file_id;
use read::ReadPart;

/// What an index must have been made by: raised whenever the same text would give other contents.
const VERSION: i64 = 17;
/// Most bytes of text that go into the index at once; what was read before a cancellation stays.
const BATCH_BYTES: u64 = 64 << 20;
const BATCH_FILES: usize = 20_000;
/// So many bytes of a segment are written at once.
const ROOM: usize = 256 << 10;
/// The folder of the index of the code.
const CODE: &str = "index";
/// Why something could not be read that the user may mend.
const REASONS: [&str; 2] = [files::UNREADABLE, files::FOLDER];
/// How long a refresh that has read the files goes on with the project's past.
const GRACE: Duration = Duration::from_millis(250);
/// How often a reader looks again whose segment went away meanwhile.
const LOOKS: u32 = 5;

/// The index of one project.
#[derive(Debug)]
pub struct Index {
    root: PathBuf,
    place: Place,
    db: Arc<Database>,
    /// Which file the table was when it was opened.
    table: Option<FileId>,
    /// Segments that are open, so that a change does not open the others anew.
    open: Mutex<HashMap<String, Arc<Segment>>>,
    meaning: Arc<Meaning>,
    /// The project's past; `None` where it is not to be used.
    record: Option<Arc<Record>>,
    /// Paths of the files edited since the last commit, as of the last refresh.
    edited: Mutex<Arc<[String]>>,
    /// Why it was built anew when it was opened.
    was_rebuilt: Option<&'static str>,
    /// Where it is an index of documents alone.
    documents: Option<Documents>,
}

/// The device and the number of a file.
type FileId = (u64, u64);

impl Index {
    /// Tells whether the files that were seen last have documents among them.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn has_documents(&self) -> Result<bool, IndexError> {
        let files = self.explained(table::files(&self.db).map_err(IndexError::from))?;
        Ok(files.iter().any(|row| documents::is_document(&row.path)))
    }

    /// Returns the files whose text is not in the index, each with the reason, by path.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn left_out(&self) -> Result<Vec<(String, String)>, IndexError> {
        self.explained(self.db.read(table::noted).map_err(IndexError::Store))
    }

    /// Returns why files were not read, each reason with its count.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn skipped(&self) -> Result<Vec<(String, u64)>, IndexError> {
        self.explained(self.db.read(table::notes).map_err(IndexError::Store))
    }

    /// Returns what of the project could not be read.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn unreadable(&self) -> Result<Unreadable, IndexError> {
        let most = i64::try_from(Unreadable::MOST).unwrap_or(i64::MAX);
        let read = self.db.read(|tx| Ok((table::noted_as(tx, &REASONS, most)?, table::notes(tx)?)));
        let (paths, notes) = self.explained(read.map_err(IndexError::Store))?;
        let count = notes.iter().filter(|(note, _)| REASONS.contains(&note.as_str()));
        Ok(Unreadable { count: count.map(|(_, files)| files).sum(), paths })
    }

    /// Returns why it was emptied when it was opened, where it was.
    pub fn was_rebuilt(&self) -> Option<&'static str> {
        self.was_rebuilt
    }

    /// Tells whether all files of the project were read at some time; until then a search misses some.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn is_finished(&self) -> Result<bool, IndexError> {
        self.explained(self.db.read(table::is_finished).map_err(IndexError::Store))
    }

    /// Returns the index with an embedder that makes its vectors, in the place of the project's own words;
    /// [`Index::embed`] makes them.
    pub fn with_embedder(self, embedder: Arc<dyn Embed>) -> Self {
        let meaning = Arc::new(self.meaning.with(Some(embedder), None));
        Self { meaning, ..self }
    }

    /// Returns the index with a model that reads the best places of a search together with the request, and puts them in
    /// order anew.
    pub fn with_reranker(self, reranker: Arc<dyn Rerank>) -> Self {
        let meaning = Arc::new(self.meaning.with(None, Some(reranker)));
        Self { meaning, ..self }
    }

    /// Returns the index without the project's past: git is not asked, and ranking takes nothing from it.
    pub fn without_history(self) -> Self {
        Self { record: None, edited: Mutex::default(), ..self }
    }

    /// Reads all of the project's past that a search may use, of which [`Index::refresh`] reads what does not hold it up;
    /// where there is no repository, no git or no commit, there is none. Ends early where the caller gives up.
    pub fn read_history(&self, control: &Control<'_>) {
        let Some(record) = &self.record else { return };
        if record.is_behind(&self.root) {
            record.update(&self.root, &|| control.is_cancelled());
        }
    }

    /// Makes the vectors that are missing, where the index has an embedder; what was made is kept when it is given up.
    ///
    /// # Errors
    /// When the embedder fails, another process is at it, or the caller gave up.
    pub fn embed(&self, control: &Control<'_>) -> Result<Vectors, IndexError> {
        let snapshot = self.snapshot()?;
        self.explained(match self.meaning.outside() {
            Some(outside) => outside.embed(&snapshot, control),
            None => snapshot.vectors(),
        })
    }

    /// Returns the folder that holds it.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Returns the project's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads what changed in the project, and beside it what git has new. Where another process does so, it is waited for, as
    /// the caller's patience says; one that says nothing new for a minute is waited for no longer.
    ///
    /// # Errors
    /// When the index cannot be written, it or the project was removed since it was opened, another process takes too long
    /// ([`IndexError::Building`] where nothing can be searched before it is done), or the caller gave up; what was read until
    /// then is kept.
    pub fn refresh(&self, control: &Control<'_>) -> Result<Refreshed, IndexError> {
        let Some(record) = self.record.as_ref().filter(|record| record.is_behind(&self.root))
        else {
            return self.explained(self.refresh_files(control));
        };
        let done: OnceLock<Instant> = OnceLock::new();
        std::thread::scope(|scope| {
            let is_over = || {
                let is_late = done.get().is_some_and(|done| done.elapsed() > GRACE);
                is_late || control.is_cancelled()
            };
            scope.spawn(move || record.update(&self.root, &is_over));
            let refreshed = self.explained(self.refresh_files(control));
            let _ = done.set(Instant::now());
            refreshed
        })
    }

    fn refresh_files(&self, control: &Control<'_>) -> Result<Refreshed, IndexError> {
        let turn = self.turn(control);
        self.check_place()?;
        let turn = turn?;
        let is_cancelled = || {
            turn.say(None);
            control.is_cancelled()
        };
        let control = &Control { is_cancelled: Some(&is_cancelled), ..*control };
        // Whoever asks for a refresh searches next: the segments are opened meanwhile.
        let (mut walked, known) = std::thread::scope(|scope| {
            let known = scope.spawn(|| {
                let known = table::files(&self.db);
                // One that is damaged is seen by whoever reads it.
                let _ = self.snapshot();
                known
            });
            let walked = walk(&self.root, &|| control.is_cancelled());
            known.join().map(|known| (walked, known)).map_err(|_| IndexError::Damaged)
        })?;
        // A folder has a row like a file's: it goes when the folder does, or may be read.
        let closed = walked.closed.into_iter();
        walked.files.extend(closed.map(|path| Found { path, bytes: 0, modified_ns: 0 }));
        if self.documents.is_some() {
            walked.files.retain(|file| documents::is_document(&file.path));
        }
        if control.is_cancelled() || walked.is_cut {
            return Err(IndexError::Cancelled);
        }
        // Where they are gone, what the walk did not find is not gone from the project.
        self.check_place()?;
        if self.record.is_some() {
            let edited = edited(&self.root, &walked.files);
            *self.edited.lock().unwrap_or_else(PoisonError::into_inner) = edited.into();
        }
        let mut refreshed = Refreshed {
            files: files_of(walked.files.iter().map(|file| &file.path)),
            left_out: u64::try_from(walked.left_out).unwrap_or(u64::MAX),
            is_full: walked.is_full,
            ..Refreshed::default()
        };
        let known = known?;
        let mut is_finished = self.db.read(table::is_finished)?;
        let is_first = known.is_empty();
        let Differences { changed, known, removed } = differences(walked.files, &known);
        let texts = self.db.read(|tx| table::texts(tx, known))?;
        if !removed.is_empty() {
            self.db.write(|tx| removed.iter().try_for_each(|path| table::remove(tx, path)))?;
            refreshed.removed = files_of(removed.iter());
        }
        if is_first && !changed.is_empty() {
            self.db.write(|tx| table::set_finished(tx, false))?;
            is_finished = false;
        }
        let total = u64::try_from(changed.len()).unwrap_or(u64::MAX);
        let mut looked_at = 0;
        for batch in batches(&changed) {
            let report = |done: usize| {
                let done = looked_at + u64::try_from(done).unwrap_or(0);
                turn.say(Some(Progress { done, total }));
                if let Some(progress) = control.progress {
                    progress(Progress { done, total });
                }
            };
            refreshed.read +=
                self.read_batch(batch, &texts, control, &report, &turn, &mut refreshed.unreadable)?;
            looked_at += u64::try_from(batch.len()).unwrap_or(0);
        }
        if refreshed.read > 0 || refreshed.removed > 0 {
            self.tidy(&turn)?;
        }
        if !is_finished && refreshed.files > 0 {
            self.db.write(|tx| table::set_finished(tx, true))?;
        }
        Ok(refreshed)
    }

    /// Waits until no other process changes the index.
    fn turn(&self, control: &Control<'_>) -> Result<Turn, IndexError> {
        let given_up = |waited: Waited| {
            let is_over = match control.patience {
                Patience::AtMost(most) => waited.all > most,
                Patience::ToSearch => waited.all > PATIENCE && self.is_finished().unwrap_or(true),
                Patience::ToTheEnd => false,
            };
            let error = || match self.is_finished() {
                Ok(false) => IndexError::Building,
                _ => IndexError::Busy,
            };
            (is_over || waited.is_stuck()).then(error)
        };
        self.place.lock(&Wait {
            is_cancelled: &|| control.is_cancelled(),
            tell: &|progress| {
                control.waiting.iter().for_each(|tell| tell(progress));
            },
            given_up: &given_up,
        })
    }

    /// Returns how many files were new or had changed. What is read is kept part by part, so that a killed reader's successor
    /// goes on behind it.
    fn read_batch(
        &self,
        batch: &[Found],
        texts: &HashMap<String, Text>,
        control: &Control<'_>,
        report: &(dyn Fn(usize) + Sync),
        turn: &Turn,
        unreadable: &mut Unreadable,
    ) -> Result<u64, IndexError> {
        let root = File::open(&self.root).map_err(|error| IndexError::io(&self.root, error))?;
        let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let tally = Mutex::new(Tally { rows: 0, unreadable });
        let work = read::Work {
            root: &root,
            documents: self.documents.as_ref(),
            files: batch,
            texts,
            now_ns: i64::try_from(now_ns).unwrap_or(i64::MAX),
            report,
            control,
            write: &|builder| {
                self.write_segment(|file| {
                    let file = Writing { file, turn };
                    Ok(builder.finish(BufWriter::with_capacity(ROOM, file))?)
                })
            },
            keep: &|part| {
                self.keep(std::slice::from_ref(&part), &[])?;
                tally.lock().unwrap_or_else(PoisonError::into_inner).add(&part, texts);
                Ok(())
            },
        };
        let read = work.run()?;
        self.keep(&read.parts, &read.touched)?;
        let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        read.parts.iter().for_each(|part| tally.add(part, texts));
        if control.is_cancelled() { Err(IndexError::Cancelled) } else { Ok(tally.rows) }
    }

    /// Lets the table name what was read.
    fn keep(&self, parts: &[ReadPart], touched: &[(String, i64)]) -> Result<(), IndexError> {
        Ok(self.db.write(|tx| {
            for ReadPart { segment, rows } in parts {
                let id = segment.as_deref().map(|name| table::add_segment(tx, name)).transpose()?;
                rows.iter().try_for_each(|row| table::put(tx, row, id))?;
            }
            touched.iter().try_for_each(|(path, at)| table::touch(tx, path, *at))
        })?)
    }

    /// Writes a segment's file, to the disk, and returns its name; nobody knows it before the table names it.
    fn write_segment(
        &self,
        put: impl FnOnce(&mut File) -> Result<(), Unwritten>,
    ) -> Result<String, IndexError> {
        let name = format!("{}.seg", distiq_base::RequestId::generate());
        let path = self.place.segment(&name);
        atomic::write_with(&path, None, put).map_err(|error| match error {
            Unwritten::Damaged(damaged) => damaged.into(),
            Unwritten::Io(error) => IndexError::io(&path, error),
        })?;
        Ok(name)
    }

    /// Opens the index's present state.
    ///
    /// # Errors
    /// When it is damaged, or was removed since it was opened.
    pub fn snapshot(&self) -> Result<Snapshot, IndexError> {
        self.explained(self.snapshot_now())
    }

    /// Tells whether a snapshot is of the index's present state.
    ///
    /// # Errors
    /// When the table cannot be read, or was removed since it was opened.
    pub fn is_present(&self, snapshot: &Snapshot) -> Result<bool, IndexError> {
        self.check_place()?;
        let rows = self.explained(self.db.read(table::segments).map_err(IndexError::Store))?;
        Ok(snapshot.is_of(&rows))
    }

    fn snapshot_now(&self) -> Result<Snapshot, IndexError> {
        let mut last = IndexError::Damaged;
        for _ in 0..LOOKS {
            // Between a look at the table and the opening of a segment another process may merge it away.
            let opened = Snapshot::open(&self.root, &self.db, &self.meaning, &|names| {
                self.open_segments(names)
            });
            match opened {
                Err(IndexError::Damaged) => last = IndexError::Damaged,
                other => {
                    let edited =
                        Arc::clone(&self.edited.lock().unwrap_or_else(PoisonError::into_inner));
                    let with_rest = |snapshot: Snapshot| {
                        let snapshot = match self.documents {
                            Some(_) => snapshot,
                            None => snapshot.with_table(Arc::clone(&self.db)),
                        };
                        snapshot.with_record(self.record.clone()).with_edited(edited)
                    };
                    return other.map(with_rest);
                }
            }
        }
        Err(last)
    }

    /// Returns segments in the order of their names; those that are not open yet are opened.
    fn open_segments(&self, names: &[&str]) -> Result<Vec<Arc<Segment>>, Damaged> {
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing: Vec<&str> = names.to_vec();
        {
            let open = lock();
            missing.retain(|name| !open.contains_key(*name));
        }
        // A name leads nowhere else.
        if missing.iter().any(|name| name.contains('/')) {
            return Err(Damaged);
        }
        let paths: Vec<PathBuf> = missing.iter().map(|name| self.place.segment(name)).collect();
        let opened = open::open_all(&paths)?;
        let mut open = lock();
        for (name, segment) in missing.into_iter().zip(opened) {
            open.entry(name.to_owned()).or_insert_with(|| Arc::new(segment));
        }
        names.iter().map(|name| open.get(*name).cloned().ok_or(Damaged)).collect()
    }
}

/// What was read of a batch so far.
struct Tally<'a> {
    /// Files that were new or had changed.
    rows: u64,
    unreadable: &'a mut Unreadable,
}

impl Tally<'_> {
    fn add(&mut self, part: &ReadPart, texts: &HashMap<String, Text>) {
        self.rows += files_of(part.rows.iter().map(|row| &row.path));
        let is_new = |path: &str| texts.get(path).is_none_or(|text| !text.hash.is_empty());
        for row in part
            .rows
            .iter()
            .filter(|row| row.note.is_some_and(|note| REASONS.contains(&note)) && is_new(&row.path))
        {
            self.unreadable.add(&row.path);
        }
    }
}

/// Cuts the files into batches of bounded size.
fn batches(mut files: &[Found]) -> impl Iterator<Item = &[Found]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |file: &&Found| {
            bytes += file.bytes.min(crate::walk::MAX_BYTES);
            bytes <= BATCH_BYTES
        };
        let count = files.iter().take(BATCH_FILES).take_while(fits).count().max(1);
        let (batch, rest) = files.split_at_checked(count)?;
        files = rest;
        Some(batch)
    })
}

/// Counts the paths that are not those of folders.
fn files_of<'a>(paths: impl Iterator<Item = &'a String>) -> u64 {
    u64::try_from(paths.filter(|path| !path.ends_with('/')).count()).unwrap_or(u64::MAX)
}
