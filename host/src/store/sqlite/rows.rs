//! Between rows and values: errors, timestamps and JSON columns, in one reviewed place.
//!
//! Invariant: an SQLite error keeps its code on the way up, so that the writer can tell a full disk and a
//! broken one from everything else.

use rusqlite::ffi;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// What [`Error::Unavailable`] names when nothing can be written, for whatever reason but a full disk.
pub(super) const STORAGE: &str = "storage";

/// Turns SQLite's errors into the host's.
pub(super) trait Sql<T> {
    /// `StorageFull` and `Unavailable` for what may pass (a full disk; a lock, no file handles), else
    /// `Internal`.
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
    Error::StorageFull {
        what: "the database".to_owned(),
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

    /// Of an error that came up through [`Sql::during`], or from a file.
    pub(super) fn of_host(error: &Error) -> Self {
        match error {
            Error::StorageFull { .. } => Self::Full,
            Error::Internal { source, .. } => {
                if let Some(error) = source.downcast_ref::<rusqlite::Error>() {
                    return Self::of(error);
                }
                // A file beside the databases; see `datadir` and the store of components.
                let error = source.downcast_ref::<std::io::Error>();
                if error.is_some_and(is_disk_failure) {
                    Self::Io
                } else {
                    Self::Other
                }
            }
            _ => Self::Other,
        }
    }
}

/// Whether the disk failed, rather than that it is full, or that somebody took a file away.
pub(super) fn is_disk_failure(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
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
