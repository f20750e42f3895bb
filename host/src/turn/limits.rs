//! What one turn may do. Each limit has a name, a unit and the reason for its default.

use serde::{Deserialize, Serialize};

/// Limits of one turn, nested calls included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnLimits {
    /// Events that a turn may publish. Bounds the fan-out of a chain: 64 is more than any honest
    /// hand-off and small enough that sixteen hops cannot bury the queue unnoticed.
    pub events_max: usize,
    /// Writes that a turn may stage. A commit of a thousand rows takes about 5 ms of the writer.
    pub writes_max: usize,
    /// Bytes that staged events and writes may hold together: what the commit has to carry.
    pub output_bytes_max: usize,
    /// Calls of host functions that a turn may make, WASI's included. At 1 µs each this is 10 ms of host
    /// time.
    pub host_calls_max: u32,
    /// Bytes that a turn may pass into host functions, all calls together.
    pub host_bytes_max: usize,
    /// Bytes that a turn may read from memory, all calls together: what the host keeps for the check
    /// at commit.
    pub read_bytes_max: usize,
    /// How deep `events.call` nests.
    pub depth_max: u32,
    /// How many turns may lie between an event and the one from outside that it descends from.
    /// AWS Lambda stops recursion at about the same number.
    pub hops_max: u32,
    /// Bytes of one line of the agent's log.
    pub log_line_bytes_max: usize,
    /// Bytes of the agent's log of one turn.
    pub log_bytes_max: usize,
    /// How far ahead an event may be scheduled, in milliseconds.
    pub schedule_ahead_ms_max: u64,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            events_max: 64,
            writes_max: 1_000,
            output_bytes_max: 1024 * 1024,
            host_calls_max: 10_000,
            host_bytes_max: 16 * 1024 * 1024,
            read_bytes_max: 16 * 1024 * 1024,
            depth_max: 4,
            hops_max: 16,
            log_line_bytes_max: 8 * 1024,
            log_bytes_max: 64 * 1024,
            schedule_ahead_ms_max: 366 * 24 * 60 * 60 * 1_000,
        }
    }
}
