//! Working memory in a tenant's database.
//!
//! Invariant: a version of a key is never used twice, although deleted keys leave no row. A key that is
//! there has a version above all its former ones; one that is not never had a version above the
//! counter `working_floor`, because the trigger on deletes raises the floor to the version that goes.
//! A write of a key that is there takes its version plus one, of one that is not the floor plus one:
//! above all former ones either way. So the hot path, writing a key that is there, touches one row.
//!
//! An entry past its time reads as absent from that instant on, and its row goes when another entry with
//! a time is written: each such write sweeps more rows than it adds.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::identity::TenantScope;
use crate::memory::{KeyRange, WorkingEntry, WorkingKey, WorkingSpace, WorkingStore};

use super::SqliteStore;
use super::rows::Sql as _;

mod cache;
mod keep;
#[cfg(test)]
mod tests;

pub(super) use cache::{Cache, Change};

use cache::Found;

/// Expired rows that a write with a time to live removes: more than the one it may add, so that their
/// number shrinks, and few, so that a write's cost is bounded.
const SWEEP_ROWS_MAX: u32 = 4;

#[async_trait]
impl WorkingStore for SqliteStore {
    async fn get(
        &self,
        scope: &TenantScope,
        space: &WorkingSpace,
        key: &WorkingKey,
        now: Timestamp,
    ) -> Result<Option<WorkingEntry>> {
        let tenant = self.tenant(scope).await?;
        let place = (space.clone(), key.clone());
        let began = match tenant.working().get(&place, now) {
            Found::Known(entry) => return Ok(entry),
            Found::Unknown(began) => began,
        };
        let entry = tenant.read(|conn| get(conn, space, key, now)).await?;
        tenant.working().keep(place, entry.clone(), began);
        Ok(entry)
    }

    async fn keys(
        &self,
        scope: &TenantScope,
        range: &KeyRange,
        now: Timestamp,
    ) -> Result<Vec<(WorkingKey, u64)>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| keys(conn, range, now)).await
    }
}

/// The entry, unless it has expired.
fn get(
    conn: &Connection,
    space: &WorkingSpace,
    key: &WorkingKey,
    now: Timestamp,
) -> Result<Option<WorkingEntry>> {
    conn.prepare_cached(
        "SELECT value, version, expires_ms FROM working
         WHERE space = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)",
    )
    .and_then(|mut statement| {
        statement
            .query_row(params![space.to_string(), key.as_str(), now.0], |row| {
                Ok(WorkingEntry {
                    value: Json::from_stored(row.get::<_, String>(0)?),
                    version: row.get::<_, i64>(1)? as u64,
                    expires: row.get::<_, Option<i64>>(2)?.map(Timestamp),
                })
            })
            .optional()
    })
    .during("reading working memory")
}

/// The keys of a range, each with its version.
pub(super) fn keys(
    conn: &Connection,
    range: &KeyRange,
    now: Timestamp,
) -> Result<Vec<(WorkingKey, u64)>> {
    list(conn, range, now).during("listing working memory")
}

fn list(
    conn: &Connection,
    range: &KeyRange,
    now: Timestamp,
) -> rusqlite::Result<Vec<(WorkingKey, u64)>> {
    // Text compares by bytes. Where the prefix ends is seen here, row by row: there is no text that
    // comes right after all those that begin with it.
    let mut statement = conn.prepare_cached(
        "SELECT key, version, expires_ms FROM working
         WHERE space = ?1 AND key >= ?2 AND (?3 IS NULL OR key > ?3) ORDER BY key",
    )?;
    let from = match &range.after {
        Some(after) if *after > range.prefix => after,
        _ => &range.prefix,
    };
    let mut rows = statement.query(params![range.space.to_string(), from, range.after])?;
    let mut found = Vec::new();
    while found.len() < range.limit as usize
        && let Some(row) = rows.next()?
    {
        let key = row.get_ref(0)?.as_str()?;
        if !key.starts_with(&range.prefix) {
            break;
        }
        if row.get::<_, Option<i64>>(2)?.is_none_or(|at| at > now.0)
            && let Ok(key) = WorkingKey::new(key)
        {
            found.push((key, row.get::<_, i64>(1)? as u64));
        }
    }
    Ok(found)
}

/// Whether a key is as it was read; version 0 means that it was absent.
pub(super) fn unchanged(
    conn: &Connection,
    space: &WorkingSpace,
    key: &WorkingKey,
    version: u64,
    now: Timestamp,
) -> Result<bool> {
    let found: Option<i64> = conn
        .prepare_cached(
            "SELECT version FROM working
             WHERE space = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)",
        )
        .and_then(|mut statement| {
            statement
                .query_row(params![space.to_string(), key.as_str(), now.0], |row| {
                    row.get(0)
                })
                .optional()
        })
        .during("checking working memory")?;
    Ok(found.unwrap_or(0) as u64 == version)
}

/// Set a value, on behalf of an owner if of any. One that turns of several owners wrote is of none alone.
pub(super) fn apply_put(
    conn: &Connection,
    (space, key): (&WorkingSpace, &WorkingKey),
    value: &Json,
    expires: Option<Timestamp>,
    (owner, now): (Option<&str>, Timestamp),
) -> Result<Change> {
    if expires.is_some() {
        sweep(conn, now)?;
    }
    let version = conn
        .prepare_cached(
            "INSERT INTO working (space, key, value, version, expires_ms, owner)
         SELECT ?1, ?2, ?3, value + 1, ?4, ?5 FROM memory_counters WHERE name = 'working_floor'
         ON CONFLICT (space, key) DO UPDATE
         SET value = excluded.value, version = working.version + 1, expires_ms = excluded.expires_ms,
             owner = CASE WHEN working.owner IS excluded.owner THEN excluded.owner ELSE '*' END
         RETURNING version",
        )
        .and_then(|mut statement| {
            let values = params![
                space.to_string(),
                key.as_str(),
                value.as_str(),
                expires.map(|at| at.0),
                owner
            ];
            statement.query_row(values, |row| row.get::<_, i64>(0))
        })
        .during("writing working memory")?;
    let entry = WorkingEntry {
        value: value.clone(),
        version: version as u64,
        expires,
    };
    Ok(((space.clone(), key.clone()), Some(entry)))
}

/// Remove a value, if there is one.
pub(super) fn apply_delete(
    conn: &Connection,
    space: &WorkingSpace,
    key: &WorkingKey,
) -> Result<Change> {
    conn.prepare_cached("DELETE FROM working WHERE space = ?1 AND key = ?2")
        .and_then(|mut statement| statement.execute(params![space.to_string(), key.as_str()]))
        .during("deleting working memory")?;
    Ok(((space.clone(), key.clone()), None))
}

fn sweep(conn: &Connection, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "DELETE FROM working WHERE (space, key) IN (
             SELECT space, key FROM working WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
    )
    .and_then(|mut statement| statement.execute(params![now.0, SWEEP_ROWS_MAX]))
    .during("sweeping working memory")?;
    Ok(())
}
