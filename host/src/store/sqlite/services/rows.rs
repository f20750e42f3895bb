//! The rows of services.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;

use super::super::columns::{json, parsed};
use super::super::rows::{Sql as _, from_u64, to_json, to_u64};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::AgentName;
use crate::registry::{Service, ServiceState, Services};

/// All services.
pub(in super::super) fn load(conn: &Connection) -> Result<Services> {
    let mut statement = conn
        .prepare(
            "SELECT definition, owner, signature, ttl_ms, asked, health, announced, seen_ms, offline_ms,
                    registered_ms, updated_ms
             FROM services",
        )
        .during("preparing to read services")?;
    let services: Vec<Service> = statement
        .query_map([], service)
        .and_then(Iterator::collect)
        .during("reading services")?;
    Ok(Services::new(services))
}

fn service(row: &Row<'_>) -> rusqlite::Result<Service> {
    Ok(Service {
        definition: Arc::new(json(row, 0)?),
        owner: parsed(row, 1)?,
        signature: optional_json(row, 2)?.map(Arc::new),
        ttl_ms: to_u64(row.get(3)?),
        asked: state(row, 4)?,
        health: optional_json(row, 5)?,
        announced: state(row, 6)?,
        seen: Timestamp(row.get(7)?),
        offline_since: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        registered: Timestamp(row.get(9)?),
        updated: Timestamp(row.get(10)?),
    })
}

fn optional_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(_) => json(row, column).map(Some),
    }
}

/// A state's word. One that is no word is a damaged row, but a service is not worth a tenant that does
/// not open: it is taken for offline until it shows itself.
fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<ServiceState> {
    let word = row.get_ref(column)?.as_str()?;
    let known = ServiceState::ALL
        .into_iter()
        .find(|state| state.as_str() == word);
    Ok(known.unwrap_or(ServiceState::Offline))
}

/// Write all of a service, in the place of the one of its name.
pub(super) fn insert(conn: &Connection, service: &Service) -> Result<()> {
    let definition = to_json(&*service.definition)?;
    let signature = service.signature.as_deref().map(to_json).transpose()?;
    let health = service.health.as_ref().map(to_json).transpose()?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO services
             (name, owner, definition, signature, ttl_ms, asked, health, announced, seen_ms, offline_ms,
              registered_ms, updated_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            service.name().as_str(),
            service.owner.as_str(),
            definition,
            signature,
            from_u64(service.ttl_ms),
            service.asked.as_str(),
            health,
            service.announced.as_str(),
            service.seen.0,
            service.offline_since.map(|since| since.0),
            service.registered.0,
            service.updated.0,
        ])
    })
    .during("writing a service")?;
    Ok(())
}

/// Write what is alive about a service: its definition, which may be long, stays as it is.
pub(super) fn update(conn: &Connection, service: &Service) -> Result<()> {
    let health = service.health.as_ref().map(to_json).transpose()?;
    conn.prepare_cached(
        "UPDATE services SET asked = ?2, health = ?3, announced = ?4, seen_ms = ?5, offline_ms = ?6
         WHERE name = ?1",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            service.name().as_str(),
            service.asked.as_str(),
            health,
            service.announced.as_str(),
            service.seen.0,
            service.offline_since.map(|since| since.0),
        ])
    })
    .during("changing a service")?;
    Ok(())
}

/// Remove a service.
pub(super) fn delete(conn: &Connection, name: &AgentName) -> Result<()> {
    conn.prepare_cached("DELETE FROM services WHERE name = ?1")
        .and_then(|mut statement| statement.execute([name.as_str()]))
        .during("removing a service")?;
    Ok(())
}
