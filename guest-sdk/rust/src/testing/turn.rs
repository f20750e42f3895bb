//! What one turn of the test host did.

use serde::de::DeserializeOwned;

use super::world::World;
use super::{Failure, Json, Level, Payload};
use crate::event::Event;
use crate::host::When;

/// An event that a turn published, as its subscribers will see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The event.
    pub event: Event,
    /// When it is published: `When::Commit` if nothing was said.
    pub when: When,
}

/// A line of an agent's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The agent that wrote it.
    pub agent: String,
    /// How much it matters.
    pub level: Level,
    /// The text.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

/// What one turn did.
///
/// Of a turn that failed only its result, its log and its host calls are left, as on the real host.
#[derive(Clone)]
pub struct Turn {
    result: Result<(), Failure>,
    events: Vec<Published>,
    response: Option<Json>,
    log: Vec<LogLine>,
    host_calls: u32,
    after: World,
    agent: String,
    plan: Option<String>,
}

impl Turn {
    /// Takes what `world` recorded since `before`.
    pub(super) fn new(
        event: &Event,
        agent: &str,
        result: Result<(), Failure>,
        world: &mut World,
        before: &World,
    ) -> Self {
        if result.is_err() {
            world.roll_back(before);
        }
        Self {
            result,
            events: world.published.clone(),
            response: world.response.clone(),
            log: world.log.clone(),
            host_calls: world.host_calls,
            after: world.clone(),
            agent: agent.to_owned(),
            plan: event.plan.clone(),
        }
    }

    /// How it ended.
    pub fn result(&self) -> &Result<(), Failure> {
        &self.result
    }

    /// Payloads of the published events of this type, in order.
    ///
    /// # Panics
    /// If one of them is not a `P`.
    pub fn published<P: Payload + DeserializeOwned>(&self) -> Vec<P> {
        payloads(self.events.iter().map(|published| &published.event))
    }

    /// All published events in order, the response included.
    pub fn events(&self) -> &[Published] {
        &self.events
    }

    /// What was responded, if anything was.
    ///
    /// # Panics
    /// If it is not a `T`.
    pub fn response<T: DeserializeOwned>(&self) -> Option<T> {
        let response = self.response.as_ref()?;
        Some(
            response
                .read()
                .expect("the response is what the test expects"),
        )
    }

    /// A value of working memory as the agent would read it after this turn.
    ///
    /// # Panics
    /// If it is not a `T`.
    pub fn working<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.after.working(&self.agent, self.plan.as_deref(), key)?;
        Some(value.read().expect("the value is what the test expects"))
    }

    /// The lines of log.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// How many host functions were called, those of nested calls included.
    pub fn host_calls(&self) -> u32 {
        self.host_calls
    }
}

/// Payloads of the events that are a `P`.
pub(super) fn payloads<'a, P: Payload + DeserializeOwned>(
    events: impl Iterator<Item = &'a Event>,
) -> Vec<P> {
    events
        .filter(|event| event.topic == P::TOPIC && event.event_type == P::TYPE)
        .map(|event| {
            let data = event.data.read();
            data.expect("an event carries the payload of its type")
        })
        .collect()
}
