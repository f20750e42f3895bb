//! The log: implements [`EventStore`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Rows, params};

use super::SqliteStore;
use super::append::{Batch, Draft, by_id, event, raw_event, scheduled};
use super::pages::{PAGE_ROWS_MAX, Pager};
use super::rows::{Sql, from_json, to_u32};
use super::writer::WriteTx;
use crate::bus::Announcement;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{
    Appended, BATCH_EVENTS_MAX, DeliveryStatus, Event, EventFilter, EventStore, NewEvent, Page,
};
use crate::id::{AgentName, EventId, Position};
use crate::identity::TenantScope;
use crate::registry::Directory;
use crate::turn::{TurnOutcome, TurnRecord};

/// Most events of a tenant that wait for their time: a hundred a second for a quarter of an hour, or one
/// a day for each of a hundred thousand users.
pub const SCHEDULED_EVENTS_MAX: u64 = 100_000;

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, scope: &TenantScope, events: Vec<NewEvent>) -> Result<Vec<Appended>> {
        if events.len() > BATCH_EVENTS_MAX {
            return Err(Error::TooLarge {
                limit: "batch_events_max",
                unit: "events",
                max: BATCH_EVENTS_MAX as u64,
                got: events.len() as u64,
            });
        }
        let drafts = Draft::all(events)?;
        let tenant = self.tenant(scope).await?;
        tenant
            .write(move |tx| {
                let mut batch = Batch::default();
                let appended = drafts
                    .into_iter()
                    .map(|draft| batch.append(tx, draft))
                    .collect::<Result<Vec<_>>>()?;
                batch.announce(tx);
                Ok(appended)
            })
            .await
    }

    async fn schedule(&self, scope: &TenantScope, event: NewEvent, due: Timestamp) -> Result<()> {
        let draft = Draft::new(event)?;
        let tenant = self.tenant(scope).await?;
        tenant
            .write(move |tx| {
                schedule(tx, &draft, due)?;
                tx.announce(Announcement::DueChanged);
                Ok(())
            })
            .await
    }

    async fn get(&self, scope: &TenantScope, id: &EventId) -> Result<Arc<Event>> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| by_id(conn, id))
            .await?
            .map(Arc::new)
            .ok_or_else(|| Error::not_found("event", id.as_str()))
    }

    async fn list(
        &self,
        scope: &TenantScope,
        filter: &EventFilter,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Page<Arc<Event>>> {
        let filter = filter.clone();
        let before = before.unwrap_or(Position(i64::MAX));
        let tenant = self.tenant(scope).await?;
        tenant
            .scan(move |conn| list(conn, &filter, before, limit))
            .await
    }

    async fn after(
        &self,
        scope: &TenantScope,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Arc<Event>>> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                let mut statement = conn
                    .prepare_cached(
                        "SELECT position, envelope FROM events
                         WHERE position > ?1 ORDER BY position LIMIT ?2",
                    )
                    .during("preparing to follow the log")?;
                statement
                    .query_map([after.0, limit.min(PAGE_ROWS_MAX).into()], raw_event)
                    .during("following the log")?
                    .map(|row| Ok(Arc::new(event(row.during("following the log")?)?)))
                    .collect()
            })
            .await
    }

    async fn head(&self, scope: &TenantScope) -> Result<Position> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                conn.prepare_cached("SELECT coalesce(max(position), 0) FROM events")
                    .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
                    .map(Position)
                    .during("reading the head of the log")
            })
            .await
    }

    async fn deliveries(&self, scope: &TenantScope, id: &EventId) -> Result<Vec<DeliveryStatus>> {
        let tenant = self.tenant(scope).await?;
        let directory = tenant.directory();
        tenant
            .read(|conn| {
                let event =
                    by_id(conn, id)?.ok_or_else(|| Error::not_found("event", id.as_str()))?;
                statuses(conn, &directory, event.position)
            })
            .await
    }
}

/// Keep an event until its time.
pub(super) fn schedule(tx: &mut WriteTx<'_>, draft: &Draft, due: Timestamp) -> Result<()> {
    let event = &draft.event;
    let first = match by_id(tx.conn(), &event.id)? {
        Some(first) => Some(first.body),
        None => scheduled(tx.conn(), &event.id)?,
    };
    match first {
        Some(first) if first.same_publication(event) => return Ok(()),
        Some(_) => {
            return Err(Error::conflict(
                "event",
                format!(
                    "`{}` is the id of another event: give each its own",
                    event.id
                ),
            ));
        }
        None => {}
    }
    if tx.counters.scheduled >= SCHEDULED_EVENTS_MAX {
        return Err(Error::Exhausted {
            limit: "scheduled_events_max",
            unit: "events",
            max: SCHEDULED_EVENTS_MAX,
        });
    }
    tx.conn()
        .prepare_cached("INSERT INTO scheduled (id, due_ms, envelope) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute(params![event.id.as_str(), due.0, draft.envelope])
        })
        .during("keeping a scheduled event")?;
    tx.counters.scheduled += 1;
    Ok(())
}

fn list(
    conn: &Connection,
    filter: &EventFilter,
    before: Position,
    limit: u32,
) -> Result<Page<Arc<Event>>> {
    let Some(correlation) = &filter.correlation else {
        let mut statement = conn
            .prepare_cached(
                "SELECT position, envelope FROM events WHERE position < ?1 ORDER BY position DESC",
            )
            .during("preparing to list events")?;
        let rows = statement.query([before.0]).during("listing events")?;
        return collect(rows, None, filter, limit);
    };
    // The event whose id the correlation is has none of its own in the index.
    let first = EventId::new(correlation.as_str())
        .and_then(|id| by_id(conn, &id))?
        .filter(|event| event.position < before);
    let mut statement = conn
        .prepare_cached(
            "SELECT position, envelope FROM events
             WHERE correlation = ?1 AND position < ?2 ORDER BY position DESC",
        )
        .during("preparing to list a correlation")?;
    let rows = statement
        .query(params![correlation.as_str(), before.0])
        .during("listing a correlation")?;
    collect(rows, first, filter, limit)
}

/// Rows and, at its place among them, one more.
fn collect(
    mut rows: Rows<'_>,
    mut first: Option<Event>,
    filter: &EventFilter,
    limit: u32,
) -> Result<Page<Arc<Event>>> {
    let mut pager = Pager::new(limit);
    loop {
        let row = rows.next().during("listing events")?;
        let read = row
            .map(|row| raw_event(row).during("reading an event").and_then(event))
            .transpose()?;
        let ended = read.is_none();
        let above = first.take_if(|first| {
            read.as_ref()
                .is_none_or(|event| first.position > event.position)
        });
        for event in above.into_iter().chain(read) {
            if !pager.wants(event.position) {
                return Ok(pager.page(true));
            }
            if filter.matches(&event.body) {
                pager.push(Arc::new(event));
            }
        }
        if ended {
            return Ok(pager.page(false));
        }
    }
}

/// What became of an event. A turn that ends meanwhile is seen in one place or in both, as deliveries
/// are read first.
fn statuses(
    conn: &Connection,
    directory: &Directory,
    position: Position,
) -> Result<Vec<DeliveryStatus>> {
    let mut found: BTreeMap<AgentName, DeliveryStatus> = BTreeMap::new();
    let mut statement = conn
        .prepare_cached(
            "SELECT attempts_failed, due_ms FROM deliveries WHERE agent = ?1 AND position = ?2",
        )
        .during("preparing to read deliveries")?;
    for agent in directory.agents() {
        let status = statement
            .query_row([agent.id.0, position.0], |row| {
                let due: Option<i64> = row.get(1)?;
                Ok(DeliveryStatus {
                    agent: agent.name.clone(),
                    state: if due.is_some() { "retrying" } else { "pending" },
                    attempts_failed: to_u32(row.get(0)?),
                    due: due.map(Timestamp),
                })
            })
            .optional()
            .during("reading deliveries")?;
        found.extend(status.map(|status| (agent.name.clone(), status)));
    }
    let mut statement = conn
        .prepare_cached("SELECT dead, record FROM turns WHERE position = ?1")
        .during("preparing to read turns")?;
    let rows = statement
        .query_map([position.0], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?))
        })
        .during("reading turns")?;
    for row in rows {
        let (dead, record) = row.during("reading turns")?;
        let record: TurnRecord = from_json(&record)?;
        let failed = u32::from(record.outcome != TurnOutcome::Committed);
        let status = DeliveryStatus {
            agent: record.agent.clone(),
            state: if dead { "dead" } else { "done" },
            attempts_failed: (record.attempt + failed).saturating_sub(1),
            due: None,
        };
        found.insert(record.agent, status);
    }
    Ok(found.into_values().collect())
}
