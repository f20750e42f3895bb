//! The three long memories of the test host.

use serde_json::{Map, Value};

use super::words::{best_first, score};
use super::world::World;
use crate::context::{Entry, Episode, EpisodeFilter, Item, NewProcedure, Procedure, Role, Search};
use crate::instant::Instant;
use crate::json::Json;

impl World {
    pub(super) fn remember(&mut self, entry: Entry, writer: &str, now: &Instant) -> String {
        let same = |item: &&mut Item| match &entry.external_id {
            Some(id) => item.external_id.as_ref() == Some(id),
            None => item.external_id.is_none() && item.content == entry.content,
        };
        let before = self.knowledge.iter_mut().find(same);
        let kept = before.map(|item| (item.id.clone(), item.created.clone()));
        let (id, created) = kept.unwrap_or_else(|| (self.next_id("mem"), now.clone()));
        self.knowledge.retain(|item| item.id != id);
        self.knowledge.push(Item {
            id: id.clone(),
            external_id: entry.external_id,
            content: entry.content,
            metadata: entry.metadata,
            tags: entry.tags,
            source: entry.source,
            visibility: entry.visibility,
            writer: writer.to_owned(),
            created,
            updated: now.clone(),
            score: 1.0,
        });
        self.writes += 1;
        id
    }

    pub(super) fn search(&self, search: &Search) -> Vec<Item> {
        let hits = self.knowledge.iter().filter(|item| {
            search.tags.iter().all(|tag| item.tags.contains(tag))
                && (search.source.is_none() || search.source == item.source)
                && search
                    .since
                    .as_ref()
                    .is_none_or(|since| item.updated >= *since)
                && search
                    .until
                    .as_ref()
                    .is_none_or(|until| item.updated < *until)
                && search
                    .metadata
                    .as_ref()
                    .is_none_or(|wanted| has_members(&item.metadata, wanted))
        });
        let hits = hits.map(|item| (score(&search.text, &item.content), item.clone()));
        best_first(hits.collect())
            .into_iter()
            .filter(|(score, _)| *score >= search.min_score.unwrap_or(0.0))
            .skip(search.offset as usize)
            .take(search.limit as usize)
            .map(|(score, item)| Item { score, ..item })
            .collect()
    }

    pub(super) fn forget(&mut self, id: &str) -> bool {
        let before = self.knowledge.len();
        self.knowledge.retain(|item| item.id != id);
        self.writes += 1;
        self.knowledge.len() < before
    }

    pub(super) fn add_episode(&mut self, of: (&str, Option<&str>), episode: Episode) -> String {
        let id = self.next_id("epi");
        let episode = Episode {
            id: id.clone(),
            ..episode
        };
        self.episodes
            .push((of.0.to_owned(), of.1.map(str::to_owned), episode));
        self.writes += 1;
        id
    }

    /// The newest first.
    pub(super) fn episodes(
        &self,
        of: (&str, Option<&str>),
        filter: &EpisodeFilter,
    ) -> Vec<Episode> {
        let wanted = |episode: &&Episode| {
            (filter.session.is_none() || filter.session == episode.session)
                && filter.role.is_none_or(|role: Role| role == episode.role)
                && filter
                    .since
                    .as_ref()
                    .is_none_or(|since| episode.time >= *since)
                && filter
                    .until
                    .as_ref()
                    .is_none_or(|until| episode.time < *until)
        };
        let mut newest_first: Vec<Episode> = self
            .episodes
            .iter()
            .rev()
            .filter(|(agent, user, _)| agent == of.0 && user.as_deref() == of.1)
            .map(|(_, _, episode)| episode)
            .filter(wanted)
            .cloned()
            .collect();
        if let Some(before) = &filter.before {
            let at = newest_first
                .iter()
                .position(|episode| episode.id == *before);
            newest_first.drain(..at.map_or(newest_first.len(), |at| at + 1));
        }
        newest_first
    }

    pub(super) fn put_procedure(&mut self, new: NewProcedure, writer: &str, now: &Instant) -> u32 {
        let version = self
            .procedure(&new.name, None)
            .map_or(0, |last| last.version)
            + 1;
        self.procedures.push(Procedure {
            name: new.name,
            version,
            kind: new.kind,
            body: new.body,
            triggers: new.triggers,
            metadata: new.metadata,
            writer: writer.to_owned(),
            created: now.clone(),
            score: 1.0,
        });
        self.writes += 1;
        version
    }

    pub(super) fn procedure(&self, name: &str, version: Option<u32>) -> Option<&Procedure> {
        self.procedures.iter().rev().find(|procedure| {
            procedure.name == name && version.is_none_or(|version| version == procedure.version)
        })
    }

    pub(super) fn match_procedures(&self, situation: &str, limit: u32) -> Vec<Procedure> {
        let current = self.procedures.iter().filter(|procedure| {
            let last = self.procedure(&procedure.name, None);
            last.is_some_and(|last| last.version == procedure.version)
        });
        let scored = current.map(|procedure| {
            let best = procedure
                .triggers
                .iter()
                .map(|trigger| score(situation, trigger))
                .fold(0.0, f64::max);
            (best, procedure.clone())
        });
        best_first(scored.collect())
            .into_iter()
            .take(limit as usize)
            .map(|(score, procedure)| Procedure { score, ..procedure })
            .collect()
    }
}

fn has_members(metadata: &Json, wanted: &Json) -> bool {
    let (Ok(metadata), Ok(wanted)) = (
        metadata.read::<Map<String, Value>>(),
        wanted.read::<Map<String, Value>>(),
    ) else {
        return false;
    };
    wanted
        .iter()
        .all(|(name, value)| metadata.get(name) == Some(value))
}
