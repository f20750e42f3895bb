//! Agents, versions and the directory, read back from rows.

use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row};

use super::super::catalog;
use super::super::columns::{json, parsed};
use super::super::rows::Sql as _;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{AgentId, Digest};
use crate::registry::{Agent, Directory, Manifest, Version};

/// The directory of what is in the database. Manifests that `previous` has are taken from there: reading
/// one takes up to a millisecond, and a change is of one agent in a thousand.
pub(in super::super) fn directory(conn: &Connection, previous: &Directory) -> Result<Directory> {
    let agents = agents(conn, previous).during("reading the agents")?;
    let directory = Directory::new(agents, catalog::events(conn)?);
    Ok(directory
        .with_settings(catalog::settings(conn)?)
        .after(previous))
}

/// The versions of an agent, newest first.
pub(super) fn versions(conn: &Connection, id: AgentId) -> Result<Vec<Version>> {
    conn.prepare_cached(
        "SELECT number, digest, component_bytes, manifest, grants, created_ms
         FROM agent_versions WHERE agent = ?1 ORDER BY number DESC",
    )
    .and_then(|mut statement| {
        let version = |row: &Row<'_>| {
            Ok(Version {
                number: row.get(0)?,
                digest: row.get::<_, StoredDigest>(1)?.0,
                component_bytes: row.get::<_, i64>(2)? as u64,
                manifest: Arc::new(json(row, 3)?),
                grants: json(row, 4)?,
                created: Timestamp(row.get(5)?),
            })
        };
        statement.query_map([id.0], version)?.collect()
    })
    .during("reading versions")
}

fn agents(conn: &Connection, previous: &Directory) -> rusqlite::Result<Vec<Agent>> {
    conn.prepare_cached(
        "SELECT a.id, a.name, a.status, a.version, v.digest, v.grants, a.config, a.created_ms, a.updated_ms
         FROM agents a JOIN agent_versions v ON v.agent = a.id AND v.number = a.version ORDER BY a.id",
    )?
    .query_map([], |row| {
        let id = AgentId(row.get(0)?);
        let digest = row.get::<_, StoredDigest>(4)?.0;
        let known = previous.by_id(id).filter(|agent| agent.digest == digest);
        Ok(Agent {
            id,
            name: parsed(row, 1)?,
            status: json(row, 2)?,
            version: row.get(3)?,
            digest,
            manifest: match known {
                Some(agent) => Arc::clone(&agent.manifest),
                None => manifest(conn, id, digest)?,
            },
            grants: json(row, 5)?,
            config: Arc::new(json(row, 6)?),
            created: Timestamp(row.get(7)?),
            updated: Timestamp(row.get(8)?),
        })
    })?
    .collect()
}

fn manifest(conn: &Connection, id: AgentId, digest: Digest) -> rusqlite::Result<Arc<Manifest>> {
    conn.prepare_cached("SELECT manifest FROM agent_versions WHERE agent = ?1 AND digest = ?2")?
        .query_row((id.0, digest.as_bytes()), |row| Ok(Arc::new(json(row, 0)?)))
}

struct StoredDigest(Digest);

impl FromSql for StoredDigest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(|bytes| Self(Digest::from_bytes(bytes)))
    }
}
