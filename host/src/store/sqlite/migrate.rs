//! Brings a database to this host's schema, or refuses one that a newer host made.
//!
//! Invariant: `PRAGMA user_version` is the number of migrations applied; each is applied in one
//! transaction with its number, and a file that anyone has applied is never edited.

use rusqlite::Connection;

use super::rows::{Sql, from_u64};
use crate::error::{Error, Result};

/// The migrations of one kind of database, in order.
pub(super) struct Migrations {
    what: &'static str,
    steps: &'static [&'static str],
}

/// Of `host.db`.
pub(super) const HOST: Migrations = Migrations {
    what: "host database",
    steps: &[
        include_str!("../../../../migrations/sqlite/host/0001_tenants.sql"),
        include_str!("../../../../migrations/sqlite/host/0002_scopes.sql"),
        include_str!("../../../../migrations/sqlite/host/0003_quotas.sql"),
        include_str!("../../../../migrations/sqlite/host/0004_suspended_components.sql"),
    ],
};

/// Of each tenant's `state.db`.
pub(super) const TENANT: Migrations = Migrations {
    what: "tenant database",
    steps: &[
        include_str!("../../../../migrations/sqlite/tenant/0001_events.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0002_registry.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0003_memory.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0004_knowledge.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0005_episodes_procedures.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0006_sessions.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0007_services.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0008_embedders.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0009_schema_owners.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0010_audit.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0011_usage.sql"),
        include_str!("../../../../migrations/sqlite/tenant/0012_secrets.sql"),
    ],
};

impl Migrations {
    /// Apply what is missing.
    ///
    /// # Errors
    /// `Conflict` if the database is from a newer host.
    pub(super) fn apply(&self, conn: &mut Connection) -> Result<()> {
        let known = self.steps.len();
        let found: i64 = conn
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .during("reading the schema version")?;
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        if done > known {
            return Err(Error::conflict(
                self.what,
                format!(
                    "schema version {found} is newer than {known}, the newest this host knows: run the newer host"
                ),
            ));
        }
        for (index, step) in self.steps.iter().enumerate().skip(done) {
            let tx = conn.transaction().during("beginning a migration")?;
            tx.execute_batch(step).during("migrating")?;
            tx.pragma_update(None, "user_version", from_u64(index as u64 + 1))
                .during("writing the schema version")?;
            tx.commit().during("committing a migration")?;
        }
        Ok(())
    }
}
