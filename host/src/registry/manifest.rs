//! What an agent says of itself: read from `describe()` once, at upload, and checked there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::events::{Json, Topic};
use crate::id::{AgentName, EventType};

use super::grant::Grant;

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

/// An event that an agent handles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Its topic.
    pub topic: Topic,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// What the agent does with it.
    #[serde(default)]
    pub description: String,
    /// JSON schema of the payload it expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
}

/// An event that an agent publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Produced {
    /// Its topic.
    pub topic: Topic,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// What it means.
    #[serde(default)]
    pub description: String,
    /// JSON schema of its payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
}

/// Something an agent can do, in the words of whoever looks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// Its name, for example `summarise-page`.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// The type of the event that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumes: Option<EventType>,
    /// The types of the events that answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub produces: Vec<EventType>,
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
    pub grants: BTreeSet<Grant>,
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
        let lists = [
            ("manifest.subscriptions", self.subscriptions.len()),
            ("manifest.produces", self.produces.len()),
            ("manifest.capabilities", self.capabilities.len()),
        ];
        for (field, got) in lists {
            if got > MANIFEST_LIST_MAX {
                return Err(Error::invalid(
                    field,
                    format!("{got} entries, the limit is {MANIFEST_LIST_MAX}"),
                ));
            }
        }
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
        self.check_events()
    }

    fn check_events(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for subscription in &self.subscriptions {
            if !seen.insert((subscription.topic, &subscription.event_type)) {
                return Err(Error::invalid(
                    "manifest.subscriptions",
                    format!(
                        "{} {} is there twice",
                        subscription.topic, subscription.event_type
                    ),
                ));
            }
        }
        let schemas = self
            .subscriptions
            .iter()
            .map(|s| (&s.event_type, &s.schema))
            .chain(self.produces.iter().map(|p| (&p.event_type, &p.schema)));
        for (event_type, schema) in schemas {
            if let Some(schema) = schema {
                super::schema::compile(schema).map_err(|reason| {
                    Error::invalid("manifest.schema", format!("of `{event_type}`: {reason}"))
                })?;
            }
        }
        Ok(())
    }

    /// Whether it handles events of this type on this topic.
    pub fn consumes(&self, topic: Topic, event_type: &EventType) -> bool {
        self.subscriptions
            .iter()
            .any(|s| s.topic == topic && s.event_type == *event_type)
    }
}
