//! Searching semantic memory: by words (BM25), by vectors (cosine), or both with ranks fused.
//!
//! Vectors are asked in memory (see [`super::super::vector_index`]), or in the rows while that is being made.
//!
//! Both ways find the same rows: those in a domain that the scope sees, not expired, past the filters.
//! So what a user cannot see takes no place in a list and never crowds out what he can. One thing of
//! other users is felt: how much a rare word counts, BM25 looks at the whole tenant for that.
//!
//! Scores are 0 to 1 and mean, by mode: *vector*, the cosine; *keyword*, BM25 as a share of the best
//! hit's; *hybrid*, the fused ranks as a share of what an entry that is first in both lists gets (first in
//! one list alone is 0.5). A hit's score does not depend on the page it is on, but for pages of a hybrid
//! search beyond [`USUAL_DEPTH`].

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, ToSql};

use super::super::embedding::{self, Question};
use super::super::rows::Sql as _;
use super::super::vector_index::{Answer, Most, Query, VectorIndex, numbers};
use super::COLUMNS;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::identity::TenantScope;
use crate::memory::embed::Embedding;
use crate::memory::{
    Found, Hit, KnowledgeItem, KnowledgeQuery, NOISE_COSINE, SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX,
    SearchMode, Shortfall,
};

mod allowed;
mod by_words;
mod ranks;

pub(super) use allowed::has_members;
#[cfg(test)]
pub(super) use by_words::{LATEST_ROWS_MAX, RARE_ROWS_MAX, latest_sql, words_sql};

use allowed::{ALLOWED, Allowed};
use by_words::{Worded, by_words};
use ranks::{Scored, best_first, together};

/// How deep each list is fused for the first pages: one place deeper adds less than a hundredth to a score,
/// and a search takes the longer the deeper it goes.
const USUAL_DEPTH: usize = 64;
/// How deep each list is fused for pages further on: all that any page can show.
const DEPTH: usize = (SEARCH_OFFSET_MAX + SEARCH_LIMIT_MAX) as usize;
/// How often a search is begun anew because entries that it found changed under it. After that the rows
/// alone are asked, at one moment.
const ATTEMPTS_MAX: u32 = 3;

/// A row's number and how good it is, the best first.
type Ranked = Vec<(i64, f64)>;

/// The best hits first.
pub(super) fn search(
    conn: &Connection,
    index: &Arc<VectorIndex>,
    scope: &TenantScope,
    (query, question): (&KnowledgeQuery, Question),
    now: Timestamp,
) -> Result<Found> {
    let (vector, shortfall) = match (query.mode, question.vector) {
        (SearchMode::Keyword, _) => (None, None),
        (SearchMode::Vector, vector) => (Some(vector?), None),
        (SearchMode::Hybrid, Ok(vector)) => (Some(vector), None),
        (SearchMode::Hybrid, Err(error)) => (None, Some(Shortfall::WordsOnly(error.to_string()))),
    };
    let search = Search {
        conn,
        index,
        query,
        allowed: Allowed::of(scope, query, now)?,
        embedder: question.embedder,
        vector,
    };
    let Page { hits, is_short } = search.hits()?;
    let looked_at_vectors = shortfall.is_none() && search.vector.is_some();
    let behind =
        looked_at_vectors && embedding::is_behind(conn).during("looking for missing vectors")?;
    Ok(Found {
        hits,
        shortfall: shortfall
            .or(behind.then_some(Shortfall::NotAllEmbedded))
            .or(is_short.then_some(Shortfall::CommonWords)),
    })
}

/// One search.
struct Search<'a> {
    conn: &'a Connection,
    index: &'a Arc<VectorIndex>,
    query: &'a KnowledgeQuery,
    allowed: Allowed,
    embedder: Arc<str>,
    /// None if vectors are not looked at.
    vector: Option<Embedding>,
}

/// What the index gave, and to which question.
struct FromMemory {
    question: Query,
    answer: Answer,
}

/// What is answered.
#[derive(Default)]
struct Page {
    hits: Vec<Hit>,
    /// Not all that has the question's words was looked at.
    is_short: bool,
}

impl Search<'_> {
    fn hits(&self) -> Result<Page> {
        for _ in 0..ATTEMPTS_MAX {
            let memory = self.ask_memory().during("searching vectors in memory")?;
            if let Some(page) = self.run(memory)? {
                return Ok(page);
            }
        }
        Ok(self.run(None)?.unwrap_or_default())
    }

    /// None if there is nothing to ask, or nobody to answer.
    fn ask_memory(&self) -> rusqlite::Result<Option<FromMemory>> {
        let Some(vector) = &self.vector else {
            return Ok(None);
        };
        let question = Query::new(vector.values());
        let most = Most {
            keep: self.depth(),
            least: NOISE_COSINE,
        };
        let seen = self.allowed.seen(self.query);
        let answer = self
            .index
            .search(self.conn, &self.embedder, &question, &seen, most)?;
        Ok(answer.map(|answer| FromMemory { question, answer }))
    }

    /// How deep each list is read.
    fn depth(&self) -> usize {
        let end = (self.query.offset + self.query.limit) as usize;
        match self.query.mode {
            SearchMode::Keyword | SearchMode::Vector => end,
            SearchMode::Hybrid if end <= USUAL_DEPTH => USUAL_DEPTH,
            SearchMode::Hybrid => DEPTH,
        }
    }

    /// The hits, all read at one moment; none if one changed since the index gave it.
    fn run(&self, memory: Option<FromMemory>) -> Result<Option<Page>> {
        let snapshot = self
            .conn
            .unchecked_transaction()
            .during("beginning to search")?;
        let near = memory.iter().flat_map(|memory| &memory.answer.near);
        let versions: HashMap<i64, i64> = near.map(|near| (near.n, near.version)).collect();
        let Worded { list, is_short } = match self.query.mode {
            SearchMode::Vector => Worded {
                list: Vec::new(),
                is_short: false,
            },
            SearchMode::Keyword | SearchMode::Hybrid => {
                let text = &self.query.text;
                by_words(self.conn, self.index, &self.allowed, text, self.depth())
                    .during("searching knowledge by words")?
            }
        };
        let vector = match (memory, &self.vector) {
            (Some(memory), _) => self.with_aside(memory),
            (None, Some(vector)) => self.by_rows(vector),
            (None, None) => Ok(Vec::new()),
        };
        let vector = vector.during("searching knowledge by vector")?;
        let hits = self.page(together(self.query.mode, list, vector), &versions)?;
        drop(snapshot);
        Ok(hits.map(|hits| Page { hits, is_short }))
    }

    /// The nearest of memory, and of the rows that it left aside.
    fn with_aside(&self, memory: FromMemory) -> rusqlite::Result<Ranked> {
        let FromMemory { question, answer } = memory;
        let near = answer.near.into_iter();
        let mut found: Ranked = near
            .map(|near| (near.n, f64::from(near.similarity).min(1.0)))
            .collect();
        let sql = format!(
            "SELECT v.vector, k.metadata FROM knowledge k CROSS JOIN knowledge_vectors v ON v.n = k.n
             WHERE v.embedder = ?10 AND k.n = ?11 AND {ALLOWED}"
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        for n in answer.aside {
            let ten = self.allowed.params(&self.embedder);
            let params: Vec<&dyn ToSql> = ten.into_iter().chain([&n as &dyn ToSql]).collect();
            let mut rows = statement.query(&params[..])?;
            let Some(row) = rows.next()? else {
                continue;
            };
            let vector = numbers(row.get_ref(0)?.as_blob()?);
            if vector.len() == question.dims() && self.allowed.has_metadata(row, 1)? {
                let similarity = question.similarity(&vector);
                if similarity > NOISE_COSINE {
                    found.push((n, f64::from(similarity).min(1.0)));
                }
            }
        }
        best_first(&mut found);
        found.truncate(self.depth());
        Ok(found)
    }

    /// From the rows alone: a scan of all that the scope sees.
    fn by_rows(&self, wanted: &Embedding) -> rusqlite::Result<Ranked> {
        let sql = format!(
            "SELECT k.n, v.vector, k.metadata
             FROM knowledge k CROSS JOIN knowledge_vectors v ON v.n = k.n
             WHERE v.embedder = ?10 AND {ALLOWED}"
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(&self.allowed.params(&self.embedder)[..])?;
        let mut found: Ranked = Vec::new();
        while let Some(row) = rows.next()? {
            let cosine = wanted.cosine_to_bytes(row.get_ref(1)?.as_blob()?);
            if let Some(cosine) = cosine
                && cosine > NOISE_COSINE
                && self.allowed.has_metadata(row, 2)?
            {
                found.push((row.get(0)?, f64::from(cosine).min(1.0)));
            }
        }
        best_first(&mut found);
        found.truncate(self.depth());
        Ok(found)
    }

    /// The page of the list; none if one of it is not what the index knew.
    fn page(&self, list: Vec<Scored>, versions: &HashMap<i64, i64>) -> Result<Option<Vec<Hit>>> {
        let least = self.query.min_score.unwrap_or(0.0);
        let page = list
            .into_iter()
            .filter(|scored| scored.score >= least)
            .skip(self.query.offset as usize)
            .take(self.query.limit as usize);
        let mut hits = Vec::new();
        for Scored { n, score, why } in page {
            let item = self.load(n)?;
            let version = item.as_ref().map(|item| item.version as i64);
            if versions.get(&n).is_some_and(|seen| version != Some(*seen)) {
                return Ok(None);
            }
            hits.extend(item.map(|item| Hit { item, score, why }));
        }
        Ok(Some(hits))
    }

    /// The entry of this row, if it may be found.
    fn load(&self, n: i64) -> Result<Option<KnowledgeItem>> {
        let sql = format!("SELECT {COLUMNS} FROM knowledge k WHERE k.n = ?10 AND {ALLOWED}");
        super::one(self.conn, &sql, &self.allowed.params(&n))
    }
}

/// As [`search`], by the rows alone: what an index must agree with.
#[cfg(test)]
pub(super) fn search_rows(
    conn: &Connection,
    index: &Arc<VectorIndex>,
    scope: &TenantScope,
    (query, question): (&KnowledgeQuery, Question),
    now: Timestamp,
) -> Result<Vec<Hit>> {
    let search = Search {
        conn,
        index,
        query,
        allowed: Allowed::of(scope, query, now)?,
        embedder: question.embedder,
        vector: question.vector.ok(),
    };
    Ok(search.run(None)?.unwrap_or_default().hits)
}
