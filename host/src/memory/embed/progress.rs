//! How the host's embedder does: whether it answers, and how far the entries of all tenants are embedded.
//!
//! Invariant: every call of the embedder goes through [`Watched`], so that what is told of it is what it
//! did last. A deferred embedder that failed is left alone by those who search for [`REST`]: each of them
//! would wait for the same time-out. The background work asks all the same, at its own pace.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::{Embedder, Embedding, EmbeddingState, Timing};
use crate::error::{Error, Result};
use crate::id::TenantId;

/// How long no question is asked of an embedder that failed.
const REST: Duration = Duration::from_secs(5);

/// What is known of the embedder.
pub struct Progress {
    embedder: Arc<str>,
    failed: RwLock<Option<(Instant, String)>>,
    /// Of the tenants in which something is left. Bounded by their number.
    left: Mutex<HashMap<TenantId, EmbeddingState>>,
    embedded: AtomicU64,
    failures: AtomicU64,
}

/// What is known of the embedder, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingFigures {
    /// Its name.
    pub embedder: Arc<str>,
    /// Why it cannot be asked, if it cannot.
    pub down: Option<String>,
    /// Entries whose vector is still to be made, as far as is known.
    pub waiting: u64,
    /// Entries that it will not take.
    pub refused: u64,
    /// Vectors made since the start.
    pub embedded: u64,
    /// Calls that failed since the start.
    pub failures: u64,
}

impl Progress {
    /// Of an embedder that was not asked yet.
    pub fn new(embedder: &dyn Embedder) -> Arc<Self> {
        Arc::new(Self {
            embedder: Arc::clone(embedder.name()),
            failed: RwLock::default(),
            left: Mutex::default(),
            embedded: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// What is left in a tenant.
    pub fn set_left(&self, tenant: TenantId, state: EmbeddingState) {
        let mut left = self.left.lock();
        if state == EmbeddingState::default() {
            left.remove(&tenant);
        } else {
            left.insert(tenant, state);
        }
    }

    /// All of it.
    pub fn figures(&self) -> EmbeddingFigures {
        let (mut waiting, mut refused) = (0, 0);
        for state in self.left.lock().values() {
            waiting += state.waiting;
            refused += state.refused;
        }
        let down = self.failed.read();
        EmbeddingFigures {
            embedder: Arc::clone(&self.embedder),
            down: down.as_ref().map(|(_, reason)| reason.clone()),
            waiting,
            refused,
            embedded: self.embedded.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    fn resting(&self) -> Option<Error> {
        let failed = self.failed.read();
        let (at, reason) = failed.as_ref()?;
        (at.elapsed() < REST).then(|| unavailable(reason.clone()))
    }

    /// That it does not take a text is no fault of the embedder.
    fn note<T>(&self, result: Result<T>, texts: usize) -> Result<T> {
        match &result {
            Ok(_) => {
                self.embedded.fetch_add(texts as u64, Ordering::Relaxed);
                if self.failed.read().is_some() && self.failed.write().take().is_some() {
                    tracing::info!(embedder = &*self.embedder, "the embedder answers again");
                }
            }
            Err(Error::Invalid { .. }) => {}
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let reason = match error {
                    Error::Unavailable { reason, .. } => reason.clone(),
                    other => other.to_string(),
                };
                let before = self.failed.write().replace((Instant::now(), reason));
                if before.is_none() {
                    tracing::warn!(
                        embedder = &*self.embedder,
                        %error,
                        "the embedder fails; knowledge is kept and embedded later"
                    );
                }
            }
        }
        result
    }
}

/// An [`Error::Unavailable`] of the embedder.
pub fn unavailable(reason: impl Into<String>) -> Error {
    Error::Unavailable {
        what: "the embedder",
        reason: reason.into(),
    }
}

/// An embedder whose doings are told.
pub struct Watched {
    embedder: Arc<dyn Embedder>,
    progress: Arc<Progress>,
}

impl Watched {
    /// Tell `progress` what `embedder` does.
    pub fn new(embedder: Arc<dyn Embedder>, progress: Arc<Progress>) -> Arc<Self> {
        Arc::new(Self { embedder, progress })
    }
}

impl Embedder for Watched {
    fn name(&self) -> &Arc<str> {
        self.embedder.name()
    }

    fn dims(&self) -> usize {
        self.embedder.dims()
    }

    fn timing(&self) -> Timing {
        self.embedder.timing()
    }

    fn batch_max(&self) -> usize {
        self.embedder.batch_max()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        self.progress.note(self.embedder.embed(texts), texts.len())
    }

    fn embed_question(&self, text: &str) -> Result<Embedding> {
        match self.progress.resting() {
            Some(error) => Err(error),
            None => self.progress.note(self.embedder.embed_question(text), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::memory::embed::Offline;

    /// Fails, or does not.
    #[derive(Default)]
    struct Moody {
        offline: Offline,
        fails: Mutex<Option<Error>>,
        asked: AtomicUsize,
    }

    impl Moody {
        fn answer(&self, vectors: usize) -> Result<Vec<Embedding>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            match self.fails.lock().take() {
                Some(error) => Err(error),
                None => Ok(vec![Embedding::default(); vectors]),
            }
        }
    }

    impl Embedder for Moody {
        fn name(&self) -> &Arc<str> {
            self.offline.name()
        }
        fn dims(&self) -> usize {
            0
        }
        fn timing(&self) -> Timing {
            Timing::Deferred
        }
        fn batch_max(&self) -> usize {
            2
        }
        fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
            self.answer(texts.len())
        }
        fn embed_question(&self, _: &str) -> Result<Embedding> {
            self.answer(1).map(|_| Embedding::default())
        }
    }

    #[test]
    fn one_that_fails_is_told_and_left_alone_until_it_answers() {
        let moody = Arc::new(Moody::default());
        let progress = Progress::new(&*moody);
        let watched = Watched::new(Arc::<Moody>::clone(&moody), Arc::clone(&progress));
        let asked = || moody.asked.load(Ordering::Relaxed);
        assert!(watched.embed_question("x").is_ok());
        *moody.fails.lock() = Some(unavailable("gone fishing"));
        assert!(watched.embed_question("x").is_err());
        let again = watched.embed_question("x").unwrap_err().to_string();
        assert!(again.contains("gone fishing"), "{again}");
        assert_eq!(asked(), 2, "who searches does not wait again");
        assert_eq!(progress.figures().down.as_deref(), Some("gone fishing"));
        assert!(watched.embed(&["a", "b"]).is_ok(), "the background asks");
        assert!(watched.embed_question("x").is_ok());
        let expect = EmbeddingFigures {
            embedder: Arc::clone(moody.name()),
            down: None,
            waiting: 0,
            refused: 0,
            embedded: 2,
            failures: 1,
        };
        assert_eq!(progress.figures(), expect);
    }

    #[test]
    fn a_text_that_is_refused_is_no_failure() {
        let moody = Arc::new(Moody::default());
        let progress = Progress::new(&*moody);
        let watched = Watched::new(Arc::<Moody>::clone(&moody), Arc::clone(&progress));
        *moody.fails.lock() = Some(Error::invalid("text", "too long"));
        assert!(watched.embed(&["x"]).is_err());
        assert_eq!(progress.figures().down, None);
        assert!(watched.embed_question("x").is_ok());
    }

    #[test]
    fn what_is_left_is_summed_over_tenants() {
        let progress = Progress::new(&Offline::default());
        let (one, two) = (TenantId::generate(), TenantId::generate());
        let state = |waiting, refused| EmbeddingState { waiting, refused };
        for (tenant, left, expect) in [
            (one, state(5, 1), (5, 1)),
            (two, state(7, 0), (12, 1)),
            (one, state(0, 1), (7, 1)),
            (two, state(0, 0), (0, 1)),
            (one, state(0, 0), (0, 0)),
        ] {
            progress.set_left(tenant, left);
            let figures = progress.figures();
            assert_eq!((figures.waiting, figures.refused), expect);
        }
        assert!(progress.left.lock().is_empty());
    }
}
