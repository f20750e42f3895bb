//! Putting lists together: reciprocal rank fusion, and the scores of pure searches.

use std::collections::HashMap;

use super::Ranked;
use crate::memory::fusion::share;
use crate::memory::{Place, SearchMode, Why};

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
    let lists = [why.words, why.vector];
    let places = lists.iter().flatten();
    places.map(|place| share(place.rank, lists.len())).sum()
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
