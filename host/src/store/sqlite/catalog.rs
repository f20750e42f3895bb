//! Event definitions, schemas and the registry's settings in a tenant's database.
//!
//! Invariant: a schema's version never changes and none is removed, so a definition that names a schema
//! can always be checked against it. Definitions and settings are in the directory too; the job that
//! changes one puts a new directory in place.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use crate::error::{Error, Result};
use crate::id::EventType;
use crate::identity::TenantScope;
use crate::registry::{
    CatalogStore, DESCRIPTION_BYTES_MAX, EVENT_DEFINITIONS_MAX, EventDefinition, NewSchema,
    RegisteredSchema, Schema, TenantSettings, check_definition, own_schema,
};

use super::SqliteStore;
use super::agents::reload_directory;
use super::columns::parsed;
use super::rows::Sql as _;
use super::writer::WriteTx;

mod schemas;
mod settings;
#[cfg(test)]
mod tests;

pub(super) use settings::get as settings;

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

    async fn put_schema(&self, scope: &TenantScope, new: NewSchema) -> Result<RegisteredSchema> {
        schemas::check(&new)?;
        let tenant = self.tenant(scope).await?;
        let publisher = scope.principal().source();
        tenant
            .write(move |tx| schemas::put(tx.conn(), &publisher, new))
            .await
    }

    async fn schema(
        &self,
        scope: &TenantScope,
        name: &str,
        version: Option<u32>,
    ) -> Result<Schema> {
        let tenant = self.tenant(scope).await?;
        if let Some(own) = own_schema(name, version) {
            return Ok(own);
        }
        let found = tenant
            .read(|conn| schemas::get(conn, name, version))
            .await?;
        found.ok_or_else(|| {
            let name = version.map_or(name.to_owned(), |version| {
                format!("{name} version {version}")
            });
            Error::not_found("schema", name)
        })
    }

    async fn schemas(&self, scope: &TenantScope, owner: Option<&str>) -> Result<Vec<Schema>> {
        let tenant = self.tenant(scope).await?;
        let owner = owner.map(str::to_owned);
        tenant
            .scan(move |conn| schemas::latest(conn, owner.as_deref()))
            .await
    }

    async fn schema_versions(
        &self,
        scope: &TenantScope,
        name: &str,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Schema>> {
        let tenant = self.tenant(scope).await?;
        if let Some(own) = own_schema(name, None) {
            return Ok(vec![own]);
        }
        let name = name.to_owned();
        let list = move |conn: &Connection| schemas::versions(conn, &name, before, limit);
        tenant.scan(list).await
    }

    async fn put_settings(&self, scope: &TenantScope, settings: TenantSettings) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        let put = move |tx: &mut WriteTx<'_>| {
            settings::put(tx.conn(), settings)?;
            reload_directory(tx)
        };
        tenant.write(put).await
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
    check_definition(definition)?;
    if definition.description.len() > DESCRIPTION_BYTES_MAX {
        return Err(Error::TooLarge {
            limit: "description_bytes_max",
            unit: "bytes",
            max: DESCRIPTION_BYTES_MAX as u64,
            got: definition.description.len() as u64,
        });
    }
    if let Some(name) = &definition.schema
        && own_schema(name, None).is_none()
        && schemas::get(conn, name, None)?.is_none()
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
