//! Which components the agents of all tenants need.
//!
//! Invariant: a tenant that cannot be read makes the answer an error, never a shorter list; and directories
//! count that no row of `host.db` names, because a `host.db` from an old backup must not cost the tenants
//! made since their components.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Connection;

use super::SqliteStore;
use super::rows::Sql as _;
use crate::error::{Error, Result};
use crate::id::Digest;

impl SqliteStore {
    /// Those of `components` that no version of any agent has.
    ///
    /// # Errors
    /// Whatever keeps a tenant from being read.
    pub async fn unused(&self, mut components: HashSet<Digest>) -> Result<HashSet<Digest>> {
        let data = Arc::clone(&self.data);
        let tenants = tokio::task::spawn_blocking(move || data.tenant_ids())
            .await
            .map_err(|e| Error::internal("listing the tenants' directories", e))??;
        for id in tenants {
            if components.is_empty() {
                break;
            }
            let tenant = self.tenants.get(id).await?;
            for digest in tenant.scan(digests).await? {
                components.remove(&digest);
            }
        }
        Ok(components)
    }
}

fn digests(conn: &Connection) -> Result<Vec<Digest>> {
    conn.prepare_cached("SELECT DISTINCT digest FROM agent_versions")
        .and_then(|mut statement| {
            statement
                .query_map([], |row| row.get(0).map(Digest::from_bytes))?
                .collect()
        })
        .during("reading the components of a tenant's agents")
}
