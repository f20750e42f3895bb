//! How much the graph finds of what an exact scan finds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and reads as data, and so do the functions that tests share"
)]

use warren_vectors::{Index, Query};

const DIMS: usize = 384;
const QUERIES: usize = 50;

/// Random numbers that are the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Near enough to a normal distribution.
    fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.next() - 0.5).sum::<f32>() * 1.732
    }
}

/// Vectors in clusters of about a hundred.
struct Data {
    random: Random,
    centres: Vec<Vec<f32>>,
}

impl Data {
    fn new(count: usize) -> Self {
        let mut random = Random(42);
        let centres = (0..(count / 100).max(10))
            .map(|_| (0..DIMS).map(|_| random.normal()).collect())
            .collect();
        Self { random, centres }
    }

    fn next(&mut self) -> Vec<f32> {
        let pick = (self.random.next() * self.centres.len() as f32) as usize % self.centres.len();
        let centre = &self.centres[pick];
        centre
            .iter()
            .map(|x| x + 0.7 * self.random.normal())
            .collect()
    }
}

fn index(data: &mut Data, count: usize) -> Index {
    let mut index = Index::new(DIMS);
    for _ in 0..count {
        index.push(&data.next()).unwrap();
    }
    while let Some(plan) = index.plan() {
        index.apply(plan);
    }
    index
}

/// Recall at ten, of one slot in `share`.
fn recall(index: &Index, data: &mut Data, share: u32) -> f64 {
    let allowed = |slot: u32| slot.is_multiple_of(share);
    let mut found = 0;
    for _ in 0..QUERIES {
        let query = Query::new(&data.next());
        let slots = (0..index.len()).filter(|slot| allowed(*slot));
        let exact = index.scan(&query, slots, 10, -2.0);
        let near = index
            .search(&query, 10, -2.0, allowed)
            .expect("finds its way");
        assert!(near.iter().all(|scored| allowed(scored.slot)));
        found += exact.iter().filter(|scored| near.contains(scored)).count();
    }
    found as f64 / (QUERIES * 10) as f64
}

#[test]
fn the_graph_finds_what_a_scan_finds() {
    for count in [1_000, 10_000] {
        let mut data = Data::new(count);
        let index = index(&mut data, count);
        for share in [1, 2, 4] {
            let recall = recall(&index, &mut data, share);
            assert!(recall >= 0.95, "{count} slots, one in {share}: {recall}");
        }
    }
}

#[test]
fn a_slot_is_found_before_and_after_it_is_linked() {
    let mut data = Data::new(100);
    let mut index = Index::new(DIMS);
    for slot in 0..100 {
        let vector = data.next();
        assert_eq!(index.push(&vector), Some(slot));
        let query = Query::new(&vector);
        for _ in 0..2 {
            let near = index.search(&query, 1, 0.99, |_| true).unwrap();
            assert_eq!(near.first().map(|near| near.slot), Some(slot));
            assert!(
                index
                    .search(&query, 1, 0.99, |s| s != slot)
                    .unwrap()
                    .is_empty()
            );
            if let Some(plan) = index.plan() {
                index.apply(plan);
            }
        }
        assert_eq!(index.linked(), index.len());
    }
    assert_eq!(index.push(&[1.0]), None, "another number of dimensions");
}
