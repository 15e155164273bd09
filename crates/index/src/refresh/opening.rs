//! Opening an index, making it anew where it has to be, and telling when it went away beneath its user.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use distiq_base::ReadDocument;
use distiq_store::{Database, StoreError};

use super::{CODE, FileId, Index, LOOKS, VERSION};
use crate::documents::{self, Documents};
use crate::error::IndexError;
use crate::history::Record;
use crate::place::{LOCK, Place, TABLE, Wait};
use crate::table;
use crate::vector::Meaning;

/// Most bytes of changes that stay beside the table when it closes.
const MOST_LOG: u64 = 400 << 10;
/// Why an index is made anew whose form this version does not know yet.
const NEWER: &str = "a newer version made it";

impl Index {
    /// Opens a project's index, making it where there is none; it lies in `.distiq/` of the root, in a folder of a name that is
    /// kept below `cache`, or there where that cannot be written. One that is damaged or of another version is emptied.
    ///
    /// # Errors
    /// When neither folder can be used, or there is no project any more.
    pub fn open(root: &Path, cache: &Path) -> Result<Self, IndexError> {
        in_place(root, cache, CODE, |place| Self::open_in(root, place))
    }

    /// Opens the index of a project's documents, which lies beside that of its code and has nothing but the files that
    /// [`crate::is_document`] names; `reader` reads them. [`Snapshot::with_documents`](crate::Snapshot::with_documents) joins
    /// both.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn open_documents(
        root: &Path,
        cache: &Path,
        reader: Arc<dyn ReadDocument>,
    ) -> Result<Self, IndexError> {
        let index = in_place(root, cache, documents::FOLDER, |place| Self::open_in(root, place))?;
        let folder = index.place.folder.clone();
        Ok(Self { documents: Some(Documents { folder, reader }), record: None, ..index })
    }

    /// Tells whether a project has an index of this user's in its folder.
    pub fn is_in(root: &Path, cache: &Path) -> bool {
        Place::known(root, cache, CODE).is_some_and(|place| place.database().is_file())
    }

    /// Opens a project's index and empties it.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn rebuild(root: &Path, cache: &Path) -> Result<Self, IndexError> {
        in_place(root, cache, CODE, |place| {
            emptied(&place)?;
            Self::open_in(root, place)
        })
    }

    /// Empties the index of a project's documents.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn clear_documents(root: &Path, cache: &Path) -> Result<(), IndexError> {
        in_place(root, cache, documents::FOLDER, |place| emptied(&place))
    }

    fn open_in(root: &Path, place: Place) -> Result<Self, IndexError> {
        match open_at(&place) {
            Ok((db, VERSION)) => Ok(Self::of(root, place, db, None)),
            Ok((db, version)) => {
                // 0 is a new one.
                drop(db);
                let why = match version {
                    0 => None,
                    later if later > VERSION => Some(NEWER),
                    _ => Some("an older version made it"),
                };
                Self::anew(root, place, why)
            }
            Err(StoreError::Newer { .. }) => Self::anew(root, place, Some(NEWER)),
            Err(
                StoreError::Corrupt { .. } | StoreError::Foreign { .. } | StoreError::Sql { .. },
            ) => Self::anew(root, place, Some("it was damaged")),
            Err(error) => Err(error.into()),
        }
    }

    fn anew(
        root: &Path,
        place: Place,
        was_rebuilt: Option<&'static str>,
    ) -> Result<Self, IndexError> {
        let turn = place.lock(&Wait::ON)?;
        // Somebody else may have done it while this one waited.
        let db = match open_at(&place) {
            Ok((db, VERSION)) => db,
            Ok((db, 0)) => db,
            other => {
                drop(other);
                clear(&place.folder)?;
                database(&place)?
            }
        };
        db.write(|tx| table::set_fact(tx, "version", VERSION))?;
        drop(turn);
        Ok(Self::of(root, place, db, was_rebuilt))
    }

    fn of(root: &Path, place: Place, db: Database, was_rebuilt: Option<&'static str>) -> Self {
        let meaning = Arc::new(Meaning::new(place.clone()));
        let record = Some(Arc::new(Record::new(place.clone())));
        Self {
            root: root.to_path_buf(),
            table: file_id(&place.database()),
            place,
            db: Arc::new(db),
            open: Mutex::default(),
            meaning,
            record,
            edited: Mutex::default(),
            was_rebuilt,
            documents: None,
        }
    }

    /// Tells that the project, or the index, is no longer where it was when this was opened.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn check_place(&self) -> Result<(), IndexError> {
        if !self.root.is_dir() {
            return Err(IndexError::NoProject { root: self.root.clone() });
        }
        match self.table {
            Some(table) if file_id(&self.place.database()) == Some(table) => Ok(()),
            _ => Err(IndexError::Replaced),
        }
    }

    /// Returns what was done; where it failed and the index is no longer in its place, that is why: what the database and the
    /// system say of it are a dozen different things.
    pub(super) fn explained<T>(&self, done: Result<T, IndexError>) -> Result<T, IndexError> {
        match done {
            Err(error @ (IndexError::Store(_) | IndexError::Io { .. } | IndexError::Damaged)) => {
                Err(self.check_place().err().unwrap_or(error))
            }
            other => other,
        }
    }
}

/// Does `work` on the folder of an index; again where that goes away meanwhile.
fn in_place<T>(
    root: &Path,
    cache: &Path,
    name: &str,
    work: impl Fn(Place) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    let (mut looks, mut was_gone) = (1, false);
    loop {
        // Else a project that was moved away would get a folder of nothing but an index.
        if !root.is_dir() {
            return Err(IndexError::NoProject { root: root.to_path_buf() });
        }
        let place = Place::find(root, cache, name)?;
        let database = place.database();
        let failed = match work(place) {
            Err(
                error @ (IndexError::Store(StoreError::Permission { .. } | StoreError::Io { .. })
                | IndexError::Io { .. }),
            ) => error,
            other => return other,
        };
        was_gone |= !database.exists();
        if looks == LOOKS {
            return Err(if was_gone { IndexError::Replaced } else { failed });
        }
        looks += 1;
    }
}

fn open_at(place: &Place) -> Result<(Database, i64), StoreError> {
    let db = database(place)?;
    let version = db.read(|tx| table::fact(tx, "version"))?.unwrap_or(0);
    Ok((db, version))
}

fn database(place: &Place) -> Result<Database, StoreError> {
    let db = Database::open(&place.database(), &table::INDEX)?;
    db.keep_log(MOST_LOG)?;
    Ok(db)
}

fn emptied(place: &Place) -> Result<(), IndexError> {
    let _turn = place.lock(&Wait::ON)?;
    clear(&place.folder)
}

/// Empties an index's folder, but for the lock that the caller holds.
fn clear(folder: &Path) -> Result<(), IndexError> {
    let io = |error| IndexError::io(folder, error);
    for path in in_order(folder).map_err(io)? {
        match fs::remove_file(&path) {
            // A reader keeps something here at this moment, and has just given it its name.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // Nothing of ours is a folder; a link is none.
            Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => {
                fs::remove_dir_all(&path).map_err(io)?;
            }
            removed => removed.map_err(io)?,
        }
    }
    Ok(())
}

/// Returns what lies in an index's folder in the order in which it is to be removed: the table first, since one that names files
/// that are gone is damaged, and one that is not there is new.
fn in_order(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.retain(|path| name(path) != LOCK);
    paths.sort_by_key(|path| (name(path) != TABLE, !name(path).starts_with(TABLE), name(path)));
    Ok(paths)
}

/// Returns the device and the number of a file or folder; `None` where there is none.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

#[cfg(test)]
mod tests {
    use distiq_store::Schema;

    use super::*;
    use crate::Control;

    #[test]
    fn an_index_that_was_half_emptied_is_new_not_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (&folder.path().join("project"), folder.path().join("cache"));
        fs::create_dir(root).unwrap();
        fs::write(root.join("a.py"), "def kept():\n    return 1\n").unwrap();
        let mut steps = 0..;
        loop {
            let index = Index::rebuild(root, &cache).unwrap();
            index.refresh(&Control::default()).unwrap();
            let folder = index.place.folder.clone();
            drop(index);
            let paths = in_order(&folder).unwrap();
            let done = steps.next().unwrap();
            assert!(paths.iter().any(|path| path.extension().is_some_and(|it| it == "seg")));
            if done > paths.len() {
                break;
            }
            paths.iter().take(done).for_each(|path| fs::remove_file(path).unwrap());
            let index = Index::open(root, &cache).unwrap();
            assert_eq!(index.was_rebuilt(), None, "{done} of {paths:?}");
            index.refresh(&Control::default()).unwrap();
            assert_eq!(index.snapshot().unwrap().stats().files, 1, "{done} of {paths:?}");
        }
    }

    #[test]
    fn a_full_disk_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (&folder.path().join("project"), folder.path().join("cache"));
        fs::create_dir(root).unwrap();
        let write = |name: &str| {
            fs::write(root.join(format!("{name}.py")), format!("def {name}():\n    return 1\n"))
        };
        write("kept").unwrap();
        let index = Index::open(root, &cache).unwrap();
        index.refresh(&Control::default()).unwrap();
        // As many pages as it has, and no more.
        let most = "PRAGMA max_page_count = 1";
        let limit = index.db.write(|tx| tx.one(most, (), |row| row.get::<_, i64>(0)));
        assert!(limit.unwrap() > Some(1));
        (0..200).for_each(|at| write(&format!("late_{at}_{}", "x".repeat(80))).unwrap());
        let error = index.refresh(&Control::default()).unwrap_err();
        assert!(error.is_full(), "{error}");
        assert_eq!(index.snapshot().unwrap().stats().files, 1);
        assert!(IndexError::io(root, io::ErrorKind::StorageFull.into()).is_full());
        assert!(!IndexError::Busy.is_full());
    }

    #[test]
    fn why_an_index_is_made_anew_is_told() {
        static LATER: Schema = Schema {
            name: "index",
            steps: &["CREATE TABLE file(path TEXT) STRICT;", "CREATE TABLE later(x TEXT) STRICT;"],
        };
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (folder.path(), folder.path().join("cache"));
        let why = |change: &dyn Fn(&Path)| {
            let index = Index::open(root, &cache).unwrap();
            let path = index.place.database();
            drop(index);
            change(&path);
            let index = Index::open(root, &cache).unwrap();
            assert_eq!(Index::open(root, &cache).unwrap().was_rebuilt(), None);
            index.was_rebuilt()
        };
        let of_version = |version: i64| {
            move |path: &Path| {
                let db = Database::open(path, &table::INDEX).unwrap();
                db.write(|tx| table::set_fact(tx, "version", version)).unwrap();
            }
        };
        assert_eq!(why(&|_| {}), None);
        assert_eq!(why(&of_version(VERSION + 1)), Some(NEWER));
        assert_eq!(why(&of_version(VERSION - 1)), Some("an older version made it"));
        assert_eq!(why(&|path| drop(Database::open(path, &LATER).unwrap())), Some(NEWER));
    }
}
