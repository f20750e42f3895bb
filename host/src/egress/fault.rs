//! Why a request to the outside was refused, or failed.
//!
//! Invariant: the kind is what the guest is told, the text what its tenant reads in the log of the turn. Neither names an
//! address, a file or a setting's value of the host that the tenant could not know.

use std::fmt;

/// What went wrong, in the terms of `wasi:http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It may not be sent.
    Denied,
    /// Its address makes no sense.
    Uri,
    /// Its method is not sent.
    Method,
    /// Something of its head or body breaks the protocol.
    Protocol,
    /// Its head is larger than so many bytes.
    RequestHead(u32),
    /// Its body is larger than so many bytes.
    RequestBody(u64),
    /// Too many requests or connections.
    TooMany,
    /// There is no such host.
    NoHost,
    /// The name was not resolved in time.
    DnsTimeout,
    /// None of its addresses may be dialled.
    NotPublic,
    /// Nobody could be reached.
    Unreachable,
    /// Whoever is there refused.
    Refused,
    /// The connection did not open in time.
    ConnectTimeout,
    /// The connection broke.
    Broken,
    /// The certificate is not trusted for this host.
    Certificate,
    /// TLS failed otherwise.
    Tls,
    /// No byte came in time.
    ReadTimeout,
    /// The answer was not all there in time.
    Timeout,
    /// The answer's head is larger than so many bytes.
    ResponseHead(u32),
    /// The answer's body is larger than so many bytes.
    ResponseBody(u64),
    /// The answer ended before its end.
    Incomplete,
    /// The host is at fault.
    Internal,
}

/// Why a request was not sent or not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For the guest.
    pub kind: FaultKind,
    /// For people.
    pub text: String,
}

impl Fault {
    /// Of this kind, for this reason.
    pub fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// What passed a limit.
    pub fn limit(kind: FaultKind, limit: &str, max: u64, unit: &str) -> Self {
        Self::new(kind, format!("egress.{limit} is {max} {unit}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}
