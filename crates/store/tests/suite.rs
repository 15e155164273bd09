//! The database as its callers meet it: old, new, damaged and contended files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use distiq_base::ErrorKind;
use distiq_store::{Database, Schema, StoreError, params};
use tempfile::TempDir;

static V1: Schema = Schema { name: "notes", steps: &[STEP_1] };
static V2: Schema = Schema { name: "notes", steps: &[STEP_1, STEP_2] };
static BROKEN: Schema = Schema { name: "notes", steps: &[STEP_1, STEP_2, "CREATE TABLE nonsense"] };
static OTHER: Schema = Schema { name: "other", steps: &[STEP_1, STEP_2] };
const STEP_1: &str = "CREATE TABLE note(text TEXT NOT NULL) STRICT";
const STEP_2: &str = "ALTER TABLE note ADD COLUMN stars INTEGER NOT NULL DEFAULT 3;
    CREATE INDEX note_stars ON note(stars);";

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/notes.db");
    (folder, path)
}

fn insert(db: &Database, text: &str) -> Result<usize, StoreError> {
    db.write(|tx| tx.execute("INSERT INTO note(text) VALUES (?1)", params![text]))
}

fn texts(db: &Database) -> Vec<String> {
    db.read(|tx| tx.all("SELECT text FROM note ORDER BY rowid", params![], |row| row.get(0)))
        .map_err(|e: StoreError| e)
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_the_users_alone() {
    let (_folder, path) = place();
    let db = Database::open(&path, &V1).unwrap();
    insert(&db, "a").unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap().path();
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
    }
    drop(db);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    Database::open(&path, &V1).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_migration_that_is_killed_is_done_by_the_next_one() {
    use std::os::unix::process::ExitStatusExt;
    const CHILD: &str = "DISTIQ_TEST_MIGRATED_FILE";
    if let Some(path) = std::env::var_os(CHILD) {
        // The child: this very test, with a point armed.
        drop(Database::open(Path::new(&path), &V2));
        return;
    }
    for point in ["before_backup_rename", "after_backup_rename"] {
        let (_folder, path) = place();
        let old = Database::open(&path, &V1).unwrap();
        insert(&old, "kept").unwrap();
        drop(old);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_migration_that_is_killed_is_done_by_the_next_one"])
            .env(CHILD, &path)
            .env("DISTIQ_TEST_KILL_AT", point)
            .output()
            .unwrap();
        assert_eq!(child.status.signal(), Some(9), "{point}");
        assert_eq!(texts(&Database::open(&path, &V2).unwrap()), ["kept"], "{point}");
        assert!(path.with_file_name("notes.db.bak-v1").exists());
        assert!(!path.with_file_name("notes.db.bak-v1.tmp").exists());
    }
}

#[test]
fn an_old_file_is_copied_and_then_migrated() {
    let (_folder, path) = place();
    let old = Database::open(&path, &V1).unwrap();
    insert(&old, "kept").unwrap();
    // The old connection stays open: what it committed may still lie in the log.
    let db = Database::open(&path, &V2).unwrap();
    let stars: Vec<(String, i64)> = db
        .read(|tx| {
            tx.all("SELECT text, stars FROM note", params![], |r| Ok((r.get(0)?, r.get(1)?)))
        })
        .map_err(|e: StoreError| e)
        .unwrap();
    assert_eq!(stars, [("kept".to_owned(), 3)]);
    let copy = path.with_file_name("notes.db.bak-v1");
    assert_eq!(mode(&copy), 0o600);
    assert!(!path.with_file_name("notes.db.bak-v1.tmp").exists());
    assert_eq!(texts(&Database::open(&copy, &V1).unwrap()), ["kept"]);
}

#[test]
fn a_failed_migration_changes_nothing() {
    let (_folder, path) = place();
    insert(&Database::open(&path, &V1).unwrap(), "kept").unwrap();
    assert!(matches!(Database::open(&path, &BROKEN), Err(StoreError::Sql { .. })));
    assert_eq!(texts(&Database::open(&path, &V1).unwrap()), ["kept"]);
}

#[test]
fn a_newer_file_is_refused_untouched_with_the_version_to_install() {
    let (_folder, path) = place();
    insert(&Database::open(&path, &V2).unwrap(), "new").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Database::open(&path, &V1).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert!(error.hint().contains(&format!("Distiq {} or newer", env!("CARGO_PKG_VERSION"))));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!path.with_file_name("notes.db.bak-v2").exists());
}

#[test]
fn other_files_are_refused_untouched() {
    let (_folder, path) = place();
    drop(Database::open(&path, &OTHER).unwrap());
    let check = |expected: fn(&StoreError) -> bool| {
        let before = fs::read(&path).unwrap();
        let error = Database::open(&path, &V2).unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::User);
        assert!(!error.hint().is_empty());
        assert_eq!(fs::read(&path).unwrap(), before);
    };
    check(|error| matches!(error, StoreError::Foreign { expected: "notes", .. }));
    fs::write(&path, "Dear diary, today I wrote something that is no database. ".repeat(20))
        .unwrap();
    check(|error| matches!(error, StoreError::Corrupt { .. }));
}

#[test]
fn damage_inside_is_called_damage() {
    let (_folder, path) = place();
    let db = Database::open(&path, &V1).unwrap();
    for _ in 0..200 {
        insert(&db, &"x".repeat(500)).unwrap();
    }
    drop(db);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let db = Database::open(&path, &V1).unwrap();
    let result: Result<Vec<String>, StoreError> =
        db.read(|tx| tx.all("SELECT text FROM note", params![], |row| row.get(0)));
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
}

#[test]
fn a_full_disk_undoes_the_transaction_and_says_so() {
    let (_folder, path) = place();
    let db = Database::open(&path, &V1).unwrap();
    insert(&db, "before").unwrap();
    let error = db
        .write(|tx| {
            tx.one("PRAGMA max_page_count = 8", params![], |row| row.get::<_, i64>(0))?;
            tx.execute("INSERT INTO note(text) VALUES (?1)", params!["half"])?;
            tx.execute("INSERT INTO note(text) VALUES (?1)", params!["x".repeat(100_000)])
        })
        .unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.hint().contains("space"));
    assert_eq!(texts(&db), ["before"]);
}

#[test]
fn a_folder_that_may_not_be_written_says_what_to_do() {
    if nix::unistd::geteuid().is_root() {
        // Root may write everywhere; a file where the folder should be fails for everybody.
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Database::open(&folder.path().join("file/notes.db"), &V1).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
    let error = Database::open(&folder.path().join("notes.db"), &V1).unwrap_err();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(error, StoreError::Permission { .. }), "{error:?}");
    assert!(error.hint().contains("DISTIQ_HOME"));
}

#[test]
fn readers_see_the_last_commit_while_a_write_runs() {
    let (_folder, path) = place();
    let db = Database::open(&path, &V1).unwrap();
    insert(&db, "first").unwrap();
    db.write(|tx| {
        tx.execute("INSERT INTO note(text) VALUES (?1)", params!["second"])?;
        assert_eq!(texts(&db), ["first"]);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    db.sync().unwrap();
    assert_eq!(texts(&db), ["first", "second"]);
}

/// A counter that each of several processes and threads raises by reading and writing it.
#[test]
fn processes_take_turns() {
    const ROUNDS: i64 = 50;
    static COUNTER: Schema = Schema {
        name: "counter",
        steps: &[
            "CREATE TABLE counter(n INTEGER NOT NULL) STRICT",
            "INSERT INTO counter VALUES (0)",
        ],
    };
    let work = |path: &Path| {
        let db = Database::open(path, &COUNTER).unwrap();
        for _ in 0..ROUNDS {
            db.write(|tx| {
                let n: Option<i64> =
                    tx.one("SELECT n FROM counter", params![], |row| row.get(0))?;
                tx.execute("UPDATE counter SET n = ?1", params![n.unwrap() + 1])
            })
            .unwrap();
        }
        db
    };
    if let Some(path) = std::env::var_os("STORE_TEST_COUNTER") {
        work(Path::new(&path));
        return;
    }
    let (_folder, path) = place();
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes_take_turns"])
                .env("STORE_TEST_COUNTER", &path)
                .spawn()
                .unwrap()
        })
        .collect();
    let db = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| work(&path))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).next().unwrap()
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let n = db.read(|tx| tx.one("SELECT n FROM counter", params![], |row| row.get(0)));
    assert_eq!(n.map_err(|e: StoreError| e).unwrap(), Some(5 * ROUNDS));
}
