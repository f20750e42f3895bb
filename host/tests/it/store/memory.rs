//! Semantic, episodic and procedural memory.

use warren::clock::Clock;
use warren::events::Json;
use warren::id::AgentName;
use warren::identity::TenantScope;
use warren::memory::{
    Found, KnowledgeQuery, KnowledgeWrite, Provenance, SearchMode, Validity, Visibility,
};
use warren::turn::Effect;

use super::Fixture;
use super::helpers::identity;

mod entries;
mod episodes;
mod erase;
mod knowledge;
mod procedures;
mod sessions;

/// Texts that somebody may type in the hope that they are more than text.
const HOSTILE: [&str; 14] = [
    "\"",
    "' OR 1=1 --",
    "NEAR(lamp lamp, 5)",
    "lamp AND",
    "NOT lamp",
    "content : lamp",
    "domain : \"1\" OR lamp",
    "- domain : lamp",
    "^lamp*",
    "(((",
    "lamp\0lamp",
    "🦀",
    "",
    "*",
];

fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

pub(super) fn entry(
    f: &Fixture,
    who: &str,
    visibility: Visibility,
    content: &str,
) -> KnowledgeWrite {
    let (customer, user) = identity(who);
    KnowledgeWrite {
        id: format!("kno_{who}_{visibility:?}_{content}").into(),
        external_id: None,
        content: content.into(),
        chunk_bytes: None,
        chunks: Vec::new(),
        metadata: Json::parse("metadata", "{}").unwrap(),
        tags: Vec::new(),
        source: None,
        visibility,
        expires: None,
        valid: Validity::default(),
        supersedes: None,
        superseded_by: None,
        customer,
        user,
        provenance: Provenance {
            writer: "worker".into(),
            turn: None,
            derived_from: Vec::new(),
        },
        created: f.clock.now(),
        now: f.clock.now(),
    }
}

pub(super) fn put(write: KnowledgeWrite) -> Effect {
    Effect::KnowledgePut(Box::new(write))
}

pub(super) fn ask(text: &str, mode: SearchMode) -> KnowledgeQuery {
    KnowledgeQuery::new(text, mode, 100)
}

async fn found(f: &Fixture, scope: &TenantScope, query: &KnowledgeQuery) -> Vec<String> {
    let Found { hits, shortfall } = f
        .knowledge
        .search(scope, query, f.clock.now())
        .await
        .unwrap();
    assert_eq!(shortfall, None);
    for pair in hits.windows(2) {
        assert!(pair[0].score >= pair[1].score, "the best first");
    }
    hits.iter()
        .inspect(|hit| assert!((0.0..=1.0).contains(&hit.score)))
        .map(|hit| hit.item.content.to_string())
        .collect()
}
