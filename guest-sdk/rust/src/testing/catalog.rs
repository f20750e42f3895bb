//! The catalogue of the test host: the agents that a test gave it, all of them active.

use std::rc::Rc;

use serde_json::Value;

use super::words::{best_first, score};
use crate::agent::{Agent, Kind};
use crate::context::{CatalogEntry, CatalogQuery};
use crate::json::Json;

/// The state of everything here.
const STATE: &str = "active";

pub(super) fn discover(all: &[Rc<Agent>], query: &CatalogQuery) -> Vec<CatalogEntry> {
    let said = all.iter().map(|agent| {
        let text = agent.manifest();
        let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
        (Rc::clone(agent), manifest)
    });
    let mut found: Vec<CatalogEntry> = said
        .filter(|(agent, manifest)| matches(agent, manifest, query))
        .map(|(agent, manifest)| entry(&agent, &manifest))
        .collect();
    match &query.about {
        None => found.sort_by(|a, b| a.name.cmp(&b.name)),
        Some(question) => {
            let scored = found.into_iter().map(|entry| {
                let told = entry.definition.as_str().to_owned();
                (score(question, &told), entry)
            });
            let scored = best_first(scored.collect()).into_iter();
            let scored = scored.map(|(score, entry)| CatalogEntry {
                score: Some(score),
                ..entry
            });
            found = scored.collect();
        }
    }
    found.truncate(query.limit as usize);
    found
}

fn matches(agent: &Agent, manifest: &Value, query: &CatalogQuery) -> bool {
    let is = |wanted: &Option<String>, member: &str| {
        wanted
            .as_deref()
            .is_none_or(|wanted| manifest[member] == wanted)
    };
    let lists = |list: &Value, member: &str, wanted: &str| {
        let mut all = list.as_array().into_iter().flatten();
        all.any(|one| one[member] == wanted)
    };
    let has_tag = |tag: &String| {
        let mut tags = manifest["tags"].as_array().into_iter().flatten();
        tags.any(|known| known == tag.as_str())
    };
    let of = |wanted: &Option<String>, list: &str, member: &str| {
        wanted
            .as_deref()
            .is_none_or(|wanted| lists(&manifest[list], member, wanted))
    };
    let carries_out = |task: &str| {
        let mut all = manifest["capabilities"].as_array().into_iter().flatten();
        all.any(|one| {
            let mut tasks = one["tasks"].as_array().into_iter().flatten();
            tasks.any(|known| known == task)
        })
    };
    let contains = |part: &Option<String>, whole: &str| {
        part.as_deref()
            .is_none_or(|part| whole.to_lowercase().contains(&part.to_lowercase()))
    };
    query.id.as_deref().is_none_or(|id| id == agent.name())
        && contains(&query.name, agent.name())
        && query
            .kind
            .as_deref()
            .is_none_or(|wanted| wanted == kind(agent))
        && is(&query.category, "category")
        && is(&query.owner, "owner")
        && query.tags.iter().all(has_tag)
        && of(&query.capability, "capabilities", "name")
        && query.task.as_deref().is_none_or(carries_out)
        && of(&query.consumes, "subscriptions", "type")
        && of(&query.produces, "produces", "type")
        && query.state.as_deref().is_none_or(|wanted| wanted == STATE)
        && query.hosted != Some(false)
        && query
            .text
            .as_deref()
            .is_none_or(|text| score(text, agent.description()) > 0.0)
        && query
            .after
            .as_deref()
            .is_none_or(|after| agent.name() > after)
}

/// What sort of entry an agent of the host is.
fn kind(agent: &Agent) -> &'static str {
    match agent.kind() {
        Kind::Tool => "tool",
        Kind::Worker | Kind::Planner | Kind::Agent => "agent",
    }
}

fn entry(agent: &Agent, manifest: &Value) -> CatalogEntry {
    let (name, kind) = (agent.name(), kind(agent));
    CatalogEntry {
        name: name.to_owned(),
        kind: kind.to_owned(),
        hosted: true,
        state: STATE.to_owned(),
        owner: manifest["owner"].as_str().map(str::to_owned),
        description: agent.description().to_owned(),
        url: None,
        score: None,
        brief: format!("{name} ({kind}, {STATE}): {}\n", agent.description()),
        definition: Json::from_text(agent.manifest()),
    }
}
