//! Between rows and values: errors, timestamps and JSON columns, in one reviewed place.
//!
//! Invariant: an SQLite error keeps its code on the way up, so that the writer can tell a full disk and a
//! broken one from everything else.

use rusqlite::ffi;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// What [`Error::Unavailable`] names when the disk or the tenant's quota is full.
pub(super) const STORAGE: &str = "storage";

/// Turns SQLite's errors into the host's.
pub(super) trait Sql<T> {
    /// `Unavailable` for what may pass (a full disk, a lock, no file handles), else `Internal`.
    fn during(self, context: &'static str) -> Result<T>;
}

impl<T> Sql<T> for rusqlite::Result<T> {
    fn during(self, context: &'static str) -> Result<T> {
        self.map_err(|e| match Trouble::of(&e) {
            Trouble::Full => full(),
            Trouble::Busy => Error::Unavailable {
                what: "database",
                reason: format!("{context}: {e}"),
            },
            Trouble::Io | Trouble::Other => Error::internal(context, e),
        })
    }
}

/// The error of a full disk.
pub(super) fn full() -> Error {
    Error::Unavailable {
        what: STORAGE,
        reason: "disk is full, or the tenant has reached tenant_bytes_max; free some space".into(),
    }
}

/// What an SQLite error means for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No room. Passes when some is made.
    Full,
    /// A lock or a handle was not to be had in time.
    Busy,
    /// The disk failed: what was written may be lost, nothing may be built on it.
    Io,
    /// This statement failed.
    Other,
}

impl Trouble {
    /// Of an SQLite error.
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error() else {
            return Self::Other;
        };
        // The shared-memory index is rebuilt from the log, so no room for it is a full disk and no more.
        if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE {
            return Self::Full;
        }
        match code.extended_code & 0xff {
            ffi::SQLITE_FULL => Self::Full,
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_CANTOPEN => Self::Busy,
            ffi::SQLITE_IOERR => Self::Io,
            _ => Self::Other,
        }
    }

    /// Of an error that came up through [`Sql::during`].
    pub(super) fn of_host(error: &Error) -> Self {
        match error {
            Error::Unavailable { what, .. } if *what == STORAGE => Self::Full,
            Error::Internal { source, .. } => source
                .downcast_ref::<rusqlite::Error>()
                .map_or(Self::Other, Self::of),
            _ => Self::Other,
        }
    }
}

/// A value as a JSON column.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal("writing a row's JSON", e))
}

/// A JSON column as a value.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::internal("reading a row's JSON", e))
}

/// A number as a column; SQLite has no unsigned ones.
pub(super) fn from_u64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column that is never negative.
pub(super) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A small column that is never negative.
pub(super) fn to_u32(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}
