//! Keeps write-ahead logs short, off the writers' path.
//!
//! A checkpoint copies the log into the database file and costs milliseconds; done inside a commit it is
//! the commit's p99. So a thread of its own copies the bulk on a connection of its own, and the writer,
//! between two transactions, copies the little that was written meanwhile. Then the log is empty and the
//! next transaction begins it anew: a log that is overwritten in place is flushed faster than one that
//! grows. Invariant: a log past the alarm is emptied before the tenant's next transaction, or the alarm
//! is raised again.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::Health;
use crate::crash::{self, Point};
use crate::error::{Error, Result};
use crate::store::sqlite::connect::{self, BUSY_TIMEOUT, Role};
use crate::store::sqlite::rows::Sql;
use crate::store::sqlite::tenant::{Tenant, WriteSide};

/// Most tenants that wait for a checkpoint. One that finds no room asks again after its next commit.
const TENANTS_WAITING_MAX: usize = 1_024;
/// A round that copied at least this many pages is followed by another, so that the writer's own share
/// stays small: about a tenth of a millisecond.
const BULK_PAGES: u32 = 256;
/// Most rounds of the bulk.
const ROUNDS_MAX: u32 = 3;
/// Longest wait of the writer for readers when the log is past the alarm.
const ALARM_WAIT: Duration = Duration::from_millis(200);

/// When the log of a tenant is checkpointed.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::sqlite) struct WalSettings {
    /// From this many pages on the checkpointer is asked.
    pub(in crate::store::sqlite) pages: u32,
    /// From this many on the writer empties it itself.
    pub(in crate::store::sqlite) alarm_pages: u32,
}

/// A tenant's place in the checkpointer's work.
#[derive(Debug, Default)]
pub(in crate::store::sqlite) struct WalState {
    /// It waits or is being worked on.
    asked: AtomicBool,
    /// The bulk is done; the writer does the rest.
    rest: AtomicBool,
    /// The checkpointer's connection.
    conn: Mutex<Option<Connection>>,
}

thread_local! {
    /// Pages in the log after this thread's last commit: SQLite tells it by a callback without a context.
    static LOG_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// Have commits on this connection tell how long the log is.
pub(in crate::store::sqlite) fn watch_log(conn: &Connection) {
    conn.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(pages.unsigned_abs());
        Ok(())
    }));
}

/// Asks the checkpointer thread.
#[derive(Clone)]
pub(in crate::store::sqlite) struct Checkpointer {
    settings: WalSettings,
    health: Arc<Health>,
    asks: SyncSender<Option<Arc<Tenant>>>,
}

impl Checkpointer {
    /// Start the thread.
    pub(in crate::store::sqlite) fn start(
        settings: WalSettings,
        health: &Arc<Health>,
    ) -> Result<(Self, JoinHandle<()>)> {
        let (asks, asked) = sync_channel(TENANTS_WAITING_MAX);
        let this = Self {
            settings,
            health: Arc::clone(health),
            asks,
        };
        let worker = this.health.clone();
        let thread = std::thread::Builder::new()
            .name("checkpointer".into())
            .spawn(move || run(&worker, &asked))
            .map_err(|e| Error::internal("starting the checkpointer thread", e))?;
        Ok((this, thread))
    }

    /// End the thread after what was asked before.
    pub(in crate::store::sqlite) fn stop(&self) {
        // An error says that it has ended already.
        let _ = self.asks.send(None);
    }

    /// Called by the writer after it answered.
    pub(super) fn after_commit(&self, tenant: &Arc<Tenant>, side: &mut WriteSide) {
        let pages = LOG_PAGES.replace(0);
        if pages == 0 {
            return;
        }
        let wal = tenant.wal();
        let result = if pages >= side.alarm_pages.max(self.settings.alarm_pages) {
            self.empty(tenant, side, pages)
        } else if wal.rest.swap(false, Ordering::AcqRel) {
            checkpoint(&side.conn, "PRAGMA wal_checkpoint(PASSIVE)").map(|_| ())
        } else if pages >= self.settings.pages && !wal.asked.swap(true, Ordering::AcqRel) {
            if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
                self.asks.try_send(Some(Arc::clone(tenant)))
            {
                wal.asked.store(false, Ordering::Release);
            }
            Ok(())
        } else {
            Ok(())
        };
        if let Err(e) = result {
            report(&self.health, &e);
        }
    }

    fn empty(&self, tenant: &Tenant, side: &mut WriteSide, pages: u32) -> Result<()> {
        tracing::warn!(
            tenant.id = %tenant.id(), pages, limit = self.settings.alarm_pages,
            "the write-ahead log is past its limit: a reader holds it, or the disk is too slow"
        );
        side.conn.busy_timeout(ALARM_WAIT).during("waiting less")?;
        let emptied = checkpoint(&side.conn, "PRAGMA wal_checkpoint(TRUNCATE)");
        side.conn
            .busy_timeout(BUSY_TIMEOUT)
            .during("waiting again")?;
        // If a reader was in the way, try again when it has grown by a quarter, not at every commit.
        side.alarm_pages = if emptied?.busy { pages + pages / 4 } else { 0 };
        Ok(())
    }
}

fn run(health: &Health, asked: &Receiver<Option<Arc<Tenant>>>) {
    while let Ok(Some(tenant)) = asked.recv() {
        if !tenant.is_gone()
            && let Err(e) = copy_bulk(&tenant)
        {
            report(health, &e);
        }
        let wal = tenant.wal();
        wal.rest.store(true, Ordering::Release);
        wal.asked.store(false, Ordering::Release);
    }
}

fn copy_bulk(tenant: &Tenant) -> Result<()> {
    let mut conn = tenant.wal().conn.lock();
    let conn = match &mut *conn {
        Some(conn) => conn,
        empty @ None => empty.insert(connect::open(tenant.database(), Role::Reader)?),
    };
    let mut copied = 0;
    for _ in 0..ROUNDS_MAX {
        let done = checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
        if done.copied.saturating_sub(copied) < BULK_PAGES {
            break;
        }
        copied = done.copied;
    }
    Ok(())
}

/// What a checkpoint did.
struct Done {
    busy: bool,
    copied: u32,
}

fn checkpoint(conn: &Connection, sql: &'static str) -> Result<Done> {
    crash::point(Point::CheckpointBegun);
    let done = conn
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row([], |row| {
                Ok(Done {
                    busy: row.get::<_, i64>(0)? != 0,
                    copied: row.get::<_, i64>(2)?.try_into().unwrap_or(0),
                })
            })
        })
        .during("checkpointing");
    crash::point(Point::CheckpointEnded);
    done
}

/// A checkpoint that failed loses nothing, the log is still there; but a failed disk is a failed disk.
fn report(health: &Health, error: &Error) {
    health.notice(error);
    tracing::warn!(%error, "a checkpoint did not happen");
}
