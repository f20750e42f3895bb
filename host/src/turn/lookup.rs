//! Reading the registry inside a turn.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::error::{Error, Result};
use crate::events::Json;
use crate::id::AgentName;
use crate::registry::{
    Agent, AgentQuery, Directory, EventQuery, Found, FoundEvent, Grant, Schema, ServiceQuery,
    Viewer, Violation,
};

use super::Turn;

impl Turn {
    /// Agents that match, by name.
    pub async fn find_agents(&mut self, query: AgentQuery) -> Result<Vec<Arc<Agent>>> {
        self.directory().await?.find_agents(&query)
    }

    /// Entries of the catalogue that match, as an agent may see them.
    pub async fn discover(&mut self, query: ServiceQuery) -> Result<Vec<Found>> {
        let directory = self.directory().await?;
        let hosted = self.services.hosted.get().and_then(Weak::upgrade);
        let facts = match hosted {
            Some(hosted) => hosted.facts(self.scope()).await?,
            None => HashMap::new(),
        };
        let now = self.now();
        let find = move || directory.discover(Viewer::Agent, &query, &facts, now);
        // Ranking a full catalogue for the first time takes some hundred milliseconds of a core.
        let discovered = tokio::task::spawn_blocking(find)
            .await
            .map_err(|e| Error::internal("searching the catalogue", e))??;
        Ok(discovered.found)
    }

    /// The agent of this name.
    pub async fn get_agent(&mut self, name: &str) -> Result<Arc<Agent>> {
        let name = AgentName::new(name)?;
        self.directory().await?.get(&name).cloned()
    }

    /// Event types that match, by name.
    pub async fn find_events(&mut self, query: EventQuery) -> Result<Vec<FoundEvent>> {
        let now = self.now();
        let directory = self.directory().await?;
        directory.find_events(Viewer::Agent, &query, now)
    }

    /// A registered schema: this version, or the latest.
    pub async fn get_schema(&mut self, name: &str, version: Option<u32>) -> Result<Schema> {
        self.require(Grant::RegistryRead)?;
        self.services
            .catalog
            .schema(self.scope(), name, version)
            .await
    }

    /// Check a value against the latest version of a schema. Empty when it fits.
    pub async fn validate(&mut self, schema: &str, value: &str) -> Result<Vec<Violation>> {
        self.require(Grant::RegistryRead)?;
        let value = Json::parse("value", value)?;
        let schema = self
            .services
            .catalog
            .schema(self.scope(), schema, None)
            .await?;
        self.services.schemas.violations(&schema, &value)
    }

    async fn directory(&self) -> Result<Arc<Directory>> {
        self.require(Grant::RegistryRead)?;
        self.services.agents.directory(self.scope()).await
    }
}
