//! What a search may find: the filters, as SQL and as what the index in memory asks for.
//!
//! Invariant: the two say the same, so that it does not matter which of them was asked.

use rusqlite::{Row, ToSql};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::identity::TenantScope;
use crate::memory::KnowledgeQuery;
use crate::store::sqlite::rows::to_json;
use crate::store::sqlite::vector_index::{Facet, Seen};
use crate::store::sqlite::visibility::domains_seen;

/// Rows that a search may find. Parameters 1 to 9 are [`Allowed::params`].
pub(super) const ALLOWED: &str = "k.domain IN (?1, ?2, ?3) AND (k.expires_ms IS NULL OR k.expires_ms > ?4)
     AND (?5 IS NULL OR k.source = ?5)
     AND (?6 IS NULL OR k.updated_ms >= ?6) AND (?7 IS NULL OR k.updated_ms < ?7)
     AND (?8 IS NULL OR NOT EXISTS (SELECT value FROM json_each(?8) EXCEPT SELECT value FROM json_each(k.tags)))
     AND (k.valid_from_ms IS NULL OR k.valid_from_ms <= ?9)
     AND (k.valid_until_ms IS NULL OR k.valid_until_ms > ?9)";

/// What a scope and a query let through.
pub(super) struct Allowed {
    pub(super) domains: [String; 3],
    now_ms: i64,
    source: Option<String>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    tags: Option<String>,
    as_of_ms: i64,
    metadata: Option<serde_json::Map<String, Value>>,
}

impl Allowed {
    pub(super) fn of(scope: &TenantScope, query: &KnowledgeQuery, now: Timestamp) -> Result<Self> {
        let tags = (!query.tags.is_empty()).then(|| to_json(&query.tags));
        let metadata = query
            .metadata
            .as_ref()
            .map(|wanted| wanted.read("metadata"));
        Ok(Self {
            domains: domains_seen(scope),
            now_ms: now.0,
            source: query.source.clone(),
            since_ms: query.since.map(|at| at.0),
            until_ms: query.until.map(|at| at.0),
            tags: tags.transpose()?,
            as_of_ms: query.as_of.unwrap_or(now).0,
            metadata: metadata.transpose()?,
        })
    }

    /// The parameters of [`ALLOWED`], and one more.
    pub(super) fn params<'a>(&'a self, tenth: &'a dyn ToSql) -> [&'a dyn ToSql; 10] {
        let [private, customer, tenant] = &self.domains;
        [
            private,
            customer,
            tenant,
            &self.now_ms,
            &self.source,
            &self.since_ms,
            &self.until_ms,
            &self.tags,
            &self.as_of_ms,
            tenth,
        ]
    }

    /// The same for the index in memory.
    pub(super) fn seen<'a>(&'a self, query: &'a KnowledgeQuery) -> Seen<'a> {
        let members = self.metadata.iter().flatten();
        let tags = query.tags.iter().map(|tag| Facet::Tag(tag));
        let source = query.source.iter().map(|source| Facet::Source(source));
        Seen {
            domains: &self.domains,
            now: Timestamp(self.now_ms),
            as_of: Timestamp(self.as_of_ms),
            since: query.since,
            until: query.until,
            facets: members
                .map(|(name, value)| Facet::Member(name, value))
                .chain(tags)
                .chain(source)
                .collect(),
        }
    }

    /// Whether the metadata in a column has all members that are wanted.
    pub(super) fn has_metadata(&self, row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
        match &self.metadata {
            None => Ok(true),
            Some(wanted) => Ok(has_members(row.get_ref(column)?.as_str()?, wanted)),
        }
    }
}

/// Whether a JSON object has all these members.
pub(in super::super) fn has_members(object: &str, wanted: &serde_json::Map<String, Value>) -> bool {
    let Ok(found) = serde_json::from_str::<serde_json::Map<String, Value>>(object) else {
        return false;
    };
    wanted
        .iter()
        .all(|(name, value)| found.get(name).is_some_and(|found| same(found, value)))
}

/// Whether two JSON values are equal, numbers by value: 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
