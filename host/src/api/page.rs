//! Seek pagination: a page begins after a row, never at an offset, so that rows that come and go in
//! between are neither lost nor repeated.

use crate::error::{Error, Result};
use crate::events::Page;
use crate::id::Position;
use crate::registry::FIND_LIMIT_MAX;

use super::types::Listing;

/// Rows of a page unless told otherwise.
pub(crate) const PAGE_ROWS_DEFAULT: u32 = 50;
/// Most rows of a page, the same as agents get: with payloads at their largest it bounds what one answer
/// holds in memory.
pub(crate) const PAGE_ROWS_MAX: u32 = FIND_LIMIT_MAX;

/// Check how many rows are wanted.
pub(crate) fn rows(limit: Option<u32>) -> Result<u32> {
    match limit {
        None => Ok(PAGE_ROWS_DEFAULT),
        Some(limit) if (1..=PAGE_ROWS_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(Error::invalid(
            "limit",
            format!("{limit} is not between 1 and {PAGE_ROWS_MAX}"),
        )),
    }
}

/// A page of the log as clients see it.
pub(crate) fn newest_first<T, V>(page: Page<T>, view: impl FnMut(T) -> V) -> Listing<V> {
    Listing {
        items: page.items.into_iter().map(view).collect(),
        next: page.next.map(|position| position.0.to_string()),
    }
}

/// One page of a list by name. A full page may be followed by an empty one.
pub(crate) fn by_name<T>(items: Vec<T>, limit: u32, name: impl Fn(&T) -> String) -> Listing<T> {
    let full = items.len() >= limit as usize;
    let next = items.last().filter(|_| full).map(name);
    Listing { items, next }
}

/// Where a list of the log continues.
pub(crate) fn before(text: Option<i64>) -> Option<Position> {
    text.map(Position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_and_one_past() {
        let table = [
            (None, Some(PAGE_ROWS_DEFAULT)),
            (Some(1), Some(1)),
            (Some(PAGE_ROWS_MAX), Some(PAGE_ROWS_MAX)),
            (Some(0), None),
            (Some(PAGE_ROWS_MAX + 1), None),
        ];
        for (given, expect) in table {
            assert_eq!(rows(given).ok(), expect, "{given:?}");
        }
    }

    #[test]
    fn the_next_page_begins_after_the_last_row_shown() {
        let table = [
            (vec!["a", "b"], 2, Some("b")),
            (vec!["a"], 2, None),
            (vec![], 2, None),
        ];
        for (rows, limit, next) in table {
            let page = by_name(rows, limit, ToString::to_string);
            assert_eq!(page.next.as_deref(), next);
        }
    }
}
