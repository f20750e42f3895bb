//! The host as the SDK sees it: the contract's functions in the SDK's types.
//!
//! Invariant: two things implement it, [`crate::wasm::Wasm`] over the generated bindings and the fake host
//! of [`crate::testing`]. In a component the type is known, so that functions that an agent does not use
//! leave neither code nor imports behind; a trait object would keep all of them.

use std::time::Duration;

use crate::context::{
    AgentInfo, AgentQuery, Budget, CatalogEntry, CatalogQuery, Entry, EntryFilter, EntryPage,
    Episode, EpisodeFilter, EventInfo, EventQuery, Identity, Item, Level, NewProcedure, Procedure,
    Role, Schema, Search, Violation,
};
use crate::error::Result;
use crate::instant::Instant;
use crate::json::Json;
use crate::topic::Topic;

/// What [`crate::Context`] holds: in a component the only host there is.
#[cfg(target_family = "wasm")]
pub(crate) struct Backend(pub(crate) crate::wasm::Wasm);

/// What [`crate::Context`] holds: natively whatever a test gives.
#[cfg(not(target_family = "wasm"))]
pub(crate) struct Backend(pub(crate) std::rc::Rc<dyn Host>);

impl Backend {
    #[cfg(target_family = "wasm")]
    pub(crate) fn get(&self) -> &impl Host {
        &self.0
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn get(&self) -> &(impl Host + ?Sized + use<>) {
        &*self.0
    }
}

/// An event to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its topic.
    pub topic: Topic,
    /// Its type.
    pub event_type: String,
    /// Its payload.
    pub data: Json,
    /// What it is about.
    pub subject: Option<String>,
    /// The name of the registered schema of its payload.
    pub schema: Option<String>,
    /// Instead of the handled event's.
    pub correlation: Option<String>,
    /// Instead of the handled event's.
    pub session: Option<String>,
    /// Instead of the handled event's.
    pub goal: Option<String>,
    /// Instead of the handled event's.
    pub plan: Option<String>,
    /// Instead of the handled event's.
    pub task: Option<String>,
    /// Where its answer goes.
    pub reply_to: Option<crate::event::ReplyTo>,
    /// CloudEvents extension attributes.
    pub extensions: Vec<(String, String)>,
}

/// When an event is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// When the turn commits.
    Commit,
    /// This many milliseconds after the turn commits.
    After(u32),
    /// At an instant.
    At(Instant),
}

/// Every function that a host offers; see the contract for what each does.
#[expect(missing_docs, reason = "the contract in `wit/` documents them")]
pub trait Host {
    fn publish(&self, event: NewEvent, when: When) -> Result<String>;
    fn respond(&self, data: &Json) -> Result<String>;
    fn call(&self, event_type: &str, data: &Json, timeout_ms: u32) -> Result<Json>;

    fn working_get(&self, key: &str) -> Result<Option<Json>>;
    fn working_put(&self, key: &str, value: &Json, ttl_ms: Option<u32>) -> Result<()>;
    fn working_delete(&self, key: &str) -> Result<bool>;
    fn working_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>>;
    fn working_increment(&self, key: &str, by: f64) -> Result<f64>;
    fn working_append(&self, key: &str, value: &Json) -> Result<u32>;

    fn remember(&self, entry: Entry) -> Result<String>;
    fn search_knowledge(&self, search: Search) -> Result<Vec<Item>>;
    fn list_knowledge(&self, filter: EntryFilter) -> Result<EntryPage>;
    fn get_knowledge(&self, id: &str) -> Result<Item>;
    fn forget(&self, id: &str) -> Result<bool>;

    fn add_episode(&self, role: Role, content: &str, metadata: &Json) -> Result<String>;
    fn recent_episodes(&self, filter: EpisodeFilter) -> Result<Vec<Episode>>;
    fn search_episodes(&self, text: &str, filter: EpisodeFilter) -> Result<Vec<Episode>>;
    fn unconsolidated_episodes(&self, limit: u32) -> Result<Vec<Episode>>;
    fn consolidate_episodes(&self, through: &str) -> Result<()>;

    fn put_procedure(&self, procedure: NewProcedure) -> Result<u32>;
    fn get_procedure(&self, name: &str, version: Option<u32>) -> Result<Procedure>;
    fn activate_procedure(&self, name: &str, version: u32) -> Result<()>;
    fn roll_back_procedure(&self, name: &str) -> Result<u32>;
    fn match_procedures(&self, situation: &str, limit: u32) -> Result<Vec<Procedure>>;

    fn find_agents(&self, query: AgentQuery) -> Result<Vec<AgentInfo>>;
    fn discover(&self, query: CatalogQuery) -> Result<Vec<CatalogEntry>>;
    fn get_agent(&self, name: &str) -> Result<AgentInfo>;
    fn find_events(&self, query: EventQuery) -> Result<Vec<EventInfo>>;
    fn get_schema(&self, name: &str, version: Option<u32>) -> Result<Schema>;
    fn validate(&self, schema: &str, value: &Json) -> Result<Vec<Violation>>;

    fn who(&self) -> Identity;
    fn budget(&self) -> Budget;
    fn cancelled(&self) -> bool;
    fn config(&self, key: &str) -> Result<Option<String>>;
    fn log(&self, level: Level, message: &str, fields: &[(String, String)]);
    fn now(&self) -> Instant;
    fn elapsed(&self) -> Duration;
    fn random(&self, len: u32) -> Result<Vec<u8>>;
}
