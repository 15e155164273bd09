//! Files that changed since they were read into the index: their texts do not belong to the lines that it knows.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::sync::{Arc, Mutex, PoisonError};

use distiq_base::RequestId;
use distiq_base::paths::file_name;
use distiq_store::Database;

use super::{Part, Snapshot};
use crate::error::IndexError;
use crate::segment::{Builder, Segment};
use crate::table::{self, hash_of};

/// How often one request is asked anew: each time other files may be shown, and these may have changed, too.
const TIMES: usize = 3;

/// Which files turned out to be others than those that were read.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// The table that knows what was read; `None` where nobody keeps one.
    table: Option<Arc<Database>>,
    /// The hashes of texts that were read since, by path; empty of files that could not be read.
    anew: Arc<HashMap<String, Vec<u8>>>,
    paths: Mutex<BTreeSet<String>>,
}

impl Changed {
    /// Returns the same without paths.
    pub fn empty(&self) -> Self {
        let (table, anew) = (self.table.clone(), Arc::clone(&self.anew));
        Self { table, anew, paths: Mutex::default() }
    }
}

impl Snapshot {
    /// Returns the snapshot with the table that it was made from.
    pub(crate) fn with_table(self, table: Arc<Database>) -> Self {
        Self { changed: Changed { table: Some(table), ..Changed::default() }, ..self }
    }

    /// Does `work` on the snapshot; where that read the text of a file whose lines are no longer those of the index, again on one
    /// that knows the file as it is now. The index stays as it is.
    ///
    /// # Errors
    /// What `work` returns, or when the index is damaged or its folder cannot be written.
    pub fn ask<T>(
        &self,
        work: impl Fn(&Snapshot) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let mut done = work(self)?;
        let mut changed = self.take_changed();
        let mut anew: Option<Snapshot> = None;
        for _ in 0..TIMES {
            if changed.is_empty() {
                break;
            }
            let next = anew.as_ref().unwrap_or(self).with_read(&changed)?;
            done = work(&next)?;
            changed = next.take_changed();
            anew = Some(next);
        }
        Ok(done)
    }

    fn take_changed(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a file whose text is not the one that was read.
    pub(super) fn compare(&self, path: &str, text: Option<&str>) {
        let Some(table) = &self.changed.table else { return };
        let hash = text.map(hash_of).unwrap_or_default();
        let is_same = match self.changed.anew.get(path) {
            Some(known) => hash == *known,
            None => match table.read(|tx| table::text_of(tx, path)) {
                Ok(Some(known)) => known.hash == hash && self.has(path, &known.segment, known.slot),
                Ok(None) => !self.lives(path),
                // A table that cannot be read tells nothing.
                Err(_) => true,
            },
        };
        if !is_same {
            let mut paths = self.changed.paths.lock().unwrap_or_else(PoisonError::into_inner);
            paths.insert(path.to_owned());
        }
    }

    /// Tells whether a file's text lies at a place of a segment in this snapshot, too.
    fn has(&self, path: &str, segment: &str, slot: u32) -> bool {
        let Ok(slot) = usize::try_from(slot) else { return false };
        let part = self.parts.iter().find(|part| part.name == segment);
        part.is_some_and(|part| {
            part.lives.get(slot) == Some(&true)
                && part.segment.files().get(slot).is_some_and(|file| file.path == path)
        })
    }

    fn lives(&self, path: &str) -> bool {
        self.files_called(file_name(path))
            .is_ok_and(|files| files.iter().any(|file| file.path == path))
    }

    /// Returns a snapshot that knows some files as they are now; those that cannot be read are not in it.
    fn with_read(&self, paths: &BTreeSet<String>) -> Result<Snapshot, IndexError> {
        let root = File::open(&self.root).map_err(|error| IndexError::io(&self.root, error))?;
        let mut builder = Builder::default();
        let mut anew = HashMap::clone(&self.changed.anew);
        for path in paths {
            let text = crate::files::read(&root, path).ok();
            anew.insert(path.clone(), text.as_deref().map(hash_of).unwrap_or_default());
            text.iter().for_each(|text| builder.add(path, text));
        }
        let mut parts: Vec<Part> = self.parts.iter().map(|part| part.without(paths)).collect();
        if builder.files() > 0 {
            let name = format!("{}.seg", RequestId::generate());
            let segment = Arc::new(self.written(&name, builder)?);
            parts.push(Part::of(&segment, &name, &[]));
        }
        let read = self.beside(Self::of(&self.root, parts, &self.meaning)?);
        let Changed { table, .. } = read.changed;
        let changed = Changed { table, anew: Arc::new(anew), paths: Mutex::default() };
        Ok(Self { changed, ..read })
    }

    /// Writes a segment and opens it; its file has no name any more then.
    fn written(&self, name: &str, builder: Builder) -> Result<Segment, IndexError> {
        let path = self.meaning.folder().join(name);
        let io = |error| IndexError::io(&path, error);
        let mut file = File::create_new(&path).map_err(io)?;
        let written = builder.finish(std::io::BufWriter::new(&mut file)).map_err(io);
        let segment = written.and_then(|()| Ok(Segment::open(&path)?));
        let _ = fs::remove_file(&path);
        segment
    }
}

impl Part {
    /// Returns the part without some files.
    fn without(&self, paths: &BTreeSet<String>) -> Self {
        let files = self.segment.files().iter().zip(&self.lives).zip(0_u32..);
        let dead: Vec<u32> = files
            .filter(|((file, lives), _)| !**lives || paths.contains(&file.path))
            .map(|(_, slot)| slot)
            .collect();
        Self::of(&self.segment, &self.name, &dead)
    }
}
