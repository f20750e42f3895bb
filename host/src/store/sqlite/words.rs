//! Full-text queries out of what people and agents type.
//!
//! Invariant: text from outside reaches FTS5 only as quoted words of letters and digits, so that none of
//! its syntax (`NEAR`, `*`, `^`, column filters, quotes) can be said from outside, and at most
//! [`QUERY_WORDS_MAX`] of them, so that a query's cost is bounded.

use std::collections::HashSet;

use crate::memory::embed;

/// Most distinct words of a query that are looked for. A question has fewer; a page that somebody pastes
/// is told by its first ones.
pub(super) const QUERY_WORDS_MAX: usize = 32;

/// The different words of `text`, as FTS5 takes them.
pub(super) fn quoted(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    embed::words(text)
        .filter(|word| seen.insert(word.clone()))
        .take(QUERY_WORDS_MAX)
        .map(|word| format!("\"{word}\""))
        .collect()
}

/// The FTS5 expression that finds rows with any of the words of `text`; none without words.
pub(super) fn any_of(text: &str) -> Option<String> {
    let words = quoted(text);
    (!words.is_empty()).then(|| words.join(" OR "))
}

/// As [`any_of`], in rows whose `domain` column is the [`number`] of one of `domains`.
pub(super) fn any_of_within(domains: &[String], text: &str) -> Option<String> {
    Some(within(domains, &any_of(text)?))
}

/// What `words` finds, in rows whose `domain` column is the [`number`] of one of `domains`.
pub(super) fn within(domains: &[String], words: &str) -> String {
    let domains: Vec<String> = domains
        .iter()
        .map(|domain| format!("\"{}\"", number(domain)))
        .collect();
    let domains = domains.join(" OR ");
    format!("(domain : ({domains})) AND (- domain : ({words}))")
}

/// The number that stands for a domain in an index of words: digits, which no stemmer touches. Two
/// domains may share one; the row itself decides who sees it.
pub(super) fn number(domain: &str) -> String {
    let hash = blake3::hash(domain.as_bytes());
    let (head, _) = hash.as_bytes().as_chunks::<8>();
    head.first()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
        .to_string()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn whatever_is_typed_is_a_valid_query() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE VIRTUAL TABLE w USING fts5 (domain, content, content = '', contentless_delete = 1);
             INSERT INTO w (rowid, domain, content) VALUES (1, '7', 'near the old mill');",
        )
        .unwrap();
        let long = "word ".repeat(10_000);
        let many: Vec<String> = (0..10_000).map(|i| format!("w{i}")).collect();
        let many = many.join(" ");
        for text in [
            "",
            "\"",
            "\"\"",
            "' OR 1=1 --",
            "NEAR(a b)",
            "near",
            "a AND",
            "NOT",
            "OR OR",
            "content:x",
            "- domain : 7",
            "{domain} : 7",
            "^a*",
            "a*",
            "(",
            ")",
            "a + b",
            "\0",
            "a\0b",
            "é",
            "退款",
            "١٢",
            "ⅷ",
            "🦀",
            "\u{202e}",
            "domain:\"7\" OR \"8\"",
            &long,
            &many,
        ] {
            let Some(query) = any_of_within(&["x".to_owned(), "y".to_owned()], text) else {
                assert!(!text.chars().any(char::is_alphanumeric), "{text:?}");
                continue;
            };
            let found: i64 = conn
                .query_row("SELECT count(*) FROM w WHERE w MATCH ?1", [&query], |row| {
                    row.get(0)
                })
                .unwrap_or_else(|e| panic!("{text:?} made {query}: {e}"));
            assert_eq!(found, 0, "{text:?} left its domain");
            assert!(any_of(text).unwrap().split(" OR ").count() <= QUERY_WORDS_MAX);
        }
        let found: i64 = conn
            .query_row(
                "SELECT count(*) FROM w WHERE w MATCH ?1",
                [any_of("NEAR").unwrap()],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(found, 1, "a keyword is a word like any other");
    }
}
