//! Likely misspellings.

/// Farthest edit distance at which a name is offered as what was meant.
const DISTANCE_MAX: usize = 3;

/// The candidate nearest to `word`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= DISTANCE_MAX && *distance * 2 <= candidate.len().max(word.len())
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((b, diagonal), above) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let before = next.last().copied().unwrap_or(0);
            let replaced = diagonal + usize::from(a != *b);
            next.push(replaced.min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_a_stranger_finds_none() {
        let check = |word: &str, expect: Option<&str>| {
            let known = ["listen", "data_dir", "log"];
            assert_eq!(nearest(word, known), expect, "{word}");
        };
        check("lisen", Some("listen"));
        check("datadir", Some("data_dir"));
        check("logs", Some("log"));
        check("lgo", None);
        check("zzz", None);
        check("", None);
    }

    #[test]
    fn distances() {
        for (left, right, expect) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(left, right), expect, "{left} {right}");
        }
    }
}
