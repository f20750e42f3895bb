//! How the catalogue of services is run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::millis;

use super::ServiceDefinition;

/// How long services live without a sign of life, and how long they are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrySettings {
    /// Time to live of a service that names none: five heartbeats of a minute.
    #[serde(rename = "ttl_ms", with = "millis")]
    pub ttl: Duration,
    /// How often states that time has changed are told to the feed. What is asked for is always told as
    /// it is at that moment.
    #[serde(rename = "sweep_ms", with = "millis")]
    pub sweep: Duration,
    /// How long a service stays in the catalogue after it went offline: a weekend, so that what was
    /// switched off on Friday is still known on Monday.
    #[serde(rename = "retention_ms", with = "millis")]
    pub retention: Duration,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_mins(5),
            sweep: Duration::from_mins(1),
            retention: Duration::from_hours(72),
        }
    }
}

impl RegistrySettings {
    /// The time to live of a service in milliseconds; 0: for ever.
    pub fn ttl_ms(&self, definition: &ServiceDefinition) -> u64 {
        match definition.ttl_s {
            Some(seconds) => u64::from(seconds) * 1_000,
            None => u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// How long an offline service is kept, in milliseconds.
    pub fn retention_ms(&self) -> u64 {
        u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX)
    }
}
