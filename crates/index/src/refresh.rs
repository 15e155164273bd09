//! Bringing the index up to date.

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
use crate::place::Place;
use crate::segment::{Damaged, Segment, Unwritten};
use crate::snapshot::Snapshot;
use crate::table::{self, Text};
use crate::vector::{Meaning, Vectors};
use crate::walk::{Found, walk};
use differences::{Differences, differences};
use edited::edited;
pub(crate) use opening::file_id;
use read::ReadPart;

/// What an index must have been made by: raised whenever the same text would give other contents.
const VERSION: i64 = 16;
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
    db: Database,
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

/// How a caller follows a long work and ends it.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Told now and then how far it is.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Asked often whether to give up.
    pub is_cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Most threads that read files. How many there were says nothing of what a search finds; the bytes of the index
    /// are the same each time only where there is one.
    pub threads: Option<usize>,
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control<'_> {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.is_some_and(|is_cancelled| is_cancelled())
    }
}

/// How far a refresh is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files read.
    pub done: u64,
    /// Files to read.
    pub total: u64,
}

/// Files and folders that the user has no permission to read, or that failed to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// The first of them by their paths, at most [`Unreadable::MOST`]; those of folders end with `/`.
    pub paths: Vec<String>,
}

impl Unreadable {
    /// Most paths that are told.
    pub const MOST: usize = 5;

    fn add(&mut self, path: &str) {
        self.count += 1;
        self.paths.push(path.to_owned());
        self.paths.sort();
        self.paths.truncate(Self::MOST);
    }
}

/// What a refresh did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Files seen.
    pub files: u64,
    /// Files read anew: new ones and those that changed.
    pub read: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Files and folders that were left out, since their names are no text or hold a key.
    pub left_out: u64,
    /// Files and folders that were found to be unreadable, and were not known to be.
    pub unreadable: Unreadable,
    /// Whether there are more files than [`MAX_FILES`](crate::MAX_FILES); the others are left out, and nobody counted them.
    pub is_full: bool,
}

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

    /// Reads what changed in the project, and beside it what git has new. Where another process does so, it is waited for.
    ///
    /// # Errors
    /// When the index cannot be written, it or the project was removed since it was opened, another process takes too long,
    /// or the caller gave up; what was read until then is kept.
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
        let is_cancelled = || control.is_cancelled();
        let turn = self.place.lock(&is_cancelled);
        self.check_place()?;
        let _turn = turn?;
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
        let Differences { changed, known, removed } = differences(walked.files, &known?);
        let texts = self.db.read(|tx| table::texts(tx, known))?;
        if !removed.is_empty() {
            self.db.write(|tx| removed.iter().try_for_each(|path| table::remove(tx, path)))?;
            refreshed.removed = files_of(removed.iter());
        }
        let total = u64::try_from(changed.len()).unwrap_or(u64::MAX);
        let mut looked_at = 0;
        for batch in batches(&changed) {
            let report = |done: usize| {
                let done = looked_at + u64::try_from(done).unwrap_or(0);
                if let Some(progress) = control.progress {
                    progress(Progress { done, total });
                }
            };
            refreshed.read +=
                self.read_batch(batch, &texts, control, &report, &mut refreshed.unreadable)?;
            looked_at += u64::try_from(batch.len()).unwrap_or(0);
        }
        if refreshed.read > 0 || refreshed.removed > 0 {
            self.tidy()?;
        }
        Ok(refreshed)
    }

    /// Returns how many files were new or had changed.
    fn read_batch(
        &self,
        batch: &[Found],
        texts: &HashMap<String, Text>,
        control: &Control<'_>,
        report: &(dyn Fn(usize) + Sync),
        unreadable: &mut Unreadable,
    ) -> Result<u64, IndexError> {
        let root = File::open(&self.root).map_err(|error| IndexError::io(&self.root, error))?;
        let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let work = read::Work {
            root: &root,
            documents: self.documents.as_ref(),
            files: batch,
            texts,
            now_ns: i64::try_from(now_ns).unwrap_or(i64::MAX),
            report,
            control,
            write: &|builder| {
                self.write_segment(|file| Ok(builder.finish(BufWriter::with_capacity(ROOM, file))?))
            },
        };
        let read = work.run()?;
        let mut rows = 0;
        for part in &read.parts {
            rows += files_of(part.rows.iter().map(|row| &row.path));
            let is_new = |path: &str| texts.get(path).is_none_or(|text| !text.hash.is_empty());
            for row in part.rows.iter().filter(|row| {
                row.note.is_some_and(|note| REASONS.contains(&note)) && is_new(&row.path)
            }) {
                unreadable.add(&row.path);
            }
        }
        self.db.write(|tx| {
            for ReadPart { segment, rows } in &read.parts {
                let id = segment.as_deref().map(|name| table::add_segment(tx, name)).transpose()?;
                rows.iter().try_for_each(|row| table::put(tx, row, id))?;
            }
            read.touched.iter().try_for_each(|(path, at)| table::touch(tx, path, *at))
        })?;
        if control.is_cancelled() { Err(IndexError::Cancelled) } else { Ok(rows) }
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
                    let with_past = |snapshot: Snapshot| {
                        snapshot.with_record(self.record.clone()).with_edited(edited)
                    };
                    return other.map(with_past);
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
