//! Sessions in a tenant's database.
//!
//! Invariant: a session is found by its owner and its name together, see [`super::visibility`]. It is kept
//! up to date by the transaction that appends the event or adds the episode, so that it never lags.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::id::{CustomerId, Label, UserId};
use crate::identity::TenantScope;
use crate::memory::{SESSIONS_LIMIT_MAX, Session, SessionStore};

use super::SqliteStore;
use super::columns::{optional, parsed};
use super::rows::{Sql as _, to_u64};
use super::visibility::owner;

/// Episodes of a session that one transaction removes: it shares the writer with turns, which wait for it
/// some ten milliseconds.
const FORGOTTEN_EPISODES_MAX: usize = 256;
/// Episodes of a session that are found at once: bounds what is kept of them in memory.
const FOUND_EPISODES_MAX: usize = 4_096;
/// The columns of [`session`], in its order.
const COLUMNS: &str = "id, customer, user, started_ms, last_ms, events, metadata";

#[async_trait]
impl SessionStore for SqliteStore {
    async fn get(&self, scope: &TenantScope, id: &Label) -> Result<Option<Session>> {
        let tenant = self.tenant(scope).await?;
        let owner = owner(scope.customer(), scope.user());
        tenant.read(|conn| get(conn, &owner, id)).await
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Label>,
        limit: u32,
    ) -> Result<Vec<Session>> {
        let limit = limit.clamp(1, SESSIONS_LIMIT_MAX);
        let tenant = self.tenant(scope).await?;
        let owner = owner(scope.customer(), scope.user());
        tenant.read(|conn| list(conn, &owner, after, limit)).await
    }

    async fn put(
        &self,
        scope: &TenantScope,
        id: &Label,
        metadata: Json,
        now: Timestamp,
    ) -> Result<Session> {
        let tenant = self.tenant(scope).await?;
        let (scope, id) = (scope.clone(), id.clone());
        tenant
            .write(move |tx| {
                let who = (scope.customer(), scope.user());
                touch(tx.conn(), who, &id, (now, 0))?;
                let owner = owner(who.0, who.1);
                tx.conn()
                    .prepare_cached(
                        "UPDATE sessions SET metadata = ?3 WHERE owner = ?1 AND id = ?2",
                    )
                    .and_then(|mut statement| {
                        statement.execute(params![owner, id.as_str(), metadata.as_str()])
                    })
                    .during("writing a session")?;
                get(tx.conn(), &owner, &id)?
                    .ok_or_else(|| Error::internal("writing a session", "it is not there"))
            })
            .await
    }

    async fn forget(&self, scope: &TenantScope, id: &Label) -> Result<bool> {
        let tenant = self.tenant(scope).await?;
        let owner = owner(scope.customer(), scope.user());
        let mut any = false;
        loop {
            let (whose, id) = (owner.clone(), id.clone());
            // Found by a reader, as no index leads to episodes of all agents.
            let episodes = tenant
                .scan({
                    let (whose, id) = (whose.clone(), id.clone());
                    move |conn| episodes(conn, &whose, &id)
                })
                .await?;
            any |= !episodes.is_empty();
            for chunk in episodes.chunks(FORGOTTEN_EPISODES_MAX) {
                let chunk = chunk.to_vec();
                tenant
                    .write(move |tx| remove_episodes(tx.conn(), &chunk))
                    .await?;
            }
            if episodes.len() < FOUND_EPISODES_MAX {
                let there = tenant
                    .write(move |tx| remove(tx.conn(), &whose, &id))
                    .await?;
                return Ok(there || any);
            }
        }
    }
}

/// Note that something happened in a session at a time, in this many events.
pub(super) fn touch(
    conn: &Connection,
    (customer, user): (Option<&CustomerId>, Option<&UserId>),
    session: &Label,
    (at, events): (Timestamp, u32),
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO sessions (owner, id, customer, user, started_ms, last_ms, events, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, '{}')
         ON CONFLICT (owner, id) DO UPDATE
         SET last_ms = max(last_ms, excluded.last_ms), events = events + excluded.events",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            owner(customer, user),
            session.as_str(),
            customer.map(CustomerId::as_str),
            user.map(UserId::as_str),
            at.0,
            events,
        ])
    })
    .during("keeping a session up to date")?;
    Ok(())
}

fn get(conn: &Connection, owner: &str, id: &Label) -> Result<Option<Session>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sessions WHERE owner = ?1 AND id = ?2"
    ))
    .and_then(|mut statement| {
        statement
            .query_row([owner, id.as_str()], session)
            .optional()
    })
    .during("reading a session")
}

fn list(conn: &Connection, owner: &str, after: Option<&Label>, limit: u32) -> Result<Vec<Session>> {
    conn.prepare_cached(&list_sql())
        .and_then(|mut statement| {
            let params = params![owner, after.map(Label::as_str), limit];
            statement.query_map(params, session)?.collect()
        })
        .during("listing sessions")
}

fn list_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM sessions
         WHERE owner = ?1 AND (?2 IS NULL
             OR (last_ms, id) < (SELECT last_ms, id FROM sessions WHERE owner = ?1 AND id = ?2))
         ORDER BY last_ms DESC, id DESC LIMIT ?3"
    )
}

fn episodes(conn: &Connection, owner: &str, session: &Label) -> Result<Vec<i64>> {
    conn.prepare_cached("SELECT n FROM episodes WHERE owner = ?1 AND session = ?2 LIMIT ?3")
        .and_then(|mut statement| {
            let params = params![owner, session.as_str(), FOUND_EPISODES_MAX as i64];
            statement.query_map(params, |row| row.get(0))?.collect()
        })
        .during("looking for a session's episodes")
}

fn remove_episodes(conn: &Connection, numbers: &[i64]) -> Result<()> {
    for n in numbers {
        conn.prepare_cached("DELETE FROM episodes WHERE n = ?1")
            .and_then(|mut statement| statement.execute([n]))
            .during("forgetting an episode")?;
    }
    Ok(())
}

fn remove(conn: &Connection, owner: &str, id: &Label) -> Result<bool> {
    conn.prepare_cached("DELETE FROM sessions WHERE owner = ?1 AND id = ?2")
        .and_then(|mut statement| statement.execute([owner, id.as_str()]))
        .map(|rows| rows == 1)
        .during("forgetting a session")
}

/// A row of [`COLUMNS`].
fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: parsed(row, 0)?,
        customer: optional(row, 1)?,
        user: optional(row, 2)?,
        started: Timestamp(row.get(3)?),
        last: Timestamp(row.get(4)?),
        events: to_u64(row.get(5)?),
        metadata: Json::from_stored(row.get::<_, String>(6)?),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, tenant_db};
    use super::*;

    #[test]
    fn a_list_reads_along_its_index() {
        let steps = plan(&tenant_db(), &list_sql());
        assert!(steps[0].contains("sessions_last (owner=?"), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")));
    }
}
