//! `knowledge`: what is known, found again by meaning and by words.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::id::Position;
use crate::memory::{self, NewEntry};
use crate::sandbox::bindings::warren::agent::knowledge::{
    self, Entry, Filter, Item, Page, Part, Query, SearchMode, Visibility,
};

use super::{Fault, TurnView};

impl knowledge::Host for TurnView<'_> {
    async fn remember(&mut self, entry: Entry) -> Result<String, Fault> {
        let lists = super::listed(&entry.tags) + super::listed(&entry.derived_from);
        let bytes = entry.content.len() + entry.metadata.len() + lists;
        let texts = [
            &entry.external_id,
            &entry.source,
            &entry.valid_from,
            &entry.valid_until,
            &entry.supersedes,
        ];
        let turn = self.desk.enter(bytes + super::optional(&texts))?;
        Ok(turn.remember(new_entry(entry)).await?)
    }

    async fn search(&mut self, query: Query) -> Result<Vec<Item>, Fault> {
        let texts = [
            &query.source,
            &query.metadata,
            &query.since,
            &query.until,
            &query.as_of,
        ];
        let bytes = query.text.len() + super::listed(&query.tags) + super::optional(&texts);
        let turn = self.desk.enter(bytes)?;
        let hits = turn.search_knowledge(domain_query(query)?).await?;
        Ok(hits
            .into_iter()
            .map(|hit| item(hit.item, hit.score))
            .collect())
    }

    async fn list_entries(&mut self, filter: Filter) -> Result<Page, Fault> {
        let texts = [
            &filter.source,
            &filter.metadata,
            &filter.since,
            &filter.until,
            &filter.as_of,
            &filter.document,
            &filter.after,
        ];
        let bytes = super::listed(&filter.tags) + super::optional(&texts);
        let turn = self.desk.enter(bytes)?;
        let (filter, page) = domain_filter(filter)?;
        let found = turn.list_knowledge(filter, page).await?;
        Ok(Page {
            items: found.items.into_iter().map(|one| item(one, 1.0)).collect(),
            next: found.next.map(|next| next.0.to_string()),
        })
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
        valid_from: entry.valid_from,
        valid_until: entry.valid_until,
        supersedes: entry.supersedes,
        derived_from: entry.derived_from,
        chunk_bytes: entry.chunk_bytes,
    }
}

fn instant(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>> {
    text.map(|text| Timestamp::parse(field, &text)).transpose()
}

fn domain_filter(filter: Filter) -> Result<(memory::KnowledgeFilter, memory::PageOf)> {
    let metadata = filter.metadata.map(|text| Json::parse("metadata", &text));
    let place = |text: String| {
        let number: Result<i64, _> = text.parse();
        number
            .map(Position)
            .map_err(|_| Error::invalid("after", "is not the `next` of a page"))
    };
    let page = memory::PageOf {
        before: filter.after.map(place).transpose()?,
        limit: filter.limit,
    };
    let filter = memory::KnowledgeFilter {
        tags: filter.tags,
        source: filter.source,
        metadata: metadata.transpose()?,
        since: instant("since", filter.since)?,
        until: instant("until", filter.until)?,
        as_of: instant("as-of", filter.as_of)?,
        document: filter.document,
    };
    Ok((filter, page))
}

fn domain_query(query: Query) -> Result<memory::KnowledgeQuery> {
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
        as_of: instant("as-of", query.as_of)?,
        min_score: query.min_score,
    })
}

fn item(found: memory::KnowledgeItem, score: f64) -> Item {
    let provenance = found.provenance;
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
        valid_from: found.valid.from.map(|at| at.to_string()),
        valid_until: found.valid.until.map(|at| at.to_string()),
        superseded_by: found.superseded_by.map(|id| id.to_string()),
        part: found.part.map(|part| Part {
            document: part.document.to_string(),
            number: part.number,
            of: part.of,
        }),
        writer: provenance.writer.to_string(),
        turn: provenance.turn.map(|turn| turn.to_string()),
        derived_from: provenance.derived_from,
        created: found.created.to_string(),
        updated: found.updated.to_string(),
        score,
    }
}
