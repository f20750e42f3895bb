//! What an agent says of itself: read from `describe()` once, at upload, and checked there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::events::Topic;
use crate::id::{AgentName, EventType};

use super::grant::{GrantSet, HTTP_GRANTS_MAX};

mod check;
mod contract;
#[cfg(test)]
mod tests;

pub(super) use check::{Promises, check_count, check_word};
pub use check::{TAGS_MAX, WORD_BYTES_MAX};
pub use contract::{
    Capability, CapabilityContract, EventContract, EventRef, PayloadSchema, Produced, Subscription,
};

/// Longest manifest in bytes.
pub const MANIFEST_BYTES_MAX: usize = 128 * 1024;
/// Most subscriptions, produced events or capabilities each.
pub const MANIFEST_LIST_MAX: usize = 128;
/// Longest description in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 4 * 1024;
/// Longest turn an agent may ask for: what holds a sandbox longer is not a turn but a plan.
pub const TIMEOUT_MS_MAX: u32 = 300_000;
/// Most turns of one agent at once that it may ask for.
pub const CONCURRENCY_MAX: u32 = 256;
/// Most attempts at one event that it may ask for.
pub const ATTEMPTS_MAX: u32 = 50;

/// What sort of agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentKind {
    /// Answers a request in one turn; may be called inside another agent's turn.
    Tool,
    /// Carries a task over several turns.
    Worker,
    /// Drives a plan.
    Planner,
    /// Anything else.
    Agent,
}

impl AgentKind {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Worker => "worker",
            Self::Planner => "planner",
            Self::Agent => "agent",
        }
    }
}

/// How an agent's turns are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Wall clock of a turn in milliseconds, 1 to [`TIMEOUT_MS_MAX`].
    pub timeout_ms: u32,
    /// Turns at once, 1 to [`CONCURRENCY_MAX`].
    pub concurrency: u32,
    /// Attempts at one event before it is a dead letter, 1 to [`ATTEMPTS_MAX`].
    pub attempts: u32,
}

impl Default for Settings {
    /// Thirty seconds covers a model call; sixteen at once keeps one agent from taking all sandboxes;
    /// five attempts with back-off span about a minute, longer than a restart of what it depends on.
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            concurrency: 16,
            attempts: 5,
        }
    }
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name. The name it is pushed under wins; this is the default.
    pub name: AgentName,
    /// What sort.
    pub kind: AgentKind,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The author's version, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A shelf to find it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Whose it is: a team, a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// What it handles.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// What it publishes.
    #[serde(default)]
    pub produces: Vec<Produced>,
    /// What it asks for.
    #[serde(default)]
    pub grants: GrantSet,
    /// How its turns are run.
    #[serde(default)]
    pub settings: Settings,
}

impl Manifest {
    /// Read and check what `describe()` returned.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` that names the member, its value and the rule.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(Error::TooLarge {
                limit: "manifest_bytes_max",
                unit: "bytes",
                max: MANIFEST_BYTES_MAX as u64,
                got: text.len() as u64,
            });
        }
        let manifest: Self =
            serde_json::from_str(text).map_err(|e| Error::invalid("manifest", e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        if self.description.len() > DESCRIPTION_BYTES_MAX {
            let got = self.description.len();
            return Err(Error::invalid(
                "manifest.description",
                format!("{got} bytes, the limit is {DESCRIPTION_BYTES_MAX}"),
            ));
        }
        let ranges = [
            (
                "manifest.settings.timeout_ms",
                self.settings.timeout_ms,
                TIMEOUT_MS_MAX,
            ),
            (
                "manifest.settings.concurrency",
                self.settings.concurrency,
                CONCURRENCY_MAX,
            ),
            (
                "manifest.settings.attempts",
                self.settings.attempts,
                ATTEMPTS_MAX,
            ),
        ];
        for (field, got, max) in ranges {
            if got == 0 || got > max {
                return Err(Error::invalid(
                    field,
                    format!("{got} is not between 1 and {max}"),
                ));
            }
        }
        self.check_words()?;
        check_count("manifest.grants", self.grants.http().len(), HTTP_GRANTS_MAX)?;
        let promises = Promises {
            prefix: "manifest.",
            capabilities: &self.capabilities,
            handled: &self.subscriptions,
            published: &self.produces,
        };
        promises.check()
    }

    fn check_words(&self) -> Result<()> {
        let one = |field, text: &Option<String>| {
            let text = text.as_deref();
            text.map_or(Ok(()), |text| check_word(field, text))
        };
        one("manifest.category", &self.category)?;
        one("manifest.owner", &self.owner)?;
        check_count("manifest.tags", self.tags.len(), TAGS_MAX)?;
        for tag in &self.tags {
            check_word("manifest.tags", tag)?;
        }
        Ok(())
    }

    /// Every event that it says something about.
    pub fn contracts(&self) -> impl Iterator<Item = &EventContract> {
        let of_capabilities = self.capabilities.iter().flat_map(|capability| {
            let references = capability.consumes.iter().chain(&capability.produces);
            references.filter_map(|reference| match reference {
                EventRef::Contract(contract) => Some(contract),
                EventRef::Type(_) => None,
            })
        });
        self.subscriptions
            .iter()
            .chain(&self.produces)
            .chain(of_capabilities)
    }

    /// Its capabilities with each of their events written out.
    pub fn capability_contracts(&self) -> Vec<CapabilityContract> {
        let written = |c| CapabilityContract::of(c, &self.subscriptions, &self.produces);
        self.capabilities.iter().map(written).collect()
    }

    /// Whether it handles events of this type on this topic.
    pub fn consumes(&self, topic: Topic, event_type: &EventType) -> bool {
        self.handles(topic, event_type).is_some()
    }

    /// What it says of events that it handles of this type on this topic.
    pub fn handles(&self, topic: Topic, event_type: &EventType) -> Option<&Subscription> {
        self.subscriptions
            .iter()
            .find(|s| s.topic == topic && s.event_type == *event_type)
    }

    /// What it says of events that it publishes of this type on this topic.
    pub fn produces(&self, topic: Topic, event_type: &EventType) -> Option<&Produced> {
        self.produces
            .iter()
            .find(|p| p.topic == topic && p.event_type == *event_type)
    }
}
