//! The offline embedder: a text becomes a vector by hashing its words and their letter groups.
//!
//! Deterministic on every machine, without a model, a download or a key, and fast enough to run inside a
//! commit. What it finds: texts that share words, forms of a word (`refund`, `refunded`), misspellings, and
//! parts of compounds. What it cannot do: it knows no language. Synonyms (`car`, `automobile`),
//! translations, negation and word order are nothing to it, accents and letters are told apart, and of a
//! text longer than [`EMBED_BYTES_MAX`] it sees the beginning. Its cosines compare texts with one another;
//! they are not the cosines of a language model and thresholds do not carry over.
//!
//! Invariant: the same text gives the same vector under the same [`EMBEDDER`] name, for ever. Change the
//! features or a weight and the name must change, because vectors of two embedders are never compared.

/// The name that is kept beside every vector.
pub const EMBEDDER: &str = "hash-256-1";
/// Dimensions of a vector. At 256 two unrelated features share one in 256 times, which puts the noise of
/// a cosine near 0.06, and a vector takes one KiB.
pub const EMBEDDING_DIMS: usize = 256;
/// How much of a text is looked at, in bytes: about three pages, and half a millisecond.
pub const EMBED_BYTES_MAX: usize = 8 * 1024;

/// What a word's letter groups weigh beside the word itself: together about as much for a word of five
/// letters, so that a misspelt word still counts for half.
const GROUP_WEIGHT: f32 = 0.4;
/// The sizes of letter groups, boundary marks included.
const GROUP_SIZES: [usize; 2] = [3, 4];
/// The sizes where a letter is about a syllable or a word, and words are not set apart.
const WIDE_GROUP_SIZES: [usize; 2] = [1, 2];
/// Letters from here on are such: the East Asian scripts.
const WIDE_FROM: char = '\u{2e80}';
/// Letters from which on a word has its full weight; below, it falls with the square. Short words are mostly grammar in the languages that
/// put spaces between words; this is the nearest to a rarity that one text alone tells.
const FULL_WEIGHT_LETTERS: usize = 6;
/// What the shortest words weigh.
const SHORT_WORD_WEIGHT_MIN: f32 = 0.05;
/// Marks where a word begins and ends, so that `cat` at a beginning differs from `cat` inside. No word
/// holds it.
const BOUNDARY: char = '\u{1}';

/// A vector of length one, or of zeros for a text without letters and digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

impl Embedding {
    /// The cosine of the angle to `other`: 1 for the same direction, 0 for nothing in common.
    pub fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0)
    }

    /// As little-endian bytes, for a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    /// The cosine to a vector as [`Embedding::to_bytes`] wrote it; none if the length is not ours.
    pub fn cosine_to_bytes(&self, bytes: &[u8]) -> Option<f32> {
        if bytes.len() != EMBEDDING_DIMS * size_of::<f32>() {
            return None;
        }
        let (words, _) = bytes.as_chunks::<{ size_of::<f32>() }>();
        // Eight sums at once, so that the compiler may use the machine's vectors.
        let mut sums = [0.0_f32; 8];
        for (mine, theirs) in self.0.chunks_exact(8).zip(words.chunks_exact(8)) {
            for ((sum, x), y) in sums.iter_mut().zip(mine).zip(theirs) {
                *sum += x * f32::from_le_bytes(*y);
            }
        }
        Some(sums.iter().sum())
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The vector of a text.
pub fn embed(text: &str) -> Embedding {
    let mut features = Features::default();
    for word in words(head(text)) {
        features.add_word(&word);
    }
    features.into_embedding()
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

/// Each occurrence of a feature, and what it weighs.
#[derive(Default)]
struct Features(Vec<(u64, f32)>);

impl Features {
    fn add_word(&mut self, word: &str) {
        let wide = word.chars().any(|letter| letter >= WIDE_FROM);
        let sizes = if wide { WIDE_GROUP_SIZES } else { GROUP_SIZES };
        let mark = (!wide).then_some(BOUNDARY);
        let letters: Vec<char> = mark.into_iter().chain(word.chars()).chain(mark).collect();
        let (weight, group_weight) = if wide {
            (1.0, 1.0)
        } else {
            let share = (letters.len() - 2) as f32 / FULL_WEIGHT_LETTERS as f32;
            let weight = (share * share).clamp(SHORT_WORD_WEIGHT_MIN, 1.0);
            (weight, weight * GROUP_WEIGHT)
        };
        self.0.push((hash(&letters), weight));
        // A group that is the whole word was counted above.
        for size in sizes.into_iter().filter(|size| *size < letters.len()) {
            let groups = letters.windows(size);
            self.0
                .extend(groups.map(|group| (hash(group), group_weight)));
        }
    }

    fn into_embedding(mut self) -> Embedding {
        // Sorted for the runs of equal ones, and because a sum of floats depends on its order.
        self.0.sort_unstable_by_key(|(feature, _)| *feature);
        let mut vector = vec![0.0_f32; EMBEDDING_DIMS];
        for run in self.0.chunk_by(|a, b| a.0 == b.0) {
            let Some((feature, weight)) = run.first() else {
                continue;
            };
            // A word said four times counts twice. Roots round the same everywhere, logarithms do not.
            // The sign is one more bit of the hash: features that share a dimension cancel as often as
            // they add, so that collisions are noise and no bias.
            let sign = if feature >> 63 == 0 { 1.0 } else { -1.0 };
            if let Some(slot) = vector.get_mut(*feature as usize % EMBEDDING_DIMS) {
                *slot += sign * weight * (run.len() as f32).sqrt();
            }
        }
        let length = dot(&vector, &vector).sqrt();
        if length > 0.0 {
            for x in &mut vector {
                *x /= length;
            }
        }
        Embedding(vector.into())
    }
}

/// FNV-1a over the letters with a final mix: stable between versions of the host, unlike the standard
/// library's hashes.
fn hash(letters: &[char]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for letter in letters {
        hash = (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let by_value = embed(a).cosine(&embed(b));
        let by_bytes = embed(a).cosine_to_bytes(&embed(b).to_bytes()).unwrap();
        assert!((by_value - by_bytes).abs() < 1e-5, "both ways agree");
        by_value
    }

    #[test]
    fn a_text_is_like_itself_and_its_variants_and_unlike_others() {
        let text = "The customer wants a refund for a broken lamp";
        for (other, at_least, at_most) in [
            (
                "the CUSTOMER wants a refund, for a broken lamp!",
                0.999,
                1.001,
            ),
            ("refund a broken lamp", 0.5, 1.0),
            ("refunding customers with broken lamps", 0.45, 1.0),
            ("custmer wnats a refnud for his lamp", 0.2, 1.0),
            ("quarterly rainfall over northern Spain", -0.2, 0.2),
            ("", 0.0, 0.0),
        ] {
            let got = cosine(text, other);
            assert!((at_least..=at_most).contains(&got), "{other:?}: {got}");
        }
    }

    #[test]
    fn every_script_has_features() {
        for (a, b) in [
            ("我想退款", "退款申请"),
            ("возврат денег", "возврат"),
            ("remboursement élevé", "remboursement"),
        ] {
            assert!(cosine(a, b) > 0.3, "{a} {b}: {}", cosine(a, b));
        }
    }

    #[test]
    fn vectors_are_of_length_one_or_zero_and_do_not_change() {
        assert!((cosine("x", "x") - 1.0).abs() < 1e-5);
        assert_eq!(embed("!?…").to_bytes(), vec![0; EMBEDDING_DIMS * 4]);
        let hash = blake3::hash(&embed("the name must change when this does").to_bytes());
        assert_eq!(&hash.to_hex()[..16], "76bc78dc6f54264e", "{EMBEDDER}");
    }

    #[test]
    fn what_lies_past_the_limit_is_not_seen() {
        let at = format!("{}needle", " ".repeat(EMBED_BYTES_MAX - 6));
        let past = format!("{}needle", " ".repeat(EMBED_BYTES_MAX));
        assert!(cosine(&at, "needle") > 0.999);
        assert!(cosine(&past, "needle").abs() < 1e-6);
        let split = format!("{}é", "x".repeat(EMBED_BYTES_MAX - 1));
        assert!(cosine(&split, &split) > 0.999, "never splits a character");
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(embed("x").cosine_to_bytes(&[0; 12]), None);
    }
}
