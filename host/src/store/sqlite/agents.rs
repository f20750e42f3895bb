//! Agents in a tenant's database, and the directory made of them.
//!
//! Invariant: a change of agents or event definitions builds the new directory inside its own writer job;
//! the job's commit puts it in place before anybody is answered and before the next job routes an event.
//! So the directory is never behind a commit that somebody knows of.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::bus::Announcement;
use crate::clock::Timestamp;
use crate::crash::{self, Point};
use crate::error::{Error, Result};
use crate::id::{AgentId, AgentName};
use crate::identity::TenantScope;
use crate::quota::Quota;
use crate::registry::{
    AGENTS_PER_TENANT_MAX, Agent, AgentStatus, AgentStore, CONFIG_BYTES_MAX, Deployed, Directory,
    NewVersion, Version,
};

use super::SqliteStore;
use super::rows::{Sql as _, to_json};
use super::writer::WriteTx;

mod deploy;
mod load;
#[cfg(test)]
mod tests;

pub(super) use load::directory as load_directory;

use deploy::Change;

#[async_trait]
impl AgentStore for SqliteStore {
    async fn deploy(&self, scope: &TenantScope, version: NewVersion) -> Result<Deployed> {
        let tenant = self.tenant(scope).await?;
        let max = self
            .allowances
            .quota(scope.tenant(), Quota::AgentsPerTenantMax)
            .min(AGENTS_PER_TENANT_MAX);
        let deploy = move |tx: &mut WriteTx<'_>| {
            refuse_service(tx, &version.name)?;
            let change = deploy::deploy(tx.conn(), &version, max)?;
            if change != Change::Nothing {
                agents_changed(tx)?;
            }
            Ok(Deployed {
                agent: Agent::clone(tx.directory().get(&version.name)?),
                created: change == Change::Created,
                unchanged: change == Change::Nothing,
            })
        };
        let deployed = tenant.write(deploy).await;
        crash::point(Point::Deployed);
        deployed
    }

    async fn directory(&self, scope: &TenantScope) -> Result<Arc<Directory>> {
        Ok(self.tenant(scope).await?.directory())
    }

    async fn versions(&self, scope: &TenantScope, name: &AgentName) -> Result<Vec<Version>> {
        let tenant = self.tenant(scope).await?;
        let name = name.clone();
        tenant
            .scan(move |conn| load::versions(conn, number_of(conn, &name)?))
            .await
    }

    async fn rollback(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        to: Option<u32>,
        now: Timestamp,
    ) -> Result<Agent> {
        self.change(scope, name, move |conn, id| {
            deploy::point_at(conn, id, to, now)
        })
        .await
    }

    async fn set_status(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        status: AgentStatus,
        now: Timestamp,
    ) -> Result<Agent> {
        let status = to_json(&status)?;
        self.change(scope, name, move |conn, id| {
            set(
                conn,
                "UPDATE agents SET status = ?2, updated_ms = ?3 WHERE id = ?1",
                id,
                &status,
                now,
            )
        })
        .await
    }

    async fn set_config(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        config: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Agent> {
        let config = to_json(&config)?;
        if config.len() > CONFIG_BYTES_MAX {
            return Err(Error::TooLarge {
                limit: "config_bytes_max",
                unit: "bytes",
                max: CONFIG_BYTES_MAX as u64,
                got: config.len() as u64,
            });
        }
        self.change(scope, name, move |conn, id| {
            set(
                conn,
                "UPDATE agents SET config = ?2, updated_ms = ?3 WHERE id = ?1",
                id,
                &config,
                now,
            )
        })
        .await
    }

    async fn delete(&self, scope: &TenantScope, name: &AgentName) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        let name = name.clone();
        let delete = move |tx: &mut WriteTx<'_>| {
            deploy::delete(tx.conn(), number_of(tx.conn(), &name)?)?;
            agents_changed(tx)
        };
        tenant.write(delete).await
    }
}

impl SqliteStore {
    /// Change an agent and return it as it is then.
    async fn change(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        change: impl FnOnce(&Connection, AgentId) -> Result<()> + Send + 'static,
    ) -> Result<Agent> {
        let tenant = self.tenant(scope).await?;
        let name = name.clone();
        let job = move |tx: &mut WriteTx<'_>| {
            change(tx.conn(), number_of(tx.conn(), &name)?)?;
            agents_changed(tx)?;
            Ok(Agent::clone(tx.directory().get(&name)?))
        };
        tenant.write(job).await
    }
}

/// Put a directory of what the job has written in place, with its commit.
pub(super) fn reload_directory(tx: &mut WriteTx<'_>) -> Result<()> {
    let services = tx.directory().services().clone();
    let directory = load::directory(tx.conn(), tx.directory())?;
    tx.set_directory(Arc::new(directory.with_services(services)));
    Ok(())
}

fn agents_changed(tx: &mut WriteTx<'_>) -> Result<()> {
    reload_directory(tx)?;
    tx.announce(Announcement::AgentsChanged);
    Ok(())
}

/// A name means one thing: an agent or a service.
fn refuse_service(tx: &WriteTx<'_>, name: &AgentName) -> Result<()> {
    if tx.directory().services().get(name).is_none() {
        return Ok(());
    }
    let reason =
        format!("`{name}` is a service in the catalogue: deregister it, or choose another name");
    Err(Error::conflict("agent", reason))
}

/// The number of the agent of this name.
fn number_of(conn: &Connection, name: &AgentName) -> Result<AgentId> {
    conn.prepare_cached("SELECT id FROM agents WHERE name = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([name.as_str()], |row| row.get(0).map(AgentId))
                .optional()
        })
        .during("finding an agent")?
        .ok_or_else(|| Error::not_found("agent", name.as_str()))
}

/// Set one text column of an agent.
fn set(conn: &Connection, sql: &str, id: AgentId, text: &str, now: Timestamp) -> Result<()> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params![id.0, text, now.0]))
        .during("changing an agent")?;
    Ok(())
}
