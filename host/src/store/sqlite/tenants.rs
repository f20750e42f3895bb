//! The tenants that are open: opened on first use, closed when idle and others need the room.
//!
//! Invariant: at most one handle of a tenant is in use, and at most `open_max` are open; one that somebody
//! uses is never closed. A tenant whose directory is not there does not exist.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::datadir::DataDir;
use super::tenant::{self, OpenSettings, Tenant};
use super::vector_index::Keeper;
use super::writer::{Health, Writers};
use crate::error::{Error, Result};
use crate::id::TenantId;

/// The open tenants.
pub(super) struct Tenants {
    data: Arc<DataDir>,
    writers: Arc<Writers>,
    keeper: Keeper,
    health: Arc<Health>,
    settings: OpenSettings,
    open_max: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_id: HashMap<TenantId, Slot>,
    /// Tenants that had no services when they were closed, and so have none: at most as many as there are.
    without_services: HashSet<TenantId>,
    /// Counts uses, so that the least recent one is known.
    uses: u64,
}

/// What is known of a tenant that nobody opens for it.
pub(super) enum Peeked {
    /// It is open.
    Open(Arc<Tenant>),
    /// It is not.
    Closed {
        /// Whether it may have services.
        services: bool,
    },
}

/// Filled by whoever comes first; the others wait.
type Cell = Arc<OnceCell<Arc<Tenant>>>;

#[derive(Default)]
struct Slot {
    cell: Cell,
    used: u64,
}

impl Slot {
    /// Whether nobody has it in hand or is about to.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.cell) == 1
            && self
                .cell
                .get()
                .is_none_or(|tenant| Arc::strong_count(tenant) == 1)
    }
}

impl Tenants {
    /// None open yet.
    pub(super) fn new(
        data: Arc<DataDir>,
        (writers, keeper): (Arc<Writers>, Keeper),
        health: Arc<Health>,
        settings: OpenSettings,
        open_max: usize,
    ) -> Self {
        Self {
            data,
            writers,
            keeper,
            health,
            settings,
            open_max: open_max.max(1),
            slots: Mutex::default(),
        }
    }

    /// The handle of a tenant. `NotFound` if there is none of this id.
    pub(super) async fn get(&self, id: TenantId) -> Result<Arc<Tenant>> {
        self.health.check()?;
        let (cell, evicted) = self.slot(id)?;
        if let Some(evicted) = evicted {
            // The last connection to close empties the log, which takes a flush or two.
            tokio::task::spawn_blocking(move || drop(evicted));
        }
        let opened = cell.get_or_try_init(|| self.open(id)).await.cloned();
        if let Err(error) = &opened {
            self.health.notice(error);
            drop(cell);
            self.forget_unopened(id);
        }
        opened
    }

    /// The handle of a tenant if it is open. To be looked at so is no use: it may be closed all the sooner.
    pub(super) fn peek(&self, id: TenantId) -> Peeked {
        let slots = self.slots.lock();
        match slots.by_id.get(&id).map(|slot| slot.cell.get()) {
            Some(Some(tenant)) => Peeked::Open(Arc::clone(tenant)),
            // Somebody opens it just now.
            Some(None) => Peeked::Closed { services: true },
            None => Peeked::Closed {
                services: !slots.without_services.contains(&id),
            },
        }
    }

    fn slot(&self, id: TenantId) -> Result<(Cell, Option<Slot>)> {
        let mut slots = self.slots.lock();
        slots.uses += 1;
        let used = slots.uses;
        let mut evicted = None;
        if slots.by_id.len() >= self.open_max && !slots.by_id.contains_key(&id) {
            let oldest = slots
                .by_id
                .iter()
                .filter(|(_, slot)| slot.is_idle())
                .min_by_key(|(_, slot)| slot.used)
                .map(|(id, _)| *id)
                .ok_or(Error::Exhausted {
                    limit: "tenants_open_max",
                    unit: "tenants",
                    max: self.open_max as u64,
                })?;
            evicted = slots.by_id.remove(&oldest);
            let closed = evicted.as_ref().and_then(|slot| slot.cell.get());
            if closed.is_some_and(|tenant| tenant.directory().services().is_empty()) {
                slots.without_services.insert(oldest);
            } else {
                slots.without_services.remove(&oldest);
            }
        }
        let slot = slots.by_id.entry(id).or_default();
        slot.used = used;
        Ok((Arc::clone(&slot.cell), evicted))
    }

    async fn open(&self, id: TenantId) -> Result<Arc<Tenant>> {
        let dir = self.data.tenant(id);
        let settings = self.settings.clone();
        let queue = self.writers.queue(id);
        let keeper = self.keeper.clone();
        tokio::task::spawn_blocking(move || Tenant::open(id, &dir, &settings, (queue, &keeper)))
            .await
            .map_err(|e| Error::internal("opening a tenant", e))?
            .map(Arc::new)
    }

    /// A slot of a tenant that would not open must not take the place of one that does.
    fn forget_unopened(&self, id: TenantId) {
        let mut slots = self.slots.lock();
        if slots
            .by_id
            .get(&id)
            .is_some_and(|slot| slot.is_idle() && slot.cell.get().is_none())
        {
            slots.by_id.remove(&id);
        }
    }

    /// Make a tenant's directory and database. Blocks.
    pub(super) fn create(&self, id: TenantId) -> Result<()> {
        let settings = &self.settings;
        self.noticed(self.data.create_tenant(id, |dir| {
            let conn = tenant::prepare(id, dir, settings)?;
            conn.close()
                .map_err(|(_, e)| Error::internal("closing a new database", e))
        }))
    }

    /// Take a tenant's directory away: what was not answered yet is refused, what comes finds nothing.
    /// Blocks.
    pub(super) fn detach(&self, id: TenantId) -> Result<()> {
        self.noticed(self.data.detach_tenant(id))?;
        let mut slots = self.slots.lock();
        slots.without_services.remove(&id);
        let slot = slots.by_id.remove(&id);
        drop(slots);
        if let Some(tenant) = slot.as_ref().and_then(|slot| slot.cell.get()) {
            tenant.set_gone();
        }
        Ok(())
    }

    /// Remove what [`Self::detach`] took away. Blocks.
    pub(super) fn remove(&self, id: TenantId) -> Result<()> {
        self.noticed(self.data.remove_tenant(id))
    }

    fn noticed(&self, done: Result<()>) -> Result<()> {
        if let Err(error) = &done {
            self.health.notice(error);
        }
        done
    }

    /// Close all that are idle; says how many are still in use. Blocks.
    pub(super) fn close(&self) -> usize {
        let mut slots = self.slots.lock();
        slots.by_id.retain(|_, slot| !slot.is_idle());
        slots.by_id.len()
    }
}
