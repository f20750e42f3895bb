//! Every limit of outgoing HTTP: its name, unit, default and the reason for that default.
//!
//! Invariant: what an operator sets here bounds what any tenant may grant.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::millis;
use crate::error::{Error, Result};
use crate::registry::HttpGrant;
use crate::turn::HTTP_RECORDS_MAX;

use super::address::AddressFilter;

/// Most hosts that an operator may list.
const HOSTS_MAX: usize = 256;

/// What requests to the outside may be, and where they may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressSettings {
    /// Hosts that agents may be granted at all, as in a grant without `http:` (`api.example.com`, `*.example.com:8443`).
    /// Empty: any that is public.
    pub hosts: Vec<String>,
    /// Networks that are not the public internet and may be dialled all the same, `10.1.0.0/16`, for the names in `hosts`,
    /// which must then say something.
    pub allow_private: Vec<String>,
    /// A PEM file of authorities that servers' certificates are trusted by beside the public ones. Empty: none.
    pub ca_file: PathBuf,

    /// Time to find a host's address and to open a connection to it, TLS included.
    #[serde(rename = "connect_ms", with = "millis")]
    pub connect: Duration,
    /// Time from the open connection to the head of the answer. A language model thinks for as long.
    #[serde(rename = "first_byte_ms", with = "millis")]
    pub first_byte: Duration,
    /// Time between two parts of an answer that the guest waits for.
    #[serde(rename = "between_bytes_ms", with = "millis")]
    pub between_bytes: Duration,
    /// Time of a request altogether. The turn's deadline ends it too.
    #[serde(rename = "total_ms", with = "millis")]
    pub total: Duration,

    /// Bytes of a request's head: path and headers. Servers rarely take more.
    pub request_head_bytes_max: u32,
    /// Bytes of a request's body: several of the largest payloads of events.
    pub request_body_bytes_max: u64,
    /// Bytes of an answer's head. The library takes no less than 8 KiB.
    pub response_head_bytes_max: u32,
    /// Bytes of an answer's body: four fit into a sandbox.
    pub response_body_bytes_max: u64,
    /// Headers of a request, and of an answer.
    pub headers_max: u32,

    /// Requests of a turn, tools that it calls and refused ones included: as many as it may publish events.
    pub turn_requests_max: u32,
    /// Open connections of a turn: what a browser opens to a host.
    pub turn_connections_max: u32,
    /// Open connections of a tenant: some five busy turns.
    pub tenant_connections_max: u32,
    /// Open connections of the host: a quarter of the files that a process may usually have open.
    pub connections_max: u32,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            allow_private: Vec::new(),
            ca_file: PathBuf::new(),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(10),
            total: Duration::from_mins(1),
            request_head_bytes_max: 32 << 10,
            request_body_bytes_max: 4 << 20,
            response_head_bytes_max: 32 << 10,
            response_body_bytes_max: 16 << 20,
            headers_max: 64,
            turn_requests_max: 64,
            turn_connections_max: 6,
            tenant_connections_max: 32,
            connections_max: 256,
        }
    }
}

impl EgressSettings {
    /// Check what can be wrong without a look at files.
    ///
    /// # Errors
    /// `Invalid` that names the setting.
    pub fn check(&self) -> Result<()> {
        AddressFilter::new(&self.allow_private)?;
        self.hosts()?;
        if !self.allow_private.is_empty() && self.hosts.is_empty() {
            let reason = "set without egress.hosts, it would open these networks to every name that a tenant grants itself: list \
                          there whom agents may ask";
            return Err(Error::invalid("egress.allow_private", reason));
        }
        let most = HTTP_RECORDS_MAX as u32;
        if self.turn_requests_max > most {
            let reason = format!(
                "{}; a turn keeps a record of {most} at most",
                self.turn_requests_max
            );
            return Err(Error::invalid("egress.turn_requests_max", reason));
        }
        Ok(())
    }

    pub(super) fn hosts(&self) -> Result<Vec<HttpGrant>> {
        if self.hosts.len() > HOSTS_MAX {
            let reason = format!("{} hosts; at most {HOSTS_MAX}", self.hosts.len());
            return Err(Error::invalid("egress.hosts", reason));
        }
        let read = |host: &String| {
            let grant = format!("http:{host}").parse::<HttpGrant>();
            grant.map_err(|error| Error::invalid("egress.hosts", error.to_string()))
        };
        self.hosts.iter().map(read).collect()
    }
}
