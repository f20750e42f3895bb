//! What the common words of a question find when the rare ones find too little.
//!
//! Rows are those that have the least common of these words, the latest of them, and those that have the next one
//! too. They are ranked by which of the words they have, a word counting the more the fewer of them have it. Only if
//! filters leave too few of them the next word's rows are looked at, so that whatever has a word is found.
//!
//! Invariant: no list of a word is read to its end but where filters leave next to nothing of it, and what a searcher
//! does not see is not looked at.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row, params};

use super::super::Ranked;
use super::super::allowed::{ALLOWED, Allowed};
use super::HAVING;
use crate::store::sqlite::words;

/// Most rows of a word that are looked at: two microseconds each. A list is sixty-four deep.
pub(in super::super::super) const LATEST_ROWS_MAX: usize = 2_000;
/// How far rows of a word are counted. One that has more is as good as in every entry.
const COUNTED_ROWS_MAX: usize = 2 * LATEST_ROWS_MAX;
/// Most common words that are counted and that rows are ranked by: to count one takes up to a millisecond. A
/// sentence has fewer; of a page that somebody pastes, the rare words decide.
const COUNTED_WORDS_MAX: usize = 8;

/// A common word and how many of the seen rows have it, up to one past [`COUNTED_ROWS_MAX`].
struct Common<'a> {
    word: &'a str,
    rows: usize,
}

/// Fills a list.
pub(super) struct Search<'a> {
    pub(super) conn: &'a Connection,
    pub(super) allowed: &'a Allowed,
    /// Rows that are in the list.
    pub(super) known: &'a HashSet<i64>,
    /// How many more are wanted.
    pub(super) room: usize,
}

impl Search<'_> {
    /// The best rows, and whether there are rows that were not looked at.
    pub(super) fn rows(&self, words: &[&str]) -> rusqlite::Result<(Ranked, bool)> {
        let words = self.least_common_first(words)?;
        let (mut rows, mut found_by, mut is_cut) = (HashMap::new(), Vec::new(), false);
        for (place, common) in words.iter().enumerate() {
            if rows.len() >= self.room {
                break;
            }
            let next = words.get(place + 1);
            if let Some(next) = next.filter(|_| common.rows <= COUNTED_ROWS_MAX) {
                let both = format!("{} AND {}", common.word, next.word);
                self.add_latest(&both, &mut rows)?;
            }
            is_cut |= self.add_latest(common.word, &mut rows)?;
            found_by.push(common.word);
        }
        self.weigh(&words, &found_by.join(" OR "), &mut rows)?;
        let mut rows: Ranked = rows.into_iter().collect();
        // Of equals the latest: these are the latest rows of very many.
        rows.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        rows.truncate(self.room);
        Ok((rows, is_cut))
    }

    /// The words in the order in which rows are looked for by them.
    fn least_common_first<'w>(&self, words: &[&'w str]) -> rusqlite::Result<Vec<Common<'w>>> {
        let counted = words.iter().enumerate().map(|(place, word)| {
            let rows = match place {
                ..COUNTED_WORDS_MAX => self.count(word)?,
                _ => usize::MAX,
            };
            Ok(Common { word, rows })
        });
        let mut ordered = counted.collect::<rusqlite::Result<Vec<_>>>()?;
        ordered.sort_by_key(|common| common.rows);
        Ok(ordered)
    }

    fn count(&self, word: &str) -> rusqlite::Result<usize> {
        let expression = words::within(&self.allowed.domains, word);
        let all = |_: &Row<'_>| Ok(true);
        let count = super::count(self.conn, HAVING, &[&expression], &all, COUNTED_ROWS_MAX)?;
        Ok(count.seen)
    }

    /// Add the latest rows that an expression finds, each with the least score. Says whether there are more.
    fn add_latest(&self, expression: &str, rows: &mut HashMap<i64, f64>) -> rusqlite::Result<bool> {
        let expression = words::within(&self.allowed.domains, expression);
        let mut statement = self.conn.prepare_cached(&latest_sql())?;
        let mut found = statement.query(&self.allowed.params(&expression)[..])?;
        let mut looked_at = 0;
        while let Some(row) = found.next()? {
            if looked_at == LATEST_ROWS_MAX {
                return Ok(true);
            }
            if self.allowed.has_metadata(row, 1)? {
                looked_at += 1;
                let n = row.get(0)?;
                if !self.known.contains(&n) {
                    rows.insert(n, 1.0);
                }
            }
        }
        Ok(false)
    }

    /// Add to a row for each word that it has.
    fn weigh(
        &self,
        words: &[Common<'_>],
        found_by: &str,
        rows: &mut HashMap<i64, f64>,
    ) -> rusqlite::Result<()> {
        let Some(oldest) = rows.keys().min().copied() else {
            return Ok(());
        };
        let sql =
            "SELECT rowid FROM knowledge_words WHERE knowledge_words MATCH ?1 AND rowid >= ?2";
        let mut statement = self.conn.prepare_cached(sql)?;
        for common in words.iter().take(COUNTED_WORDS_MAX) {
            let having = format!("({found_by}) AND {}", common.word);
            let having = words::within(&self.allowed.domains, &having);
            let found = statement.query_map(params![having, oldest], |row| row.get(0))?;
            let found: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
            let mine: Vec<i64> = found.into_iter().filter(|n| rows.contains_key(n)).collect();
            let share = mine.len() as f64 / rows.len() as f64;
            for n in &mine {
                rows.entry(*n).and_modify(|score| *score -= share.ln());
            }
        }
        Ok(())
    }
}

/// The latest first, as the index of words gives them: nothing is sorted, and nobody waits for the last row.
pub(in super::super::super) fn latest_sql() -> String {
    format!(
        "SELECT k.n, k.metadata FROM knowledge_words CROSS JOIN knowledge k ON k.n = knowledge_words.rowid
         WHERE knowledge_words MATCH ?10 AND {ALLOWED} ORDER BY knowledge_words.rowid DESC"
    )
}
