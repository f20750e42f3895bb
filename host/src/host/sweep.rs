//! Forgets in the background what nobody needs any more: old events with their turns, and components that
//! no agent has.
//!
//! Invariant: one small transaction at a time, each of which shares its commit with publishers and turns,
//! and a pause after it, so that nobody waits for a sweep longer than for a neighbour. What fails is left
//! for the next pass. Which events may go is the store's to decide. A component goes only if all tenants
//! could be asked, and none that was uploaded within [`UNUSED_MS`]: it is deployed after it is uploaded.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Timestamp, millis};
use crate::error::{Error, Result};
use crate::id::{Position, TenantName};
use crate::identity::{AdminStore, Tenant, TenantScope};
use crate::sandbox::intake::Intake;
use crate::store::sqlite::{RETENTION_DAYS, SWEPT_EVENTS_MAX, SqliteStore};

/// Shortest time between two passes, whatever the settings say: each looks at every tenant.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Time for others between two transactions on one tenant.
const PAUSE: Duration = Duration::from_millis(20);
/// Tenants whose names are in memory at a time.
const TENANTS_PAGE: u32 = 100;
/// How old an upload is before it counts as never deployed. A push has minutes from the one to the other.
const UNUSED_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What is forgotten, and how often it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSettings {
    /// Days that an event and its turns are kept once nobody waits for them; 0 keeps them for ever. Also
    /// how long a duplicate of an event is known as one.
    pub days: u64,
    /// Time between two passes over all tenants. Each opens every tenant once, so that it is seldom.
    #[serde(rename = "interval_ms", with = "millis")]
    pub interval: Duration,
    /// Most events that one transaction looks at, 1 to 256.
    pub batch_events_max: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            days: RETENTION_DAYS,
            interval: Duration::from_hours(1),
            batch_events_max: SWEPT_EVENTS_MAX,
        }
    }
}

impl RetentionSettings {
    /// Events from before this may go.
    fn events_before(&self, now: Timestamp) -> Option<Timestamp> {
        (self.days > 0).then(|| earlier(now, self.days.saturating_mul(DAY_MS)))
    }
}

fn earlier(now: Timestamp, ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(ms))
}

/// What a sweep works with.
pub(super) struct Sweeper {
    pub(super) store: Arc<SqliteStore>,
    pub(super) intake: Arc<Intake>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: RetentionSettings,
}

/// Passes that go on until this is stopped or dropped.
pub(super) struct Sweeping {
    tasks: TaskTracker,
    closing: DropGuard,
}

impl Sweeping {
    /// Go on with `passes` until told to end.
    pub(super) fn begin<F>(passes: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(passes(closing.clone()));
        Self {
            tasks,
            closing: closing.drop_guard(),
        }
    }

    /// Finish the transaction that is under way and begin no other.
    pub(super) async fn stop(self) {
        drop(self.closing);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Sweeper {
    /// Sweep now, and at each interval from then on.
    pub(super) fn start(self) -> Sweeping {
        Sweeping::begin(async move |closing| self.sweep_until(&closing).await)
    }

    async fn sweep_until(&self, closing: &CancellationToken) {
        let interval = self.settings.interval.max(INTERVAL_MIN);
        loop {
            self.forget_events(closing).await;
            if let Err(error) = self.forget_components(closing).await {
                tracing::warn!(%error, "unused components were not forgotten");
            }
            if closed_within(interval, closing).await {
                return;
            }
        }
    }

    /// Look at each tenant once.
    async fn forget_events(&self, closing: &CancellationToken) {
        let Some(before) = self.settings.events_before(self.clock.now()) else {
            return;
        };
        let mut after: Option<TenantName> = None;
        loop {
            let page = match self.store.list_tenants(after, TENANTS_PAGE).await {
                Ok(page) => page,
                Err(error) => return tracing::warn!(%error, "tenants were not swept"),
            };
            for tenant in &page {
                if closing.is_cancelled() {
                    return;
                }
                self.forget_events_of(tenant, before, closing).await;
            }
            match page.into_iter().last() {
                Some(last) => after = Some(last.name),
                None => return,
            }
        }
    }

    async fn forget_events_of(
        &self,
        tenant: &Tenant,
        before: Timestamp,
        closing: &CancellationToken,
    ) {
        match self.sweep(tenant, before, closing).await {
            // Nothing was old, or the tenant was deleted meanwhile.
            Ok(0) | Err(Error::NotFound { .. }) => {}
            Ok(removed) => tracing::debug!(tenant.id = %tenant.id, removed, "old events forgotten"),
            Err(error) => {
                tracing::warn!(tenant.id = %tenant.id, %error, "old events were not forgotten");
            }
        }
    }

    async fn sweep(
        &self,
        tenant: &Tenant,
        before: Timestamp,
        closing: &CancellationToken,
    ) -> Result<u64> {
        let scope = TenantScope::for_dispatch(tenant.id);
        let limit = self.settings.batch_events_max;
        let (mut after, mut removed) = (Position(0), 0);
        loop {
            let swept = self.store.sweep(&scope, before, after, limit).await?;
            removed += u64::from(swept.removed);
            match swept.next {
                Some(next) if !closed_within(PAUSE, closing).await => after = next,
                _ => return Ok(removed),
            }
        }
    }

    /// Remove components that were never deployed, or that no version of an agent has any more.
    async fn forget_components(&self, closing: &CancellationToken) -> Result<()> {
        let before = earlier(self.clock.now(), UNUSED_MS);
        let old = self.intake.accepted_before(before).await?;
        for digest in self.store.unused(old).await? {
            if closing.is_cancelled() {
                break;
            }
            if self.intake.forget(digest, before).await? {
                tracing::debug!(component.digest = %digest, "an unused component was forgotten");
            }
        }
        Ok(())
    }
}

/// Wait, and say whether the host closed meanwhile.
async fn closed_within(time: Duration, closing: &CancellationToken) -> bool {
    tokio::time::timeout(time, closing.cancelled())
        .await
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_back_from_now_and_none_is_for_ever() {
        let now = Timestamp(100 * DAY_MS as i64);
        for (days, expect) in [
            (0, None),
            (1, Some(99 * DAY_MS as i64)),
            (30, Some(70 * DAY_MS as i64)),
            (u64::MAX, Some(now.0 - i64::MAX)),
        ] {
            let settings = RetentionSettings {
                days,
                ..RetentionSettings::default()
            };
            let before = settings.events_before(now).map(|before| before.0);
            assert_eq!(before, expect, "{days}");
        }
    }
}
