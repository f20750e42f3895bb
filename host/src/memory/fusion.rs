//! Reciprocal rank fusion: ranked lists put together by places instead of scores, which do not compare.

/// The constant of reciprocal rank fusion, as in the paper that proposed it (Cormack 2009).
const K: f64 = 60.0;

/// What a place of `rank` (1 for the first) in one of `lists` lists adds to a score: 1 is the sum for
/// what is first in all of them.
pub fn share(rank: u32, lists: usize) -> f64 {
    let most = lists as f64 / (K + 1.0);
    // Divided before they are added, so that the best of all gets exactly 1.
    1.0 / (K + f64::from(rank)) / most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_every_list_is_exactly_one() {
        for lists in 1..=4_u8 {
            let sum: f64 = (0..lists).map(|_| share(1, usize::from(lists))).sum();
            assert!((sum - 1.0).abs() < f64::EPSILON, "{lists} lists: {sum}");
        }
    }

    #[test]
    fn a_later_place_adds_less() {
        let shares = [1, 2, 3, 10, 100, u32::MAX].map(|rank| share(rank, 2));
        assert!(
            shares.windows(2).all(|pair| pair[0] > pair[1]),
            "{shares:?}"
        );
    }
}
