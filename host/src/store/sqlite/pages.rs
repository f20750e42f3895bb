//! Pages of lists that are filtered by reading: bounded in rows returned and in rows looked at.

use crate::events::Page;
use crate::id::Position;

/// Most rows of one page, whatever was asked: one page is one piece of memory and one answer.
pub(super) const PAGE_ROWS_MAX: u32 = 1_000;
/// Most rows that one page looks at. A filter that nothing passes ends here with a place to go on from;
/// reading this many takes some fifty milliseconds.
pub(super) const PAGE_SCANNED_MAX: u32 = 20_000;

/// Collects a page. Rows come by position, the highest first.
pub(super) struct Pager<T> {
    limit: usize,
    scanned: u32,
    last: Option<Position>,
    items: Vec<T>,
}

impl<T> Pager<T> {
    /// A page of `limit` rows.
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: limit.clamp(1, PAGE_ROWS_MAX) as usize,
            scanned: 0,
            last: None,
            items: Vec::new(),
        }
    }

    /// Whether a row at `position` still belongs to this page. Rows of one position are never split, as
    /// the next page begins below it.
    pub(super) fn wants(&mut self, position: Position) -> bool {
        if self.last == Some(position) {
            return true;
        }
        if self.items.len() >= self.limit || self.scanned >= PAGE_SCANNED_MAX {
            return false;
        }
        self.scanned += 1;
        self.last = Some(position);
        true
    }

    /// A row that passed the filter.
    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// The page; `more` says whether rows are left.
    pub(super) fn page(self, more: bool) -> Page<T> {
        Page {
            items: self.items,
            next: self.last.filter(|_| more),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(rows: &[i64], limit: u32, passes: fn(i64) -> bool) -> (Vec<i64>, Option<i64>) {
        let mut pager = Pager::new(limit);
        let mut more = false;
        for row in rows {
            if !pager.wants(Position(*row)) {
                more = true;
                break;
            }
            if passes(*row) {
                pager.push(*row);
            }
        }
        let page = pager.page(more);
        (page.items, page.next.map(|p| p.0))
    }

    #[test]
    fn a_page_ends_at_its_limit_and_never_within_a_position() {
        assert_eq!(pages(&[3, 2, 1], 3, |_| true), (vec![3, 2, 1], None));
        assert_eq!(pages(&[3, 2, 1], 2, |_| true), (vec![3, 2], Some(2)));
        assert_eq!(pages(&[3, 2, 2, 1], 2, |_| true), (vec![3, 2, 2], Some(2)));
        assert_eq!(pages(&[3, 2, 1], 1, |n| n == 1), (vec![1], None));
    }

    #[test]
    fn a_page_looks_at_so_many_rows_and_no_more() {
        let max = i64::from(PAGE_SCANNED_MAX);
        let at: Vec<i64> = (1..=max).rev().collect();
        let past: Vec<i64> = (0..=max).rev().collect();
        assert_eq!(pages(&at, 1, |_| false), (vec![], None));
        assert_eq!(pages(&past, 1, |_| false), (vec![], Some(1)));
        let limit = PAGE_ROWS_MAX as usize;
        assert_eq!(pages(&at, u32::MAX, |_| true).0.len(), limit);
    }
}
