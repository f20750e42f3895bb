//! Procedural memory in a tenant's database.
//!
//! Invariant: a version is written once, under the number after the latest, and never changed. Which one
//! is current is the last of the name's history. Triggers are indexed for current versions only, and
//! replaced when another becomes current.

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::identity::TenantScope;
use crate::memory::embed::{Embedding, OFFLINE_NAME, embed, words as words_of};
use crate::memory::{
    LIST_LIMIT_MAX, PROCEDURE_TRIGGERS_MAX, Procedure, ProcedureKeeper, ProcedureKind,
    ProcedureState, ProcedureStore, ProcedureWrite,
};

use super::SqliteStore;
use super::columns::json;
use super::rows::{Sql as _, to_json, to_u64};
use super::words;

/// Triggers that are scored for one situation: those that share the rarest words with it. Scoring one
/// takes some microseconds.
const CANDIDATES_MAX: u32 = 256;

/// Cosines up to here are the embedder's collisions, see [`super::knowledge`]; half as much again, as a
/// trigger is a phrase and a procedure that does not fit does harm. Three misspelt words of a phrase are
/// at 0.19 to it.
const ALIKE_COSINE_MIN: f32 = 0.15;
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

    async fn state(&self, scope: &TenantScope, name: &str) -> Result<ProcedureState> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| state(conn, name)).await
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Procedure>> {
        let limit = limit.clamp(1, LIST_LIMIT_MAX);
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| list(conn, after, limit)).await
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

#[async_trait]
impl ProcedureKeeper for SqliteStore {
    async fn put(&self, scope: &TenantScope, write: ProcedureWrite) -> Result<Procedure> {
        let tenant = self.tenant(scope).await?;
        tenant
            .write(move |tx| {
                let latest = state(tx.conn(), &write.name)?.latest;
                let write = ProcedureWrite {
                    version: latest.saturating_add(1),
                    ..write
                };
                apply_put(tx.conn(), &write)?;
                current(tx.conn(), &write.name)
            })
            .await
    }

    async fn activate(&self, scope: &TenantScope, name: &str, version: u32) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        let name = name.to_owned();
        tenant
            .write(move |tx| {
                if get(tx.conn(), &name, Some(version))?.is_none() {
                    let shown = format!("{name}, version {version}");
                    return Err(Error::not_found("procedure", shown));
                }
                if state(tx.conn(), &name)?.current() == version {
                    return Ok(());
                }
                apply_activate(tx.conn(), &name, version)
            })
            .await
    }

    async fn roll_back(&self, scope: &TenantScope, name: &str) -> Result<Procedure> {
        let tenant = self.tenant(scope).await?;
        let name = name.to_owned();
        tenant
            .write(move |tx| {
                current(tx.conn(), &name)?;
                apply_roll_back(tx.conn(), &name)?;
                current(tx.conn(), &name)
            })
            .await
    }
}

fn current(conn: &Connection, name: &str) -> Result<Procedure> {
    get(conn, name, None)?.ok_or_else(|| Error::not_found("procedure", name))
}

/// The number of the current version, in SQL.
const CURRENT: &str =
    "(SELECT version FROM procedure_history h WHERE h.name = p.name ORDER BY step DESC LIMIT 1)";

/// This version, or the current one.
fn get(conn: &Connection, name: &str, version: Option<u32>) -> Result<Option<Procedure>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM procedures p WHERE name = ?1 AND version = coalesce(?2, {CURRENT})"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            statement
                .query_row(params![name, version], procedure)
                .optional()
        })
        .during("reading a procedure")
}

/// Current versions by name.
fn list(conn: &Connection, after: Option<&str>, limit: u32) -> Result<Vec<Procedure>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM procedures p
         WHERE (?1 IS NULL OR name > ?1) AND version = {CURRENT} ORDER BY name LIMIT ?2"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            statement
                .query_map(params![after, limit], procedure)?
                .collect()
        })
        .during("listing procedures")
}

/// Its versions, and which one is current.
fn state(conn: &Connection, name: &str) -> Result<ProcedureState> {
    read_state(conn, name).during("reading a procedure's versions")
}

fn read_state(conn: &Connection, name: &str) -> rusqlite::Result<ProcedureState> {
    let latest = conn
        .prepare_cached("SELECT coalesce(max(version), 0) FROM procedures WHERE name = ?1")?
        .query_row([name], |row| row.get(0))?;
    let history = conn
        .prepare_cached("SELECT version FROM procedure_history WHERE name = ?1 ORDER BY step")?
        .query_map([name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(ProcedureState {
        latest,
        history,
        changes: changes(conn, name)?,
    })
}

fn changes(conn: &Connection, name: &str) -> rusqlite::Result<u64> {
    let changes: Option<i64> = conn
        .prepare_cached("SELECT changes FROM procedure_changes WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(to_u64(changes.unwrap_or(0)))
}

/// Whether nothing of a procedure has changed since it had changed so often.
pub(super) fn unchanged(conn: &Connection, name: &str, seen: u64) -> Result<bool> {
    let now = changes(conn, name).during("checking a procedure")?;
    Ok(now == seen)
}

/// Keep a version and make it current.
///
/// # Errors
/// `Conflict` if its number is not the next one, `Exhausted` past [`PROCEDURE_TRIGGERS_MAX`].
pub(super) fn apply_put(conn: &Connection, write: &ProcedureWrite) -> Result<()> {
    let mut state = state(conn, &write.name)?;
    if write.version != state.latest.saturating_add(1) {
        return Err(Error::conflict(
            "procedure",
            format!(
                "`{}` is at version {}, {} does not follow",
                write.name, state.latest, write.version
            ),
        ));
    }
    let triggers = to_json(&write.triggers)?;
    insert(conn, write, &triggers).during("writing a procedure")?;
    state.activate(write.version);
    make_current(conn, &write.name, &state)
}

/// Make a version current.
///
/// # Errors
/// `Conflict` if there is no such version.
pub(super) fn apply_activate(conn: &Connection, name: &str, version: u32) -> Result<()> {
    let mut state = state(conn, name)?;
    if version == 0 || version > state.latest {
        return Err(Error::conflict(
            "procedure",
            format!("`{name}` has no version {version}"),
        ));
    }
    state.activate(version);
    make_current(conn, name, &state)
}

/// Make the version current that was before.
///
/// # Errors
/// `Conflict` if there was none.
pub(super) fn apply_roll_back(conn: &Connection, name: &str) -> Result<()> {
    let mut state = state(conn, name)?;
    state.roll_back(name)?;
    make_current(conn, name, &state)
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
        &*write.writer,
        write.now.0,
    ])?;
    Ok(())
}

/// Keep which version is current and which were, and have the current one found by its triggers.
fn make_current(conn: &Connection, name: &str, state: &ProcedureState) -> Result<()> {
    let current = get(conn, name, Some(state.current()))?
        .ok_or_else(|| Error::internal("activating a procedure", "its version is gone"))?;
    write_history(conn, name, state)
        .and_then(|()| index_triggers(conn, &current))
        .during("activating a procedure")?;
    let triggers: i64 = conn
        .prepare_cached("SELECT value FROM memory_counters WHERE name = 'procedure_triggers'")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .during("counting triggers")?;
    if to_u64(triggers) > PROCEDURE_TRIGGERS_MAX {
        return Err(Error::Exhausted {
            limit: "procedure_triggers_max",
            unit: "triggers",
            max: PROCEDURE_TRIGGERS_MAX,
        });
    }
    Ok(())
}

fn write_history(conn: &Connection, name: &str, state: &ProcedureState) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM procedure_history WHERE name = ?1")?
        .execute([name])?;
    let mut statement = conn.prepare_cached(
        "INSERT INTO procedure_history (name, step, version) VALUES (?1, ?2, ?3)",
    )?;
    for (step, version) in (0_u32..).zip(&state.history) {
        statement.execute(params![name, step, version])?;
    }
    conn.prepare_cached(
        "INSERT INTO procedure_changes (name, changes) VALUES (?1, 1)
         ON CONFLICT (name) DO UPDATE SET changes = changes + 1",
    )?
    .execute([name])?;
    Ok(())
}

fn index_triggers(conn: &Connection, current: &Procedure) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM procedure_triggers WHERE name = ?1")?
        .execute([&*current.name])?;
    for trigger in &current.triggers {
        conn.prepare_cached(
            "INSERT INTO procedure_triggers (name, text, vector, embedder) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            &*current.name,
            trigger,
            embed(trigger).to_bytes(),
            OFFLINE_NAME
        ])?;
        let n = conn.last_insert_rowid();
        conn.prepare_cached("INSERT INTO procedure_words (rowid, text) VALUES (?1, ?2)")?
            .execute(params![n, trigger])?;
    }
    Ok(())
}

/// Current procedures whose triggers fit, the best first, each with its best trigger's score.
///
/// A trigger fits if it shares a word with the situation, word forms of English included, or if the two
/// are alike as vectors, so that a misspelt situation finds it too. Its score is the mean of two shares:
/// how many of the trigger's words the situation has, and how alike the two are as vectors. The first is 1
/// when all that the trigger asks for is there, whatever else the situation says.
fn matching(conn: &Connection, situation: &str, limit: u32) -> Result<Vec<(Procedure, f64)>> {
    let Some(expression) = words::any_of(situation) else {
        return Ok(Vec::new());
    };
    let situation = Situation::of(situation);
    let mut triggers = by_words(conn, &expression).during("matching procedures by words")?;
    triggers.extend(by_vector(conn, &situation).during("matching procedures by vectors")?);
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

fn by_words(conn: &Connection, expression: &str) -> rusqlite::Result<Vec<(String, String)>> {
    conn.prepare_cached(
        "SELECT t.name, t.text FROM procedure_words CROSS JOIN procedure_triggers t ON t.n = procedure_words.rowid
         WHERE procedure_words MATCH ?1 ORDER BY bm25(procedure_words), t.n LIMIT ?2",
    )?
    .query_map(params![expression, CANDIDATES_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?
    .collect()
}

/// Triggers that are alike enough to be no accident, the most alike first.
fn by_vector(conn: &Connection, situation: &Situation) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = conn.prepare_cached(
        "SELECT name, text, vector FROM procedure_triggers WHERE embedder = ?1 ORDER BY n LIMIT ?2",
    )?;
    let mut rows = statement.query(params![OFFLINE_NAME, PROCEDURE_TRIGGERS_MAX as i64])?;
    let mut found: Vec<(f32, (String, String))> = Vec::new();
    while let Some(row) = rows.next()? {
        let cosine = situation.vector.cosine_to_bytes(row.get_ref(2)?.as_blob()?);
        if let Some(cosine) = cosine.filter(|cosine| *cosine > ALIKE_COSINE_MIN) {
            found.push((cosine, (row.get(0)?, row.get(1)?)));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(CANDIDATES_MAX as usize);
    Ok(found.into_iter().map(|(_, trigger)| trigger).collect())
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
        writer: row.get(6)?,
        created: Timestamp(row.get(7)?),
    })
}
