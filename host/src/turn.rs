//! A turn: one event handled by one agent, as a transaction.
//!
//! Invariant: delivery is at-least-once; effects in our store are exactly-once; calls to the outside are
//! at-least-once and carry an idempotency key made of turn id and call number. While the guest runs,
//! everything it writes and publishes is staged here, bounded in count and bytes, and no database
//! transaction is open; [`TurnStore::commit`] applies all of it with the consumption of the event, or
//! nothing. This module knows nothing of Wasm, SQL or HTTP.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::{Event, NewEvent, Page};
use crate::id::{AgentId, AgentName, CustomerId, EventId, Label, Position, TurnId, UserId};
use crate::identity::TenantScope;
use crate::memory::{KeyRange, KnowledgeWrite, ProcedureWrite, WorkingKey, WorkingSpace};

mod calls;
mod end;
mod http;
mod limits;
mod logging;
mod lookup;
mod procedures;
mod publishing;
mod recall;
mod record;
mod remember;
mod stage;
mod staged;
mod working;

pub use crate::events::short;
pub use crate::memory::NewProcedure;
pub use calls::NestedCall;
pub use end::TurnEnd;
pub use http::{HTTP_RECORDS_MAX, HttpEntry, HttpJournal, HttpOpen, HttpRecord};
pub use limits::TurnLimits;
pub use logging::guest_text;
pub use publishing::{Draft, When, check_extensions};
pub use recall::EpisodeSelect;
pub use stage::{
    Budget, Lacking, LimitPassed, Services, TURN_LACKING_MAX, Turn, TurnInput, TurnOutput,
};

pub use record::{CallRecord, LogLevel, LogLine, TurnOutcome, TurnRecord};

/// One event on its way to one agent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// To whom.
    pub agent: AgentId,
    /// What.
    pub event: Arc<Event>,
    /// How many attempts failed. With the row it fences: a commit that names another number is stale.
    pub attempts_failed: u32,
    /// How often the host died while this was running, counted apart from failures.
    pub host_deaths: u32,
    /// Not before this; none means at once.
    pub due: Option<Timestamp>,
}

/// A retry that those behind it in its lane wait for, without its event: there may be many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// When it is due.
    pub due: Timestamp,
    /// Whose.
    pub agent: AgentId,
    /// Which event's.
    pub position: Position,
    /// Its order key.
    pub key: Label,
}

impl Delivery {
    /// What it is kept in order by, see [`NewEvent::order_key`].
    pub fn order_key(&self) -> Option<&Label> {
        self.event.body.order_key()
    }
}

/// A write that a turn wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Set a working-memory value.
    WorkingPut {
        /// Whose.
        space: WorkingSpace,
        /// Which.
        key: WorkingKey,
        /// To what.
        value: crate::events::Json,
        /// Until when.
        expires: Option<Timestamp>,
    },
    /// Remove a working-memory value.
    WorkingDelete {
        /// Whose.
        space: WorkingSpace,
        /// Which.
        key: WorkingKey,
    },
    /// Remember a knowledge entry: replace the one of the same external id, else of the same content.
    KnowledgePut(Box<KnowledgeWrite>),
    /// Forget a knowledge entry.
    KnowledgeForget {
        /// Which.
        id: Arc<str>,
    },
    /// Add an episode.
    EpisodeAdd(Box<crate::memory::Episode>),
    /// Say that episodes of an agent with a user have been consolidated.
    EpisodesConsolidate {
        /// Whose.
        agent: AgentName,
        /// With whom: customer.
        customer: Option<CustomerId>,
        /// With whom: user.
        user: Option<UserId>,
        /// Up to this one.
        through: Arc<str>,
    },
    /// Keep a procedure version and make it current.
    ProcedurePut(Box<ProcedureWrite>),
    /// Make a version current that is there.
    ProcedureActivate {
        /// Which procedure.
        name: Arc<str>,
        /// Which version.
        version: u32,
    },
    /// Make the version current that was before.
    ProcedureRollBack {
        /// Which procedure.
        name: Arc<str>,
    },
}

/// Something a turn read from the store, with what it saw: the commit fails if that has changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// A working-memory value; version 0 means it was absent.
    Working {
        /// Whose.
        space: WorkingSpace,
        /// Which.
        key: WorkingKey,
        /// The version seen.
        version: u64,
    },
    /// A listing of keys: the same range must give the same keys at the same versions.
    WorkingKeys {
        /// The stretch of keys.
        range: KeyRange,
        /// What it gave.
        seen: Vec<(WorkingKey, u64)>,
    },
    /// A knowledge entry; version 0 means it was absent.
    Knowledge {
        /// Which.
        id: Arc<str>,
        /// The version seen.
        version: u64,
    },
    /// A procedure's versions, and which one is current.
    Procedure {
        /// Which.
        name: Arc<str>,
        /// How often that had changed; 0 means that there was none.
        changes: u64,
    },
    /// Up to where episodes of an agent with the scope's user were consolidated.
    EpisodeMark {
        /// Whose.
        agent: AgentName,
        /// The mark seen; 0 means none.
        mark: u64,
    },
}

/// A turn that ended well and wants to be kept.
#[derive(Debug, Clone)]
pub struct TurnCommit {
    /// Which turn.
    pub turn: TurnId,
    /// The agent.
    pub agent: AgentId,
    /// The event consumed.
    pub position: Position,
    /// The attempt that ran, as in [`Delivery::attempts_failed`].
    pub attempts_failed: u32,
    /// What it read.
    pub reads: Vec<Read>,
    /// What it wants written, in order.
    pub effects: Vec<Effect>,
    /// What it wants published, in order.
    pub events: Vec<NewEvent>,
    /// What it wants published later.
    pub scheduled: Vec<(Timestamp, NewEvent)>,
    /// What to remember of it.
    pub record: TurnRecord,
}

/// What came of a commit. Decided by the transaction alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All of it happened.
    Committed,
    /// Another run of the same delivery was first. Nothing happened.
    AlreadyConsumed,
    /// The delivery is gone or was passed on: an older attempt came late. Nothing happened.
    Stale,
    /// Something it read has changed. Nothing happened; run the turn again.
    ReadChanged {
        /// What, for the log.
        what: String,
    },
}

/// A turn that did not end well.
#[derive(Debug, Clone)]
pub struct TurnFailure {
    /// The agent.
    pub agent: AgentId,
    /// The event.
    pub position: Position,
    /// The attempt that failed, as in [`Delivery::attempts_failed`].
    pub attempts_failed: u32,
    /// When to try again; none: never, it becomes a dead letter.
    pub retry_at: Option<Timestamp>,
    /// What to remember of it.
    pub record: TurnRecord,
}

/// Which turns to list. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct TurnFilter {
    /// By this agent.
    pub agent: Option<AgentName>,
    /// On this event.
    pub event: Option<EventId>,
    /// That ended so: a word of [`TurnOutcome`].
    pub outcome: Option<String>,
}

/// An event that an agent could not handle, kept until somebody replays or discards it.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The last turn, with reason and logs.
    pub record: TurnRecord,
    /// The event.
    pub event: Arc<Event>,
    /// When it was given up.
    pub time: Timestamp,
}

/// Turns of a tenant.
#[async_trait]
pub trait TurnStore: Send + Sync {
    /// Commit a turn: one transaction takes the delivery, checks what was read, applies the effects,
    /// appends the events with their deliveries and keeps the record. Returns after it is durable.
    async fn commit(&self, scope: &TenantScope, commit: TurnCommit) -> Result<CommitOutcome>;
    /// Put a delivery back with its next time, or among the dead letters, and keep the record.
    /// Says whether the delivery was still there at that attempt.
    async fn fail(&self, scope: &TenantScope, failure: TurnFailure) -> Result<bool>;
    /// All attempts of a turn, the last first. `NotFound` without one.
    async fn get(&self, scope: &TenantScope, turn: &TurnId) -> Result<Vec<TurnRecord>>;
    /// The last attempts of turns, newest event first.
    async fn list(
        &self,
        scope: &TenantScope,
        filter: &TurnFilter,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Page<TurnRecord>>;
    /// Dead letters, newest event first.
    async fn dead_letters(
        &self,
        scope: &TenantScope,
        agent: Option<&AgentName>,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Page<DeadLetter>>;
    /// Deliver a dead letter again, as if for the first time. `NotFound` if there is none of this turn.
    async fn replay(&self, scope: &TenantScope, turn: &TurnId) -> Result<()>;
    /// Forget a dead letter. `NotFound` if there is none of this turn.
    async fn discard(&self, scope: &TenantScope, turn: &TurnId) -> Result<()>;
}

/// What waits in a tenant's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Deliveries that may run.
    pub pending: u64,
    /// Deliveries that wait for their next attempt.
    pub retrying: u64,
    /// Events that wait for their time.
    pub scheduled: u64,
    /// Dead letters.
    pub dead: u64,
}

/// The queue of a tenant: what the dispatcher pulls from.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Deliveries of one agent that may run at once, in order after `after`.
    async fn pending(
        &self,
        scope: &TenantScope,
        agent: AgentId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Delivery>>;
    /// Deliveries of one agent and one order key from `from` on (inclusive), retries included, in order.
    async fn lane(
        &self,
        scope: &TenantScope,
        agent: AgentId,
        key: &Label,
        from: Position,
        limit: u32,
    ) -> Result<Vec<Delivery>>;
    /// Retries with an order key, soonest first, whatever their time: at start these block their lanes.
    /// A page of at most `limit`, after `after`; one that is not full is the last.
    async fn parked(
        &self,
        scope: &TenantScope,
        after: Option<&Parked>,
        limit: u32,
    ) -> Result<Vec<Parked>>;
    /// Retries of active agents whose time has come, soonest first. They stay due until they are committed
    /// or fail again; those of paused and quarantined agents wait without taking the others' places.
    async fn due(&self, scope: &TenantScope, now: Timestamp, limit: u32) -> Result<Vec<Delivery>>;
    /// Append scheduled events whose time has come, in one transaction; says how many.
    async fn fire_scheduled(&self, scope: &TenantScope, now: Timestamp, limit: u32) -> Result<u32>;
    /// The soonest time at which `due` or `fire_scheduled` has something after `now`.
    async fn next_due(&self, scope: &TenantScope, after: Timestamp) -> Result<Option<Timestamp>>;
    /// Count a death of the host against deliveries that were running; returns them as they are now.
    /// Those that are gone were committed in time and are left out.
    async fn host_died(
        &self,
        scope: &TenantScope,
        running: &[(AgentId, Position)],
    ) -> Result<Vec<Delivery>>;
    /// How many deliveries of each agent failed and wait for their next attempt.
    async fn retrying(&self, scope: &TenantScope) -> Result<Vec<(AgentId, u64)>>;
    /// How much waits.
    async fn depth(&self, scope: &TenantScope) -> Result<QueueDepth>;
}
