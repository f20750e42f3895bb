//! Writing semantic memory: applying a turn's effects, and what stands in their way.

use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::super::embedding::Vectors;
use super::super::rows::{Sql as _, to_json};
use super::super::words;
use super::{Own, existing};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{CustomerId, TurnId, UserId};
use crate::memory::{KNOWLEDGE_ENTRIES_MAX, KnowledgeWrite};

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

/// Write an entry, found by these vectors: one for each of its texts.
///
/// # Errors
/// `Conflict` if another owner's entry is in the way or what it supersedes is gone, `Exhausted` over
/// [`KNOWLEDGE_ENTRIES_MAX`].
pub(in super::super) fn apply_put(
    conn: &Connection,
    write: &KnowledgeWrite,
    vectors: &Vectors,
) -> Result<()> {
    let own = Own::of(write);
    if write.expires.is_some() {
        sweep(conn, write.now)?;
    }
    remove_expired(conn, &own, write)?;
    let id = match existing(conn, write, write.now)? {
        Some(item) if item.owner != (write.customer.clone(), write.user.clone()) => {
            return Err(Error::conflict(
                "knowledge entry",
                format!("`{}` of another user took the external id", item.id),
            ));
        }
        Some(item) => {
            remove_chunks(conn, &item.id)?;
            let n = update(conn, &item.id, &own, write)?;
            index(conn, n, &own, (write, 0), vectors)?;
            item.id
        }
        None => {
            // What an expired document of this id may have left.
            remove_chunks(conn, &write.id)?;
            let row = Row::first(&own, write);
            let n = insert(conn, &own, write, &row)?;
            index(conn, n, &own, (write, 0), vectors)?;
            write.id.clone()
        }
    };
    for number in 1..write.chunks.len() {
        let row = Row::chunk(&id, number);
        let n = insert(conn, &own, write, &row)?;
        index(conn, n, &own, (write, number), vectors)?;
    }
    supersede(conn, &own, write, &id)
}

/// Remove an entry, if there is one; with any chunk of a document all of it.
pub(in super::super) fn apply_forget(conn: &Connection, id: &str) -> Result<()> {
    let document: Option<String> = conn
        .prepare_cached("SELECT document FROM knowledge WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .during("looking for knowledge")?
        .flatten();
    let id = document.as_deref().unwrap_or(id);
    remove_chunks(conn, id)?;
    conn.prepare_cached("DELETE FROM knowledge WHERE id = ?1")
        .and_then(|mut statement| statement.execute([id]))
        .during("forgetting knowledge")?;
    Ok(())
}

/// Remove a document's chunks but for the first.
fn remove_chunks(conn: &Connection, document: &str) -> Result<()> {
    conn.prepare_cached("DELETE FROM knowledge WHERE document = ?1")
        .and_then(|mut statement| statement.execute([document]))
        .during("forgetting a document's chunks")?;
    Ok(())
}

/// Say of the owner's entry that this one takes over from it.
fn supersede(conn: &Connection, own: &Own<'_>, write: &KnowledgeWrite, id: &str) -> Result<()> {
    let Some(old) = &write.supersedes else {
        return Ok(());
    };
    let until = write.valid.from.unwrap_or(write.now);
    let rows = conn
        .prepare_cached(
            "UPDATE knowledge SET superseded_by = ?3, version = version + 1,
                 valid_until_ms = min(coalesce(valid_until_ms, ?4), ?4)
             WHERE owner = ?2 AND (id = ?1 OR document = ?1) AND id <> ?3",
        )
        .and_then(|mut statement| statement.execute(params![&**old, own.owner, id, until.0]))
        .during("superseding knowledge")?;
    if rows == 0 {
        return Err(Error::conflict(
            "knowledge entry",
            format!("`{old}`, which is to be superseded, is gone"),
        ));
    }
    Ok(())
}

/// Remove the rows that a write would meet but that nobody sees any more.
fn remove_expired(conn: &Connection, own: &Own<'_>, write: &KnowledgeWrite) -> Result<()> {
    let (rows, params) = own.in_the_way();
    let sql = remove_expired_sql(rows);
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            let params: [&dyn ToSql; 5] =
                [params[0], params[1], params[2], &write.now.0, &write.id];
            statement.execute(&params[..])
        })
        .during("removing expired knowledge")?;
    Ok(())
}

pub(super) fn remove_expired_sql(rows: &str) -> String {
    format!(
        "DELETE FROM knowledge WHERE expires_ms <= ?4
         AND n IN ({rows} UNION ALL SELECT n FROM knowledge WHERE id = ?5)"
    )
}

/// What sets the rows of one write apart.
struct Row<'a> {
    id: std::borrow::Cow<'a, str>,
    external_id: Option<&'a str>,
    content_hash: [u8; 32],
    document: Option<&'a str>,
    number: usize,
}

impl<'a> Row<'a> {
    fn first(own: &Own<'a>, write: &'a KnowledgeWrite) -> Self {
        Self {
            id: (&*write.id).into(),
            external_id: own.external_id,
            content_hash: own.content_hash,
            document: None,
            number: 0,
        }
    }

    fn chunk(document: &'a str, number: usize) -> Self {
        let id = format!("{document}.{number}");
        // Of its place and not of its text, as a document may say a thing twice.
        let content_hash = *blake3::hash(id.as_bytes()).as_bytes();
        Self {
            id: id.into(),
            external_id: None,
            content_hash,
            document: Some(document),
            number,
        }
    }
}

/// The text and the places of a row: its chunk of the document, or all there is.
struct Text<'a> {
    content: &'a str,
    part: Option<u32>,
    parts: Option<u32>,
    overlap: Option<u32>,
}

impl<'a> Text<'a> {
    fn of(write: &'a KnowledgeWrite, number: usize) -> Self {
        match write.chunks.get(number) {
            None => Self {
                content: &write.content,
                part: None,
                parts: None,
                overlap: None,
            },
            Some(chunk) => Self {
                content: &chunk.text,
                part: Some(number as u32),
                parts: Some(write.chunks.len() as u32),
                overlap: Some(chunk.overlap),
            },
        }
    }

    /// Tells what text a vector was made of. The content's hash does not: a document's is that of all
    /// its chunks, and a chunk's is that of its place.
    fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.content.as_bytes()).as_bytes()
    }
}

fn update(conn: &Connection, id: &str, own: &Own<'_>, write: &KnowledgeWrite) -> Result<i64> {
    let (tags, derived_from) = (
        to_json(&write.tags)?,
        to_json(&write.provenance.derived_from)?,
    );
    let text = Text::of(write, 0);
    conn.prepare_cached(
        "UPDATE knowledge SET domain = ?2, content_hash = ?3, visibility = ?4, source = ?5, writer = ?6,
             version = version + 1, updated_ms = ?7, expires_ms = ?8, tags = ?9, metadata = ?10, content = ?11,
             turn = ?12, derived_from = ?13, valid_from_ms = ?14, valid_until_ms = ?15, superseded_by = ?16,
             part = ?17, parts = ?18, overlap = ?19, chunk_bytes = ?20, text_hash = ?21
         WHERE id = ?1 RETURNING n",
    )
    .and_then(|mut statement| {
        let values = params![
            id,
            own.domain,
            own.content_hash,
            write.visibility.as_str(),
            write.source,
            &*write.provenance.writer,
            write.now.0,
            write.expires.map(|at| at.0),
            tags,
            write.metadata.as_str(),
            text.content,
            write.provenance.turn.as_ref().map(TurnId::as_str),
            derived_from,
            write.valid.from.map(|at| at.0),
            write.valid.until.map(|at| at.0),
            write.superseded_by.as_deref(),
            text.part,
            text.parts,
            text.overlap,
            write.chunk_bytes,
            text.hash(),
        ];
        statement.query_row(values, |row| row.get(0))
    })
    .during("replacing knowledge")
}

fn insert(conn: &Connection, own: &Own<'_>, write: &KnowledgeWrite, row: &Row<'_>) -> Result<i64> {
    require_room(conn)?;
    let (tags, derived_from) = (
        to_json(&write.tags)?,
        to_json(&write.provenance.derived_from)?,
    );
    let text = Text::of(write, row.number);
    conn.prepare_cached(
        "INSERT INTO knowledge (id, owner, domain, external_id, content_hash, visibility, customer, user,
             source, writer, version, created_ms, updated_ms, expires_ms, tags, metadata, content,
             turn, derived_from, valid_from_ms, valid_until_ms, superseded_by,
             part, parts, overlap, chunk_bytes, document, text_hash)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, value + 1, ?11, ?12, ?13, ?14, ?15, ?16,
             ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27
         FROM memory_counters WHERE name = 'knowledge_floor' RETURNING n",
    )
    .and_then(|mut statement| {
        let values = params![
            row.id,
            own.owner,
            own.domain,
            row.external_id,
            row.content_hash,
            write.visibility.as_str(),
            write.customer.as_ref().map(CustomerId::as_str),
            write.user.as_ref().map(UserId::as_str),
            write.source,
            &*write.provenance.writer,
            write.created.0,
            write.now.0,
            write.expires.map(|at| at.0),
            tags,
            write.metadata.as_str(),
            text.content,
            write.provenance.turn.as_ref().map(TurnId::as_str),
            derived_from,
            write.valid.from.map(|at| at.0),
            write.valid.until.map(|at| at.0),
            write.superseded_by.as_deref(),
            text.part,
            text.parts,
            text.overlap,
            write.chunk_bytes,
            row.document,
            text.hash(),
        ];
        statement.query_row(values, |row| row.get(0))
    })
    .during("writing knowledge")
}

/// # Errors
/// `Exhausted` if there is no room for one more row.
fn require_room(conn: &Connection) -> Result<()> {
    let (entries, quota): (i64, Option<i64>) = conn
        .prepare_cached(
            "SELECT value, (SELECT value FROM memory_counters WHERE name = 'knowledge_entries_max')
             FROM memory_counters WHERE name = 'knowledge_entries'",
        )
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .during("counting knowledge")?;
    let max = quota.map_or(KNOWLEDGE_ENTRIES_MAX, |quota| {
        KNOWLEDGE_ENTRIES_MAX.min(quota as u64)
    });
    if entries as u64 >= max {
        return Err(Error::Exhausted {
            limit: "knowledge_entries_max",
            unit: "entries",
            max,
        });
    }
    Ok(())
}

/// Have a row found by its words and by its vector.
fn index(
    conn: &Connection,
    n: i64,
    own: &Own<'_>,
    (write, number): (&KnowledgeWrite, usize),
    vectors: &Vectors,
) -> Result<()> {
    let text = Text::of(write, number);
    index_words(conn, n, own, &write.tags, text.content)
        .and_then(|()| vectors.keep(conn, n, number, &text.hash()))
        .during("indexing knowledge")
}

fn index_words(
    conn: &Connection,
    n: i64,
    own: &Own<'_>,
    tags: &[String],
    content: &str,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO knowledge_words (rowid, domain, tags, content) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![n, words::number(&own.domain), tags.join(" "), content])?;
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
