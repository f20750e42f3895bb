//! The state of the test host: memory, what the turn at hand did so far, and counters.
//!
//! Invariant: cloning it is a snapshot, and rolling back to one keeps the log and the counters, which
//! a failed turn keeps on the real host too.

use std::collections::BTreeMap;

use super::turn::{LogLine, Published};
use crate::context::{Episode, Item, Procedure};
use crate::json::Json;

/// Whose working memory: a plan's or an agent's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    /// What a test put there before any agent was known.
    Seed,
    /// Of this plan.
    Plan(String),
    /// Of this agent.
    Agent(String),
}

#[derive(Clone, Default)]
pub(super) struct World {
    /// `None` is a value that was deleted, so that no seed shines through.
    pub(super) working: BTreeMap<(Space, String), Option<Json>>,
    pub(super) knowledge: Vec<Item>,
    /// With the agent and user whose they are.
    pub(super) episodes: Vec<(String, Option<String>, Episode)>,
    /// The last episode that was consolidated, by agent and user.
    pub(super) marks: BTreeMap<(String, Option<String>), String>,
    pub(super) procedures: Vec<Procedure>,
    /// The versions that were current, by name; the last one is.
    pub(super) current: BTreeMap<String, Vec<u32>>,
    pub(super) published: Vec<Published>,
    pub(super) response: Option<Json>,
    pub(super) log: Vec<LogLine>,
    pub(super) host_calls: u32,
    pub(super) writes: u32,
    /// Ids made so far.
    ids: u32,
}

impl World {
    /// Forgets what the last turn did, not what it left in memory.
    pub(super) fn begin_turn(&mut self) {
        self.published.clear();
        self.response = None;
        self.log.clear();
        self.host_calls = 0;
        self.writes = 0;
    }

    /// Back to a snapshot, but for the log and the counters.
    pub(super) fn roll_back(&mut self, before: &Self) {
        let now = std::mem::replace(self, before.clone());
        self.log = now.log;
        self.host_calls = now.host_calls;
        self.ids = now.ids;
    }

    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}_{}", self.ids)
    }

    pub(super) fn seed(&mut self, plan: Option<&str>, key: &str, value: Json) {
        let space = plan.map_or(Space::Seed, |plan| Space::Plan(plan.to_owned()));
        self.working.insert((space, key.to_owned()), Some(value));
    }

    pub(super) fn working(&self, agent: &str, plan: Option<&str>, key: &str) -> Option<&Json> {
        let space = Space::of(agent, plan);
        let own = self.working.get(&(space.clone(), key.to_owned()));
        match (own, space) {
            (Some(own), _) => own.as_ref(),
            (None, Space::Plan(_)) => None,
            (None, _) => self.working.get(&(Space::Seed, key.to_owned()))?.as_ref(),
        }
    }

    pub(super) fn put_working(
        &mut self,
        agent: &str,
        plan: Option<&str>,
        key: &str,
        value: Option<Json>,
    ) {
        let space = Space::of(agent, plan);
        self.working.insert((space, key.to_owned()), value);
        self.writes += 1;
    }

    /// Keys with a value, in byte order.
    pub(super) fn working_keys(&self, agent: &str, plan: Option<&str>) -> Vec<String> {
        let space = Space::of(agent, plan);
        let mut keys: Vec<String> = self
            .working
            .keys()
            .filter(|(of, _)| *of == space || (plan.is_none() && *of == Space::Seed))
            .map(|(_, key)| key.clone())
            .filter(|key| self.working(agent, plan, key).is_some())
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

impl Space {
    fn of(agent: &str, plan: Option<&str>) -> Self {
        match plan {
            Some(plan) => Self::Plan(plan.to_owned()),
            None => Self::Agent(agent.to_owned()),
        }
    }
}
