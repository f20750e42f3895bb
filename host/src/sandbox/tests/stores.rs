//! Stores with nothing in them, and a working memory that misbehaves on demand.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::{SystemClock, Timestamp};
use crate::error::{Error, Result};
use crate::events::Page;
use crate::id::{AgentName, EventType, IdKey};
use crate::identity::TenantScope;
use crate::memory::{
    Episode, EpisodeFilter, EpisodeStore, Found, KeyRange, KnowledgeFilter, KnowledgeItem,
    KnowledgeQuery, KnowledgeStore, KnowledgeWrite, PageOf, Procedure, ProcedureState,
    ProcedureStore, Unconsolidated, WorkingEntry, WorkingKey, WorkingSpace, WorkingStore,
};
use crate::registry::{
    Agent, AgentStatus, AgentStore, CatalogStore, Deployed, Directory, EventDefinition, NewSchema,
    NewVersion, RegisteredSchema, Schema, TenantSettings, Version,
};
use crate::turn::Services;

/// All stores at once.
pub(super) struct Stores {
    directory: Arc<Directory>,
}

/// What turns read from when `agents` are all there is.
pub(super) fn services(agents: Vec<Agent>) -> Arc<Services> {
    let stores = Arc::new(Stores {
        directory: Arc::new(Directory::new(agents, Vec::new())),
    });
    Arc::new(Services {
        clock: Arc::new(SystemClock),
        ids: IdKey::new([7; 32]),
        agents: stores.clone(),
        catalog: stores.clone(),
        working: stores.clone(),
        knowledge: stores.clone(),
        episodes: stores.clone(),
        procedures: stores,
        schemas: crate::registry::SchemaCache::default(),
        hosted: std::sync::OnceLock::new(),
        allowances: Arc::default(),
    })
}

fn not_here<T>() -> Result<T> {
    Err(Error::not_found("anything", "here"))
}

#[async_trait]
impl WorkingStore for Stores {
    /// `wait` never answers, `panic` panics, `broken` fails; everything else is absent.
    async fn get(
        &self,
        _: &TenantScope,
        _: &WorkingSpace,
        key: &WorkingKey,
        _: Timestamp,
    ) -> Result<Option<WorkingEntry>> {
        match key.as_str() {
            "wait" => std::future::pending().await,
            "panic" => panic!("a defect in the host"),
            "broken" => Err(Error::internal(
                "reading working memory",
                "/secret/path is gone",
            )),
            _ => Ok(None),
        }
    }

    async fn keys(
        &self,
        _: &TenantScope,
        _: &KeyRange,
        _: Timestamp,
    ) -> Result<Vec<(WorkingKey, u64)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl AgentStore for Stores {
    async fn deploy(&self, _: &TenantScope, _: NewVersion) -> Result<Deployed> {
        not_here()
    }

    async fn directory(&self, _: &TenantScope) -> Result<Arc<Directory>> {
        Ok(Arc::clone(&self.directory))
    }

    async fn versions(&self, _: &TenantScope, _: &AgentName) -> Result<Vec<Version>> {
        not_here()
    }

    async fn rollback(
        &self,
        _: &TenantScope,
        _: &AgentName,
        _: Option<u32>,
        _: Timestamp,
    ) -> Result<Agent> {
        not_here()
    }

    async fn set_status(
        &self,
        _: &TenantScope,
        _: &AgentName,
        _: AgentStatus,
        _: Timestamp,
    ) -> Result<Agent> {
        not_here()
    }

    async fn set_config(
        &self,
        _: &TenantScope,
        _: &AgentName,
        _: BTreeMap<String, String>,
        _: Timestamp,
    ) -> Result<Agent> {
        not_here()
    }

    async fn delete(&self, _: &TenantScope, _: &AgentName) -> Result<()> {
        not_here()
    }
}

#[async_trait]
impl CatalogStore for Stores {
    async fn put_event(&self, _: &TenantScope, _: EventDefinition) -> Result<()> {
        not_here()
    }

    async fn delete_event(&self, _: &TenantScope, _: &EventType) -> Result<()> {
        not_here()
    }

    async fn events(&self, _: &TenantScope) -> Result<Vec<EventDefinition>> {
        Ok(Vec::new())
    }

    async fn put_schema(&self, _: &TenantScope, _: NewSchema) -> Result<RegisteredSchema> {
        not_here()
    }

    async fn schema(&self, _: &TenantScope, _: &str, _: Option<u32>) -> Result<Schema> {
        not_here()
    }

    async fn schemas(&self, _: &TenantScope, _: Option<&str>) -> Result<Vec<Schema>> {
        Ok(Vec::new())
    }

    async fn schema_versions(
        &self,
        _: &TenantScope,
        _: &str,
        _: Option<u32>,
        _: u32,
    ) -> Result<Vec<Schema>> {
        Ok(Vec::new())
    }

    async fn put_settings(&self, _: &TenantScope, _: TenantSettings) -> Result<()> {
        not_here()
    }
}

#[async_trait]
impl KnowledgeStore for Stores {
    async fn get(&self, _: &TenantScope, _: &str, _: Timestamp) -> Result<Option<KnowledgeItem>> {
        Ok(None)
    }

    async fn existing(&self, _: &TenantScope, _: &KnowledgeWrite) -> Result<Option<KnowledgeItem>> {
        Ok(None)
    }

    async fn search(&self, _: &TenantScope, _: &KnowledgeQuery, _: Timestamp) -> Result<Found> {
        Ok(Found::default())
    }

    async fn list(
        &self,
        _: &TenantScope,
        _: &KnowledgeFilter,
        _: PageOf,
        _: Timestamp,
    ) -> Result<Page<KnowledgeItem>> {
        not_here()
    }
}

#[async_trait]
impl EpisodeStore for Stores {
    async fn recent(&self, _: &TenantScope, _: &EpisodeFilter) -> Result<Vec<Episode>> {
        Ok(Vec::new())
    }

    async fn search(&self, _: &TenantScope, _: &str, _: &EpisodeFilter) -> Result<Vec<Episode>> {
        Ok(Vec::new())
    }

    async fn has(&self, _: &TenantScope, _: &AgentName, _: &str) -> Result<bool> {
        Ok(false)
    }

    async fn unconsolidated(
        &self,
        _: &TenantScope,
        _: &AgentName,
        _: Option<&str>,
        _: u32,
    ) -> Result<Unconsolidated> {
        Ok(Unconsolidated::default())
    }
}

#[async_trait]
impl ProcedureStore for Stores {
    async fn get(&self, _: &TenantScope, _: &str, _: Option<u32>) -> Result<Option<Procedure>> {
        Ok(None)
    }

    async fn state(&self, _: &TenantScope, _: &str) -> Result<ProcedureState> {
        Ok(ProcedureState::default())
    }

    async fn list(&self, _: &TenantScope, _: Option<&str>, _: u32) -> Result<Vec<Procedure>> {
        Ok(Vec::new())
    }

    async fn matching(&self, _: &TenantScope, _: &str, _: u32) -> Result<Vec<(Procedure, f64)>> {
        Ok(Vec::new())
    }
}
