//! How many of something one tenant has at once: counted, bounded, given back on drop.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::quota::{Allowances, Quota};

/// Counts by tenant. A tenant without any takes no room.
#[derive(Clone)]
pub(crate) struct TenantSlots {
    limit: &'static str,
    max: Max,
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// Where the limit is told.
#[derive(Clone)]
enum Max {
    /// The same for every tenant.
    Same(u64),
    /// By tenant.
    Quota(Arc<Allowances>, Quota),
}

impl TenantSlots {
    /// At most `max` a tenant, refused in the name of `limit`.
    pub(crate) fn new(limit: &'static str, max: usize) -> Self {
        Self::bounded(limit, Max::Same(max as u64))
    }

    /// At most as many as the tenant's quota says.
    pub(crate) fn by_quota(allowances: &Arc<Allowances>, quota: Quota) -> Self {
        Self::bounded(quota.as_str(), Max::Quota(Arc::clone(allowances), quota))
    }

    fn bounded(limit: &'static str, max: Max) -> Self {
        Self {
            limit,
            max,
            taken: Arc::default(),
        }
    }

    /// How many a tenant has.
    pub(crate) fn taken_by(&self, tenant: TenantId) -> u64 {
        self.taken.lock().get(&tenant).copied().unwrap_or(0) as u64
    }

    /// Take one until the guard is dropped.
    ///
    /// # Errors
    /// `Exhausted` when the tenant has as many as it may.
    pub(crate) fn take(&self, tenant: TenantId) -> Result<Slot> {
        let max = match &self.max {
            Max::Same(max) => *max,
            Max::Quota(allowances, quota) => allowances.quota(tenant, *quota),
        };
        let mut taken = self.taken.lock();
        let count = taken.entry(tenant).or_insert(0);
        if *count as u64 >= max {
            return Err(Error::Exhausted {
                limit: self.limit,
                unit: "at once",
                max,
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
    fn a_quota_is_the_tenants_own_and_holds_at_once() {
        let allowances = Arc::new(Allowances::default());
        for quota in [Quota::StreamsPerTenantMax, Quota::UploadsPerTenantMax] {
            let slots = TenantSlots::by_quota(&allowances, quota);
            let (a, b) = (TenantId::generate(), TenantId::generate());
            allowances.set(a, 1, &[(quota, 1)].into(), None);
            let _first = slots.take(a).unwrap();
            let past = slots.take(a).err().map(|error| error.to_string());
            let words = format!("{quota} is 1 at once, all used");
            assert_eq!(past, Some(words));
            let _others = (slots.take(b).unwrap(), slots.take(b).unwrap());
            allowances.set(a, 1, &[(quota, 2)].into(), None);
            let _second = slots.take(a).unwrap();
            assert_eq!((slots.taken_by(a), slots.taken_by(b)), (2, 2));
        }
    }

    #[test]
    fn tenants_without_any_are_forgotten() {
        let slots = TenantSlots::new("calls_per_tenant_max", 1);
        drop(slots.take(TenantId::generate()).unwrap());
        assert!(slots.taken.lock().is_empty());
    }
}
