//! Semantic memory kept by clients, outside turns: remember, forget, export, import.
//!
//! Invariant: the same rules of ownership as in a turn, asked in the transaction that writes.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::super::SqliteStore;
use super::super::columns::{json, optional};
use super::super::embedding::Vectors;
use super::super::rows::Sql as _;
use super::super::visibility::Whose;
use super::write::{apply_forget, apply_put};
use super::{existing, get, visibility};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Json, Page};
use crate::id::Position;
use crate::identity::TenantScope;
use crate::memory::knowledge::chunk;
use crate::memory::{
    IMPORT_RECORDS_MAX, Imported, KnowledgeItem, KnowledgeKeeper, KnowledgeRecord, KnowledgeWrite,
    LIST_LIMIT_MAX, Stamp, Subject, fresh_id,
};

/// What ids of entries begin with.
const ID_PREFIX: &str = "kno";
/// A page of an export ends with the record that makes it longer than this, in bytes of text: some ten
/// documents, or more entries than a page has.
const EXPORT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What [`record`] reads, in its order.
const RECORD: &str = "k.n, k.id, k.external_id, k.content, k.chunk_bytes, k.metadata, k.tags, k.source, \
    k.visibility, k.customer, k.user, k.writer, k.turn, k.derived_from, k.created_ms, k.updated_ms, \
    k.expires_ms, k.valid_from_ms, k.valid_until_ms, k.superseded_by, k.parts";

#[async_trait]
impl KnowledgeKeeper for SqliteStore {
    async fn remember(&self, scope: &TenantScope, mut write: KnowledgeWrite) -> Result<Arc<str>> {
        let vectors = self.vectoring.vectors_of(&write);
        let deferred = vectors.are_deferred();
        let tenant = self.tenant(scope).await?;
        let seen_by = scope.clone();
        let id = tenant
            .write(move |tx| {
                if let Some(old) = &write.supersedes {
                    let item = get(tx.conn(), &seen_by, old, write.now)?;
                    let item = item.ok_or_else(|| Error::not_found("knowledge entry", &**old))?;
                    require_owner(&seen_by, &item)?;
                    // A chunk stands for its document.
                    let part = item.part.as_ref();
                    write.supersedes =
                        Some(part.map_or(item.id, |part| Arc::clone(&part.document)));
                }
                let (id, _) = put(tx.conn(), &write, &vectors)?;
                Ok(id)
            })
            .await?;
        if deferred {
            self.vectoring.note_deferred(scope.tenant());
        }
        Ok(id)
    }

    async fn forget(&self, scope: &TenantScope, id: &str, now: Timestamp) -> Result<bool> {
        let tenant = self.tenant(scope).await?;
        let (scope, id) = (scope.clone(), id.to_owned());
        tenant
            .write(move |tx| {
                let Some(item) = get(tx.conn(), &scope, &id, now)? else {
                    return Ok(false);
                };
                require_owner(&scope, &item)?;
                apply_forget(tx.conn(), &id)?;
                Ok(true)
            })
            .await
    }

    async fn export(
        &self,
        scope: &TenantScope,
        of: &Subject,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Page<KnowledgeRecord>> {
        let now = self.clock.now();
        let after = after.map_or(0, |after| after.0);
        let tenant = self.tenant(scope).await?;
        let of = of.clone();
        tenant
            .scan(move |conn| export(conn, &of, after, limit, now))
            .await
    }

    async fn import(
        &self,
        scope: &TenantScope,
        records: Vec<KnowledgeRecord>,
        now: Timestamp,
    ) -> Result<Vec<Imported>> {
        if records.len() > IMPORT_RECORDS_MAX {
            return Err(Error::TooLarge {
                limit: "import_records_max",
                unit: "records",
                max: IMPORT_RECORDS_MAX as u64,
                got: records.len() as u64,
            });
        }
        let importer = Stamp::of(scope, None, now);
        let mine = Subject::of(scope);
        let writes: Vec<Result<(KnowledgeWrite, Vectors)>> = records
            .into_iter()
            .map(|record| {
                if !mine.has(record.customer.as_ref(), record.user.as_ref()) {
                    return Err(foreign());
                }
                let write = record.check(&importer, fresh_id(ID_PREFIX))?;
                let vectors = self.vectoring.vectors_of(&write);
                Ok((write, vectors))
            })
            .collect();
        let deferred = writes
            .iter()
            .any(|write| matches!(write, Ok((_, vectors)) if vectors.are_deferred()));
        let tenant = self.tenant(scope).await?;
        let done = tenant
            .write(move |tx| {
                writes
                    .into_iter()
                    .map(|write| import_one(tx.conn(), write))
                    .collect()
            })
            .await?;
        if deferred {
            self.vectoring.note_deferred(scope.tenant());
        }
        Ok(done)
    }
}

/// Write an entry in the place of the owner's own, if there is one. Says whether there was none.
fn put(conn: &Connection, write: &KnowledgeWrite, vectors: &Vectors) -> Result<(Arc<str>, bool)> {
    let owner = (write.customer.clone(), write.user.clone());
    if let Some(item) = existing(conn, write, write.now)? {
        if item.owner != owner {
            return Err(not_owner(&item.id));
        }
        apply_put(conn, write, vectors)?;
        return Ok((item.id, false));
    }
    let mut write = write.clone();
    if taken(conn, &write.id)? {
        write.id = fresh_id(ID_PREFIX);
    }
    apply_put(conn, &write, vectors)?;
    Ok((write.id, true))
}

fn taken(conn: &Connection, id: &str) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM knowledge WHERE id = ?1)")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
        .during("looking for an id")
}

/// What a record's own fault is, the importer is told; what is the store's ends the import.
fn import_one(conn: &Connection, write: Result<(KnowledgeWrite, Vectors)>) -> Result<Imported> {
    let done = write.and_then(|(write, vectors)| put(conn, &write, &vectors));
    match done {
        Ok((id, true)) => Ok(Imported::Created { id }),
        Ok((id, false)) => Ok(Imported::Replaced { id }),
        Err(
            error @ (Error::Unavailable { .. }
            | Error::StorageFull { .. }
            | Error::Internal { .. }
            | Error::Exhausted { .. }),
        ) => Err(error),
        Err(error) => Ok(Imported::Refused {
            reason: error.to_string(),
        }),
    }
}

fn require_owner(scope: &TenantScope, item: &KnowledgeItem) -> Result<()> {
    if item.owner == (scope.customer().cloned(), scope.user().cloned()) {
        return Ok(());
    }
    Err(not_owner(&item.id))
}

fn foreign() -> Error {
    Error::Denied {
        what: "importing an entry of somebody else than the request speaks for".into(),
        grant: "ownership".into(),
    }
}

fn not_owner(id: &str) -> Error {
    Error::Denied {
        what: format!("changing knowledge entry `{id}` of another user").into(),
        grant: "ownership".into(),
    }
}

fn export(
    conn: &Connection,
    of: &Subject,
    after: i64,
    limit: u32,
    now: Timestamp,
) -> Result<Page<KnowledgeRecord>> {
    let limit = limit.clamp(1, LIST_LIMIT_MAX);
    let sql = format!(
        "SELECT {RECORD} FROM knowledge k
         WHERE {} AND k.n > ?4 AND k.document IS NULL AND (k.expires_ms IS NULL OR k.expires_ms > ?5)
         ORDER BY k.n LIMIT ?6",
        Whose::condition("k.customer", "k.user")
    );
    let whose = Whose::of(of);
    let rows: Vec<(i64, Option<u32>, KnowledgeRecord)> = conn
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            let [customer, user, of_none] = whose.params();
            let params = params![customer, user, of_none, after, now.0, limit + 1];
            statement.query_map(params, record)?.collect()
        })
        .during("exporting knowledge")?;
    let (mut items, mut bytes, mut last) = (Vec::new(), 0, 0);
    for (n, parts, mut record) in rows {
        if items.len() == limit as usize || bytes > EXPORT_BYTES_MAX {
            let next = Some(Position(last));
            return Ok(Page { items, next });
        }
        if let (Some(_), Some(id)) = (parts, &record.id) {
            record.content = whole(conn, id).during("reading a document")?;
        }
        bytes += record.content.len();
        last = n;
        items.push(record);
    }
    Ok(Page { items, next: None })
}

/// All of a document's text.
fn whole(conn: &Connection, document: &str) -> rusqlite::Result<String> {
    let mut statement = conn.prepare_cached(
        "SELECT content, coalesce(overlap, 0) FROM knowledge WHERE id = ?1 OR document = ?1 ORDER BY part",
    )?;
    let chunks: Vec<(String, u32)> = statement
        .query_map([document], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(chunk::join(
        chunks
            .iter()
            .map(|(text, overlap)| (text.as_str(), *overlap)),
    ))
}

/// A row of [`RECORD`].
fn record(row: &Row<'_>) -> rusqlite::Result<(i64, Option<u32>, KnowledgeRecord)> {
    let instant =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    let record = KnowledgeRecord {
        id: Some(row.get(1)?),
        external_id: row.get(2)?,
        content: row.get(3)?,
        chunk_bytes: row.get(4)?,
        metadata: Some(Json::from_stored(row.get::<_, String>(5)?)),
        tags: json(row, 6)?,
        source: row.get(7)?,
        visibility: visibility(row, 8)?,
        customer: optional(row, 9)?,
        user: optional(row, 10)?,
        writer: Some(row.get(11)?),
        turn: optional(row, 12)?,
        derived_from: json(row, 13)?,
        created: instant(14)?,
        updated: instant(15)?,
        expires: instant(16)?,
        valid_from: instant(17)?,
        valid_until: instant(18)?,
        superseded_by: row.get(19)?,
    };
    Ok((row.get(0)?, row.get(20)?, record))
}
