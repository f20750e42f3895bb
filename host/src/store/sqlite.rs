//! The embedded store: a directory of SQLite databases, one a tenant.
//!
//! Invariant: what was answered is on the disk. Writes go through the writer threads alone, which commit
//! many with one flush; reads see the last commit. A tenant's data is reached only through its own
//! database, found by the scope, so no statement can name another tenant's.
//! This module knows nothing of HTTP, Wasm or scheduling.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::IdKey;
use crate::identity::{KeyHasher, TenantScope};
use crate::memory::embed::{Embedder, Offline};
use crate::quota::{Allowances, Quota, Quotas};
use crate::secrets::Vault;

mod admin;
mod agents;
mod append;
mod audit;
mod catalog;
mod columns;
mod components;
mod connect;
mod datadir;
mod deliveries;
mod effects;
mod embedding;
mod episodes;
mod erase;
mod events;
mod host_db;
mod knowledge;
mod migrate;
mod pages;
mod procedures;
mod rows;
mod secrets;
mod services;
mod sessions;
mod sweep;
mod tenant;
mod tenants;
#[cfg(test)]
mod testing;
mod turns;
mod usage;
mod vector_index;
mod visibility;
mod words;
mod working;
mod writer;

pub use datadir::DataDir;
pub use events::SCHEDULED_EVENTS_MAX;
pub use sweep::{RETENTION_DAYS, SWEPT_EVENTS_MAX, Swept};
pub use turns::DESCENDANTS_PER_ROOT_MAX;
pub use writer::FatalHook;

use embedding::Vectoring;
use host_db::{HostDb, Secrets};
use tenant::{OpenSettings, Tenant};
use tenants::Tenants;
use vector_index::{Keeper, VECTOR_BYTES_MAX};
use writer::{Checkpointer, Health, WalSettings, Writers};

/// How the embedded store is run.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteSettings {
    /// Threads that write. They mostly wait for the disk, and each waits for one tenant at a time, so
    /// that more than cores are of use when many tenants write; each more adds wake-ups for less gain.
    pub writer_threads: usize,
    /// Tenants open at once. Each takes 155 KiB and three file descriptors, more when it is busy.
    pub tenants_open_max: usize,
    /// Most bytes of one tenant's database.
    pub tenant_bytes_max: u64,
    /// A write-ahead log of this many pages of 4 KiB is checkpointed. Small, as every tenant keeps a log
    /// file of about this size.
    pub wal_pages: u32,
    /// A write-ahead log of this many pages is emptied by the writer itself, with an alarm: 64 MiB.
    pub wal_alarm_pages: u32,
    /// Most memory of all tenants' vectors together, in bytes; one tenant's may be over it alone.
    pub vector_bytes_max: usize,
    /// Called once when the disk fails.
    #[serde(skip, default = "Health::exit_hook")]
    pub fatal: FatalHook,
    /// What tenants may use unless it is set otherwise for one; of bytes, `tenant_bytes_max`. Set by
    /// whoever assembles the host.
    #[serde(skip)]
    pub quotas: Quotas,
    /// Makes the vectors of knowledge. Set by whoever assembles the host.
    #[serde(skip, default = "offline")]
    pub embedder: Arc<dyn Embedder>,
}

fn offline() -> Arc<dyn Embedder> {
    Arc::new(Offline::default())
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self {
            writer_threads: 8,
            tenants_open_max: 1_024,
            tenant_bytes_max: 16 * 1024 * 1024 * 1024,
            wal_pages: 1_000,
            wal_alarm_pages: 16 * 1024,
            vector_bytes_max: VECTOR_BYTES_MAX,
            fatal: Health::exit_hook(),
            quotas: Quotas::default(),
            embedder: offline(),
        }
    }
}

/// The embedded store.
pub struct SqliteStore {
    data: Arc<DataDir>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    bus: Arc<dyn Bus>,
    host: HostDb,
    allowances: Arc<Allowances>,
    secrets: Secrets,
    vectoring: Arc<Vectoring>,
    tenants: Arc<Tenants>,
    writers: Arc<Writers>,
    checkpointer: Checkpointer,
    keeper: Keeper,
    /// The checkpointer's and the keeper's.
    background: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Make or open a data directory. Blocks, for the milliseconds that it takes.
    ///
    /// # Errors
    /// `Conflict` if another host has it or a newer host wrote it; `Unavailable` if it cannot be used.
    pub fn open(
        data_dir: &Path,
        settings: SqliteSettings,
        clock: Arc<dyn Clock>,
        bus: Arc<dyn Bus>,
    ) -> Result<Arc<Self>> {
        connect::check_version()?;
        let data = Arc::new(DataDir::open(data_dir)?);
        let health = Health::new(settings.fatal);
        let host = HostDb::open(&data, Arc::clone(&health))?;
        admin::recover(&data, &host)?;
        let secrets = host.secrets()?;
        let quotas = settings
            .quotas
            .with(Quota::TenantBytesMax, settings.tenant_bytes_max);
        let allowances = Arc::new(Allowances::new(quotas));
        admin::load_allowances(&host, &allowances)?;
        let wal = WalSettings {
            pages: settings.wal_pages,
            alarm_pages: settings.wal_alarm_pages,
        };
        let (checkpointer, thread) = Checkpointer::start(wal, &health)?;
        let (keeper, keeper_thread) = Keeper::start(settings.vector_bytes_max)?;
        let writers = Arc::new(Writers::start(
            settings.writer_threads,
            &health,
            &bus,
            &checkpointer,
        )?);
        let open = OpenSettings {
            allowances: Arc::clone(&allowances),
            clock: Arc::clone(&clock),
            check: !data.was_clean(),
            embedder: Arc::clone(settings.embedder.name()),
        };
        let tenants = Arc::new(Tenants::new(
            Arc::clone(&data),
            (Arc::clone(&writers), keeper.clone()),
            Arc::clone(&health),
            open,
            settings.tenants_open_max,
        ));
        Ok(Arc::new(Self {
            data,
            health,
            clock,
            bus,
            host,
            allowances,
            secrets,
            vectoring: Arc::new(Vectoring::new(settings.embedder)),
            tenants,
            writers,
            checkpointer,
            keeper,
            background: Mutex::new(vec![thread, keeper_thread]),
        }))
    }

    /// The version of SQLite that is linked.
    ///
    /// # Errors
    /// `Unavailable` if it is one that corrupts databases.
    pub fn library_version() -> Result<&'static str> {
        connect::check_version()?;
        Ok(rusqlite::version())
    }

    /// Makes the ids that turns make.
    pub fn id_key(&self) -> IdKey {
        IdKey::new(self.secrets.ids)
    }

    /// Hashes API keys.
    pub fn key_hasher(&self) -> KeyHasher {
        KeyHasher::new(self.secrets.keys)
    }

    /// Signs compiled artifacts.
    pub fn mac_key(&self) -> [u8; 32] {
        self.secrets.artifacts
    }

    /// Seals secrets of tenants.
    fn vault(&self) -> Vault {
        Vault::new(self.secrets.vault)
    }

    /// What each tenant may use.
    pub fn allowances(&self) -> &Arc<Allowances> {
        &self.allowances
    }

    /// The directory.
    pub fn data_dir(&self) -> &Arc<DataDir> {
        &self.data
    }

    /// An error was met beside the databases, on the same disk. If it says that the disk failed, it is the
    /// end of this host, as if a database had met it.
    pub fn notice(&self, error: &Error) {
        self.health.notice(error);
    }

    /// The only way to a tenant's data.
    async fn tenant(&self, scope: &TenantScope) -> Result<Arc<Tenant>> {
        self.tenants.get(scope.tenant()).await
    }

    /// Finish what was queued, refuse what comes, close what is open. Blocks; a second call does nothing.
    pub fn close(&self) {
        self.writers.stop();
        self.checkpointer.stop();
        self.keeper.stop();
        let threads = std::mem::take(&mut *self.background.lock());
        if threads.is_empty() {
            return;
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("the checkpointer or the keeper of vectors panicked");
            }
        }
        let in_use = self.tenants.close();
        if in_use > 0 {
            tracing::warn!(in_use, "closed while tenants were in use");
            return;
        }
        if let Err(error) = self.data.mark_clean() {
            tracing::warn!(%error, "could not mark the data directory as closed");
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}
