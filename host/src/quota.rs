//! What a tenant may use of the host, and how fast.
//!
//! Invariant: a quota is the tenant's, found by its id alone: another key, address or spelling of the same
//! tenant meets the same one. What is here is a copy in memory of what the control database says, replaced
//! by the change that is written there. Knows nothing of storage, queues or HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

mod allowance;
mod bucket;

pub use allowance::{Allowances, SUSPENDED_COMPONENTS_MAX, Standing};
pub use bucket::Bucket;

/// What an operator has set for one tenant; what is not named is as the host's settings say.
pub type Overrides = BTreeMap<Quota, u64>;

/// Largest value that a quota may be set to: far beyond any machine, and no sum of it overflows.
pub const QUOTA_VALUE_MAX: u64 = 1 << 50;

/// Something of which a tenant gets so much. Its word is the name of the setting, of the problem that tells
/// of it, and of what an operator sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// Turns that begin in a second; more wait.
    TurnsPerSecond,
    /// Turns that run at once; more wait.
    TenantTurnsRunningMax,
    /// Seconds of CPU that turns use in a UTC day; more wait for the next.
    CpuSecondsPerDay,
    /// Events that are published in a second, from outside or by agents; more are refused.
    EventsPerSecond,
    /// Bytes of their payloads; more are refused.
    PayloadBytesPerSecond,
    /// Bytes of the database; more are refused.
    TenantBytesMax,
    /// Entries of knowledge; more are refused.
    KnowledgeEntriesMax,
    /// Agents; more are refused.
    AgentsPerTenantMax,
    /// Open streams; more are refused.
    StreamsPerTenantMax,
    /// Uploads at once; more are refused.
    UploadsPerTenantMax,
    /// Bytes that requests to the outside send and receive in a UTC day; more are refused.
    EgressBytesPerDay,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TurnsPerSecond,
        Self::TenantTurnsRunningMax,
        Self::CpuSecondsPerDay,
        Self::EventsPerSecond,
        Self::PayloadBytesPerSecond,
        Self::TenantBytesMax,
        Self::KnowledgeEntriesMax,
        Self::AgentsPerTenantMax,
        Self::StreamsPerTenantMax,
        Self::UploadsPerTenantMax,
        Self::EgressBytesPerDay,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TurnsPerSecond => "turns_per_second",
            Self::TenantTurnsRunningMax => "tenant_turns_running_max",
            Self::CpuSecondsPerDay => "cpu_seconds_per_day",
            Self::EventsPerSecond => "events_per_second",
            Self::PayloadBytesPerSecond => "payload_bytes_per_second",
            Self::TenantBytesMax => "tenant_bytes_max",
            Self::KnowledgeEntriesMax => "knowledge_entries_max",
            Self::AgentsPerTenantMax => "agents_per_tenant_max",
            Self::StreamsPerTenantMax => "streams_per_tenant_max",
            Self::UploadsPerTenantMax => "uploads_per_tenant_max",
            Self::EgressBytesPerDay => "egress_bytes_per_day",
        }
    }

    /// What it counts.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::TurnsPerSecond => "turns a second",
            Self::TenantTurnsRunningMax => "turns at once",
            Self::CpuSecondsPerDay => "seconds a day",
            Self::EventsPerSecond => "events a second",
            Self::PayloadBytesPerSecond => "bytes a second",
            Self::TenantBytesMax => "bytes",
            Self::KnowledgeEntriesMax => "entries",
            Self::AgentsPerTenantMax => "agents",
            Self::StreamsPerTenantMax => "streams at once",
            Self::UploadsPerTenantMax => "uploads at once",
            Self::EgressBytesPerDay => "bytes a day",
        }
    }

    /// Whether 0 means no limit. Of the others 0 would be a tenant that can do nothing: suspend it instead.
    pub const fn may_be_unlimited(self) -> bool {
        matches!(
            self,
            Self::TurnsPerSecond
                | Self::CpuSecondsPerDay
                | Self::EventsPerSecond
                | Self::PayloadBytesPerSecond
                | Self::EgressBytesPerDay
        )
    }

    /// What a tenant gets unless it is set otherwise. Rates are not limited (0): shares by weight keep
    /// neighbours apart without wasting what nobody else uses, so that a rate is what somebody sells.
    /// The others are the defaults of the settings of the same name, where their reasons are told.
    const fn default_max(self) -> u64 {
        match self {
            Self::TurnsPerSecond
            | Self::CpuSecondsPerDay
            | Self::EventsPerSecond
            | Self::PayloadBytesPerSecond
            | Self::EgressBytesPerDay => 0,
            Self::TenantTurnsRunningMax => 64,
            Self::TenantBytesMax => 16 * 1024 * 1024 * 1024,
            // The host's own bounds, which whoever assembles it tells: see `host::quotas`.
            Self::KnowledgeEntriesMax | Self::AgentsPerTenantMax => QUOTA_VALUE_MAX,
            Self::StreamsPerTenantMax => 2_048,
            Self::UploadsPerTenantMax => 4,
        }
    }

    /// Whether the host bounds it for every tenant, so that a tenant may be given less and not more.
    pub const fn is_bounded(self) -> bool {
        matches!(self, Self::KnowledgeEntriesMax | Self::AgentsPerTenantMax)
    }

    /// Check a value for it where the host's own is `default`.
    ///
    /// # Errors
    /// `Invalid` that says what it may be.
    pub fn check(self, value: u64, default: u64) -> Result<()> {
        let least = u64::from(!self.may_be_unlimited());
        let most = if self.is_bounded() {
            default
        } else {
            QUOTA_VALUE_MAX
        };
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let zero = if least == 0 { "; 0 is no limit" } else { "" };
        Err(Error::invalid(
            self.as_str(),
            format!("{value} is not between {least} and {most}{zero}"),
        ))
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Quota {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|quota| quota.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            let shown = text.escape_default();
            Error::invalid("quota", format!("`{shown}` is none; there are {names}"))
        })
    }
}

/// A value for each quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas([u64; Quota::ALL.len()]);

impl Default for Quotas {
    fn default() -> Self {
        Self(Quota::ALL.map(Quota::default_max))
    }
}

impl Quotas {
    /// How much of it.
    pub fn get(&self, quota: Quota) -> u64 {
        self.0.get(quota as usize).copied().unwrap_or(0)
    }

    /// The same but for this one.
    #[must_use]
    pub fn with(mut self, quota: Quota, value: u64) -> Self {
        if let Some(slot) = self.0.get_mut(quota as usize) {
            *slot = value;
        }
        self
    }

    /// The same but for what was set.
    #[must_use]
    pub fn overridden(self, overrides: &Overrides) -> Self {
        overrides
            .iter()
            .fold(self, |quotas, (quota, value)| quotas.with(*quota, *value))
    }
}

/// What each tenant may use unless an operator sets it otherwise. Limits that are there without an operator
/// are settings elsewhere, under the same names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// Turns of one tenant that begin in a second; 0 is no limit.
    pub turns_per_second: u64,
    /// Seconds of CPU that turns of one tenant use in a UTC day; 0 is no limit.
    pub cpu_seconds_per_day: u64,
    /// Events of one tenant that are published in a second; 0 is no limit.
    pub events_per_second: u64,
    /// Bytes of their payloads; 0 is no limit.
    pub payload_bytes_per_second: u64,
    /// Bytes that requests of one tenant to the outside send and receive in a UTC day, counted since the host started; 0
    /// is no limit.
    pub egress_bytes_per_day: u64,
}

impl QuotaSettings {
    /// The quotas of a host with these settings and everything else at its default.
    pub fn quotas(&self) -> Quotas {
        Quotas::default()
            .with(Quota::TurnsPerSecond, self.turns_per_second)
            .with(Quota::CpuSecondsPerDay, self.cpu_seconds_per_day)
            .with(Quota::EventsPerSecond, self.events_per_second)
            .with(Quota::PayloadBytesPerSecond, self.payload_bytes_per_second)
            .with(Quota::EgressBytesPerDay, self.egress_bytes_per_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_places_are_their_own() {
        for (place, quota) in Quota::ALL.into_iter().enumerate() {
            assert_eq!(quota as usize, place);
            assert_eq!(quota.as_str().parse::<Quota>().unwrap(), quota);
            let json = serde_json::to_string(&quota).unwrap();
            assert_eq!(json, format!("\"{quota}\""));
            assert_eq!(Quotas::default().with(quota, 7).get(quota), 7);
        }
        assert!("turns".parse::<Quota>().is_err());
    }

    #[test]
    fn values_hold_at_their_limits_and_not_past_them() {
        for (quota, value, good) in [
            (Quota::EventsPerSecond, 0, true),
            (Quota::EventsPerSecond, QUOTA_VALUE_MAX, true),
            (Quota::EventsPerSecond, QUOTA_VALUE_MAX + 1, false),
            (Quota::TenantBytesMax, 0, false),
            (Quota::TenantBytesMax, 1, true),
            (Quota::AgentsPerTenantMax, 1_000, true),
            (Quota::AgentsPerTenantMax, 1_001, false),
        ] {
            let checked = quota.check(value, 1_000);
            assert_eq!(checked.is_ok(), good, "{quota} {value}");
        }
    }

    #[test]
    fn what_is_set_for_a_tenant_wins() {
        let settings = QuotaSettings {
            events_per_second: 5,
            ..QuotaSettings::default()
        };
        let set = Overrides::from([(Quota::EventsPerSecond, 9)]);
        let quotas = settings.quotas();
        assert_eq!(quotas.get(Quota::EventsPerSecond), 5);
        let quotas = quotas.overridden(&set);
        assert_eq!(quotas.get(Quota::EventsPerSecond), 9);
        assert_eq!(quotas.get(Quota::UploadsPerTenantMax), 4);
    }
}
