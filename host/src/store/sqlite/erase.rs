//! Erasure of a customer or a user.
//!
//! Rows are found by readers, as no index leads to them and the writer is shared with other tenants, and
//! removed by the writer, a bounded number in a transaction. Then the words of what was removed are merged
//! out of the indexes, and the file is rewritten: SQLite leaves what was deleted in free pages, and the
//! write-ahead log has it too.
//!
//! Invariant: what was committed before the call is gone when it returns. A turn that runs meanwhile finds
//! its delivery gone and commits nothing.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::identity::TenantScope;
use crate::memory::erase::authorise;
use crate::memory::{Erased, Eraser, Subject};

use super::SqliteStore;
use super::connect::{self, Role};
use super::rows::Sql as _;

mod events;
mod rows;

use rows::Kind;

/// Rows that one transaction removes: it shares the writer with turns, which wait for it some ten
/// milliseconds.
const REMOVED_MAX: usize = 256;
/// Rows that are found at once: bounds what is kept of them in memory.
const FOUND_MAX: u32 = 4_096;
/// How often a log that a reader holds is tried to be emptied: each waits five seconds for it, and no read
/// takes half a minute.
const EMPTYING_TRIES_MAX: u32 = 6;
/// The indexes of words, which keep those of removed rows until they are merged.
const WORD_INDEXES: [&str; 2] = ["knowledge_words", "episodes_words"];

#[async_trait]
impl Eraser for SqliteStore {
    async fn erase(&self, scope: &TenantScope, of: &Subject) -> Result<Erased> {
        authorise(scope, of)?;
        let tenant = self.tenant(scope).await?;
        let head = events::mark(&tenant, scope, self.clock.now()).await?;
        let (events, turns) = events::erase(&tenant, of, head).await?;
        let (working, working_shared) = rows::erase_working(&tenant, of).await?;
        rows::erase_by_owner(&tenant, of, ("episode_marks", "agent")).await?;
        let erased = Erased {
            events,
            turns,
            scheduled: events::erase_scheduled(&tenant, of).await?,
            knowledge: rows::erase(&tenant, of, Kind::Knowledge).await?,
            episodes: rows::erase(&tenant, of, Kind::Episodes).await?,
            sessions: rows::erase_by_owner(&tenant, of, ("sessions", "id")).await?,
            working,
            working_shared,
        };
        tenant.compact().await?;
        Ok(erased)
    }
}

/// Rewrite a database so that nothing of removed rows is left in it or in its log. Blocks. Nobody may
/// write meanwhile.
pub(super) fn compact(database: &Path) -> Result<()> {
    let conn = connect::open(database, Role::Writer)?;
    // The copy is as large as the database.
    conn.pragma_update(None, "temp_store", "FILE")
        .during("preparing to rewrite a database")?;
    for index in WORD_INDEXES {
        conn.execute_batch(&format!(
            "INSERT INTO {index} ({index}) VALUES ('optimize')"
        ))
        .during("merging an index of words")?;
    }
    conn.execute_batch("VACUUM")
        .during("rewriting a database")?;
    for _ in 0..EMPTYING_TRIES_MAX {
        if empty_log(&conn)? {
            return Ok(());
        }
    }
    Err(Error::Unavailable {
        what: "erasure",
        reason: "a reader holds the write-ahead log; the rows are removed, call again to be sure of the log"
            .into(),
    })
}

/// Says whether nobody was in the way.
fn empty_log(conn: &Connection) -> Result<bool> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0).map(|busy| busy == 0)
    })
    .during("emptying the write-ahead log")
}
