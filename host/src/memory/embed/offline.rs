//! The offline embedder: a text becomes a vector by hashing its words' stems and their letter groups.
//!
//! Deterministic on every machine, without a model, a download or a key, and fast enough to run before
//! each commit. What it finds: texts that share words, forms of a word (`refund`, `refunded`),
//! misspellings, parts of compounds (`Fahrrad`, `Fahrradinspektion`), and codes however they are put
//! (`EX-7`, `ex7`). Words of grammar and short words weigh little, and a word said four times twice.
//!
//! What it cannot do: it knows no language. Synonyms (`car`, `automobile`), translations, negation and word
//! order are nothing to it, and of a text longer than [`EMBED_BYTES_MAX`] it sees the beginning. Its
//! cosines compare texts with one another; they are not those of a language model, and thresholds do not
//! carry over. How well it finds is measured by `cargo xtask bench quality`.
//!
//! Invariant: the same text gives the same vector under the same [`OFFLINE_NAME`], for ever. Change the
//! features or a weight and the name must change, because vectors of two embedders are never compared. So
//! only operations that every machine rounds alike are used: sums, products, quotients and square roots.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::{Embedder, Embedding, Timing};
use crate::error::Result;

mod tables;

/// The name that is kept beside every vector.
pub const OFFLINE_NAME: &str = "hash-384-2";
/// Dimensions of a vector, as many as small language models have. Two unrelated texts have a cosine of
/// less than a tenth, and a vector takes 1.5 KiB.
pub const OFFLINE_DIMS: usize = 384;
/// How much of a text is looked at, in bytes: about three pages.
pub const EMBED_BYTES_MAX: usize = 8 * 1024;
/// Most texts of one call: some milliseconds of work, after which another tenant may have its turn.
const BATCH_MAX: usize = 64;

/// What a word's letter groups weigh beside its stem, each divided by the fourth root of their number: a
/// long word has more in them, as more can be alike in it. This weight and those below were chosen on one
/// half of the quality set and held on the other.
const GROUPS_WEIGHT: f32 = 0.8;
/// The sizes of letter groups, boundary marks included.
const GROUP_SIZES: [usize; 2] = [3, 4];
/// The sizes where a letter is about a syllable or a word, and words are not set apart.
const WIDE_GROUP_SIZES: [usize; 2] = [1, 2];
/// Letters from here on are such: the East Asian scripts.
const WIDE_FROM: char = '\u{2e80}';
/// What a word of grammar weighs. Not nothing: a question may have no other.
const GRAMMAR_WEIGHT: f32 = 0.05;
/// What a common word weighs.
const COMMON_WEIGHT: f32 = 0.35;
/// What a number weighs: there are many, and few are looked for.
const NUMBER_WEIGHT: f32 = 0.8;
/// Letters from which on any other word has its full weight.
const FULL_WEIGHT_LETTERS: f32 = 4.0;
/// What two neighbours weigh that nothing or a mark sets apart, as one word: `EX-7` is found by `ex7`.
const JOINED_WEIGHT: f32 = 0.7;
/// The marks that join.
const JOINING: [char; 5] = ['-', '_', '.', '/', '#'];
/// Letters that a stem keeps.
const STEM_LETTERS_MIN: usize = 4;
/// Marks where a word begins and ends, so that `cat` at a beginning differs from `cat` inside. No word
/// holds it.
const BOUNDARY: char = '\u{1}';

/// The offline embedder.
#[derive(Debug, Clone)]
pub struct Offline(Arc<str>);

impl Default for Offline {
    fn default() -> Self {
        Self(OFFLINE_NAME.into())
    }
}

impl Embedder for Offline {
    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn dims(&self) -> usize {
        OFFLINE_DIMS
    }

    fn timing(&self) -> Timing {
        Timing::Immediate
    }

    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        Ok(texts.iter().map(|text| embed(text)).collect())
    }

    fn embed_question(&self, text: &str) -> Result<Embedding> {
        Ok(embed(text))
    }
}

/// The vector of a text.
pub fn embed(text: &str) -> Embedding {
    let words = Words::of(head(text));
    let mut sums = Sums::default();
    let mut letters = Vec::new();
    for (word, count) in words.distinct() {
        sums.add_word(word, count, &mut letters);
    }
    for (left, right) in words.joined() {
        let both = left.chars().chain(right.chars());
        sums.add(hash(Kind::Joined, both), JOINED_WEIGHT);
    }
    sums.into_embedding()
}

/// The words of a text: runs of letters and digits, in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// The part of a text that is looked at.
fn head(text: &str) -> &str {
    let end = text.floor_char_boundary(EMBED_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

/// Runs of letters or of digits, in lower case and without accents.
#[derive(Default)]
struct Words {
    folded: String,
    /// Where each ends, and whether it is joined to the one before it.
    ends: Vec<(usize, bool)>,
}

/// What a run is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Letters,
    Digits,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words = Self {
            folded: String::with_capacity(text.len()),
            ends: Vec::with_capacity(text.len() / 4),
        };
        let mut run = None;
        let (mut joined, mut joins) = (false, false);
        for c in text.chars() {
            if !c.is_alphanumeric() {
                let ended = words.end(run.take(), joined);
                joins = ended && JOINING.contains(&c);
                continue;
            }
            let next = if c.is_numeric() {
                Run::Digits
            } else {
                Run::Letters
            };
            match run {
                None => joined = joins,
                Some(last) if last != next => {
                    words.end(run, joined);
                    joined = true;
                }
                Some(_) => {}
            }
            run = Some(next);
            for lower in c.to_lowercase() {
                fold(lower, &mut words.folded);
            }
        }
        words.end(run, joined);
        words
    }

    /// Ends the run, if there is one; says whether there was.
    fn end(&mut self, run: Option<Run>, joined: bool) -> bool {
        if run.is_some() {
            self.ends.push((self.folded.len(), joined));
        }
        run.is_some()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut start = 0;
        self.ends.iter().map(move |(end, joined)| {
            let word = self.folded.get(start..*end).unwrap_or_default();
            start = *end;
            (word, *joined)
        })
    }

    /// Each word once, in the order of their first places, with how often it is there.
    fn distinct(&self) -> Vec<(&str, u16)> {
        let mut distinct: Vec<(&str, u16)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(self.ends.len());
        for (word, _) in self.iter() {
            let place = *places.entry(word).or_insert(distinct.len());
            match distinct.get_mut(place) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => distinct.push((word, 1)),
            }
        }
        distinct
    }

    fn joined(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.iter().zip(self.iter().skip(1));
        pairs
            .filter(|(_, (_, joined))| *joined)
            .map(|((left, _), (right, _))| (left, right))
    }
}

/// Takes accents off the letters that have them in European languages.
fn fold(c: char, out: &mut String) {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => out.push('a'),
        'æ' => out.push_str("ae"),
        'ç' | 'ć' | 'č' => out.push('c'),
        'ď' | 'đ' => out.push('d'),
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => out.push('e'),
        'ì' | 'í' | 'î' | 'ï' | 'ī' => out.push('i'),
        'ł' => out.push('l'),
        'ñ' | 'ń' | 'ň' => out.push('n'),
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => out.push('o'),
        'œ' => out.push_str("oe"),
        'ř' => out.push('r'),
        'ś' | 'š' | 'ş' => out.push('s'),
        'ß' => out.push_str("ss"),
        'ť' => out.push('t'),
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => out.push('u'),
        'ý' | 'ÿ' => out.push('y'),
        'ź' | 'ż' | 'ž' => out.push('z'),
        other => out.push(other),
    }
}

/// The word without its ending, as far as letters tell. Only for words of the plain alphabet.
fn stem(word: &str) -> &str {
    if !word.is_ascii() {
        return word;
    }
    let ended =
        |ending: &&&str| word.len() >= ending.len() + STEM_LETTERS_MIN && word.ends_with(**ending);
    let ending = tables::ENDINGS.iter().find(ended);
    let mut stem = ending.map_or(word, |ending| word.strip_suffix(*ending).unwrap_or(word));
    // `stopped` and `stop`; but `call` and `miss` are written so.
    if let [.., before, last] = stem.as_bytes()
        && stem.len() > STEM_LETTERS_MIN
        && before == last
        && !b"aeioulsz".contains(last)
    {
        stem = stem.get(..stem.len() - 1).unwrap_or(stem);
    }
    if stem.len() > STEM_LETTERS_MIN {
        stem = stem.strip_suffix(['e', 'i', 'y']).unwrap_or(stem);
    }
    stem
}

/// How much a word tells, as far as can be said without the other texts.
fn rarity(word: &str) -> f32 {
    static LISTED: LazyLock<HashMap<&str, f32>> = LazyLock::new(|| {
        let weighted =
            |list: &'static str, weight| list.split_whitespace().map(move |w| (w, weight));
        weighted(tables::COMMON, COMMON_WEIGHT)
            .chain(weighted(tables::GRAMMAR, GRAMMAR_WEIGHT))
            .collect()
    });
    if word.starts_with(char::is_numeric) {
        return NUMBER_WEIGHT;
    }
    LISTED.get(word).copied().unwrap_or_else(|| {
        let letters = word.chars().count() as f32;
        (letters / FULL_WEIGHT_LETTERS).min(1.0)
    })
}

/// Features of different kinds are different, whatever their letters.
#[derive(Clone, Copy)]
enum Kind {
    Stem = 1,
    Group = 2,
    Joined = 3,
}

/// FNV-1a over the letters with a final mix: stable between versions of the host, unlike the standard
/// library's hashes.
fn hash(kind: Kind, letters: impl Iterator<Item = char>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ (kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for letter in letters {
        hash = (hash ^ u64::from(u32::from(letter))).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The vector as it grows.
struct Sums([f32; OFFLINE_DIMS]);

impl Default for Sums {
    fn default() -> Self {
        Self([0.0; OFFLINE_DIMS])
    }
}

impl Sums {
    /// The sign is one more bit of the hash: features that share a dimension cancel as often as they add,
    /// so that collisions are noise and no bias.
    fn add(&mut self, feature: u64, weight: f32) {
        let sign = if feature >> 63 == 0 { 1.0 } else { -1.0 };
        let low = feature & u64::from(u32::MAX);
        if let Some(sum) = self.0.get_mut(((low * OFFLINE_DIMS as u64) >> 32) as usize) {
            *sum += sign * weight;
        }
    }

    fn add_word(&mut self, word: &str, count: u16, letters: &mut Vec<char>) {
        let weight = rarity(word) * f32::from(count).sqrt();
        letters.clear();
        if word.chars().any(|letter| letter >= WIDE_FROM) {
            letters.extend(word.chars());
            for size in WIDE_GROUP_SIZES {
                for group in letters.windows(size) {
                    self.add(hash(Kind::Group, group.iter().copied()), weight);
                }
            }
            return;
        }
        self.add(hash(Kind::Stem, stem(word).chars()), weight);
        letters.push(BOUNDARY);
        letters.extend(word.chars());
        letters.push(BOUNDARY);
        // A group that is the whole word says no more than the stem.
        let sizes = GROUP_SIZES.into_iter().filter(|size| *size < letters.len());
        let groups: usize = sizes.clone().map(|size| letters.len() - size + 1).sum();
        let weight = weight * GROUPS_WEIGHT / (groups as f32).sqrt().sqrt();
        for group in sizes.flat_map(|size| letters.windows(size)) {
            self.add(hash(Kind::Group, group.iter().copied()), weight);
        }
    }

    fn into_embedding(self) -> Embedding {
        Embedding::new(self.0.to_vec())
            .expect("a sum of fewer than a million weights of at most a hundred is finite")
    }
}

#[cfg(test)]
mod tests;
