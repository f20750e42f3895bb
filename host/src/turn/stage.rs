//! [`Turn`]: one run of one agent on one event, with everything it has staged.
//!
//! A turn is a stack of frames: the agent that handles the event, and above it the tool it is calling,
//! and the tool that one is calling. Each frame has its own agent, grants, event and working memory;
//! effects, limits and the log are shared by all of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};
use crate::events::{Event, Json};
use crate::id::{IdKey, TurnId};
use crate::identity::TenantScope;
use crate::memory::{
    EpisodeStore, KnowledgeStore, ProcedureStore, WorkingKey, WorkingSpace, WorkingStore,
};
use crate::quota::Allowances;
use crate::registry::{Agent, AgentStore, CatalogStore, Grant, Hosted, SchemaCache};

use super::http::HttpJournal;
use super::staged::{Mark, Staged};
use super::{CallRecord, Effect, HttpRecord, LogLine, Read, TurnLimits};

/// All that a turn may read from.
pub struct Services {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Derives the ids that a turn makes.
    pub ids: IdKey,
    /// Agents.
    pub agents: Arc<dyn AgentStore>,
    /// Event definitions and schemas.
    pub catalog: Arc<dyn CatalogStore>,
    /// Working memory.
    pub working: Arc<dyn WorkingStore>,
    /// Semantic memory.
    pub knowledge: Arc<dyn KnowledgeStore>,
    /// Episodic memory.
    pub episodes: Arc<dyn EpisodeStore>,
    /// Procedural memory.
    pub procedures: Arc<dyn ProcedureStore>,
    /// Compiled schemas.
    pub schemas: SchemaCache,
    /// What is known of the agents. Set once there is somebody to ask, who holds these services.
    pub hosted: OnceLock<Weak<dyn Hosted>>,
    /// What tenants may use.
    pub allowances: Arc<Allowances>,
}

/// What a turn begins with.
#[derive(Debug, Clone)]
pub struct TurnInput {
    /// For whom.
    pub scope: TenantScope,
    /// Which turn.
    pub turn: TurnId,
    /// The agent as it was when the turn was claimed.
    pub agent: Arc<Agent>,
    /// The event.
    pub event: Arc<Event>,
    /// 1 on the first attempt.
    pub attempt: u32,
    /// When it is cut off.
    pub deadline: Timestamp,
}

/// Most refused grants of a turn that are kept for the audit log: there are hardly more.
pub const TURN_LACKING_MAX: usize = 16;

/// A grant that an agent asked for and was not given.
#[derive(Debug, Clone)]
pub struct Lacking {
    /// The agent.
    pub agent: Arc<Agent>,
    /// The grant, or the host that it is about.
    pub grant: Cow<'static, str>,
    /// Why, in the words of the audit log.
    pub reason: Cow<'static, str>,
}

impl Lacking {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.grant == other.grant
            && self.reason == other.reason
            && self.agent.name == other.agent.name
    }
}

/// A limit of the turn that ends it at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{limit} is {max} {unit}")]
pub struct LimitPassed {
    /// Its name.
    pub limit: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its value.
    pub max: u64,
}

/// What is left of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Wall clock until the deadline, in milliseconds.
    pub time_ms: u32,
    /// Calls of host functions.
    pub host_calls: u32,
    /// Events that may still be published.
    pub events: u32,
    /// Writes that may still be staged.
    pub writes: u32,
    /// Bytes that events and writes may still take.
    pub output_bytes: u32,
}

/// One agent at work in a turn.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) scope: TenantScope,
    pub(super) agent: Arc<Agent>,
    pub(super) event: Arc<Event>,
    pub(super) attempt: u32,
    pub(super) deadline: Timestamp,
    pub(super) space: WorkingSpace,
    pub(super) responded: bool,
    /// What a called tool answered; the bottom frame publishes its answer instead.
    pub(super) response: Option<Json>,
    pub(super) mark: Mark,
    pub(super) outer_frozen: usize,
    pub(super) began: Instant,
}

/// A value read from the store: kept so that a second read sees the same.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) value: Option<Json>,
    pub(super) version: u64,
}

/// One run of one agent on one event.
pub struct Turn {
    pub(super) services: Arc<Services>,
    pub(super) limits: Arc<TurnLimits>,
    pub(super) id: TurnId,
    pub(super) began: Instant,
    pub(super) base: Frame,
    /// Tools being called, the innermost last.
    pub(super) nested: Vec<Frame>,
    pub(super) staged: Staged,
    pub(super) seen: HashMap<(WorkingSpace, WorkingKey), Seen>,
    pub(super) other_reads: Vec<Read>,
    pub(super) read_bytes: usize,
    pub(super) host_calls: u32,
    pub(super) host_bytes: usize,
    /// Numbers the ids that this turn makes; never goes back, so that an id means one thing.
    pub(super) ids_made: u32,
    pub(super) logs: Vec<LogLine>,
    pub(super) log_bytes: usize,
    pub(super) calls: Vec<CallRecord>,
    /// Requests to the outside.
    pub(super) http: Arc<HttpJournal>,
    /// Grants that were asked for and not there.
    pub(super) lacking: Mutex<Vec<Lacking>>,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Everything that a turn staged, for the commit and for the record.
#[derive(Debug)]
pub struct TurnOutput {
    /// What it read.
    pub reads: Vec<Read>,
    /// What it wants written.
    pub effects: Vec<Effect>,
    /// What it wants published.
    pub events: Vec<crate::events::NewEvent>,
    /// What it wants published later.
    pub scheduled: Vec<(Timestamp, crate::events::NewEvent)>,
    /// The agent's log.
    pub logs: Vec<LogLine>,
    /// Tools called.
    pub calls: Vec<CallRecord>,
    /// Requests to the outside.
    pub http: Vec<HttpRecord>,
    /// Host functions called.
    pub host_calls: u32,
}

impl Turn {
    /// A turn that has done nothing yet.
    pub fn new(services: Arc<Services>, limits: Arc<TurnLimits>, input: TurnInput) -> Self {
        let began = Instant::now();
        let base = Frame {
            space: space_of(&input.event, &input.agent),
            scope: input.scope,
            agent: input.agent,
            event: input.event,
            attempt: input.attempt,
            deadline: input.deadline,
            responded: false,
            response: None,
            mark: Mark::default(),
            outer_frozen: 0,
            began,
        };
        Self {
            services,
            limits,
            id: input.turn,
            began,
            base,
            nested: Vec::new(),
            staged: Staged::default(),
            seen: HashMap::new(),
            other_reads: Vec::new(),
            read_bytes: 0,
            host_calls: 0,
            host_bytes: 0,
            ids_made: 0,
            logs: Vec::new(),
            log_bytes: 0,
            calls: Vec::new(),
            http: HttpJournal::new(began),
            lacking: Mutex::default(),
        }
    }

    /// Take everything out.
    pub fn finish(self) -> TurnOutput {
        let mut reads = self.other_reads;
        reads.extend(
            self.seen
                .into_iter()
                .map(|((space, key), seen)| Read::Working {
                    space,
                    key,
                    version: seen.version,
                }),
        );
        let (http, failed) = self.http.records();
        let mut logs = self.logs;
        if !failed.is_empty() {
            // As far as there is room: the requests' own records have them all.
            let mut room = self.limits.log_bytes_max.saturating_sub(self.log_bytes);
            logs.extend(failed.into_iter().take_while(|line| {
                let fits = line.message.len() <= room;
                room = room.saturating_sub(line.message.len());
                fits
            }));
            logs.sort_by_key(|line| line.at_ms);
        }
        TurnOutput {
            reads,
            effects: self.staged.effects,
            events: self.staged.events,
            scheduled: self.staged.scheduled,
            logs,
            calls: self.calls,
            http,
            host_calls: self.host_calls,
        }
    }

    pub(super) fn frame(&self) -> &Frame {
        self.nested.last().unwrap_or(&self.base)
    }

    pub(super) fn frame_mut(&mut self) -> &mut Frame {
        self.nested.last_mut().unwrap_or(&mut self.base)
    }

    /// For whom the current frame works.
    pub fn scope(&self) -> &TenantScope {
        &self.frame().scope
    }

    /// The event that the current frame handles.
    pub fn event(&self) -> &Arc<Event> {
        &self.frame().event
    }

    /// The agent of the current frame.
    pub fn agent(&self) -> &Arc<Agent> {
        &self.frame().agent
    }

    /// 1 on the first attempt.
    pub fn attempt(&self) -> u32 {
        self.frame().attempt
    }

    /// When the current frame is cut off.
    pub fn deadline(&self) -> Timestamp {
        self.frame().deadline
    }

    /// The turn, the same on every attempt.
    pub fn turn_id(&self) -> &TurnId {
        &self.id
    }

    /// How deep in nested calls.
    pub fn depth(&self) -> u32 {
        self.nested.len() as u32
    }

    /// Where this turn's time comes from.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.services.clock)
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    /// Milliseconds since the turn began.
    pub fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    /// A configuration value that the tenant set for the current agent.
    pub fn config(&self, key: &str) -> Option<String> {
        self.frame().agent.config.get(key).cloned()
    }

    /// What is left.
    pub fn budget(&self) -> Budget {
        let left =
            |max: usize, used: usize| u32::try_from(max.saturating_sub(used)).unwrap_or(u32::MAX);
        let published = self.staged.events.len() + self.staged.scheduled.len();
        Budget {
            time_ms: u32::try_from(self.deadline().since(self.now())).unwrap_or(u32::MAX),
            host_calls: self.limits.host_calls_max.saturating_sub(self.host_calls),
            events: left(self.limits.events_max, published),
            writes: left(self.limits.writes_max, self.staged.effects.len()),
            output_bytes: left(self.limits.output_bytes_max, self.staged.bytes()),
        }
    }

    /// Count a call of a host function and what it passes in. Every host function calls this first,
    /// and every call of WASI passes here.
    ///
    /// # Errors
    /// When a limit is passed; the turn must end then, because a guest that goes on calling would keep
    /// the host busy for nothing.
    pub fn count_host_call(&mut self, bytes_in: usize) -> Result<(), LimitPassed> {
        self.host_calls += 1;
        self.host_bytes = self.host_bytes.saturating_add(bytes_in);
        if self.host_calls > self.limits.host_calls_max {
            let max = u64::from(self.limits.host_calls_max);
            return Err(LimitPassed {
                limit: "turn_host_calls_max",
                unit: "calls",
                max,
            });
        }
        if self.host_bytes > self.limits.host_bytes_max {
            let max = self.limits.host_bytes_max as u64;
            return Err(LimitPassed {
                limit: "turn_host_bytes_max",
                unit: "bytes",
                max,
            });
        }
        Ok(())
    }

    /// Which turn.
    pub fn id(&self) -> &TurnId {
        &self.id
    }

    /// Grants that were asked for and not there, each once.
    pub fn lacking(&self) -> Vec<Lacking> {
        let mut lacking = self.lacking.lock().clone();
        lacking.extend(self.http.refused());
        lacking
    }

    /// Whether the current agent was granted something.
    ///
    /// # Errors
    /// `Denied` that names the grant.
    pub fn require(&self, grant: Grant) -> Result<()> {
        if self.frame().agent.grants.has(grant) {
            return Ok(());
        }
        let mut lacking = self.lacking.lock();
        let missed = Lacking {
            agent: Arc::clone(&self.frame().agent),
            grant: grant.as_str().into(),
            reason: format!("lacks {grant}").into(),
        };
        if lacking.len() < TURN_LACKING_MAX && !lacking.iter().any(|seen| seen.is(&missed)) {
            lacking.push(missed);
        }
        drop(lacking);
        let what = format!("agent `{}`", self.frame().agent.name);
        Err(Error::Denied {
            what: what.into(),
            grant: grant.as_str().into(),
        })
    }

    /// Count bytes that the host keeps for the check at commit.
    pub(super) fn count_read(&mut self, bytes: usize) -> Result<()> {
        self.read_bytes = self.read_bytes.saturating_add(bytes);
        if self.read_bytes > self.limits.read_bytes_max {
            return Err(Error::Exhausted {
                limit: "turn_read_bytes_max",
                unit: "bytes",
                max: self.limits.read_bytes_max as u64,
            });
        }
        Ok(())
    }

    /// Remember something that was read, once.
    pub(super) fn note_read(&mut self, read: Read) {
        if !self.other_reads.contains(&read) {
            self.other_reads.push(read);
        }
    }

    pub(super) fn next_id(&mut self) -> u32 {
        let index = self.ids_made;
        self.ids_made += 1;
        index
    }

    pub(super) fn push(&mut self, effect: Effect) -> Result<()> {
        let limits = Arc::clone(&self.limits);
        self.staged.push(effect, &limits)
    }
}

/// Working memory belongs to the event's plan, else to the agent.
pub(super) fn space_of(event: &Event, agent: &Agent) -> WorkingSpace {
    match &event.body.plan {
        Some(plan) => WorkingSpace::Plan(plan.clone()),
        None => WorkingSpace::Agent(agent.name.clone()),
    }
}
