//! `knowledge`: what is known, found again by meaning and by words.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::memory;
use crate::sandbox::bindings::warren::agent::knowledge::{
    self, Entry, Item, Query, SearchMode, Visibility,
};
use crate::turn::NewEntry;

use super::{Fault, TurnView};

impl knowledge::Host for TurnView<'_> {
    async fn remember(&mut self, entry: Entry) -> Result<String, Fault> {
        let bytes = entry.content.len() + entry.metadata.len() + super::listed(&entry.tags);
        let turn = self
            .desk
            .enter(bytes + super::optional(&[&entry.external_id, &entry.source]))?;
        Ok(turn.remember(new_entry(entry)).await?)
    }

    async fn search(&mut self, query: Query) -> Result<Vec<Item>, Fault> {
        let texts = [&query.source, &query.metadata, &query.since, &query.until];
        let bytes = query.text.len() + super::listed(&query.tags) + super::optional(&texts);
        let turn = self.desk.enter(bytes)?;
        let hits = turn.search_knowledge(domain_query(query)?).await?;
        Ok(hits
            .into_iter()
            .map(|hit| item(hit.item, hit.score))
            .collect())
    }

    async fn get(&mut self, id: String) -> Result<Item, Fault> {
        let turn = self.desk.enter(id.len())?;
        Ok(item(turn.get_knowledge(&id).await?, 1.0))
    }

    async fn forget(&mut self, id: String) -> Result<bool, Fault> {
        let turn = self.desk.enter(id.len())?;
        Ok(turn.forget(&id).await?)
    }
}

fn new_entry(entry: Entry) -> NewEntry {
    NewEntry {
        external_id: entry.external_id,
        content: entry.content,
        metadata: entry.metadata,
        tags: entry.tags,
        source: entry.source,
        visibility: match entry.visibility {
            Visibility::Private => memory::Visibility::Private,
            Visibility::Customer => memory::Visibility::Customer,
            Visibility::Tenant => memory::Visibility::Tenant,
        },
        ttl_seconds: entry.ttl_seconds,
    }
}

fn domain_query(query: Query) -> Result<memory::KnowledgeQuery> {
    let instant =
        |field, text: Option<String>| text.map(|text| Timestamp::parse(field, &text)).transpose();
    let metadata = query.metadata.map(|text| Json::parse("metadata", &text));
    Ok(memory::KnowledgeQuery {
        text: query.text,
        mode: match query.mode {
            SearchMode::Hybrid => memory::SearchMode::Hybrid,
            SearchMode::Keyword => memory::SearchMode::Keyword,
            SearchMode::Vector => memory::SearchMode::Vector,
        },
        limit: query.limit,
        offset: query.offset,
        tags: query.tags,
        source: query.source,
        metadata: metadata.transpose()?,
        since: instant("since", query.since)?,
        until: instant("until", query.until)?,
        min_score: query.min_score,
    })
}

fn item(found: memory::KnowledgeItem, score: f64) -> Item {
    Item {
        id: found.id.to_string(),
        external_id: found.external_id,
        content: found.content.to_string(),
        metadata: found.metadata.as_str().to_owned(),
        tags: found.tags,
        source: found.source,
        visibility: match found.visibility {
            memory::Visibility::Private => Visibility::Private,
            memory::Visibility::Customer => Visibility::Customer,
            memory::Visibility::Tenant => Visibility::Tenant,
        },
        writer: found.writer.to_string(),
        created: found.created.to_string(),
        updated: found.updated.to_string(),
        score,
    }
}
