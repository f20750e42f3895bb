//! `host.db`: tenants, API keys and the host's secrets.
//!
//! Invariant: one connection behind a lock does everything. It is used to administer and to look up keys
//! that the API's cache does not hold, never on the path of an event.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};

use super::connect::{self, Role};
use super::datadir::DataDir;
use super::migrate;
use super::rows::Sql;
use super::writer::Health;
use crate::error::{Error, Result};

/// The host's secrets: 32 random bytes each, made once with the data directory.
#[derive(Clone)]
pub(super) struct Secrets {
    /// Ids that turns make.
    pub(super) ids: [u8; 32],
    /// Hashes of API keys.
    pub(super) keys: [u8; 32],
    /// Compiled artifacts.
    pub(super) artifacts: [u8; 32],
    /// Secrets of tenants.
    pub(super) vault: [u8; 32],
}

/// The open `host.db`.
pub(super) struct HostDb {
    conn: Arc<Mutex<Connection>>,
    health: Arc<Health>,
}

impl HostDb {
    /// Make or open it.
    pub(super) fn open(data: &DataDir, health: Arc<Health>) -> Result<Self> {
        let path = data.host_db();
        let mut conn = connect::open(&path, Role::Writer)?;
        if !data.was_clean() {
            connect::check(&conn, &path)?;
        }
        migrate::HOST.apply(&mut conn)?;
        // Seldom written, so the log stays short by itself at a commit's cost that nobody waits for.
        conn.query_row("PRAGMA wal_autocheckpoint = 256", [], |_| Ok(()))
            .during("setting the host database up")?;
        super::datadir::sync_dir(data.root())?;
        Ok(Self {
            conn: Arc::new(Mutex::new(conn)),
            health,
        })
    }

    /// The secrets, made on the first call.
    pub(super) fn secrets(&self) -> Result<Secrets> {
        let mut conn = self.conn.lock();
        let tx = conn.transaction().during("reading the host's secrets")?;
        let secrets = Secrets {
            ids: secret(&tx, "ids")?,
            keys: secret(&tx, "keys")?,
            artifacts: secret(&tx, "artifacts")?,
            vault: secret(&tx, "vault")?,
        };
        tx.commit().during("keeping the host's secrets")?;
        Ok(secrets)
    }

    /// Run `work` in one transaction, off the async threads. An error rolls it back.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.health.check()?;
        let conn = Arc::clone(&self.conn);
        let health = Arc::clone(&self.health);
        tokio::task::spawn_blocking(move || transact(&conn, &health, work))
            .await
            .map_err(|e| Error::internal("running a host transaction", e))?
    }

    /// As [`Self::call`], here and now: for the start, when there are no async threads yet.
    pub(super) fn call_now<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        transact(&self.conn, &self.health, work)
    }
}

fn transact<T>(
    conn: &Mutex<Connection>,
    health: &Health,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let mut conn = conn.lock();
    let done = conn
        .transaction()
        .during("beginning a host transaction")
        .and_then(|tx| {
            let value = work(&tx)?;
            tx.commit().during("committing a host transaction")?;
            Ok(value)
        });
    if let Err(e) = &done {
        health.notice(e);
    }
    done
}

fn secret(conn: &Connection, name: &str) -> Result<[u8; 32]> {
    let stored: Option<[u8; 32]> = conn
        .query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
        .during("reading a secret")?;
    if let Some(bytes) = stored {
        return Ok(bytes);
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Unavailable {
        what: "system randomness",
        reason: e.to_string(),
    })?;
    conn.execute(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2)",
        (name, bytes),
    )
    .during("keeping a secret")?;
    Ok(bytes)
}
