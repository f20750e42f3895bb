//! Ranking by words, BM25 of FTS5.
//!
//! To rank a row takes about two microseconds, and BM25 goes through all rows of each word besides, so that a word
//! which half of a hundred thousand entries have would take a tenth of a second, and says next to nothing. Where
//! there are many entries, rows are therefore found by the words that few of the rows which the searcher sees have.
//! How many do is counted among these alone: however often others write a word, it is looked for as before.
//!
//! Words that many have count when the others do not fill the list, and then without BM25: see [`common`]. So
//! whatever has a word of the question is found, and what that takes is bounded.

use std::collections::HashSet;

use rusqlite::{Connection, Row, ToSql, params};

use super::Ranked;
use super::allowed::{ALLOWED, Allowed};
use crate::store::sqlite::vector_index::VectorIndex;
use crate::store::sqlite::words;

mod common;

#[cfg(test)]
pub(in super::super) use common::{LATEST_ROWS_MAX, latest_sql};

/// A word that more of the seen rows have than this is common. In a tenant of no more entries none is.
pub(in super::super) const RARE_ROWS_MAX: usize = 1_000;
/// When the rare words are in more rows than this, of all that anybody wrote, the search is kept to the
/// domains that are seen; otherwise it is cheaper to look at the rows of others and pass them over.
const FOREIGN_ROWS_MAX: usize = 4 * RARE_ROWS_MAX;
/// The rows that an expression finds, of whoever.
const HAVING: &str = "SELECT rowid FROM knowledge_words WHERE knowledge_words MATCH ?1";

/// What is found by words.
pub(super) struct Worded {
    /// The best first.
    pub(super) list: Ranked,
    /// The question is made of common words alone, and not all rows that have them were looked at.
    pub(super) is_short: bool,
}

/// The best of what is allowed.
pub(super) fn by_words(
    conn: &Connection,
    index: &VectorIndex,
    allowed: &Allowed,
    text: &str,
    depth: usize,
) -> rusqlite::Result<Worded> {
    let words = words::quoted(text);
    let told = tell_apart(conn, index, &allowed.domains, &words)?;
    let mut list = match &told.expression {
        Some(expression) => ranked(conn, allowed, expression, depth)?,
        None => Ranked::new(),
    };
    let room = depth - list.len();
    if room == 0 || told.common.is_empty() {
        let is_short = false;
        return Ok(Worded { list, is_short });
    }
    let known: HashSet<i64> = list.iter().map(|(n, _)| *n).collect();
    let search = common::Search {
        conn,
        allowed,
        known: &known,
        room,
    };
    let (rest, is_cut) = search.rows(&told.common)?;
    let is_short = is_cut && list.is_empty();
    // Below what a rare word found, whatever it is worth.
    let scale = match (list.last(), rest.first()) {
        (Some((_, least)), Some((_, best))) => least / (1.0 + best),
        _ => 1.0,
    };
    list.extend(rest.into_iter().map(|(n, score)| (n, score * scale)));
    Ok(Worded { list, is_short })
}

fn ranked(
    conn: &Connection,
    allowed: &Allowed,
    expression: &str,
    depth: usize,
) -> rusqlite::Result<Ranked> {
    let mut statement = conn.prepare_cached(&words_sql())?;
    let mut rows = statement.query(&allowed.params(&expression)[..])?;
    let mut found = Vec::new();
    while found.len() < depth
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
pub(in super::super) fn words_sql() -> String {
    format!(
        "SELECT k.n, -bm25(knowledge_words, 0.0, 1.0, 1.0), k.metadata
         FROM knowledge_words CROSS JOIN knowledge k ON k.n = knowledge_words.rowid
         WHERE knowledge_words MATCH ?10 AND {ALLOWED} ORDER BY 2 DESC, 1"
    )
}

/// The words of a question.
struct ToldApart<'a> {
    /// What finds the rows that have one of those to rank by, if there are such.
    expression: Option<String>,
    /// The others.
    common: Vec<&'a str>,
}

fn tell_apart<'a>(
    conn: &Connection,
    index: &VectorIndex,
    domains: &[String; 3],
    words: &'a [String],
) -> rusqlite::Result<ToldApart<'a>> {
    if words.is_empty() || entries(conn)? <= RARE_ROWS_MAX as i64 {
        let all = (!words.is_empty()).then(|| words::within(domains, &words.join(" OR ")));
        return Ok(ToldApart {
            expression: all,
            common: Vec::new(),
        });
    }
    let count = |counter: &Counter<'_>| {
        let (mut rare, mut common, mut met) = (Vec::new(), Vec::new(), 0);
        for word in words {
            let count = counter.count(word, RARE_ROWS_MAX)?;
            if count.seen > RARE_ROWS_MAX {
                common.push(word.as_str());
            } else {
                rare.push(word.as_str());
                met += count.met;
            }
        }
        let rare = (!rare.is_empty()).then(|| rare.join(" OR "));
        let expression = rare.map(|rare| match met {
            ..=FOREIGN_ROWS_MAX => format!("- domain : ({rare})"),
            _ => words::within(domains, &rare),
        });
        Ok(ToldApart { expression, common })
    };
    index
        .with_domains(domains, |sees| count(&Counter::InMemory { conn, sees }))
        .unwrap_or_else(|| count(&Counter::InRows { conn, domains }))
}

fn entries(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT value FROM memory_counters WHERE name = 'knowledge_entries'")?
        .query_row([], |row| row.get(0))
}

struct Count {
    /// Rows in the searcher's domains.
    seen: usize,
    /// With those of others that came between.
    met: usize,
}

/// Counts the rows that have a word.
enum Counter<'a> {
    /// With an index that knows whose rows are whose.
    InMemory {
        conn: &'a Connection,
        sees: &'a dyn Fn(i64) -> bool,
    },
    /// Ten times slower.
    InRows {
        conn: &'a Connection,
        domains: &'a [String; 3],
    },
}

impl Counter<'_> {
    /// Up to one past `most`.
    fn count(&self, expression: &str, most: usize) -> rusqlite::Result<Count> {
        let expression = format!("- domain : {expression}");
        match self {
            Self::InMemory { conn, sees } => {
                let sees = |row: &Row<'_>| row.get(0).map(sees);
                count(conn, HAVING, &[&expression], &sees, most)
            }
            Self::InRows { conn, domains } => {
                let [private, customer, tenant] = domains;
                let sql = "SELECT k.domain IN (?2, ?3, ?4)
                     FROM knowledge_words CROSS JOIN knowledge k ON k.n = knowledge_words.rowid
                     WHERE knowledge_words MATCH ?1";
                let params = params![expression, private, customer, tenant];
                count(conn, sql, params, &|row| row.get(0), most)
            }
        }
    }
}

fn count(
    conn: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
    sees: &dyn Fn(&Row<'_>) -> rusqlite::Result<bool>,
    most: usize,
) -> rusqlite::Result<Count> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut count = Count { seen: 0, met: 0 };
    while count.seen <= most
        && let Some(row) = rows.next()?
    {
        count.met += 1;
        count.seen += usize::from(sees(row)?);
    }
    Ok(count)
}
