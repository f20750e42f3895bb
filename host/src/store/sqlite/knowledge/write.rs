//! Writing semantic memory: applying a turn's effects, and what stands in their way.

use rusqlite::{Connection, ToSql, params};

use super::super::rows::{Sql as _, to_json};
use super::super::words;
use super::{Own, existing};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{CustomerId, UserId};
use crate::memory::embed::{self, Embedding};
use crate::memory::{KNOWLEDGE_ENTRIES_MAX, KnowledgeWrite, Visibility};

/// Expired entries that a write with a time to live removes, see [`super::super::working`].
const SWEEP_ROWS_MAX: u32 = 4;

/// Says what the turn did not see when it staged this write: another owner's entry of the external id, or
/// the owner's own under another id than the turn was told. To be asked before anything is applied.
pub(in super::super) fn in_the_way(
    conn: &Connection,
    write: &KnowledgeWrite,
) -> Result<Option<String>> {
    let met = existing(conn, write, write.now)?;
    Ok(met
        .filter(|item| item.id != write.id)
        .map(|item| format!("knowledge `{}`, which a write would meet", item.id)))
}

/// Write an entry.
///
/// # Errors
/// `Conflict` if another owner's entry is in the way, `Exhausted` over [`KNOWLEDGE_ENTRIES_MAX`].
pub(in super::super) fn apply_put(
    conn: &Connection,
    write: &KnowledgeWrite,
    vector: &Embedding,
) -> Result<()> {
    let own = Own::of(write);
    if write.expires.is_some() {
        sweep(conn, write.now)?;
    }
    remove_expired(conn, &own, write)?;
    let n = match existing(conn, write, write.now)? {
        Some(item) if item.owner != (write.customer.clone(), write.user.clone()) => {
            return Err(Error::conflict(
                "knowledge entry",
                format!("`{}` of another user took the external id", item.id),
            ));
        }
        Some(item) => update(conn, &item.id, &own, write)?,
        None => insert(conn, &own, write)?,
    };
    index_words(conn, n, &own, write)
        .and_then(|()| index_vector(conn, n, vector))
        .during("indexing knowledge")
}

/// Remove an entry, if there is one.
pub(in super::super) fn apply_forget(conn: &Connection, id: &str) -> Result<()> {
    conn.prepare_cached("DELETE FROM knowledge WHERE id = ?1")
        .and_then(|mut statement| statement.execute([id]))
        .during("forgetting knowledge")?;
    Ok(())
}

/// Remove the rows that a write would meet but that nobody sees any more.
fn remove_expired(conn: &Connection, own: &Own<'_>, write: &KnowledgeWrite) -> Result<()> {
    let (condition, params) = own.in_the_way();
    let sql = format!(
        "DELETE FROM knowledge AS k WHERE (({condition}) OR k.id = ?5) AND k.expires_ms <= ?4"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            let params: [&dyn ToSql; 5] =
                [params[0], params[1], params[2], &write.now.0, &write.id];
            statement.execute(&params[..])
        })
        .during("removing expired knowledge")?;
    Ok(())
}

fn update(conn: &Connection, id: &str, own: &Own<'_>, write: &KnowledgeWrite) -> Result<i64> {
    let tags = to_json(&write.tags)?;
    conn.prepare_cached(
        "UPDATE knowledge SET domain = ?2, content_hash = ?3, visibility = ?4, source = ?5, writer = ?6,
             version = version + 1, updated_ms = ?7, expires_ms = ?8, tags = ?9, metadata = ?10, content = ?11
         WHERE id = ?1 RETURNING n",
    )
    .and_then(|mut statement| {
        let values = params![
            id,
            own.domain,
            own.content_hash,
            word(write.visibility),
            write.source,
            write.writer.as_str(),
            write.now.0,
            write.expires.map(|at| at.0),
            tags,
            write.metadata.as_str(),
            &*write.content,
        ];
        statement.query_row(values, |row| row.get(0))
    })
    .during("replacing knowledge")
}

fn insert(conn: &Connection, own: &Own<'_>, write: &KnowledgeWrite) -> Result<i64> {
    let entries: i64 = conn
        .prepare_cached("SELECT value FROM memory_counters WHERE name = 'knowledge_entries'")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .during("counting knowledge")?;
    if entries as u64 >= KNOWLEDGE_ENTRIES_MAX {
        return Err(Error::Exhausted {
            limit: "knowledge_entries_max",
            unit: "entries",
            max: KNOWLEDGE_ENTRIES_MAX,
        });
    }
    let tags = to_json(&write.tags)?;
    conn.prepare_cached(
        "INSERT INTO knowledge (id, owner, domain, external_id, content_hash, visibility, customer, user,
             source, writer, version, created_ms, updated_ms, expires_ms, tags, metadata, content)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, value + 1, ?11, ?11, ?12, ?13, ?14, ?15
         FROM memory_counters WHERE name = 'knowledge_floor' RETURNING n",
    )
    .and_then(|mut statement| {
        let values = params![
            &*write.id,
            own.owner,
            own.domain,
            own.external_id,
            own.content_hash,
            word(write.visibility),
            write.customer.as_ref().map(CustomerId::as_str),
            write.user.as_ref().map(UserId::as_str),
            write.source,
            write.writer.as_str(),
            write.now.0,
            write.expires.map(|at| at.0),
            tags,
            write.metadata.as_str(),
            &*write.content,
        ];
        statement.query_row(values, |row| row.get(0))
    })
    .during("writing knowledge")
}

/// The vector that an entry is found by: to be made before the transaction, as a long text takes a
/// millisecond.
pub(in super::super) fn vector_of(write: &KnowledgeWrite) -> Embedding {
    embed::embed(&write.content)
}

fn index_words(
    conn: &Connection,
    n: i64,
    own: &Own<'_>,
    write: &KnowledgeWrite,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO knowledge_words (rowid, domain, tags, content) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        n,
        words::number(&own.domain),
        write.tags.join(" "),
        &*write.content
    ])?;
    Ok(())
}

fn index_vector(conn: &Connection, n: i64, vector: &Embedding) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO knowledge_vectors (n, embedder, vector) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![n, embed::EMBEDDER, vector.to_bytes()])?;
    Ok(())
}

fn sweep(conn: &Connection, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "DELETE FROM knowledge WHERE n IN (
             SELECT n FROM knowledge WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
    )
    .and_then(|mut statement| statement.execute(params![now.0, SWEEP_ROWS_MAX]))
    .during("sweeping knowledge")?;
    Ok(())
}

const fn word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => "private",
        Visibility::Customer => "customer",
        Visibility::Tenant => "tenant",
    }
}
