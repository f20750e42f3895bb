//! What a tenant chose for its registry, one row a choice.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::rows::{Sql as _, from_json, to_json};
use crate::error::Result;
use crate::registry::TenantSettings;

/// The one row.
const NAME: &str = "registry";

/// What was chosen, or the defaults.
pub(in super::super) fn get(conn: &Connection) -> Result<TenantSettings> {
    conn.prepare_cached("SELECT value FROM registry_settings WHERE name = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([NAME], |row| row.get::<_, String>(0))
                .optional()
        })
        .during("reading the registry's settings")?
        .map_or(Ok(TenantSettings::default()), |text| from_json(&text))
}

/// Choose.
pub(super) fn put(conn: &Connection, settings: TenantSettings) -> Result<()> {
    conn.execute(
        "INSERT OR REPLACE INTO registry_settings (name, value) VALUES (?1, ?2)",
        [NAME, &to_json(&settings)?],
    )
    .during("writing the registry's settings")?;
    Ok(())
}
