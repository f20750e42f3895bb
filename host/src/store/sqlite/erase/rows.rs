//! Memory of a customer or a user.

use std::sync::Arc;

use rusqlite::types::FromSql;
use rusqlite::{Connection, ToSql, params};

use super::{FOUND_MAX, REMOVED_MAX};
use crate::error::Result;
use crate::memory::{Subject, WorkingKey, WorkingSpace};
use crate::store::sqlite::rows::{Sql as _, to_u64};
use crate::store::sqlite::tenant::Tenant;
use crate::store::sqlite::visibility::{Whose, owner};
use crate::store::sqlite::working;
use crate::store::sqlite::writer::WriteTx;

/// Tables whose rows say whose they are and have a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Semantic memory.
    Knowledge,
    /// Episodic memory.
    Episodes,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Knowledge => "knowledge",
            Self::Episodes => "episodes",
        }
    }
}

/// Remove the subject's rows of a table, and say how many.
pub(super) async fn erase(tenant: &Arc<Tenant>, of: &Subject, kind: Kind) -> Result<u64> {
    let table = kind.table();
    let find = format!(
        "SELECT n FROM {table} WHERE {} LIMIT {FOUND_MAX}",
        Whose::condition("customer", "user")
    );
    let removal = move |tx: &mut WriteTx<'_>, found: &[i64]| remove(tx.conn(), table, found);
    erase_found(tenant, of, find, removal).await
}

/// Remove what a query of at most [`FOUND_MAX`] rows finds of the subject until it finds nothing, a
/// transaction for each [`REMOVED_MAX`] of them, and say how many. `remove` must remove what it is given.
pub(super) async fn erase_found<T>(
    tenant: &Arc<Tenant>,
    of: &Subject,
    find: String,
    remove: impl Fn(&mut WriteTx<'_>, &[T]) -> Result<u64> + Copy + Send + 'static,
) -> Result<u64>
where
    T: FromSql + Clone + Send + 'static,
{
    let mut removed = 0;
    loop {
        let (sql, of) = (find.clone(), of.clone());
        let found: Vec<T> = tenant
            .scan(move |conn| {
                conn.prepare_cached(&sql)
                    .and_then(|mut statement| {
                        statement
                            .query_map(&Whose::of(&of).params()[..], |row| row.get(0))?
                            .collect()
                    })
                    .during("looking for what to erase")
            })
            .await?;
        if found.is_empty() {
            return Ok(removed);
        }
        for chunk in found.chunks(REMOVED_MAX) {
            let chunk = chunk.to_vec();
            removed += tenant.write(move |tx| remove(tx, &chunk)).await?;
        }
    }
}

fn remove(conn: &Connection, table: &str, numbers: &[i64]) -> Result<u64> {
    let mut removed = 0;
    for n in numbers {
        removed += conn
            .prepare_cached(&format!("DELETE FROM {table} WHERE n = ?1"))
            .and_then(|mut statement| statement.execute([n]))
            .during("erasing")?;
    }
    Ok(removed as u64)
}

/// The owners that a subject has, as text: this one, or all that begin so.
struct Owners {
    text: String,
    prefix: bool,
}

impl Owners {
    /// Parameters 1 and 2 are [`Self::params`].
    const CONDITION: &str = "(owner = ?1 OR (?2 AND substr(owner, 1, length(?1)) = ?1))";

    fn of(subject: &Subject) -> Self {
        Self {
            text: owner(subject.customer(), subject.user()),
            prefix: subject.user().is_none(),
        }
    }

    fn params(&self) -> [&dyn ToSql; 2] {
        [&self.text, &self.prefix]
    }
}

/// Remove the subject's rows of a table that has an owner and a name, and say how many.
pub(super) async fn erase_by_owner(
    tenant: &Arc<Tenant>,
    of: &Subject,
    (table, name): (&'static str, &'static str),
) -> Result<u64> {
    let mut removed = 0;
    loop {
        let owners = Owners::of(of);
        let found: Vec<(String, String)> = tenant
            .scan(move |conn| {
                let condition = Owners::CONDITION;
                conn.prepare_cached(&format!(
                    "SELECT owner, {name} FROM {table} WHERE {condition} LIMIT {FOUND_MAX}"
                ))
                .and_then(|mut statement| {
                    statement
                        .query_map(&owners.params()[..], |row| Ok((row.get(0)?, row.get(1)?)))?
                        .collect()
                })
                .during("looking for what to erase")
            })
            .await?;
        if found.is_empty() {
            return Ok(removed);
        }
        for chunk in found.chunks(REMOVED_MAX) {
            let chunk = chunk.to_vec();
            removed += tenant
                .write(move |tx| remove_named(tx.conn(), (table, name), &chunk))
                .await?;
        }
    }
}

fn remove_named(
    conn: &Connection,
    (table, name): (&str, &str),
    rows: &[(String, String)],
) -> Result<u64> {
    let mut removed = 0;
    for (owner, id) in rows {
        removed += conn
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE owner = ?1 AND {name} = ?2"
            ))
            .and_then(|mut statement| statement.execute([owner, id]))
            .during("erasing")?;
    }
    Ok(removed as u64)
}

/// Remove values of working memory that only the subject's turns wrote. Says how many, and how many are
/// left that several users' turns wrote.
pub(super) async fn erase_working(tenant: &Arc<Tenant>, of: &Subject) -> Result<(u64, u64)> {
    let mut removed = 0;
    loop {
        let owners = Owners::of(of);
        let found: Vec<(String, String)> = tenant
            .scan(move |conn| {
                let sql = format!(
                    "SELECT space, key FROM working WHERE {} LIMIT {FOUND_MAX}",
                    Owners::CONDITION
                );
                conn.prepare_cached(&sql)
                    .and_then(|mut statement| {
                        statement
                            .query_map(&owners.params()[..], |row| Ok((row.get(0)?, row.get(1)?)))?
                            .collect()
                    })
                    .during("looking for what to erase")
            })
            .await?;
        if found.is_empty() {
            break;
        }
        for chunk in found.chunks(REMOVED_MAX) {
            let places = chunk
                .iter()
                .map(|(space, key)| Ok((space.parse::<WorkingSpace>()?, WorkingKey::new(key)?)))
                .collect::<Result<Vec<_>>>()?;
            let owners = Owners::of(of);
            removed += tenant
                .write(move |tx| {
                    let mut removed = 0;
                    for (space, key) in &places {
                        // Another user's turn may have written it since.
                        if written_by(tx.conn(), &owners, (space, key))? {
                            tx.change_working(working::apply_delete(tx.conn(), space, key)?);
                            removed += 1;
                        }
                    }
                    Ok(removed)
                })
                .await?;
        }
    }
    let shared = tenant
        .scan(|conn| {
            conn.query_row(
                "SELECT count(*) FROM working WHERE owner = '*'",
                [],
                |row| row.get(0),
            )
            .during("counting shared values")
        })
        .await?;
    Ok((removed, to_u64(shared)))
}

fn written_by(
    conn: &Connection,
    owners: &Owners,
    (space, key): (&WorkingSpace, &WorkingKey),
) -> Result<bool> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM working WHERE {} AND space = ?3 AND key = ?4)",
        Owners::CONDITION
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            let params = params![owners.text, owners.prefix, space.to_string(), key.as_str()];
            statement.query_row(params, |row| row.get(0))
        })
        .during("looking at what to erase")
}
