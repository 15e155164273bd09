//! Inside a transaction.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::error::StoreError;

/// A transaction; ends with the closure that got it.
#[derive(Debug)]
pub struct Tx<'a> {
    connection: &'a Connection,
    path: &'a Path,
}

impl<'a> Tx<'a> {
    pub(crate) const fn new(connection: &'a Connection, path: &'a Path) -> Self {
        Self { connection, path }
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(|error| StoreError::from_sql(self.path, error))
    }

    /// Returns the first row, if any.
    ///
    /// # Errors
    /// When the engine refuses, or `map` fails on a column.
    pub fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, map).optional())
            .map_err(|error| StoreError::from_sql(self.path, error))
    }

    /// Returns all rows, in the query's order.
    ///
    /// # Errors
    /// When the engine refuses, or `map` fails on a column.
    pub fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, map)?.collect())
            .map_err(|error| StoreError::from_sql(self.path, error))
    }
}
