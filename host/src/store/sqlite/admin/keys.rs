//! API keys in `host.db`.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::columns::parsed;
use super::super::rows::Sql as _;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{KeyName, TenantId};
use crate::identity::{
    ApiKey, KEYS_PER_TENANT_MAX, KeyId, PreviousSecret, REVOKED_KEYS_PER_TENANT_MAX, Rotation,
};

/// The columns of [`key`], in its order.
const KEY: &str = "SELECT id, tenant, name, hash, created_ms, revoked_ms, scopes, expires_ms,
        previous_hash, previous_until_ms, used_ms FROM api_keys";

pub(super) fn insert(conn: &Connection, key: &ApiKey) -> Result<()> {
    require_room(conn, key)?;
    conn.execute(
        "INSERT INTO api_keys (id, tenant, name, hash, created_ms, revoked_ms, scopes, expires_ms,
             previous_hash, previous_until_ms, used_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            key.id.as_str(),
            key.tenant.to_string(),
            key.name.as_str(),
            key.hash,
            key.created.0,
            key.revoked.map(|at| at.0),
            key.scopes.to_string(),
            key.expires.map(|at| at.0),
            key.previous.as_ref().map(|previous| previous.hash),
            key.previous.as_ref().map(|previous| previous.until.0),
            key.used.map(|at| at.0),
        ],
    )
    .during("creating a key")?;
    forget_long_revoked(conn, key.tenant)
}

/// Refuse a key of a tenant that is not there, of a name that is taken, and one too many.
fn require_room(conn: &Connection, key: &ApiKey) -> Result<()> {
    let (tenant, taken, live): (bool, bool, i64) = conn
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1),
                    EXISTS (SELECT 1 FROM api_keys WHERE tenant = ?1 AND name = ?2 AND revoked_ms IS NULL),
                    (SELECT count(*) FROM api_keys WHERE tenant = ?1 AND revoked_ms IS NULL)",
            params![key.tenant.to_string(), key.name.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .during("finding a key")?;
    if !tenant {
        return Err(Error::not_found("tenant", key.tenant.to_string()));
    }
    if taken {
        let reason = format!(
            "there is one named `{}` already: rotate it, revoke it, or choose another name",
            key.name
        );
        return Err(Error::conflict("API key", reason));
    }
    if live as u64 >= KEYS_PER_TENANT_MAX {
        return Err(Error::Exhausted {
            limit: "keys_per_tenant_max",
            unit: "keys",
            max: KEYS_PER_TENANT_MAX,
        });
    }
    Ok(())
}

fn forget_long_revoked(conn: &Connection, tenant: TenantId) -> Result<()> {
    conn.execute(
        "DELETE FROM api_keys WHERE id IN (
             SELECT id FROM api_keys WHERE tenant = ?1 AND revoked_ms IS NOT NULL
             ORDER BY revoked_ms DESC, id LIMIT -1 OFFSET ?2)",
        params![tenant.to_string(), REVOKED_KEYS_PER_TENANT_MAX as i64],
    )
    .during("forgetting revoked keys")?;
    Ok(())
}

pub(super) fn all(conn: &Connection, tenant: TenantId) -> Result<Vec<ApiKey>> {
    conn.prepare_cached(&format!(
        "{KEY} WHERE tenant = ?1 ORDER BY name, created_ms, id"
    ))
    .and_then(|mut statement| statement.query_map([tenant.to_string()], key)?.collect())
    .during("reading keys")
}

pub(super) fn find(conn: &Connection, id: &KeyId) -> Result<Option<ApiKey>> {
    conn.prepare_cached(&format!("{KEY} WHERE id = ?1"))
        .and_then(|mut statement| statement.query_row([id.as_str()], key).optional())
        .during("reading a key")
}

/// The secret that was good becomes the one before; what was before it is good no longer.
pub(super) fn rotate(conn: &Connection, tenant: TenantId, id: &KeyId, to: &Rotation) -> Result<()> {
    let rotated = conn
        .execute(
            "UPDATE api_keys SET previous_hash = hash, previous_until_ms = ?3, hash = ?4
             WHERE tenant = ?1 AND id = ?2 AND revoked_ms IS NULL",
            params![tenant.to_string(), id.as_str(), to.until.0, to.hash],
        )
        .during("rotating a key")?;
    match rotated {
        0 => Err(Error::not_found("API key", id.as_str())),
        _ => Ok(()),
    }
}

pub(super) fn revoke(
    conn: &Connection,
    tenant: TenantId,
    name: &KeyName,
    at: Timestamp,
) -> Result<()> {
    let revoked = conn
        .execute(
            "UPDATE api_keys SET revoked_ms = ?3 WHERE tenant = ?1 AND name = ?2 AND revoked_ms IS NULL",
            params![tenant.to_string(), name.as_str(), at.0],
        )
        .during("revoking a key")?;
    match revoked {
        0 => Err(Error::not_found("API key", name.as_str())),
        _ => Ok(()),
    }
}

pub(super) fn used(conn: &Connection, id: &KeyId, at: Timestamp) -> Result<()> {
    conn.execute(
        "UPDATE api_keys SET used_ms = max(coalesce(used_ms, 0), ?2) WHERE id = ?1",
        params![id.as_str(), at.0],
    )
    .during("noting the use of a key")?;
    Ok(())
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let at =
        |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    let previous: Option<[u8; 32]> = row.get(8)?;
    Ok(ApiKey {
        id: KeyId::from_stored(row.get(0)?),
        tenant: parsed(row, 1)?,
        name: parsed(row, 2)?,
        hash: row.get(3)?,
        created: Timestamp(row.get(4)?),
        revoked: at(5)?,
        scopes: parsed(row, 6)?,
        expires: at(7)?,
        previous: previous
            .zip(at(9)?)
            .map(|(hash, until)| PreviousSecret { hash, until }),
        used: at(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::migrate;
    use super::*;
    use crate::identity::{ApiKeySecret, KeyHasher, Scope, Scopes};

    fn tenant(conn: &Connection) -> TenantId {
        let id = TenantId::generate();
        let sql = "INSERT INTO tenants (id, name, created_ms, weight) VALUES (?1, ?1, 0, 1)";
        conn.execute(sql, [id.to_string()]).unwrap();
        id
    }

    fn made(tenant: TenantId, name: &str) -> ApiKey {
        let secret = ApiKeySecret::generate().unwrap();
        let named = (tenant, KeyName::new(name).unwrap());
        ApiKey::new(&secret, &KeyHasher::new([1; 32]), named, Timestamp(5))
    }

    fn database() -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate::HOST.apply(&mut conn).unwrap();
        conn
    }

    #[test]
    fn a_key_reads_back_with_all_that_is_known_of_it() {
        let conn = database();
        let mut key = made(tenant(&conn), "ci");
        key.scopes = "events:publish memory:read".parse().unwrap();
        key.expires = Some(Timestamp(900));
        insert(&conn, &key).unwrap();
        let to = Rotation {
            hash: [9; 32],
            until: Timestamp(70),
        };
        rotate(&conn, key.tenant, &key.id, &to).unwrap();
        used(&conn, &key.id, Timestamp(60)).unwrap();
        used(&conn, &key.id, Timestamp(50)).unwrap();
        let found = find(&conn, &key.id).unwrap().unwrap();
        let previous = PreviousSecret {
            hash: key.hash,
            until: Timestamp(70),
        };
        assert_eq!(found.hash, [9; 32]);
        assert_eq!(found.previous, Some(previous));
        assert_eq!((found.scopes, found.expires), (key.scopes, key.expires));
        assert_eq!(found.used, Some(Timestamp(60)), "it never goes back");
        let stranger = rotate(&conn, TenantId::generate(), &key.id, &to);
        assert!(matches!(stranger, Err(Error::NotFound { .. })));
    }

    #[test]
    fn keys_are_limited_at_and_one_past_and_old_revoked_ones_are_forgotten() {
        let conn = database();
        let (acme, beta) = (tenant(&conn), tenant(&conn));
        for index in 0..KEYS_PER_TENANT_MAX {
            insert(&conn, &made(acme, &format!("k{index}"))).unwrap();
        }
        let past = insert(&conn, &made(acme, "past"));
        assert!(matches!(
            past,
            Err(Error::Exhausted {
                limit: "keys_per_tenant_max",
                ..
            })
        ));
        insert(&conn, &made(beta, "theirs")).expect("another tenant is not in the way");
        for index in 0..KEYS_PER_TENANT_MAX {
            let name = KeyName::new(&format!("k{index}")).unwrap();
            revoke(&conn, acme, &name, Timestamp(10 + index as i64)).unwrap();
        }
        insert(&conn, &made(acme, "next")).unwrap();
        assert_eq!(
            all(&conn, acme).unwrap().len() as u64,
            REVOKED_KEYS_PER_TENANT_MAX + 1
        );
        let next = KeyName::new("next").unwrap();
        revoke(&conn, acme, &next, Timestamp(9_999)).unwrap();
        insert(&conn, &made(acme, "last")).unwrap();
        let left = all(&conn, acme).unwrap();
        assert_eq!(left.len() as u64, REVOKED_KEYS_PER_TENANT_MAX + 1);
        assert!(
            !left.iter().any(|key| key.name.as_str() == "k0"),
            "the oldest went"
        );
    }

    #[test]
    fn a_key_from_before_there_were_scopes_may_do_what_it_could() {
        let conn = database();
        let tenant = tenant(&conn);
        conn.execute(
            "INSERT INTO api_keys (id, tenant, name, hash, created_ms) VALUES ('a', ?1, 'old', ?2, 0)",
            params![tenant.to_string(), [0_u8; 32]],
        )
        .unwrap();
        let found = all(&conn, tenant).unwrap().remove(0);
        // And nothing of what came after: an upgrade gives no key more.
        let later = [Scope::SecretsRead, Scope::SecretsWrite];
        let then = Scope::ALL
            .into_iter()
            .filter(|scope| !later.contains(scope));
        assert_eq!(found.scopes, then.collect::<Scopes>());
        assert!(found.stands(Timestamp(i64::MAX)));
    }
}
