//! Which of some texts answer a question best: by words (BM25) and by likeness (the offline embedder of
//! memory), the two lists fused by rank, as knowledge is searched.
//!
//! Invariant: what is compared is what the caller hands in. Texts that are not among them count for
//! nothing, so that nobody learns from a score how often a word is said where he cannot look. Texts are
//! taken apart once: a [`Texts`] remembers as many as it has room for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::memory::embed::{Embedding, embed, words};
use crate::memory::fusion::share;

/// Most texts that are remembered taken apart. One is some kilobytes; a full tenant has 2,000 entries,
/// and when there are more texts than this the memory begins anew.
const REMEMBERED_MAX: usize = 4_096;
/// Most parts of a text that are compared one by one: a description and the capabilities after it.
const PARTS_MAX: usize = 64;
/// How soon the weight of a word that is said again levels off, as usual for BM25.
const SATURATION: f64 = 1.2;
/// How much longer texts are held back, as usual for BM25.
const LENGTH_WEIGHT: f64 = 0.75;
/// Cosines up to here are the embedder's collisions. Higher than for knowledge, as the best of several
/// parts is taken.
const NOISE_COSINE: f32 = 0.15;
/// Words that questions are made of and that tell nothing.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "any", "anybody", "anyone", "are", "be", "by", "can", "could", "do", "does",
    "for", "from", "i", "in", "into", "is", "it", "me", "my", "need", "of", "on", "or", "some",
    "somebody", "someone", "that", "the", "this", "to", "want", "what", "which", "who", "will",
    "with", "would",
];
/// Endings that English hangs on words, beside that of a plural.
const ENDINGS: [&str; 4] = ["ing", "ed", "er", "e"];
/// Letters that are left of a word at least: with fewer it would say nothing.
const STEM_LETTERS_MIN: usize = 3;

/// A text taken apart.
#[derive(Debug)]
struct Text {
    counts: HashMap<String, u32>,
    length: u32,
    parts: Vec<Embedding>,
}

/// Texts that were taken apart before, by what they say.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<HashMap<Arc<[String]>, Arc<Text>>>);

impl Texts {
    fn get(&self, parts: Vec<String>) -> Arc<Text> {
        let parts: Arc<[String]> = parts.into();
        if let Some(known) = self.0.lock().get(&parts) {
            return Arc::clone(known);
        }
        let text = Arc::new(Text::of(&parts));
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(parts, Arc::clone(&text));
        text
    }

    /// The places of those texts that have something to say to a question, the best first, each with a
    /// score: 1 for what is first in both lists, 0.5 for what is first in one and absent from the other.
    pub(super) fn ranked(&self, question: &str, texts: Vec<Vec<String>>) -> Vec<(usize, f64)> {
        let texts: Vec<Arc<Text>> = texts.into_iter().map(|parts| self.get(parts)).collect();
        fused(&[by_words(question, &texts), by_likeness(question, &texts)])
    }
}

impl Text {
    fn of(parts: &[String]) -> Self {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for word in parts.iter().flat_map(|part| telling(part)) {
            *counts.entry(stem(word)).or_default() += 1;
        }
        Self {
            length: counts.values().sum(),
            counts,
            parts: parts
                .iter()
                .take(PARTS_MAX)
                .map(|part| embed(part))
                .collect(),
        }
    }

    fn count(&self, word: &str) -> u32 {
        self.counts.get(word).copied().unwrap_or_default()
    }
}

/// A text's place and how good it is, the best first.
type Ranked = Vec<(usize, f64)>;

fn by_words(question: &str, texts: &[Arc<Text>]) -> Ranked {
    let mut asked: Vec<String> = telling(question).map(stem).collect();
    asked.sort_unstable();
    asked.dedup();
    let total: u32 = texts.iter().map(|text| text.length).sum();
    let mean = f64::from(total.max(1)) / texts.len().max(1) as f64;
    let rarity = |word: &String| {
        let holding = texts.iter().filter(|text| text.count(word) > 0).count() as f64;
        (1.0 + (texts.len() as f64 - holding + 0.5) / (holding + 0.5)).ln()
    };
    let weights: Vec<f64> = asked.iter().map(rarity).collect();
    let score = |text: &Text| -> f64 {
        let held_back =
            SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * f64::from(text.length) / mean);
        let one = |(word, weight): (&String, &f64)| {
            let count = f64::from(text.count(word));
            weight * count * (SATURATION + 1.0) / (count + held_back)
        };
        asked.iter().zip(&weights).map(one).sum()
    };
    best_first(texts.iter().map(|text| score(text)))
}

/// The words of a text that tell what it is about.
fn telling(text: &str) -> impl Iterator<Item = String> {
    words(text).filter(|word| !STOP_WORDS.contains(&word.as_str()))
}

/// A word without its ending, so that `summarises` and `summarizing` are one.
fn stem(mut word: String) -> String {
    if word.ends_with('s') && !word.ends_with("ss") && word.len() > STEM_LETTERS_MIN {
        word.pop();
    }
    let left = |ending: &&str| word.strip_suffix(*ending).map(str::len);
    let mut ends = ENDINGS.iter().filter_map(left);
    if let Some(end) = ends.find(|left| *left >= STEM_LETTERS_MIN) {
        word.truncate(end);
    }
    if word.ends_with("iz") {
        word.truncate(word.len() - 2);
        word.push_str("is");
    }
    word
}

fn by_likeness(question: &str, texts: &[Arc<Text>]) -> Ranked {
    let question = embed(&telling(question).collect::<Vec<_>>().join(" "));
    best_first(texts.iter().map(|text| {
        let best = text.parts.iter().map(|part| question.cosine(part));
        let best = best.fold(0.0, f32::max);
        if best > NOISE_COSINE {
            f64::from(best)
        } else {
            0.0
        }
    }))
}

/// Those with a score, the best first, of equals the first.
fn best_first(scores: impl Iterator<Item = f64>) -> Ranked {
    let mut found: Ranked = scores
        .enumerate()
        .filter(|(_, score)| *score > 0.0)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// Reciprocal rank fusion.
fn fused(lists: &[Ranked]) -> Ranked {
    let mut scores: HashMap<usize, f64> = HashMap::new();
    for list in lists {
        for (rank, (place, _)) in (1..).zip(list) {
            *scores.entry(*place).or_default() += share(rank, lists.len());
        }
    }
    let mut fused: Ranked = scores.into_iter().collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 6] = [
        "Reads web pages. summarise-page Says in short what is on a web page.",
        "Writes letters to customers and answers complaints.",
        "Charges credit cards and pays money back. refund",
        "Translates documents from German to English.",
        "Tells the weather of tomorrow for a town. forecast",
        "Schedules meetings and sends invitations to a calendar.",
    ];

    fn ask(question: &str) -> Vec<(usize, f64)> {
        let texts = TEXTS.map(|text| vec![text.to_owned()]);
        Texts::default().ranked(question, texts.to_vec())
    }

    #[test]
    fn the_one_who_can_is_first() {
        for (question, expect) in [
            ("who can summarise a web page?", 0),
            ("who summarizes webpages", 0),
            ("answer a complaint", 1),
            ("I want a refund on my card", 2),
            ("translation into English", 3),
            ("Will it rain? What is the weather?", 4),
            ("invite people to a meeting", 5),
        ] {
            let found = ask(question);
            assert_eq!(
                found.first().map(|(place, _)| *place),
                Some(expect),
                "{question}: {found:?}"
            );
        }
        let (_, best) = ask("summarise a web page")[0];
        assert!(
            (best - 1.0).abs() < 1e-9,
            "first in both lists is 1, not {best}"
        );
        assert_eq!(ask("qqq zzz"), []);
        assert_eq!(ask(""), []);
        assert_eq!(Texts::default().ranked("weather", Vec::new()), []);
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for (a, b) in [
            ("summarise", "summarizing"),
            ("pages", "page"),
            ("translated", "translates"),
            ("reads", "reading"),
            ("meetings", "meeting"),
            ("answers", "answer"),
        ] {
            assert_eq!(stem(a.to_owned()), stem(b.to_owned()), "{a} {b}");
        }
        assert_eq!(stem("bed".to_owned()), "bed");
        let left: Vec<String> = telling("Who can summarise a web page?").map(stem).collect();
        assert_eq!(left, ["summaris", "web", "pag"]);
    }

    #[test]
    fn no_more_texts_are_remembered_than_there_is_room_for() {
        let texts = Texts::default();
        for i in 0..REMEMBERED_MAX {
            texts.get(vec![format!("w{i}")]);
        }
        assert_eq!(texts.0.lock().len(), REMEMBERED_MAX);
        texts.get(vec!["w1".to_owned()]);
        assert_eq!(texts.0.lock().len(), REMEMBERED_MAX);
        texts.get(vec!["one more".to_owned()]);
        assert_eq!(texts.0.lock().len(), 1);
    }
}
