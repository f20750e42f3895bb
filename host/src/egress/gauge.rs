//! Open connections of each tenant and of the host.
//!
//! Invariant: as many entries as tenants that have a connection open.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::id::TenantId;

use super::fault::{Fault, FaultKind};
use super::settings::EgressSettings;

/// What is open.
#[derive(Debug, Default)]
pub(super) struct Gauge(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    all: u32,
    of: HashMap<TenantId, u32>,
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Place {
    gauge: Arc<Gauge>,
    tenant: TenantId,
}

impl Gauge {
    /// One more for a tenant.
    ///
    /// # Errors
    /// When the tenant or the host has as many as it may.
    pub(super) fn open(
        self: &Arc<Self>,
        tenant: TenantId,
        limits: &EgressSettings,
    ) -> Result<Place, Fault> {
        let full = |limit, max: u32| {
            let unit = "open connections, all used";
            Err(Fault::limit(
                FaultKind::TooMany,
                limit,
                u64::from(max),
                unit,
            ))
        };
        let mut open = self.0.lock();
        if open.all >= limits.connections_max {
            return full("connections_max", limits.connections_max);
        }
        let own = open.of.entry(tenant).or_default();
        if *own >= limits.tenant_connections_max {
            return full("tenant_connections_max", limits.tenant_connections_max);
        }
        *own += 1;
        open.all += 1;
        Ok(Place {
            gauge: Arc::clone(self),
            tenant,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gauge.0.lock();
        open.all = open.all.saturating_sub(1);
        if let Some(own) = open.of.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.of.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_hold_at_a_tenants_and_the_hosts_limit_and_one_past() {
        let limits = EgressSettings {
            tenant_connections_max: 2,
            connections_max: 3,
            ..EgressSettings::default()
        };
        let gauge = Arc::new(Gauge::default());
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let open = |tenant| gauge.open(tenant, &limits);
        let first = open(a).unwrap();
        let _second = open(a).unwrap();
        let past = open(a).unwrap_err().to_string();
        assert!(
            past.contains("egress.tenant_connections_max is 2"),
            "{past}"
        );
        let third = open(b).unwrap();
        let past = open(b).unwrap_err().to_string();
        assert!(past.contains("egress.connections_max is 3"), "{past}");
        drop(third);
        drop(first);
        assert!(open(a).is_ok());
        assert_eq!(
            gauge.0.lock().of.len(),
            1,
            "who has none open takes no place"
        );
    }
}
