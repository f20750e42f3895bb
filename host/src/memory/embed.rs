//! Embedders: what makes a text a vector, so that texts can be found by likeness.
//!
//! A host has one. The offline one ([`Offline`]) is there without being asked for; others are adapters
//! that the assembly of the host chooses by its settings.
//!
//! Invariant: a vector travels with the name of the embedder that made it, and vectors of two names are
//! never compared. An embedder gives the same kind of vector under its name for ever: what would change
//! them changes the name. This module knows nothing of SQL, HTTP or files.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::TenantId;
use crate::identity::TenantScope;

mod offline;
mod progress;

pub use offline::{EMBED_BYTES_MAX, OFFLINE_DIMS, OFFLINE_NAME, Offline, embed, words};
pub use progress::{EmbeddingFigures, Progress, Watched, unavailable};

/// When the vector of an entry is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Before the commit that keeps the entry: it takes some hundred microseconds and depends on nothing
    /// but this process.
    Immediate,
    /// After it, in the background: it may take seconds, or fail for hours.
    Deferred,
}

/// Makes vectors. All calls block; those of a deferred one for as long as its time-outs allow.
pub trait Embedder: Send + Sync {
    /// What is kept beside every vector.
    fn name(&self) -> &Arc<str>;
    /// Dimensions of a vector.
    fn dims(&self) -> usize;
    /// When it is to be asked.
    fn timing(&self) -> Timing;
    /// Most texts of one call.
    fn batch_max(&self) -> usize;
    /// One vector a text, in their order.
    ///
    /// # Errors
    /// `Invalid` if it will never take one of the texts, `Unavailable` if it cannot be asked now.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>>;
    /// The vector of what somebody searches for, who waits for it.
    ///
    /// # Errors
    /// As [`Self::embed`].
    fn embed_question(&self, text: &str) -> Result<Embedding>;
}

/// A vector of length one, or of zeros for a text in which there is nothing to compare.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedding(Box<[f32]>);

impl Embedding {
    /// These values, brought to length one; none if one of them is no finite number.
    pub fn new(mut values: Vec<f32>) -> Option<Self> {
        // In f64, as the squares of large finite values are none in f32.
        let square: f64 = values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        if !square.is_finite() {
            return None;
        }
        if square > 0.0 {
            let length = square.sqrt();
            for x in &mut values {
                *x = (f64::from(*x) / length) as f32;
            }
        }
        Some(Self(values.into()))
    }

    /// Its values.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// The cosine of the angle to `other`: 1 for the same direction, 0 for nothing in common.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(x, y)| x * y).sum()
    }

    /// As little-endian bytes, for a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    /// The cosine to a vector as [`Embedding::to_bytes`] wrote it; none if the length is not ours.
    pub fn cosine_to_bytes(&self, bytes: &[u8]) -> Option<f32> {
        if bytes.len() != self.0.len() * size_of::<f32>() {
            return None;
        }
        let (words, _) = bytes.as_chunks::<{ size_of::<f32>() }>();
        // Eight sums at once, so that the compiler may use the machine's vectors.
        let mut sums = [0.0_f32; 8];
        for (mine, theirs) in self.0.chunks(8).zip(words.chunks(8)) {
            for ((sum, x), y) in sums.iter_mut().zip(mine).zip(theirs) {
                *sum += x * f32::from_le_bytes(*y);
            }
        }
        Some(sums.iter().sum())
    }
}

/// An entry that lacks a vector of the host's embedder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unembedded {
    /// Names its text: equal texts have equal hashes.
    pub text_hash: [u8; 32],
    /// The text.
    pub content: Arc<str>,
}

/// What became of a text that was to be embedded.
#[derive(Debug, Clone, PartialEq)]
pub enum Embedded {
    /// Its vector.
    Vector(Embedding),
    /// The embedder will never take it, for this reason.
    Refused(String),
}

/// How far the entries of a tenant are embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmbeddingState {
    /// Entries whose vector is still to be made.
    pub waiting: u64,
    /// Entries that the embedder will not take. They are found by words alone.
    pub refused: u64,
}

/// The entries of a tenant that lack a vector of the host's embedder: they are the queue of the
/// background work, and nothing but rows.
#[async_trait]
pub trait EmbeddingStore: Send + Sync {
    /// The next different texts, the oldest entries first: at most `limit`, and no more after the one
    /// with which they are over `bytes`.
    async fn unembedded(
        &self,
        scope: &TenantScope,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Unembedded>>;
    /// Keep what became of texts, for every entry that has one of them still. Says what is left.
    async fn keep_embedded(
        &self,
        scope: &TenantScope,
        made: Vec<([u8; 32], Embedded)>,
    ) -> Result<EmbeddingState>;
    /// How far the entries are embedded.
    async fn embedding_state(&self, scope: &TenantScope) -> Result<EmbeddingState>;
    /// The tenants in which entries were left for later since the last call. A hint: what is true is in
    /// the rows.
    fn deferred_tenants(&self) -> Vec<TenantId>;
    /// Waits until there is something for [`Self::deferred_tenants`] to say.
    async fn deferred(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_brought_to_length_one_or_refused() {
        let check = |values: &[f32], expect: Option<&[f32]>| {
            let got = Embedding::new(values.to_vec());
            assert_eq!(got.as_ref().map(Embedding::values), expect, "{values:?}");
        };
        check(&[3.0, 4.0], Some(&[0.6, 0.8]));
        check(&[0.0, 0.0], Some(&[0.0, 0.0]));
        check(&[f32::MAX, 0.0], Some(&[1.0, 0.0]));
        check(&[f32::MIN_POSITIVE, 0.0], Some(&[1.0, 0.0]));
        check(&[f32::NAN, 1.0], None);
        check(&[1.0, f32::INFINITY], None);
    }

    #[test]
    fn rows_of_any_length_are_compared_and_others_refused() {
        for dims in [1, 7, 8, 9, 384] {
            let values = |seed: f32| (0..dims).map(|i| (i as f32 * seed).sin()).collect();
            let (a, b) = (Embedding::new(values(0.7)), Embedding::new(values(0.9)));
            let (a, b) = (a.unwrap(), b.unwrap());
            let by_bytes = a.cosine_to_bytes(&b.to_bytes()).unwrap();
            assert!((by_bytes - a.cosine(&b)).abs() < 1e-5, "{dims}");
            assert_eq!(a.cosine_to_bytes(&vec![0; dims * 4 + 4]), None);
        }
    }
}
