//! Tells the feeds of states that only time has changed: services that fell silent.
//!
//! What somebody asks for is told as it is at that moment, swept or not; the sweep is for those who wait
//! to be told. Missing one costs latency.
//!
//! Also tells tenants what they used on days that are over, each day once, however often the host starts.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::Result;
use crate::id::TenantId;
use crate::identity::{AdminStore, TenantScope};
use crate::registry::{RegistrySettings, ServiceStore};
use crate::usage::{UsageStore, day_of};

/// How often it is looked whether a day is over: a bill can wait so long.
const DAY_LOOK: Duration = Duration::from_mins(1);
/// Time for others between two tenants: a day ends for all of them at once.
const TENANT_PAUSE: Duration = Duration::from_millis(5);

/// Sweeps the catalogues of all tenants.
pub struct ServiceSweeper {
    /// Tenants.
    pub admin: Arc<dyn AdminStore>,
    /// Their services.
    pub services: Arc<dyn ServiceStore>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How often, and how long what is offline is kept.
    pub settings: RegistrySettings,
}

impl ServiceSweeper {
    /// Sweep every tenant, again and again, until `closing`.
    pub async fn run(&self, closing: &CancellationToken) {
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(self.settings.sweep) => {}
            }
            if let Err(error) = self.sweep().await {
                tracing::error!(%error, "services were not swept, trying again");
            }
        }
    }

    /// Sweep every tenant once. What goes wrong with one of them does not keep the others waiting.
    ///
    /// # Errors
    /// If the tenants cannot be listed.
    pub async fn sweep(&self) -> Result<()> {
        for tenant in self.admin.all_tenants().await? {
            if let Err(error) = self.sweep_tenant(tenant.id).await {
                tracing::error!(tenant.id = %tenant.id, %error, "its services were not swept");
            }
        }
        Ok(())
    }

    async fn sweep_tenant(&self, tenant: TenantId) -> Result<()> {
        let scope = TenantScope::for_dispatch(tenant);
        let retention_ms = self.settings.retention_ms();
        loop {
            let now = self.clock.now();
            let swept = self
                .services
                .sweep_services(&scope, now, retention_ms)
                .await?;
            if swept.changed + swept.removed > 0 {
                let (changed, removed) = (swept.changed, swept.removed);
                tracing::info!(tenant.id = %tenant, changed, removed, "services fell silent");
            }
            if !swept.more {
                return Ok(());
            }
        }
    }
}

/// Tells all tenants what they used.
pub struct UsageTeller {
    /// Tenants.
    pub admin: Arc<dyn AdminStore>,
    /// What they used.
    pub usage: Arc<dyn UsageStore>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl UsageTeller {
    /// Tell what was not told yet, and each day that ends from now on, until `closing`.
    pub async fn run(&self, closing: &CancellationToken) {
        let mut told = None;
        loop {
            let today = day_of(self.clock.now());
            if told != Some(today) {
                match self.tell(closing).await {
                    Ok(()) => told = Some(today),
                    Err(error) => tracing::error!(%error, "usage was not told, trying again"),
                }
            }
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(DAY_LOOK) => {}
            }
        }
    }

    async fn tell(&self, closing: &CancellationToken) -> Result<()> {
        for tenant in self.admin.all_tenants().await? {
            tokio::select! {
                () = closing.cancelled() => return Ok(()),
                () = tokio::time::sleep(TENANT_PAUSE) => {}
            }
            let scope = TenantScope::for_dispatch(tenant.id);
            if let Err(error) = self.usage.tell_days(&scope, self.clock.now()).await {
                tracing::error!(tenant.id = %tenant.id, %error, "its usage was not told");
            }
        }
        Ok(())
    }
}
