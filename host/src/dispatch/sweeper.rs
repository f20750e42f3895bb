//! Tells the feeds of states that only time has changed: services that fell silent.
//!
//! What somebody asks for is told as it is at that moment, swept or not; the sweep is for those who wait
//! to be told. Missing one costs latency.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::Result;
use crate::id::TenantId;
use crate::identity::{AdminStore, TenantScope};
use crate::registry::{RegistrySettings, ServiceStore};

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
