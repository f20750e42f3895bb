//! Components that no turn runs, in `host.db`.

use rusqlite::{Connection, Row, params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::identity::SuspendedComponent;
use crate::quota::SUSPENDED_COMPONENTS_MAX;

use super::super::rows::{Sql as _, to_u64};

pub(super) fn suspend(conn: &Connection, component: &SuspendedComponent) -> Result<()> {
    conn.execute(
        "INSERT INTO suspended_components (digest, reason, since_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (digest) DO UPDATE SET reason = excluded.reason",
        params![
            component.digest.as_bytes(),
            component.reason,
            component.since.0
        ],
    )
    .during("suspending a component")?;
    let count: i64 = conn
        .query_row("SELECT count(*) FROM suspended_components", [], |row| {
            row.get(0)
        })
        .during("counting suspended components")?;
    if to_u64(count) > SUSPENDED_COMPONENTS_MAX {
        return Err(Error::Exhausted {
            limit: "suspended_components_max",
            unit: "components",
            max: SUSPENDED_COMPONENTS_MAX,
        });
    }
    Ok(())
}

pub(super) fn resume(conn: &Connection, digest: &Digest) -> Result<()> {
    let resumed = conn
        .execute(
            "DELETE FROM suspended_components WHERE digest = ?1",
            [digest.as_bytes()],
        )
        .during("resuming a component")?;
    match resumed {
        0 => Err(Error::not_found("suspended component", digest.to_string())),
        _ => Ok(()),
    }
}

pub(super) fn all(conn: &Connection) -> Result<Vec<SuspendedComponent>> {
    let component = |row: &Row<'_>| {
        Ok(SuspendedComponent {
            digest: Digest::from_bytes(row.get(0)?),
            reason: row.get(1)?,
            since: Timestamp(row.get(2)?),
        })
    };
    conn.prepare_cached("SELECT digest, reason, since_ms FROM suspended_components ORDER BY digest")
        .and_then(|mut statement| statement.query_map([], component)?.collect())
        .during("reading suspended components")
}
