//! Listing semantic memory: what a scope sees, the latest first.
//!
//! Each domain that the scope sees is read by itself along its index, newest first, and the three are
//! merged: other users' rows are never looked at, however many there are.

use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::super::pages::PAGE_SCANNED_MAX;
use super::super::rows::{Sql as _, to_json};
use super::super::visibility::domains_seen;
use super::search::has_members;
use super::{COLUMNS, item};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Page;
use crate::id::Position;
use crate::identity::TenantScope;
use crate::memory::{KnowledgeFilter, KnowledgeItem, LIST_LIMIT_MAX, PageOf};

/// The column after [`COLUMNS`].
const NUMBER: usize = 21;

/// A row's number and what is in it.
type Numbered = (i64, KnowledgeItem);

/// One page.
pub(super) fn list(
    conn: &Connection,
    scope: &TenantScope,
    filter: &KnowledgeFilter,
    page: PageOf,
    now: Timestamp,
) -> Result<Page<KnowledgeItem>> {
    let limit = page.limit.clamp(1, LIST_LIMIT_MAX) as usize;
    let wanted = Wanted::of(filter, page, now)?;
    let mut items: Vec<Numbered> = Vec::new();
    // Above this place every domain was read.
    let mut floor = None;
    for domain in domains_seen(scope) {
        let (found, reached) = wanted
            .of_domain(conn, &domain, limit)
            .during("listing knowledge")?;
        items.extend(found);
        floor = floor.max(reached);
    }
    items.retain(|(n, _)| floor.is_none_or(|floor| *n >= floor));
    items.sort_unstable_by_key(|(n, _)| std::cmp::Reverse(*n));
    let mut next = floor;
    if items.len() > limit {
        items.truncate(limit);
        next = items.last().map(|(n, _)| *n);
    }
    Ok(Page {
        items: items.into_iter().map(|(_, item)| item).collect(),
        next: next.map(Position),
    })
}

/// A filter, ready for rows.
struct Wanted<'a> {
    filter: &'a KnowledgeFilter,
    tags: Option<String>,
    metadata: Option<Map<String, Value>>,
    before: i64,
    now: Timestamp,
}

impl<'a> Wanted<'a> {
    fn of(filter: &'a KnowledgeFilter, page: PageOf, now: Timestamp) -> Result<Self> {
        let tags = (!filter.tags.is_empty()).then(|| to_json(&filter.tags));
        let metadata = filter.metadata.as_ref().map(|json| json.read("metadata"));
        Ok(Self {
            filter,
            tags: tags.transpose()?,
            metadata: metadata.transpose()?,
            before: page.before.map_or(i64::MAX, |before| before.0),
            now,
        })
    }

    /// The newest rows of a domain, and the last number looked at if there may be more behind it.
    fn of_domain(
        &self,
        conn: &Connection,
        domain: &str,
        limit: usize,
    ) -> rusqlite::Result<(Vec<Numbered>, Option<i64>)> {
        let mut statement = conn.prepare_cached(&format!(
            "SELECT {COLUMNS}, k.n,
                 coalesce((k.expires_ms IS NULL OR k.expires_ms > ?3)
                 AND (?4 IS NULL OR k.source = ?4)
                 AND (?5 IS NULL OR k.updated_ms >= ?5) AND (?6 IS NULL OR k.updated_ms < ?6)
                 AND (?7 IS NULL OR NOT EXISTS (SELECT value FROM json_each(?7) EXCEPT SELECT value FROM json_each(k.tags)))
                 AND (?8 IS NULL OR ((k.valid_from_ms IS NULL OR k.valid_from_ms <= ?8)
                                     AND (k.valid_until_ms IS NULL OR k.valid_until_ms > ?8)))
                 AND CASE WHEN ?9 IS NULL THEN k.document IS NULL ELSE ?9 IN (k.id, k.document) END, 0)
             FROM knowledge k WHERE k.domain = ?1 AND k.n < ?2 ORDER BY k.n DESC"
        ))?;
        let mut rows = statement.query(params![
            domain,
            self.before,
            self.now.0,
            self.filter.source,
            self.filter.since.map(|at| at.0),
            self.filter.until.map(|at| at.0),
            self.tags,
            self.filter.as_of.map(|at| at.0),
            self.filter.document,
        ])?;
        let (mut found, mut scanned) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let n = row.get(NUMBER)?;
            scanned += 1;
            if row.get(NUMBER + 1)? && self.has_metadata(row.get_ref(3)?.as_str()?) {
                found.push((n, item(row)?));
            }
            if found.len() > limit || scanned >= PAGE_SCANNED_MAX {
                return Ok((found, Some(n)));
            }
        }
        Ok((found, None))
    }

    fn has_metadata(&self, text: &str) -> bool {
        self.metadata
            .as_ref()
            .is_none_or(|wanted| has_members(text, wanted))
    }
}
