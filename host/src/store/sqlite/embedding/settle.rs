//! Makes a tenant's rows those of this host's embedders when it is opened, if they were another's.
//!
//! Invariant: `embedders` says whose vectors the rows were left with. Knowledge waits for the background work;
//! the triggers of procedures are few and always the offline embedder's, so that they are made here.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::rows::Sql as _;
use crate::error::Result;
use crate::memory::embed::{OFFLINE_NAME, embed};

/// What it made is kept, all else waits for it. Takes a tenth of a second at most entries, once; the triggers
/// of procedures take as long as ten thousand short texts.
pub(in super::super) fn settle(conn: &mut Connection, embedder: &str) -> Result<()> {
    once(conn, "knowledge", embedder, knowledge)?;
    once(conn, "procedures", OFFLINE_NAME, triggers)
}

/// Run `change` and note whose the rows are now, unless they were already.
fn once(
    conn: &mut Connection,
    rows: &str,
    embedder: &str,
    change: impl FnOnce(&Connection, &str) -> rusqlite::Result<usize>,
) -> Result<()> {
    let last: Option<String> = conn
        .query_row(
            "SELECT name FROM embedders WHERE what = ?1",
            [rows],
            |row| row.get(0),
        )
        .optional()
        .during("reading the embedder")?;
    if last.as_deref() == Some(embedder) {
        return Ok(());
    }
    let tx = conn.transaction().during("changing the embedder")?;
    let anew = change(&tx, embedder).during("changing the embedder")?;
    tx.execute(
        "INSERT OR REPLACE INTO embedders (what, name) VALUES (?1, ?2)",
        [rows, embedder],
    )
    .during("changing the embedder")?;
    tx.commit().during("changing the embedder")?;
    if anew > 0 {
        tracing::info!(
            anew,
            rows,
            embedder,
            last,
            "rows get vectors of another embedder"
        );
    }
    Ok(())
}

fn knowledge(conn: &Connection, embedder: &str) -> rusqlite::Result<usize> {
    conn.execute("DELETE FROM knowledge_unembedded", [])?;
    conn.execute(
        "INSERT INTO knowledge_unembedded (n)
         SELECT k.n FROM knowledge k LEFT JOIN knowledge_vectors v ON v.n = k.n AND v.embedder = ?1
         WHERE v.n IS NULL",
        [embedder],
    )
}

fn triggers(conn: &Connection, embedder: &str) -> rusqlite::Result<usize> {
    let others: Vec<(i64, String)> = conn
        .prepare("SELECT n, text FROM procedure_triggers WHERE embedder IS NOT ?1")?
        .query_map([embedder], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut keep =
        conn.prepare("UPDATE procedure_triggers SET vector = ?2, embedder = ?3 WHERE n = ?1")?;
    for (n, text) in &others {
        keep.execute(params![n, embed(text).to_bytes(), embedder])?;
    }
    Ok(others.len())
}
