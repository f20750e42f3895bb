//! Splitting a long document into entries that are found one by one.
//!
//! Invariant: the chunks, each without the bytes it repeats from the one before, put together are the
//! document. The same text and size always give the same chunks.

use std::sync::Arc;

use crate::error::{Error, Result};

/// Longest document in bytes: some 250 pages. What is longer is several documents.
pub const DOCUMENT_BYTES_MAX: usize = 512 * 1024;
/// Size of a chunk in bytes unless something else is asked for: a page's worth of argument, and well
/// within what embedders look at.
pub const CHUNK_BYTES: u32 = 2 * 1024;
/// Smallest chunk in bytes that can be asked for: a sentence or two.
pub const CHUNK_BYTES_MIN: u32 = 256;
/// Largest chunk in bytes that can be asked for: what an entry may hold.
pub const CHUNK_BYTES_MAX: u32 = super::super::TEXT_BYTES_MAX as u32;
/// Most chunks of a document: each is a row that one commit writes.
pub const CHUNKS_MAX: usize = 1_000;

/// What part of a chunk may repeat the end of the one before, so that a thought that crosses the border
/// is whole in one of them.
const OVERLAP_SHARE: usize = 8;
/// Where a chunk may end, the best first: a paragraph, a line, a sentence, a word.
const BORDERS: [&[&str]; 4] = [
    &["\n\n", "\r\n\r\n"],
    &["\n"],
    &[". ", "! ", "? ", "。", "！", "？"],
    &[" ", "\t"],
];

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The text.
    pub text: Arc<str>,
    /// How many of its first bytes end the chunk before.
    pub overlap: u32,
}

/// Split a document.
///
/// # Errors
/// `Invalid` if `bytes` is out of range or would make more than [`CHUNKS_MAX`] chunks.
pub fn split(text: &str, bytes: u32) -> Result<Vec<Chunk>> {
    if !(CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&bytes) {
        return Err(Error::invalid(
            "chunk-bytes",
            format!("{bytes} is not between {CHUNK_BYTES_MIN} and {CHUNK_BYTES_MAX}"),
        ));
    }
    let bytes = bytes as usize;
    let mut chunks = Vec::new();
    let (mut begin, mut fresh) = (0, 0);
    loop {
        let furthest = text.floor_char_boundary(begin + bytes);
        let end = if furthest >= text.len() {
            text.len()
        } else {
            let least = text.ceil_char_boundary(begin + bytes / 2);
            last_border(text, least, furthest)
        };
        if chunks.len() == CHUNKS_MAX {
            return Err(Error::invalid(
                "chunk-bytes",
                format!("{bytes} would make more than {CHUNKS_MAX} chunks: ask for larger ones"),
            ));
        }
        chunks.push(Chunk {
            text: text.get(begin..end).unwrap_or_default().into(),
            overlap: (fresh - begin) as u32,
        });
        if end == text.len() {
            return Ok(chunks);
        }
        fresh = end;
        begin = first_border(
            text,
            text.ceil_char_boundary(end - bytes / OVERLAP_SHARE),
            end,
        );
    }
}

/// The end of the last border between two places, of the best kind there is; else the second place.
fn last_border(text: &str, least: usize, furthest: usize) -> usize {
    let window = text.get(least..furthest).unwrap_or_default();
    BORDERS
        .iter()
        .find_map(|kind| {
            let ends = kind
                .iter()
                .filter_map(|mark| window.rfind(mark).map(|at| at + mark.len()));
            ends.max()
        })
        .map_or(furthest, |end| least + end)
}

/// The end of the first border between two places, of the best kind there is; else the first place.
fn first_border(text: &str, from: usize, to: usize) -> usize {
    let window = text.get(from..to).unwrap_or_default();
    BORDERS
        .iter()
        .find_map(|kind| {
            let ends = kind
                .iter()
                .filter_map(|mark| window.find(mark).map(|at| at + mark.len()));
            ends.min().filter(|end| *end < window.len())
        })
        .map_or(from, |end| from + end)
}

/// Put a document together again.
pub fn join<'a>(chunks: impl IntoIterator<Item = (&'a str, u32)>) -> String {
    let mut text = String::new();
    for (chunk, overlap) in chunks {
        text.push_str(chunk.get(overlap as usize..).unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(chunks: &[Chunk]) -> String {
        join(chunks.iter().map(|chunk| (&*chunk.text, chunk.overlap)))
    }

    #[test]
    fn chunks_put_together_are_the_document() {
        let mut random = fastrand::Rng::with_seed(5);
        let parts = [
            "word ",
            "Sentence. ",
            "\n\n",
            "\n",
            "éü",
            "退款。",
            "🦀",
            "x",
        ];
        for size in [CHUNK_BYTES_MIN, 300, CHUNK_BYTES, CHUNK_BYTES_MAX] {
            for length in [0, 1, 100, 3_000, 20_000] {
                let text: String = (0..length)
                    .map(|_| parts[random.usize(..parts.len())])
                    .collect();
                let chunks = split(&text, size).unwrap();
                assert_eq!(whole(&chunks), text, "{size} {length}");
                for chunk in &chunks {
                    assert!(chunk.text.len() <= size as usize);
                    assert!((chunk.overlap as usize) <= size as usize / OVERLAP_SHARE);
                    assert!(chunk.text.is_char_boundary(chunk.overlap as usize));
                }
            }
        }
    }

    #[test]
    fn a_chunk_ends_where_a_paragraph_does_else_a_sentence_else_a_word() {
        let sentence = "This is a sentence of some length, no more. ";
        let paragraph = format!("{}\n\n", sentence.repeat(4));
        for (text, ending) in [
            (paragraph.repeat(10), "\n\n"),
            (sentence.repeat(40), ". "),
            ("word ".repeat(400), " "),
        ] {
            let chunks = split(&text, CHUNK_BYTES_MIN).unwrap();
            for chunk in &chunks[..chunks.len() - 1] {
                assert!(chunk.text.ends_with(ending), "{:?}", chunk.text);
            }
            assert!(chunks[1].overlap > 0, "{ending:?}");
        }
    }

    #[test]
    fn limits_hold_at_and_one_past() {
        for (bytes, good) in [
            (CHUNK_BYTES_MIN, true),
            (CHUNK_BYTES_MIN - 1, false),
            (CHUNK_BYTES_MAX, true),
            (CHUNK_BYTES_MAX + 1, false),
        ] {
            assert_eq!(split("text", bytes).is_ok(), good, "{bytes}");
        }
        // Without borders a chunk is as long as it may be, and repeats an eighth of the one before.
        let step = (CHUNK_BYTES_MIN - CHUNK_BYTES_MIN / 8) as usize;
        let at = step * (CHUNKS_MAX - 1) + CHUNK_BYTES_MIN as usize;
        assert_eq!(
            split(&"x".repeat(at), CHUNK_BYTES_MIN).unwrap().len(),
            CHUNKS_MAX
        );
        assert!(split(&"x".repeat(at + 1), CHUNK_BYTES_MIN).is_err());
    }
}
