//! What the dispatcher may hold and run. Each limit has a name, a unit and the reason for its default.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::millis;

/// Limits of the dispatcher of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DispatchLimits {
    /// Turns that run at once on this host. A turn that waits for the outside holds a sandbox but no
    /// core; 128 sandboxes are 6 MiB of resident memory when idle.
    pub turns_running_max: usize,
    /// Turns of one tenant that run at once: half of the host's, so that two tenants always fit.
    pub tenant_turns_running_max: usize,
    /// Deliveries of one agent that are in memory. Two refills of it keep a worker busy for the time of
    /// one read of the store.
    pub agent_window_events: usize,
    /// Bytes of deliveries of one tenant that are in memory.
    pub tenant_window_bytes: usize,
    /// Deliveries read from the store at once.
    pub load_batch: u32,
    /// Times that a turn is run again because something it read had changed, before it counts as failed.
    pub reruns_max: u32,
    /// The first retry comes after about this long; each next one after twice as long.
    #[serde(rename = "retry_first_ms", with = "millis")]
    pub retry_first: Duration,
    /// No retry waits longer than this, whatever the guest asks for.
    #[serde(rename = "retry_longest_ms", with = "millis")]
    pub retry_longest: Duration,
    /// Deaths of the host with which a delivery that ran alone is given up and its agent quarantined.
    pub host_deaths_max: u32,
    /// Order keys of one agent of which something waits, in memory or for a retry in the store. An agent
    /// with so many is given nothing new until some are done: what does not come in cannot come out of
    /// order. Some 250 bytes each, so 2.5 MB of memory.
    pub agent_lanes_max: usize,
    /// Failed attempts in a row with which an agent waits for a while; 0 is never. Four events that use up
    /// their five attempts, or twenty that fail once: more than one bad event, and few enough that an outage of
    /// what an agent needs costs hardly a dead letter. An event that is rejected, or
    /// wanted again at a time that the agent names, is no failure of it.
    pub breaker_failures: u32,
    /// How long ago the first of them may be: failures that are spread over more are no outage.
    #[serde(rename = "breaker_window_ms", with = "millis")]
    pub breaker_window: Duration,
    /// How long it waits before one turn is tried; twice as long after each that fails, up to
    /// `retry_longest_ms`. Long enough for a restart of what it needs.
    #[serde(rename = "breaker_cool_down_ms", with = "millis")]
    pub breaker_cool_down: Duration,
    /// How long a shutdown waits for running turns.
    #[serde(rename = "drain_ms", with = "millis")]
    pub drain: Duration,
}

impl Default for DispatchLimits {
    fn default() -> Self {
        Self {
            turns_running_max: 128,
            tenant_turns_running_max: 64,
            agent_window_events: 512,
            tenant_window_bytes: 8 * 1024 * 1024,
            load_batch: 256,
            reruns_max: 64,
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_mins(5),
            host_deaths_max: 2,
            agent_lanes_max: 10_000,
            breaker_failures: 20,
            breaker_window: Duration::from_mins(1),
            breaker_cool_down: Duration::from_secs(30),
            drain: Duration::from_secs(20),
        }
    }
}
