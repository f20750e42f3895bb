//! Working memory: JSON values under string keys, in the space of a plan or of an agent.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::id::{AgentName, Label};
use crate::identity::TenantScope;

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 512;
/// Most keys that one listing returns.
pub const KEYS_LIMIT_MAX: u32 = 1_000;

/// Whose working memory: the plan's, shared by all agents at work on it, or else the agent's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkingSpace {
    /// Of a plan.
    Plan(Label),
    /// Of an agent.
    Agent(AgentName),
}

impl fmt::Display for WorkingSpace {
    /// `plan:<id>` or `agent:<name>`: what rows hold. The two cannot be mistaken for one another.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan:{plan}"),
            Self::Agent(agent) => write!(f, "agent:{agent}"),
        }
    }
}

impl FromStr for WorkingSpace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("agent", name)) => AgentName::new(name).map(Self::Agent),
            Some(("plan", id)) => Label::new(id).map(Self::Plan),
            _ => {
                let shown: String = text
                    .chars()
                    .take(80)
                    .flat_map(char::escape_default)
                    .collect();
                let rule = format!("`{shown}` is neither `agent:<name>` nor `plan:<id>`");
                Err(Error::invalid("space", rule))
            }
        }
    }
}

/// A key: 1 to [`KEY_BYTES_MAX`] bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkingKey(Arc<str>);

impl WorkingKey {
    /// Check and take a key.
    ///
    /// # Errors
    /// `Invalid` if it is empty, too long or holds a control character.
    pub fn new(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > KEY_BYTES_MAX {
            return Err(Error::invalid(
                "key",
                format!("{} bytes, must be 1 to {KEY_BYTES_MAX}", text.len()),
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::invalid("key", "holds a control character"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value and the version that the next commit checks.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkingEntry {
    /// The value.
    pub value: Json,
    /// Raised by every write of this key, never reused while the key's space exists; 0 means absent.
    pub version: u64,
    /// When it is forgotten.
    pub expires: Option<Timestamp>,
}

/// Reads of working memory as of the last commit.
#[async_trait]
pub trait WorkingStore: Send + Sync {
    /// The entry, unless it has expired by `now`.
    async fn get(
        &self,
        scope: &TenantScope,
        space: &WorkingSpace,
        key: &WorkingKey,
        now: Timestamp,
    ) -> Result<Option<WorkingEntry>>;
    /// Keys that begin with `prefix` in byte order after `after`, each with its version.
    async fn keys(
        &self,
        scope: &TenantScope,
        range: &KeyRange,
        now: Timestamp,
    ) -> Result<Vec<(WorkingKey, u64)>>;
}

/// Working memory as a client of the tenant tidies it up, outside turns.
#[async_trait]
pub trait WorkingKeeper: Send + Sync {
    /// Remove a value. Says whether there was one.
    async fn delete(
        &self,
        scope: &TenantScope,
        space: &WorkingSpace,
        key: &WorkingKey,
    ) -> Result<bool>;
    /// Remove all values of a space, as when a plan ends, and say how many. What a turn writes meanwhile
    /// may stay.
    async fn clear(&self, scope: &TenantScope, space: &WorkingSpace) -> Result<u64>;
}

/// A stretch of a space's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// Whose.
    pub space: WorkingSpace,
    /// What the keys begin with.
    pub prefix: String,
    /// Only keys after this one.
    pub after: Option<String>,
    /// At most this many.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_read_back_as_they_are_written() {
        for text in ["agent:counter", "plan:p-1", "plan:agent:x"] {
            let space: WorkingSpace = text.parse().unwrap();
            assert_eq!(space.to_string(), text);
        }
        for bad in [
            "",
            "agent",
            "agent:",
            "agent:Upper",
            "plan:",
            "plan:a b",
            "user:u",
        ] {
            assert!(bad.parse::<WorkingSpace>().is_err(), "{bad}");
        }
    }
}
