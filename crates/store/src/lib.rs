//! Databases on the user's disk: opened safely, migrated with a copy, failing with a hint.
//!
//! The door is [`Database::open`] with a [`Schema`]; work happens in [`Database::read`] and
//! [`Database::write`], each one transaction.
//!
//! ```
//! use distiq_store::{Database, Schema, StoreError, params};
//!
//! static NOTES: Schema =
//!     Schema { name: "notes", steps: &["CREATE TABLE note(text TEXT NOT NULL) STRICT"] };
//!
//! # let folder = tempfile::tempdir().unwrap();
//! let db = Database::open(&folder.path().join("notes.db"), &NOTES)?;
//! db.write(|tx| tx.execute("INSERT INTO note VALUES (?1)", params!["hello"]))?;
//! let texts: Vec<String> =
//!     db.read(|tx| tx.all("SELECT text FROM note", params![], |row| row.get(0)))?;
//! assert_eq!(texts, ["hello"]);
//! # Ok::<(), StoreError>(())
//! ```
//!
//! This crate must never know what its callers keep: each brings its own SQL and its own steps.
//! It is the only one that names SQLite.

mod database;
mod error;
mod migrate;
mod place;
mod transaction;

pub use database::{Database, Schema};
pub use error::StoreError;
pub use rusqlite::types::Value;
pub use rusqlite::{Error as SqlError, Row, params, params_from_iter};
pub use transaction::Tx;
