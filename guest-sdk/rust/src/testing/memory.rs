//! The three long memories of the test host.

use serde_json::{Map, Value};

use super::words::{best_first, score};
use super::world::World;
use crate::context::{
    Entry, EntryFilter, EntryPage, Episode, EpisodeFilter, Item, NewProcedure, Procedure, Role,
    Search,
};
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
        for old in &mut self.knowledge {
            if entry.supersedes.as_ref() == Some(&old.id) {
                old.valid_until = Some(entry.valid_from.as_ref().unwrap_or(now).clone());
                old.superseded_by = Some(id.clone());
            }
        }
        self.knowledge.push(Item {
            id: id.clone(),
            external_id: entry.external_id,
            content: entry.content,
            metadata: entry.metadata,
            tags: entry.tags,
            source: entry.source,
            visibility: entry.visibility,
            valid_from: entry.valid_from,
            valid_until: entry.valid_until,
            superseded_by: None,
            part: None,
            writer: writer.to_owned(),
            turn: None,
            derived_from: entry.derived_from,
            created,
            updated: now.clone(),
            score: 1.0,
        });
        self.writes += 1;
        id
    }

    pub(super) fn search(&self, search: &Search, now: &Instant) -> Vec<Item> {
        let as_of = search.as_of.as_ref().unwrap_or(now);
        let hits = self.knowledge.iter().filter(|item| {
            is_true(item, as_of)
                && search.tags.iter().all(|tag| item.tags.contains(tag))
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

    /// The latest first, in one page: `next` is the place after it.
    pub(super) fn list(&self, filter: &EntryFilter, now: &Instant) -> EntryPage {
        let as_of = filter.as_of.as_ref().unwrap_or(now);
        let before = filter.after.as_deref().and_then(|after| after.parse().ok());
        let passing = self
            .knowledge
            .iter()
            .enumerate()
            .rev()
            .filter(|(at, item)| {
                before.is_none_or(|before: usize| *at < before)
                    && is_true(item, as_of)
                    && filter.document.as_ref().is_none_or(|id| *id == item.id)
                    && filter.tags.iter().all(|tag| item.tags.contains(tag))
                    && (filter.source.is_none() || filter.source == item.source)
                    && filter
                        .since
                        .as_ref()
                        .is_none_or(|since| item.updated >= *since)
                    && filter
                        .until
                        .as_ref()
                        .is_none_or(|until| item.updated < *until)
                    && filter
                        .metadata
                        .as_ref()
                        .is_none_or(|wanted| has_members(&item.metadata, wanted))
            });
        let mut found: Vec<(usize, &Item)> = passing.take(filter.limit as usize + 1).collect();
        let more = found.len() > filter.limit as usize;
        found.truncate(filter.limit as usize);
        EntryPage {
            next: found.last().filter(|_| more).map(|(at, _)| at.to_string()),
            items: found.into_iter().map(|(_, item)| item.clone()).collect(),
        }
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

    /// The oldest first, after the last one that was consolidated.
    pub(super) fn unconsolidated(&self, of: (&str, Option<&str>), limit: u32) -> Vec<Episode> {
        let mark = self.marks.get(&(of.0.to_owned(), of.1.map(str::to_owned)));
        let all = self.episodes(of, &EpisodeFilter::new());
        let waiting = all
            .into_iter()
            .take_while(|episode| Some(&episode.id) != mark);
        let mut waiting: Vec<Episode> = waiting.collect();
        waiting.reverse();
        waiting.truncate(limit as usize);
        waiting
    }

    /// Says whether there is such an episode.
    pub(super) fn consolidate(&mut self, of: (&str, Option<&str>), through: &str) -> bool {
        let all = self.episodes(of, &EpisodeFilter::new());
        let key = (of.0.to_owned(), of.1.map(str::to_owned));
        let place = |id: &str| all.iter().position(|episode| episode.id == id);
        let Some(new) = place(through) else {
            return false;
        };
        let old = self.marks.get(&key).and_then(|id| place(id));
        if old.is_none_or(|old| new < old) {
            self.marks.insert(key, through.to_owned());
        }
        self.writes += 1;
        true
    }

    pub(super) fn put_procedure(&mut self, new: NewProcedure, writer: &str, now: &Instant) -> u32 {
        let of = self.procedures.iter().filter(|old| old.name == new.name);
        let version = of.map(|old| old.version).max().unwrap_or(0) + 1;
        let history = self.current.entry(new.name.clone()).or_default();
        history.push(version);
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
        let current = self.current.get(name).and_then(|history| history.last());
        let version = version.or(current.copied());
        self.procedures
            .iter()
            .find(|procedure| procedure.name == name && Some(procedure.version) == version)
    }

    /// Says whether there is such a version.
    pub(super) fn activate(&mut self, name: &str, version: u32) -> bool {
        if self.procedure(name, Some(version)).is_none() {
            return false;
        }
        let history = self.current.entry(name.to_owned()).or_default();
        if history.last() != Some(&version) {
            history.push(version);
        }
        self.writes += 1;
        true
    }

    /// The version that is current now, if there was one before.
    pub(super) fn roll_back_procedure(&mut self, name: &str) -> Option<u32> {
        let history = self
            .current
            .get_mut(name)
            .filter(|history| history.len() > 1)?;
        history.pop();
        self.writes += 1;
        history.last().copied()
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

fn is_true(item: &Item, at: &Instant) -> bool {
    item.valid_from.as_ref().is_none_or(|from| from <= at)
        && item.valid_until.as_ref().is_none_or(|until| at < until)
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
