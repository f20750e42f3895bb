//! Vectors of knowledge as rows: which entries have one, which still wait for theirs, and the question's.
//!
//! Invariant: an entry has a vector of the host's embedder, made of the text it has now, or it is in
//! `knowledge_unembedded`. Opening a tenant makes that so for another embedder than last time's, every
//! write keeps it, and a trigger takes the vector of a text that is no more. So what is still to be done
//! survives any death of the host and nothing of it is in memory. Equal text is embedded once: a vector
//! belongs to a text, and an entry that gets the text of another one gets its vector with it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::{Notify, Semaphore};

use super::SqliteStore;
use super::rows::{Sql as _, to_u64};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::identity::TenantScope;
use crate::memory::embed::{
    Embedded, Embedder, Embedding, EmbeddingState, EmbeddingStore, Timing, Unembedded, unavailable,
};
use crate::memory::{KnowledgeQuery, KnowledgeWrite, SearchMode};

mod settle;

pub(super) use settle::settle;

/// Most questions that wait for a deferred embedder at once, as each holds a thread. One past it is
/// answered by words alone, which is what it would get from an embedder that is slow.
const QUESTIONS_MAX: usize = 32;
/// Rows looked at for each text that is asked for: copies of one text are passed over up to here.
const COPIES_MAX: usize = 8;

/// What the store does with the host's embedder.
pub(super) struct Vectoring {
    embedder: Arc<dyn Embedder>,
    questions: Arc<Semaphore>,
    /// Bounded by the number of tenants.
    deferred: Mutex<BTreeSet<TenantId>>,
    noted: Notify,
}

/// What a write brings for the vectors of its texts.
pub(super) struct Vectors {
    embedder: Arc<str>,
    /// One for each text; none if they are made later.
    made: Option<Vec<Embedding>>,
}

/// The vector of what is searched for.
pub(super) struct Question {
    /// Whose vectors it may be compared with.
    pub(super) embedder: Arc<str>,
    /// It, or why there is none. Searches by words alone have one of nothing.
    pub(super) vector: Result<Embedding>,
}

impl Vectoring {
    pub(super) fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self {
            embedder,
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            deferred: Mutex::default(),
            noted: Notify::new(),
        }
    }

    /// The vectors of an entry's texts if they are to be made now: before the transaction, as a long text
    /// takes a millisecond.
    pub(super) fn vectors_of(&self, write: &KnowledgeWrite) -> Vectors {
        let texts: Vec<&str> = write.texts().map(|text| &**text).collect();
        let batches = texts.chunks(self.embedder.batch_max().max(1));
        let made = match self.embedder.timing() {
            Timing::Immediate => batches
                .map(|batch| self.embedder.embed(batch).ok())
                .collect::<Option<Vec<_>>>()
                .map(|made| made.concat()),
            Timing::Deferred => None,
        };
        Vectors {
            embedder: Arc::clone(self.embedder.name()),
            made,
        }
    }

    /// The vector that a search needs.
    pub(super) async fn question(&self, query: &KnowledgeQuery) -> Question {
        let vector = match (query.mode, self.embedder.timing()) {
            (SearchMode::Keyword, _) => Ok(Embedding::default()),
            (_, Timing::Immediate) => self.embedder.embed_question(&query.text),
            (_, Timing::Deferred) => self.ask(query.text.clone()).await,
        };
        Question {
            embedder: Arc::clone(self.embedder.name()),
            vector,
        }
    }

    async fn ask(&self, text: String) -> Result<Embedding> {
        let Ok(place) = Arc::clone(&self.questions).try_acquire_owned() else {
            return Err(unavailable(format!(
                "{QUESTIONS_MAX} searches wait for it already"
            )));
        };
        let embedder = Arc::clone(&self.embedder);
        tokio::task::spawn_blocking(move || {
            let _held = place;
            embedder.embed_question(&text)
        })
        .await
        .map_err(|e| Error::internal("embedding a question", e))?
    }

    /// Entries of this tenant were left for later.
    pub(super) fn note_deferred(&self, tenant: TenantId) {
        self.deferred.lock().insert(tenant);
        self.noted.notify_one();
    }
}

impl Vectors {
    /// Whether they are to be made later.
    pub(super) fn are_deferred(&self) -> bool {
        self.made.is_none()
    }

    /// Keep that of the entry's text of this number for row `n`, where the text was written in this
    /// transaction.
    pub(super) fn keep(
        &self,
        conn: &Connection,
        n: i64,
        number: usize,
        text_hash: &[u8; 32],
    ) -> rusqlite::Result<()> {
        let there = match self.made.as_ref().and_then(|made| made.get(number)) {
            Some(vector) => {
                put(conn, n, &self.embedder, &vector.to_bytes())?;
                true
            }
            None => copy_of_equal(conn, n, text_hash, &self.embedder)?,
        };
        let sql = if there {
            "DELETE FROM knowledge_unembedded WHERE n = ?1"
        } else {
            "INSERT OR REPLACE INTO knowledge_unembedded (n) VALUES (?1)"
        };
        conn.prepare_cached(sql)?.execute([n])?;
        Ok(())
    }
}

fn put(conn: &Connection, n: i64, embedder: &str, vector: &[u8]) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO knowledge_vectors (n, embedder, vector) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![n, embedder, vector])?;
    Ok(())
}

/// Give an entry the vector that its text has already, be it its own; says whether there is one.
fn copy_of_equal(
    conn: &Connection,
    n: i64,
    text_hash: &[u8; 32],
    embedder: &str,
) -> rusqlite::Result<bool> {
    let found: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT v.vector FROM knowledge k JOIN knowledge_vectors v ON v.n = k.n
             WHERE k.text_hash = ?1 AND v.embedder = ?2 LIMIT 1",
        )?
        .query_row(params![text_hash, embedder], |row| row.get(0))
        .optional()?;
    if let Some(vector) = &found {
        put(conn, n, embedder, vector)?;
    }
    Ok(found.is_some())
}

/// Whether some entries of the tenant have no vector yet.
pub(super) fn is_behind(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM knowledge_unembedded)")?
        .query_row([], |row| row.get(0))
}

#[async_trait]
impl EmbeddingStore for SqliteStore {
    async fn unembedded(
        &self,
        scope: &TenantScope,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Unembedded>> {
        let now = self.clock.now();
        let tenant = self.tenant(scope).await?;
        tenant
            .scan(move |conn| unembedded(conn, limit, bytes, now).during("looking for texts"))
            .await
    }

    async fn keep_embedded(
        &self,
        scope: &TenantScope,
        made: Vec<([u8; 32], Embedded)>,
    ) -> Result<EmbeddingState> {
        let embedder = Arc::clone(self.vectoring.embedder.name());
        let now = self.clock.now();
        let tenant = self.tenant(scope).await?;
        tenant
            .write(move |tx| {
                for (text_hash, embedded) in &made {
                    keep_embedded(tx.conn(), &embedder, text_hash, embedded)
                        .during("keeping vectors")?;
                }
                state(tx.conn(), now).during("counting vectors")
            })
            .await
    }

    async fn embedding_state(&self, scope: &TenantScope) -> Result<EmbeddingState> {
        let now = self.clock.now();
        let tenant = self.tenant(scope).await?;
        tenant
            .scan(move |conn| state(conn, now).during("counting vectors"))
            .await
    }

    fn deferred_tenants(&self) -> Vec<TenantId> {
        std::mem::take(&mut *self.vectoring.deferred.lock())
            .into_iter()
            .collect()
    }

    async fn deferred(&self) {
        self.vectoring.noted.notified().await;
    }
}

/// An entry that has expired is absent: its text goes nowhere any more.
const WAITING: &str = "FROM knowledge_unembedded u JOIN knowledge k ON k.n = u.n
     WHERE u.refused IS NULL AND (k.expires_ms IS NULL OR k.expires_ms > ?1)";

fn unembedded(
    conn: &Connection,
    limit: usize,
    bytes: usize,
    now: Timestamp,
) -> rusqlite::Result<Vec<Unembedded>> {
    let sql = format!("SELECT k.text_hash, k.content {WAITING} ORDER BY u.n LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = limit.saturating_mul(COPIES_MAX) as u64;
    let mut rows = statement.query(params![now.0, rows.min(i64::MAX as u64) as i64])?;
    let (mut seen, mut texts, mut total) = (HashSet::new(), Vec::new(), 0);
    while texts.len() < limit
        && total < bytes
        && let Some(row) = rows.next()?
    {
        let text_hash: [u8; 32] = row.get(0)?;
        if seen.insert(text_hash) {
            let content: Arc<str> = row.get(1)?;
            total += content.len();
            texts.push(Unembedded { text_hash, content });
        }
    }
    Ok(texts)
}

fn keep_embedded(
    conn: &Connection,
    embedder: &str,
    text_hash: &[u8; 32],
    made: &Embedded,
) -> rusqlite::Result<()> {
    match made {
        Embedded::Vector(vector) => {
            conn.prepare_cached(
                "INSERT OR REPLACE INTO knowledge_vectors (n, embedder, vector)
                 SELECT k.n, ?2, ?3 FROM knowledge k JOIN knowledge_unembedded u ON u.n = k.n
                 WHERE k.text_hash = ?1",
            )?
            .execute(params![text_hash, embedder, vector.to_bytes()])?;
            conn.prepare_cached(
                "DELETE FROM knowledge_unembedded
                 WHERE n IN (SELECT n FROM knowledge WHERE text_hash = ?1)",
            )?
            .execute([text_hash])?;
        }
        Embedded::Refused(reason) => {
            conn.prepare_cached(
                "UPDATE knowledge_unembedded SET refused = ?2
                 WHERE n IN (SELECT n FROM knowledge WHERE text_hash = ?1)",
            )?
            .execute(params![text_hash, reason])?;
        }
    }
    Ok(())
}

fn state(conn: &Connection, now: Timestamp) -> rusqlite::Result<EmbeddingState> {
    let waiting = conn
        .prepare_cached(&format!("SELECT count(*) {WAITING}"))?
        .query_row([now.0], |row| row.get(0))?;
    let refused = conn
        .prepare_cached("SELECT count(*) FROM knowledge_unembedded WHERE refused IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(EmbeddingState {
        waiting: to_u64(waiting),
        refused: to_u64(refused),
    })
}

#[cfg(test)]
mod tests;
