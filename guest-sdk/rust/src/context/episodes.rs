//! Episodic memory.

use serde::Serialize;

use crate::error::Result;
use crate::host::{Backend, Host as _};
use crate::instant::Instant;
use crate::json::Json;

/// Episodes of a filter that says no limit.
const LIMIT: u32 = 20;

/// Who spoke or acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A person.
    User,
    /// The agent.
    Assistant,
    /// Whoever set the stage.
    System,
    /// A tool.
    Tool,
}

/// One thing that was said or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// The host's name for it.
    pub id: String,
    /// Who spoke or acted.
    pub role: Role,
    /// The text.
    pub content: String,
    /// A JSON object.
    pub metadata: Json,
    /// The session of the event in whose turn it was added.
    pub session: Option<String>,
    /// When.
    pub time: Instant,
}

/// Which episodes. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpisodeFilter {
    /// Of this session.
    pub session: Option<String>,
    /// By this role.
    pub role: Option<Role>,
    /// At or after this instant.
    pub since: Option<Instant>,
    /// Before this instant.
    pub until: Option<Instant>,
    /// At most this many, 1 to 100.
    pub limit: u32,
    /// Older than the episode of this id: the last one of the page before.
    pub before: Option<String>,
}

impl Default for EpisodeFilter {
    fn default() -> Self {
        Self {
            session: None,
            role: None,
            since: None,
            until: None,
            limit: LIMIT,
            before: None,
        }
    }
}

impl EpisodeFilter {
    /// The twenty newest episodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of this session.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// By this role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// At or after this instant.
    #[must_use]
    pub fn since(mut self, since: Instant) -> Self {
        self.since = Some(since);
        self
    }

    /// Before this instant.
    #[must_use]
    pub fn until(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }

    /// At most this many, 1 to 100.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Older than the episode of this id: the last one of the page before.
    #[must_use]
    pub fn before(mut self, id: impl Into<String>) -> Self {
        self.before = Some(id.into());
        self
    }
}

/// Episodic memory; made by [`Context::episodes`](crate::Context::episodes). Each agent has its own.
#[derive(Clone, Copy)]
pub struct Episodes<'a> {
    host: &'a Backend,
}

impl<'a> Episodes<'a> {
    pub(super) fn new(host: &'a Backend) -> Self {
        Self { host }
    }

    /// Add an episode to the session of the event being handled. At most 64 KiB of text.
    pub fn add(self, role: Role, content: &str) -> Result<String> {
        self.host
            .get()
            .add_episode(role, content, &Json::empty_object())
    }

    /// Add an episode with metadata: a value that is written as a JSON object.
    pub fn add_with<T: Serialize + ?Sized>(
        self,
        role: Role,
        content: &str,
        metadata: &T,
    ) -> Result<String> {
        self.host
            .get()
            .add_episode(role, content, &Json::of(metadata)?)
    }

    /// The newest first.
    pub fn recent(self, filter: EpisodeFilter) -> Result<Vec<Episode>> {
        self.host.get().recent_episodes(filter)
    }

    /// By words, the best first, within what the filter leaves.
    pub fn search(self, text: &str, filter: EpisodeFilter) -> Result<Vec<Episode>> {
        self.host.get().search_episodes(text, filter)
    }

    /// Those that nobody has made into knowledge yet, the oldest first; `limit` 1 to 100.
    ///
    /// ```
    /// # use warren_agent::{Context, Entry, Result};
    /// fn consolidate(ctx: &Context) -> Result<()> {
    ///     let waiting = ctx.episodes().unconsolidated(50)?;
    ///     let Some(last) = waiting.last() else { return Ok(()) };
    ///     let said: Vec<&str> = waiting.iter().map(|episode| episode.content.as_str()).collect();
    ///     let entry = waiting
    ///         .iter()
    ///         .fold(Entry::new(said.join("\n")), |entry, episode| entry.derived_from(&episode.id));
    ///     ctx.knowledge().remember(entry)?;
    ///     ctx.episodes().consolidate(&last.id)
    /// }
    /// ```
    pub fn unconsolidated(self, limit: u32) -> Result<Vec<Episode>> {
        self.host.get().unconsolidated_episodes(limit)
    }

    /// Say that episodes up to this one are consolidated. It never goes back.
    pub fn consolidate(self, through: &str) -> Result<()> {
        self.host.get().consolidate_episodes(through)
    }
}
