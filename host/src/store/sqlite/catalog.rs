//! Event definitions and schemas in a tenant's database.
//!
//! Invariant: a schema's version never changes and none is removed, so a definition that names a schema
//! can always be checked against it. Definitions are in the directory too; the job that changes one puts
//! a new directory in place.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Json, SUBJECT_BYTES_MAX};
use crate::id::EventType;
use crate::identity::TenantScope;
use crate::registry::{
    CatalogStore, DESCRIPTION_BYTES_MAX, EVENT_DEFINITIONS_MAX, EventDefinition,
    SCHEMA_VERSIONS_MAX, SCHEMAS_PER_TENANT_MAX, Schema, compile_schema,
};

use super::SqliteStore;
use super::agents::reload_directory;
use super::columns::parsed;
use super::rows::Sql as _;
use super::writer::WriteTx;

#[cfg(test)]
mod tests;

#[async_trait]
impl CatalogStore for SqliteStore {
    async fn put_event(&self, scope: &TenantScope, definition: EventDefinition) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        let put = move |tx: &mut WriteTx<'_>| {
            put_event(tx.conn(), &definition)?;
            reload_directory(tx)
        };
        tenant.write(put).await
    }

    async fn delete_event(&self, scope: &TenantScope, event_type: &EventType) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        let event_type = event_type.clone();
        let delete = move |tx: &mut WriteTx<'_>| {
            delete_event(tx.conn(), &event_type)?;
            reload_directory(tx)
        };
        tenant.write(delete).await
    }

    async fn events(&self, scope: &TenantScope) -> Result<Vec<EventDefinition>> {
        let directory = self.tenant(scope).await?.directory();
        Ok(directory.definitions().cloned().collect())
    }

    async fn put_schema(
        &self,
        scope: &TenantScope,
        name: &str,
        body: Json,
        now: Timestamp,
    ) -> Result<Schema> {
        check_schema(name, &body)?;
        let tenant = self.tenant(scope).await?;
        let name = name.to_owned();
        tenant
            .write(move |tx| put_schema(tx.conn(), &name, body, now))
            .await
    }

    async fn schema(
        &self,
        scope: &TenantScope,
        name: &str,
        version: Option<u32>,
    ) -> Result<Schema> {
        let tenant = self.tenant(scope).await?;
        let found = tenant.read(|conn| schema(conn, name, version)).await?;
        found.ok_or_else(|| {
            let name = version.map_or(name.to_owned(), |version| {
                format!("{name} version {version}")
            });
            Error::not_found("schema", name)
        })
    }

    async fn schemas(&self, scope: &TenantScope) -> Result<Vec<Schema>> {
        let tenant = self.tenant(scope).await?;
        tenant.scan(schemas).await
    }
}

/// All definitions, by type.
pub(super) fn events(conn: &Connection) -> Result<Vec<EventDefinition>> {
    conn.prepare_cached(
        "SELECT event_type, topic, description, schema FROM event_definitions ORDER BY event_type",
    )
    .and_then(|mut statement| {
        let definition = |row: &Row<'_>| {
            Ok(EventDefinition {
                event_type: parsed(row, 0)?,
                topic: parsed(row, 1)?,
                description: row.get(2)?,
                schema: row.get(3)?,
            })
        };
        statement.query_map([], definition)?.collect()
    })
    .during("reading event definitions")
}

fn put_event(conn: &Connection, definition: &EventDefinition) -> Result<()> {
    if definition.description.len() > DESCRIPTION_BYTES_MAX {
        return Err(Error::TooLarge {
            limit: "description_bytes_max",
            unit: "bytes",
            max: DESCRIPTION_BYTES_MAX as u64,
            got: definition.description.len() as u64,
        });
    }
    if let Some(name) = &definition.schema
        && schema(conn, name, None)?.is_none()
    {
        let reason = format!("no schema named `{name}` is registered: register it first");
        return Err(Error::invalid("schema", reason));
    }
    let (known, all): (bool, i64) = conn
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM event_definitions WHERE event_type = ?1),
                    (SELECT count(*) FROM event_definitions)",
            [definition.event_type.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .during("counting event definitions")?;
    if !known && all as u64 >= EVENT_DEFINITIONS_MAX {
        return Err(Error::Exhausted {
            limit: "event_definitions_max",
            unit: "definitions",
            max: EVENT_DEFINITIONS_MAX,
        });
    }
    conn.execute(
        "INSERT OR REPLACE INTO event_definitions (event_type, topic, description, schema)
         VALUES (?1, ?2, ?3, ?4)",
        params![
            definition.event_type.as_str(),
            definition.topic.as_str(),
            definition.description,
            definition.schema
        ],
    )
    .during("writing an event definition")?;
    Ok(())
}

fn delete_event(conn: &Connection, event_type: &EventType) -> Result<()> {
    let sql = "DELETE FROM event_definitions WHERE event_type = ?1";
    match conn
        .execute(sql, [event_type.as_str()])
        .during("deleting an event definition")?
    {
        0 => Err(Error::not_found("event definition", event_type.as_str())),
        _ => Ok(()),
    }
}

fn check_schema(name: &str, body: &Json) -> Result<()> {
    if name.is_empty() || name.len() > SUBJECT_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "schema name",
            format!("must be 1 to {SUBJECT_BYTES_MAX} bytes without control characters"),
        ));
    }
    compile_schema(body)
        .map(drop)
        .map_err(|reason| Error::invalid("schema", reason))
}

fn put_schema(conn: &Connection, name: &str, body: Json, now: Timestamp) -> Result<Schema> {
    let latest = schema(conn, name, None)?;
    let version = match latest {
        Some(latest) if latest.body == body => return Ok(latest),
        Some(latest) => latest.version + 1,
        None => 1,
    };
    room_for(conn, version)?;
    conn.execute(
        "INSERT INTO schemas (name, version, body, created_ms) VALUES (?1, ?2, ?3, ?4)",
        params![name, version, body.as_str(), now.0],
    )
    .during("writing a schema")?;
    Ok(Schema {
        name: name.to_owned(),
        version,
        body,
        created: now,
    })
}

/// Whether one more of this version may be kept.
fn room_for(conn: &Connection, version: u32) -> Result<()> {
    if version > SCHEMA_VERSIONS_MAX {
        return Err(Error::Exhausted {
            limit: "schema_versions_max",
            unit: "versions",
            max: u64::from(SCHEMA_VERSIONS_MAX),
        });
    }
    if version > 1 {
        return Ok(());
    }
    let schemas: i64 = conn
        .query_row(
            "SELECT count(*) FROM schemas WHERE version = 1",
            [],
            |row| row.get(0),
        )
        .during("counting schemas")?;
    if schemas as u64 >= SCHEMAS_PER_TENANT_MAX {
        return Err(Error::Exhausted {
            limit: "schemas_per_tenant_max",
            unit: "schemas",
            max: SCHEMAS_PER_TENANT_MAX,
        });
    }
    Ok(())
}

fn schema(conn: &Connection, name: &str, version: Option<u32>) -> Result<Option<Schema>> {
    conn.prepare_cached(
        "SELECT name, version, body, created_ms FROM schemas
         WHERE name = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY version DESC LIMIT 1",
    )
    .and_then(|mut statement| {
        statement
            .query_row(params![name, version], schema_row)
            .optional()
    })
    .during("reading a schema")
}

fn schemas(conn: &Connection) -> Result<Vec<Schema>> {
    // With max() alone, the other columns are those of the row that has it.
    conn.prepare_cached(
        "SELECT name, max(version), body, created_ms FROM schemas GROUP BY name ORDER BY name",
    )
    .and_then(|mut statement| statement.query_map([], schema_row)?.collect())
    .during("reading schemas")
}

fn schema_row(row: &Row<'_>) -> rusqlite::Result<Schema> {
    Ok(Schema {
        name: row.get(0)?,
        version: row.get(1)?,
        body: Json::from_stored(row.get::<_, String>(2)?),
        created: Timestamp(row.get(3)?),
    })
}
