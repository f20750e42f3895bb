//! Retention: forgets events that everybody has handled long ago, with their turns.
//!
//! Invariant: an event that waits for a turn, or whose dead letter waits for somebody, is never removed;
//! nor is the last event of the log, so that no position is given twice. What is removed is no longer
//! known as a duplicate: the horizon of duplicate suppression is the age that is kept.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::SqliteStore;
use super::rows::Sql;
use super::writer::WriteTx;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::Position;
use crate::identity::TenantScope;

/// Most events looked at by one sweep: it shares its transaction with publishers and turns, which wait
/// for it a millisecond or two.
pub const SWEPT_EVENTS_MAX: u32 = 256;
/// How long events are kept unless the operator says otherwise, in days.
pub const RETENTION_DAYS: u64 = 30;

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Events removed.
    pub removed: u32,
    /// Where the next sweep begins; none at the end of what is old enough.
    pub next: Option<Position>,
}

impl SqliteStore {
    /// Remove events from before `before` at positions after `after` that nobody waits for, with their
    /// turns. Looks at `limit` events, at most [`SWEPT_EVENTS_MAX`].
    pub async fn sweep(
        &self,
        scope: &TenantScope,
        before: Timestamp,
        after: Position,
        limit: u32,
    ) -> Result<Swept> {
        let tenant = self.tenant(scope).await?;
        let limit = limit.clamp(1, SWEPT_EVENTS_MAX);
        tenant
            .write(move |tx| sweep(tx, before, after, limit))
            .await
    }
}

fn sweep(tx: &WriteTx<'_>, before: Timestamp, after: Position, limit: u32) -> Result<Swept> {
    let conn = tx.conn();
    let old = old(conn, before, after, Position(tx.counters.head), limit)?;
    let (Some(first), Some(last)) = (old.first(), old.last()) else {
        return Ok(Swept {
            removed: 0,
            next: None,
        });
    };
    let kept = kept(tx, before, *first, *last)?;
    let mut removed = 0;
    for position in old.iter().filter(|position| !kept.contains(position)) {
        for sql in [
            "DELETE FROM turns WHERE position = ?1",
            "DELETE FROM attempts WHERE position = ?1",
            "DELETE FROM roots WHERE root = ?1",
            "DELETE FROM events WHERE position = ?1",
        ] {
            conn.prepare_cached(sql)
                .and_then(|mut statement| statement.execute([position]))
                .during("removing an old event")?;
        }
        removed += 1;
    }
    Ok(Swept {
        removed,
        next: Some(Position(*last)).filter(|_| old.len() >= limit as usize),
    })
}

/// Positions of events from before `before`, in order. Positions follow time but for what the clock was
/// set back, so the first event that is too young ends it.
fn old(
    conn: &Connection,
    before: Timestamp,
    after: Position,
    head: Position,
    limit: u32,
) -> Result<Vec<i64>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT position, time_ms FROM events
             WHERE position > ?1 AND position < ?2 ORDER BY position LIMIT ?3",
        )
        .during("preparing to look for old events")?;
    let rows = statement
        .query_map([after.0, head.0, limit.into()], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?))
        })
        .during("looking for old events")?;
    let mut old = Vec::new();
    for row in rows {
        let (position, time_ms) = row.during("looking for old events")?;
        if time_ms >= before.0 {
            break;
        }
        old.push(position);
    }
    Ok(old)
}

/// Positions in a stretch that somebody waits for, or whose turns are not old enough.
fn kept(tx: &WriteTx<'_>, before: Timestamp, first: i64, last: i64) -> Result<BTreeSet<i64>> {
    let conn = tx.conn();
    let mut kept = BTreeSet::new();
    let mut collect = |sql, params: [i64; 3]| -> rusqlite::Result<()> {
        let mut statement = conn.prepare_cached(sql)?;
        for position in statement.query_map(params, |row| row.get(0))? {
            kept.insert(position?);
        }
        Ok(())
    };
    for agent in tx.directory().agents() {
        let params = [agent.id.0, first, last];
        collect(
            "SELECT position FROM deliveries WHERE agent = ?1 AND position BETWEEN ?2 AND ?3",
            params,
        )
        .during("looking for deliveries")?;
    }
    collect(
        "SELECT position FROM turns
         WHERE position BETWEEN ?2 AND ?3 AND (dead = 1 OR ended_ms >= ?1)",
        [before.0, first, last],
    )
    .during("looking for turns")?;
    Ok(kept)
}
