//! Entries, questions and their vectors, the same at every run.
//!
//! An entry belongs to one of the clusters, a hundred entries each, and is a text of 25 words: ten of its
//! cluster's topic and fifteen of the whole vocabulary, drawn as in language (the n-th word is used 1/n as
//! often as the first). A question has three of either. Vectors have 384 dimensions: the cluster's centre
//! with as much noise again. This is easy data: embeddings of real texts lie less apart.

use std::sync::Arc;

use warren::error::Result;
use warren::memory::embed::{Embedder, Embedding, Timing};

/// Dimensions of a vector.
pub(super) const DIMS: usize = 384;
/// Entries of a cluster.
const CLUSTER: usize = 100;
/// Different words.
const VOCABULARY: usize = 20_000;
/// Words of a topic.
const TOPIC: usize = 40;
/// Length of the noise beside a centre of length one.
const NOISE: f32 = 0.7;

/// Random numbers that are the same everywhere: `SplitMix64`.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// A direction whose parts are near enough to normally distributed.
    fn direction(&mut self) -> Vec<f32> {
        let values: Vec<f32> = (0..DIMS)
            .map(|_| (0..4).map(|_| self.unit() - 0.5).sum())
            .collect();
        let length = values.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.into_iter().map(|x| x / length).collect()
    }
}

/// A text names its vector: `k<cluster>` and `e<number>` are its first words.
fn text(cluster: usize, number: usize, words: [usize; 2]) -> String {
    let mut random = Random::new(number as u64);
    let mut topic = Random::new(cluster as u64 + 1_000_000_007);
    let topic: Vec<usize> = (0..TOPIC)
        .map(|_| 200 + topic.below(VOCABULARY - 200))
        .collect();
    let mut text = vec![format!("k{cluster}"), format!("e{number}")];
    let [of_topic, of_all] = words;
    for _ in 0..of_topic {
        let word = topic.get(random.below(TOPIC)).copied().unwrap_or_default();
        text.push(format!("w{word}"));
    }
    for _ in 0..of_all {
        // The inverse of the distribution function of 1/n.
        let word = (VOCABULARY as f32).powf(random.unit()) as usize - 1;
        text.push(format!("w{word}"));
    }
    text.join(" ")
}

/// The text of an entry, of so many.
pub(super) fn entry(number: usize, of: usize) -> String {
    text(number % clusters(of), number, [10, 15])
}

/// The text of a question.
pub(super) fn question(number: usize, of: usize) -> String {
    let mut random = Random::new(number as u64 + 77);
    text(random.below(clusters(of)), 10_000_000 + number, [3, 3])
}

/// A question of three of the ten commonest words. From an eighth to two thirds of the entries have each.
pub(super) fn common(number: usize) -> String {
    let mut random = Random::new(number as u64 + 99);
    let words = (0..3).map(|_| format!("w{}", random.below(10)));
    words.collect::<Vec<_>>().join(" ")
}

fn clusters(of: usize) -> usize {
    (of / CLUSTER).max(10)
}

/// The vector that a text names.
pub(super) fn vector(text: &str) -> Embedding {
    let seed = |word: Option<&str>| {
        let digits = word.and_then(|word| word.get(1..));
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0_u64)
    };
    let mut words = text.split(' ');
    let centre = Random::new(seed(words.next()) ^ 0xc3c3).direction();
    let noise = Random::new(seed(words.next()) ^ 0xa5a5_0000).direction();
    let values = centre.iter().zip(noise).map(|(x, y)| x + NOISE * y);
    Embedding::new(values.collect()).unwrap_or_default()
}

/// Gives texts the vectors that they name.
pub(super) struct Named(Arc<str>);

impl Named {
    pub(super) fn new() -> Self {
        Self("bench@1".into())
    }
}

impl Embedder for Named {
    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn dims(&self) -> usize {
        DIMS
    }

    fn timing(&self) -> Timing {
        Timing::Immediate
    }

    fn batch_max(&self) -> usize {
        256
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        Ok(texts.iter().map(|text| vector(text)).collect())
    }

    fn embed_question(&self, text: &str) -> Result<Embedding> {
        Ok(vector(text))
    }
}
