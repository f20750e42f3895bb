//! Reading semantic, episodic and procedural memory inside a turn, with its own writes on top.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::Label;
use crate::memory::{
    EPISODES_LIMIT_MAX, Episode, EpisodeFilter, Hit, KnowledgeItem, KnowledgeQuery,
    MATCH_LIMIT_MAX, Procedure, ProcedureWrite, QUERY_BYTES_MAX, Role, SEARCH_LIMIT_MAX,
    SEARCH_OFFSET_MAX,
};
use crate::registry::Grant;

use super::remember::procedure_name;
use super::{Effect, Read, Turn};

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
        let hits = self
            .services
            .knowledge
            .search(self.scope(), &query, now)
            .await?;
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

    /// This version of a procedure, or the current one.
    pub async fn get_procedure(&mut self, name: &str, version: Option<u32>) -> Result<Procedure> {
        self.require(Grant::ProceduresRead)?;
        let name = procedure_name(name)?;
        let staged = self.staged_procedure(&name);
        if let Some(write) = staged.filter(|w| version.is_none_or(|v| v == w.version)) {
            return Ok(as_stored(write));
        }
        if version.is_none() {
            self.latest_procedure(&name).await?;
        }
        let found = self
            .services
            .procedures
            .get(self.scope(), &name, version)
            .await?;
        found.ok_or_else(|| Error::not_found("procedure", &*name))
    }

    /// Current procedures whose triggers fit a situation, as of the last commit.
    pub async fn match_procedures(
        &mut self,
        situation: &str,
        limit: u32,
    ) -> Result<Vec<(Procedure, f64)>> {
        self.require(Grant::ProceduresRead)?;
        within("situation", situation.len(), QUERY_BYTES_MAX)?;
        within("limit", limit as usize, MATCH_LIMIT_MAX as usize)?;
        self.services
            .procedures
            .matching(self.scope(), situation, limit)
            .await
    }

    /// The entry as this turn sees it.
    pub(super) async fn knowledge_item(&mut self, id: &str) -> Result<Option<KnowledgeItem>> {
        for effect in self.staged.effects.iter().rev() {
            match effect {
                Effect::KnowledgePut(write) if *write.id == *id => {
                    return Ok(Some(KnowledgeItem {
                        id: Arc::clone(&write.id),
                        external_id: write.external_id.clone(),
                        content: Arc::clone(&write.content),
                        metadata: write.metadata.clone(),
                        tags: write.tags.clone(),
                        source: write.source.clone(),
                        visibility: write.visibility,
                        owner: (write.customer.clone(), write.user.clone()),
                        writer: write.writer.clone(),
                        created: write.now,
                        updated: write.now,
                        version: 0,
                    }));
                }
                Effect::KnowledgeForget { id: gone } if **gone == *id => return Ok(None),
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
        Ok(item)
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

fn as_stored(write: &ProcedureWrite) -> Procedure {
    Procedure {
        name: Arc::clone(&write.name),
        version: write.version,
        kind: write.kind,
        body: Arc::clone(&write.body),
        triggers: write.triggers.clone(),
        metadata: write.metadata.clone(),
        writer: write.writer.clone(),
        created: write.now,
    }
}

fn within(field: &'static str, got: usize, max: usize) -> Result<()> {
    if got == 0 || got > max {
        return Err(Error::invalid(
            field,
            format!("{got} is not between 1 and {max}"),
        ));
    }
    Ok(())
}
