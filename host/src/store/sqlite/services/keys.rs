//! Public keys that signatures of services are checked with.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::columns::parsed;
use super::super::rows::Sql as _;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::KeyName;
use crate::registry::{SIGNING_KEYS_PER_TENANT_MAX, SigningKey};

/// All of them, by id.
pub(super) fn all(conn: &Connection) -> Result<Vec<SigningKey>> {
    conn.prepare_cached("SELECT id, owner, public, created_ms FROM signing_keys ORDER BY id")
        .and_then(|mut statement| statement.query_map([], key)?.collect())
        .during("reading signing keys")
}

/// Keep one. A key of this id never changes: what it signed would no longer verify.
pub(super) fn put(conn: &Connection, new: &SigningKey) -> Result<()> {
    match of(conn, &new.id)? {
        Some(known) if known.owner == new.owner && known.public == new.public => return Ok(()),
        Some(_) => {
            let reason = format!("`{}` is the id of another key: choose another", new.id);
            return Err(Error::conflict("signing key", reason));
        }
        None => {}
    }
    let kept: i64 = conn
        .query_row("SELECT count(*) FROM signing_keys", [], |row| row.get(0))
        .during("counting signing keys")?;
    if kept as u64 >= SIGNING_KEYS_PER_TENANT_MAX {
        return Err(Error::Exhausted {
            limit: "signing_keys_per_tenant_max",
            unit: "keys",
            max: SIGNING_KEYS_PER_TENANT_MAX,
        });
    }
    conn.execute(
        "INSERT INTO signing_keys (id, owner, public, created_ms) VALUES (?1, ?2, ?3, ?4)",
        params![
            new.id.as_str(),
            new.owner.as_str(),
            new.public,
            new.created.0
        ],
    )
    .during("keeping a signing key")?;
    Ok(())
}

/// Require that a key that verified a signature a moment ago still stands.
pub(super) fn require(conn: &Connection, id: &KeyName, owner: &KeyName) -> Result<()> {
    match of(conn, id)? {
        Some(key) if key.owner == *owner => Ok(()),
        Some(_) | None => Err(Error::invalid(
            "signature",
            format!("its key `{id}` was deleted meanwhile"),
        )),
    }
}

/// Forget one.
pub(super) fn delete(conn: &Connection, id: &KeyName, owner: &KeyName) -> Result<()> {
    let sql = "DELETE FROM signing_keys WHERE id = ?1 AND owner = ?2";
    match conn
        .execute(sql, [id.as_str(), owner.as_str()])
        .during("deleting a signing key")?
    {
        0 => Err(Error::not_found("signing key", id.as_str())),
        _ => Ok(()),
    }
}

fn of(conn: &Connection, id: &KeyName) -> Result<Option<SigningKey>> {
    conn.prepare_cached("SELECT id, owner, public, created_ms FROM signing_keys WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id.as_str()], key).optional())
        .during("reading a signing key")
}

fn key(row: &Row<'_>) -> rusqlite::Result<SigningKey> {
    Ok(SigningKey {
        id: parsed(row, 0)?,
        owner: parsed(row, 1)?,
        public: row.get(2)?,
        created: Timestamp(row.get(3)?),
    })
}
