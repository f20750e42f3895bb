//! What a handler may do: one handle an interface of the contract, typed values in and out.
//!
//! Invariant: nothing here keeps state of its own. What a turn writes and publishes is held by the host
//! and takes effect when the turn ends well, or not at all.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::host::{Backend, Host as _};
use crate::instant::Instant;
use crate::json::Json;
use crate::payload::Payload;
use crate::topic::Topic;

mod episodes;
mod knowledge;
mod log;
mod procedures;
mod publish;
mod registry;
mod working;

pub use episodes::{Episode, EpisodeFilter, Episodes, Role};
pub use knowledge::{
    Entry, EntryFilter, EntryPage, Item, Knowledge, Part, Search, SearchMode, Visibility,
};
pub use log::{Level, Log};
pub use procedures::{NewProcedure, Procedure, ProcedureKind, Procedures};
pub use publish::Draft;
pub use registry::{
    AgentInfo, AgentQuery, CatalogEntry, CatalogQuery, EventInfo, EventQuery, Registry, Schema,
    Violation,
};
pub use working::Working;

/// Who runs, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The agent's name.
    pub agent: String,
    /// The SHA-256 digest of the component that runs.
    pub digest: String,
    /// This turn: the same on every attempt at the same event, so it can name work done outside.
    pub turn: String,
    /// 1 on the first attempt.
    pub attempt: u32,
    /// The customer on whose behalf.
    pub customer: Option<String>,
    /// The end user on whose behalf.
    pub user: Option<String>,
    /// How deep in nested calls: 0 in a turn of its own.
    pub depth: u32,
}

/// What is left of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Wall clock until the deadline; the turn ends there.
    pub time: Duration,
    /// CPU time; the turn ends there.
    pub cpu: Duration,
    /// Calls of host functions; the turn ends there.
    pub host_calls: u32,
    /// Events that may still be published.
    pub events: u32,
    /// Writes that may still be staged.
    pub writes: u32,
    /// Bytes that events and writes may still take.
    pub output_bytes: u32,
}

/// What a handler may do. It is handed to every handler and is of no use after it.
pub struct Context {
    host: Backend,
}

impl Context {
    pub(crate) fn new(host: Backend) -> Self {
        Self { host }
    }

    /// Publish an event when this turn commits, and return the id it will have.
    ///
    /// A re-run of the turn makes the same ids, so nothing is published twice. At most 64 a turn.
    ///
    /// # Errors
    /// `Denied` without [`Grant::EventsPublish`](crate::Grant::EventsPublish); `Invalid` if the payload
    /// breaks its schema; `Exhausted` past the limits of the turn.
    pub fn publish<P: Payload + Serialize>(&self, payload: &P) -> Result<String> {
        self.draft(payload).publish()
    }

    /// Begin an event that needs more than its payload: a delay, a session, an answer.
    ///
    /// ```
    /// # use warren_agent::{payload, Context, Result};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize)] struct Reminder { order: String }
    /// # payload!(Reminder: NotificationEvents, "order.reminder");
    /// fn remind(ctx: &Context, reminder: &Reminder) -> Result<()> {
    ///     ctx.draft(reminder)
    ///         .subject(&reminder.order)
    ///         .after(Duration::from_secs(3_600))
    ///         .publish()?;
    ///     Ok(())
    /// }
    /// ```
    pub fn draft<P: Payload + Serialize>(&self, payload: &P) -> Draft<'_> {
        self.draft_of(P::TOPIC, P::TYPE, payload)
    }

    /// Begin an event whose topic and type are known only when the agent runs.
    pub fn draft_of<T: Serialize + ?Sized>(
        &self,
        topic: Topic,
        event_type: impl Into<String>,
        data: &T,
    ) -> Draft<'_> {
        Draft::new(&self.host, topic, event_type.into(), Json::of(data))
    }

    /// Answer the event being handled, at the reply address it carries.
    ///
    /// # Errors
    /// `NotFound` if it carries none, `Conflict` the second time in a turn.
    pub fn respond<T: Serialize + ?Sized>(&self, data: &T) -> Result<String> {
        self.host.get().respond(&Json::of(data)?)
    }

    /// Call a tool agent inside this turn and wait for its answer.
    ///
    /// What the tool writes and publishes joins this turn, all or nothing. When it fails nothing of it
    /// remains, and this returns the reason.
    ///
    /// # Errors
    /// `Denied` without [`Grant::EventsCall`](crate::Grant::EventsCall); `NotFound` if no tool handles
    /// such requests and `Conflict` if several do; `Unavailable` with the reason if the tool fails or
    /// does not respond; `Exhausted` if calls nest too deep or no sandbox is free.
    pub fn call<Q, R>(&self, request: &Q, timeout: Duration) -> Result<R>
    where
        Q: Payload + Serialize,
        R: DeserializeOwned,
    {
        self.call_of(Q::TYPE, request, timeout)
    }

    /// Call a tool agent by a type of request that is known only when the agent runs.
    ///
    /// # Errors
    /// As [`Context::call`].
    pub fn call_of<Q, R>(&self, event_type: &str, request: &Q, timeout: Duration) -> Result<R>
    where
        Q: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.host
            .get()
            .call(event_type, &Json::of(request)?, timeout_ms)?
            .read()
    }

    /// Working memory: what the work at hand has to keep in mind.
    pub fn working(&self) -> Working<'_> {
        Working::new(&self.host)
    }

    /// Semantic memory: what is known, found again by meaning and by words.
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge::new(&self.host)
    }

    /// Episodic memory: what was said and done, in order, for this user.
    pub fn episodes(&self) -> Episodes<'_> {
        Episodes::new(&self.host)
    }

    /// Procedural memory: prompts, rules and skills of the tenant.
    pub fn procedures(&self) -> Procedures<'_> {
        Procedures::new(&self.host)
    }

    /// Who can do what, in this tenant.
    pub fn registry(&self) -> Registry<'_> {
        Registry::new(&self.host)
    }

    /// The agent's log, kept with the turn.
    pub fn log(&self) -> Log<'_> {
        Log::new(&self.host)
    }

    /// Who runs, and for whom.
    pub fn identity(&self) -> Identity {
        self.host.get().who()
    }

    /// What is left of this turn.
    pub fn budget(&self) -> Budget {
        self.host.get().budget()
    }

    /// Whether the host would like this turn to end: it is shutting down or the caller has gone.
    pub fn cancelled(&self) -> bool {
        self.host.get().cancelled()
    }

    /// A configuration value that the tenant set for this agent, or nothing.
    pub fn config(&self, key: &str) -> Result<Option<String>> {
        self.host.get().config(key)
    }

    /// The wall clock.
    pub fn now(&self) -> Instant {
        self.host.get().now()
    }

    /// How long this turn has run.
    pub fn elapsed(&self) -> Duration {
        self.host.get().elapsed()
    }

    /// Random bytes from the operating system, at most 65,536.
    pub fn random_bytes(&self, len: u32) -> Result<Vec<u8>> {
        self.host.get().random(len)
    }

    /// A random number from the operating system.
    pub fn random_u64(&self) -> Result<u64> {
        let bytes = self.host.get().random(8)?;
        let bytes = <[u8; 8]>::try_from(bytes.as_slice()).map_err(|_| {
            Error::Other(format!("the host gave {} random bytes of 8", bytes.len()))
        })?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// A duration as the contract takes it.
fn millis(what: &str, duration: Duration) -> Result<u32> {
    u32::try_from(duration.as_millis()).map_err(|_| {
        Error::Invalid(format!(
            "{what} of {} ms is more than {} ms",
            duration.as_millis(),
            u32::MAX
        ))
    })
}
