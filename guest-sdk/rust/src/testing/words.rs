//! Search by common words: good enough to test what an agent does with hits.

/// The part of the words of `wanted` that are in `text`, 0 to 1.
pub(super) fn score(wanted: &str, text: &str) -> f64 {
    let text = words(text);
    let wanted = words(wanted);
    if wanted.is_empty() {
        return 0.0;
    }
    let common = wanted.iter().filter(|word| text.contains(word)).count();
    common as f64 / wanted.len() as f64
}

/// The best first; what has nothing in common is left out. Equal ones keep their order.
pub(super) fn best_first<T>(mut hits: Vec<(f64, T)>) -> Vec<(f64, T)> {
    hits.retain(|(score, _)| *score > 0.0);
    hits.sort_by(|left, right| right.0.total_cmp(&left.0));
    hits
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
