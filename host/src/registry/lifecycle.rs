//! The states of services and of hosted agents.
//!
//! Invariant: a state is told from facts, at the moment somebody asks: what the owner said, what the
//! service told of its health, and how many heartbeats it has missed. The worst of them counts. Nothing
//! here remembers a state that the facts no longer bear out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

use super::{Agent, AgentStatus};

/// Heartbeats expected in one time to live: with the default of 300 s, one a minute.
pub const BEATS_PER_TTL: u32 = 5;
/// Missed heartbeats that make a service degraded. One may be lost on the way; two are no accident.
pub const BEATS_MISSED_DEGRADED: u32 = 2;
/// Missed heartbeats that make a service unhealthy: the last warning before it is offline.
pub const BEATS_MISSED_UNHEALTHY: u32 = 4;
/// Share of the processor or the memory, in percent, from which a service is degraded.
pub const LOAD_DEGRADED_PERCENT: f64 = 90.0;
/// Share of the memory, in percent, from which a service is unhealthy: the next request may be its last.
pub const MEMORY_UNHEALTHY_PERCENT: f64 = 98.0;
/// Errors since the last heartbeat from which a service is degraded.
pub const ERRORS_DEGRADED: u32 = 10;
/// Errors since the last heartbeat from which a service is unhealthy.
pub const ERRORS_UNHEALTHY: u32 = 100;

/// What state a service is in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It works.
    Active,
    /// It works, badly, or has missed heartbeats.
    Degraded,
    /// It should not be used.
    Unhealthy,
    /// Its owner has taken it out of use; it still lives.
    Paused,
    /// It is gone, as far as anybody knows.
    Offline,
}

impl ServiceState {
    /// All of them, the best first.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Degraded,
        Self::Unhealthy,
        Self::Paused,
        Self::Offline,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Paused => "paused",
            Self::Offline => "offline",
        }
    }

    /// The states that an owner may put a service into that is in this one. None lead out of `offline`:
    /// only a sign of life does.
    pub const fn may_become(self) -> &'static [Self] {
        match self {
            Self::Active => &[Self::Degraded, Self::Unhealthy, Self::Paused, Self::Offline],
            Self::Degraded => &[Self::Active, Self::Unhealthy, Self::Paused, Self::Offline],
            Self::Unhealthy => &[Self::Active, Self::Degraded, Self::Paused, Self::Offline],
            Self::Paused => &[Self::Active, Self::Offline],
            Self::Offline => &[],
        }
    }

    /// Check that an owner may put a service from this state into `to`. To stay is always allowed.
    ///
    /// # Errors
    /// `Conflict` that says what is allowed.
    pub fn check_change(self, to: Self) -> Result<()> {
        if self == to || self.may_become().contains(&to) {
            return Ok(());
        }
        let allowed: Vec<&str> = self.may_become().iter().map(|s| s.as_str()).collect();
        let next = if allowed.is_empty() {
            "a heartbeat or registering it again brings it back".to_owned()
        } else {
            format!("from here it may become {}", allowed.join(", "))
        };
        Err(Error::conflict(
            "service state",
            format!("it is {self} and cannot be made {to}; {next}"),
        ))
    }
}

impl FromStr for ServiceState {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.as_str() == word)
            .ok_or_else(|| unknown_word("state", word, &Self::ALL.map(Self::as_str)))
    }
}

/// A word that is none of these.
pub(super) fn unknown_word(field: &'static str, word: &str, known: &[&str]) -> Error {
    let shown: String = word
        .chars()
        .take(40)
        .flat_map(char::escape_default)
        .collect();
    Error::invalid(
        field,
        format!("`{shown}` is not one of {}", known.join(", ")),
    )
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a service feels, in a word of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthWord {
    /// Well.
    #[serde(alias = "active", alias = "healthy")]
    Ok,
    /// Not so well.
    #[serde(alias = "warning")]
    Degraded,
    /// Not to be used.
    #[serde(alias = "critical")]
    Unhealthy,
}

/// What a service tells of its health with a heartbeat.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// How it feels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<HealthWord>,
    /// Share of the processor in use, 0 to 100.
    #[serde(alias = "cpu", skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Share of the memory in use, 0 to 100.
    #[serde(alias = "memory", skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<f64>,
    /// Open connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Errors since the last heartbeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<u32>,
    /// Seconds since it started.
    #[serde(alias = "uptime", skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
}

impl Health {
    /// Check it.
    ///
    /// # Errors
    /// `Invalid` for a share that is none.
    pub fn check(&self) -> Result<()> {
        let shares = [
            ("health.cpu_percent", self.cpu_percent),
            ("health.memory_percent", self.memory_percent),
        ];
        for (field, share) in shares {
            if let Some(share) = share.filter(|share| !(0.0..=100.0).contains(share)) {
                let reason = format!("{share} is not between 0 and 100");
                return Err(Error::invalid(field, reason));
            }
        }
        Ok(())
    }

    /// Whether it tells anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The state that this alone would mean.
    pub fn state(&self) -> ServiceState {
        let told = match self.status {
            None | Some(HealthWord::Ok) => ServiceState::Active,
            Some(HealthWord::Degraded) => ServiceState::Degraded,
            Some(HealthWord::Unhealthy) => ServiceState::Unhealthy,
        };
        let load = |share: Option<f64>, at: f64| share.is_some_and(|share| share >= at);
        let errors = self.errors.unwrap_or(0);
        let seen =
            if load(self.memory_percent, MEMORY_UNHEALTHY_PERCENT) || errors >= ERRORS_UNHEALTHY {
                ServiceState::Unhealthy
            } else if load(self.cpu_percent, LOAD_DEGRADED_PERCENT)
                || load(self.memory_percent, LOAD_DEGRADED_PERCENT)
                || errors >= ERRORS_DEGRADED
            {
                ServiceState::Degraded
            } else {
                ServiceState::Active
            };
        told.max(seen)
    }
}

/// How many heartbeats were missed `silent_ms` after the last one. The one that is due now is not missed
/// yet: it counts when the next is due too, but for the last, with which the time to live is over.
pub(super) fn missed_beats(silent_ms: u64, ttl_ms: u64) -> u32 {
    if ttl_ms == 0 {
        return 0;
    }
    let beats = silent_ms.saturating_mul(u64::from(BEATS_PER_TTL)) / ttl_ms;
    u32::try_from(beats).unwrap_or(u32::MAX)
}

/// The state that missed heartbeats alone would mean.
pub(super) fn state_by_beats(missed: u32) -> ServiceState {
    match missed {
        BEATS_PER_TTL.. => ServiceState::Offline,
        BEATS_MISSED_UNHEALTHY.. => ServiceState::Unhealthy,
        BEATS_MISSED_DEGRADED.. => ServiceState::Degraded,
        _ => ServiceState::Active,
    }
}

/// What state a hosted agent is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostedState {
    /// It waits for work.
    Loaded,
    /// A turn of it is running.
    Running,
    /// Its last attempt failed, or deliveries of it wait for their next one.
    Failing,
    /// Somebody paused it.
    Paused,
    /// It took the host down and waits for an operator.
    Quarantined,
}

impl HostedState {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Quarantined => "quarantined",
        }
    }

    /// The same in the words of services, for whoever looks over both.
    pub const fn as_service(self) -> ServiceState {
        match self {
            Self::Loaded | Self::Running => ServiceState::Active,
            Self::Failing => ServiceState::Degraded,
            Self::Paused => ServiceState::Paused,
            Self::Quarantined => ServiceState::Offline,
        }
    }
}

/// An agent that failed so often in a row that its events wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerState {
    /// Failures in a row.
    pub failures: u32,
    /// When one turn is tried; none: it is tried now.
    pub until: Option<Timestamp>,
}

/// What the host knows of an agent at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostedFacts {
    /// Turns of it that run now.
    pub running: usize,
    /// Whether the last attempt that ended on this host was a failure.
    pub last_failed: bool,
    /// Deliveries of it that failed and wait for their next attempt.
    pub retrying: u64,
}

/// The state of a hosted agent, told from what the host knows. What stops it comes first, then what is
/// wrong with it, then what it does: an agent that fails while another of its turns runs is failing.
pub fn hosted_state(agent: &Agent, facts: HostedFacts) -> HostedState {
    match &agent.status {
        AgentStatus::Quarantined { .. } => HostedState::Quarantined,
        AgentStatus::Paused => HostedState::Paused,
        AgentStatus::Active if facts.last_failed || facts.retrying > 0 => HostedState::Failing,
        AgentStatus::Active if facts.running > 0 => HostedState::Running,
        AgentStatus::Active => HostedState::Loaded,
    }
}

#[cfg(test)]
mod tests;
