//! Loaded components by digest: verified machine code, linked, ready to be instantiated.
//!
//! Invariant: bounded; a component that is asked for by many at once is loaded once. What is evicted
//! lives on in the runs that hold it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::error::{Error, Result};
use crate::id::Digest;

use super::bindings::AgentPre;
use super::state::GuestState;

/// Where compiled components come from.
pub trait ArtifactSource: Send + Sync {
    /// The machine code of a component, made by this host's compile child for [`super::engine::run_engine`]
    /// and proven so: its keyed MAC was checked over these very bytes, in memory. May block.
    ///
    /// # Errors
    /// `NotFound` if there is no such component, `Internal` if its artifact is not to be trusted.
    fn load(&self, digest: Digest) -> Result<Vec<u8>>;
}

/// A component that only needs a store to run in.
pub(super) type Loaded = AgentPre<GuestState>;

/// A cache of components.
pub(super) struct Cache {
    loader: Arc<Loader>,
    max: usize,
    entries: Mutex<Entries>,
}

struct Loader {
    engine: Engine,
    linker: Linker<GuestState>,
    artifacts: Arc<dyn ArtifactSource>,
}

#[derive(Default)]
struct Entries {
    by_digest: HashMap<Digest, Entry>,
    uses: u64,
}

struct Entry {
    loaded: Arc<OnceCell<Arc<Loaded>>>,
    last_use: u64,
}

impl Cache {
    /// A cache of at most `max` components.
    pub(super) fn new(
        engine: Engine,
        linker: Linker<GuestState>,
        artifacts: Arc<dyn ArtifactSource>,
        max: usize,
    ) -> Self {
        Self {
            loader: Arc::new(Loader {
                engine,
                linker,
                artifacts,
            }),
            max: max.max(1),
            entries: Mutex::default(),
        }
    }

    /// The component of this digest, loaded if it is not.
    ///
    /// # Errors
    /// As [`ArtifactSource::load`]; `Invalid` if it imports what is not linked or exports no agent.
    pub(super) async fn get(&self, digest: Digest) -> Result<Arc<Loaded>> {
        let entry = self.entry(digest);
        if let Some(loaded) = entry.get() {
            return Ok(Arc::clone(loaded));
        }
        let loaded = entry
            .get_or_try_init(|| {
                let loader = Arc::clone(&self.loader);
                async move {
                    // Reading a file and mapping code may take milliseconds: not on a thread that
                    // other turns wait for.
                    tokio::task::spawn_blocking(move || loader.load(digest))
                        .await
                        .map_err(|e| Error::internal("loading a component", e))?
                }
            })
            .await?;
        Ok(Arc::clone(loaded))
    }

    /// Forget a component. Runs that hold it finish with it.
    pub(super) fn forget(&self, digest: Digest) {
        self.entries.lock().by_digest.remove(&digest);
    }

    fn entry(&self, digest: Digest) -> Arc<OnceCell<Arc<Loaded>>> {
        let mut entries = self.entries.lock();
        entries.uses += 1;
        let now = entries.uses;
        if let Some(entry) = entries.by_digest.get_mut(&digest) {
            entry.last_use = now;
            return Arc::clone(&entry.loaded);
        }
        if entries.by_digest.len() >= self.max {
            // A scan of a thousand numbers, only when a component is loaded: microseconds beside it.
            let oldest = entries
                .by_digest
                .iter()
                .min_by_key(|(_, entry)| entry.last_use);
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                entries.by_digest.remove(&oldest);
            }
        }
        let loaded = Arc::default();
        let entry = Entry {
            loaded: Arc::clone(&loaded),
            last_use: now,
        };
        entries.by_digest.insert(digest, entry);
        loaded
    }
}

impl Loader {
    fn load(&self, digest: Digest) -> Result<Arc<Loaded>> {
        let verified = self.artifacts.load(digest)?;
        #[expect(unsafe_code, reason = "see `map_artifact`")]
        // SAFETY: an `ArtifactSource` gives only bytes that our compile child wrote, proven by a keyed MAC over
        // the bytes in memory.
        let component = unsafe { map_artifact(&self.engine, &verified) }?;
        let linked = self
            .linker
            .instantiate_pre(&component)
            .and_then(AgentPre::new)
            .map_err(|e| Error::invalid("component", format!("{e:#}")))?;
        Ok(Arc::new(linked))
    }
}

/// Map verified machine code.
///
/// # Errors
/// `Invalid` if no sandbox of this engine can hold it.
///
/// # Safety
/// The bytes must be an artifact that this host's compile child wrote and whose keyed MAC was checked
/// after it was read into memory, see [`ArtifactSource`]: crafted bytes would run as they are.
#[expect(
    unsafe_code,
    reason = "the one place where machine code becomes callable; the caller vouches for the bytes"
)]
pub(super) unsafe fn map_artifact(engine: &Engine, verified: &[u8]) -> Result<Component> {
    // SAFETY: by the contract of this function. The library checks version, target and settings itself.
    // Compiled by us for these settings, it can only ask for more than a sandbox holds.
    unsafe { Component::deserialize(engine, verified) }
        .map_err(|e| Error::invalid("component", format!("no sandbox can hold it: {e:#}")))
}
