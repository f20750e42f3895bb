//! The audit log of a tenant: who did or was refused what, in rows that name the one before them.
//!
//! The hash of a row is SHA-256 over the hash of the row before it (32 bytes; zeros before the first), the
//! row's number and its time in milliseconds (8 bytes each, big-endian), and the text of its record. So a
//! row cannot be changed, removed or put elsewhere without every later hash being another, and whoever
//! wrote a hash down can tell.
//!
//! Invariant: rows are added and, when they are old or too many, forgotten from the beginning; nothing else
//! happens to them. Records name keys and objects, never end users, payloads or secrets: what is erased of
//! somebody has no copy here.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::TenantScope;
use crate::clock::Timestamp;
use crate::error::Result;

/// Most rows of a tenant, after which the oldest are forgotten: some 400 MiB.
pub const AUDIT_ROWS_MAX: u64 = 1_000_000;
/// How long a row is kept in days, unless there are too many: a year and the time to look at it.
pub const AUDIT_DAYS: u64 = 400;
/// Most rows that are forgotten when one is added: what is forgotten never costs more than what is added.
pub const AUDIT_FORGOTTEN_MAX: u64 = 64;
/// Most refusals of a tenant that are written down in a minute. The rest is counted in the next row: a
/// client that hammers must not push out what the log is for.
pub const AUDIT_DENIALS_PER_MINUTE_MAX: u32 = 30;
/// Longest text of one member of a record in bytes; the rest is cut.
pub const AUDIT_TEXT_BYTES_MAX: usize = 256;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Who: `client/<key>`, `client/jwt-<issuer>`, `agent/<name>` or `operator`.
    pub who: String,
    /// What it showed: the id of the key, and the mark of the token if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// What was asked for: a method and a route, or a host function's grant.
    pub what: String,
    /// Of what: the path, or the turn.
    pub target: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The code of the refusal or failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was lacking, or why else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version of the policy that decided; none while a tenant has none.
    pub policy: Option<u64>,
    /// The component that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The request in the host's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Refusals before this one that were not written down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl AuditRecord {
    /// The same with every text cut to [`AUDIT_TEXT_BYTES_MAX`].
    #[must_use]
    pub fn cut(mut self) -> Self {
        let texts = [
            Some(&mut self.who),
            Some(&mut self.what),
            Some(&mut self.target),
        ];
        let others = [
            &mut self.with,
            &mut self.code,
            &mut self.reason,
            &mut self.component,
            &mut self.request,
        ];
        for text in texts
            .into_iter()
            .chain(others.map(Option::as_mut))
            .flatten()
        {
            let end = text.floor_char_boundary(AUDIT_TEXT_BYTES_MAX);
            text.truncate(end);
        }
        self
    }
}

/// What came of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was about to be done.
    Allowed,
    /// It was refused.
    Denied,
    /// It was allowed and did not work.
    Failed,
}

impl Outcome {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// The hash of a row, as hex digits where people see it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowHash(pub [u8; 32]);

impl RowHash {
    /// Before the first row.
    pub const BEGINNING: Self = Self([0; 32]);

    /// Of the row that follows `self`.
    #[must_use]
    pub fn next(self, seq: u64, at: Timestamp, record: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(seq.to_be_bytes());
        hasher.update(at.0.to_be_bytes());
        hasher.update(record.as_bytes());
        Self(hasher.finalize().into())
    }

    /// From hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        // blake3's is a hash of 32 bytes in hex like any other.
        let hash = blake3::Hash::from_hex(text).ok()?;
        Some(Self(*hash.as_bytes()))
    }
}

impl fmt::Display for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowHash({self})")
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number: 1, 2, 3, …
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The record as it was hashed.
    pub record: String,
    /// The hash of the row before.
    pub previous: RowHash,
    /// Its hash.
    pub hash: RowHash,
}

/// Where the log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEnds {
    /// The number of the last row that was forgotten; 0 if none was.
    pub forgotten: u64,
    /// Its hash.
    pub forgotten_hash: RowHash,
    /// The number of the last row; as `forgotten` if there is none.
    pub head: u64,
    /// Its hash.
    pub head_hash: RowHash,
}

/// What is wrong with a log, and at which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tampering {
    /// This row is not there.
    Missing(u64),
    /// This row says something else than when it was written.
    Changed(u64),
    /// This row does not follow the one before it.
    Unlinked(u64),
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(seq) => write!(f, "row {seq} is missing"),
            Self::Changed(seq) => write!(f, "row {seq} was changed: it does not have its hash"),
            Self::Unlinked(seq) => {
                write!(
                    f,
                    "row {seq} was replaced: it does not follow row {}",
                    seq.saturating_sub(1)
                )
            }
        }
    }
}

/// Checks rows one after the other.
#[derive(Debug, Clone, Copy)]
pub struct ChainCheck {
    seq: u64,
    hash: RowHash,
}

impl ChainCheck {
    /// Of the rows after what was forgotten.
    pub fn begin(ends: &AuditEnds) -> Self {
        Self {
            seq: ends.forgotten,
            hash: ends.forgotten_hash,
        }
    }

    /// Check the next row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn row(&mut self, row: &AuditRow) -> std::result::Result<(), Tampering> {
        let expect = self.seq + 1;
        if row.seq != expect {
            return Err(Tampering::Missing(expect));
        }
        if row.previous.next(row.seq, row.at, &row.record) != row.hash {
            return Err(Tampering::Changed(row.seq));
        }
        if row.previous != self.hash {
            return Err(Tampering::Unlinked(row.seq));
        }
        (self.seq, self.hash) = (row.seq, row.hash);
        Ok(())
    }

    /// Check that the log goes on to its head.
    ///
    /// # Errors
    /// The first row that is not there, or the head if it is another.
    pub fn end(&self, ends: &AuditEnds) -> std::result::Result<(), Tampering> {
        if self.seq < ends.head {
            return Err(Tampering::Missing(self.seq + 1));
        }
        if self.seq == ends.head && self.hash != ends.head_hash {
            return Err(Tampering::Changed(self.seq));
        }
        Ok(())
    }

    /// The last row that was checked, and its hash.
    pub fn last(&self) -> (u64, RowHash) {
        (self.seq, self.hash)
    }
}

/// The audit logs.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Add a row. Durable when it returns.
    async fn add(&self, scope: &TenantScope, record: AuditRecord, at: Timestamp) -> Result<()>;
    /// The rows after `after`, oldest first.
    async fn rows(&self, scope: &TenantScope, after: u64, limit: u32) -> Result<Vec<AuditRow>>;
    /// Where the log begins and ends.
    async fn ends(&self, scope: &TenantScope) -> Result<AuditEnds>;
}

mod log;
#[cfg(test)]
mod tests;

pub use log::AuditLog;
