//! Versions of agents: adding, pointing at, forgetting.
//!
//! Invariant: an agent points at one of its versions. A version's component and manifest never change and
//! its number is never given to another; what it was granted is the tenant's to say anew with each deploy.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::rows::{Sql as _, from_json, to_json};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::AgentId;
use crate::registry::{AgentStatus, GrantSet, NewVersion, VERSIONS_PER_AGENT_MAX};

/// What a deploy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The agent is new.
    Created,
    /// The agent runs another version, or has other grants.
    Updated,
    /// All was so already.
    Nothing,
}

/// An agent, as far as a deploy needs it.
struct Found {
    id: AgentId,
    version: u32,
    versions_made: u32,
}

/// Make a version the current one.
///
/// # Errors
/// `Exhausted` if the agent is new and one over `agents_max`.
pub(super) fn deploy(conn: &Connection, new: &NewVersion, agents_max: u64) -> Result<Change> {
    let Some(agent) = find(conn, new).during("finding an agent")? else {
        let id = create(conn, new, agents_max)?;
        add_version(conn, id, 1, new)?;
        return Ok(Change::Created);
    };
    let known: Option<(u32, String)> = conn
        .prepare_cached(
            "SELECT number, grants FROM agent_versions WHERE agent = ?1 AND digest = ?2",
        )
        .and_then(|mut statement| {
            statement
                .query_row(params![agent.id.0, new.digest.as_bytes()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()
        })
        .during("finding a version")?;
    let grants = to_json(&new.grants)?;
    let number = match known {
        Some((number, granted)) if number == agent.version && granted == grants => {
            return Ok(Change::Nothing);
        }
        Some((number, _)) => {
            grant(conn, agent.id, number, &grants)?;
            number
        }
        None => {
            let number = agent.versions_made + 1;
            add_version(conn, agent.id, number, new)?;
            number
        }
    };
    set_version(conn, agent.id, number, new.now)?;
    forget_oldest(conn, agent.id)?;
    Ok(Change::Updated)
}

/// Point an agent at the version of this number, or at the one before the current. A host that it may ask no more, because
/// that was taken back since, does not return with an old version.
///
/// # Errors
/// `NotFound` if there is none.
pub(super) fn point_at(
    conn: &Connection,
    id: AgentId,
    to: Option<u32>,
    now: Timestamp,
) -> Result<()> {
    let number: Option<u32> = conn
        .prepare_cached(
            "SELECT max(v.number) FROM agent_versions v JOIN agents a ON a.id = v.agent
             WHERE v.agent = ?1 AND CASE WHEN ?2 IS NULL THEN v.number < a.version ELSE v.number = ?2 END",
        )
        .and_then(|mut statement| statement.query_row(params![id.0, to], |row| row.get(0)))
        .during("finding a version")?;
    let number = number.ok_or_else(|| {
        let name = to.map_or("the one before the current".to_owned(), |to| to.to_string());
        Error::not_found("version", name)
    })?;
    let granted = |number: Option<u32>| -> Result<GrantSet> {
        let text: String = conn
            .prepare_cached(
                "SELECT v.grants FROM agent_versions v JOIN agents a ON a.id = v.agent
                 WHERE v.agent = ?1 AND v.number = coalesce(?2, a.version)",
            )
            .and_then(|mut statement| statement.query_row(params![id.0, number], |row| row.get(0)))
            .during("reading what a version is granted")?;
        from_json(&text)
    };
    let (current, before) = (granted(None)?, granted(Some(number))?);
    let kept = before.clone().within_hosts_of(&current);
    if kept != before {
        grant(conn, id, number, &to_json(&kept)?)?;
    }
    set_version(conn, id, number, now)
}

/// Remove an agent, its versions and its deliveries. What it did stays.
pub(super) fn delete(conn: &Connection, id: AgentId) -> Result<()> {
    conn.execute("DELETE FROM deliveries WHERE agent = ?1", [id.0])
        .and_then(|_| conn.execute("DELETE FROM agents WHERE id = ?1", [id.0]))
        .during("deleting an agent")?;
    Ok(())
}

fn find(conn: &Connection, new: &NewVersion) -> rusqlite::Result<Option<Found>> {
    conn.prepare_cached("SELECT id, version, versions_made FROM agents WHERE name = ?1")?
        .query_row([new.name.as_str()], |row| {
            Ok(Found {
                id: AgentId(row.get(0)?),
                version: row.get(1)?,
                versions_made: row.get(2)?,
            })
        })
        .optional()
}

fn create(conn: &Connection, new: &NewVersion, max: u64) -> Result<AgentId> {
    let agents: i64 = conn
        .query_row("SELECT count(*) FROM agents", [], |row| row.get(0))
        .during("counting agents")?;
    if agents as u64 >= max {
        return Err(Error::Exhausted {
            limit: "agents_per_tenant_max",
            unit: "agents",
            max,
        });
    }
    let status = to_json(&AgentStatus::Active)?;
    conn.execute(
        "INSERT INTO agents (name, status, version, versions_made, config, created_ms, updated_ms)
         VALUES (?1, ?2, 1, 1, '{}', ?3, ?3)",
        params![new.name.as_str(), status, new.now.0],
    )
    .during("creating an agent")?;
    Ok(AgentId(conn.last_insert_rowid()))
}

fn add_version(conn: &Connection, id: AgentId, number: u32, new: &NewVersion) -> Result<()> {
    let (manifest, grants) = (to_json(&*new.manifest)?, to_json::<GrantSet>(&new.grants)?);
    conn.execute(
        "INSERT INTO agent_versions (agent, number, digest, component_bytes, manifest, grants, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id.0,
            number,
            new.digest.as_bytes(),
            new.component_bytes as i64,
            manifest,
            grants,
            new.now.0
        ],
    )
    .and_then(|_| {
        let made = "UPDATE agents SET versions_made = ?2 WHERE id = ?1";
        conn.execute(made, params![id.0, number])
    })
    .during("adding a version")?;
    Ok(())
}

fn grant(conn: &Connection, id: AgentId, number: u32, grants: &str) -> Result<()> {
    conn.execute(
        "UPDATE agent_versions SET grants = ?3 WHERE agent = ?1 AND number = ?2",
        params![id.0, number, grants],
    )
    .during("granting")?;
    Ok(())
}

fn set_version(conn: &Connection, id: AgentId, number: u32, now: Timestamp) -> Result<()> {
    conn.execute(
        "UPDATE agents SET version = ?2, updated_ms = ?3 WHERE id = ?1",
        params![id.0, number, now.0],
    )
    .during("setting an agent's version")?;
    Ok(())
}

/// Forget the oldest versions over [`VERSIONS_PER_AGENT_MAX`], never the current one.
fn forget_oldest(conn: &Connection, id: AgentId) -> Result<()> {
    conn.execute(
        "DELETE FROM agent_versions WHERE agent = ?1 AND number IN (
             SELECT v.number FROM agent_versions v JOIN agents a ON a.id = v.agent
             WHERE v.agent = ?1 AND v.number <> a.version ORDER BY v.number
             LIMIT max(0, (SELECT count(*) FROM agent_versions WHERE agent = ?1) - ?2))",
        params![id.0, VERSIONS_PER_AGENT_MAX],
    )
    .during("forgetting old versions")?;
    Ok(())
}
