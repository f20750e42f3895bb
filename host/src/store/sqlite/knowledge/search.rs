//! Searching semantic memory: by words (BM25), by vectors (exact cosine), or both with ranks fused.
//!
//! Both ways read the same rows: those in a domain that the scope sees, not expired, past the filters.
//! So what a user cannot see takes no place in a list and never crowds out what he can. One thing of
//! other users is felt: how rare a word is, BM25 counts over the whole tenant.
//!
//! Scores are 0 to 1 and mean, by mode: *vector*, the cosine; *keyword*, BM25 as a share of the best
//! hit's; *hybrid*, the fused ranks as a share of what an entry that is first in both lists gets (first in
//! one list alone is 0.5). A hit's score does not depend on the page it is on.

use std::collections::HashMap;

use rusqlite::{Connection, Row, ToSql};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::identity::TenantScope;
use crate::memory::embed::Embedding;
use crate::memory::{
    Found, Hit, KnowledgeItem, KnowledgeQuery, SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX, SearchMode,
    Shortfall,
};

use super::super::embedding::{self, Question};
use super::super::rows::{Sql as _, to_json};
use super::super::visibility::domains_seen;
use super::super::words;
use super::COLUMNS;

/// How deep each list is fused: all that any page can show, so that pages never contradict one another.
const DEPTH: usize = (SEARCH_OFFSET_MAX + SEARCH_LIMIT_MAX) as usize;
/// The constant of reciprocal rank fusion, as in the paper that proposed it (Cormack 2009).
const FUSION_K: f64 = 60.0;
/// Cosines up to here are the embedder's collisions: of pairs of unrelated texts, 19 in 20 stay under
/// 0.125 (measured over random words).
const NOISE_COSINE: f32 = 0.1;

/// Rows that a search may find. Parameters 1 to 9 are [`Allowed::params`].
const ALLOWED: &str = "k.domain IN (?1, ?2, ?3) AND (k.expires_ms IS NULL OR k.expires_ms > ?4)
     AND (?5 IS NULL OR k.source = ?5)
     AND (?6 IS NULL OR k.updated_ms >= ?6) AND (?7 IS NULL OR k.updated_ms < ?7)
     AND (?8 IS NULL OR NOT EXISTS (SELECT value FROM json_each(?8) EXCEPT SELECT value FROM json_each(k.tags)))
     AND (k.valid_from_ms IS NULL OR k.valid_from_ms <= ?9)
     AND (k.valid_until_ms IS NULL OR k.valid_until_ms > ?9)";

/// A row's number and how good it is, the best first.
type Ranked = Vec<(i64, f64)>;

/// The best hits first.
pub(super) fn search(
    conn: &Connection,
    scope: &TenantScope,
    query: &KnowledgeQuery,
    question: Question,
    now: Timestamp,
) -> Result<Found> {
    let allowed = Allowed::of(scope, query, now)?;
    let by_words = || by_words(conn, &allowed, &query.text).during("searching knowledge by words");
    let by_vector = |vector: &Embedding| {
        by_vector(conn, &allowed, &question.embedder, vector)
            .during("searching knowledge by vector")
    };
    let mut shortfall = None;
    let ranked = match (query.mode, question.vector) {
        (SearchMode::Keyword, _) => shares_of_best(by_words()?),
        (SearchMode::Vector, vector) => by_vector(&vector?)?,
        (SearchMode::Hybrid, Ok(vector)) => fused(&[by_words()?, by_vector(&vector)?]),
        (SearchMode::Hybrid, Err(error)) => {
            shortfall = Some(Shortfall::WordsOnly(error.to_string()));
            fused(&[by_words()?, Vec::new()])
        }
    };
    if shortfall.is_none() && query.mode != SearchMode::Keyword {
        let behind = embedding::is_behind(conn).during("looking for missing vectors")?;
        shortfall = behind.then_some(Shortfall::NotAllEmbedded);
    }
    let least = query.min_score.unwrap_or(0.0);
    let hits: Result<Vec<Hit>> = ranked
        .into_iter()
        .filter(|(_, score)| *score >= least)
        .skip(query.offset as usize)
        .take(query.limit as usize)
        .filter_map(|(n, score)| {
            let item = load(conn, n).transpose()?;
            Some(item.map(|item| Hit { item, score }))
        })
        .collect();
    Ok(Found {
        hits: hits?,
        shortfall,
    })
}

/// What a scope and a query let through.
struct Allowed {
    domains: [String; 3],
    now_ms: i64,
    source: Option<String>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    tags: Option<String>,
    as_of_ms: i64,
    metadata: Option<serde_json::Map<String, Value>>,
}

impl Allowed {
    fn of(scope: &TenantScope, query: &KnowledgeQuery, now: Timestamp) -> Result<Self> {
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
    fn params<'a>(&'a self, tenth: &'a dyn ToSql) -> [&'a dyn ToSql; 10] {
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

    /// Whether the metadata in a column has all members that are wanted.
    fn has_metadata(&self, row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
        match &self.metadata {
            None => Ok(true),
            Some(wanted) => Ok(has_members(row.get_ref(column)?.as_str()?, wanted)),
        }
    }
}

/// Whether a JSON object has all these members.
pub(super) fn has_members(object: &str, wanted: &serde_json::Map<String, Value>) -> bool {
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

fn by_words(conn: &Connection, allowed: &Allowed, text: &str) -> rusqlite::Result<Ranked> {
    let Some(expression) = words::any_of_within(&allowed.domains, text) else {
        return Ok(Vec::new());
    };
    let mut statement = conn.prepare_cached(&words_sql())?;
    let mut rows = statement.query(&allowed.params(&expression)[..])?;
    let mut found = Vec::new();
    while found.len() < DEPTH
        && let Some(row) = rows.next()?
    {
        if allowed.has_metadata(row, 2)? {
            found.push((row.get(0)?, row.get(1)?));
        }
    }
    Ok(found)
}

/// Words first, as CROSS JOIN says: left to itself SQLite asks for the words anew for each row of the
/// domain, which takes minutes where this takes milliseconds.
pub(super) fn words_sql() -> String {
    format!(
        "SELECT k.n, -bm25(knowledge_words, 0.0, 1.0, 1.0), k.metadata
         FROM knowledge_words CROSS JOIN knowledge k ON k.n = knowledge_words.rowid
         WHERE knowledge_words MATCH ?10 AND {ALLOWED} ORDER BY 2 DESC, 1"
    )
}

fn by_vector(
    conn: &Connection,
    allowed: &Allowed,
    embedder: &str,
    wanted: &Embedding,
) -> rusqlite::Result<Ranked> {
    let sql = format!(
        "SELECT k.n, v.vector, k.metadata
         FROM knowledge k CROSS JOIN knowledge_vectors v ON v.n = k.n
         WHERE v.embedder = ?10 AND {ALLOWED}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(&allowed.params(&embedder)[..])?;
    let mut found: Ranked = Vec::new();
    while let Some(row) = rows.next()? {
        let cosine = wanted.cosine_to_bytes(row.get_ref(1)?.as_blob()?);
        if let Some(cosine) = cosine
            && cosine > NOISE_COSINE
            && allowed.has_metadata(row, 2)?
        {
            found.push((row.get(0)?, f64::from(cosine).min(1.0)));
        }
    }
    best_first(&mut found);
    found.truncate(DEPTH);
    Ok(found)
}

/// Reciprocal rank fusion.
fn fused(lists: &[Ranked]) -> Ranked {
    let most = lists.len() as f64 / (FUSION_K + 1.0);
    let mut scores: HashMap<i64, f64> = HashMap::new();
    for list in lists {
        for (rank, (n, _)) in list.iter().enumerate() {
            *scores.entry(*n).or_default() += 1.0 / (FUSION_K + 1.0 + rank as f64) / most;
        }
    }
    let mut fused: Ranked = scores.into_iter().collect();
    best_first(&mut fused);
    fused
}

fn shares_of_best(mut list: Ranked) -> Ranked {
    let best = list.first().map_or(1.0, |(_, score)| *score);
    for (_, score) in &mut list {
        *score = if best > 0.0 { *score / best } else { 1.0 };
    }
    list
}

/// The best first, of equals the oldest.
fn best_first(list: &mut Ranked) {
    list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

/// The entry of this row; none if it was removed meanwhile.
fn load(conn: &Connection, n: i64) -> Result<Option<KnowledgeItem>> {
    let sql = format!("SELECT {COLUMNS} FROM knowledge k WHERE k.n = ?1");
    super::one(conn, &sql, &[&n])
}
