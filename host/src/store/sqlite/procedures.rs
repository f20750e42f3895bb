//! Procedural memory in a tenant's database.
//!
//! Invariant: a version is written once, under the number after the latest, and never changed. Triggers
//! are indexed for current versions only, and replaced together with them.

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::identity::TenantScope;
use crate::memory::embed::{Embedding, embed, words as words_of};
use crate::memory::{Procedure, ProcedureKind, ProcedureStore, ProcedureWrite};

use super::SqliteStore;
use super::columns::{json, parsed};
use super::rows::{Sql as _, to_json};
use super::words;

/// Triggers that are scored for one situation: those that share the rarest words with it. Scoring one
/// takes some microseconds.
const CANDIDATES_MAX: u32 = 256;

/// The columns of [`procedure`], in its order.
const COLUMNS: &str = "name, version, kind, body, triggers, metadata, writer, created_ms";

#[async_trait]
impl ProcedureStore for SqliteStore {
    async fn get(
        &self,
        scope: &TenantScope,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Procedure>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| get(conn, name, version)).await
    }

    async fn latest(&self, scope: &TenantScope, name: &str) -> Result<u32> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| latest(conn, name)).await
    }

    async fn matching(
        &self,
        scope: &TenantScope,
        situation: &str,
        limit: u32,
    ) -> Result<Vec<(Procedure, f64)>> {
        let tenant = self.tenant(scope).await?;
        let situation = situation.to_owned();
        tenant
            .scan(move |conn| matching(conn, &situation, limit))
            .await
    }
}

/// This version, or the current one.
fn get(conn: &Connection, name: &str, version: Option<u32>) -> Result<Option<Procedure>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM procedures WHERE name = ?1 AND (?2 IS NULL OR version = ?2)
         ORDER BY version DESC LIMIT 1"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            statement
                .query_row(params![name, version], procedure)
                .optional()
        })
        .during("reading a procedure")
}

/// The number of the latest version; 0 without one.
fn latest(conn: &Connection, name: &str) -> Result<u32> {
    conn.prepare_cached("SELECT coalesce(max(version), 0) FROM procedures WHERE name = ?1")
        .and_then(|mut statement| statement.query_row([name], |row| row.get(0)))
        .during("reading a procedure's version")
}

/// Whether the latest version is the one that was read.
pub(super) fn unchanged(conn: &Connection, name: &str, version: u32) -> Result<bool> {
    Ok(latest(conn, name)? == version)
}

/// Keep a version and make it current.
///
/// # Errors
/// `Conflict` if its number is not the next one.
pub(super) fn apply_put(conn: &Connection, write: &ProcedureWrite) -> Result<()> {
    let latest = latest(conn, &write.name)?;
    if write.version != latest.saturating_add(1) {
        return Err(Error::conflict(
            "procedure",
            format!(
                "`{}` is at version {latest}, {} does not follow",
                write.name, write.version
            ),
        ));
    }
    let triggers = to_json(&write.triggers)?;
    insert(conn, write, &triggers).during("writing a procedure")
}

fn insert(conn: &Connection, write: &ProcedureWrite, triggers: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO procedures (name, version, kind, body, triggers, metadata, writer, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        &*write.name,
        write.version,
        write.kind.as_str(),
        &*write.body,
        triggers,
        write.metadata.as_str(),
        write.writer.as_str(),
        write.now.0,
    ])?;
    conn.prepare_cached("DELETE FROM procedure_triggers WHERE name = ?1")?
        .execute([&*write.name])?;
    for trigger in &write.triggers {
        conn.prepare_cached("INSERT INTO procedure_triggers (name, text) VALUES (?1, ?2)")?
            .execute([&*write.name, trigger])?;
        let n = conn.last_insert_rowid();
        conn.prepare_cached("INSERT INTO procedure_words (rowid, text) VALUES (?1, ?2)")?
            .execute(params![n, trigger])?;
    }
    Ok(())
}

/// Current procedures whose triggers fit, the best first, each with its best trigger's score.
///
/// A trigger fits if it shares a word with the situation, word forms of English included. Its score is the
/// mean of two shares: how many of the trigger's words the situation has, and how alike the two are as
/// vectors. The first is 1 when all that the trigger asks for is there, whatever else the situation says.
fn matching(conn: &Connection, situation: &str, limit: u32) -> Result<Vec<(Procedure, f64)>> {
    let Some(expression) = words::any_of(situation) else {
        return Ok(Vec::new());
    };
    let triggers = candidates(conn, &expression).during("matching procedures")?;
    let situation = Situation::of(situation);
    let mut best: HashMap<String, f64> = HashMap::new();
    for (name, trigger) in triggers {
        let score = situation.score(&trigger);
        let entry = best.entry(name).or_insert(score);
        *entry = entry.max(score);
    }
    let mut best: Vec<(String, f64)> = best.into_iter().collect();
    best.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    best.truncate(limit as usize);
    best.into_iter()
        .filter_map(|(name, score)| {
            let procedure = get(conn, &name, None).transpose()?;
            Some(procedure.map(|procedure| (procedure, score)))
        })
        .collect()
}

fn candidates(conn: &Connection, expression: &str) -> rusqlite::Result<Vec<(String, String)>> {
    conn.prepare_cached(
        "SELECT t.name, t.text FROM procedure_words CROSS JOIN procedure_triggers t ON t.n = procedure_words.rowid
         WHERE procedure_words MATCH ?1 ORDER BY bm25(procedure_words), t.n LIMIT ?2",
    )?
    .query_map(params![expression, CANDIDATES_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?
    .collect()
}

/// A situation, ready to be compared.
struct Situation {
    words: Vec<String>,
    vector: Embedding,
}

impl Situation {
    fn of(text: &str) -> Self {
        Self {
            words: words_of(text).collect(),
            vector: embed(text),
        }
    }

    fn score(&self, trigger: &str) -> f64 {
        let (mut all, mut here) = (0_u32, 0_u32);
        for word in words_of(trigger) {
            all += 1;
            here += u32::from(self.words.iter().any(|other| same_word(&word, other)));
        }
        let share = f64::from(here) / f64::from(all.max(1));
        let likeness = f64::from(self.vector.cosine(&embed(trigger))).clamp(0.0, 1.0);
        f64::midpoint(share, likeness)
    }
}

/// Whether two words are the same but for an ending: `refund` and `refunding`.
fn same_word(a: &str, b: &str) -> bool {
    const STEM_BYTES_MIN: usize = 4;
    const ENDING_BYTES_MAX: usize = 3;
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short == long
        || (short.len() >= STEM_BYTES_MIN
            && long.len() - short.len() <= ENDING_BYTES_MAX
            && long.starts_with(short))
}

/// A row of [`COLUMNS`].
fn procedure(row: &Row<'_>) -> rusqlite::Result<Procedure> {
    Ok(Procedure {
        name: row.get(0)?,
        version: row.get(1)?,
        kind: match row.get_ref(2)?.as_str()? {
            "prompt" => ProcedureKind::Prompt,
            "skill" => ProcedureKind::Skill,
            _ => ProcedureKind::Rule,
        },
        body: row.get(3)?,
        triggers: json(row, 4)?,
        metadata: Json::from_stored(row.get::<_, String>(5)?),
        writer: parsed(row, 6)?,
        created: Timestamp(row.get(7)?),
    })
}
