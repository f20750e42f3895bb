//! Opens connections, all with the same settings: WAL, FULL, no memory map, foreign keys on.
//!
//! Invariant: this is the only place that opens a database, so no connection can lack a setting. A commit
//! that was acknowledged is on the disk (`synchronous=FULL` in WAL mode: one flush a commit).

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::datadir::create_file;
use super::rows::Sql;
use crate::error::{Error, Result};

/// 3.7.0 to 3.51.2 could corrupt a database when two connections wrote and checkpointed at once.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Longest wait for a lock: only a checkpoint or another process can hold one, both for moments.
pub(in crate::store::sqlite) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache of a write connection in KiB: the hot ends of a tenant's tables and indexes.
const WRITER_CACHE_KIB: i64 = 2_048;
/// Page cache of a read connection in KiB. There may be four a tenant, and the system caches the file.
const READER_CACHE_KIB: i64 = 256;
/// Prepared statements kept a connection: more than there are texts, so that none is prepared twice.
const STATEMENTS_MAX: usize = 128;
/// A database of this many bytes or fewer is checked whole after an unclean shutdown: the check reads
/// every page, some 0.1 s for this many, and a start must take less than two.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes.
    Writer,
    /// One that reads.
    Reader,
}

/// Refuse to run on an SQLite that corrupts databases.
pub(super) fn check_version() -> Result<()> {
    let found = rusqlite::version_number();
    if found < SQLITE_VERSION_MIN {
        return Err(Error::Unavailable {
            what: "SQLite",
            reason: format!(
                "version {} is linked, at least 3.51.3 is needed: build with the bundled one",
                rusqlite::version()
            ),
        });
    }
    Ok(())
}

/// Open a database; a writer makes it if it is not there.
pub(super) fn open(path: &Path, role: Role) -> Result<Connection> {
    if role == Role::Writer {
        // Made here for its mode: the log and the shared index take theirs from it.
        create_file(path)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).during("opening a database")?;
    configure(&conn, role).during("setting a connection up")?;
    let mode: String = conn
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .during("reading the journal mode")?;
    if mode != "wal" {
        return Err(Error::Unavailable {
            what: "database",
            reason: format!(
                "`{}` cannot use a write-ahead log (mode `{mode}`): is it on a network file system?",
                path.display()
            ),
        });
    }
    Ok(conn)
}

fn configure(conn: &Connection, role: Role) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let cache_kib = match role {
        Role::Writer => {
            conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            WRITER_CACHE_KIB
        }
        Role::Reader => {
            conn.pragma_update(None, "query_only", true)?;
            READER_CACHE_KIB
        }
    };
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    // Savepoints and sorts spill to memory: a temporary file would be one more thing to fail.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // The checkpointer does it, off the writers' path.
    conn.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    // With a memory map an I/O error is a signal that kills the process instead of an error.
    conn.query_row("PRAGMA mmap_size = 0", [], |_| Ok(()))
        .or_else(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            other => Err(other),
        })
}

/// Check a database after an unclean shutdown, and build on nothing that is not on the disk.
///
/// If the last host ended because a flush had failed, the end of the log may be in the system's cache and
/// nowhere else, and the system believes it written: no later flush of the log would write it, and what is
/// appended behind it would be lost with it when the power goes. Copied into the database it is written.
///
/// # Errors
/// `Internal` with what is wrong.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<()> {
    match conn
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .during("emptying the log of the last host")
    {
        // Nothing can be appended either, as long as there is no room; and reading must work.
        Err(Error::StorageFull { .. }) => {
            tracing::warn!(path = %path.display(), "the disk is full: the log of the last host stays");
        }
        done => done?,
    }
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    if bytes > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let verdict: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .during("checking a database")?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(Error::internal(
        "checking a database",
        format!(
            "`{}` is damaged: {verdict}; restore it from a backup",
            path.display()
        ),
    ))
}
