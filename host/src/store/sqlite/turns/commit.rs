//! The commit of a turn.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::{Over, ended, take_delivery};
use crate::bus::Announcement;
use crate::clock::{Clock, Timestamp};
use crate::crash::{self, Point};
use crate::error::{Error, Result};
use crate::id::{AgentId, Position};
use crate::identity::TenantScope;
use crate::store::sqlite::append::{Batch, Draft};
use crate::store::sqlite::effects::{self, Prepared};
use crate::store::sqlite::embedding::Vectoring;
use crate::store::sqlite::events::schedule;
use crate::store::sqlite::rows::{Sql, from_u64, to_json, to_u64};
use crate::store::sqlite::visibility::owner;
use crate::store::sqlite::writer::WriteTx;
use crate::turn::{CommitOutcome, Read, TurnCommit, TurnOutcome};

/// Most events that descend from one event from outside. Those of the first turn are not counted: their
/// number is bounded by the subscribers and the events a turn may publish, and counting only what comes
/// after keeps the common short chain free of one more row.
pub const DESCENDANTS_PER_ROOT_MAX: u64 = 10_000;
/// Events of this many hops or more are counted.
const COUNTED_HOPS_MIN: u32 = 2;

/// A commit whose JSON and vectors are made.
pub(super) struct Commit {
    scope: TenantScope,
    clock: Arc<dyn Clock>,
    agent: AgentId,
    position: Position,
    attempts_failed: u32,
    reads: Vec<Read>,
    effects: Vec<Prepared>,
    events: Vec<Draft>,
    scheduled: Vec<(Timestamp, Draft)>,
    outcome: TurnOutcome,
    ended: Timestamp,
    cpu_us: u64,
    record: String,
}

impl Commit {
    pub(super) fn prepare(
        scope: TenantScope,
        commit: TurnCommit,
        vectoring: &Vectoring,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let scheduled = commit.scheduled.into_iter();
        let effects = commit.effects.into_iter();
        Ok(Self {
            scope,
            clock,
            agent: commit.agent,
            position: commit.position,
            attempts_failed: commit.attempts_failed,
            reads: commit.reads,
            effects: effects
                .map(|effect| Prepared::new(effect, vectoring))
                .collect(),
            events: Draft::all(commit.events)?,
            scheduled: scheduled
                .map(|(due, event)| Ok((due, Draft::new(event)?)))
                .collect::<Result<_>>()?,
            outcome: commit.record.outcome,
            ended: ended(&commit.record),
            cpu_us: commit.record.cpu_us,
            record: to_json(&commit.record)?,
        })
    }

    /// Whether it leaves vectors to be made later.
    pub(super) fn defers_vectors(&self) -> bool {
        self.effects.iter().any(Prepared::defers_vectors)
    }

    /// All of it. Nothing is written before the last reason not to.
    pub(super) fn run(self, tx: &mut WriteTx<'_>) -> Result<CommitOutcome> {
        let now = self.clock.now();
        let changed = self.changed_read(tx.conn(), now)?;
        if changed.is_some() || !self.take_delivery(tx.conn())? {
            return self.not_committed(tx.conn(), changed);
        }
        crash::point(Point::MarkInserted);
        let (customer, user) = (self.scope.customer(), self.scope.user());
        let somebody = customer.is_some() || user.is_some();
        let owner = somebody.then(|| owner(customer, user));
        tx.used.turns += 1;
        tx.used.cpu_us += self.cpu_us;
        tx.used.writes += self.effects.len() as u64;
        for effect in &self.effects {
            if let Some(change) = effects::apply(tx.conn(), effect, (owner.as_deref(), now))? {
                tx.change_working(change);
            }
            crash::point(Point::BetweenWrites);
        }
        count_descendants(tx.conn(), &self.events, &self.scheduled)?;
        let mut batch = Batch::default();
        for draft in self.events {
            batch.append(tx, draft)?;
        }
        for (due, draft) in &self.scheduled {
            schedule(tx, draft, *due)?;
        }
        crash::point(Point::OutboxInserted);
        let over = Over {
            place: (self.agent, self.position),
            outcome: self.outcome,
            dead: false,
            ended: self.ended,
        };
        over.insert(tx.conn(), &self.record)?;
        batch.announce(tx);
        if !self.scheduled.is_empty() {
            tx.announce(Announcement::DueChanged);
        }
        Ok(CommitOutcome::Committed)
    }

    fn changed_read(&self, conn: &Connection, now: Timestamp) -> Result<Option<String>> {
        for read in &self.reads {
            if let Some(what) = effects::check_read(conn, &self.scope, read, now)? {
                return Ok(Some(what));
            }
        }
        for effect in &self.effects {
            if let Some(what) = effects::check_write(conn, effect)? {
                return Ok(Some(what));
            }
        }
        Ok(None)
    }

    fn take_delivery(&self, conn: &Connection) -> Result<bool> {
        take_delivery(conn, self.agent, self.position, self.attempts_failed)
    }

    /// Why nothing was done. That the delivery is no longer this attempt's comes before what was read.
    fn not_committed(&self, conn: &Connection, changed: Option<String>) -> Result<CommitOutcome> {
        let there = conn
            .prepare_cached(
                "SELECT attempts_failed FROM deliveries WHERE agent = ?1 AND position = ?2",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([self.agent.0, self.position.0], |row| row.get::<_, u32>(0))
                    .optional()
            })
            .during("looking for a delivery")?;
        if let Some(what) = changed
            && there == Some(self.attempts_failed)
        {
            return Ok(CommitOutcome::ReadChanged { what });
        }
        let outcome = conn
            .prepare_cached("SELECT outcome FROM turns WHERE position = ?1 AND agent = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row([self.position.0, self.agent.0], |row| {
                        row.get::<_, String>(0)
                    })
                    .optional()
            })
            .during("looking for a turn")?;
        if outcome.as_deref() == Some(TurnOutcome::Committed.as_str()) {
            return Ok(CommitOutcome::AlreadyConsumed);
        }
        Ok(CommitOutcome::Stale)
    }
}

/// # Errors
/// `Exhausted` if a root would have more than [`DESCENDANTS_PER_ROOT_MAX`].
fn count_descendants(
    conn: &Connection,
    events: &[Draft],
    scheduled: &[(Timestamp, Draft)],
) -> Result<()> {
    let all = events
        .iter()
        .chain(scheduled.iter().map(|(_, draft)| draft));
    let counted = all.filter(|draft| draft.event.hops >= COUNTED_HOPS_MIN);
    // All events of a turn descend from the root of the one event it handled.
    let mut roots = counted.filter_map(|draft| draft.event.root);
    let Some(root) = roots.next() else {
        return Ok(());
    };
    let more = 1 + roots.count() as u64;
    let descendants: i64 = conn
        .prepare_cached(
            "INSERT INTO roots (root, descendants) VALUES (?1, ?2)
             ON CONFLICT (root) DO UPDATE SET descendants = descendants + excluded.descendants
             RETURNING descendants",
        )
        .and_then(|mut statement| statement.query_row([root.0, from_u64(more)], |row| row.get(0)))
        .during("counting descendants")?;
    if to_u64(descendants) > DESCENDANTS_PER_ROOT_MAX {
        return Err(Error::Exhausted {
            limit: "descendants_per_root_max",
            unit: "events",
            max: DESCENDANTS_PER_ROOT_MAX,
        });
    }
    Ok(())
}
