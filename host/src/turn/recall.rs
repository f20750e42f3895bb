//! Reading semantic and episodic memory inside a turn, with its own writes on top.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Page;
use crate::id::{AgentName, Label};
use crate::memory::{
    EPISODES_LIMIT_MAX, Episode, EpisodeFilter, Found, Hit, KnowledgeFilter, KnowledgeItem,
    KnowledgeQuery, KnowledgeWrite, LIST_LIMIT_MAX, PageOf, Part, QUERY_BYTES_MAX, Role,
    SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX, Validity,
};
use crate::registry::Grant;

use super::{Effect, LogLevel, Read, Turn};

/// Which episodes, as a guest says it, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct EpisodeSelect {
    /// Of this session.
    pub session: Option<String>,
    /// By this role.
    pub role: Option<Role>,
    /// At or after this RFC 3339 instant.
    pub since: Option<String>,
    /// Before this RFC 3339 instant.
    pub until: Option<String>,
    /// At most this many.
    pub limit: u32,
    /// Older than the episode of this id.
    pub before: Option<String>,
}

impl Turn {
    /// The best hits first, as of the last commit.
    pub async fn search_knowledge(&mut self, query: KnowledgeQuery) -> Result<Vec<Hit>> {
        self.require(Grant::KnowledgeRead)?;
        within("text", query.text.len(), QUERY_BYTES_MAX)?;
        within("limit", query.limit as usize, SEARCH_LIMIT_MAX as usize)?;
        if query.offset > SEARCH_OFFSET_MAX {
            let rule = format!("{} is over {SEARCH_OFFSET_MAX}", query.offset);
            return Err(Error::invalid("offset", rule));
        }
        let now = self.now();
        let Found { hits, shortfall } = self
            .services
            .knowledge
            .search(self.scope(), &query, now)
            .await?;
        if let Some(shortfall) = shortfall {
            self.log(LogLevel::Warn, &format!("knowledge: {shortfall}"), &[]);
        }
        self.count_read(hits.iter().map(|hit| hit.item.content.len()).sum())?;
        Ok(hits)
    }

    /// The entry of this id.
    pub async fn get_knowledge(&mut self, id: &str) -> Result<KnowledgeItem> {
        self.require(Grant::KnowledgeRead)?;
        let item = self.knowledge_item(id).await?;
        item.ok_or_else(|| Error::not_found("knowledge entry", id))
    }

    /// The newest episodes first.
    pub async fn recent_episodes(&mut self, select: EpisodeSelect) -> Result<Vec<Episode>> {
        self.require(Grant::EpisodesRead)?;
        let filter = self.episode_filter(select)?;
        let stored = self.services.episodes.recent(self.scope(), &filter).await?;
        self.count_read(stored.iter().map(|episode| episode.content.len()).sum())?;
        let mut staged = self.staged_episodes(&filter);
        if let Some(before) = &filter.before {
            match staged.iter().position(|episode| *episode.id == **before) {
                Some(index) => drop(staged.drain(..=index)),
                None => staged.clear(),
            }
        }
        staged.extend(stored);
        staged.truncate(filter.limit as usize);
        Ok(staged)
    }

    /// Episodes by words, the best first, as of the last commit.
    pub async fn search_episodes(
        &mut self,
        text: &str,
        select: EpisodeSelect,
    ) -> Result<Vec<Episode>> {
        self.require(Grant::EpisodesRead)?;
        within("text", text.len(), QUERY_BYTES_MAX)?;
        let filter = self.episode_filter(select)?;
        let found = self
            .services
            .episodes
            .search(self.scope(), text, &filter)
            .await?;
        self.count_read(found.iter().map(|episode| episode.content.len()).sum())?;
        Ok(found)
    }

    /// Entries that pass a filter, the latest first, as of the last commit.
    pub async fn list_knowledge(
        &mut self,
        filter: KnowledgeFilter,
        page: PageOf,
    ) -> Result<Page<KnowledgeItem>> {
        self.require(Grant::KnowledgeRead)?;
        within("limit", page.limit as usize, LIST_LIMIT_MAX as usize)?;
        let now = self.now();
        // Who asks about no time asks about now: what once was is for those who ask for it.
        let filter = KnowledgeFilter {
            as_of: filter.as_of.or(Some(now)),
            ..filter
        };
        let knowledge = Arc::clone(&self.services.knowledge);
        let found = knowledge.list(self.scope(), &filter, page, now).await?;
        self.count_read(found.items.iter().map(|item| item.content.len()).sum())?;
        Ok(found)
    }

    /// Episodes since the last one that was consolidated, the oldest first.
    pub async fn unconsolidated_episodes(&mut self, limit: u32) -> Result<Vec<Episode>> {
        self.require(Grant::EpisodesRead)?;
        within("limit", limit as usize, EPISODES_LIMIT_MAX as usize)?;
        let agent = self.agent().name.clone();
        let mut staged = self.staged_episodes(&every(&agent));
        staged.reverse();
        let through = self.staged_mark(&agent);
        let place = staged
            .iter()
            .position(|episode| Some(&episode.id) == through.as_ref());
        let mut found = Vec::new();
        if let Some(place) = place {
            staged.drain(..=place);
        } else {
            let store = Arc::clone(&self.services.episodes);
            let pending = store
                .unconsolidated(self.scope(), &agent, through.as_deref(), limit)
                .await?;
            self.count_read(pending.episodes.iter().map(|e| e.content.len()).sum())?;
            self.note_read(Read::EpisodeMark {
                agent,
                mark: pending.mark,
            });
            found = pending.episodes;
        }
        found.extend(staged);
        found.truncate(limit as usize);
        Ok(found)
    }

    /// Whether this is an episode of the current agent with the current user.
    pub(super) async fn sees_episode(&self, id: &str) -> Result<bool> {
        let agent = &self.agent().name;
        let mut staged = self.staged_episodes(&every(agent)).into_iter();
        if staged.any(|episode| *episode.id == *id) {
            return Ok(true);
        }
        self.services.episodes.has(self.scope(), agent, id).await
    }

    /// The last episode that this turn has said is consolidated.
    fn staged_mark(&self, agent: &AgentName) -> Option<Arc<str>> {
        let mut effects = self.staged.effects.iter().rev();
        effects.find_map(|effect| match effect {
            Effect::EpisodesConsolidate {
                agent: of, through, ..
            } if of == agent => Some(Arc::clone(through)),
            _ => None,
        })
    }

    /// The entry as this turn sees it.
    pub(super) async fn knowledge_item(&mut self, id: &str) -> Result<Option<KnowledgeItem>> {
        let mut superseded = None;
        for effect in self.staged.effects.iter().rev() {
            match effect {
                Effect::KnowledgePut(write) => {
                    if let Some(item) = staged_item(write, id) {
                        return Ok(Some(seen_superseded(item, superseded)));
                    }
                    let says = write.supersedes.as_deref();
                    if superseded.is_none() && says.is_some_and(|old| is_of(old, id)) {
                        superseded =
                            Some((Arc::clone(&write.id), write.valid.from.unwrap_or(write.now)));
                    }
                }
                Effect::KnowledgeForget { id: gone } if is_of(gone, id) => return Ok(None),
                _ => {}
            }
        }
        let now = self.now();
        let item = self.services.knowledge.get(self.scope(), id, now).await?;
        self.count_read(item.as_ref().map_or(0, |item| item.content.len()))?;
        let version = item.as_ref().map_or(0, |item| item.version);
        self.note_read(Read::Knowledge {
            id: id.into(),
            version,
        });
        Ok(item.map(|item| seen_superseded(item, superseded)))
    }

    fn episode_filter(&self, select: EpisodeSelect) -> Result<EpisodeFilter> {
        within("limit", select.limit as usize, EPISODES_LIMIT_MAX as usize)?;
        let instant = |field, text: Option<String>| {
            text.map(|text| Timestamp::parse(field, &text)).transpose()
        };
        Ok(EpisodeFilter {
            agent: self.agent().name.clone(),
            session: select.session.as_deref().map(Label::new).transpose()?,
            role: select.role,
            since: instant("since", select.since)?,
            until: instant("until", select.until)?,
            limit: select.limit,
            before: select.before,
        })
    }

    /// Episodes that this turn added and the filter lets through, newest first.
    fn staged_episodes(&self, filter: &EpisodeFilter) -> Vec<Episode> {
        let scope = self.scope();
        let passes = |episode: &Episode| {
            episode.agent == filter.agent
                && episode.customer.as_ref() == scope.customer()
                && episode.user.as_ref() == scope.user()
                && (filter.session.is_none() || filter.session == episode.session)
                && filter.role.is_none_or(|role| role == episode.role)
                && filter.since.is_none_or(|since| episode.time >= since)
                && filter.until.is_none_or(|until| episode.time < until)
        };
        self.staged
            .effects
            .iter()
            .rev()
            .filter_map(|effect| match effect {
                Effect::EpisodeAdd(episode) if passes(episode) => Some((**episode).clone()),
                _ => None,
            })
            .collect()
    }
}

/// All episodes of an agent with the user at hand.
fn every(agent: &AgentName) -> EpisodeFilter {
    EpisodeFilter {
        agent: agent.clone(),
        session: None,
        role: None,
        since: None,
        until: None,
        limit: EPISODES_LIMIT_MAX,
        before: None,
    }
}

/// Whether an id is an entry's own, or that of a chunk of it.
fn is_of(entry: &str, id: &str) -> bool {
    entry == id || chunk_number(entry, id).is_some()
}

/// Which chunk of a document an id names.
fn chunk_number(document: &str, id: &str) -> Option<usize> {
    id.strip_prefix(document)?.strip_prefix('.')?.parse().ok()
}

/// What a write will have made of an id, if it makes anything of it.
fn staged_item(write: &KnowledgeWrite, id: &str) -> Option<KnowledgeItem> {
    let number = if *write.id == *id {
        0
    } else {
        chunk_number(&write.id, id)?
    };
    let (content, part) = if write.chunks.is_empty() {
        ((number == 0).then_some(&write.content)?, None)
    } else {
        let part = Part {
            document: Arc::clone(&write.id),
            number: number as u32,
            of: write.chunks.len() as u32,
        };
        (&write.chunks.get(number)?.text, Some(part))
    };
    Some(KnowledgeItem {
        id: id.into(),
        external_id: write.external_id.clone(),
        content: Arc::clone(content),
        metadata: write.metadata.clone(),
        tags: write.tags.clone(),
        source: write.source.clone(),
        visibility: write.visibility,
        valid: write.valid,
        superseded_by: write.superseded_by.clone(),
        part,
        owner: (write.customer.clone(), write.user.clone()),
        provenance: write.provenance.clone(),
        created: write.created,
        updated: write.now,
        version: 0,
    })
}

/// An entry that a later write of this turn takes over from at some time.
fn seen_superseded(item: KnowledgeItem, by: Option<(Arc<str>, Timestamp)>) -> KnowledgeItem {
    let Some((by, at)) = by else {
        return item;
    };
    let until = item.valid.until.map_or(at, |until| until.min(at));
    KnowledgeItem {
        superseded_by: Some(by),
        valid: Validity {
            until: Some(until),
            ..item.valid
        },
        ..item
    }
}

pub(super) fn within(field: &'static str, got: usize, max: usize) -> Result<()> {
    if got == 0 || got > max {
        return Err(Error::invalid(
            field,
            format!("{got} is not between 1 and {max}"),
        ));
    }
    Ok(())
}
