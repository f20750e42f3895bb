//! Ranking by words, BM25 of FTS5.
//!
//! To rank a row takes about two microseconds, so that a word which half of a hundred thousand entries have
//! would take a tenth of a second, and says next to nothing. Where there are many entries, rows are therefore
//! found by the words that few of the rows which the searcher sees have. How many do is counted among these
//! alone: however often others write a word, it is looked for as before.
//!
//! Words that many have count again when the others do not fill the list: first rows that have all of them,
//! and if even these are few, rows that have any word at all. So whatever has a word of the question is found.

use rusqlite::{Connection, Row, ToSql, params};

use super::Ranked;
use super::allowed::{ALLOWED, Allowed};
use crate::store::sqlite::vector_index::VectorIndex;
use crate::store::sqlite::words;

/// A word that more of the seen rows have than this is common. In a tenant of no more entries none is.
pub(in super::super) const RARE_ROWS_MAX: usize = 1_000;
/// When the rare words are in more rows than this, of all that anybody wrote, the search is kept to the
/// domains that are seen; otherwise it is cheaper to look at the rows of others and pass them over.
const FOREIGN_ROWS_MAX: usize = 4 * RARE_ROWS_MAX;

/// The best of what is allowed.
pub(super) fn by_words(
    conn: &Connection,
    index: &VectorIndex,
    allowed: &Allowed,
    text: &str,
    depth: usize,
) -> rusqlite::Result<Ranked> {
    let Some(expression) = expression(conn, index, &allowed.domains, text, depth)? else {
        return Ok(Vec::new());
    };
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

/// What to look for so that at least `depth` rows are found, if there are.
fn expression(
    conn: &Connection,
    index: &VectorIndex,
    domains: &[String; 3],
    text: &str,
    depth: usize,
) -> rusqlite::Result<Option<String>> {
    let words = words::quoted(text);
    if words.is_empty() {
        return Ok(None);
    }
    let all = words.join(" OR ");
    if entries(conn)? <= RARE_ROWS_MAX as i64 {
        return Ok(Some(words::within(domains, &all)));
    }
    let choose = |counter: &Counter<'_>| choose(counter, &words, depth);
    let chosen = index
        .with_domains(domains, |sees| choose(&Counter::InMemory { conn, sees }))
        .unwrap_or_else(|| choose(&Counter::InRows { conn, domains }))?;
    Ok(Some(match chosen {
        Some(Chosen { expression, met }) if met <= FOREIGN_ROWS_MAX => {
            format!("- domain : ({expression})")
        }
        Some(Chosen { expression, .. }) => words::within(domains, &expression),
        None => words::within(domains, &all),
    }))
}

fn entries(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT value FROM memory_counters WHERE name = 'knowledge_entries'")?
        .query_row([], |row| row.get(0))
}

struct Chosen {
    expression: String,
    /// Rows that were met while counting, of whoever.
    met: usize,
}

/// None: all words, as fewer would find too little.
fn choose(
    counter: &Counter<'_>,
    words: &[String],
    depth: usize,
) -> rusqlite::Result<Option<Chosen>> {
    let (mut rare, mut common) = (Vec::new(), Vec::new());
    let (mut seen, mut met) = (0, 0);
    for word in words {
        let count = counter.count(word, RARE_ROWS_MAX)?;
        if count.seen > RARE_ROWS_MAX {
            common.push(word.as_str());
        } else {
            rare.push(word.as_str());
            seen += count.seen;
            met += count.met;
        }
    }
    if common.is_empty() || seen >= depth {
        let expression = rare.join(" OR ");
        return Ok(Some(Chosen { expression, met }));
    }
    let together = format!("({})", common.join(" AND "));
    let count = counter.count(&together, depth)?;
    if count.seen < depth {
        return Ok(None);
    }
    rare.push(&together);
    Ok(Some(Chosen {
        expression: rare.join(" OR "),
        // How many there are is not known.
        met: usize::MAX,
    }))
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
                let sql = "SELECT rowid FROM knowledge_words WHERE knowledge_words MATCH ?1";
                let sees = |row: &Row<'_>| row.get(0).map(sees);
                count(conn, sql, &[&expression], &sees, most)
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
