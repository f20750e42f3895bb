//! The registry of the test host: the agents that a test gave it.

use std::rc::Rc;

use super::words::score;
use crate::agent::{Agent, EventEntry};
use crate::context::{AgentInfo, AgentQuery, EventInfo, EventQuery};
use crate::json::Json;

pub(super) fn agents(all: &[Rc<Agent>], query: &AgentQuery) -> Vec<AgentInfo> {
    let has = |part: Option<&String>, whole: &str| {
        part.is_none_or(|part| whole.to_lowercase().contains(&part.to_lowercase()))
    };
    let of_type = |wanted: Option<&String>, mut entries: std::slice::Iter<'_, EventEntry>| {
        wanted.is_none_or(|wanted| entries.any(|entry| entry.event_type == *wanted))
    };
    let mut found: Vec<AgentInfo> = all
        .iter()
        .filter(|agent| {
            has(query.name.as_ref(), agent.name())
                && query.kind.is_none_or(|kind| kind == agent.kind())
                && of_type(query.consumes.as_ref(), agent.subscriptions().iter())
                && of_type(query.produces.as_ref(), agent.produced().iter())
                && query
                    .capability
                    .as_ref()
                    .is_none_or(|name| agent.has_capability(name))
                && query
                    .text
                    .as_ref()
                    .is_none_or(|text| score(text, agent.description()) > 0.0)
                && query
                    .after
                    .as_deref()
                    .is_none_or(|after| agent.name() > after)
        })
        .map(|agent| info(agent))
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found.truncate(query.limit as usize);
    found
}

pub(super) fn info(agent: &Agent) -> AgentInfo {
    AgentInfo {
        name: agent.name().to_owned(),
        kind: agent.kind().as_str().to_owned(),
        description: agent.description().to_owned(),
        status: "active".to_owned(),
        digest: format!("sha256:{}", "0".repeat(64)),
        manifest: Json::from_text(agent.manifest()),
    }
}

pub(super) fn events(all: &[Rc<Agent>], query: &EventQuery) -> Vec<EventInfo> {
    let mut found: Vec<EventInfo> = Vec::new();
    for agent in all {
        for entry in agent.subscriptions() {
            let event = definition(&mut found, entry);
            event.consumers.push(agent.name().to_owned());
            event.actionable = true;
        }
        for entry in agent.produced() {
            let event = definition(&mut found, entry);
            event.producers.push(agent.name().to_owned());
        }
    }
    found.retain(|event| {
        query
            .event_type
            .as_ref()
            .is_none_or(|part| event.event_type.contains(part.as_str()))
            && query
                .topic
                .is_none_or(|topic| topic.as_str() == event.topic)
            && query
                .text
                .as_ref()
                .is_none_or(|text| score(text, &event.description) > 0.0)
            && (event.actionable || !query.actionable)
            && query
                .after
                .as_ref()
                .is_none_or(|after| event.event_type > *after)
    });
    found.sort_by(|left, right| left.event_type.cmp(&right.event_type));
    found.truncate(query.limit as usize);
    found
}

/// The schema of an event type that some agent declares.
pub(super) fn schema(all: &[Rc<Agent>], name: &str) -> Option<Json> {
    let entries = all
        .iter()
        .flat_map(|agent| agent.subscriptions().iter().chain(agent.produced()));
    entries
        .filter(|entry| entry.event_type == name)
        .find_map(|entry| entry.schema.clone())
}

fn definition<'a>(found: &'a mut Vec<EventInfo>, entry: &EventEntry) -> &'a mut EventInfo {
    let known = found
        .iter()
        .position(|event| event.event_type == entry.event_type);
    let at = known.unwrap_or_else(|| {
        found.push(EventInfo {
            event_type: entry.event_type.clone(),
            topic: entry.topic.as_str().to_owned(),
            description: entry.description.to_owned(),
            schema: entry.schema.as_ref().map(|_| entry.event_type.clone()),
            actionable: false,
            consumers: Vec::new(),
            producers: Vec::new(),
        });
        found.len() - 1
    });
    found.get_mut(at).expect("it was found or pushed")
}
