//! The queue: implements [`DeliveryStore`].
//!
//! Invariant: a delivery is there until the turn that consumes it commits or it becomes a dead letter.
//! Reads here change nothing: who runs what is kept in the dispatcher's memory, not in rows.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, params};

use super::SqliteStore;
use super::append::{Batch, Draft, event};
use super::pages::PAGE_ROWS_MAX;
use super::rows::{Sql, from_json, to_json, to_u32, to_u64};
use super::writer::WriteTx;
use crate::clock::Timestamp;
use crate::crash::{self, Point};
use crate::error::{Error, Result};
use crate::id::{AgentId, Label, Position};
use crate::identity::TenantScope;
use crate::registry::{AgentStatus, Directory};
use crate::turn::{Delivery, DeliveryStore, Parked, QueueDepth};

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn pending(
        &self,
        scope: &TenantScope,
        agent: AgentId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                read_all(
                    conn.prepare_cached(
                        "SELECT e.position, e.envelope, d.agent, d.attempts_failed, d.host_deaths, d.due_ms
                         FROM deliveries d CROSS JOIN events e ON e.position = d.position
                         WHERE d.agent = ?1 AND d.position > ?2 AND d.due_ms IS NULL
                         ORDER BY d.position LIMIT ?3",
                    ),
                    params![agent.0, after.0, rows_max(limit)],
                )
            })
            .await
    }

    async fn lane(
        &self,
        scope: &TenantScope,
        agent: AgentId,
        key: &Label,
        from: Position,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                read_all(
                    conn.prepare_cached(
                        "SELECT e.position, e.envelope, d.agent, d.attempts_failed, d.host_deaths, d.due_ms
                         FROM deliveries d INDEXED BY deliveries_by_lane
                         CROSS JOIN events e ON e.position = d.position
                         WHERE d.agent = ?1 AND d.order_key = ?2 AND d.position >= ?3
                         ORDER BY d.position LIMIT ?4",
                    ),
                    params![agent.0, key.as_str(), from.0, rows_max(limit)],
                )
            })
            .await
    }

    async fn parked(
        &self,
        scope: &TenantScope,
        after: Option<&Parked>,
        limit: u32,
    ) -> Result<Vec<Parked>> {
        let first = (i64::MIN, 0, 0);
        let after = after.map_or(first, |last| (last.due.0, last.agent.0, last.position.0));
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| parked(conn, after, limit)).await
    }

    async fn due(&self, scope: &TenantScope, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
        let tenant = self.tenant(scope).await?;
        let waiting = not_active(&tenant.directory());
        if waiting.is_empty() {
            return tenant.read(|conn| due(conn, "[]", now, limit)).await;
        }
        // An agent that stands still may have any number of rows to pass over.
        let waiting = to_json(&waiting)?;
        tenant
            .scan(move |conn| due(conn, &waiting, now, limit))
            .await
    }

    async fn fire_scheduled(&self, scope: &TenantScope, now: Timestamp, limit: u32) -> Result<u32> {
        let tenant = self.tenant(scope).await?;
        let limit = rows_max(limit);
        let fired = tenant.write(move |tx| fire(tx, now, limit)).await;
        crash::point(Point::TimerFired);
        fired
    }

    async fn next_due(&self, scope: &TenantScope, after: Timestamp) -> Result<Option<Timestamp>> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                conn.prepare_cached(
                    "SELECT min(due_ms) FROM (
                         SELECT min(due_ms) AS due_ms FROM deliveries WHERE due_ms > ?1
                         UNION ALL
                         SELECT min(due_ms) FROM scheduled WHERE due_ms > ?1)",
                )
                .and_then(|mut statement| {
                    statement.query_row([after.0], |row| row.get::<_, Option<i64>>(0))
                })
                .map(|due| due.map(Timestamp))
                .during("reading the next due time")
            })
            .await
    }

    async fn host_died(
        &self,
        scope: &TenantScope,
        running: &[(AgentId, Position)],
    ) -> Result<Vec<Delivery>> {
        let running = running.to_vec();
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| count_deaths(tx, &running)).await
    }

    async fn retrying(&self, scope: &TenantScope) -> Result<Vec<(AgentId, u64)>> {
        let tenant = self.tenant(scope).await?;
        tenant.scan(retrying).await
    }

    async fn depth(&self, scope: &TenantScope) -> Result<QueueDepth> {
        let tenant = self.tenant(scope).await?;
        tenant.scan(depth).await
    }
}

/// Agents that get no turns for now.
fn not_active(directory: &Directory) -> Vec<i64> {
    let agents = directory.agents();
    let waiting = agents.filter(|agent| agent.status != AgentStatus::Active);
    waiting.map(|agent| agent.id.0).collect()
}

/// Retries that are due, but those of agents that are `waiting`, a JSON array of their numbers. Chosen in
/// the index alone, so that passing over a row does not read it.
fn due(conn: &Connection, waiting: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
    read_all(
        conn.prepare_cached(
            "SELECT e.position, e.envelope, d.agent, d.attempts_failed, d.host_deaths, d.due_ms
             FROM (SELECT agent, position FROM deliveries INDEXED BY deliveries_by_due
                   WHERE due_ms <= ?1 AND agent NOT IN (SELECT value FROM json_each(?2))
                   ORDER BY due_ms, agent, position LIMIT ?3) chosen
             CROSS JOIN deliveries d ON d.agent = chosen.agent AND d.position = chosen.position
             CROSS JOIN events e ON e.position = d.position
             ORDER BY d.due_ms, d.agent, d.position",
        ),
        params![now.0, waiting, rows_max(limit)],
    )
}

fn retrying(conn: &Connection) -> Result<Vec<(AgentId, u64)>> {
    conn.prepare_cached(
        "SELECT agent, count(*) FROM deliveries INDEXED BY deliveries_by_due
         WHERE due_ms IS NOT NULL AND attempts_failed > 0 GROUP BY agent",
    )
    .and_then(|mut statement| {
        let counted = |row: &Row<'_>| Ok((AgentId(row.get(0)?), row.get::<_, i64>(1)? as u64));
        statement.query_map([], counted)?.collect()
    })
    .during("counting retries")
}

fn parked(conn: &Connection, after: (i64, i64, i64), limit: u32) -> Result<Vec<Parked>> {
    let rows: Vec<(i64, i64, i64, String)> = conn
        .prepare_cached(
            "SELECT due_ms, agent, position, order_key FROM deliveries INDEXED BY deliveries_by_due
             WHERE due_ms IS NOT NULL AND (due_ms, agent, position) > (?1, ?2, ?3)
               AND order_key IS NOT NULL
             ORDER BY due_ms, agent, position LIMIT ?4",
        )
        .and_then(|mut statement| {
            let params = params![after.0, after.1, after.2, rows_max(limit)];
            statement
                .query_map(params, |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect()
        })
        .during("reading lanes that wait for retries")?;
    rows.into_iter()
        .map(|(due, agent, position, key)| {
            Ok(Parked {
                due: Timestamp(due),
                agent: AgentId(agent),
                position: Position(position),
                key: Label::new(&key)?,
            })
        })
        .collect()
}

/// One delivery.
pub(super) fn get(
    conn: &Connection,
    agent: AgentId,
    position: Position,
) -> Result<Option<Delivery>> {
    conn.prepare_cached(
        "SELECT e.position, e.envelope, d.agent, d.attempts_failed, d.host_deaths, d.due_ms
         FROM deliveries d CROSS JOIN events e ON e.position = d.position
         WHERE d.agent = ?1 AND d.position = ?2",
    )
    .and_then(|mut statement| {
        statement
            .query_row([agent.0, position.0], RawDelivery::read)
            .optional()
    })
    .during("reading a delivery")?
    .map(RawDelivery::delivery)
    .transpose()
}

fn rows_max(limit: u32) -> u32 {
    limit.min(PAGE_ROWS_MAX)
}

/// A row of the queries above.
struct RawDelivery {
    event: (i64, String),
    agent: i64,
    attempts_failed: i64,
    host_deaths: i64,
    due: Option<i64>,
}

impl RawDelivery {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            event: (row.get(0)?, row.get(1)?),
            agent: row.get(2)?,
            attempts_failed: row.get(3)?,
            host_deaths: row.get(4)?,
            due: row.get(5)?,
        })
    }

    fn delivery(self) -> Result<Delivery> {
        Ok(Delivery {
            agent: AgentId(self.agent),
            event: Arc::new(event(self.event)?),
            attempts_failed: to_u32(self.attempts_failed),
            host_deaths: to_u32(self.host_deaths),
            due: self.due.map(Timestamp),
        })
    }
}

fn read_all(
    statement: rusqlite::Result<CachedStatement<'_>>,
    params: impl Params,
) -> Result<Vec<Delivery>> {
    let mut statement = statement.during("preparing to read deliveries")?;
    statement
        .query_map(params, RawDelivery::read)
        .during("reading deliveries")?
        .map(|row| row.during("reading deliveries")?.delivery())
        .collect()
}

/// Append what is due, oldest due first.
fn fire(tx: &mut WriteTx<'_>, now: Timestamp, limit: u32) -> Result<u32> {
    let due: Vec<(String, String)> = tx
        .conn()
        .prepare_cached(
            "SELECT id, envelope FROM scheduled WHERE due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2",
        )
        .and_then(|mut statement| {
            statement
                .query_map(params![now.0, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .during("reading scheduled events")?;
    let mut batch = Batch::default();
    let mut fired = 0;
    for (id, envelope) in due {
        tx.conn()
            .prepare_cached("DELETE FROM scheduled WHERE id = ?1")
            .and_then(|mut statement| statement.execute([&id]))
            .during("taking a scheduled event")?;
        tx.counters.scheduled = tx.counters.scheduled.saturating_sub(1);
        let event = from_json(&envelope)?;
        match batch.append(tx, Draft { event, envelope }) {
            Ok(_) => fired += 1,
            // Its id was free when it was scheduled and was refused to others since, so this is a defect;
            // to keep it would hold up every other timer.
            Err(error @ Error::Conflict { .. }) => {
                tracing::error!(event.id = %id, %error, "dropped a scheduled event");
            }
            Err(error) => return Err(error),
        }
    }
    batch.announce(tx);
    Ok(fired)
}

fn count_deaths(tx: &WriteTx<'_>, running: &[(AgentId, Position)]) -> Result<Vec<Delivery>> {
    let conn = tx.conn();
    let mut found = Vec::new();
    for (agent, position) in running {
        conn.prepare_cached(
            "UPDATE deliveries SET host_deaths = host_deaths + 1 WHERE agent = ?1 AND position = ?2",
        )
        .and_then(|mut statement| statement.execute([agent.0, position.0]))
        .during("counting a death of the host")?;
        found.extend(get(conn, *agent, *position)?);
    }
    Ok(found)
}

fn depth(conn: &Connection) -> Result<QueueDepth> {
    conn.prepare_cached(
        "SELECT (SELECT count(*) FROM deliveries),
                (SELECT count(*) FROM deliveries INDEXED BY deliveries_by_due WHERE due_ms IS NOT NULL),
                (SELECT count(*) FROM scheduled),
                (SELECT count(*) FROM turns INDEXED BY turns_dead WHERE dead = 1)",
    )
    .and_then(|mut statement| {
        statement.query_row([], |row| {
            let (all, retrying): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(QueueDepth {
                pending: to_u64(all - retrying),
                retrying: to_u64(retrying),
                scheduled: to_u64(row.get(2)?),
                dead: to_u64(row.get(3)?),
            })
        })
    })
    .during("measuring the queue")
}
