//! Something that an agent can do, with its whole contract.

use serde::Serialize;

use super::EventEntry;
use crate::payload::Payload;

/// Something that an agent can do, in the words of whoever looks for it.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use warren_agent::{Agent, Capability, payload};
///
/// #[derive(Serialize, Deserialize)]
/// struct Summarise { url: String }
/// payload!(Summarise: ActionRequests, "page.summarise", schema = r#"{"type": "object", "required": ["url"]}"#);
///
/// #[derive(Serialize, Deserialize)]
/// struct Summary { text: String }
/// payload!(Summary: ActionResults, "page.summarised");
///
/// let agent = Agent::tool("reader").can(
///     Capability::new("summarise-page", "Says in short what is on a web page.")
///         .task("summarise")
///         .asked_by::<Summarise>()
///         .answers_by::<Summary>(),
/// );
/// assert!(agent.manifest().contains(r#""tasks":["summarise"]"#));
/// ```
#[derive(Clone, Serialize)]
#[must_use]
pub struct Capability {
    name: String,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumes: Vec<EventEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    produces: Vec<EventEntry>,
}

impl Capability {
    /// By a name that others look for, such as `summarise-page`, and what it does.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            tasks: Vec::new(),
            consumes: Vec::new(),
            produces: Vec::new(),
        }
    }

    /// It carries out tasks of this name.
    pub fn task(mut self, task: impl Into<String>) -> Self {
        self.tasks.push(task.into());
        self
    }

    /// Events with this payload ask for it.
    pub fn asked_by<P: Payload>(mut self) -> Self {
        self.consumes.push(EventEntry::of::<P>());
        self
    }

    /// Events with this payload answer.
    pub fn answers_by<P: Payload>(mut self) -> Self {
        self.produces.push(EventEntry::of::<P>());
        self
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
