//! Reading the registry inside a turn.

use std::sync::Arc;

use crate::error::Result;
use crate::events::Json;
use crate::id::AgentName;
use crate::registry::{
    Agent, AgentQuery, Directory, EventQuery, FoundEvent, Grant, Schema, Violation,
};

use super::Turn;

impl Turn {
    /// Agents that match, by name.
    pub async fn find_agents(&mut self, query: AgentQuery) -> Result<Vec<Arc<Agent>>> {
        self.directory().await?.find_agents(&query)
    }

    /// The agent of this name.
    pub async fn get_agent(&mut self, name: &str) -> Result<Arc<Agent>> {
        let name = AgentName::new(name)?;
        self.directory().await?.get(&name).cloned()
    }

    /// Event types that match, by name.
    pub async fn find_events(&mut self, query: EventQuery) -> Result<Vec<FoundEvent>> {
        self.directory().await?.find_events(&query)
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
