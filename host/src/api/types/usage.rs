//! What a tenant used, and what it may use.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::quota::Quota;
use crate::usage::{Figures, Period};

/// A quota of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaView {
    /// Its word: the name of the setting, and of the limit in problems.
    #[schema(value_type = String, example = "events_per_second")]
    pub name: Quota,
    /// What it counts.
    pub unit: String,
    /// How much there may be; no limit unless it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// How much there is now, where that is counted; of a rate it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
}

impl QuotaView {
    /// Of a quota with this value, 0 being no limit where it may be.
    pub fn new(quota: Quota, max: u64, used: Option<u64>) -> Self {
        let limited = max > 0 || !quota.may_be_unlimited();
        Self {
            name: quota,
            unit: quota.unit().to_owned(),
            max: limited.then_some(max),
            used,
        }
    }
}

/// What was used in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsagePeriodView {
    /// When it began: a UTC hour or day.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Turns that committed.
    pub turns: u64,
    /// Attempts at turns that failed.
    pub turns_failed: u64,
    /// CPU of both in milliseconds.
    pub cpu_ms: u64,
    /// Events that were published, from outside or by agents.
    pub events: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Writes to memory by agents.
    pub writes: u64,
}

impl From<Period> for UsagePeriodView {
    fn from(Period { start, figures }: Period) -> Self {
        let Figures {
            turns,
            turns_failed,
            cpu_us,
            events,
            payload_bytes,
            writes,
        } = figures;
        Self {
            start,
            turns,
            turns_failed,
            cpu_ms: cpu_us / 1_000,
            events,
            payload_bytes,
            writes,
        }
    }
}

/// What a tenant used and may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// Its quotas.
    pub quotas: Vec<QuotaView>,
    /// Why nothing of it runs, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// Periods in which anything was used, the newest first.
    pub items: Vec<UsagePeriodView>,
    /// Where the next page begins, if there may be one: give it back as `before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
