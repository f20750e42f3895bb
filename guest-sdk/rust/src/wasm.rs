//! The host behind the generated bindings.
//!
//! Invariant: one call in, one call out; nothing is decided here. Compiled natively too, so that checks of
//! the host's build see it; the imports behind it exist in a component only.

use std::time::Duration;

use crate::agent::Agent;
use crate::context::{
    AgentInfo, AgentQuery, Budget, CatalogEntry, CatalogQuery, Context, Entry, EntryFilter,
    EntryPage, Episode, EpisodeFilter, EventInfo, EventQuery, Identity, Item, Level, NewProcedure,
    Procedure, Role, Schema, Search, Violation,
};
use crate::error::{Failure, Result};
use crate::host::{Backend, Host, NewEvent, When};
use crate::instant::Instant;
use crate::json::Json;

mod convert;
#[cfg(all(target_family = "wasm", feature = "heap"))]
mod heap;

/// What `wit-bindgen` makes of the contract.
#[expect(missing_docs, reason = "generated; the contract documents it")]
#[allow(
    unsafe_code,
    unused_qualifications,
    unreachable_pub,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "agent",
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "warren_agent::wasm::bindings",
    });
}

use bindings::warren::agent as wit;

/// Handle an event with the agent that `declare` makes. Called by [`export!`](crate::export!) alone.
///
/// # Errors
/// What the handler returns.
pub fn handle(declare: fn() -> Agent, event: bindings::Event) -> Result<(), bindings::Failure> {
    log_panics();
    run(&declare(), event).map_err(|failure| {
        if let Failure::Retry {
            reason: Some(reason),
            ..
        } = &failure
        {
            // The contract has no place for the reason of a retry.
            Wasm.log(Level::Warn, reason, &[]);
        }
        failure.into()
    })
}

fn run(agent: &Agent, event: bindings::Event) -> Result<(), Failure> {
    let event = convert::event(event)?;
    agent.handle(&context(), event)
}

#[cfg(target_family = "wasm")]
fn context() -> Context {
    Context::new(Backend(Wasm))
}

#[cfg(not(target_family = "wasm"))]
fn context() -> Context {
    Context::new(Backend(std::rc::Rc::new(Wasm)))
}

/// A panic is a trap, and a trap has no words: they go to the log before it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a panic without words");
        let at = panic
            .location()
            .map(|at| ("at".to_owned(), format!("{}:{}", at.file(), at.line())));
        Wasm.log(Level::Error, &format!("panicked: {message}"), at.as_slice());
    }));
}

/// The host that runs this component.
#[derive(Debug, Clone, Copy)]
pub struct Wasm;

impl Host for Wasm {
    fn publish(&self, event: NewEvent, when: When) -> Result<String> {
        let draft = event.into();
        Ok(match when {
            When::Commit => wit::events::publish(&draft),
            When::After(delay_ms) => wit::events::publish_later(&draft, delay_ms),
            When::At(instant) => wit::events::publish_at(&draft, instant.as_str()),
        }?)
    }

    fn respond(&self, data: &Json) -> Result<String> {
        Ok(wit::events::respond(data.as_str())?)
    }

    fn call(&self, event_type: &str, data: &Json, timeout_ms: u32) -> Result<Json> {
        let answer = wit::events::call(event_type, data.as_str(), timeout_ms)?;
        Ok(Json::from_text(answer))
    }

    fn working_get(&self, key: &str) -> Result<Option<Json>> {
        Ok(wit::working::get(key)?.map(Json::from_text))
    }

    fn working_put(&self, key: &str, value: &Json, ttl_ms: Option<u32>) -> Result<()> {
        Ok(wit::working::put(key, value.as_str(), ttl_ms)?)
    }

    fn working_delete(&self, key: &str) -> Result<bool> {
        Ok(wit::working::delete(key)?)
    }

    fn working_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        Ok(wit::working::keys(prefix, after, limit)?)
    }

    fn working_increment(&self, key: &str, by: f64) -> Result<f64> {
        Ok(wit::working::increment(key, by)?)
    }

    fn working_append(&self, key: &str, value: &Json) -> Result<u32> {
        Ok(wit::working::append(key, value.as_str())?)
    }

    fn remember(&self, entry: Entry) -> Result<String> {
        Ok(wit::knowledge::remember(&entry.into())?)
    }

    fn search_knowledge(&self, search: Search) -> Result<Vec<Item>> {
        let items = wit::knowledge::search(&search.into())?;
        Ok(items.into_iter().map(Item::from).collect())
    }

    fn list_knowledge(&self, filter: EntryFilter) -> Result<EntryPage> {
        Ok(wit::knowledge::list_entries(&filter.into())?.into())
    }

    fn get_knowledge(&self, id: &str) -> Result<Item> {
        Ok(wit::knowledge::get(id)?.into())
    }

    fn forget(&self, id: &str) -> Result<bool> {
        Ok(wit::knowledge::forget(id)?)
    }

    fn add_episode(&self, role: Role, content: &str, metadata: &Json) -> Result<String> {
        Ok(wit::episodes::add(role.into(), content, metadata.as_str())?)
    }

    fn recent_episodes(&self, filter: EpisodeFilter) -> Result<Vec<Episode>> {
        let episodes = wit::episodes::recent(&filter.into())?;
        Ok(episodes.into_iter().map(Episode::from).collect())
    }

    fn search_episodes(&self, text: &str, filter: EpisodeFilter) -> Result<Vec<Episode>> {
        let episodes = wit::episodes::search(text, &filter.into())?;
        Ok(episodes.into_iter().map(Episode::from).collect())
    }

    fn unconsolidated_episodes(&self, limit: u32) -> Result<Vec<Episode>> {
        let episodes = wit::episodes::unconsolidated(limit)?;
        Ok(episodes.into_iter().map(Episode::from).collect())
    }

    fn consolidate_episodes(&self, through: &str) -> Result<()> {
        Ok(wit::episodes::consolidate(through)?)
    }

    fn put_procedure(&self, procedure: NewProcedure) -> Result<u32> {
        Ok(wit::procedures::put(&procedure.into())?)
    }

    fn get_procedure(&self, name: &str, version: Option<u32>) -> Result<Procedure> {
        Ok(wit::procedures::get(name, version)?.into())
    }

    fn activate_procedure(&self, name: &str, version: u32) -> Result<()> {
        Ok(wit::procedures::activate(name, version)?)
    }

    fn roll_back_procedure(&self, name: &str) -> Result<u32> {
        Ok(wit::procedures::roll_back(name)?)
    }

    fn match_procedures(&self, situation: &str, limit: u32) -> Result<Vec<Procedure>> {
        let procedures = wit::procedures::match_situation(situation, limit)?;
        Ok(procedures.into_iter().map(Procedure::from).collect())
    }

    fn find_agents(&self, query: AgentQuery) -> Result<Vec<AgentInfo>> {
        let agents = wit::registry::find_agents(&query.into())?;
        Ok(agents.into_iter().map(AgentInfo::from).collect())
    }

    fn discover(&self, query: CatalogQuery) -> Result<Vec<CatalogEntry>> {
        let found = wit::registry::discover(&query.into())?;
        Ok(found.into_iter().map(CatalogEntry::from).collect())
    }

    fn get_agent(&self, name: &str) -> Result<AgentInfo> {
        Ok(wit::registry::get_agent(name)?.into())
    }

    fn find_events(&self, query: EventQuery) -> Result<Vec<EventInfo>> {
        let events = wit::registry::find_events(&query.into())?;
        Ok(events.into_iter().map(EventInfo::from).collect())
    }

    fn get_schema(&self, name: &str, version: Option<u32>) -> Result<Schema> {
        Ok(wit::registry::get_schema(name, version)?.into())
    }

    fn validate(&self, schema: &str, value: &Json) -> Result<Vec<Violation>> {
        let violations = wit::registry::validate(schema, value.as_str())?;
        Ok(violations.into_iter().map(Violation::from).collect())
    }

    fn who(&self) -> Identity {
        wit::context::who().into()
    }

    fn budget(&self) -> Budget {
        wit::context::remaining().into()
    }

    fn cancelled(&self) -> bool {
        wit::context::cancelled()
    }

    fn config(&self, key: &str) -> Result<Option<String>> {
        Ok(wit::context::config(key)?)
    }

    fn log(&self, level: Level, message: &str, fields: &[(String, String)]) {
        wit::log::log(level.into(), message, fields);
    }

    fn now(&self) -> Instant {
        Instant::from_text(wit::clock::now())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(wit::clock::elapsed_ms().into())
    }

    fn random(&self, len: u32) -> Result<Vec<u8>> {
        Ok(wit::random::bytes(len)?)
    }
}
