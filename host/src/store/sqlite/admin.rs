//! Tenants and API keys in `host.db`, and the directories of tenants.
//!
//! # What a crash leaves
//!
//! A tenant is made directory first, row second: a crash between the two leaves a directory that no row
//! names, which nothing reaches and the next start reports. A tenant is removed by renaming its directory
//! to a tombstone, which is durable before anything else happens and from which there is no way back; then
//! its row and its keys go, then the tombstone. The next start takes every tombstone's rows and then the
//! tombstone, so a removal that began ends. No start removes a tenant that has no tombstone: a `host.db`
//! from an old backup must not cost the tenants made since.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use crate::bus::Announcement;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{Digest, KeyName, TenantId, TenantName};
use crate::identity::{
    AdminStore, ApiKey, KeyId, Rotation, SuspendedComponent, Tenant, TenantChange,
};
use crate::quota::Allowances;

use super::SqliteStore;
use super::columns::parsed;
use super::datadir::DataDir;
use super::host_db::HostDb;
use super::rows::{Sql as _, from_json, to_json};
use super::tenants::Tenants;
use super::usage;

mod keys;
mod suspended;

#[async_trait]
impl AdminStore for SqliteStore {
    async fn create_tenant(&self, tenant: Tenant) -> Result<()> {
        let (id, name, weight) = (tenant.id, tenant.name.clone(), tenant.weight);
        self.allowances.check(&tenant.quotas)?;
        let kept = tenant.clone();
        // Asked first, so that a taken name does not cost a database.
        self.host
            .call(move |conn| require_free(conn, &name))
            .await?;
        self.blocking(move |tenants| tenants.create(id)).await?;
        let inserted = self
            .host
            .call(move |conn| insert_tenant(conn, &tenant))
            .await;
        if let Err(error) = inserted {
            let remove = move |tenants: &Tenants| {
                tenants.detach(id)?;
                tenants.remove(id)
            };
            if let Err(error) = self.blocking(remove).await {
                tracing::warn!(%error, tenant.id = %id, "could not remove a directory that no row names");
            }
            return Err(error);
        }
        allow(&self.allowances, &kept);
        self.bus
            .announce(id, Announcement::TenantCreated { weight });
        Ok(())
    }

    async fn change_tenant(&self, name: &TenantName, change: TenantChange) -> Result<Tenant> {
        let (name, allowances) = (name.clone(), Arc::clone(&self.allowances));
        let tenant = self
            .host
            .call(move |conn| {
                let tenant = change.apply(tenant(conn, &name)?);
                allowances.check(&tenant.quotas)?;
                update_tenant(conn, &tenant)?;
                // Under the lock of the database, so that of two changes the last one holds.
                allow(&allowances, &tenant);
                Ok(tenant)
            })
            .await?;
        // Told first: that nothing of it runs must not wait for its database.
        self.bus.announce(tenant.id, Announcement::TenantChanged);
        let quotas = self.allowances.standing(tenant.id).quotas;
        let open = self.tenants.get(tenant.id).await?;
        let apply = open.write(move |tx| usage::apply_quotas(tx.conn(), &quotas));
        apply.await?;
        Ok(tenant)
    }

    async fn list_tenants(&self, after: Option<TenantName>, limit: u32) -> Result<Vec<Tenant>> {
        self.host
            .call(move |conn| {
                let after = after.as_ref().map(TenantName::as_str);
                tenants(
                    conn,
                    "WHERE ?1 IS NULL OR name > ?1 ORDER BY name LIMIT ?2",
                    params![after, limit],
                )
            })
            .await
    }

    async fn get_tenant(&self, name: &TenantName) -> Result<Tenant> {
        let name = name.clone();
        self.host.call(move |conn| tenant(conn, &name)).await
    }

    async fn find_tenant(&self, id: TenantId) -> Result<Tenant> {
        self.host.call(move |conn| tenant_of(conn, id)).await
    }

    async fn all_tenants(&self) -> Result<Vec<Tenant>> {
        self.host
            .call(|conn| tenants(conn, "ORDER BY name", params![]))
            .await
    }

    async fn delete_tenant(&self, name: &TenantName) -> Result<()> {
        let id = self.get_tenant(name).await?.id;
        self.blocking(move |tenants| tenants.detach(id)).await?;
        self.host.call(move |conn| delete_tenant(conn, id)).await?;
        self.allowances.forget(id);
        // Told before the tombstone goes: from here on there is no tenant, whatever becomes of its files.
        self.bus.announce(id, Announcement::TenantDeleted);
        self.blocking(move |tenants| tenants.remove(id)).await
    }

    async fn suspend_component(&self, component: SuspendedComponent) -> Result<()> {
        let kept = component.clone();
        self.host
            .call(move |conn| suspended::suspend(conn, &kept))
            .await?;
        self.allowances
            .suspend_component(component.digest, &component.reason);
        Ok(())
    }

    async fn resume_component(&self, digest: Digest) -> Result<()> {
        self.host
            .call(move |conn| suspended::resume(conn, &digest))
            .await?;
        self.allowances.resume_component(&digest);
        Ok(())
    }

    async fn suspended_components(&self) -> Result<Vec<SuspendedComponent>> {
        self.host.call(suspended::all).await
    }

    async fn create_key(&self, key: ApiKey) -> Result<()> {
        self.host.call(move |conn| keys::insert(conn, &key)).await
    }

    async fn rotate_key(&self, tenant: TenantId, id: &KeyId, to: Rotation) -> Result<()> {
        let id = id.clone();
        self.host
            .call(move |conn| keys::rotate(conn, tenant, &id, &to))
            .await
    }

    async fn list_keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>> {
        self.host.call(move |conn| keys::all(conn, tenant)).await
    }

    async fn revoke_key(&self, tenant: TenantId, name: &KeyName, at: Timestamp) -> Result<()> {
        let name = name.clone();
        self.host
            .call(move |conn| keys::revoke(conn, tenant, &name, at))
            .await
    }

    async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>> {
        let id = id.clone();
        self.host.call(move |conn| keys::find(conn, &id)).await
    }

    async fn note_key_used(&self, id: &KeyId, at: Timestamp) -> Result<()> {
        let id = id.clone();
        self.host.call(move |conn| keys::used(conn, &id, at)).await
    }
}

impl SqliteStore {
    async fn blocking(
        &self,
        work: impl FnOnce(&Tenants) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let tenants = Arc::clone(&self.tenants);
        tokio::task::spawn_blocking(move || work(&tenants))
            .await
            .map_err(|e| Error::internal("working on a tenant's directory", e))?
    }
}

/// End the removals that a crash cut short, and report directories that no row names. For the start.
pub(super) fn recover(data: &DataDir, host: &HostDb) -> Result<()> {
    for id in data.tombstones()? {
        host.call_now(|conn| delete_tenant(conn, id))?;
        data.remove_tenant(id)?;
    }
    let named: HashSet<TenantId> = host.call_now(tenant_ids)?.into_iter().collect();
    for id in data.tenant_ids()?.iter().filter(|id| !named.contains(id)) {
        tracing::warn!(tenant.id = %id, "a directory belongs to no tenant: the host died while making it, or host.db is from an older backup");
    }
    Ok(())
}

/// Take over what is set for every tenant. For the start.
pub(super) fn load_allowances(host: &HostDb, allowances: &Allowances) -> Result<()> {
    for tenant in host.call_now(|conn| tenants(conn, "", params![]))? {
        allow(allowances, &tenant);
    }
    for component in host.call_now(suspended::all)? {
        allowances.suspend_component(component.digest, &component.reason);
    }
    Ok(())
}

fn allow(allowances: &Allowances, tenant: &Tenant) {
    let suspended = tenant.suspended.as_deref();
    allowances.set(tenant.id, tenant.weight, &tenant.quotas, suspended);
}

fn update_tenant(conn: &Connection, tenant: &Tenant) -> Result<()> {
    conn.execute(
        "UPDATE tenants SET weight = ?2, quotas = ?3, suspended = ?4 WHERE id = ?1",
        params![
            tenant.id.to_string(),
            tenant.weight,
            to_json(&tenant.quotas)?,
            tenant.suspended
        ],
    )
    .during("changing a tenant")?;
    Ok(())
}

/// Remove a tenant's row and keys, if they are there.
fn delete_tenant(conn: &Connection, id: TenantId) -> Result<()> {
    conn.execute("DELETE FROM tenants WHERE id = ?1", [id.to_string()])
        .during("deleting a tenant")?;
    Ok(())
}

fn tenant_ids(conn: &Connection) -> Result<Vec<TenantId>> {
    conn.prepare_cached("SELECT id FROM tenants")
        .and_then(|mut statement| statement.query_map([], |row| parsed(row, 0))?.collect())
        .during("reading tenants")
}

fn require_free(conn: &Connection, name: &TenantName) -> Result<()> {
    let taken: bool = conn
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM tenants WHERE name = ?1)",
            [name.as_str()],
            |row| row.get(0),
        )
        .during("finding a tenant")?;
    if taken {
        return Err(Error::conflict(
            "tenant",
            format!("there is one named `{name}` already"),
        ));
    }
    Ok(())
}

fn insert_tenant(conn: &Connection, tenant: &Tenant) -> Result<()> {
    require_free(conn, &tenant.name)?;
    conn.execute(
        "INSERT INTO tenants (id, name, created_ms, weight, quotas, suspended)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            tenant.id.to_string(),
            tenant.name.as_str(),
            tenant.created.0,
            tenant.weight,
            to_json(&tenant.quotas)?,
            tenant.suspended
        ],
    )
    .during("creating a tenant")?;
    Ok(())
}

fn tenant(conn: &Connection, name: &TenantName) -> Result<Tenant> {
    tenants(conn, "WHERE name = ?1", params![name.as_str()])?
        .pop()
        .ok_or_else(|| Error::not_found("tenant", name.as_str()))
}

fn tenant_of(conn: &Connection, id: TenantId) -> Result<Tenant> {
    let id = id.to_string();
    tenants(conn, "WHERE id = ?1", params![id])?
        .pop()
        .ok_or_else(|| Error::not_found("tenant", id))
}

fn tenants(conn: &Connection, rest: &str, params: impl rusqlite::Params) -> Result<Vec<Tenant>> {
    let rows: Vec<(Tenant, String)> = conn
        .prepare_cached(&format!(
            "SELECT id, name, created_ms, weight, quotas, suspended FROM tenants {rest}"
        ))
        .and_then(|mut statement| {
            let tenant = |row: &Row<'_>| {
                let created = Timestamp(row.get(2)?);
                let tenant = Tenant {
                    id: parsed(row, 0)?,
                    suspended: row.get(5)?,
                    ..Tenant::new(parsed(row, 1)?, created, row.get(3)?)
                };
                Ok((tenant, row.get(4)?))
            };
            statement.query_map(params, tenant)?.collect()
        })
        .during("reading tenants")?;
    rows.into_iter()
        .map(|(tenant, quotas)| {
            let quotas = from_json(&quotas)?;
            Ok(Tenant { quotas, ..tenant })
        })
        .collect()
}
