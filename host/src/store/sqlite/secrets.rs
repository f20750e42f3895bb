//! Secrets of tenants: sealed before a statement sees them.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::columns::{json, parsed};
use super::rows::{Sql as _, to_json};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::SecretName;
use crate::identity::TenantScope;
use crate::secrets::{SECRETS_PER_TENANT_MAX, Secret, SecretEntry, SecretRules, SecretStore};

#[async_trait]
impl SecretStore for SqliteStore {
    async fn put(
        &self,
        scope: &TenantScope,
        name: SecretName,
        secret: Secret,
        now: Timestamp,
    ) -> Result<SecretEntry> {
        let sealed = self.vault().seal(scope.tenant(), &name, &secret.value)?;
        let rules = to_json(&secret.rules)?;
        let tenant = self.tenant(scope).await?;
        tenant
            .write(move |tx| {
                let conn = tx.conn();
                require_room(conn, &name)?;
                conn.execute(
                    "INSERT INTO secrets (name, rules, sealed, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?4)
                     ON CONFLICT (name) DO UPDATE SET
                         rules = excluded.rules, sealed = excluded.sealed, updated_ms = excluded.updated_ms",
                    params![name.as_str(), rules, sealed, now.0],
                )
                .during("keeping a secret")?;
                conn.query_row(
                    "SELECT name, rules, created_ms, updated_ms FROM secrets WHERE name = ?1",
                    [name.as_str()],
                    entry,
                )
                .during("reading a secret")
            })
            .await
    }

    async fn list(&self, scope: &TenantScope) -> Result<Vec<SecretEntry>> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                conn.prepare_cached(
                    "SELECT name, rules, created_ms, updated_ms FROM secrets ORDER BY name",
                )
                .and_then(|mut statement| statement.query_map([], entry)?.collect())
                .during("listing secrets")
            })
            .await
    }

    async fn delete(&self, scope: &TenantScope, name: &SecretName) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        let name = name.clone();
        tenant
            .write(move |tx| {
                let gone = tx
                    .conn()
                    .execute("DELETE FROM secrets WHERE name = ?1", [name.as_str()])
                    .during("forgetting a secret")?;
                if gone == 0 {
                    return Err(Error::not_found("secret", name.as_str()));
                }
                Ok(())
            })
            .await
    }

    async fn reveal(&self, scope: &TenantScope, name: &SecretName) -> Result<Option<Secret>> {
        let tenant = self.tenant(scope).await?;
        let wanted = name.clone();
        let found: Option<(SecretRules, Vec<u8>)> = tenant
            .read(move |conn| {
                conn.prepare_cached("SELECT rules, sealed FROM secrets WHERE name = ?1")
                    .and_then(|mut statement| {
                        let row = |row: &Row<'_>| Ok((json(row, 0)?, row.get::<_, Vec<u8>>(1)?));
                        statement.query_row([wanted.as_str()], row).optional()
                    })
                    .during("reading a secret")
            })
            .await?;
        let Some((rules, sealed)) = found else {
            return Ok(None);
        };
        let value = self.vault().open(scope.tenant(), name, &sealed)?;
        Ok(Some(Secret { rules, value }))
    }
}

/// Whether one more fits, unless it is there already.
fn require_room(conn: &Connection, name: &SecretName) -> Result<()> {
    let others: i64 = conn
        .query_row(
            "SELECT count(*) FROM secrets WHERE name <> ?1",
            [name.as_str()],
            |row| row.get(0),
        )
        .during("counting secrets")?;
    if others as u64 >= SECRETS_PER_TENANT_MAX {
        return Err(Error::Exhausted {
            limit: "secrets_per_tenant_max",
            unit: "secrets",
            max: SECRETS_PER_TENANT_MAX,
        });
    }
    Ok(())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<SecretEntry> {
    Ok(SecretEntry {
        name: parsed(row, 0)?,
        rules: json(row, 1)?,
        created: Timestamp(row.get(2)?),
        updated: Timestamp(row.get(3)?),
    })
}
