//! Appending to the log, for all who do: publishers, turns, timers.
//!
//! Invariant: an event, its position and its deliveries are written by one job, and its subscribers are
//! those of the directory at that very point in the order of commits. So an agent gets exactly the
//! events that come after the deploy that subscribed it.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{Sql, from_json, to_json};
use super::sessions;
use super::writer::WriteTx;
use crate::bus::Announcement;
use crate::error::{Error, Result};
use crate::events::{Appended, Event, NewEvent};
use crate::id::{EventId, Position};
use crate::identity::HOST_SOURCE;
use crate::turn::Delivery;

/// An event on its way into the log: its JSON is made on the caller's thread, not on the writer's.
pub(super) struct Draft {
    pub(super) event: NewEvent,
    pub(super) envelope: String,
}

impl Draft {
    /// Make the JSON.
    pub(super) fn new(event: NewEvent) -> Result<Self> {
        let envelope = to_json(&event)?;
        Ok(Self { event, envelope })
    }

    /// Make the JSON of many.
    pub(super) fn all(events: Vec<NewEvent>) -> Result<Vec<Self>> {
        events.into_iter().map(Self::new).collect()
    }
}

/// What a job appended.
#[derive(Default)]
pub(super) struct Batch {
    events: Vec<Arc<Event>>,
    deliveries: Vec<Delivery>,
}

impl Batch {
    /// Append one event. Where the same publication is there, nothing is done.
    ///
    /// # Errors
    /// `Conflict` if its id is there with another content.
    pub(super) fn append(&mut self, tx: &mut WriteTx<'_>, draft: Draft) -> Result<Appended> {
        let Draft { event, envelope } = draft;
        refuse_scheduled(tx, &event.id)?;
        let position = Position(tx.counters.head + 1);
        if !insert(tx.conn(), position, &event, &envelope)? {
            return duplicate(tx.conn(), &event);
        }
        tx.counters.head = position.0;
        if &*event.source != HOST_SOURCE {
            tx.used.events += 1;
            tx.used.payload_bytes += event.data.as_str().len() as u64;
        }
        if let Some(session) = &event.session {
            let who = (event.customer.as_ref(), event.user.as_ref());
            sessions::touch(tx.conn(), who, session, (event.time, 1))?;
        }
        let event = Arc::new(Event {
            position,
            body: event,
        });
        self.deliver(tx, &event)?;
        let id = event.body.id.clone();
        self.events.push(event);
        Ok(Appended {
            id,
            position,
            duplicate: false,
        })
    }

    /// Tell the bus, if there is anything to tell.
    pub(super) fn announce(self, tx: &mut WriteTx<'_>) {
        if !self.events.is_empty() {
            tx.announce(Announcement::Appended {
                events: self.events,
                deliveries: self.deliveries,
            });
        }
    }

    fn deliver(&mut self, tx: &WriteTx<'_>, event: &Arc<Event>) -> Result<()> {
        let body = &event.body;
        let agents = tx.directory().subscribers(body.topic, &body.event_type);
        if agents.is_empty() {
            return Ok(());
        }
        let mut statement = tx
            .conn()
            .prepare_cached(
                "INSERT INTO deliveries (agent, position, attempts_failed, host_deaths, due_ms, order_key)
                 VALUES (?1, ?2, 0, 0, NULL, ?3)",
            )
            .during("preparing a delivery")?;
        let order_key = body.order_key().map(crate::id::Label::as_str);
        for agent in agents.iter() {
            statement
                .execute(params![agent.0, event.position.0, order_key])
                .during("writing a delivery")?;
            self.deliveries.push(Delivery {
                agent: *agent,
                event: Arc::clone(event),
                attempts_failed: 0,
                host_deaths: 0,
                due: None,
            });
        }
        Ok(())
    }
}

/// Says whether the id was free.
fn insert(conn: &Connection, position: Position, event: &NewEvent, envelope: &str) -> Result<bool> {
    // Its own id as correlation, as every first event has it, needs no place in the index.
    let correlation = Some(event.correlation.as_str()).filter(|c| *c != event.id.as_str());
    conn.prepare_cached(
        "INSERT INTO events (position, id, time_ms, correlation, envelope)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            position.0,
            event.id.as_str(),
            event.time.0,
            correlation,
            envelope
        ])
    })
    .map(|rows| rows == 1)
    .during("writing an event")
}

fn duplicate(conn: &Connection, event: &NewEvent) -> Result<Appended> {
    let first = by_id(conn, &event.id)?
        .ok_or_else(|| Error::internal("appending", "an id is neither free nor there"))?;
    if !first.body.same_publication(event) {
        return Err(Error::conflict(
            "event",
            format!(
                "`{}` is the id of another event, at position {}: give each event its own id",
                event.id, first.position.0
            ),
        ));
    }
    Ok(Appended {
        id: event.id.clone(),
        position: first.position,
        duplicate: true,
    })
}

/// An id that waits for its time is taken, although it has no position yet.
fn refuse_scheduled(tx: &WriteTx<'_>, id: &EventId) -> Result<()> {
    // Asked of the counter first, as most tenants schedule nothing.
    if tx.counters.scheduled > 0 && scheduled(tx.conn(), id)?.is_some() {
        return Err(Error::conflict(
            "event",
            format!("`{id}` is the id of an event that waits for its time"),
        ));
    }
    Ok(())
}

/// The scheduled event of this id.
pub(super) fn scheduled(conn: &Connection, id: &EventId) -> Result<Option<NewEvent>> {
    conn.prepare_cached("SELECT envelope FROM scheduled WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([id.as_str()], |row| row.get::<_, String>(0))
                .optional()
        })
        .during("reading a scheduled event")?
        .map(|envelope| from_json(&envelope))
        .transpose()
}

/// The event of this id.
pub(super) fn by_id(conn: &Connection, id: &EventId) -> Result<Option<Event>> {
    conn.prepare_cached("SELECT position, envelope FROM events WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id.as_str()], raw_event).optional())
        .during("reading an event")?
        .map(event)
        .transpose()
}

/// The event at a position that something else in the database names.
pub(super) fn at(conn: &Connection, position: Position) -> Result<Event> {
    conn.prepare_cached("SELECT position, envelope FROM events WHERE position = ?1")
        .and_then(|mut statement| statement.query_row([position.0], raw_event))
        .during("reading an event by position")
        .and_then(event)
}

/// Position and envelope: the first two columns.
pub(super) fn raw_event(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// The event of a row.
pub(super) fn event((position, envelope): (i64, String)) -> Result<Event> {
    Ok(Event {
        position: Position(position),
        body: from_json(&envelope)?,
    })
}
