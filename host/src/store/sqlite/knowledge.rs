//! Semantic memory in a tenant's database: entries, who may replace them, and single reads.
//!
//! # Which entry a write replaces
//!
//! The owner of an entry is the customer and user it was written for (see [`super::visibility`]).
//!
//! - With an external id: the owner's own entry of that id, whatever its visibility was, so that making an
//!   entry private takes the public one away. If the write is to be seen by others and another owner's
//!   entry of that id is in the same domain, the write is refused: that entry is there for all to see and
//!   only its owner may replace it.
//! - Without: the owner's own entry without an external id whose content has the same hash. Equal text is
//!   never an error: another owner's equal text is another entry.
//!
//! So whether a write works depends on nothing but the owner's own entries and on what the owner sees:
//! nobody can overwrite another's private entry, nor learn from a refusal that there is one. Unique
//! indexes on (owner, external id), (owner, content) and (domain, external id) hold it against every bug
//! above them. An expired entry is absent: it refuses nothing and a write removes it first.
//!
//! Versions of an id are never used twice, by the same counter as in [`super::working`].
//!
//! # Documents
//!
//! A document is a row for each chunk. The first chunk's row is the document: it has its id, its external
//! id and the hash of all of its text, so that the rules above are the same for documents. The others name
//! it, have an id made from its, and hash their place, so that no two chunks are ever equal text. They
//! come and go with the first one.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::events::Page;
use crate::identity::TenantScope;
use crate::memory::{
    Found, KnowledgeFilter, KnowledgeItem, KnowledgeQuery, KnowledgeStore, KnowledgeWrite, PageOf,
    Part, Provenance, Validity, Visibility,
};

use super::SqliteStore;
use super::columns::{json, optional};
use super::rows::Sql as _;
use super::visibility::{domain, domains_seen, owner};

#[cfg(test)]
mod consistency;
mod keep;
mod list;
mod search;
#[cfg(test)]
mod tests;
mod write;

pub(super) use write::{apply_forget, apply_put, in_the_way};

/// The columns of [`item`], in its order.
const COLUMNS: &str = "k.id, \
    CASE WHEN k.document IS NULL THEN k.external_id \
         ELSE (SELECT d.external_id FROM knowledge d WHERE d.id = k.document) END, \
    k.content, k.metadata, k.tags, k.source, k.visibility, k.customer, k.user, k.writer, k.created_ms, \
    k.updated_ms, k.version, k.turn, k.derived_from, k.valid_from_ms, k.valid_until_ms, \
    k.superseded_by, coalesce(k.document, k.id), k.part, k.parts";

#[async_trait]
impl KnowledgeStore for SqliteStore {
    async fn get(
        &self,
        scope: &TenantScope,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<KnowledgeItem>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| get(conn, scope, id, now)).await
    }

    async fn existing(
        &self,
        scope: &TenantScope,
        write: &KnowledgeWrite,
    ) -> Result<Option<KnowledgeItem>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| existing(conn, write, write.now)).await
    }

    async fn search(
        &self,
        scope: &TenantScope,
        query: &KnowledgeQuery,
        now: Timestamp,
    ) -> Result<Found> {
        // Before the scan: an embedder that is slow must not hold a place among a tenant's scans.
        let question = self.vectoring.question(query).await;
        let tenant = self.tenant(scope).await?;
        let (scope, query) = (scope.clone(), query.clone());
        let index = Arc::clone(tenant.vectors());
        tenant
            .scan(move |conn| search::search(conn, &index, &scope, (&query, question), now))
            .await
    }

    async fn list(
        &self,
        scope: &TenantScope,
        filter: &KnowledgeFilter,
        page: PageOf,
        now: Timestamp,
    ) -> Result<Page<KnowledgeItem>> {
        let tenant = self.tenant(scope).await?;
        let (scope, filter) = (scope.clone(), filter.clone());
        tenant
            .scan(move |conn| list::list(conn, &scope, &filter, page, now))
            .await
    }
}

/// The entry of this id, if the scope sees it.
fn get(
    conn: &Connection,
    scope: &TenantScope,
    id: &str,
    now: Timestamp,
) -> Result<Option<KnowledgeItem>> {
    let [private, customer, tenant] = domains_seen(scope);
    let sql = format!(
        "SELECT {COLUMNS} FROM knowledge k
         WHERE k.id = ?1 AND k.domain IN (?2, ?3, ?4) AND (k.expires_ms IS NULL OR k.expires_ms > ?5)"
    );
    one(conn, &sql, params![id, private, customer, tenant, now.0])
}

/// Whether an entry is as a scope read it; version 0 means that it saw none.
pub(super) fn unchanged(
    conn: &Connection,
    scope: &TenantScope,
    id: &str,
    version: u64,
    now: Timestamp,
) -> Result<bool> {
    let found = get(conn, scope, id, now)?;
    Ok(found.map_or(0, |item| item.version) == version)
}

/// The entry that a write would replace, or be refused because of.
fn existing(
    conn: &Connection,
    write: &KnowledgeWrite,
    now: Timestamp,
) -> Result<Option<KnowledgeItem>> {
    let own = Own::of(write);
    let (rows, params) = own.in_the_way();
    let sql = existing_sql(rows);
    let params: [&dyn ToSql; 4] = [params[0], params[1], params[2], &now.0];
    one(conn, &sql, &params)
}

fn existing_sql(rows: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM knowledge k
         WHERE k.n IN ({rows}) AND (k.expires_ms IS NULL OR k.expires_ms > ?4)
         ORDER BY k.owner = ?1 LIMIT 1"
    )
}

/// What decides which entry a write replaces.
struct Own<'a> {
    owner: String,
    domain: String,
    external_id: Option<&'a str>,
    content_hash: [u8; 32],
}

impl<'a> Own<'a> {
    fn of(write: &'a KnowledgeWrite) -> Self {
        let (customer, user) = (write.customer.as_ref(), write.user.as_ref());
        Self {
            owner: owner(customer, user),
            domain: domain(write.visibility, customer, user),
            external_id: write.external_id.as_deref(),
            content_hash: *blake3::hash(write.content.as_bytes()).as_bytes(),
        }
    }

    /// The rows that a write meets: the question for their numbers, and its parameters 1 to 3.
    fn in_the_way(&self) -> (&'static str, [&dyn ToSql; 3]) {
        match &self.external_id {
            // Two questions of one index each: as one with `OR` it goes through all rows of the domain.
            Some(id) => (
                "SELECT n FROM knowledge WHERE owner = ?1 AND external_id = ?2
                 UNION ALL SELECT n FROM knowledge WHERE domain = ?3 AND external_id = ?2",
                [&self.owner, id, &self.domain],
            ),
            None => (
                "SELECT n FROM knowledge
                 WHERE owner = ?1 AND content_hash = ?2 AND external_id IS NULL AND ?3 IS NOT NULL",
                [&self.owner, &self.content_hash, &self.domain],
            ),
        }
    }
}

fn one(conn: &Connection, sql: &str, params: &[&dyn ToSql]) -> Result<Option<KnowledgeItem>> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params, item).optional())
        .during("reading knowledge")
}

/// A row of [`COLUMNS`].
fn item(row: &Row<'_>) -> rusqlite::Result<KnowledgeItem> {
    let instant =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    let part = match row.get::<_, Option<u32>>(19)? {
        None => None,
        Some(number) => Some(Part {
            document: row.get(18)?,
            number,
            of: row.get(20)?,
        }),
    };
    Ok(KnowledgeItem {
        id: row.get(0)?,
        external_id: row.get(1)?,
        content: row.get(2)?,
        metadata: Json::from_stored(row.get::<_, String>(3)?),
        tags: json(row, 4)?,
        source: row.get(5)?,
        visibility: visibility(row, 6)?,
        owner: (optional(row, 7)?, optional(row, 8)?),
        created: Timestamp(row.get(10)?),
        updated: Timestamp(row.get(11)?),
        version: row.get::<_, i64>(12)? as u64,
        provenance: Provenance {
            writer: row.get(9)?,
            turn: optional(row, 13)?,
            derived_from: json(row, 14)?,
        },
        valid: Validity {
            from: instant(15)?,
            until: instant(16)?,
        },
        superseded_by: row.get(17)?,
        part,
    })
}

fn visibility(row: &Row<'_>, column: usize) -> rusqlite::Result<Visibility> {
    Ok(match row.get_ref(column)?.as_str()? {
        "tenant" => Visibility::Tenant,
        "customer" => Visibility::Customer,
        _ => Visibility::Private,
    })
}
