//! The audit log as those write to it who refuse and allow.
//!
//! Invariant: refusals are limited a minute for each tenant, whoever makes them; what is left out is counted
//! in the next row.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AUDIT_DENIALS_PER_MINUTE_MAX, AuditEnds, AuditRecord, AuditRow, AuditStore, Outcome};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::identity::TenantScope;

/// Most tenants whose refusals are counted; past it the counting begins anew.
const COUNTED_TENANTS_MAX: usize = 10_000;
/// Milliseconds in which refusals are counted.
const WINDOW_MS: u64 = 60_000;

/// All tenants' audit logs.
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    denials: Denials,
}

impl AuditLog {
    /// Kept by `store`.
    pub fn new(store: Arc<dyn AuditStore>) -> Self {
        Self {
            store,
            denials: Denials::default(),
        }
    }

    /// Write down what is about to be done. It must not be done if this fails, unless the tenant is full:
    /// then it could not make room.
    ///
    /// # Errors
    /// What kept the row from being written.
    pub async fn allowed(
        &self,
        of: &TenantScope,
        record: AuditRecord,
        now: Timestamp,
    ) -> Result<()> {
        let record = AuditRecord {
            outcome: Outcome::Allowed,
            suppressed: self.denials.left_out(of.tenant()),
            ..record
        };
        match self.store.add(of, record, now).await {
            Err(error @ Error::StorageFull { .. }) => {
                tracing::error!(%error, "a change goes without its row in the audit log");
                Ok(())
            }
            added => added,
        }
    }

    /// Write down a refusal, if there were not too many in this minute.
    pub async fn denied(&self, of: &TenantScope, record: AuditRecord, now: Timestamp) {
        let Some(suppressed) = self.denials.admit(of.tenant(), now) else {
            return;
        };
        let record = AuditRecord {
            outcome: Outcome::Denied,
            suppressed,
            ..record
        };
        self.add(of, record, now).await;
    }

    /// Write down that what was allowed has failed.
    pub async fn failed(&self, of: &TenantScope, record: AuditRecord, now: Timestamp) {
        let record = AuditRecord {
            outcome: Outcome::Failed,
            ..record
        };
        self.add(of, record, now).await;
    }

    async fn add(&self, of: &TenantScope, record: AuditRecord, now: Timestamp) {
        match self.store.add(of, record, now).await {
            // The tenant is gone, and its log with it.
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => tracing::error!(%error, "could not add a row to the audit log"),
        }
    }

    /// The rows after `after`, oldest first.
    pub async fn rows(&self, of: &TenantScope, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
        self.store.rows(of, after, limit).await
    }

    /// Where the log begins and ends.
    pub async fn ends(&self, of: &TenantScope) -> Result<AuditEnds> {
        self.store.ends(of).await
    }
}

/// Counts refusals by tenant, so that they cannot fill the log.
#[derive(Default)]
struct Denials(Mutex<HashMap<TenantId, Window>>);

struct Window {
    began: Timestamp,
    written: u32,
    left_out: u64,
}

impl Denials {
    /// How many were left out before this one; none if this one is to be left out too.
    fn admit(&self, tenant: TenantId, now: Timestamp) -> Option<u64> {
        let mut windows = self.0.lock();
        if windows.len() >= COUNTED_TENANTS_MAX && !windows.contains_key(&tenant) {
            windows.clear();
        }
        let window = windows.entry(tenant).or_insert(Window {
            began: now,
            written: 0,
            left_out: 0,
        });
        if now < window.began || now.since(window.began) >= WINDOW_MS {
            (window.began, window.written) = (now, 0);
        }
        if window.written >= AUDIT_DENIALS_PER_MINUTE_MAX {
            window.left_out += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.left_out))
    }

    /// How many were left out and not told of yet.
    fn left_out(&self, tenant: TenantId) -> u64 {
        let mut windows = self.0.lock();
        let window = windows.get_mut(&tenant);
        window.map_or(0, |window| std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_limited_a_minute_at_and_one_past_and_counted() {
        let denials = Denials::default();
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let denied = |tenant, at| denials.admit(tenant, Timestamp(at));
        for _ in 0..AUDIT_DENIALS_PER_MINUTE_MAX {
            assert_eq!(denied(a, 0), Some(0));
        }
        assert_eq!(denied(a, 59_999), None);
        assert_eq!(
            denied(b, 59_999),
            Some(0),
            "another tenant is not in the way"
        );
        assert_eq!(denials.left_out(a), 1);
        assert_eq!(denied(a, 59_999), None);
        assert_eq!(denied(a, 60_000), Some(1));
        assert_eq!(denied(a, 60_000), Some(0));
    }
}
