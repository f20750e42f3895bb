//! What the payload of an event must fit when it is published.
//!
//! The schema of an event is, the first that there is:
//! 1. the one that the definition of its type names, in its latest version;
//! 2. that of a well-known type, on its topic;
//! 3. of an action request, those that the agents declare who handle it: whoever asks, asks in the words of
//!    whoever answers;
//! 4. the one that the publishing agent itself declares: a fact belongs to who states it.
//!
//! An event that names a registered schema itself is checked against that one too. Invariant: HTTP and
//! guests go through here alike, so that an event means the same wherever it comes from.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::events::{NewEvent, Topic};
use crate::id::AgentName;
use crate::identity::{Principal, TenantScope};

use super::{CatalogStore, Directory, PayloadSchema, SchemaCache, WellKnown};

/// What becomes of events of types that nobody declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownEvents {
    /// They are published.
    #[default]
    Allow,
    /// They are refused: a misspelt type is an error, not an event that nobody hears.
    Refuse,
}

/// What a tenant chose for its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// What becomes of events of types that no definition, no agent and no service declares.
    pub unknown_events: UnknownEvents,
}

/// Checks events of a scope before they are published.
pub struct PayloadCheck<'a> {
    /// Who publishes.
    pub scope: &'a TenantScope,
    /// What is declared.
    pub directory: &'a Directory,
    /// Where registered schemas are.
    pub catalog: &'a dyn CatalogStore,
    /// Compiled schemas.
    pub schemas: &'a SchemaCache,
}

impl PayloadCheck<'_> {
    /// Check an event that somebody publishes of their own accord.
    ///
    /// # Errors
    /// `Invalid` with the JSON pointer of the first offending value, or `type` if nobody declared the type
    /// and the tenant refuses those.
    pub async fn publication(&self, event: &NewEvent) -> Result<()> {
        let refused = self.directory.settings().unknown_events == UnknownEvents::Refuse;
        if refused && !self.directory.knows(event.topic, &event.event_type) {
            return Err(Error::invalid(
                "type",
                format!(
                    "`{0}` on {1} is declared by no definition, agent or service, and this tenant refuses \
                     such events; `PUT /v1/event-definitions/{0}` declares it",
                    event.event_type, event.topic
                ),
            ));
        }
        self.answer(event).await
    }

    /// Check an answer: its type is whatever the one who asked wants to hear.
    ///
    /// # Errors
    /// `Invalid` with the JSON pointer of the first offending value.
    pub async fn answer(&self, event: &NewEvent) -> Result<()> {
        if let Some(name) = event.schema.as_deref() {
            match self.catalog.schema(self.scope, name, None).await {
                Ok(schema) => self.schemas.require(&schema, &event.data)?,
                // It may be the address of a schema elsewhere.
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let definition = self.directory.definition(&event.event_type);
        if let Some(name) = definition.and_then(|d| d.schema.as_deref()) {
            let schema = self.catalog.schema(self.scope, name, None).await?;
            return self.schemas.require(&schema, &event.data);
        }
        if let Some(known) = WellKnown::get(event.topic, event.event_type.as_str()) {
            return self.schemas.require(&known.schema(), &event.data);
        }
        for (agent, schema) in self.declared(event) {
            self.require_declared(agent, schema, event).await?;
        }
        Ok(())
    }

    fn declared<'e>(&'e self, event: &'e NewEvent) -> Vec<(&'e AgentName, &'e PayloadSchema)> {
        if event.topic == Topic::ActionRequests {
            return self.directory.request_schemas(&event.event_type);
        }
        let Principal::Agent(name) = self.scope.principal() else {
            return Vec::new();
        };
        let agent = self.directory.get(name).ok();
        let produced =
            agent.and_then(|agent| agent.manifest.produces(event.topic, &event.event_type));
        let schema = produced.and_then(|produced| produced.schema.as_ref());
        schema.map(|schema| (name, schema)).into_iter().collect()
    }

    async fn require_declared(
        &self,
        agent: &AgentName,
        schema: &PayloadSchema,
        event: &NewEvent,
    ) -> Result<()> {
        match schema {
            PayloadSchema::Inline(body) => {
                let whose = format!("declared by agent `{agent}`");
                self.schemas.require_body(body, &whose, &event.data)
            }
            PayloadSchema::Named(name) => {
                let schema = self.catalog.schema(self.scope, name, None).await?;
                self.schemas.require(&schema, &event.data)
            }
        }
    }
}
