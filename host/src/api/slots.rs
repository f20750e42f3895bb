//! How many of something one tenant has at once: counted, bounded, given back on drop.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::id::TenantId;

/// Counts by tenant. A tenant without any takes no room.
#[derive(Clone)]
pub(crate) struct TenantSlots {
    limit: &'static str,
    max: usize,
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl TenantSlots {
    /// At most `max` a tenant, refused in the name of `limit`.
    pub(crate) fn new(limit: &'static str, max: usize) -> Self {
        Self {
            limit,
            max,
            taken: Arc::default(),
        }
    }

    /// Take one until the guard is dropped.
    ///
    /// # Errors
    /// `Exhausted` when the tenant has `max`.
    pub(crate) fn take(&self, tenant: TenantId) -> Result<Slot> {
        let mut taken = self.taken.lock();
        let count = taken.entry(tenant).or_insert(0);
        if *count >= self.max {
            return Err(Error::Exhausted {
                limit: self.limit,
                unit: "at once",
                max: self.max as u64,
            });
        }
        *count += 1;
        Ok(Slot {
            tenant,
            taken: Arc::clone(&self.taken),
        })
    }
}

/// One that was taken.
pub(crate) struct Slot {
    tenant: TenantId,
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        match taken.get_mut(&self.tenant) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_gets_as_many_as_the_limit_and_not_one_more() {
        let slots = TenantSlots::new("streams_per_tenant_max", 2);
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let first = slots.take(a).unwrap();
        let _second = slots.take(a).unwrap();
        assert!(matches!(
            slots.take(a),
            Err(Error::Exhausted { max: 2, .. })
        ));
        assert!(slots.take(b).is_ok(), "another tenant is not in the way");
        drop(first);
        assert!(slots.take(a).is_ok());
    }

    #[test]
    fn tenants_without_any_are_forgotten() {
        let slots = TenantSlots::new("calls_per_tenant_max", 1);
        drop(slots.take(TenantId::generate()).unwrap());
        assert!(slots.taken.lock().is_empty());
    }
}
