//! The best few of many.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A slot and how near its vector is: the cosine, 1 for the same direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Which.
    pub slot: u32,
    /// How near.
    pub similarity: f32,
}

impl Eq for Scored {}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The nearer is the greater, of equals the older.
impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.similarity
            .total_cmp(&other.similarity)
            .then(other.slot.cmp(&self.slot))
    }
}

/// Keeps the best `keep`.
#[derive(Debug)]
pub(crate) struct Top {
    keep: usize,
    /// No worse than this may come in.
    least: f32,
    heap: BinaryHeap<Reverse<Scored>>,
}

impl Top {
    /// The best `keep` of those that are nearer than `least`.
    pub(crate) fn new(keep: usize, least: f32) -> Self {
        Self {
            keep,
            least,
            heap: BinaryHeap::with_capacity(keep.min(4_096) + 1),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.heap.len() >= self.keep
    }

    /// How near one must be to come in.
    #[inline]
    pub(crate) fn bar(&self) -> f32 {
        match self.heap.peek() {
            Some(Reverse(worst)) if self.is_full() => worst.similarity,
            _ => self.least,
        }
    }

    #[inline]
    pub(crate) fn offer(&mut self, scored: Scored) {
        // Not nearer than the bar, or not a number.
        if self.keep == 0 || scored.similarity.partial_cmp(&self.bar()) != Some(Ordering::Greater) {
            return;
        }
        if self.is_full() {
            self.heap.pop();
        }
        self.heap.push(Reverse(scored));
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        let mut all: Vec<Scored> = self
            .heap
            .into_iter()
            .map(|Reverse(scored)| scored)
            .collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        let scored = |slot, similarity| Scored { slot, similarity };
        let mut top = Top::new(2, 0.1);
        for (slot, similarity) in [
            (0, 0.1),
            (1, 0.5),
            (2, 0.9),
            (3, 0.5),
            (4, 0.7),
            (5, f32::NAN),
        ] {
            top.offer(scored(slot, similarity));
        }
        assert_eq!(top.into_sorted(), [scored(2, 0.9), scored(4, 0.7)]);
        let mut none = Top::new(0, 0.0);
        none.offer(scored(0, 1.0));
        assert!(none.into_sorted().is_empty());
    }
}
