//! What becomes of a batch, with an embedder that does as it is told. The work over a whole store is among
//! the integration tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::memory::embed::{Embedding, Timing, unavailable};

/// Embeds any text but `bad`, and fails as often as it is told.
struct Scripted {
    name: Arc<str>,
    failures: Mutex<u32>,
    calls: AtomicUsize,
    texts: Mutex<Vec<String>>,
}

impl Scripted {
    fn failing(failures: u32) -> Self {
        Self {
            name: "scripted".into(),
            failures: Mutex::new(failures),
            calls: AtomicUsize::new(0),
            texts: Mutex::default(),
        }
    }
}

impl Embedder for Scripted {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn dims(&self) -> usize {
        2
    }
    fn timing(&self) -> Timing {
        Timing::Deferred
    }
    fn batch_max(&self) -> usize {
        4
    }
    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(unavailable("told so"));
        }
        if texts.contains(&"bad") {
            return Err(Error::invalid("text", "bad"));
        }
        let told = texts.iter().map(|text| (*text).to_owned());
        self.texts.lock().extend(told);
        Ok(vec![Embedding::default(); texts.len()])
    }
    fn embed_question(&self, _: &str) -> Result<Embedding> {
        Ok(Embedding::default())
    }
}

fn text(content: &str) -> Unembedded {
    Unembedded {
        text_hash: *blake3::hash(content.as_bytes()).as_bytes(),
        content: content.into(),
    }
}

/// `(vectors, refusals, calls)` of a batch.
fn outcome(texts: &[&str], failures: u32) -> (usize, usize, usize, bool) {
    let embedder = Scripted::failing(failures);
    let texts: Vec<Unembedded> = texts.iter().map(|content| text(content)).collect();
    let mut made = Vec::new();
    let ended = embed_or_halve(&embedder, &texts, &CancellationToken::new(), &mut made);
    let refused = made
        .iter()
        .filter(|(_, embedded)| matches!(embedded, Embedded::Refused(_)))
        .count();
    let calls = embedder.calls.load(Ordering::Relaxed);
    (made.len() - refused, refused, calls, ended.is_ok())
}

#[test]
fn one_refused_text_costs_its_batch_nothing_but_requests() {
    assert_eq!(outcome(&["a", "b", "c", "d"], 0), (4, 0, 1, true));
    assert_eq!(outcome(&["a", "b", "bad", "d"], 0), (3, 1, 5, true));
    assert_eq!(outcome(&["bad"], 0), (0, 1, 1, true));
    assert_eq!(outcome(&["bad", "bad"], 0), (0, 2, 3, true));
    assert_eq!(outcome(&["a", "b"], 1), (0, 0, 1, false));
}

#[test]
fn a_stop_ends_the_search_for_the_refused_text() {
    let embedder = Scripted::failing(0);
    let stop = CancellationToken::new();
    stop.cancel();
    let mut made = Vec::new();
    let texts = [text("a"), text("bad")];
    embed_or_halve(&embedder, &texts, &stop, &mut made).unwrap();
    assert_eq!(made, []);
    assert_eq!(embedder.calls.load(Ordering::Relaxed), 1);
}

#[test]
fn waits_grow_to_the_longest_and_half_of_them_is_chance() {
    let check = |failures: u32, chance: f64, expect_ms: u128| {
        assert_eq!(back_off(failures, chance).as_millis(), expect_ms);
    };
    check(0, 1.0, 1_000);
    check(0, 0.0, 500);
    check(1, 1.0, 2_000);
    check(5, 1.0, 32_000);
    check(6, 1.0, 60_000);
    check(u32::MAX, 1.0, 60_000);
}
