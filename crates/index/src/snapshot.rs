//! A state of the index, for reading.

mod changed;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use distiq_store::Database;

use crate::chunk::{Chunk, FIELDS};
use crate::documents;
use crate::error::IndexError;
use crate::history::{History, Record};
use crate::rank::Usual;
use crate::segment::{Damaged, FileFacts, ListPlace, Postings, Segment};
use crate::table;
use crate::vector::Meaning;
use changed::Changed;

/// A state of the index that no later change touches. Chunks have numbers, from 0 on, of which some stand for
/// nothing any more.
#[derive(Debug)]
pub struct Snapshot {
    root: PathBuf,
    parts: Vec<Part>,
    /// How many numbers chunks have.
    numbers: u32,
    stats: Stats,
    averages: [f32; FIELDS],
    meaning: Arc<Meaning>,
    usual: OnceLock<Usual>,
    /// Where the past is kept, where it is to be used.
    record: Option<Arc<Record>>,
    history: OnceLock<Option<Arc<History>>>,
    /// Where texts of documents are kept.
    documents: Option<PathBuf>,
    /// Paths of the files edited since the last commit.
    edited: Arc<[String]>,
    /// Which files turned out to be others than those that were read.
    changed: Changed,
}

/// A segment, and what lives in it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The name of the segment's file.
    pub name: String,
    pub segment: Arc<Segment>,
    /// The number of its first chunk.
    pub base: u32,
    pub lives: Vec<bool>,
    /// By chunk; empty where all live.
    dead: Vec<bool>,
}

/// How much is in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files whose text was read.
    pub files: u64,
    /// Chunks of them.
    pub chunks: u64,
    /// Lines of them.
    pub lines: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Segments on the disk.
    pub segments: u64,
}

/// A file of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct FileView<'a> {
    /// Relative to the root, with `/`.
    pub path: &'a str,
    /// How many lines it had when it was read.
    pub lines: u32,
    part: &'a Part,
    place: usize,
}

impl FileView<'_> {
    /// Reads what it defines, mentions and imports.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn facts(&self) -> Result<FileFacts, IndexError> {
        Ok(self.part.segment.facts(self.place)?)
    }

    /// Returns the numbers of its chunks.
    pub fn chunks(&self) -> std::ops::Range<u32> {
        let Some(file) = self.part.segment.files().get(self.place) else { return 0..0 };
        let first = self.part.base.saturating_add(file.first_chunk);
        first..first.saturating_add(file.chunks)
    }
}

impl Part {
    /// Tells whether a chunk, by its place in the segment, lives.
    #[inline]
    pub fn holds(&self, chunk: u32) -> bool {
        let is_dead = || self.dead.get(usize::try_from(chunk).ok()?).copied();
        self.dead.is_empty() || !is_dead().unwrap_or(true)
    }

    /// Returns how many chunks of a term's list live.
    pub fn living(&self, place: ListPlace) -> Result<u32, Damaged> {
        if !self.has_dead() {
            return Ok(place.documents);
        }
        let list = self.segment.list(place)?;
        let living = Postings::new(&list).filter(|found| self.holds(found.document));
        Ok(u32::try_from(living.count()).unwrap_or(u32::MAX))
    }

    /// Tells whether any chunk is dead.
    pub fn has_dead(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Returns a segment of a name with the places of its dead files.
    pub fn of(segment: &Arc<Segment>, name: &str, dead_files: &[u32]) -> Self {
        let mut lives = vec![true; segment.files().len()];
        let mut dead = Vec::new();
        for slot in dead_files {
            let Ok(slot) = usize::try_from(*slot) else { continue };
            let (Some(life), Some(file)) = (lives.get_mut(slot), segment.files().get(slot)) else {
                continue;
            };
            *life = false;
            if dead.is_empty() {
                dead = vec![false; usize::try_from(segment.chunks()).unwrap_or(0)];
            }
            let first = usize::try_from(file.first_chunk).unwrap_or(usize::MAX);
            let count = usize::try_from(file.chunks).unwrap_or(0);
            dead.iter_mut().skip(first).take(count).for_each(|chunk| *chunk = true);
        }
        Self { name: name.to_owned(), segment: Arc::clone(segment), base: 0, lives, dead }
    }
}

/// Opens the segments of some names, in their order.
pub(crate) type OpenAll<'a> = dyn Fn(&[&str]) -> Result<Vec<Arc<Segment>>, Damaged> + 'a;

impl Snapshot {
    /// Opens what the table names; `open` opens segments.
    pub(crate) fn open(
        root: &Path,
        db: &Database,
        meaning: &Arc<Meaning>,
        open: &OpenAll<'_>,
    ) -> Result<Self, IndexError> {
        let rows = db.read(table::segments)?;
        let mut parts = Vec::with_capacity(rows.len());
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        for (row, segment) in rows.iter().zip(open(&names)?) {
            parts.push(Part::of(&segment, &row.name, &row.dead));
        }
        Self::of(root, parts, meaning)
    }

    pub(crate) fn of(
        root: &Path,
        mut parts: Vec<Part>,
        meaning: &Arc<Meaning>,
    ) -> Result<Self, IndexError> {
        let mut base = 0_u32;
        let mut stats = Stats::default();
        let mut sums = [0_u64; FIELDS];
        for part in &mut parts {
            part.base = base;
            base = base.checked_add(part.segment.chunks()).ok_or(IndexError::Damaged)?;
            let files = part.segment.files().iter().zip(&part.lives);
            for (file, _) in files.filter(|(_, lives)| **lives) {
                stats.files += 1;
                stats.chunks += u64::from(file.chunks);
                stats.lines += u64::from(file.lines);
                stats.bytes = stats.bytes.saturating_add(file.bytes);
                for (sum, length) in sums.iter_mut().zip(file.lengths) {
                    *sum = sum.saturating_add(length);
                }
            }
            stats.segments += 1;
        }
        // Averages decide by their proportions; the last digits do not matter.
        #[allow(clippy::cast_precision_loss)]
        let averages = sums.map(|sum| sum as f32 / stats.chunks.max(1) as f32);
        Ok(Self {
            root: root.to_path_buf(),
            parts,
            numbers: base,
            stats,
            averages,
            meaning: Arc::clone(meaning),
            usual: OnceLock::new(),
            record: None,
            history: OnceLock::new(),
            documents: None,
            edited: Arc::default(),
            changed: Changed::default(),
        })
    }

    /// Returns what both this and a snapshot of the project's documents hold, to be searched as one.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn with_documents(&self, documents: &Snapshot) -> Result<Snapshot, IndexError> {
        let parts = self.parts.iter().chain(&documents.parts).cloned().collect();
        // Vectors of the words of both are kept beside the documents, so that those of the code alone stay.
        let meaning = match self.meaning.outside() {
            Some(_) => &self.meaning,
            None => &documents.meaning,
        };
        let folder = documents.meaning.folder().to_path_buf();
        let joined = Self::of(&self.root, parts, meaning)?;
        let joined = self.beside(joined);
        Ok(Self { documents: Some(folder), ..joined })
    }

    /// Reads all that its segments hold; tells whether all of it is what was written. What is kept beside them mends itself.
    pub fn is_whole(&self) -> bool {
        self.parts.iter().all(|part| part.segment.check().is_ok())
    }

    /// Returns the project's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Tells how much there is.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Tells whether it is made of just what a table names.
    pub(crate) fn is_of(&self, rows: &[table::SegmentRow]) -> bool {
        let dead = |part: &Part| part.lives.iter().filter(|lives| !**lives).count();
        let is_same = |(part, row): (&Part, &table::SegmentRow)| {
            part.name == row.name && dead(part) == row.dead.len()
        };
        rows.len() == self.parts.len() && self.parts.iter().zip(rows).all(is_same)
    }

    /// Returns the snapshot with the past that a record keeps.
    pub(crate) fn with_record(self, record: Option<Arc<Record>>) -> Self {
        Self { record, ..self }
    }

    /// Returns the snapshot with the files edited since the last commit.
    pub(crate) fn with_edited(self, edited: Arc<[String]>) -> Self {
        Self { edited, ..self }
    }

    /// Returns the paths of the files that were edited since the last commit, as far as the last refresh knew; none where they are
    /// many, which tells of something else than work.
    pub fn edited(&self) -> &[String] {
        &self.edited
    }

    /// Returns the snapshot with the past of a revision of a repository, such as a bare one; commits after it are not
    /// looked at. `None` where git cannot read it.
    pub fn with_past(self, repository: &Path, revision: &str) -> Option<Self> {
        let history = Arc::new(crate::history::of_revision(repository, revision)?);
        Some(Self { history: OnceLock::from(Some(history)), ..self })
    }

    /// Tells how many past commits are known.
    pub fn commits(&self) -> usize {
        self.history().map_or(0, |history| history.commits())
    }

    pub(crate) fn history(&self) -> Option<&Arc<History>> {
        let read = || self.record.as_ref().and_then(|record| record.history());
        self.history.get_or_init(read).as_ref()
    }

    pub(crate) fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Returns what is the same for every search.
    pub(crate) fn usual(&self) -> Result<&Usual, Damaged> {
        if let Some(usual) = self.usual.get() {
            return Ok(usual);
        }
        let usual = Usual::new(&self.parts, self.meaning.folder())?;
        Ok(self.usual.get_or_init(|| usual))
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns how many numbers chunks have.
    pub fn numbers(&self) -> u32 {
        self.numbers
    }

    /// Returns how many terms each field of a chunk has on average.
    pub fn averages(&self) -> [f32; FIELDS] {
        self.averages
    }

    /// Returns the place of a chunk's part, the part, and the chunk's number in it.
    pub(crate) fn place_of(&self, chunk: u32) -> Option<(usize, &Part, u32)> {
        let at = self.parts.partition_point(|part| part.base <= chunk).checked_sub(1)?;
        let part = self.parts.get(at)?;
        Some((at, part, chunk - part.base))
    }

    fn part_of(&self, chunk: u32) -> Result<(&Part, u32), Damaged> {
        let (_, part, place) = self.place_of(chunk).ok_or(Damaged)?;
        Ok((part, place))
    }

    /// Reads a chunk.
    ///
    /// # Errors
    /// When there is none of that number, or the index is damaged.
    pub fn chunk(&self, chunk: u32) -> Result<Chunk, IndexError> {
        let (part, place) = self.part_of(chunk)?;
        Ok(part.segment.chunk(place)?)
    }

    /// Returns the file that a chunk is in.
    ///
    /// # Errors
    /// When there is no chunk of that number.
    pub fn file_of(&self, chunk: u32) -> Result<FileView<'_>, IndexError> {
        let (part, place) = self.part_of(chunk)?;
        let at = part.segment.file_of(place);
        let file = part.segment.files().get(at).ok_or(Damaged)?;
        Ok(FileView { path: &file.path, lines: file.lines, part, place: at })
    }

    /// Compares two chunks by their paths and their places in their files: in which segments they are says nothing.
    pub(crate) fn in_order(&self, a: u32, b: u32) -> std::cmp::Ordering {
        let path = |number: u32| self.file_of(number).ok().map(|file| file.path);
        path(a).cmp(&path(b)).then(a.cmp(&b))
    }

    /// Returns a snapshot with all that this one has beside its parts.
    fn beside(&self, snapshot: Snapshot) -> Snapshot {
        Self {
            record: self.record.clone(),
            documents: self.documents.clone(),
            edited: Arc::clone(&self.edited),
            changed: self.changed.empty(),
            ..snapshot
        }
    }

    /// Reads a file of the project as it is now; `None` where it cannot be read or holds no text. No link in its path is
    /// followed. Of a document, its text is what was read last. Where its lines are no longer those that the index knows,
    /// [`Snapshot::ask`] asks once more.
    pub fn text(&self, path: &str) -> Option<String> {
        if let Some(folder) = self.documents.as_ref().filter(|_| documents::is_document(path)) {
            return documents::kept(folder, path);
        }
        let root = std::fs::File::open(&self.root).ok()?;
        let text = crate::files::read(&root, path).ok();
        self.compare(path, text.as_deref());
        text
    }

    /// Reads the lines of a file, as [`Snapshot::text`] does, in the way people read them: a line of a notebook is what it holds
    /// of a cell, which may be several lines.
    pub fn lines(&self, path: &str) -> Option<Vec<String>> {
        let text = self.text(path)?;
        let own = || text.lines().map(str::to_owned).collect();
        Some(distiq_lang::readable(Path::new(path), &text).unwrap_or_else(own))
    }

    /// Returns the files, in no order.
    pub fn files(&self) -> impl Iterator<Item = FileView<'_>> {
        self.parts.iter().flat_map(|part| {
            let files = part.segment.files().iter().enumerate();
            files
                .filter(|(place, _)| part.lives.get(*place) == Some(&true))
                .map(|(place, file)| FileView { path: &file.path, lines: file.lines, part, place })
        })
    }

    /// Returns the files that mention an identifier, written exactly so.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn files_that_mention(&self, name: &str) -> Result<Vec<FileView<'_>>, IndexError> {
        self.files_listed(&format!("{}{name}", crate::segment::MENTION))
    }

    /// Returns the files with a name, such as `mod.rs`, whatever its case.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn files_called(&self, name: &str) -> Result<Vec<FileView<'_>>, IndexError> {
        self.files_listed(&format!("{}{}", crate::segment::FILE, name.to_lowercase()))
    }

    fn files_listed(&self, term: &str) -> Result<Vec<FileView<'_>>, IndexError> {
        let mut views = Vec::new();
        for part in &self.parts {
            let Some(place) = part.segment.terms().find(term)? else { continue };
            let bytes = part.segment.list(place)?;
            for found in Postings::new(&bytes) {
                let place = usize::try_from(found.document).map_err(|_| Damaged)?;
                if part.lives.get(place) == Some(&true) {
                    let file = part.segment.files().get(place).ok_or(Damaged)?;
                    views.push(FileView { path: &file.path, lines: file.lines, part, place });
                }
            }
        }
        Ok(views)
    }
}
