//! Each tenant's quotas as they are now, and what of its rates is used.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{Digest, TenantId};

use super::{Bucket, Overrides, Quota, Quotas};

/// Most components that are suspended at once: bounds what is kept in memory of them to some megabytes.
pub const SUSPENDED_COMPONENTS_MAX: u64 = 10_000;

/// Milliseconds of a UTC day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How a tenant stands with the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its share of the host.
    pub weight: u32,
    /// What it may use.
    pub quotas: Quotas,
    /// Why it is suspended, if it is: nothing of it runs, and nothing new is taken.
    pub suspended: Option<Arc<str>>,
}

/// One tenant's.
#[derive(Debug)]
struct Allowance {
    standing: RwLock<Standing>,
    published: Mutex<Published>,
    outside: Mutex<Outside>,
}

/// Bytes that went to and came from the outside on a day.
#[derive(Debug, Default)]
struct Outside {
    /// Days since 1970.
    day: i64,
    bytes: u64,
}

/// What of the rates of publishing is used.
#[derive(Debug, Default)]
struct Published {
    events: Bucket,
    bytes: Bucket,
}

/// The standing of all tenants. As many entries as there are tenants.
#[derive(Debug, Default)]
pub struct Allowances {
    defaults: Quotas,
    by_tenant: RwLock<HashMap<TenantId, Arc<Allowance>>>,
    /// Components that must not run, and why: at most [`SUSPENDED_COMPONENTS_MAX`].
    components: RwLock<HashMap<Digest, Arc<str>>>,
}

impl Allowances {
    /// Of no tenant yet.
    pub fn new(defaults: Quotas) -> Self {
        Self {
            defaults,
            by_tenant: RwLock::default(),
            components: RwLock::default(),
        }
    }

    /// Check what an operator sets.
    ///
    /// # Errors
    /// `Invalid` for a value that a quota cannot have.
    pub fn check(&self, overrides: &Overrides) -> Result<()> {
        overrides
            .iter()
            .try_for_each(|(quota, value)| quota.check(*value, self.defaults.get(*quota)))
    }

    /// Take over what the control database says of a tenant. What of its rates is used stays used.
    pub fn set(
        &self,
        tenant: TenantId,
        weight: u32,
        overrides: &Overrides,
        suspended: Option<&str>,
    ) {
        let standing = Standing {
            weight,
            quotas: self.defaults.overridden(overrides),
            suspended: suspended.map(Arc::from),
        };
        let mut all = self.by_tenant.write();
        if let Some(allowance) = all.get(&tenant) {
            *allowance.standing.write() = standing;
            return;
        }
        let allowance = Allowance {
            standing: RwLock::new(standing),
            published: Mutex::default(),
            outside: Mutex::default(),
        };
        all.insert(tenant, Arc::new(allowance));
    }

    /// A tenant is gone.
    pub fn forget(&self, tenant: TenantId) {
        self.by_tenant.write().remove(&tenant);
    }

    /// How a tenant stands; one that is not known has what every tenant has.
    pub fn standing(&self, tenant: TenantId) -> Standing {
        match self.of(tenant) {
            Some(allowance) => allowance.standing.read().clone(),
            None => Standing {
                weight: 1,
                quotas: self.defaults,
                suspended: None,
            },
        }
    }

    /// How much a tenant gets of this.
    pub fn quota(&self, tenant: TenantId, quota: Quota) -> u64 {
        self.of(tenant)
            .map_or(self.defaults, |allowance| allowance.standing.read().quotas)
            .get(quota)
    }

    /// Check that the tenant is not suspended.
    ///
    /// # Errors
    /// `Suspended` with the reason.
    pub fn require_running(&self, tenant: TenantId) -> Result<()> {
        let allowance = self.of(tenant);
        match allowance.and_then(|allowance| allowance.standing.read().suspended.clone()) {
            Some(reason) => Err(Error::Suspended {
                what: "tenant",
                reason: reason.as_ref().to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Let a tenant publish so many events with so many bytes of payload. Asked before anything of them is
    /// accepted.
    ///
    /// # Errors
    /// `Suspended`, or `OverQuota` that says which quota and when to try again.
    pub fn admit(
        &self,
        tenant: TenantId,
        (events, bytes): (u64, u64),
        now: Timestamp,
    ) -> Result<()> {
        // The store will say that there is no such tenant.
        let Some(allowance) = self.of(tenant) else {
            return Ok(());
        };
        let (events_max, bytes_max) = {
            let standing = allowance.standing.read();
            if let Some(reason) = &standing.suspended {
                return Err(Error::Suspended {
                    what: "tenant",
                    reason: reason.as_ref().to_owned(),
                });
            }
            let quota = |quota| standing.quotas.get(quota);
            (
                quota(Quota::EventsPerSecond),
                quota(Quota::PayloadBytesPerSecond),
            )
        };
        if events_max == 0 && bytes_max == 0 {
            return Ok(());
        }
        let mut published = allowance.published.lock();
        published
            .events
            .take(events, events_max, now)
            .map_err(|ms| over(Quota::EventsPerSecond, events_max, ms))?;
        if let Err(ms) = published.bytes.take(bytes, bytes_max, now) {
            published.events.put_back(events);
            return Err(over(Quota::PayloadBytesPerSecond, bytes_max, ms));
        }
        Ok(())
    }

    /// Count bytes that go to the outside or came from there; of 0 ask whether there may be more. The count is of this host
    /// and of this run of it.
    ///
    /// # Errors
    /// `OverQuota` until the next UTC day; these bytes are not counted then.
    pub fn take_egress(&self, tenant: TenantId, bytes: u64, now: Timestamp) -> Result<()> {
        let Some(allowance) = self.of(tenant) else {
            return Ok(());
        };
        let quota = Quota::EgressBytesPerDay;
        let max = allowance.standing.read().quotas.get(quota);
        let day = now.0.div_euclid(DAY_MS);
        let mut outside = allowance.outside.lock();
        if outside.day != day {
            *outside = Outside { day, bytes: 0 };
        }
        let used = outside.bytes.saturating_add(bytes);
        if max > 0 && (used > max || (bytes == 0 && used == max)) {
            let wait_ms = DAY_MS - now.0.rem_euclid(DAY_MS);
            return Err(over(quota, max, wait_ms.unsigned_abs()));
        }
        outside.bytes = used;
        Ok(())
    }

    /// Bytes that went to and came from the outside today.
    pub fn egress_used(&self, tenant: TenantId, now: Timestamp) -> u64 {
        let today = now.0.div_euclid(DAY_MS);
        self.of(tenant).map_or(0, |allowance| {
            let outside = allowance.outside.lock();
            if outside.day == today {
                outside.bytes
            } else {
                0
            }
        })
    }

    /// From now on no turn runs this component, whoever has it.
    pub fn suspend_component(&self, digest: Digest, reason: &str) {
        self.components.write().insert(digest, reason.into());
    }

    /// It may run again.
    pub fn resume_component(&self, digest: &Digest) {
        self.components.write().remove(digest);
    }

    /// Whether a component must not run.
    pub fn is_suspended(&self, digest: &Digest) -> bool {
        self.components.read().contains_key(digest)
    }

    /// Check that a component may run.
    ///
    /// # Errors
    /// `Suspended` with the reason.
    pub fn require_component(&self, digest: &Digest) -> Result<()> {
        match self.components.read().get(digest) {
            None => Ok(()),
            Some(reason) => Err(Error::Suspended {
                what: "component",
                reason: reason.as_ref().to_owned(),
            }),
        }
    }

    fn of(&self, tenant: TenantId) -> Option<Arc<Allowance>> {
        self.by_tenant.read().get(&tenant).cloned()
    }
}

fn over(quota: Quota, max: u64, wait_ms: u64) -> Error {
    Error::OverQuota {
        quota: quota.as_str(),
        unit: quota.unit(),
        max,
        retry_after_s: u32::try_from(wait_ms.div_ceil(1_000))
            .unwrap_or(u32::MAX)
            .max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_quota(result: Result<()>) -> Option<(&'static str, u32)> {
        match result {
            Ok(()) => None,
            Err(Error::OverQuota {
                quota,
                retry_after_s,
                ..
            }) => Some((quota, retry_after_s)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn publishing_is_admitted_at_the_rate_and_refused_past_it() {
        let allowances = Allowances::default();
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let set = Overrides::from([
            (Quota::EventsPerSecond, 3),
            (Quota::PayloadBytesPerSecond, 100),
        ]);
        allowances.set(a, 1, &set, None);
        allowances.set(b, 1, &Overrides::new(), None);
        let admit = |tenant, events, bytes, at| {
            over_quota(allowances.admit(tenant, (events, bytes), Timestamp(at)))
        };
        assert_eq!(admit(a, 2, 10, 0), None);
        assert_eq!(admit(a, 1, 91, 0), Some(("payload_bytes_per_second", 1)));
        assert_eq!(admit(a, 1, 90, 0), None, "what was refused took nothing");
        assert_eq!(admit(a, 1, 0, 0), Some(("events_per_second", 1)));
        assert_eq!(admit(a, 30, 0, 1_000), None, "a batch passes a full bucket");
        assert_eq!(admit(a, 1, 0, 1_000), Some(("events_per_second", 10)));
        assert_eq!(
            admit(b, 1_000_000, 1 << 40, 0),
            None,
            "a neighbour has no part in it"
        );
    }

    #[test]
    fn bytes_to_the_outside_hold_at_the_quota_and_not_one_past_it() {
        let allowances = Allowances::default();
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let set = Overrides::from([(Quota::EgressBytesPerDay, 100)]);
        allowances.set(a, 1, &set, None);
        allowances.set(b, 1, &Overrides::new(), None);
        let take =
            |tenant, bytes, at| over_quota(allowances.take_egress(tenant, bytes, Timestamp(at)));
        let past = |s| Some(("egress_bytes_per_day", s));
        assert_eq!(take(a, 99, 0), None);
        assert_eq!(
            take(a, 2, 0),
            past(86_400),
            "what is refused is not counted"
        );
        assert_eq!(take(a, 0, 0), None);
        assert_eq!(take(a, 1, 0), None);
        assert_eq!(take(a, 0, DAY_MS - 1_500), past(2));
        assert_eq!(take(b, 1 << 40, 0), None, "a neighbour has no part in it");
        assert_eq!(take(a, 100, DAY_MS), None, "another day");
    }

    #[test]
    fn a_change_holds_at_once_and_forgets_nothing_that_was_used() {
        let allowances = Allowances::default();
        let tenant = TenantId::generate();
        let rate = |n| Overrides::from([(Quota::EventsPerSecond, n)]);
        allowances.set(tenant, 1, &rate(2), None);
        allowances.admit(tenant, (2, 0), Timestamp(0)).unwrap();
        allowances.set(tenant, 1, &rate(2), None);
        assert!(allowances.admit(tenant, (1, 0), Timestamp(0)).is_err());
        allowances.set(tenant, 1, &rate(0), None);
        assert!(allowances.admit(tenant, (1, 0), Timestamp(0)).is_ok());
        allowances.set(tenant, 1, &rate(0), Some("unpaid"));
        let refused = allowances.admit(tenant, (1, 0), Timestamp(0)).unwrap_err();
        assert_eq!(refused.to_string(), "the tenant is suspended: unpaid");
        assert!(allowances.require_running(tenant).is_err());
        allowances.forget(tenant);
        assert!(allowances.require_running(tenant).is_ok());
    }
}
