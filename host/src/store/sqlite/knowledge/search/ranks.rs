//! Putting lists together: reciprocal rank fusion, and the scores of pure searches.

use std::collections::HashMap;

use super::Ranked;
use crate::memory::{Place, SearchMode, Why};

/// The constant of reciprocal rank fusion, as in the paper that proposed it (Cormack 2009).
const FUSION_K: f64 = 60.0;

/// A row that was found.
pub(super) struct Scored {
    pub(super) n: i64,
    pub(super) score: f64,
    pub(super) why: Why,
}

/// Both lists as one, the best first, of equals the oldest.
pub(super) fn together(mode: SearchMode, words: Ranked, vector: Ranked) -> Vec<Scored> {
    let best = words.first().map_or(0.0, |(_, score)| *score);
    let mut places: HashMap<i64, Why> = HashMap::new();
    for (index, (n, score)) in words.into_iter().enumerate() {
        places.entry(n).or_default().words = Some(Place::new(index, score));
    }
    for (index, (n, score)) in vector.into_iter().enumerate() {
        places.entry(n).or_default().vector = Some(Place::new(index, score));
    }
    let score = |why: &Why| match mode {
        SearchMode::Hybrid => by_ranks(why),
        SearchMode::Keyword => share_of(best, why),
        SearchMode::Vector => why.vector.map_or(0.0, |place| place.score),
    };
    let mut all: Vec<Scored> = places
        .into_iter()
        .map(|(n, why)| Scored {
            n,
            score: score(&why),
            why,
        })
        .collect();
    all.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.n.cmp(&b.n)));
    all
}

/// As a share of what a hit gets that is first in both lists.
fn by_ranks(why: &Why) -> f64 {
    let most = 2.0 / (FUSION_K + 1.0);
    // Divided before they are added, so that the best of all gets exactly 1.
    let places = [why.words, why.vector].into_iter().flatten();
    places
        .map(|place| 1.0 / (FUSION_K + f64::from(place.rank)) / most)
        .sum()
}

fn share_of(best: f64, why: &Why) -> f64 {
    match why.words {
        Some(place) if best > 0.0 => place.score / best,
        Some(_) => 1.0,
        None => 0.0,
    }
}

/// The best first, of equals the oldest.
pub(super) fn best_first(list: &mut Ranked) {
    list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}
