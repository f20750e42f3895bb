//! What a turn has staged so far: effects in order, the newest one of each key found at once, and marks
//! to roll back to when a nested call fails.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::NewEvent;
use crate::memory::{WorkingKey, WorkingSpace};

use super::{Effect, TurnLimits};

/// A point to roll back to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    effects: usize,
    events: usize,
    scheduled: usize,
    bytes: usize,
}

/// Effects and events in the order in which the guest asked for them.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) effects: Vec<Effect>,
    pub(super) events: Vec<NewEvent>,
    pub(super) scheduled: Vec<(Timestamp, NewEvent)>,
    bytes: usize,
    /// Effects before this index belong to a caller and are kept as they are for its rollback.
    frozen: usize,
    newest: HashMap<(WorkingSpace, WorkingKey), usize>,
}

impl Staged {
    /// How many bytes it all holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest write of a working-memory key.
    pub(super) fn working(&self, space: &WorkingSpace, key: &WorkingKey) -> Option<&Effect> {
        let index = *self.newest.get(&(space.clone(), key.clone()))?;
        self.effects.get(index)
    }

    /// The newest writes of all keys of a space.
    pub(super) fn working_of<'a>(
        &'a self,
        space: &'a WorkingSpace,
    ) -> impl Iterator<Item = (&'a WorkingKey, &'a Effect)> {
        self.newest
            .iter()
            .filter(move |((owner, _), _)| owner == space)
            .filter_map(|((_, key), index)| Some((key, self.effects.get(*index)?)))
    }

    /// Stage a write. A second write of a working-memory key takes the place of the first.
    pub(super) fn push(&mut self, effect: Effect, limits: &TurnLimits) -> Result<()> {
        let key = working_key(&effect);
        let replaced = key
            .as_ref()
            .and_then(|key| self.newest.get(key).copied())
            .filter(|index| *index >= self.frozen);
        let freed = replaced
            .and_then(|index| self.effects.get(index))
            .map_or(0, weight);
        if replaced.is_none() && self.effects.len() >= limits.writes_max {
            return Err(exhausted("turn_writes_max", "writes", limits.writes_max));
        }
        self.reserve(weight(&effect), freed, limits)?;
        match replaced.and_then(|index| self.effects.get_mut(index)) {
            Some(slot) => *slot = effect,
            None => {
                if let Some(key) = key {
                    self.newest.insert(key, self.effects.len());
                }
                self.effects.push(effect);
            }
        }
        Ok(())
    }

    /// Stage an event, to be published at the commit or at a later time.
    pub(super) fn publish(
        &mut self,
        event: NewEvent,
        due: Option<Timestamp>,
        limits: &TurnLimits,
    ) -> Result<()> {
        if self.events.len() + self.scheduled.len() >= limits.events_max {
            return Err(exhausted("turn_events_max", "events", limits.events_max));
        }
        self.reserve(weight_of_event(&event), 0, limits)?;
        match due {
            Some(due) => self.scheduled.push((due, event)),
            None => self.events.push(event),
        }
        Ok(())
    }

    /// Where it stands now. Everything up to here is kept as it is until [`Staged::release`].
    pub(super) fn mark(&mut self) -> (Mark, usize) {
        let outer = std::mem::replace(&mut self.frozen, self.effects.len());
        let mark = Mark {
            effects: self.effects.len(),
            events: self.events.len(),
            scheduled: self.scheduled.len(),
            bytes: self.bytes,
        };
        (mark, outer)
    }

    /// Leave a nested call that ended well: what it staged is now its caller's.
    pub(super) fn release(&mut self, outer_frozen: usize) {
        self.frozen = outer_frozen;
    }

    /// Leave a nested call that failed: nothing that it staged is left.
    pub(super) fn roll_back(&mut self, mark: Mark, outer_frozen: usize) {
        self.effects.truncate(mark.effects);
        self.events.truncate(mark.events);
        self.scheduled.truncate(mark.scheduled);
        self.bytes = mark.bytes;
        self.frozen = outer_frozen;
        self.newest.clear();
        for (index, effect) in self.effects.iter().enumerate() {
            if let Some(key) = working_key(effect) {
                self.newest.insert(key, index);
            }
        }
    }

    fn reserve(&mut self, adds: usize, frees: usize, limits: &TurnLimits) -> Result<()> {
        let bytes = self.bytes - frees + adds;
        if bytes > limits.output_bytes_max {
            return Err(exhausted(
                "turn_output_bytes_max",
                "bytes",
                limits.output_bytes_max,
            ));
        }
        self.bytes = bytes;
        Ok(())
    }
}

/// What an event counts against the output limit: the payload, what came with it from outside, and the
/// names that the turn gave, or that it has from its cause.
fn weight_of_event(event: &NewEvent) -> usize {
    const ROW_BYTES: usize = 256;
    let extensions = event.extensions.iter();
    let extensions: usize = extensions
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let subject = event.subject.as_ref().map_or(0, |subject| subject.len());
    ROW_BYTES + event.data.as_str().len() + extensions + subject
}

/// What an effect counts against the output limit: its texts, and a row's worth of overhead.
fn weight(effect: &Effect) -> usize {
    const ROW_BYTES: usize = 64;
    ROW_BYTES
        + match effect {
            Effect::WorkingPut { key, value, .. } => key.as_str().len() + value.as_str().len(),
            Effect::WorkingDelete { key, .. } => key.as_str().len(),
            Effect::KnowledgePut(write) => {
                let tags: usize = write.tags.iter().map(String::len).sum();
                let texts: usize = write.texts().map(|text| ROW_BYTES + text.len()).sum();
                texts + write.metadata.as_str().len() + tags
            }
            Effect::KnowledgeForget { id } => id.len(),
            Effect::EpisodesConsolidate { through, .. } => through.len(),
            Effect::ProcedureActivate { name, .. } | Effect::ProcedureRollBack { name } => {
                name.len()
            }
            Effect::EpisodeAdd(episode) => episode.content.len() + episode.metadata.as_str().len(),
            Effect::ProcedurePut(write) => {
                let triggers: usize = write.triggers.iter().map(String::len).sum();
                write.body.len() + write.metadata.as_str().len() + triggers
            }
        }
}

fn working_key(effect: &Effect) -> Option<(WorkingSpace, WorkingKey)> {
    match effect {
        Effect::WorkingPut { space, key, .. } | Effect::WorkingDelete { space, key } => {
            Some((space.clone(), key.clone()))
        }
        Effect::KnowledgePut(_)
        | Effect::KnowledgeForget { .. }
        | Effect::EpisodeAdd(_)
        | Effect::EpisodesConsolidate { .. }
        | Effect::ProcedurePut(_)
        | Effect::ProcedureActivate { .. }
        | Effect::ProcedureRollBack { .. } => None,
    }
}

fn exhausted(limit: &'static str, unit: &'static str, max: usize) -> Error {
    Error::Exhausted {
        limit,
        unit,
        max: max as u64,
    }
}
