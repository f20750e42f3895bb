//! Events of a customer or a user, with their turns, dead letters and deliveries.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{FOUND_MAX, REMOVED_MAX, rows};
use crate::bus::Announcement;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::{Json, NewEvent};
use crate::id::{EventType, Label, Position};
use crate::identity::TenantScope;
use crate::memory::Subject;
use crate::store::sqlite::append::{Batch, Draft};
use crate::store::sqlite::pages::PAGE_SCANNED_MAX;
use crate::store::sqlite::rows::Sql as _;
use crate::store::sqlite::tenant::Tenant;
use crate::store::sqlite::visibility::Whose;
use crate::store::sqlite::writer::WriteTx;

/// What the log says of an erasure: that there was one and who wanted it, not whose it was.
const EVENT_TYPE: &str = "warren.erasure";

/// Append a mark to the log, so that its last event, which is never removed, is nobody's. Returns its
/// position.
pub(super) async fn mark(
    tenant: &Arc<Tenant>,
    scope: &TenantScope,
    now: Timestamp,
) -> Result<Position> {
    let by = scope.principal().source();
    let data = Json::from_value("data", &serde_json::json!({ "by": &*by }))?;
    let event = NewEvent::of_host(EventType::new(EVENT_TYPE)?, data, now);
    let draft = Draft::new(event)?;
    tenant
        .write(move |tx| {
            let mut batch = Batch::default();
            let appended = batch.append(tx, draft)?;
            batch.announce(tx);
            Ok(appended.position)
        })
        .await
}

/// Remove the subject's events before a position. Says how many there were, and how many turns on them.
pub(super) async fn erase(
    tenant: &Arc<Tenant>,
    of: &Subject,
    head: Position,
) -> Result<(u64, u64)> {
    let (mut events, mut turns) = (0, 0);
    let mut after = 0;
    while after < head.0 {
        let of = of.clone();
        let (found, reached) = tenant
            .scan(move |conn| find(conn, &of, after, head))
            .await?;
        for chunk in found.chunks(REMOVED_MAX) {
            let chunk = chunk.to_vec();
            events += chunk.len() as u64;
            turns += tenant.write(move |tx| remove(tx, &chunk)).await?;
        }
        after = reached;
    }
    Ok((events, turns))
}

/// The subject's events among the next ones, and where to go on.
fn find(conn: &Connection, of: &Subject, after: i64, head: Position) -> Result<(Vec<i64>, i64)> {
    let end: Option<i64> = conn
        .prepare_cached(
            "SELECT position FROM events WHERE position > ?1 AND position < ?2
             ORDER BY position LIMIT 1 OFFSET ?3",
        )
        .and_then(|mut statement| {
            statement
                .query_row(params![after, head.0, PAGE_SCANNED_MAX], |row| row.get(0))
                .optional()
        })
        .during("looking for events to erase")?;
    let end = end.unwrap_or(head.0);
    let sql = format!(
        "SELECT position FROM events WHERE position > ?4 AND position < ?5 AND {}",
        Whose::condition("envelope ->> '$.customer'", "envelope ->> '$.user'")
    );
    let found = conn
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            let whose = Whose::of(of);
            let [customer, user, of_none] = whose.params();
            let params = params![customer, user, of_none, after, end];
            statement.query_map(params, |row| row.get(0))?.collect()
        })
        .during("looking for events to erase")?;
    Ok((found, if end == head.0 { end } else { end - 1 }))
}

/// Remove events with all that hangs on them, and say how many turns did.
fn remove(tx: &mut WriteTx<'_>, positions: &[i64]) -> Result<u64> {
    let mut turns = 0;
    let mut waiting = Vec::new();
    let agents: Vec<_> = tx.directory().agents().map(|agent| agent.id).collect();
    for position in positions {
        for agent in &agents {
            let order_key: Option<Option<String>> = tx
                .conn()
                .prepare_cached(
                    "DELETE FROM deliveries WHERE agent = ?1 AND position = ?2 RETURNING order_key",
                )
                .and_then(|mut statement| {
                    statement
                        .query_row([agent.0, *position], |row| row.get(0))
                        .optional()
                })
                .during("erasing a delivery")?;
            if let Some(Some(key)) = order_key {
                waiting.push((*agent, Label::new(&key)?));
            }
        }
        let delete = |sql| {
            tx.conn()
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([position]))
                .during("erasing an event")
        };
        turns += delete("DELETE FROM turns WHERE position = ?1")?;
        for sql in [
            "DELETE FROM attempts WHERE position = ?1",
            "DELETE FROM roots WHERE root = ?1",
            "DELETE FROM events WHERE position = ?1",
        ] {
            delete(sql)?;
        }
    }
    if !waiting.is_empty() {
        tx.announce(Announcement::DeliveriesRemoved(waiting));
    }
    Ok(turns as u64)
}

/// Remove the subject's events that wait for their time, and say how many.
pub(super) async fn erase_scheduled(tenant: &Arc<Tenant>, of: &Subject) -> Result<u64> {
    let find = format!(
        "SELECT id FROM scheduled WHERE {} LIMIT {FOUND_MAX}",
        Whose::condition("envelope ->> '$.customer'", "envelope ->> '$.user'")
    );
    rows::erase_found(tenant, of, find, remove_scheduled).await
}

fn remove_scheduled(tx: &mut WriteTx<'_>, ids: &[String]) -> Result<u64> {
    let mut removed = 0;
    for id in ids {
        removed += tx
            .conn()
            .prepare_cached("DELETE FROM scheduled WHERE id = ?1")
            .and_then(|mut statement| statement.execute([id]))
            .during("erasing a scheduled event")? as u64;
    }
    tx.counters.scheduled = tx.counters.scheduled.saturating_sub(removed);
    Ok(removed)
}
