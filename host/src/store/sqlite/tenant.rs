//! One open tenant: its database's connections and its directory of agents.
//!
//! Invariant: the write side is touched only by the writer thread that the tenant is bound to; the
//! directory that others see is the one of the last commit. A handle comes only from
//! [`SqliteStore::tenant`](super::SqliteStore), so whoever holds one was let in by a scope.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, RwLock as Gate, Semaphore};

use super::agents;
use super::connect::{self, Role};
use super::embedding;
use super::erase;
use super::migrate;
use super::rows::{Sql, to_u64};
use super::services;
use super::usage::{self, Book, Meter};
use super::vector_index::{Keeper, VectorIndex};
use super::working;
use super::writer::{self, Counters, WalState, WriteQueue, WriteTx};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::quota::Allowances;
use crate::registry::Directory;

/// Most read connections of a tenant: a point read takes microseconds, so that four serve both cores
/// and two scans.
const READERS_MAX: usize = 4;
/// Most scans of a tenant at once. Each takes up to some fifty milliseconds, which turns that read a
/// single row must not wait for.
const SCANS_MAX: usize = 2;

/// What the writer thread works on.
pub(super) struct WriteSide {
    /// The one connection that writes.
    pub(super) conn: Connection,
    /// The agents as of the last commit.
    pub(super) directory: Arc<Directory>,
    /// See [`Counters`].
    pub(super) counters: Counters,
    /// What was used today.
    pub(super) book: Book,
    /// Counts it.
    pub(super) meter: Meter,
    /// Where the log's next alarm is, if it is not the usual place.
    pub(super) alarm_pages: u32,
}

/// An open tenant.
pub(super) struct Tenant {
    id: TenantId,
    database: PathBuf,
    queue: WriteQueue,
    room: Semaphore,
    side: Mutex<WriteSide>,
    idle_readers: Mutex<Vec<Connection>>,
    readers: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    directory: RwLock<Arc<Directory>>,
    wal: WalState,
    working: working::Cache,
    vectors: Arc<VectorIndex>,
    /// Open to writes but while the file is rewritten.
    gate: Arc<Gate<()>>,
    gone: AtomicBool,
}

/// How to open a tenant.
#[derive(Debug, Clone)]
pub(super) struct OpenSettings {
    /// What tenants may use.
    pub(super) allowances: Arc<Allowances>,
    /// Tells the day on which they use it.
    pub(super) clock: Arc<dyn Clock>,
    /// Check the whole database first.
    pub(super) check: bool,
    /// Whose vectors its knowledge is to have.
    pub(super) embedder: Arc<str>,
}

/// Make a tenant's database in `dir`, or bring it to this host's schema.
pub(super) fn prepare(id: TenantId, dir: &Path, settings: &OpenSettings) -> Result<Connection> {
    let path = dir.join("state.db");
    let mut conn = connect::open(&path, Role::Writer)?;
    if settings.check {
        connect::check(&conn, &path)?;
    }
    migrate::TENANT.apply(&mut conn)?;
    embedding::settle(&mut conn, &settings.embedder)?;
    usage::apply_quotas(&conn, &settings.allowances.standing(id).quotas)?;
    Ok(conn)
}

impl Tenant {
    /// Open the database in `dir`. Blocks.
    pub(super) fn open(
        id: TenantId,
        dir: &Path,
        settings: &OpenSettings,
        (queue, keeper): (WriteQueue, &Keeper),
    ) -> Result<Self> {
        if !dir.join("state.db").exists() {
            return Err(Error::not_found("tenant", id.to_string()));
        }
        let conn = prepare(id, dir, settings)?;
        writer::watch_log(&conn);
        let vectors = VectorIndex::new(keeper);
        vectors.watch(&conn).during("watching knowledge")?;
        let counters = conn
            .query_row(
                "SELECT (SELECT coalesce(max(position), 0) FROM events), (SELECT count(*) FROM scheduled)",
                [],
                |row| {
                    Ok(Counters {
                        head: row.get(0)?,
                        scheduled: to_u64(row.get(1)?),
                    })
                },
            )
            .during("reading the head of the log")?;
        let book = Book::open(&conn, settings.clock.now())?;
        let meter = Meter {
            tenant: id,
            clock: Arc::clone(&settings.clock),
            allowances: Arc::clone(&settings.allowances),
        };
        let directory = agents::load_directory(&conn, &Directory::default())?;
        let directory = Arc::new(directory.with_services(services::load(&conn)?));
        Ok(Self {
            id,
            database: dir.join("state.db"),
            queue,
            room: Semaphore::new(writer::TENANT_JOBS_MAX),
            side: Mutex::new(WriteSide {
                conn,
                directory: Arc::clone(&directory),
                counters,
                book,
                meter,
                alarm_pages: 0,
            }),
            idle_readers: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            scans: Arc::new(Semaphore::new(SCANS_MAX)),
            directory: RwLock::new(directory),
            wal: WalState::default(),
            working: working::Cache::default(),
            vectors,
            gate: Arc::default(),
            gone: AtomicBool::new(false),
        })
    }

    /// Which.
    pub(super) fn id(&self) -> TenantId {
        self.id
    }

    /// The agents as of the last commit.
    pub(super) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read())
    }

    /// Run `work` in a transaction on the writer thread and return after it is durable; an error rolls
    /// back what it did. Dropping the future does not stop a write that was queued.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Held until the commit is answered, also if the caller goes away.
        let open = Arc::clone(&self.gate).read_owned().await;
        let written = self
            .queue
            .write(self, move |tx| work(tx).map(|result| (open, result)))
            .await?;
        Ok(written.1)
    }

    /// Rewrite the file so that nothing of removed rows is left in it, nor in memory. Writes of this tenant
    /// wait, and no writer thread with them.
    pub(super) async fn compact(&self) -> Result<()> {
        let closed = Arc::clone(&self.gate).write_owned().await;
        let database = self.database.clone();
        let vectors = Arc::clone(&self.vectors);
        let run = move || {
            let _closed = closed;
            vectors.forget();
            erase::compact(&database)
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|e| Error::internal("rewriting a database", e))?
    }

    /// Run a read that touches at most some hundred rows, here and now: a thread change would cost more
    /// than the read.
    pub(super) async fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let _reader = permit(&self.readers).await;
        self.read_now(work)
    }

    /// Run a read that may touch thousands of rows, off the async threads.
    pub(super) async fn scan<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = Arc::clone(self);
        // Owned, so that a scan whose caller went away keeps its place until it ends.
        let scan = permit(&self.scans).await;
        let reader = permit(&self.readers).await;
        let run = move || {
            let _held = (scan, reader);
            this.read_now(work)
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|e| Error::internal("running a scan", e))?
    }

    fn read_now<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle_readers.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => connect::open(&self.database, Role::Reader)?,
        };
        let result = work(&conn);
        self.idle_readers.lock().push(conn);
        result
    }

    /// Refuse everything from now on: the tenant was deleted.
    pub(super) fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Whether it was deleted.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The database file.
    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// What waits for the writer, as permits.
    pub(super) fn room(&self) -> &Semaphore {
        &self.room
    }

    /// Only for the writer thread.
    pub(super) fn write_side(&self) -> MutexGuard<'_, WriteSide> {
        self.side.lock()
    }

    /// Only for the writer thread, after a commit.
    pub(super) fn publish_directory(&self, committed: &Arc<Directory>) {
        if !Arc::ptr_eq(&self.directory.read(), committed) {
            *self.directory.write() = Arc::clone(committed);
        }
    }

    /// What was lately read and written of working memory.
    pub(super) fn working(&self) -> &working::Cache {
        &self.working
    }

    /// Its vectors in memory.
    pub(super) fn vectors(&self) -> &Arc<VectorIndex> {
        &self.vectors
    }

    /// Its place in the checkpointer's work.
    pub(super) fn wal(&self) -> &WalState {
        &self.wal
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore)
        .acquire_owned()
        .await
        .expect("no semaphore of a tenant is ever closed")
}
