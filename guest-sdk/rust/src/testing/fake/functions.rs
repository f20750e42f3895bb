//! Each host function: count, check the grant, do.

use std::time::Duration;

use serde_json::Value;

use super::{DEPTH_MAX, EVENTS_MAX, Fake, RANDOM_BYTES_MAX, plain};
use crate::context::{
    AgentInfo, AgentQuery, Budget, CatalogEntry, CatalogQuery, Entry, EntryFilter, EntryPage,
    Episode, EpisodeFilter, EventInfo, EventQuery, Identity, Item, Level, NewProcedure, Procedure,
    Role, Schema, Search, Violation,
};
use crate::error::{Error, Result};
use crate::event::ReplyTo;
use crate::grant::Grant;
use crate::host::{Host, NewEvent, When};
use crate::instant::Instant;
use crate::json::Json;
use crate::testing::turn::LogLine;
use crate::testing::{catalog, lookup, words};
use crate::topic::Topic;

impl Host for Fake {
    fn publish(&self, event: NewEvent, when: When) -> Result<String> {
        self.enter(Some(Grant::EventsPublish))?;
        self.stage(event, when)
    }

    fn respond(&self, data: &Json) -> Result<String> {
        self.enter(Some(Grant::EventsPublish))?;
        let address = self.event.reply_to.as_ref().ok_or(Error::NotFound)?;
        if self.world.borrow().response.is_some() {
            let reason = "response: this turn has responded already";
            return Err(Error::Conflict(reason.to_owned()));
        }
        let event = plain(address.topic, &address.event_type, data);
        let id = match self.who.depth {
            0 => self.stage(event, When::Commit)?,
            _ => self.world.borrow_mut().next_id("evt"),
        };
        self.world.borrow_mut().response = Some(data.clone());
        Ok(id)
    }

    fn call(&self, event_type: &str, data: &Json, timeout_ms: u32) -> Result<Json> {
        self.enter(Some(Grant::EventsCall))?;
        if timeout_ms == 0 {
            return Err(Error::Invalid("timeout-ms: must be at least 1".to_owned()));
        }
        if let Some(answer) = self.settings.answers.get(event_type) {
            return answer(data);
        }
        if self.who.depth >= DEPTH_MAX {
            return Err(Error::Exhausted(format!(
                "call_depth_max is {DEPTH_MAX} nested calls, all used"
            )));
        }
        let tool = self.tool(event_type)?;
        let before = self.world.borrow().clone();
        let outer = self.world.borrow_mut().response.take();
        let id = self.world.borrow_mut().next_id("evt");
        let mut request = self.stamped(id, plain(Topic::ActionRequests, event_type, data));
        request.reply_to = Some(ReplyTo {
            topic: Topic::ActionResults,
            event_type: event_type.to_owned(),
        });
        let nested = Self::new(
            &self.world,
            &self.settings,
            &tool,
            &request,
            self.who.depth + 1,
        );
        let result = nested.run(&tool, request);
        let mut world = self.world.borrow_mut();
        let response = std::mem::replace(&mut world.response, outer);
        let reason = match (result, response) {
            (Ok(()), Some(response)) => return Ok(response),
            (Ok(()), None) => "ended without responding".to_owned(),
            (Err(failure), _) => failure.to_string(),
        };
        world.roll_back(&before);
        Err(Error::Unavailable(format!(
            "tool: `{}` {reason}",
            tool.name()
        )))
    }

    fn working_get(&self, key: &str) -> Result<Option<Json>> {
        self.enter(Some(Grant::WorkingRead))?;
        Self::key(key)?;
        Ok(self.current(key))
    }

    fn working_put(&self, key: &str, value: &Json, _ttl_ms: Option<u32>) -> Result<()> {
        self.enter(Some(Grant::WorkingWrite))?;
        Self::key(key)?;
        Self::json("value", value)?;
        self.set(key, Some(value.clone()));
        Ok(())
    }

    fn working_delete(&self, key: &str) -> Result<bool> {
        self.enter(Some(Grant::WorkingWrite))?;
        Self::key(key)?;
        let there = self.current(key).is_some();
        if there {
            self.set(key, None);
        }
        Ok(there)
    }

    fn working_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.enter(Some(Grant::WorkingRead))?;
        Self::limit(limit, 1_000)?;
        let world = self.world.borrow();
        let mut keys = world.working_keys(&self.who.agent, self.event.plan.as_deref());
        keys.retain(|key| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        keys.truncate(limit as usize);
        Ok(keys)
    }

    fn working_increment(&self, key: &str, by: f64) -> Result<f64> {
        self.enter(Some(Grant::WorkingWrite))?;
        Self::key(key)?;
        let old = match self.current(key) {
            None => 0.0,
            Some(value) => value
                .read::<f64>()
                .map_err(|_| Error::Conflict(format!("the value of `{key}` is not a number")))?,
        };
        let sum = old + by;
        let whole = sum.fract() == 0.0 && sum.abs() <= 9_007_199_254_740_992.0;
        let value = if whole {
            Json::of(&(sum as i64))?
        } else {
            Json::of(&sum)?
        };
        self.set(key, Some(value));
        Ok(sum)
    }

    fn working_append(&self, key: &str, value: &Json) -> Result<u32> {
        self.enter(Some(Grant::WorkingWrite))?;
        Self::key(key)?;
        let value = Self::json("value", value)?;
        let mut items = match self.current(key) {
            None => Vec::new(),
            Some(old) => old
                .read::<Vec<Value>>()
                .map_err(|_| Error::Conflict(format!("the value of `{key}` is not an array")))?,
        };
        items.push(value);
        self.set(key, Some(Json::of(&items)?));
        Ok(items.len() as u32)
    }

    fn remember(&self, entry: Entry) -> Result<String> {
        self.enter(Some(Grant::KnowledgeWrite))?;
        let mut world = self.world.borrow_mut();
        Ok(world.remember(entry, &self.who.agent, &self.settings.now))
    }

    fn search_knowledge(&self, search: Search) -> Result<Vec<Item>> {
        self.enter(Some(Grant::KnowledgeRead))?;
        Self::limit(search.limit, 100)?;
        Ok(self.world.borrow().search(&search, &self.settings.now))
    }

    fn list_knowledge(&self, filter: EntryFilter) -> Result<EntryPage> {
        self.enter(Some(Grant::KnowledgeRead))?;
        Self::limit(filter.limit, 100)?;
        Ok(self.world.borrow().list(&filter, &self.settings.now))
    }

    fn get_knowledge(&self, id: &str) -> Result<Item> {
        self.enter(Some(Grant::KnowledgeRead))?;
        let world = self.world.borrow();
        let found = world.knowledge.iter().find(|item| item.id == id);
        found.cloned().ok_or(Error::NotFound)
    }

    fn forget(&self, id: &str) -> Result<bool> {
        self.enter(Some(Grant::KnowledgeWrite))?;
        Ok(self.world.borrow_mut().forget(id))
    }

    fn add_episode(&self, role: Role, content: &str, metadata: &Json) -> Result<String> {
        self.enter(Some(Grant::EpisodesWrite))?;
        Self::json("metadata", metadata)?;
        let episode = Episode {
            id: String::new(),
            role,
            content: content.to_owned(),
            metadata: metadata.clone(),
            session: self.event.session.clone(),
            time: self.settings.now.clone(),
        };
        Ok(self.world.borrow_mut().add_episode(self.whose(), episode))
    }

    fn recent_episodes(&self, filter: EpisodeFilter) -> Result<Vec<Episode>> {
        self.enter(Some(Grant::EpisodesRead))?;
        Self::limit(filter.limit, 100)?;
        let mut found = self.world.borrow().episodes(self.whose(), &filter);
        found.truncate(filter.limit as usize);
        Ok(found)
    }

    fn search_episodes(&self, text: &str, filter: EpisodeFilter) -> Result<Vec<Episode>> {
        self.enter(Some(Grant::EpisodesRead))?;
        Self::limit(filter.limit, 100)?;
        let found = self.world.borrow().episodes(self.whose(), &filter);
        let scored = found
            .into_iter()
            .map(|episode| (words::score(text, &episode.content), episode));
        let best = words::best_first(scored.collect()).into_iter();
        let best = best.map(|(_, episode)| episode);
        Ok(best.take(filter.limit as usize).collect())
    }

    fn unconsolidated_episodes(&self, limit: u32) -> Result<Vec<Episode>> {
        self.enter(Some(Grant::EpisodesRead))?;
        Self::limit(limit, 100)?;
        Ok(self.world.borrow().unconsolidated(self.whose(), limit))
    }

    fn consolidate_episodes(&self, through: &str) -> Result<()> {
        self.enter(Some(Grant::EpisodesWrite))?;
        let mut world = self.world.borrow_mut();
        let there = world.consolidate(self.whose(), through);
        there.then_some(()).ok_or(Error::NotFound)
    }

    fn put_procedure(&self, procedure: NewProcedure) -> Result<u32> {
        self.enter(Some(Grant::ProceduresWrite))?;
        let mut world = self.world.borrow_mut();
        Ok(world.put_procedure(procedure, &self.who.agent, &self.settings.now))
    }

    fn get_procedure(&self, name: &str, version: Option<u32>) -> Result<Procedure> {
        self.enter(Some(Grant::ProceduresRead))?;
        let world = self.world.borrow();
        world
            .procedure(name, version)
            .cloned()
            .ok_or(Error::NotFound)
    }

    fn activate_procedure(&self, name: &str, version: u32) -> Result<()> {
        self.enter(Some(Grant::ProceduresWrite))?;
        let there = self.world.borrow_mut().activate(name, version);
        there.then_some(()).ok_or(Error::NotFound)
    }

    fn roll_back_procedure(&self, name: &str) -> Result<u32> {
        self.enter(Some(Grant::ProceduresWrite))?;
        let mut world = self.world.borrow_mut();
        world.procedure(name, None).ok_or(Error::NotFound)?;
        let version = world.roll_back_procedure(name);
        version.ok_or_else(|| Error::Conflict(format!("`{name}` has nothing to go back to")))
    }

    fn match_procedures(&self, situation: &str, limit: u32) -> Result<Vec<Procedure>> {
        self.enter(Some(Grant::ProceduresRead))?;
        Self::limit(limit, 50)?;
        Ok(self.world.borrow().match_procedures(situation, limit))
    }

    fn find_agents(&self, query: AgentQuery) -> Result<Vec<AgentInfo>> {
        self.enter(Some(Grant::RegistryRead))?;
        Self::limit(query.limit, 100)?;
        Ok(lookup::agents(&self.settings.agents, &query))
    }

    fn discover(&self, query: CatalogQuery) -> Result<Vec<CatalogEntry>> {
        self.enter(Some(Grant::RegistryRead))?;
        Self::limit(query.limit, 100)?;
        Ok(catalog::discover(&self.settings.agents, &query))
    }

    fn get_agent(&self, name: &str) -> Result<AgentInfo> {
        self.enter(Some(Grant::RegistryRead))?;
        let mut agents = self.settings.agents.iter();
        let found = agents.find(|agent| agent.name() == name);
        found
            .map(|agent| lookup::info(agent))
            .ok_or(Error::NotFound)
    }

    fn find_events(&self, query: EventQuery) -> Result<Vec<EventInfo>> {
        self.enter(Some(Grant::RegistryRead))?;
        Self::limit(query.limit, 100)?;
        Ok(lookup::events(&self.settings.agents, &query))
    }

    fn get_schema(&self, name: &str, version: Option<u32>) -> Result<Schema> {
        self.enter(Some(Grant::RegistryRead))?;
        let body = lookup::schema(&self.settings.agents, name)
            .filter(|_| version.is_none_or(|version| version == 1))
            .ok_or(Error::NotFound)?;
        Ok(Schema {
            name: name.to_owned(),
            version: 1,
            body,
        })
    }

    fn validate(&self, schema: &str, _value: &Json) -> Result<Vec<Violation>> {
        self.enter(Some(Grant::RegistryRead))?;
        let told = self.settings.violations.get(schema).cloned();
        told.ok_or_else(|| {
            Error::Unavailable(format!(
                "the test host checks no schemas; tell it what it finds by `.with_violations({schema:?}, …)`"
            ))
        })
    }

    fn who(&self) -> Identity {
        self.count();
        self.who.clone()
    }

    fn budget(&self) -> Budget {
        self.count();
        let world = self.world.borrow();
        Budget {
            time: Duration::from_secs(30),
            cpu: Duration::from_secs(1),
            host_calls: 10_000_u32.saturating_sub(world.host_calls),
            events: EVENTS_MAX.saturating_sub(world.published.len()) as u32,
            writes: 1_000_u32.saturating_sub(world.writes),
            output_bytes: 1024 * 1024,
        }
    }

    fn cancelled(&self) -> bool {
        self.count();
        self.settings.cancelled
    }

    fn config(&self, key: &str) -> Result<Option<String>> {
        self.enter(None)?;
        Ok(self.settings.config.get(key).cloned())
    }

    fn log(&self, level: Level, message: &str, fields: &[(String, String)]) {
        self.count();
        self.world.borrow_mut().log.push(LogLine {
            agent: self.who.agent.clone(),
            level,
            message: message.to_owned(),
            fields: fields.to_vec(),
        });
    }

    fn now(&self) -> Instant {
        self.count();
        self.settings.now.clone()
    }

    fn elapsed(&self) -> Duration {
        self.count();
        Duration::ZERO
    }

    fn random(&self, len: u32) -> Result<Vec<u8>> {
        self.enter(None)?;
        Self::limit(len, RANDOM_BYTES_MAX)?;
        // The same in every run, and other bytes at every call.
        let seed = self.world.borrow().host_calls;
        Ok((0..len)
            .map(|at| (seed.wrapping_mul(31).wrapping_add(at.wrapping_mul(167))) as u8)
            .collect())
    }
}
