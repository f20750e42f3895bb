//! The audit log as clients see it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::identity::{AUDIT_DAYS, AUDIT_ROWS_MAX, AuditEnds, AuditRow, RowHash};

/// A row of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRowView {
    /// Its number: 1, 2, 3, …
    pub seq: u64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The same in milliseconds since 1970, as it is hashed.
    pub at_ms: i64,
    /// Who, what, and what came of it: hashed as the bytes that stand here.
    #[schema(value_type = Object)]
    pub record: Box<RawValue>,
    /// The hash of the row before, in hex digits.
    pub previous: String,
    /// Its hash.
    pub hash: String,
}

impl From<AuditRow> for AuditRowView {
    fn from(row: AuditRow) -> Self {
        // A record that somebody spoilt in the database is shown as a text, and does not have its hash.
        let record =
            RawValue::from_string(row.record).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            seq: row.seq,
            at: row.at,
            at_ms: row.at.0,
            record,
            previous: row.previous.to_string(),
            hash: row.hash.to_string(),
        }
    }
}

impl AuditRowView {
    /// The row as it was hashed; none if its hashes are none.
    pub fn row(&self) -> Option<AuditRow> {
        Some(AuditRow {
            seq: self.seq,
            at: Timestamp(self.at_ms),
            record: self.record.get().to_owned(),
            previous: RowHash::parse(&self.previous)?,
            hash: RowHash::parse(&self.hash)?,
        })
    }
}

/// Where the audit log begins and ends.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEndsView {
    /// The number of the last row that was forgotten; 0 if none was.
    pub forgotten: u64,
    /// Its hash, in hex digits.
    pub forgotten_hash: String,
    /// The number of the last row.
    pub head: u64,
    /// Its hash.
    pub head_hash: String,
    /// Most rows that are kept.
    pub rows_max: u64,
    /// Days that a row is kept.
    pub days: u64,
}

impl From<AuditEnds> for AuditEndsView {
    fn from(ends: AuditEnds) -> Self {
        Self {
            forgotten: ends.forgotten,
            forgotten_hash: ends.forgotten_hash.to_string(),
            head: ends.head,
            head_hash: ends.head_hash.to_string(),
            rows_max: AUDIT_ROWS_MAX,
            days: AUDIT_DAYS,
        }
    }
}

impl AuditEndsView {
    /// The ends as they are checked; none if the hashes are none.
    pub fn ends(&self) -> Option<AuditEnds> {
        Some(AuditEnds {
            forgotten: self.forgotten,
            forgotten_hash: RowHash::parse(&self.forgotten_hash)?,
            head: self.head,
            head_hash: RowHash::parse(&self.head_hash)?,
        })
    }
}
