//! What tenants used: counted by the commit that caused it, kept by UTC hour, told as events.
//!
//! Invariant: what is counted is what was committed. A turn that was undone, an event that was refused and a
//! death of the host leave the figures as they are; a commit that was answered is in them. What the host
//! itself publishes is nobody's use. Knows nothing of SQL or HTTP.

use async_trait::async_trait;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::{Json, NewEvent, Topic};
use crate::id::EventType;
use crate::identity::TenantScope;
use crate::quota::Quota;

/// How long usage is kept, in hours: a year to compare with, and a month to send a bill in. At most as many
/// rows of some fifty bytes a tenant.
pub const USAGE_HOURS_KEPT: i64 = 400 * HOURS_PER_DAY;
/// Shares of a quota, in percent, at which the tenant is told: time to act, and that it is reached.
pub const TOLD_PERCENT: [u8; 2] = [80, 100];
/// Days that one transaction tells of at most: a month that nobody was told of.
pub const DAYS_TOLD_MAX: u32 = 31;
const HOURS_PER_DAY: i64 = 24;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Event type of the figures of a day that is over.
pub const DAY_ENDED: &str = "usage.day-ended";
/// Event type of a quota that is nearly or all used.
pub const QUOTA_REACHED: &str = "quota.reached";

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Turns that committed.
    pub turns: u64,
    /// Attempts at turns that failed.
    pub turns_failed: u64,
    /// CPU of both, in microseconds.
    pub cpu_us: u64,
    /// Events that were published, from outside or by turns.
    pub events: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Writes to memory by turns.
    pub writes: u64,
}

impl Figures {
    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// A UTC hour.
    Hour,
    /// A UTC day.
    Day,
}

/// What was used in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// When it began.
    pub start: Timestamp,
    /// What was used.
    pub figures: Figures,
}

/// What a tenant holds at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes of its database that are in use.
    pub bytes: u64,
    /// Entries of knowledge.
    pub knowledge_entries: u64,
}

/// The UTC hour of an instant, counted from 1970.
pub fn hour_of(time: Timestamp) -> i64 {
    time.0.div_euclid(HOUR_MS)
}

/// The UTC day of an instant, counted from 1970.
pub fn day_of(time: Timestamp) -> i64 {
    hour_of(time).div_euclid(HOURS_PER_DAY)
}

/// When an hour begins.
pub fn hour_begins(hour: i64) -> Timestamp {
    Timestamp(hour.saturating_mul(HOUR_MS))
}

/// The first hour of a day.
pub fn first_hour(day: i64) -> i64 {
    day.saturating_mul(HOURS_PER_DAY)
}

/// When a day begins.
pub fn day_begins(day: i64) -> Timestamp {
    hour_begins(first_hour(day))
}

/// The highest share of [`TOLD_PERCENT`] that `used` of `max` reaches; 0 for none, or without a limit.
pub fn reached(used: u64, max: u64) -> u8 {
    let (used, max) = (u128::from(used), u128::from(max));
    let passed = |percent: &u8| max > 0 && used * 100 >= max * u128::from(*percent);
    TOLD_PERCENT.into_iter().rfind(passed).unwrap_or(0)
}

/// Tells a tenant what it used on a day that is over.
///
/// # Errors
/// `Internal` if it cannot be written, which would be a defect.
pub fn day_ended(day: i64, figures: &Figures, now: Timestamp) -> Result<NewEvent> {
    #[derive(Serialize)]
    struct Told {
        start: Timestamp,
        end: Timestamp,
        turns: u64,
        turns_failed: u64,
        cpu_ms: u64,
        events: u64,
        payload_bytes: u64,
        writes: u64,
    }
    let told = Told {
        start: day_begins(day),
        end: day_begins(day + 1),
        turns: figures.turns,
        turns_failed: figures.turns_failed,
        cpu_ms: figures.cpu_us / 1_000,
        events: figures.events,
        payload_bytes: figures.payload_bytes,
        writes: figures.writes,
    };
    billing(DAY_ENDED, Json::from_value("data", &told)?, now)
}

/// Tells a tenant that it has used so much of a quota.
///
/// # Errors
/// `Internal` if it cannot be written, which would be a defect.
pub fn quota_reached(
    quota: Quota,
    (percent, used, max): (u8, u64, u64),
    now: Timestamp,
) -> Result<NewEvent> {
    #[derive(Serialize)]
    struct Told {
        quota: Quota,
        unit: &'static str,
        max: u64,
        used: u64,
        percent: u8,
    }
    let told = Told {
        quota,
        unit: quota.unit(),
        max,
        used,
        percent,
    };
    billing(QUOTA_REACHED, Json::from_value("data", &told)?, now)
}

fn billing(event_type: &str, data: Json, now: Timestamp) -> Result<NewEvent> {
    Ok(NewEvent {
        topic: Topic::BillingEvents,
        ..NewEvent::of_host(EventType::new(event_type)?, data, now)
    })
}

/// Usage of tenants.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Periods in which anything was used, the newest first, those that began before `before`.
    async fn usage(
        &self,
        scope: &TenantScope,
        span: Span,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Period>>;
    /// What is held now.
    async fn held(&self, scope: &TenantScope) -> Result<Held>;
    /// Publish the figures of days that are over and were not told yet, each once; says how many.
    /// At most [`DAYS_TOLD_MAX`] at a time.
    async fn tell_days(&self, scope: &TenantScope, now: Timestamp) -> Result<u32>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_those_of_utc() {
        let at = |text| Timestamp::parse("at", text).unwrap();
        let time = at("2026-11-21T23:59:59.999Z");
        assert_eq!(hour_begins(hour_of(time)), at("2026-11-21T23:00:00Z"));
        assert_eq!(day_begins(day_of(time)), at("2026-11-21T00:00:00Z"));
        let next = time.plus_ms(1);
        assert_eq!(
            (day_of(next), hour_of(next)),
            (day_of(time) + 1, hour_of(time) + 1)
        );
        assert_eq!(hour_of(next), first_hour(day_of(next)));
    }

    #[test]
    fn shares_are_reached_at_and_not_before() {
        for (used, max, percent) in [
            (79, 100, 0),
            (80, 100, 80),
            (99, 100, 80),
            (100, 100, 100),
            (101, 100, 100),
            (u64::MAX, u64::MAX, 100),
            (5, 0, 0),
        ] {
            assert_eq!(reached(used, max), percent, "{used} of {max}");
        }
    }
}
