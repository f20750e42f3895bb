//! Working memory tidied up by clients, outside turns. Every removal is told to the cache with its commit.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::SqliteStore;
use super::super::rows::Sql as _;
use super::apply_delete;
use crate::error::Result;
use crate::identity::TenantScope;
use crate::memory::{WorkingKeeper, WorkingKey, WorkingSpace};

/// Values that one transaction removes: it shares the writer with turns, which wait for it some
/// milliseconds.
const CLEARED_MAX: usize = 256;

#[async_trait]
impl WorkingKeeper for SqliteStore {
    async fn delete(
        &self,
        scope: &TenantScope,
        space: &WorkingSpace,
        key: &WorkingKey,
    ) -> Result<bool> {
        let tenant = self.tenant(scope).await?;
        let place = (space.clone(), key.clone());
        tenant
            .write(move |tx| {
                let (space, key) = &place;
                let there = is_there(tx.conn(), space, key)?;
                tx.change_working(apply_delete(tx.conn(), space, key)?);
                Ok(there)
            })
            .await
    }

    async fn clear(&self, scope: &TenantScope, space: &WorkingSpace) -> Result<u64> {
        let tenant = self.tenant(scope).await?;
        let (mut cleared, mut after) = (0, String::new());
        loop {
            let (space, from) = (space.clone(), std::mem::take(&mut after));
            let keys = tenant
                .write(move |tx| {
                    let keys = next(tx.conn(), &space, &from)?;
                    for key in &keys {
                        tx.change_working(apply_delete(tx.conn(), &space, key)?);
                    }
                    Ok(keys)
                })
                .await?;
            cleared += keys.len() as u64;
            match keys.last() {
                Some(last) if keys.len() == CLEARED_MAX => last.as_str().clone_into(&mut after),
                _ => return Ok(cleared),
            }
        }
    }
}

fn is_there(conn: &Connection, space: &WorkingSpace, key: &WorkingKey) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM working WHERE space = ?1 AND key = ?2)")
        .and_then(|mut statement| {
            statement.query_row(params![space.to_string(), key.as_str()], |row| row.get(0))
        })
        .during("looking for working memory")
}

/// The next keys of a space, in order.
fn next(conn: &Connection, space: &WorkingSpace, after: &str) -> Result<Vec<WorkingKey>> {
    let keys: Vec<String> = conn
        .prepare_cached(
            "SELECT key FROM working WHERE space = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
        )
        .and_then(|mut statement| {
            let params = params![space.to_string(), after, CLEARED_MAX as i64];
            statement.query_map(params, |row| row.get(0))?.collect()
        })
        .during("looking for working memory")?;
    keys.iter().map(|key| WorkingKey::new(key)).collect()
}
