//! Turns: implements [`TurnStore`].
//!
//! Invariant: delivery is at-least-once; effects in our store are exactly-once. The delivery's row at the
//! attempt that ran is the fence: the one transaction that takes it away also does all that the turn
//! wants, and whoever comes later finds the row gone. A turn's row is there once the turn is over.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::append;
use super::rows::{Sql, from_json, to_json};
use super::writer::WriteTx;
use crate::bus::Announcement;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Page;
use crate::id::{AgentId, AgentName, Label, Position, TurnId};
use crate::identity::TenantScope;
use crate::turn::{
    CommitOutcome, DeadLetter, TurnCommit, TurnFailure, TurnFilter, TurnOutcome, TurnRecord,
    TurnStore,
};

mod commit;
mod history;

pub use commit::DESCENDANTS_PER_ROOT_MAX;

use commit::Commit;

#[async_trait]
impl TurnStore for SqliteStore {
    async fn commit(&self, scope: &TenantScope, commit: TurnCommit) -> Result<CommitOutcome> {
        let clock = Arc::clone(&self.clock);
        let commit = Commit::prepare(scope.clone(), commit, &self.vectoring, clock)?;
        let defers = commit.defers_vectors();
        let tenant = self.tenant(scope).await?;
        let outcome = tenant.write(move |tx| commit.run(tx)).await?;
        if defers {
            self.vectoring.note_deferred(scope.tenant());
        }
        Ok(outcome)
    }

    async fn fail(&self, scope: &TenantScope, failure: TurnFailure) -> Result<bool> {
        let record = to_json(&failure.record)?;
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| fail(tx, &failure, &record)).await
    }

    async fn get(&self, scope: &TenantScope, turn: &TurnId) -> Result<Vec<TurnRecord>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| history::get(conn, turn)).await
    }

    async fn list(
        &self,
        scope: &TenantScope,
        filter: &TurnFilter,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Page<TurnRecord>> {
        let filter = filter.clone();
        let tenant = self.tenant(scope).await?;
        tenant
            .scan(move |conn| history::list(conn, &filter, before, limit))
            .await
    }

    async fn dead_letters(
        &self,
        scope: &TenantScope,
        agent: Option<&AgentName>,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Page<DeadLetter>> {
        let agent = agent.cloned();
        let tenant = self.tenant(scope).await?;
        tenant
            .scan(move |conn| history::dead_letters(conn, agent.as_ref(), before, limit))
            .await
    }

    async fn replay(&self, scope: &TenantScope, turn: &TurnId) -> Result<()> {
        let now = self.clock.now();
        let turn = turn.clone();
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| replay(tx, &turn, now)).await
    }

    async fn discard(&self, scope: &TenantScope, turn: &TurnId) -> Result<()> {
        let turn = turn.clone();
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| discard(tx, &turn)).await
    }
}

/// Says whether the delivery was there at this attempt.
fn take_delivery(
    conn: &Connection,
    agent: AgentId,
    position: Position,
    attempts_failed: u32,
) -> Result<bool> {
    conn.prepare_cached(
        "DELETE FROM deliveries WHERE agent = ?1 AND position = ?2 AND attempts_failed = ?3",
    )
    .and_then(|mut statement| statement.execute(params![agent.0, position.0, attempts_failed]))
    .map(|rows| rows == 1)
    .during("taking a delivery")
}

/// A turn that is over.
struct Over {
    place: (AgentId, Position),
    outcome: TurnOutcome,
    dead: bool,
    ended: Timestamp,
}

impl Over {
    fn insert(&self, conn: &Connection, record: &str) -> Result<()> {
        let (agent, position) = self.place;
        conn.prepare_cached(
            "INSERT INTO turns (position, agent, outcome, dead, ended_ms, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                position.0,
                agent.0,
                self.outcome.as_str(),
                self.dead,
                self.ended.0,
                record
            ])
        })
        .during("keeping a turn")?;
        Ok(())
    }
}

fn ended(record: &TurnRecord) -> Timestamp {
    record.started.plus_ms(record.duration_us / 1_000)
}

fn fail(tx: &mut WriteTx<'_>, failure: &TurnFailure, record: &str) -> Result<bool> {
    let conn = tx.conn();
    let (agent, position) = (failure.agent, failure.position);
    let Some(retry_at) = failure.retry_at else {
        if !take_delivery(conn, agent, position, failure.attempts_failed)? {
            return Ok(false);
        }
        let over = Over {
            place: (agent, position),
            outcome: failure.record.outcome,
            dead: true,
            ended: ended(&failure.record),
        };
        over.insert(conn, record)?;
        count_failure(tx, failure);
        return Ok(true);
    };
    let rows = conn
        .prepare_cached(
            "UPDATE deliveries SET attempts_failed = attempts_failed + 1, due_ms = ?4
             WHERE agent = ?1 AND position = ?2 AND attempts_failed = ?3",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                agent.0,
                position.0,
                failure.attempts_failed,
                retry_at.0
            ])
        })
        .during("putting a delivery back")?;
    if rows == 0 {
        return Ok(false);
    }
    keep_attempt(conn, agent, position, record)?;
    count_failure(tx, failure);
    tx.announce(Announcement::DueChanged);
    Ok(true)
}

fn count_failure(tx: &mut WriteTx<'_>, failure: &TurnFailure) {
    tx.used.turns_failed += 1;
    tx.used.cpu_us += failure.record.cpu_us;
}

fn keep_attempt(conn: &Connection, agent: AgentId, position: Position, record: &str) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO attempts (position, agent, number, record)
         SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3
         FROM attempts WHERE position = ?1 AND agent = ?2",
    )
    .and_then(|mut statement| statement.execute(params![position.0, agent.0, record]))
    .during("keeping an attempt")?;
    Ok(())
}

/// The dead letter of this turn: its place and its record.
fn dead_letter(conn: &Connection, turn: &TurnId) -> Result<(AgentId, Position, String)> {
    let absent = || Error::not_found("dead letter", turn.as_str());
    let (position, agent) = turn.place().ok_or_else(absent)?;
    let record = conn
        .prepare_cached("SELECT record FROM turns WHERE position = ?1 AND agent = ?2 AND dead = 1")
        .and_then(|mut statement| {
            statement
                .query_row([position.0, agent.0], |row| row.get::<_, String>(0))
                .optional()
        })
        .during("looking for a dead letter")?
        .ok_or_else(absent)?;
    // The place in an id can be guessed, its tail cannot.
    if from_json::<TurnRecord>(&record)?.turn != *turn {
        return Err(absent());
    }
    Ok((agent, position, record))
}

/// The delivery is due now instead of pending, as whoever reads the queue in order is past its place.
fn replay(tx: &mut WriteTx<'_>, turn: &TurnId, now: Timestamp) -> Result<()> {
    let conn = tx.conn();
    let (agent, position, record) = dead_letter(conn, turn)?;
    if tx.directory().by_id(agent).is_none() {
        let name = from_json::<TurnRecord>(&record)?.agent;
        return Err(Error::not_found("agent", name.as_str()));
    }
    keep_attempt(conn, agent, position, &record)?;
    conn.prepare_cached("DELETE FROM turns WHERE position = ?1 AND agent = ?2")
        .and_then(|mut statement| statement.execute([position.0, agent.0]))
        .during("taking a dead letter")?;
    let event = append::at(conn, position)?;
    conn.prepare_cached(
        "INSERT INTO deliveries (agent, position, attempts_failed, host_deaths, due_ms, order_key)
         VALUES (?1, ?2, 0, 0, ?3, ?4)",
    )
    .and_then(|mut statement| {
        let order_key = event.body.order_key().map(Label::as_str);
        statement.execute(params![agent.0, position.0, now.0, order_key])
    })
    .during("delivering a dead letter again")?;
    tx.announce(Announcement::DueChanged);
    Ok(())
}

fn discard(tx: &WriteTx<'_>, turn: &TurnId) -> Result<()> {
    let (agent, position, _) = dead_letter(tx.conn(), turn)?;
    tx.conn()
        .prepare_cached("UPDATE turns SET dead = 0 WHERE position = ?1 AND agent = ?2")
        .and_then(|mut statement| statement.execute([position.0, agent.0]))
        .during("discarding a dead letter")?;
    Ok(())
}
